#include "train/rejection.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/threads.h"
#include "data/question.h"
#include "data/tasks/task_rows.h"
#include "formats/model_path.h"
#include "reward/language.h"
#include "runs/run_folder.h"
#include "text/thinking.h"
#include "train/evaluate.h"
#include "train/memory_plan.h"
#include "train/model_reward.h"
#include "train/reward_model.h"
#include "train/trace_filters.h"
#include "train/trace_rows.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// Lines of progress.jsonl: the recipe, then a line a prompt: {"step", "counts", "tokens", "kept": [...], "dropped"}.
class Progress {
 public:
  Progress(const std::filesystem::path& path, bool resume, const KeyValues& recipe)
      : log_(path, resume ? INT64_MAX : -1) {
    const std::string text = read_text_file(path.string(), uint64_t{8} << 30);
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      lines_.push_back(Json::parse(text.substr(at, end - at)));
      at = end + 1;
    }
    Json now = Json::object();
    for (const auto& [key, value] : recipe)
      if (!is_free(key)) now[key] = value;
    if (lines_.empty()) append({{"step", 0}, {"recipe", now}});
    const Json& old = lines_[0].at("recipe");
    std::string differences;
    for (const auto& [key, value] : now.items())
      if (old.value(key, Json()) != value)
        differences += fmt::format("\n  {}: the run has {}, now {}", key, old.value(key, Json()).dump(), value.dump());
    if (!differences.empty())
      fail("{}: cannot go on with another recipe; give the run's own values or start a new --out:{}", path.string(),
           differences);
  }

  size_t prompts() const { return lines_.size() - 1; }
  const Json& prompt(size_t i) const { return lines_[i + 1]; }
  void append(Json line) {
    log_.append(line);
    lines_.push_back(std::move(line));
  }
  void flush() { log_.flush(); }

 private:
  static bool is_free(const std::string& key) {
    return key == "threads" || key == "memory_limit_gb" || key == "max_active" || key == "batch_prompts" ||
           key == "out" || key.starts_with("api_");
  }
  JsonLog log_;
  std::vector<Json> lines_;
};

// A sample that is right and readable.
struct Kept {
  std::string completion;  // with what the prompt held of it
  Verdict verdict;
  int64_t tokens = 0;
};

struct PromptResult {
  std::map<std::string, int64_t> counts;  // by reason; "kept"
  std::vector<Kept> kept;
  Json dropped = Json::array();  // the first of each reason
  int64_t tokens = 0;
  std::string language;

  void drop(const std::string& reason, const std::string& completion, const Verdict& v) {
    if (counts[reason]++ == 0)
      dropped.push_back({{"reason", reason}, {"completion", completion}, {"score", v.score}, {"verdict", v.reason}});
  }
  Json to_json() const {
    Json out = {{"counts", counts}, {"tokens", tokens}, {"language", language}, {"kept", Json::array()}};
    for (const Kept& k : kept)
      out["kept"].push_back({{"completion", k.completion},
                             {"score", k.verdict.score},
                             {"extracted", k.verdict.extracted},
                             {"tokens", k.tokens}});
    out["dropped"] = dropped;
    return out;
  }
};

class RejectionSampler {
 public:
  RejectionSampler(const RejectRun& run, const std::vector<DataRow>& rows)
      : o_(run.options),
        rows_(rows),
        reward_(make_reward_for(o_.data.data, o_.reward, o_.reward_options())),
        filters_(o_.trace_filters()) {
    if (is_openai_address(o_.model)) {
      remote_ = std::make_unique<RemoteTeacher>(o_.model, o_.remote, o_.prompt);
      return;
    }
    const ModelFiles files = open_model_files(resolve_model(o_.model));
    tokenizer_ = open_tokenizer(files);
    prompts_ = std::make_unique<PromptBuilder>(files, tokenizer_, o_.prompt);
    const Compute compute = make_compute(o_.compute_dtype);
    require_room(compute, read_config(files.config, files.generation_config, files.path));
    model_ = std::make_unique<Transformer>(load_transformer(files, compute, ModelUse::inference));
    sampler_ = std::make_unique<Sampler>(*model_, tokenizer_, SamplerLimits{.max_active = o_.max_active});
  }

  // Prompts [first, first + count); empty when interrupted.
  std::vector<PromptResult> run(size_t first, size_t count) {
    const std::vector<DataRow> rows(rows_.begin() + static_cast<std::ptrdiff_t>(first),
                                    rows_.begin() + static_cast<std::ptrdiff_t>(first + count));
    EvalOptions how;
    how.samples = static_cast<int>(o_.num_generations);
    how.sampling = o_.sampling();
    how.first_index = static_cast<int64_t>(first);
    const RemoteItems asked = remote_ ? remote_->ask(rows, *reward_, how) : counted(how, rows);
    std::vector<PromptResult> out;
    for (size_t i = 0; i < asked.items.size(); i++) out.push_back(sorted_out(asked.items[i], asked.tokens[i], rows[i]));
    if (out.empty()) return {};
    if (o_.cold_start) add_summaries(rows, out, first);
    return interrupted() ? std::vector<PromptResult>() : out;
  }

 private:
  RemoteItems counted(const EvalOptions& how, const std::vector<DataRow>& rows) {
    RemoteItems out;
    out.items = evaluate(*sampler_, *prompts_, rows, *reward_, how, {});
    for (const EvalItem& item : out.items) {
      out.tokens.emplace_back();
      for (const Completion& c : item.completions) out.tokens.back().push_back(static_cast<int64_t>(c.ids.size()));
    }
    return out;
  }

  void require_room(const Compute& compute, const ModelConfig& config) const {
    MemoryNeeds needs;
    needs.program = resident_bytes();
    needs.trains = needs.saves = false;
    needs.kept_f32 = ParameterLayout(config, ParameterLayout::Holds::unpacked).total();
    needs.limits = {.max_active = o_.max_active};
    size_t longest = 1;
    for (const DataRow& row : rows_) longest = std::max(longest, row.prompt.size() + row.messages.dump().size());
    const int64_t prompt = std::min<int64_t>(static_cast<int64_t>(longest), config.max_positions / 2);
    needs.sampling = {{.prompts = o_.batch_prompts,
                       .samples = o_.batch_prompts * o_.num_generations,
                       .longest_prompt = prompt,
                       .max_new_tokens = std::min(o_.max_completion_length, config.max_positions - prompt)}};
    require_memory(plan_memory(compute, config, needs),
                   o_.memory_limit_gb > 0
                       ? MemoryLimit{static_cast<size_t>(o_.memory_limit_gb * 1e9), "memory_limit_gb"}
                       : memory_limit(needs.program));
  }

  // Why a sample is not kept; empty: it is.
  std::string reason_of(const EvalItem& item, size_t s, int64_t tokens, const std::string& language) const {
    const Completion& c = item.completions[s];
    const Verdict& v = item.verdicts[s];
    if (c.finish == FinishReason::length || (o_.max_kept_tokens > 0 && tokens > o_.max_kept_tokens)) return "too_long";
    if (o_.reward != "none") {
      if (v.outcome != Outcome::correct) return outcome_name(v.outcome);
      if (v.score < o_.min_reward) return "low_reward";
    }
    if (trim(c.text).empty()) return "empty";
    const std::string why = dropped_for(c.text, item.prompt.prefilled, language, filters_);
    if (!why.empty() || !o_.cold_start) return why;
    return parse_completion(c.text, item.prompt.prefilled).has_thought ? "" : "no_thought";
  }

  PromptResult sorted_out(const EvalItem& item, const std::vector<int64_t>& tokens, const DataRow& row) const {
    PromptResult out;
    out.language = main_language(question_text(row));
    const std::string language = o_.rewards.language == "auto" ? out.language : o_.rewards.language;
    std::set<std::string> seen;
    for (size_t s = 0; s < item.completions.size(); s++) {
      const Completion& c = item.completions[s];
      out.tokens += tokens[s];
      std::string why = reason_of(item, s, tokens[s], language);
      if (why.empty() && !seen.insert(std::string(trim(c.text))).second) why = "duplicate";
      if (!why.empty())
        out.drop(why, c.text, item.verdicts[s]);
      else
        out.kept.push_back({item.prompt.prefilled + c.text, item.verdicts[s], tokens[s]});
    }
    if (o_.keep_order == "shortest")
      std::stable_sort(out.kept.begin(), out.kept.end(),
                       [](const Kept& a, const Kept& b) { return a.tokens < b.tokens; });
    while (static_cast<int64_t>(out.kept.size()) > o_.keep_per_prompt) {
      out.drop("over_limit", out.kept.back().completion, out.kept.back().verdict);
      out.kept.pop_back();
    }
    out.counts["kept"] = static_cast<int64_t>(out.kept.size());
    return out;
  }

  // R1-Zero's answer is bare: a short summary takes its place.
  void add_summaries(const std::vector<DataRow>& rows, std::vector<PromptResult>& results, size_t first) {
    std::vector<std::vector<std::string>> summaries(results.size());
    if (o_.summary_by == "model") summaries = asked_summaries(rows, results, first);
    for (size_t i = 0; i < results.size(); i++) {
      PromptResult& r = results[i];
      std::vector<Kept> kept;
      for (size_t k = 0; k < r.kept.size(); k++) {
        Kept& one = r.kept[k];
        const ParsedCompletion parsed = parse_completion(one.completion, "");
        const std::string answer = answer_of(one, parsed);
        std::string summary;
        if (o_.summary_by == "model") {
          summary = summaries[i][k];
          if (summary.find(answer) == std::string::npos || answer.empty()) summary.clear();
        } else if (!answer.empty()) {
          const std::string sentence = answer_sentence(r.language, answer);
          summary = o_.summary_template.empty()
                        ? sentence
                        : filled_in(o_.summary_template, {{"answer", answer}, {"sentence", sentence}});
        }
        if (summary.empty()) {
          r.drop("bad_summary", one.completion, one.verdict);
          continue;
        }
        one.completion = "<think>\n" + parsed.thought + "\n</think>\n\n" + summary;
        kept.push_back(std::move(one));
      }
      r.kept = std::move(kept);
      r.counts["kept"] = static_cast<int64_t>(r.kept.size());
    }
  }

  static std::string answer_of(const Kept& kept, const ParsedCompletion& parsed) {
    return parsed.has_answer ? parsed.answer : kept.verdict.extracted;
  }

  std::vector<std::vector<std::string>> asked_summaries(const std::vector<DataRow>& rows,
                                                        const std::vector<PromptResult>& results, size_t first) {
    std::vector<std::string> questions;
    std::vector<int64_t> places;
    std::vector<std::vector<std::string>> out(results.size());
    for (size_t i = 0; i < results.size(); i++)
      for (size_t k = 0; k < results[i].kept.size(); k++) {
        const ParsedCompletion parsed = parse_completion(results[i].kept[k].completion, "");
        questions.push_back(filled_in(o_.summary_prompt, {{"question", question_text(rows[i])},
                                                          {"thought", parsed.thought},
                                                          {"answer", answer_of(results[i].kept[k], parsed)}}));
        places.push_back(static_cast<int64_t>(first + i));
      }
    const std::vector<std::string> said = summaries_of(questions, places);
    size_t at = 0;
    for (size_t i = 0; i < results.size(); i++)
      for (size_t k = 0; k < results[i].kept.size(); k++) out[i].push_back(said[at++]);
    return out;
  }

  std::vector<std::string> summaries_of(const std::vector<std::string>& questions, const std::vector<int64_t>& places) {
    SamplingOptions s = o_.sampling();
    s.temperature = 0;
    s.max_new_tokens = o_.summary_tokens;
    std::vector<std::string> out;
    if (remote_) {
      for (const std::string& text : remote_->answers(questions, s)) out.push_back(summary_of(text, ""));
      return out;
    }
    std::vector<PromptRequest> requests;
    std::vector<Prompt> asked;
    for (size_t q = 0; q < questions.size(); q++) {
      asked.push_back(prompts_->build(questions[q]));
      requests.push_back({asked.back().ids, places[q], 1});
    }
    Sampler::Hooks hooks;
    hooks.cancelled = interrupted;
    const std::vector<Group> groups = sampler_->generate(requests, s, hooks);
    for (size_t q = 0; q < questions.size(); q++)
      out.push_back(summary_of(groups[q].completions[0].text, asked[q].prefilled));
    return out;
  }

  const RejectOptions& o_;
  const std::vector<DataRow>& rows_;
  std::unique_ptr<Reward> reward_;
  TraceFilters filters_;
  std::unique_ptr<RemoteTeacher> remote_;  // else the others
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<PromptBuilder> prompts_;
  std::unique_ptr<Transformer> model_;
  std::unique_ptr<Sampler> sampler_;
};

// The first few of each reason.
std::string rejected_lines(const Progress& progress, const std::vector<DataRow>& rows, int64_t most) {
  std::string out;
  std::map<std::string, int64_t> shown;
  for (size_t i = 0; i < progress.prompts(); i++)
    for (Json one : progress.prompt(i).at("dropped")) {
      if (shown[one.at("reason").get<std::string>()]++ >= most) continue;
      one["prompt"] = question_text(rows[i]);
      out += one.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    }
  return out;
}

// Everything the finished run leaves, from the progress alone: the same whether it was cut off or not.
void write_results(const RejectRun& run, const RunFolder& folder, const Progress& progress,
                   const std::vector<DataRow>& rows) {
  const RejectOptions& o = run.options;
  std::map<std::string, int64_t> reasons;
  std::vector<TraceRow> traces;
  int64_t tokens = 0, idle = 0;
  for (size_t i = 0; i < progress.prompts(); i++) {
    const Json& line = progress.prompt(i);
    for (const auto& [reason, n] : line.at("counts").items()) reasons[reason] += n.get<int64_t>();
    tokens += line.at("tokens").get<int64_t>();
    idle += line.at("kept").empty();
    for (const Json& kept : line.at("kept"))
      traces.push_back({.row = &rows[i],
                        .completion = kept.at("completion").get<std::string>(),
                        .language = line.at("language").get<std::string>(),
                        .meta = {{"row", i},
                                 {"score", kept.at("score")},
                                 {"extracted", kept.at("extracted")},
                                 {"tokens", kept.at("tokens")}}});
  }
  const TraceSelection selection{
      .balance_by = o.balance_by, .max_rows = o.max_rows, .seed = static_cast<uint64_t>(o.seed)};
  traces = select_traces(std::move(traces), selection);
  Dataset general;
  if (!o.general_data.empty()) general = load_general(o.general_data, o.general_rows, static_cast<uint64_t>(o.seed));
  const int64_t kept = reasons["kept"];
  reasons.erase("kept");
  const Json summary = {{"prompts", rows.size()},
                        {"samples", static_cast<int64_t>(rows.size()) * o.num_generations},
                        {"kept", kept},
                        {"rows", traces.size()},
                        {"general_rows", general.rows.size()},
                        {"prompts_without_rows", idle},
                        {"tokens", tokens},
                        {"reasons", reasons}};
  replace_file((folder.path() / "accepted.jsonl").string(), rows_for_sft(traces, general.rows));
  replace_file((folder.path() / "rejected.jsonl").string(), rejected_lines(progress, rows, o.num_rejected_to_log));
  replace_file((folder.path() / "summary.json").string(), summary.dump(1) + "\n");
  log_info("{}: {} rows of {} samples of {} prompts, and {} general rows", (folder.path() / "accepted.jsonl").string(),
           traces.size(), summary["samples"].get<int64_t>(), rows.size(), general.rows.size());
  if (traces.empty())
    log_warning("{}: no sample was kept; summary.json and rejected.jsonl say why", folder.path().string());
}

Json batch_metrics(const std::vector<PromptResult>& results, size_t done, double seconds) {
  std::map<std::string, int64_t> counts;
  int64_t tokens = 0;
  for (const PromptResult& r : results) {
    for (const auto& [reason, n] : r.counts) counts[reason] += n;
    tokens += r.tokens;
  }
  Json out = {{"step", done}, {"kept", counts["kept"]}, {"tokens", tokens}, {"step_time", seconds}};
  for (const auto& [reason, n] : counts)
    if (reason != "kept") out["dropped/" + reason] = n;
  return out;
}

}  // namespace

bool run_reject(const RejectRun& run) {
  const RejectOptions& o = run.options;
  o.check();
  set_thread_count(o.threads > 0 ? static_cast<int>(o.threads) : available_cores());
  const std::vector<DataRow> rows = o.data.load_prompts(false, "r1 reject").rows;
  if (!o.general_data.empty()) load_general(o.general_data, o.general_rows, 0);  // bad ones are told before the work
  const RunFolder folder(o.out, run.resume);
  RejectionSampler sampler(run, rows);
  folder.write_recipe(run.recipe_toml);
  Progress progress(folder.path() / "progress.jsonl", run.resume, run.recipe);
  JsonLog metrics(folder.path() / "metrics.jsonl", run.resume ? static_cast<int64_t>(progress.prompts()) : -1);
  while (progress.prompts() < rows.size()) {
    const auto start = Clock::now();
    const size_t first = progress.prompts(),
                 count = std::min(rows.size() - first, static_cast<size_t>(o.batch_prompts));
    const std::vector<PromptResult> results = sampler.run(first, count);
    if (results.empty()) {
      log_info("interrupted after {} of {} prompts; go on with: r1 reject --out {} --resume", first, rows.size(),
               o.out);
      return false;
    }
    for (const PromptResult& r : results) {
      Json line = {{"step", progress.prompts() + 1}};
      line.update(r.to_json());
      progress.append(std::move(line));
    }
    progress.flush();
    const Json m =
        batch_metrics(results, progress.prompts(), std::chrono::duration<double>(Clock::now() - start).count());
    metrics.append(m);
    log_info("prompt {}/{}: {} of {} samples kept", progress.prompts(), rows.size(), m["kept"].get<int64_t>(),
             static_cast<int64_t>(count) * o.num_generations);
  }
  write_results(run, folder, progress, rows);
  return true;
}

}  // namespace r1
