// `r1 trace`: thoughts step by step, the first wrong step, and its repair.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <memory>

#include "base/error.h"
#include "base/interrupt.h"
#include "cli/asked_keys.h"
#include "cli/json_lines.h"
#include "cli/trace_bench.h"
#include "cli/trace_files.h"
#include "cli/verb_registration.h"
#include "data/question.h"
#include "text/thinking.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

struct TraceFlags {
  std::optional<std::string> prompt, answer;
  std::string data, reward, model, repairs, critic, plot;
  int64_t limit = 0, max_tokens = 0, threads = 0;
  std::optional<int64_t> seed;
  int64_t n = 16;  // of --self-check
  bool json = false, self_check = false;
  KeyValues sets;
};

void apply(const TraceFlags& f, TraceKeys& keys, bool bench) {
  OptionTable table;
  keys.declare(table);
  if (bench) keys.watch.declare(table);
  table.set_all(asked_keys(f.sets, {.data = f.data,
                                    .reward = f.reward,
                                    .model = f.model,
                                    .seed = f.seed,
                                    .max_tokens = f.max_tokens,
                                    .threads = f.threads}));
  if (bench && keys.data.data.empty() && keys.model == "mini") keys.data.data = "world:reasoning";
  keys.frame_the_world(table);
}

std::vector<DataRow> rows_of(const TraceFlags& f, const TraceKeys& keys) {
  if (f.prompt) {
    DataRow row;
    row.prompt = *f.prompt;
    row.row = {{"question", *f.prompt}};
    if (f.answer) {
      row.answer = *f.answer;
      row.row["answer"] = *f.answer;
    }
    return {row};
  }
  std::vector<DataRow> rows = keys.data.load_prompts(true, "r1 trace").rows;
  if (f.limit > 0 && rows.size() > static_cast<size_t>(f.limit)) rows.resize(static_cast<size_t>(f.limit));
  return rows;
}

class Ink {
 public:
  Ink() : on_(isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr) {}
  std::string operator()(const char* code, const std::string& text) const {
    return on_ && *code != '\0' ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }

 private:
  bool on_;
};

// Green for what is right or worth much, red for wrong or dead, yellow between.
const char* colour_of(const TracedThought& t, size_t i) {
  constexpr double kMuch = 0.5, kLittle = 0.1;
  if (!t.truths.empty() && t.truths[i] == Truth::wrong) return "31";
  if (const PrefixValue* v = value_of(t, i)) return v->value() >= kMuch ? "32" : v->value() <= kLittle ? "31" : "33";
  return !t.truths.empty() && t.truths[i] == Truth::right ? "32" : "";
}

std::string one_line(std::string_view text) {
  std::string out;
  for (char c : trim(text)) out += c == '\n' || c == '\r' ? std::string("\n       ") : std::string(1, c);
  return out;
}

std::string notes_of(const TracedThought& t, size_t i) {
  std::string out;
  if (!t.truths.empty() && t.truths[i] != Truth::none) out += fmt::format("  exact: {}", truth_name(t.truths[i]));
  if (const PrefixValue* v = value_of(t, i)) {
    const ShareInterval ci = share_interval(v->right, v->counted);
    out += fmt::format("  value {:.2f} ({:.2f} to {:.2f})", v->value(), ci.low, ci.high);
  }
  if (t.grades) out += fmt::format("  self {:.2f}", t.grades->right[i]);
  return out;
}

void print(const TracedThought& t, const std::string& question, const Ink& ink) {
  std::cout << ink("1", one_line(question)) << "\n";
  for (size_t i = 0; i < t.thought.steps.size(); i++) {
    const bool first = t.one.first && t.one.first->step == i;
    std::cout << fmt::format("{} {:>2}  {}{}\n", first ? ink("1;31", "✗") : " ", i,
                             ink(colour_of(t, i), one_line(t.thought.text_of(i))), ink("2", notes_of(t, i)));
    if (!first) continue;
    std::cout << fmt::format("       {}\n", ink("1;31", fmt::format("first error, by {} ({:.0f} % sure)",
                                                                    t.one.first->by, 100 * t.one.first->confidence)));
    for (const Opinion& o : t.one.against)
      std::cout << fmt::format("       {} says {}\n", o.by,
                               o.first ? fmt::format("step {}", o.first->step) : "none is wrong");
    if (t.repair && t.repair->right)
      std::cout << fmt::format("       repaired: {}\n", ink("32", one_line(t.repair->right_step + t.repair->rest)));
    else if (t.repair)
      std::cout << "       no repair was found\n";
  }
  if (t.verdict) std::cout << fmt::format("  -> {}: {}\n", outcome_name(t.verdict->outcome), t.verdict->reason);
  if (!t.one.first) std::cout << "  no error was found\n";
  std::cout << fmt::format("  {} tokens\n\n", t.tokens);
}

int run_trace(const TraceFlags& f) {
  TraceKeys keys;
  apply(f, keys, false);
  if (f.prompt.has_value() == !keys.data.data.empty())
    fail_usage("trace: give either --prompt TEXT --answer A or --data FILE");
  if (f.answer && !f.prompt) fail_usage("trace: --answer goes with --prompt; rows of --data bring their own");
  if (f.limit < 0) fail_usage("--limit {}: expected at least 0", f.limit);
  const std::vector<DataRow> rows = rows_of(f, keys);
  TraceSession session(keys, keys.data.data);
  if (!f.repairs.empty() && !session.has_model()) fail_usage("--repairs: a repair is sampled; give --model");
  if (!f.critic.empty() && !(session.has_model() && keys.uses("exact") && keys.uses("monte_carlo")))
    fail_usage(
        "--critic: its labels are those that exact truth and Monte Carlo agree on; give --model, and methods "
        "with both");
  std::vector<Thought> thoughts = session.thoughts(rows);
  CriticWriter critic;
  RepairWriter repairs(f.repairs, session);
  const Ink ink;
  for (size_t i = 0; i < rows.size(); i++) {
    if (interrupted()) fail("interrupted");
    const TracedThought traced = session.trace(std::move(thoughts[i]), f.critic.empty() || !f.repairs.empty());
    f.json ? print_json_line(json_of(traced)) : print(traced, question_text(rows[i]), ink);
    if (!f.repairs.empty()) repairs.add(rows[i], traced);
    critic.add(traced);
  }
  if (!f.repairs.empty()) {
    repairs.write();
    std::cerr << fmt::format("{} repairs of {} thoughts in {}\n", repairs.count(), rows.size(), f.repairs);
  }
  if (!f.critic.empty()) {
    const size_t count = critic.write(f.critic);
    std::cerr << fmt::format("{} questions to a critic in {}, half of them about wrong steps\n", count, f.critic);
  }
  return 0;
}

void add_flags(CLI::App* verb, TraceFlags& f, bool bench) {
  verb->add_option("--model", f.model, "Hugging Face folder, .gguf file, ORG/NAME in the local cache, or mini");
  verb->add_option("--data", f.data, "rows, as r1 eval takes them; a \"completion\" in a row is the thought to trace");
  verb->add_option("--limit", f.limit, "rows; 0: all");
  verb->add_option("--reward", f.reward, "as r1 eval");
  verb->add_option("--max-tokens", f.max_tokens, "of a completion; 0: max_completion_length");
  verb->add_option("--seed", f.seed, "of sampling");
  verb->add_option("--threads", f.threads, "0: all cores");
  verb->add_flag("--json", f.json, "JSON lines");
  add_set(verb, f.sets);
  TraceKeys keys;
  OptionTable table;
  keys.declare(table);
  if (bench) keys.watch.declare(table);
  verb->footer("Keys for --set key=value, with their defaults:\n" + table.help());
}

}  // namespace

void add_trace_verb(CLI::App& app, std::function<int()>& action) {
  // Shared by the verbs' flags and by what they run.
  const auto flags = std::make_shared<TraceFlags>();
  const auto bench_flags = std::make_shared<TraceFlags>();
  CLI::App* verb = app.add_subcommand("trace", "a thought step by step: values, the first wrong step, its repair");
  verb->add_option("--prompt", flags->prompt, "a question");
  verb->add_option("--answer", flags->answer, "its reference answer");
  add_flags(verb, *flags, false);
  verb->add_option("--repairs", flags->repairs, "write repairs here, and rows to train on beside it");
  verb->add_option("--critic", flags->critic,
                   "write questions about steps with known answers here, for r1 sft (recipes/mini-critic.toml)");
  CLI::App* bench =
      verb->add_subcommand("bench", "how well each method finds the first wrong step (ProcessBench's F1)");
  add_flags(bench, *bench_flags, true);
  bench->add_option("--plot", bench_flags->plot, "write the grades' reliability diagram here (SVG)");
  bench->add_flag("--self-check", bench_flags->self_check,
                  "instead: answers under self-check against pass@1 and cons@k at equal tokens");
  bench->add_option("--n", bench_flags->n, "of --self-check: samples a row for pass@1 and cons@k")
      ->capture_default_str();
  bench->callback([bench_flags, &action] {
    action = [bench_flags] {
      TraceKeys keys;
      apply(*bench_flags, keys, true);
      const TraceBenchFlags f = {bench_flags->limit, bench_flags->n, bench_flags->json, bench_flags->plot};
      return bench_flags->self_check ? run_self_check_bench(keys, f) : run_trace_bench(keys, f);
    };
  });
  verb->callback([verb, flags, &action] {
    if (verb->get_subcommands().empty()) action = [flags] { return run_trace(*flags); };
  });
}

}  // namespace r1
