#include "data/python_tool.h"

#include <algorithm>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// Bytes of a UTF-8 character that begins at `at`; 0 where there is none.
size_t character_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned lead = byte(at);
  const size_t size = lead < 0x80 ? 1 : lead >= 0xC2 && lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (lead >= 0x80 && lead < 0xC2) return 0;
  for (size_t i = 1; i < size; i++)
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  const unsigned second = byte(at + 1);
  const bool bad = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                   (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
  return bad ? 0 : size;
}

// What a program printed, fit to stand in a prompt.
std::string cleaned(std::string_view text, size_t most) {
  std::string out;
  bool cut = false;
  for (size_t at = 0; at < text.size() && !cut;) {
    const size_t size = character_at(text, at);
    const unsigned char c = static_cast<unsigned char>(text[at]);
    const bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
    const std::string one = size == 0 ? "\xEF\xBF\xBD" : control ? " " : std::string(text.substr(at, size));
    cut = out.size() + one.size() > most;
    if (!cut) out += one;
    at += std::max<size_t>(size, 1);
  }
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return cut ? out + "\n(cut off here)" : out;
}

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const size_t line = text.rfind('\n');
  return std::string(line == std::string_view::npos ? text : text.substr(line + 1));
}

std::string error_of_run(const JailResult& r, const SandboxLimits& l) {
  switch (r.ending) {
    case jail::Ending::exited:
      if (r.code == 0) return "";
      return r.err.empty() ? fmt::format("exit code {}", r.code) : last_line(r.err);
    case jail::Ending::signaled:
      return "the program was ended: it did what is not allowed here";
    case jail::Ending::cpu_time:
      return fmt::format("more than {:g} s of processor time", l.cpu_seconds);
    case jail::Ending::wall_time:
      return fmt::format("more than {:g} s of waiting", l.idle_seconds);
    case jail::Ending::memory:
      return fmt::format("more than {} MB of memory", l.memory_mb);
    case jail::Ending::output:
      return "too much output";
    case jail::Ending::broken:
      fail("the Python tool's sandbox broke: {}", r.err);
  }
  return "";
}

class ToolEpisode : public Episode {
 public:
  ToolEpisode(PythonTool& tool, int64_t calls, std::unique_ptr<Episode> inner)
      : tool_(tool), most_(calls), inner_(std::move(inner)) {}

  Observation step(std::string_view text, bool ended, std::string_view prefilled) override {
    turn_ += text;
    if (!ended && text.find(kToolClose) != std::string_view::npos) return call(text);
    if (!inner_) return {};
    Observation out = inner_->step(turn_, ended, prefilled);
    turn_.clear();
    return out;
  }

  Json result() override {
    Json out = inner_ ? inner_->result() : Json::object();
    out["tool_calls"] = calls_;
    out["tool_errors"] = errors_;
    return out;
  }

 private:
  Observation call(std::string_view text) {
    const size_t close = text.find(kToolClose), open = text.rfind(kToolOpen, close);
    bool failed = true;
    std::string said;
    if (open == std::string_view::npos)
      said = "error: nothing to run; write <tool>program</tool>";
    else if (calls_ >= most_)
      said = "error: no calls are left";
    else
      said = tool_.run(std::string(text.substr(open + kToolOpen.size(), close - open - kToolOpen.size())), failed);
    calls_ += open != std::string_view::npos && calls_ < most_;
    errors_ += failed;
    return {.done = false, .same_turn = true, .text = "\n<output>\n" + said + "\n</output>\n"};
  }

  PythonTool& tool_;
  const int64_t most_;
  const std::unique_ptr<Episode> inner_;
  std::string turn_;  // the model's words of this turn, without what it was told
  int64_t calls_ = 0, errors_ = 0;
};

}  // namespace

PythonTool::PythonTool(const EnvironmentOptions& options) : options_(options) {
  if (sandbox_state().tier < 1)
    fail("tools=python needs a sandbox, and this machine has none: {}", sandbox_state().detail);
}

std::string PythonTool::run(const std::string& source, bool& failed) {
  constexpr size_t kLongestSource = 1 << 16;
  failed = true;
  if (source.size() > kLongestSource) return "error: a program of more than 64 kB";
  std::unique_ptr<Sandbox> sandbox;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      sandbox = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!sandbox) sandbox = std::make_unique<Sandbox>(sandbox_state().tier);
  SandboxLimits limits;
  limits.cpu_seconds = options_.tool_cpu_seconds;
  limits.idle_seconds = options_.tool_idle_seconds;
  limits.memory_mb = options_.tool_memory_mb;
  const Json order = {{"run", "program"}, {"sources", Json::array({source})}};
  const JailResult r = sandbox->run_python(order.dump(-1, ' ', false, Json::error_handler_t::replace), "", limits);
  const std::string error = error_of_run(r, limits);
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(sandbox));
  }
  failed = !error.empty();
  const std::string printed = r.out + (failed ? (r.out.empty() ? "error: " : "\nerror: ") + error : "");
  return cleaned(printed, static_cast<size_t>(options_.tool_output_bytes));
}

std::unique_ptr<Episode> make_tool_episode(PythonTool& tool, int64_t calls, std::unique_ptr<Episode> inner) {
  return std::make_unique<ToolEpisode>(tool, calls, std::move(inner));
}

}  // namespace r1
