// A thought that watches itself while it is sampled: each step that is complete is judged, and where one falls,
// sampling goes back to the last good step and on from there by other draws. A step that falls again and again takes
// the one before it along. All tokens are counted, those thrown away and those read again among them.
//
// The budget is kept: what is left always suffices to end the completion, so that going back, and judging where it
// costs, stop early enough. Judges here need no reference answer.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rollout/sampler.h"
#include "text/steps.h"
#include "trace/self_grade.h"

namespace r1 {

class StepWriter {
 public:
  struct Piece {
    std::vector<TokenId> ids;
    bool ended = false;  // by an end token or stop text
  };
  virtual ~StepWriter() = default;
  // Goes on behind the completion's ids `kept` for at most `most` tokens; another `draw`, other tokens. `stop` is asked
  // after each token about the whole text so far; true: enough.
  virtual Piece write(const std::vector<TokenId>& kept, uint32_t draw, int64_t most,
                      const std::function<bool(const std::string& text)>& stop) = 0;
  virtual std::string text_of(const std::vector<TokenId>& ids) = 0;
  // As first_ids() of trace/thought.h.
  virtual std::vector<TokenId> cut(const std::vector<TokenId>& ids, const std::string& text, size_t bytes) = 0;
  virtual int64_t prompt_size() const = 0;
};

struct JudgedStep {
  std::optional<double> value;  // 0 to 1; nullopt: nothing can be said
  bool falls = false;
  int64_t sampled = 0, read = 0;  // tokens that took
};
struct StepPlace {
  const std::vector<std::string>& steps;  // the last one is judged
  const std::vector<TokenId>& ids;        // of them all
  const std::string& text;                // the same
  bool ended = false;                     // the completion ends with it
  int64_t left = 0;                       // tokens that may be spent
};
class StepJudge {
 public:
  virtual ~StepJudge() = default;
  virtual bool is_free() const = 0;  // takes no tokens: steps are judged without stopping
  virtual JudgedStep judge(const StepPlace& place) = 0;
  // Sampling went back: the judged steps behind the first `kept` count no more.
  virtual void forget(size_t /*kept*/) {}
};

struct SelfCheckOptions {
  int64_t max_new_tokens = 256;  // of the completion
  int64_t budget = 0;            // of all tokens; at least max_new_tokens
  int tries = 4;                 // at one step before the step before it is sampled anew too
};

struct CheckedStep {
  Step range;  // of the text
  std::optional<double> value;
};
struct DroppedStep {
  size_t step = 0;
  std::string text;
  double value = 0;
};
struct SelfChecked {
  std::vector<TokenId> ids;
  std::string text;
  std::vector<CheckedStep> steps;
  std::vector<DroppedStep> dropped;  // those that fell and were sampled anew, in order
  int64_t sampled = 0, read = 0;     // tokens
  bool ended = false;
};
SelfChecked self_check(StepWriter& writer, StepJudge& judge, const SelfCheckOptions& options);

// Falls where an arithmetic claim is wrong (claims.h).
class ClaimJudge : public StepJudge {
 public:
  bool is_free() const override { return true; }
  JudgedStep judge(const StepPlace& place) override;
};

// Falls where the model's own grade is below the threshold.
class GradeJudge : public StepJudge {
 public:
  GradeJudge(std::string problem, Grader grader, GradeScale scale, double threshold)
      : problem_(std::move(problem)), grader_(std::move(grader)), scale_(scale), threshold_(threshold) {}
  bool is_free() const override { return false; }
  JudgedStep judge(const StepPlace& place) override;

 private:
  std::string problem_;
  Grader grader_;
  GradeScale scale_;
  double threshold_;
};

// Monte Carlo without a reference: the value of a beginning is the share of its continuations that come to the answer
// that most continuations so far came to. Falls where it is at most half of what it was before the step.
class AgreementJudge : public StepJudge {
 public:
  struct Continued {
    std::vector<std::string> texts;  // behind the completion so far
    int64_t sampled = 0, read = 0;
  };
  // `count` continuations of the completion's ids of at most `most` tokens each.
  using Continue = std::function<Continued(const std::vector<TokenId>& ids, int count, int64_t most, uint32_t draw)>;
  using ReadAnswer = std::function<std::string(const std::string& completion)>;  // empty: none
  AgreementJudge(Continue go_on, ReadAnswer read, int rollouts, int64_t max_new_tokens)
      : go_on_(std::move(go_on)), read_(std::move(read)), rollouts_(rollouts), max_new_tokens_(max_new_tokens) {}
  bool is_free() const override { return false; }
  JudgedStep judge(const StepPlace& place) override;
  void forget(size_t kept) override;

 private:
  double sample(const std::vector<TokenId>& ids, const std::string& text, int64_t left, JudgedStep& out);
  std::string consensus() const;

  Continue go_on_;
  ReadAnswer read_;
  int rollouts_;
  int64_t max_new_tokens_;
  uint32_t draw_ = 0;
  std::map<std::string, int> votes_;
  std::vector<double> values_;  // of the prompt, then of each kept step
};

// Writes by a model. Borrows all; `options`: step is the first draw's.
class SampledWriter : public StepWriter {
 public:
  SampledWriter(Sampler& sampler, std::shared_ptr<const Tokenizer> tokenizer, std::vector<TokenId> prompt,
                int64_t index, const SamplingOptions& options)
      : sampler_(sampler),
        tokenizer_(std::move(tokenizer)),
        prompt_(std::move(prompt)),
        index_(index),
        options_(options) {}
  Piece write(const std::vector<TokenId>& kept, uint32_t draw, int64_t most,
              const std::function<bool(const std::string& text)>& stop) override;
  std::string text_of(const std::vector<TokenId>& ids) override;
  std::vector<TokenId> cut(const std::vector<TokenId>& ids, const std::string& text, size_t bytes) override;
  int64_t prompt_size() const override { return static_cast<int64_t>(prompt_.size()); }
  // For AgreementJudge.
  AgreementJudge::Continued continued(const std::vector<TokenId>& ids, int count, int64_t most, uint32_t draw);

 private:
  Sampler& sampler_;
  std::shared_ptr<const Tokenizer> tokenizer_;  // shared with the sampler
  std::vector<TokenId> prompt_;
  int64_t index_;
  SamplingOptions options_;
};

}  // namespace r1
