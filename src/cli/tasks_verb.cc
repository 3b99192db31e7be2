#include "cli/tasks_verb.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "base/options.h"
#include "cli/json_lines.h"
#include "data/games/game_families.h"
#include "data/games/match.h"
#include "data/json_shape.h"
#include "data/tasks/task.h"

namespace r1 {
namespace {

using tasks::Dial;
using tasks::Dials;
using tasks::TaskFamily;
using tasks::TaskItem;
using Json = nlohmann::ordered_json;

struct TaskFlags {
  std::string name;
  KeyValues dials;
  int64_t n = 1, seed = 42;
  bool json = false, held_out = false, steps = false;
  std::string player;
};

// Colours where a person looks on.
class Ink {
 public:
  Ink() : on_(isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr) {}
  std::string bold(const std::string& text) const { return in("1", text); }
  std::string dim(const std::string& text) const { return in("2", text); }
  std::string green(const std::string& text) const { return in("32", text); }

 private:
  std::string in(const char* code, const std::string& text) const {
    return on_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }
  bool on_;
};

Json describe(const Dial& dial) {
  Json out = {{"name", dial.name}, {"default", dial.fallback}, {"help", dial.help}};
  if (dial.kind == Dial::Kind::whole) out.update({{"kind", "whole"}, {"low", dial.low}, {"high", dial.high}});
  if (dial.kind == Dial::Kind::choice) out.update({{"kind", "choice"}, {"choices", dial.choices}});
  if (dial.kind == Dial::Kind::letters) out.update({{"kind", "letters"}, {"letters", dial.letters}});
  out["allowed"] = tasks::allowed_text(dial);
  return out;
}

Json describe(const TaskFamily& family) {
  Json dials = Json::array();
  for (const Dial& dial : family.dials) dials.push_back(describe(dial));
  return {{"name", family.name},
          {"kind", games::is_game(family) ? "game" : "task"},
          {"summary", family.summary},
          {"dials", dials}};
}

void print_dials(const TaskFamily& family, const Ink& ink) {
  for (const Dial& dial : family.dials)
    std::cout << fmt::format("  {:<13} {:<9} {}\n", dial.name, dial.fallback,
                             ink.dim(fmt::format("{} ({})", dial.help, tasks::allowed_text(dial))));
}

int list_tasks(const TaskFlags& f) {
  const Ink ink;
  for (const auto* families : {&tasks::task_families(), &games::game_families()})
    for (const TaskFamily& family : *families) {
      if (f.json) {
        print_json_line(describe(family));
        continue;
      }
      std::cout << fmt::format("{}  {}\n", ink.bold(family.name), family.summary);
      print_dials(family, ink);
    }
  return 0;
}

Dials dials_of(const TaskFamily& family, const TaskFlags& f) {
  Dials dials(family);
  for (const auto& [name, value] : f.dials) dials.set(name, value);
  return dials;
}

int show_task(const TaskFlags& f) {
  constexpr uint64_t kSamples = 3;
  const TaskFamily& family = games::find_task_or_game(f.name);
  const Dials dials = dials_of(family, f);
  const Ink ink;
  if (f.json) print_json_line(describe(family));
  if (!f.json) {
    std::cout << fmt::format("{}  {}\n", ink.bold(family.name), family.summary);
    print_dials(family, ink);
  }
  for (uint64_t i = 0; i < kSamples; i++) {
    const TaskItem item = tasks::generate(family, static_cast<uint64_t>(f.seed), i, dials, f.held_out);
    if (f.json) {
      print_json_line(tasks::to_json(item));
      continue;
    }
    std::cout << "\n" << ink.bold(item.prompt) << "\n";
    for (const std::string& step : item.steps) std::cout << "  " << ink.dim(step) << "\n";
    std::cout << "  " << ink.green(item.answer) << "\n";
  }
  return 0;
}

int sample_task(const TaskFlags& f) {
  const TaskFamily& family = games::find_task_or_game(f.name);
  const Dials dials = dials_of(family, f);
  for (int64_t i = 0; i < f.n; i++)
    print_json_line(tasks::to_json(
        tasks::generate(family, static_cast<uint64_t>(f.seed), static_cast<uint64_t>(i), dials, f.held_out)));
  return 0;
}

Json step_verdicts(const TaskFamily& family, const TaskItem& item, const std::string& completion) {
  const std::vector<std::string> steps = tasks::steps_of(completion, "");
  const auto verdicts = tasks::check_steps(family, item, steps);
  Json out = Json::array();
  for (size_t i = 0; i < steps.size(); i++)
    out.push_back({{"text", steps[i]}, {"verdict", tasks::step_verdict_name(verdicts[i])}});
  return out;
}

Json judge_line(const TaskFamily& family, const std::string& line, bool with_steps) {
  check_json_shape(line, 0);
  const Json row = Json::parse(line, nullptr, false);
  if (!row.is_object() || !row.contains("item") || !row.contains("completion") || !row["completion"].is_string())
    fail("expected {{\"item\":{{...}},\"completion\":\"...\"}}, got {}", line.substr(0, 80));
  const TaskItem item = tasks::item_from_json(row["item"]);
  if (item.meta.contains("family") && item.meta["family"] != family.name)
    fail("the item is one of task {}, not of {}", item.meta["family"].dump(), family.name);
  const std::string completion = row["completion"].get<std::string>();
  const auto start = std::chrono::steady_clock::now();
  const Verdict v = tasks::check(family, item, completion, "");
  const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  const Json score = v.outcome == Outcome::failed ? Json(nullptr) : Json(v.score);
  Json out = {{"verdict", outcome_name(v.outcome)}, {"score", score}, {"reason", v.reason}, {"extracted", v.extracted},
              {"parts", {{"task", score}}},         {"ms", ms}};
  if (with_steps && v.outcome != Outcome::failed) out["steps"] = step_verdicts(family, item, completion);
  if (with_steps && v.outcome == Outcome::failed) out["steps"] = Json::array();
  return out;
}

int check_task(const TaskFlags& f) {
  const TaskFamily& family = games::find_task_or_game(f.name);
  for_each_line(std::cin, [&](const std::string& line, const std::string& where) {
    try {
      const Json verdict = judge_line(family, line, f.steps);
      if (f.json) return print_json_line(verdict);
      std::cout << fmt::format("{}: {}\n", verdict["verdict"].get<std::string>(), verdict["reason"].get<std::string>());
      if (f.steps)
        for (const Json& step : verdict["steps"])
          std::cout << fmt::format("  {:<5} {}\n", step["verdict"].get<std::string>(), step["text"].get<std::string>());
    } catch (const Error& e) {
      fail("{}: {}", where, e.what());
    }
  });
  return 0;
}

// The model's side from standard input, or by a player; what it is told goes to standard output.
int play_game(const TaskFlags& f) {
  const TaskFamily& family = games::find_game(f.name);
  const TaskItem item = tasks::generate(family, static_cast<uint64_t>(f.seed), 0, dials_of(family, f), f.held_out);
  games::Match match(item.meta);
  const Ink ink;
  std::cout << match.prompt() << "\n";
  while (!match.over()) {
    std::string said;
    if (f.player.empty()) {
      std::cout << ink.bold("> ") << std::flush;
      std::string line;
      if (!std::getline(std::cin, line)) break;
      said = match.turn(line, "");
    } else {
      const int move =
          games::choose_move(match.game(), match.position(), {.player = games::player_of(f.player)}, match.place(1));
      std::cout << ink.bold("> ") << match.game().name_of(match.position(), move) << "\n";
      said = match.turn(move);
    }
    if (!said.empty()) std::cout << said << "\n";
  }
  match.stop();
  if (f.json) return print_json_line(match.result()), 0;
  std::cout << ink.bold(games::end_name(match.end())) << ": " << match.result()["reason"].get<std::string>() << "\n";
  return 0;
}

void add_name(CLI::App* verb, TaskFlags& f) { verb->add_option("name", f.name, "see r1 tasks list")->required(); }

void add_item_flags(CLI::App* verb, TaskFlags& f) {
  add_name(verb, f);
  verb->add_option("--seed", f.seed, "same seed, same items")
      ->check(CLI::Range(int64_t{0}, INT64_MAX))
      ->capture_default_str();
  verb->add_flag("--held-out", f.held_out, "items that training never gets");
  verb->add_flag("--json", f.json, "JSON lines");
  verb->add_option_function<std::vector<std::string>>(
          "--set",
          [&f](const std::vector<std::string>& all) {
            for (const std::string& one : all) f.dials.push_back(split_assignment(one));
          },
          "dial=value, repeatable")
      ->take_all()
      ->expected(1)
      ->type_name("DIAL=VALUE");
}

}  // namespace

void add_tasks_verb(CLI::App& app, std::function<int()>& action) {
  const auto flags = std::make_shared<TaskFlags>();  // shared by the callbacks of the words below, which outlive this
  const auto does = [&action, flags](CLI::App* verb, int (*run)(const TaskFlags&)) {
    verb->callback([&action, flags, run] { action = [flags, run] { return run(*flags); }; });
  };
  CLI::App* all = app.add_subcommand("tasks", "generated tasks and games: list, show, sample, check, play");
  all->require_subcommand(1);
  CLI::App* list = all->add_subcommand("list", "the families and their dials");
  list->add_flag("--json", flags->json, "a JSON line a family");
  does(list, list_tasks);
  CLI::App* show = all->add_subcommand("show", "a family's dials and three items with their solutions");
  add_item_flags(show, *flags);
  does(show, show_task);
  CLI::App* sample = all->add_subcommand("sample", "JSON lines {\"prompt\",\"answer\",\"steps\",\"meta\"}");
  constexpr int64_t kMostItems = 10'000'000;
  sample->add_option("--n", flags->n, "how many")->check(CLI::Range(int64_t{1}, kMostItems))->capture_default_str();
  add_item_flags(sample, *flags);
  does(sample, sample_task);
  CLI::App* check = all->add_subcommand("check", "JSON lines {\"item\",\"completion\"} to verdicts");
  add_name(check, *flags);
  check->add_flag("--steps", flags->steps, "judge each step of the completion too");
  check->add_flag("--json", flags->json, "JSON lines");
  does(check, check_task);
  CLI::App* play = all->add_subcommand("play", "a game in the terminal: your turns on standard input, a line each");
  add_item_flags(play, *flags);
  play->add_option("--player", flags->player, "who plays your side instead")
      ->check(CLI::IsMember({"random", "greedy", "perfect"}));
  does(play, play_game);
}

}  // namespace r1
