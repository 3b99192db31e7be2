// Completions as R1 writes them: <think>thought</think> <answer>answer</answer>. A prompt may have opened the thought
// already.
#pragma once

#include <string>
#include <string_view>

namespace r1 {

struct ParsedCompletion {
  bool has_thought = false;    // one <think> (or a prefilled one) closed by one </think>
  bool has_answer = false;     // one <answer>...</answer> after the thought (or anywhere, when there is no thought)
  bool thought_first = false;  // nothing but white space before the thought
  bool well_formed = false;    // exactly thought, then answer, and nothing else but white space
  std::string thought;         // trimmed
  std::string answer;          // trimmed
  std::string after_thought;   // what follows </think>; all of the text when there is no thought
};

// `prefilled`: what the prompt ended with, e.g. "<think>\n": it counts as part of the completion.
ParsedCompletion parse_completion(std::string_view completion, std::string_view prefilled);

// R1-Zero's prompt (DeepSeek-R1, table 1; structure of the paper, our wording): a plain dialogue, no chat tokens.
std::string r1_zero_prompt(std::string_view question);

std::string_view trim(std::string_view text);

}  // namespace r1
