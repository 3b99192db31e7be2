#include "rollout/sampler.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "base/error.h"

namespace r1 {
namespace {

constexpr int64_t kMostNewTokens = 1 << 20;  // what a draw's counter has room for

// A prompt in flight: its keys exist once, its last hidden row starts every sample.
struct LivePrompt {
  size_t request = 0;
  std::vector<int32_t> pages;
  std::vector<char> last_hidden;  // one row of the head's input
  int next_sample = 0;
  int live_samples = 0;
};

struct LiveSample {
  LivePrompt* prompt = nullptr;
  int sample = 0;
  std::vector<int32_t> pages;  // from the block that holds the first completion position
  std::vector<TokenId> ids;
  std::vector<float> behavior_logp, sampling_logp;
  std::vector<uint8_t> learn;  // as Completion's
  std::string text;            // of the turn, decoded so far, kept only when there are stop texts
  size_t checked = 0;          // tokens already looked at for an end
  size_t fed = 0;              // tokens whose keys are in the cache
  size_t turn_begin = 0;
  bool over = false, stopped = false, end_token = false;
};

}  // namespace

// One call of generate().
struct Sampler::Run {
  Run(Sampler& s, const std::vector<PromptRequest>& r, const SamplingOptions& o, const Hooks& h)
      : sampler(s), model(s.model_), requests(r), options(o), hooks(h) {
    row_bytes = static_cast<size_t>(model.config().width) * dtype_size(model.compute().operand);
    stop_ids = options.stop_ids;
    if (!options.ignore_eos)
      stop_ids.insert(stop_ids.end(), model.config().eos_ids.begin(), model.config().eos_ids.end());
  }

  int64_t new_token_limit(size_t request) const {
    const int64_t room = model.config().max_positions - static_cast<int64_t>(requests[request].ids.size());
    const int64_t own = requests[request].max_new_tokens;
    return std::min({options.max_new_tokens, room, own > 0 ? own : room});
  }
  int64_t sample_pages(size_t request) const {
    const int64_t start = static_cast<int64_t>(requests[request].ids.size());
    return KvCache::pages_between(start, start + new_token_limit(request));
  }

  // Admits prompts while there are pages for them and for their samples, and prefills them together.
  void admit_prompts() {
    std::vector<LivePrompt*> fresh;
    while (next_request < requests.size() &&
           waiting_samples() < sampler.limits_.max_active - static_cast<int64_t>(active.size())) {
      const PromptRequest& request = requests[next_request];
      const int64_t pages = KvCache::pages_between(0, static_cast<int64_t>(request.ids.size()));
      if (sampler.cache_->free_pages() < pages + sample_pages(next_request)) break;
      prompts.push_back({.request = next_request, .pages = sampler.cache_->take(pages), .last_hidden = {}});
      fresh.push_back(&prompts.back());
      next_request++;
    }
    prefill(fresh);
  }

  int64_t waiting_samples() const {
    int64_t n = 0;
    for (const LivePrompt& p : prompts) n += requests[p.request].samples - p.next_sample;
    return n;
  }

  // Packs prompts into passes of at most prefill_rows rows; a longer prompt is cut into pieces.
  void prefill(const std::vector<LivePrompt*>& fresh) {
    Batch batch;
    batch.independent = true;
    std::vector<int64_t> selected;
    std::vector<LivePrompt*> owners;
    const auto flush = [&] {
      if (batch.rows() == 0) return;
      const Operand hidden = model.forward(batch, selected, *sampler.cache_, *sampler.workspace_);
      for (size_t i = 0; i < owners.size(); i++) {
        const char* row = static_cast<const char*>(hidden.row(static_cast<int64_t>(i)));
        owners[i]->last_hidden.assign(row, row + row_bytes);
      }
      batch.ids.clear();
      batch.positions.clear();
      batch.runs.clear();
      selected.clear();
      owners.clear();
    };
    for (LivePrompt* prompt : fresh) {
      const std::vector<TokenId>& ids = requests[prompt->request].ids;
      const int64_t length = static_cast<int64_t>(ids.size());
      for (int64_t start = 0; start < length;) {
        if (batch.rows() == sampler.limits_.prefill_rows) flush();
        const int64_t rows = std::min(length - start, sampler.limits_.prefill_rows - batch.rows());
        batch.runs.push_back({.row = batch.rows(), .rows = rows, .start = start, .own_pages = prompt->pages.data()});
        for (int64_t r = start; r < start + rows; r++) {
          batch.ids.push_back(ids[static_cast<size_t>(r)]);
          batch.positions.push_back(static_cast<int32_t>(r));
        }
        start += rows;
        if (start == length) {
          selected.push_back(batch.rows() - 1);
          owners.push_back(prompt);
        }
      }
    }
    flush();
  }

  // Starts samples of prefilled prompts in free slots, drawing their first tokens together; says how many.
  size_t start_samples() {
    std::vector<size_t> started;
    for (LivePrompt& prompt : prompts) {
      while (static_cast<int64_t>(active.size()) < sampler.limits_.max_active &&
             prompt.next_sample < requests[prompt.request].samples &&
             sampler.cache_->free_pages() >= sample_pages(prompt.request)) {
        active.push_back({.prompt = &prompt,
                          .sample = prompt.next_sample++,
                          .pages = sampler.cache_->take(sample_pages(prompt.request)),
                          .ids = {},
                          .behavior_logp = {},
                          .sampling_logp = {},
                          .learn = {},
                          .text = {}});
        prompt.live_samples++;
        started.push_back(active.size() - 1);
      }
    }
    if (started.empty()) return 0;
    Tensor hidden(model.compute().operand, bucket_rows(static_cast<int64_t>(started.size())), model.config().width);
    for (size_t i = 0; i < started.size(); i++)
      std::copy_n(active[started[i]].prompt->last_hidden.data(), row_bytes,
                  static_cast<char*>(hidden.raw()) + i * row_bytes);
    draw({hidden.raw(), hidden.dtype(), static_cast<int64_t>(started.size()), hidden.cols()}, started);
    return started.size();
  }

  // Feeds every live sample what it has not seen (its last token, or an environment's words behind it) and draws the
  // next. Long words take several passes where the rows of one do not hold them.
  void decode() {
    Batch batch;
    batch.independent = true;
    std::vector<int64_t> selected;
    std::vector<size_t> who;
    size_t spare = static_cast<size_t>(sampler.workspace_->rows()) - active.size();  // beside a row for each
    for (size_t i = 0; i < active.size(); i++) {
      LiveSample& s = active[i];
      const size_t rows = std::min(s.ids.size() - s.fed, 1 + spare);
      spare -= rows - 1;
      const int64_t prompt_length = static_cast<int64_t>(requests[s.prompt->request].ids.size());
      const int64_t start = prompt_length + static_cast<int64_t>(s.fed);
      batch.runs.push_back({.row = batch.rows(),
                            .rows = static_cast<int64_t>(rows),
                            .start = start,
                            .prefix_pages = s.prompt->pages.data(),
                            .prefix_length = prompt_length,
                            .own_pages = s.pages.data()});
      for (size_t r = 0; r < rows; r++) {
        batch.ids.push_back(s.ids[s.fed + r]);
        batch.positions.push_back(static_cast<int32_t>(start + static_cast<int64_t>(r)));
      }
      s.fed += rows;
      if (s.fed < s.ids.size()) continue;
      selected.push_back(batch.rows() - 1);
      who.push_back(i);
    }
    const Operand hidden = model.forward(batch, selected, *sampler.cache_, *sampler.workspace_);
    if (!who.empty()) draw(hidden, who);
  }

  void draw(Operand hidden, const std::vector<size_t>& who) {
    std::vector<SampleSpec> specs;
    for (size_t i : who) {
      const LiveSample& s = active[i];
      specs.push_back({.temperature = options.temperature,
                       .top_k = options.top_k,
                       .top_p = options.top_p,
                       .min_p = options.min_p,
                       .place = {.seed = options.seed,
                                 .stage = Stage::sampling,
                                 .step = options.step,
                                 .prompt = static_cast<uint32_t>(requests[s.prompt->request].index),
                                 .sample = static_cast<uint32_t>(s.sample),
                                 .token = static_cast<uint32_t>(s.ids.size())}});
    }
    std::vector<SampledToken> tokens(who.size());
    model.head().sample(hidden, specs, tokens.data());
    for (size_t i = 0; i < who.size(); i++) {
      LiveSample& s = active[who[i]];
      s.ids.push_back(tokens[i].id);
      s.behavior_logp.push_back(tokens[i].logp);
      s.sampling_logp.push_back(tokens[i].sampling_logp);
      if (!s.learn.empty()) s.learn.push_back(1);
      if (hooks.token) hooks.token(s.prompt->request, s.sample, tokens[i].id);
    }
  }

  bool ends_with_stop(LiveSample& s) const {
    const TokenId id = s.ids.back();
    s.end_token = std::find(stop_ids.begin(), stop_ids.end(), id) != stop_ids.end();
    if (s.end_token) return true;
    if (options.stop_texts.empty()) return false;
    s.text += sampler.tokenizer_->token_bytes(id);
    return std::any_of(options.stop_texts.begin(), options.stop_texts.end(),
                       [&](const std::string& stop) { return s.text.find(stop) != std::string::npos; });
  }

  // Looks at the new tokens: which samples are over, and which turns.
  void find_ends() {
    std::vector<size_t> turns;
    for (size_t i = 0; i < active.size(); i++) {
      LiveSample& s = active[i];
      if (s.checked == s.ids.size()) continue;
      s.checked = s.ids.size();
      s.stopped = ends_with_stop(s);
      const bool full = static_cast<int64_t>(s.ids.size()) >= new_token_limit(s.prompt->request);
      const bool turn_full =
          options.max_turn_tokens > 0 && static_cast<int64_t>(s.ids.size() - s.turn_begin) >= options.max_turn_tokens;
      if (hooks.turns && (s.stopped || (turn_full && !full)))
        turns.push_back(i);
      else
        s.over = s.stopped || full;
    }
    if (!turns.empty()) end_turns(turns);
  }

  void end_turns(const std::vector<size_t>& who) {
    std::vector<TurnEnd> ends;
    for (size_t i : who) {
      const LiveSample& s = active[i];
      const std::vector<TokenId> ids(s.ids.begin() + static_cast<std::ptrdiff_t>(s.turn_begin), s.ids.end());
      ends.push_back({.request = s.prompt->request,
                      .sample = s.sample,
                      .last = s.ids.back(),
                      .text = sampler.tokenizer_ ? sampler.tokenizer_->decode(ids, true) : "",
                      .stopped = s.stopped,
                      .end_token = s.end_token});
    }
    const std::vector<TurnReply> replies = hooks.turns(ends);
    R1_CHECK(replies.size() == who.size(), "{} replies to {} turns", replies.size(), who.size());
    for (size_t i = 0; i < who.size(); i++) go_on(active[who[i]], replies[i]);
  }

  void go_on(LiveSample& s, const TurnReply& reply) {
    const size_t limit = static_cast<size_t>(new_token_limit(s.prompt->request));
    const bool fits = s.ids.size() + reply.ids.size() < limit;
    s.stopped = reply.done;
    s.over = reply.done || !fits;
    if (s.over) return;
    s.learn.resize(s.ids.size(), 1);
    s.learn.resize(s.ids.size() + reply.ids.size(), 0);
    for (TokenId id : reply.ids) {
      R1_CHECK(id >= 0 && id < model.config().vocabulary, "an environment's token {} is outside the vocabulary", id);
      s.ids.push_back(id);
      s.behavior_logp.push_back(0);
      s.sampling_logp.push_back(0);
    }
    s.turn_begin = s.checked = s.ids.size();
    s.text.clear();
  }

  // The text of what the model itself wrote.
  std::string text_of(const Completion& c) const {
    if (!sampler.tokenizer_) return "";
    if (c.learn.empty()) return sampler.tokenizer_->decode(c.ids, true);
    std::vector<TokenId> own;
    for (size_t i = 0; i < c.ids.size(); i++)
      if (c.learned(i)) own.push_back(c.ids[i]);
    return sampler.tokenizer_->decode(own, true);
  }

  // Takes finished samples out of their slots.
  void retire(std::vector<Group>& groups) {
    find_ends();
    for (size_t i = 0; i < active.size();) {
      LiveSample& s = active[i];
      if (!s.over) {
        i++;
        continue;
      }
      LivePrompt* prompt = s.prompt;
      Completion done(std::move(s.ids), std::move(s.behavior_logp), std::move(s.sampling_logp),
                      s.stopped ? FinishReason::stop : FinishReason::length);
      done.set_learn(std::move(s.learn));
      done.text = text_of(done);
      sampler.cache_->give_back(s.pages);
      prompt->live_samples--;
      Completion& slot = groups[prompt->request].completions[static_cast<size_t>(s.sample)];
      slot = std::move(done);
      if (hooks.finished) hooks.finished(prompt->request, s.sample, slot);
      if (prompt->live_samples == 0 && prompt->next_sample == requests[prompt->request].samples)
        sampler.cache_->give_back(prompt->pages);
      active.erase(active.begin() + static_cast<std::ptrdiff_t>(i));
    }
    while (!prompts.empty() && prompts.front().pages.empty()) prompts.pop_front();
  }

  Sampler& sampler;
  const Transformer& model;
  const std::vector<PromptRequest>& requests;
  const SamplingOptions& options;
  const Hooks& hooks;
  size_t row_bytes = 0;
  std::vector<TokenId> stop_ids;
  size_t next_request = 0;
  std::deque<LivePrompt> prompts;  // addresses stay valid while others come and go at the ends
  std::vector<LiveSample> active;
};

Sampler::Sampler(const Transformer& model, std::shared_ptr<const Tokenizer> tokenizer, SamplerLimits limits)
    : model_(model),
      tokenizer_(std::move(tokenizer)),
      limits_(limits),
      workspace_(std::make_unique<Workspace>(model.compute(), model.config(),
                                             std::max(limits.prefill_rows, limits.max_active),
                                             std::max(limits.prefill_rows, limits.max_active), ModelUse::inference)) {}
Sampler::~Sampler() = default;

size_t Sampler::planned_bytes(const Compute& compute, const ModelConfig& config, const SamplerLimits& limits,
                              const SamplingLoad& load) {
  const int64_t rows = std::max(limits.prefill_rows, limits.max_active),
                fresh = std::min(load.max_new_tokens, std::max<int64_t>(1, config.max_positions - load.longest_prompt)),
                together = std::min(limits.max_active, load.samples), prompts = std::min(together, load.prompts);
  const int64_t start = load.one_length ? load.longest_prompt : kPageSize - 1;
  const int64_t pages = prompts * KvCache::pages_between(0, load.longest_prompt) +
                        together * KvCache::pages_between(start, start + fresh);
  return static_cast<size_t>(pages) * KvCache::page_bytes(compute, config) +
         Workspace::bytes(compute, config, rows, rows, ModelUse::inference);
}

size_t Sampler::planned_bytes(int64_t longest_prompt, int64_t max_new_tokens) const {
  return planned_bytes(model_.compute(), model_.config(), limits_,
                       {.prompts = limits_.max_active,
                        .samples = limits_.max_active,
                        .longest_prompt = longest_prompt,
                        .max_new_tokens = max_new_tokens,
                        .one_length = false});
}

size_t Sampler::allocated_bytes() const {
  const int64_t rows = workspace_->rows();
  return Workspace::bytes(model_.compute(), model_.config(), rows, rows, ModelUse::inference) + cache_bytes_;
}

namespace {
void check_options(const SamplingOptions& o, bool has_tokenizer) {
  if (!std::isfinite(o.temperature) || o.temperature < 0)
    fail_usage("temperature={}: expected 0 (arg-max) or a positive number", o.temperature);
  if (o.top_k < 0) fail_usage("top_k={}: expected 0 (off) or a positive number", o.top_k);
  if (!(o.top_p > 0 && o.top_p <= 1)) fail_usage("top_p={}: expected a number above 0, up to 1 (off)", o.top_p);
  if (!(o.min_p >= 0 && o.min_p <= 1)) fail_usage("min_p={}: expected a number from 0 (off) to 1", o.min_p);
  if (o.max_new_tokens < 1 || o.max_new_tokens > kMostNewTokens)
    fail_usage("{} new tokens a completion: expected 1 to {}", o.max_new_tokens, kMostNewTokens);
  if (o.max_turn_tokens < 0) fail_usage("max_turn_tokens is {}, expected 0 (no limit) or more", o.max_turn_tokens);
  for (const std::string& stop : o.stop_texts)
    if (stop.empty()) fail_usage("a stop text is empty: every sample would end at once");
  R1_CHECK(o.stop_texts.empty() || has_tokenizer, "stop texts need a tokenizer");
  R1_CHECK(o.step < (1u << 24), "step {}", o.step);  // the counter of a draw has 24 bits for it
}
}  // namespace

std::vector<Group> Sampler::generate(const std::vector<PromptRequest>& requests, const SamplingOptions& options,
                                     const Hooks& hooks) {
  check_options(options, tokenizer_ != nullptr);
  const std::shared_ptr<void> freed_last(nullptr, [this](void*) { cache_.reset(); });
  Run run(*this, requests, options, hooks);
  std::vector<Group> groups;
  int64_t prompt_pages = 0, widest = 0, samples = 0;
  for (size_t i = 0; i < requests.size(); i++) {
    const int64_t length = static_cast<int64_t>(requests[i].ids.size());
    if (length == 0) fail("prompt {} is empty: it has no tokens", i);
    if (run.new_token_limit(i) < 1)
      fail("prompt {} has {} tokens; the model's context is {}", i, length, model_.config().max_positions);
    for (TokenId id : requests[i].ids)
      if (id < 0 || id >= model_.config().vocabulary)
        fail("prompt {}: token id {} is outside the vocabulary of {}", i, id, model_.config().vocabulary);
    prompt_pages = std::max(prompt_pages, KvCache::pages_between(0, length));
    widest = std::max(widest, run.sample_pages(i));
    R1_CHECK(requests[i].samples >= 1);
    samples += requests[i].samples;
    groups.push_back({.prompt_ids = requests[i].ids,
                      .prompt_index = requests[i].index,
                      .completions = std::vector<Completion>(static_cast<size_t>(requests[i].samples)),
                      .advantages = {}});
  }
  const int64_t together = std::min(limits_.max_active, samples),
                prompts = std::min<int64_t>(together, static_cast<int64_t>(requests.size()));
  const int32_t pages = static_cast<int32_t>(together * widest + prompts * prompt_pages);
  cache_ = std::make_unique<KvCache>(model_.compute(), model_.config(), pages);
  cache_bytes_ = std::max(cache_bytes_, cache_->bytes());
  while (run.next_request < requests.size() || run.waiting_samples() > 0 || !run.active.empty()) {
    if (hooks.cancelled && hooks.cancelled()) break;
    run.admit_prompts();
    const size_t started = run.start_samples();
    run.retire(groups);  // a first token may end a sample
    if (run.active.empty()) {
      R1_CHECK(started > 0, "no sample could start: {} free pages", cache_->free_pages());
      continue;
    }
    run.decode();
    run.retire(groups);
  }
  return groups;
}

}  // namespace r1
