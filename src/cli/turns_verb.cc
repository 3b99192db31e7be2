// r1 generate for samples of several turns: games, and prompts whose answers may call a tool.
#include "cli/turns_verb.h"

#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "cli/json_lines.h"
#include "data/sources.h"
#include "data/tasks/task_rows.h"
#include "formats/model_path.h"
#include "train/episodes.h"
#include "train/evaluate.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::vector<DataRow> rows_of(const TurnFlags& f) {
  if (f.data.empty()) {
    DataRow row;
    row.prompt = f.prompt;
    row.row = {{"question", f.prompt}};
    return {row};
  }
  TaskOptions task;
  task.num_rows = 1;
  ReadOptions read;
  if (!is_generated(f.data)) read.limit = 1;
  Dataset data = load_dataset(f.data, read, task);
  require_shapes(data, {DataShape::prompt_only, DataShape::prompt_completion, DataShape::messages}, "r1 generate");
  return std::move(data.rows);
}

void print_sample(const EvalItem& item, size_t i, const Tokenizer* tokenizer, const TurnFlags& f) {
  const Completion& c = item.completions[i];
  const Verdict& v = item.verdicts[i];
  const bool judged = !f.data.empty();
  if (!f.json) {
    std::cout << fmt::format("--- {}\n{}\n", i + 1, transcript(c, tokenizer));
    if (judged) std::cout << fmt::format("[{}: {}]\n", outcome_name(v.outcome), v.reason);
    return;
  }
  Json logprobs = Json::array();
  for (size_t t = 0; t < c.ids.size(); t++)
    logprobs.push_back(c.learned(t) ? Json(static_cast<double>(c.behavior_logp[t])) : Json());
  Json out = {{"text", c.text},
              {"transcript", transcript(c, tokenizer)},
              {"ids", c.ids},
              {"logprobs", logprobs},
              {"finish_reason", finish_name(c.finish)},
              {"prompt_ids", item.prompt.ids},
              {"episode", item.episodes[i]}};
  if (judged) out.update({{"verdict", outcome_name(v.outcome)}, {"score", v.score}, {"reason", v.reason}});
  print_json_line(out);
}

}  // namespace

int run_generate_turns(const TurnFlags& f) {
  const SamplingOptions sampling = sampling_of(f);
  if (f.prompt_ids) fail_usage("tools go with --prompt or --data; ids are taken as they are");
  const ModelFiles files = open_model_files(resolve_model(f.model));
  use_threads(f.threads);
  const auto tokenizer = open_tokenizer(files);
  const Transformer model = load_transformer(files, make_compute(f.compute_dtype), ModelUse::inference);
  PromptOptions how;
  how.system_prompt = f.system_prompt;
  how.chat_template_kwargs = f.chat_template_kwargs;
  if (f.data.empty()) how.prompt_template = f.chat ? "chat" : "none";
  const PromptBuilder prompts(files, tokenizer, how);
  const auto reward = make_reward_for(f.data, "auto", {});
  EvalOptions options{.samples = static_cast<int>(f.n), .sampling = sampling, .environment = f.environment};
  const std::vector<DataRow> rows = rows_of(f);
  Sampler sampler(model, tokenizer, {.max_active = std::min<int64_t>(f.n * static_cast<int64_t>(rows.size()), 128)});
  const std::vector<EvalItem> items = evaluate(sampler, prompts, rows, *reward, options, {});
  if (items.empty()) fail("interrupted; nothing was written");
  for (const EvalItem& item : items) {
    if (!f.json) std::cout << "=== " << item.prompt.text << "\n";
    for (size_t i = 0; i < item.completions.size(); i++) print_sample(item, i, tokenizer.get(), f);
  }
  return 0;
}

}  // namespace r1
