#include "text/thinking.h"

namespace r1 {
namespace {

size_t count_of(std::string_view text, std::string_view part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) n++;
  return n;
}

// The text between one opening and one closing tag; false when either is missing, repeated or out of order.
bool between(std::string_view text, std::string_view open, std::string_view close, size_t& begin, size_t& end) {
  if (count_of(text, open) != 1 || count_of(text, close) != 1) return false;
  begin = text.find(open) + open.size();
  end = text.find(close);
  return begin <= end;
}

}  // namespace

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

ParsedCompletion parse_completion(std::string_view completion, std::string_view prefilled) {
  const std::string whole = std::string(prefilled) + std::string(completion);
  ParsedCompletion out;
  size_t begin = 0, end = 0;
  out.has_thought = between(whole, "<think>", "</think>", begin, end);
  std::string_view before, after = whole;
  if (out.has_thought) {
    out.thought = trim(std::string_view(whole).substr(begin, end - begin));
    before = std::string_view(whole).substr(0, begin - std::string_view("<think>").size());
    after = std::string_view(whole).substr(end + std::string_view("</think>").size());
  }
  out.thought_first = out.has_thought && trim(before).empty();
  out.after_thought = after;
  size_t answer_begin = 0, answer_end = 0;
  out.has_answer = count_of(whole, "<answer>") == 1 && count_of(whole, "</answer>") == 1 &&
                   between(after, "<answer>", "</answer>", answer_begin, answer_end);
  if (!out.has_answer) return out;
  out.answer = trim(after.substr(answer_begin, answer_end - answer_begin));
  const std::string_view gap = after.substr(0, answer_begin - std::string_view("<answer>").size()),
                         rest = after.substr(answer_end + std::string_view("</answer>").size());
  out.well_formed =
      out.thought_first && trim(gap).empty() && trim(rest).empty() && !out.thought.empty() && !out.answer.empty();
  return out;
}

std::string r1_zero_prompt(std::string_view question) {
  return "A User asks a question and an Assistant solves it. The Assistant first thinks the problem through privately "
         "and then gives the User the answer. The "
         "thinking stands between <think> and </think>, the answer between <answer> and </answer>, like this: <think> "
         "thinking goes here </think> <answer> "
         "answer goes here </answer>. User: " +
         std::string(question) + " Assistant:";
}

}  // namespace r1
