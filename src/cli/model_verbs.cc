// r1 logprobs, generate and chat.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <optional>

#include "base/error.h"
#include "base/interrupt.h"
#include "cli/json_lines.h"
#include "cli/turns_verb.h"
#include "formats/model_path.h"
#include "rollout/sampler.h"
#include "text/thinking.h"
#include "train/policy.h"
#include "train/prompts.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// A model opened for asking.
struct OpenModel {
  explicit OpenModel(const ModelFlags& flags) : files(open_model_files(resolve_model(flags.model))) {
    use_threads(flags.threads);
    tokenizer = open_tokenizer(files);
    model =
        std::make_unique<Transformer>(load_transformer(files, make_compute(flags.compute_dtype), ModelUse::inference));
  }
  ModelFiles files;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<Transformer> model;
};

std::vector<TokenId> parse_ids(const std::string& text) {
  std::vector<TokenId> out;
  const char *at = text.data(), *end = at + text.size();
  for (;; at++) {
    TokenId id = 0;
    const auto [stop, error] = std::from_chars(at, end, id);
    if (error != std::errc() || id < 0 || (stop != end && *stop != ','))
      fail_usage("--prompt-ids \"{}\": expected token ids with commas between them, e.g. 5,7,9", text);
    out.push_back(id);
    at = stop;
    if (stop == end) return out;
  }
}

}  // namespace

SamplingOptions sampling_of(const GenerateFlags& f) {
  if (f.n < 1 || f.n > 1 << 20) fail_usage("--n {}: expected 1 to {}", f.n, 1 << 20);
  if (f.max_tokens < 1 || f.max_tokens >= 1 << 20)
    fail_usage("--max-tokens {}: expected 1 to {}", f.max_tokens, (1 << 20) - 1);
  if (!(f.temperature >= 0)) fail_usage("--temperature {}: expected at least 0", f.temperature);
  if (!(f.top_p > 0 && f.top_p <= 1)) fail_usage("--top-p {}: expected above 0 up to 1", f.top_p);
  if (!(f.min_p >= 0 && f.min_p <= 1)) fail_usage("--min-p {}: expected 0 to 1", f.min_p);
  if (f.chat && f.prompt_ids) fail_usage("--chat goes with --prompt; ids are taken as they are");
  if (f.top_k < 0) fail_usage("--top-k {}: expected at least 0", f.top_k);
  SamplingOptions s;
  s.temperature = static_cast<float>(f.temperature);
  s.top_k = static_cast<int32_t>(f.top_k);
  s.top_p = static_cast<float>(f.top_p);
  s.min_p = static_cast<float>(f.min_p);
  s.max_new_tokens = f.max_tokens;
  s.stop_texts = f.stop;
  s.seed = static_cast<uint64_t>(f.seed);
  return s;
}

namespace {

PromptOptions prompt_options_of(const GenerateFlags& f) {
  PromptOptions options;
  options.prompt_template = f.chat ? "chat" : "none";
  if (!f.chat) return options;
  options.system_prompt = f.system_prompt;
  options.chat_template_kwargs = f.chat_template_kwargs;
  return options;
}

std::vector<TokenId> prompt_ids_of(const OpenModel& m, const GenerateFlags& f) {
  if (f.prompt_ids) return parse_ids(*f.prompt_ids);
  if (!f.chat && !f.system_prompt.empty()) fail_usage("--system goes with --chat");
  if (!f.chat && !f.chat_template_kwargs.empty()) fail_usage("--chat-template-kwargs goes with --chat");
  if (!m.tokenizer) fail("{}: holds no tokenizer; use --prompt-ids", m.files.path);
  return PromptBuilder(m.files, m.tokenizer, prompt_options_of(f)).build(f.prompt).ids;
}

}  // namespace

int run_logprobs(const ModelFlags& flags) {
  const OpenModel m(flags);
  Scorer scorer(*m.model);
  const int64_t longest = m.model->config().max_positions;
  for_each_line(std::cin, [&](const std::string& line, const std::string& where) {
    const std::vector<TokenId> ids = ids_of_row(line, where);
    if (static_cast<int64_t>(ids.size()) > longest)
      fail("{}: {} ids, the model's context is {}", where, ids.size(), longest);
    for (TokenId id : ids)
      if (id >= m.model->config().vocabulary)
        fail("{}: id {} is outside the vocabulary of {}", where, id, m.model->config().vocabulary);
    Json values = Json::array();
    if (ids.size() > 1) {
      const std::vector<TrainGroup> group = {{{}, {{ids, {}, 0}}}};
      const std::vector<MicroBatch> batches = pack(group, static_cast<int64_t>(ids.size()));
      for (const HeadScore& s : scorer.score(batches[0])) values.push_back(static_cast<double>(s.logp));
    }
    print_json_line({{"logprobs", values}});
  });
  return 0;
}

int run_generate(const GenerateFlags& f) {
  const SamplingOptions sampling = sampling_of(f);
  const OpenModel m(f);
  const std::vector<TokenId> prompt = prompt_ids_of(m, f);
  Sampler sampler(*m.model, m.tokenizer, {.max_active = std::min<int64_t>(f.n, 128)});
  std::optional<StreamDecoder> stream;  // a model without a tokenizer speaks in ids
  if (m.tokenizer) stream.emplace(m.tokenizer, true);
  Sampler::Hooks hooks;
  hooks.cancelled = interrupted;
  const bool live = !f.json && f.n == 1 && stream;
  if (live) hooks.token = [&](size_t, int, TokenId id) { std::cout << stream->push(id) << std::flush; };
  const std::vector<Group> groups = sampler.generate({{prompt, 0, static_cast<int>(f.n)}}, sampling, hooks);
  if (live) std::cout << stream->finish() << "\n";
  for (size_t i = 0; i < groups[0].completions.size() && !live; i++) {
    const Completion& c = groups[0].completions[i];
    if (c.ids.empty()) continue;  // interrupted before its end
    if (!f.json) {
      std::cout << (f.n > 1 ? fmt::format("--- {}\n", i + 1) : "") << c.text << "\n";
      continue;
    }
    Json logprobs = Json::array();
    for (float x : c.behavior_logp) logprobs.push_back(static_cast<double>(x));
    print_json_line({{"text", c.text},
                     {"ids", c.ids},
                     {"logprobs", logprobs},
                     {"finish_reason", finish_name(c.finish)},
                     {"prompt_ids", prompt}});
  }
  return interrupted() ? 1 : 0;
}

int run_generate_checked(const TurnFlags& f) {
  f.watch.check();
  if (!f.data.empty() || f.environment.tools != "none")
    fail_usage("--self-check watches an answer to --prompt; games and tools have turns");
  const SamplingOptions sampling = sampling_of(f);
  const OpenModel m(f);
  const std::vector<TokenId> prompt = prompt_ids_of(m, f);
  if (!m.tokenizer) fail("{}: holds no tokenizer; steps are of text", m.files.path);
  const PromptBuilder prompts(m.files, m.tokenizer, prompt_options_of(f));
  SelfCheckRunner runner(*m.model, prompts, m.tokenizer, f.watch);
  const std::string problem = f.prompt_ids ? m.tokenizer->decode(prompt) : f.prompt;
  const std::string prefilled = f.chat ? prompts.build(f.prompt).prefilled : "";
  for (int64_t i = 0; i < f.n; i++) {
    const SelfChecked checked = runner.answer({prompt, problem, prefilled, i}, sampling);
    if (f.json) {
      print_json_line(json_of(checked, f.watch.judge));
      continue;
    }
    std::cout << (f.n > 1 ? fmt::format("--- {}\n", i + 1) : "") << checked.text << "\n" << std::flush;
    for (const DroppedStep& d : checked.dropped)
      std::cerr << fmt::format("went back: step {} fell ({:.2f}): {}\n", d.step, d.value, trim(d.text));
    std::cerr << fmt::format("{} tokens sampled, {} read again or to judge\n", checked.sampled, checked.read);
  }
  return 0;
}

int run_chat(const GenerateFlags& f) {
  const SamplingOptions sampling = sampling_of(f);
  const OpenModel m(f);
  if (!m.tokenizer) fail("{}: holds no tokenizer", m.files.path);
  PromptOptions options;
  options.system_prompt = f.system_prompt;
  options.chat_template_kwargs = f.chat_template_kwargs;
  const PromptBuilder prompts(m.files, m.tokenizer, options);
  Sampler sampler(*m.model, m.tokenizer, {.max_active = 1});
  const bool remembers = !m.files.chat_template.empty();
  const bool terminal = isatty(STDIN_FILENO) == 1;
  if (terminal) std::cerr << "An empty line ends the chat, /new begins a new one.\n";
  Json messages = Json::array();
  std::string line;
  for (uint32_t turn = 0;; turn++) {
    if (terminal) std::cerr << "\n> ";
    if (!std::getline(std::cin, line) || line.empty()) break;
    if (line == "/new" || !remembers) messages = Json::array();
    if (line == "/new") continue;
    messages.push_back({{"role", "user"}, {"content", line}});
    StreamDecoder stream(m.tokenizer, true);
    Sampler::Hooks hooks;
    hooks.token = [&](size_t, int, TokenId id) { std::cout << stream.push(id) << std::flush; };
    SamplingOptions now = sampling;
    now.step = turn;
    const auto groups = sampler.generate({{prompts.build_messages(messages).ids, 0, 1}}, now, hooks);
    std::cout << stream.finish() << "\n" << std::flush;
    messages.push_back({{"role", "assistant"}, {"content", groups[0].completions[0].text}});
  }
  return 0;
}

}  // namespace r1
