#include "trace/self_check.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"
#include "trace/claims.h"
#include "trace/thought.h"

namespace r1 {
namespace {

class Watch {
 public:
  Watch(StepWriter& writer, StepJudge& judge, const SelfCheckOptions& options)
      : writer_(writer), judge_(judge), o_(options) {
    R1_CHECK(options.max_new_tokens >= 1 && options.budget >= 1 && options.tries >= 1);
  }

  SelfChecked run() {
    while (!out_.ended && size() < o_.max_new_tokens && left() > 0) {
      const bool watching = left() >= 2 * most_to_end();  // one more piece, and then to the end
      const auto stop = [&](const std::string& text) { return watching && wants_stop(text); };
      // what is kept is read again, the prompt as well; the first time it is what any sampling reads
      if (draw_ > 0) out_.read += writer_.prompt_size() + size();
      const int64_t most = std::min(o_.max_new_tokens - size(), std::max<int64_t>(left(), 1));
      fallen_.reset();
      StepWriter::Piece piece = writer_.write(out_.ids, draw_++, most, stop);
      if (piece.ids.empty()) break;  // interrupted
      out_.sampled += static_cast<int64_t>(piece.ids.size());
      out_.ids.insert(out_.ids.end(), piece.ids.begin(), piece.ids.end());
      out_.text = writer_.text_of(out_.ids);
      out_.ended = piece.ended;
      if (watching) judge_complete(out_.text, out_.ended);
      if (fallen_) go_back();
    }
    while (judge_.is_free() && out_.steps.size() < split_steps(out_.text).size()) {
      fallen_.reset();  // what has to stay has its value still
      judge_complete(out_.text, true);
    }
    const std::vector<Step> all = split_steps(out_.text);
    for (size_t i = out_.steps.size(); i < all.size(); i++) out_.steps.push_back({all[i], std::nullopt});
    return std::move(out_);
  }

 private:
  int64_t size() const { return static_cast<int64_t>(out_.ids.size()); }
  int64_t left() const { return o_.budget - out_.sampled - out_.read; }
  // What all that the completion may still become takes at most, with what is kept read once more.
  int64_t most_to_end() const { return o_.max_new_tokens + writer_.prompt_size(); }

  bool wants_stop(const std::string& text) {
    if (!judge_.is_free()) return split_steps(text).size() > out_.steps.size() + 1;
    judge_complete(text, false);
    return fallen_.has_value();
  }

  // Judges the steps that are complete and were not judged yet, up to one that falls.
  void judge_complete(const std::string& text, bool ended) {
    const std::vector<Step> steps = split_steps(text);
    const size_t complete = ended ? steps.size() : steps.empty() ? 0 : steps.size() - 1;
    std::vector<std::string> texts;
    for (size_t i = 0; i < complete; i++) texts.push_back(text.substr(steps[i].from, steps[i].to - steps[i].from));
    for (size_t i = out_.steps.size(); i < complete && !fallen_; i++) {
      const std::vector<std::string> upto(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      const std::string so_far = text.substr(0, steps[i].to);
      const bool costs = !judge_.is_free();
      const std::vector<TokenId> ids = costs ? writer_.cut(out_.ids, out_.text, steps[i].to) : std::vector<TokenId>();
      const int64_t spare = left() - most_to_end();
      const JudgedStep j = judge_.judge({upto, ids, so_far, ended && i + 1 == complete, spare});
      out_.sampled += j.sampled;
      out_.read += j.read;
      out_.steps.push_back({steps[i], j.value});
      if (j.falls) fallen_ = i;
    }
  }

  void go_back() {
    size_t step = *fallen_;
    if (left() < most_to_end()) return;  // it has to stay
    failures_.resize(std::max(failures_.size(), step + 1));
    while (++failures_[step] >= o_.tries && step > 0) failures_[step--] = 0;
    const CheckedStep& fallen = out_.steps[*fallen_];
    out_.dropped.push_back(
        {*fallen_, out_.text.substr(fallen.range.from, fallen.range.to - fallen.range.from), fallen.value.value_or(0)});
    const size_t bytes = out_.steps[step].range.from;
    out_.ids = writer_.cut(out_.ids, out_.text, bytes);
    out_.text = out_.text.substr(0, bytes);
    out_.steps.resize(step);
    out_.ended = false;
    judge_.forget(step);
  }

  StepWriter& writer_;
  StepJudge& judge_;
  const SelfCheckOptions& o_;
  SelfChecked out_;
  uint32_t draw_ = 0;
  std::vector<int> failures_;  // a step
  std::optional<size_t> fallen_;
};

}  // namespace

SelfChecked self_check(StepWriter& writer, StepJudge& judge, const SelfCheckOptions& options) {
  return Watch(writer, judge, options).run();
}

JudgedStep ClaimJudge::judge(const StepPlace& place) {
  const Truth truth = check_claims(place.steps.back());
  if (truth == Truth::none) return {};
  return {truth == Truth::right ? 1.0 : 0.0, truth == Truth::wrong};
}

JudgedStep GradeJudge::judge(const StepPlace& place) {
  const size_t step = place.steps.size() - 1;
  const auto [right, wrong] = grade_questions(problem_, place.steps, step);
  const auto reads = static_cast<int64_t>(grader_.render(right).size() + grader_.render(wrong).size());
  if (reads > place.left) return {};
  const double value = grades_of(grade_logits(problem_, place.steps, grader_, step), scale_).right[0];
  return {value, value < threshold_, 0, reads};
}

std::string AgreementJudge::consensus() const {
  std::string best;
  int most = 0;
  for (const auto& [answer, votes] : votes_)
    if (votes > most) most = votes, best = answer;
  return best;
}

// Adds to the votes; the share that agrees with most.
double AgreementJudge::sample(const std::vector<TokenId>& ids, const std::string& text, int64_t left, JudgedStep& out) {
  const int64_t most = std::min(max_new_tokens_ - static_cast<int64_t>(ids.size()), left / rollouts_);
  if (most < 1) return -1;
  const Continued c = go_on_(ids, rollouts_, most, draw_++);
  out.sampled += c.sampled;
  out.read += c.read;
  std::vector<std::string> answers;
  for (const std::string& t : c.texts) {
    answers.push_back(read_(text + t));
    if (!answers.back().empty()) votes_[answers.back()]++;
  }
  const std::string agreed = consensus();
  if (agreed.empty() || answers.empty()) return -1;
  return static_cast<double>(std::count(answers.begin(), answers.end(), agreed)) / static_cast<double>(answers.size());
}

JudgedStep AgreementJudge::judge(const StepPlace& place) {
  constexpr double kFall = 0.5;
  JudgedStep out;
  if (values_.empty()) values_.push_back(sample({}, "", place.left, out));
  double value = -1;
  if (place.ended) {
    const std::string answer = read_(place.text), agreed = consensus();
    if (!agreed.empty()) value = answer == agreed ? 1 : 0;
  } else {
    value = sample(place.ids, place.text, place.left - out.sampled - out.read, out);
  }
  const double before = values_.back();
  values_.push_back(value >= 0 ? value : before);
  if (value < 0) return out;
  out.value = value;
  out.falls = before > 0 && value <= kFall * before;
  return out;
}

void AgreementJudge::forget(size_t kept) { values_.resize(std::min(values_.size(), kept + 1)); }

StepWriter::Piece SampledWriter::write(const std::vector<TokenId>& kept, uint32_t draw, int64_t most,
                                       const std::function<bool(const std::string& text)>& stop) {
  std::vector<TokenId> ids = prompt_;
  ids.insert(ids.end(), kept.begin(), kept.end());
  StreamDecoder stream(tokenizer_, true);
  std::string text;
  for (TokenId id : kept) text += stream.push(id);
  SamplingOptions options = options_;
  options.step += draw;
  options.max_new_tokens = most;
  bool stopped = false;
  Piece out;
  Sampler::Hooks hooks;
  hooks.cancelled = [&] { return stopped || interrupted(); };
  hooks.token = [&](size_t, int, TokenId id) {
    if (stopped) return;
    out.ids.push_back(id);
    const std::string more = stream.push(id);
    text += more;
    if (!more.empty()) stopped = stop(text);
  };
  const Completion c = sampler_.generate({{ids, index_, 1}}, options, hooks)[0].completions[0];
  if (interrupted()) return {};
  if (c.ids.empty()) return out;  // stopped before its end
  return {c.ids, c.finish == FinishReason::stop};
}

std::string SampledWriter::text_of(const std::vector<TokenId>& ids) {
  StreamDecoder stream(tokenizer_, true);
  std::string out;
  for (TokenId id : ids) out += stream.push(id);
  return out + stream.finish();
}

std::vector<TokenId> SampledWriter::cut(const std::vector<TokenId>& ids, const std::string& text, size_t bytes) {
  return first_ids(*tokenizer_, ids, text, bytes);
}

AgreementJudge::Continued SampledWriter::continued(const std::vector<TokenId>& ids, int count, int64_t most,
                                                   uint32_t draw) {
  constexpr uint32_t kJudges = 1u << 20;  // draws of judges, apart from the writer's
  AgreementJudge::Continued out;
  std::vector<TokenId> all = prompt_;
  all.insert(all.end(), ids.begin(), ids.end());
  SamplingOptions options = options_;
  options.step += kJudges + draw;
  options.max_new_tokens = most;
  Sampler::Hooks hooks;
  hooks.cancelled = interrupted;
  out.read = static_cast<int64_t>(all.size());
  const std::vector<Group> groups = sampler_.generate({{all, index_, count}}, options, hooks);
  for (const Completion& c : groups[0].completions) {
    out.texts.push_back(c.text);
    out.sampled += static_cast<int64_t>(c.ids.size());
  }
  return out;
}

}  // namespace r1
