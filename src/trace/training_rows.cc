#include "trace/training_rows.h"

#include <algorithm>

#include "base/error.h"
#include "trace/self_grade.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

bool closes_thought(const std::string& step) {
  return step.find("</think>") != std::string::npos || step.find("<answer>") != std::string::npos;
}

Json continued_row(const Thought& t, const std::string& prefix, const std::string& rest, const RepairEncoder& encoder) {
  std::vector<TokenId> ids = t.prompt_ids;
  for (TokenId id : encoder.encode(prefix)) ids.push_back(id);
  std::vector<int32_t> labels(ids.size(), -100);
  std::vector<TokenId> learned = encoder.encode(rest);
  if (encoder.end >= 0) learned.push_back(encoder.end);
  ids.insert(ids.end(), learned.begin(), learned.end());
  labels.insert(labels.end(), learned.begin(), learned.end());
  return {{"input_ids", ids}, {"labels", labels}};
}

// What is written behind the wrong step: its thought is open by then and is not opened again.
std::string without_opening(const std::string& mended) {
  static const std::string kOpening = "<think>";
  const size_t at = mended.find_first_not_of(" \n\t");
  if (at == std::string::npos || mended.compare(at, kOpening.size(), kOpening) != 0) return mended;
  const size_t behind = mended.find_first_not_of(" \n\t", at + kOpening.size());
  return behind == std::string::npos ? "" : mended.substr(behind);
}

}  // namespace

RepairRows repair_rows(const Json& asked, const Thought& t, const Repair& repair, const std::string& by,
                       const RepairEncoder& encoder) {
  R1_CHECK(repair.right && repair.step < t.steps.size());
  const std::string prefix = t.completion.substr(0, t.steps[repair.step].from), wrong = t.text_of(repair.step);
  const std::string mended = repair.right_step + repair.rest;
  RepairRows out;
  out.record = {{"prompt", asked},
                {"prefix", prefix},
                {"wrong_step", wrong},
                {"right_step", repair.right_step},
                {"rest", repair.rest},
                {"step", repair.step},
                {"by", by}};
  out.continued = continued_row(t, prefix, mended, encoder);
  if (!closes_thought(wrong)) {
    const bool blank = !wrong.empty() && (wrong.back() == ' ' || wrong.back() == '\n');
    out.corrected = {
        {"prompt", asked},
        {"completion", prefix + wrong + (blank ? "" : " ") + "Wait, that is wrong: " + without_opening(mended)}};
  }
  if (repair.right_step != wrong)
    out.preferred = {{"prompt", asked}, {"chosen", prefix + repair.right_step}, {"rejected", prefix + wrong}};
  return out;
}

std::vector<Truth> agreed_truths(const std::vector<Truth>& exact, const Opinion& monte_carlo, bool ends_right) {
  std::vector<Truth> out(exact.size(), Truth::none);
  const auto wrong = std::find(exact.begin(), exact.end(), Truth::wrong);
  const auto first = static_cast<size_t>(wrong - exact.begin());
  const bool none = wrong == exact.end();
  const bool agree =
      ends_right ? none : !none && monte_carlo.speaks && monte_carlo.first && monte_carlo.first->step == first;
  if (!agree) return out;
  for (size_t i = 0; i < first; i++)
    if (exact[i] == Truth::right) out[i] = Truth::right;
  if (!none) out[first] = Truth::wrong;
  return out;
}

void add_critic_rows(const std::string& problem, const std::vector<std::string>& steps,
                     const std::vector<Truth>& truths, CriticRows& rows) {
  R1_CHECK(steps.size() == truths.size());
  for (size_t i = 0; i < steps.size(); i++) {
    if (truths[i] == Truth::none) continue;
    const bool right = truths[i] == Truth::right;
    const auto [is_right, is_wrong] = grade_questions(problem, steps, i);
    std::vector<Json>& out = right ? rows.right : rows.wrong;
    out.push_back({{"prompt", is_right}, {"completion", right ? "yes" : "no"}});
    out.push_back({{"prompt", is_wrong}, {"completion", right ? "no" : "yes"}});
  }
}

std::vector<Json> balanced(const CriticRows& rows) {
  std::vector<Json> out;
  const size_t pairs = std::min(rows.right.size(), rows.wrong.size()) / 2;
  for (size_t k = 0; k < pairs; k++)
    for (const std::vector<Json>* side : {&rows.wrong, &rows.right}) {
      const size_t at = k * (side->size() / 2) / pairs * 2;  // both phrasings of one step stay together
      out.push_back((*side)[at]);
      out.push_back((*side)[at + 1]);
    }
  return out;
}

}  // namespace r1
