#include "data/environment.h"

#include "base/error.h"
#include "data/games/match.h"
#include "data/python_tool.h"

namespace r1 {
namespace {

class GameEpisode : public Episode {
 public:
  explicit GameEpisode(const nlohmann::ordered_json& meta) : match_(meta) {}
  Observation step(std::string_view text, bool /*ended*/, std::string_view prefilled) override {
    std::string said = match_.turn(text, prefilled);
    return {.done = match_.over(), .same_turn = false, .text = std::move(said)};
  }
  nlohmann::ordered_json result() override {
    match_.stop();
    return match_.result();
  }

 private:
  games::Match match_;
};

class RowEnvironment : public Environment {
 public:
  explicit RowEnvironment(const EnvironmentOptions& options) : calls_(options.tool_calls) {
    options.check();
    if (options.tools == "python") tool_ = std::make_unique<PythonTool>(options);
  }
  std::unique_ptr<Episode> begin(const DataRow& row) override {
    std::unique_ptr<Episode> game;
    if (row.row.is_object() && row.row.contains("game") && row.row["game"].is_object() &&
        row.row["game"].value("kind", "") == "game")
      game = std::make_unique<GameEpisode>(row.row["game"]);
    return tool_ ? make_tool_episode(*tool_, calls_, std::move(game)) : std::move(game);
  }
  std::vector<std::string> stop_texts() const override {
    return tool_ ? std::vector<std::string>{std::string(kToolClose)} : std::vector<std::string>();
  }

 private:
  const int64_t calls_;
  std::unique_ptr<PythonTool> tool_;
};

}  // namespace

void EnvironmentOptions::declare(OptionTable& t) {
  t.begin_group("turns and tools");
  t.add_choice("tools", &tools, {"none", "python"}, "python: <tool>program</tool> runs, its output goes on the text");
  t.add("tool_calls", &tool_calls, "of a sample");
  t.add("tool_cpu_seconds", &tool_cpu_seconds, "of a call");
  t.add("tool_idle_seconds", &tool_idle_seconds, "of a call: neither on a core nor waiting for one");
  t.add("tool_memory_mb", &tool_memory_mb, "of a call");
  t.add("tool_output_bytes", &tool_output_bytes, "of a call's output that the model sees");
  t.add("max_turn_tokens", &max_turn_tokens, "games and tools: a turn ends there; 0: at max_completion_length");
}

void EnvironmentOptions::check() const {
  const auto within = [](const char* key, double value, double low, double high) {
    if (!(value >= low && value <= high)) fail_usage("{} is {}, expected {} to {}", key, value, low, high);
  };
  within("tool_calls", static_cast<double>(tool_calls), 0, 1000);
  within("tool_cpu_seconds", tool_cpu_seconds, 0.01, 3600);
  within("tool_idle_seconds", tool_idle_seconds, 0.01, 3600);
  within("tool_memory_mb", static_cast<double>(tool_memory_mb), 64, 1 << 20);
  within("tool_output_bytes", static_cast<double>(tool_output_bytes), 1, 1 << 20);
  within("max_turn_tokens", static_cast<double>(max_turn_tokens), 0, 1 << 20);
}

std::unique_ptr<Environment> make_environment(const EnvironmentOptions& options) {
  return std::make_unique<RowEnvironment>(options);
}

}  // namespace r1
