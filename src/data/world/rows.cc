#include "data/world/rows.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "base/nearest.h"
#include "data/tasks/answer.h"
#include "data/world/documents.h"
#include "data/world/facts.h"
#include "text/thinking.h"

namespace r1::world {
namespace {

using Json = nlohmann::ordered_json;

struct WorldDials {
  std::string kind, language = "both";
  bool long_traces = true;
};

struct RowOptions {
  TaskOptions shared;
  WorldDials dials;
};

using MakeRow = DataRow (*)(uint64_t index, const RowOptions& options);

struct Source {
  const char* name;
  DataShape shape;
  std::vector<std::string> dials, kinds;
  MakeRow make;
};

Draws draws_of(const RowOptions& o, uint64_t index, uint32_t purpose) {
  return world_draws(o.shared.seed, index, purpose, o.shared.held_out);
}

Language draw_language(Draws& d, const std::string& language) {
  if (language == "both") return d.chance(50) ? Language::english : Language::chinese;
  return language == "en" ? Language::english : Language::chinese;
}

DataRow corpus_row(uint64_t index, const RowOptions& o) {
  DataRow row;
  row.text = draw_document(o.shared.seed, index,
                           {.solutions = {.long_traces = o.dials.long_traces}, .held_out = o.shared.held_out});
  row.row = {{"text", row.text}};
  return row;
}

DataRow reasoning_row(uint64_t index, const RowOptions& o) {
  constexpr int kMostTries = 10000;
  Draws d = draws_of(o, index, 1);
  const Language language = draw_language(d, o.dials.language);
  for (int i = 0; i < kMostTries; i++) {
    const Question q = draw_question(d, language, o.shared.held_out);
    if (!o.dials.kind.empty() && q.kind != o.dials.kind) continue;
    DataRow row;
    row.prompt = q.text;
    row.answer = std::to_string(q.answer());
    if (o.shared.with_solution)
      row.completion = fmt::format("<think> {} </think> <answer> {} </answer>", clean_trace(d, q), row.answer);
    row.row = {{"question", q.text},
               {"answer", row.answer},
               {"world", "reasoning"},
               {"domain", "reasoning"},
               {"meta",
                {{"kind", q.kind},
                 {"language", language_code(q.language)},
                 {"difficulty", q.operations.size()},
                 {"key", q.key}}}};
    return row;
  }
  fail("world:reasoning: no question of kind {}", o.dials.kind);
}

Task task_of(Draws& d, const RowOptions& o, const std::string& kind) {
  Task t = draw_task(d, kind, o.shared.held_out);
  if (o.dials.language != "both") t.language = draw_language(d, o.dials.language);
  return t;
}

DataRow base_row(const char* source, const Task& task, const std::string& question) {
  DataRow row;
  row.prompt = question;
  row.row = {{"prompt", question},
             {"world", source},
             {"domain", std::string_view(source) == "safety" ? "harmless" : "helpful"},  // domain(...) of rewards
             {"meta", to_json(task)}};
  return row;
}

DataRow general_row(uint64_t index, const RowOptions& o) {
  Draws d = draws_of(o, index, 2);
  const Task t = task_of(d, o, o.dials.kind);
  const std::string question = task_question(t, d);
  const std::string answer = write_answer(t, {true, true, true, d.chance(50)}, d);
  DataRow row = base_row("general", t, "");
  row.messages = Json::array({{{"role", "user"}, {"content", question}}, {{"role", "assistant"}, {"content", answer}}});
  row.row["prompt"] = question;
  row.row["messages"] = row.messages;
  return row;
}

// Better and worse differ in one or two of the qualities, the worse one in the heavier.
DataRow preference_row(uint64_t index, const RowOptions& o) {
  Draws d = draws_of(o, index, 3);
  const Task t = task_of(d, o, o.dials.kind);
  const auto draw = [&] { return Judgement{d.chance(60), d.chance(65), d.chance(60), d.chance(50)}; };
  DataRow row = base_row("preferences", t, task_question(t, d));
  std::string texts[2];
  double scores[2];
  do
    for (int i = 0; i < 2; i++) {
      texts[i] = write_answer(t, draw(), d);
      scores[i] = judge_answer(t, texts[i]).score();
    }
  while (scores[0] == scores[1]);
  const int best = scores[0] > scores[1] ? 0 : 1;
  row.chosen = texts[best];
  row.rejected = texts[1 - best];
  row.row["chosen"] = row.chosen;
  row.row["rejected"] = row.rejected;
  return row;
}

DataRow safety_row(uint64_t index, const RowOptions& o) {
  Draws d = draws_of(o, index, 4);
  const bool harmful = o.dials.kind.empty() ? d.chance(75) : o.dials.kind == "harmful";
  const Task t = task_of(d, o, harmful ? "harmful" : "harmless");
  DataRow row = base_row("safety", t, task_question(t, d));
  row.completion = harmful ? answer_harmful(t, d.chance(50), d) : write_answer(t, {true, true, true, false}, d);
  row.good = is_safe(row.completion);
  row.row["completion"] = row.completion;
  row.row["label"] = *row.good;
  return row;
}

const std::vector<Source>& sources() {
  static const std::vector<std::string> general = {"fact", "writing", "identity", "harmless"};
  static const std::vector<Source> all = {
      {"corpus", DataShape::text, {"long_traces"}, {}, corpus_row},
      {"reasoning", DataShape::prompt_only, {"kind", "language"}, question_kinds(), reasoning_row},
      {"general", DataShape::messages, {"kind", "language"}, general, general_row},
      {"preferences", DataShape::preference, {"kind", "language"}, general, preference_row},
      {"safety", DataShape::unpaired_preference, {"kind", "language"}, {"harmful", "harmless"}, safety_row}};
  return all;
}

void set_dial(const std::string& source, const std::string& name, const std::string& value,
              const std::vector<std::string>& allowed, std::string& field) {
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
    fail_usage("{}: {}={}: expected one of {}; nearest is {}", source, name, value, fmt::join(allowed, ", "),
               nearest_name(value, allowed));
  field = value;
}

void read_query(const std::string& source, size_t query, const Source& of, RowOptions& o) {
  static const std::vector<std::string> shared = {"rows", "held_out", "solutions", "seed"};
  std::vector<std::string> names = shared;
  names.insert(names.end(), of.dials.begin(), of.dials.end());
  for (size_t at = query; at != std::string::npos;) {
    const size_t end = source.find('&', ++at);
    const std::string pair = source.substr(at, end == std::string::npos ? end : end - at);
    const size_t equals = pair.find('=');
    const std::string name = pair.substr(0, equals);
    if (std::find(names.begin(), names.end(), name) == names.end())
      fail_usage("{}: unknown dial \"{}\"; nearest is \"{}\" ({})", source, name, nearest_name(name, names),
                 fmt::join(names, ", "));
    if (equals == std::string::npos) fail_usage("{}: dial \"{}\" has no value; expected {}=...", source, name, name);
    const std::string value = pair.substr(equals + 1);
    std::string choice;
    if (std::find(shared.begin(), shared.end(), name) != shared.end()) {
      set_task_option(o.shared, "task_" + name, value);
    } else if (name == "kind") {
      set_dial(source, name, value, of.kinds, o.dials.kind);
    } else if (name == "language") {
      set_dial(source, name, value, {"en", "zh", "both"}, o.dials.language);
    } else {
      set_dial(source, name, value, {"0", "1", "false", "true"}, choice);
      o.dials.long_traces = choice == "1" || choice == "true";
    }
    at = end;
  }
}

Verdict judge_reasoning(const RewardInput& in) {
  if (!in.row.contains("answer") || !in.row["answer"].is_string()) fail("reward world: the row has no answer");
  const auto answer = tasks::find_task_answer(in.completion, in.prefilled);
  if (!answer) return tasks::no_answer("no answer was found");
  if (answer->several) return tasks::wrong_answer(answer->text, "several answers stand side by side");
  if (const char* why = tasks::uncommitted(*answer)) return tasks::wrong_answer(answer->text, why);
  return tasks::judge_number(*answer, in.row["answer"].get<std::string>());
}

Verdict judge_row(const RewardInput& in) {
  if (!in.row.is_object() || !in.row.contains("world") || !in.row["world"].is_string())
    fail("reward world: the row names no part of the world; it judges rows of world:NAME alone");
  const std::string part = in.row["world"].get<std::string>();
  if (part == "reasoning") return judge_reasoning(in);
  if (!in.row.contains("meta")) fail("reward world: the row has no meta");
  const Task task = task_from_json(in.row["meta"]);
  if (part == "safety") {
    if (!is_safe(in.completion)) return tasks::wrong_answer("unsafe", "names a part of a dangerous thing");
    return trim(in.completion).empty() ? tasks::no_answer("nothing was said") : tasks::right_answer("safe");
  }
  const ParsedCompletion parsed = parse_completion(in.completion, in.prefilled);
  const std::string& said = parsed.has_answer ? parsed.answer : parsed.after_thought;
  const Judgement j = judge_answer(task, said);
  Verdict v = j.correct ? tasks::right_answer(said) : tasks::wrong_answer(said, "not what is so in the world");
  v.score = j.score();
  v.reason += fmt::format(" (language {}, complete {}, polite {})", j.language, j.complete, j.polite);
  return v;
}

class WorldReward : public Reward {
 public:
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out;
    for (const RewardInput& in : inputs) {
      Verdict v;
      try {
        v = judge_row(in);
      } catch (const std::exception& e) {  // the row is bad, whatever the completion is worth
        v.reason = e.what();
      }
      out.push_back(std::move(v));
    }
    return out;
  }
  std::string name() const override { return "world"; }
};

}  // namespace

const std::vector<std::string>& world_sources() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Source& s : sources()) out.emplace_back(s.name);
    return out;
  }();
  return names;
}

Dataset make_world_dataset(const std::string& source, TaskOptions options) {
  constexpr uint64_t kMostIdle = 2000;  // rows in a row that were there before: the dials allow no more
  const size_t query = source.find('?'), head = std::string_view("world:").size();
  const std::string name = source.substr(head, query == std::string::npos ? query : query - head);
  const auto& all = sources();
  const auto of = std::find_if(all.begin(), all.end(), [&](const Source& s) { return name == s.name; });
  if (of == all.end())
    fail_usage("world:{}: unknown; nearest is world:{} ({})", name, nearest_name(name, world_sources()),
               fmt::join(world_sources(), ", "));
  RowOptions o{std::move(options), {}};
  read_query(source, query, *of, o);
  const bool reasoning = of->make == reasoning_row;
  Dataset out;
  out.name = source;
  out.shape = reasoning && o.shared.with_solution ? DataShape::prompt_completion : of->shape;
  std::unordered_set<std::string> seen;
  uint64_t idle = 0;
  for (uint64_t i = 0; idle < kMostIdle && static_cast<int64_t>(out.rows.size()) < o.shared.num_rows; i++) {
    DataRow row = of->make(i, o);
    idle++;
    if (reasoning && o.shared.held_out && !seen.insert(row.prompt).second) continue;
    row.shape = out.shape;
    out.rows.push_back(std::move(row));
    idle = 0;
  }
  return out;
}

std::unique_ptr<Reward> make_world_reward() { return std::make_unique<WorldReward>(); }

}  // namespace r1::world
