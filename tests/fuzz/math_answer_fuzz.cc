// The reader of mathematical answers. The first line of the input is the reference, the rest is the completion. What is
// read must be bounded in time (the fuzzer's own limit), equal to itself, and never a failed verdict for the
// completion's sake. Works in memory.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "reward/answer_reading.h"
#include "reward/math_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(text.find('\n'), text.size());
  const std::string reference = text.substr(0, line), completion = text.substr(std::min(line + 1, text.size()));
  const r1::Verdict v = r1::judge_math(completion, "", reference);
  const bool failed = v.outcome == r1::Outcome::failed;
  if (failed != (r1::judge_math("\\boxed{31337}", "", reference).outcome == r1::Outcome::failed)) std::abort();
  if (v.outcome == r1::Outcome::correct && v.extracted.empty()) std::abort();
  if (v.outcome == r1::Outcome::correct && v.score != 1) std::abort();
  // an answer that offers something beside the right one is not right
  if (!failed &&
      r1::judge_math(completion + "\n\\boxed{31337} or \\boxed{31338}", "", reference).outcome == r1::Outcome::correct)
    std::abort();
  const r1::Answer read = r1::read_answer(completion);
  if (read.kind == r1::Answer::Kind::formula && r1::num_nodes(read.tree) > 4000) std::abort();
  return 0;
}
