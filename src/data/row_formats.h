// Rows as people spell them, read into DataRow. The format is told by a row's columns; every column that has no meaning
// here stays in DataRow::row, for rewards.
//
//   prompt_only          prompt, question, problem, query or input (a text or messages)
//                        [+ answer, target, solution, ground_truth or label: the reference answer]
//   prompt_completion    the same + completion, response or output (a text, or one assistant message)
//   gsm8k                the same as prompt_only, with an answer that ends in "#### N"; learnable too, as it is worked
//   alpaca               instruction [+ input or context] [+ history] + output or response
//   messages             messages: a list of {role, content}; prompt_only where the assistant has not the last word
//   conversations        conversations (ShareGPT): a list of {from, value}, or of {role, content}
//   text                 text
//   tokenised            input_ids [+ labels, completion_mask or assistant_masks]; without them all is learned
//   preference           chosen + rejected [+ prompt]: texts or messages; a prompt left out is what the two begin with
//   unpaired_preference  prompt + completion + label (true, false)
//   stepwise             prompt + completions (a list of texts) + labels (a list of true, false)
//   verl                 prompt (messages) + reward_model.ground_truth
//
// Beside these: system (a text: the system message), tools (a list, or its JSON as a text), chat_template_kwargs (an
// object, or its JSON as a text).
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "data/dataset.h"

namespace r1 {

// The names above, in that order.
const std::vector<std::string>& row_format_names();

// The format of a row by its columns. Throws r1::Error naming the columns it has when they say nothing.
std::string detect_row_format(const nlohmann::ordered_json& row);

// Throws r1::Error saying which column is missing or wrong. `format` is one of the names.
DataRow read_row(const nlohmann::ordered_json& row, const std::string& format);

// A list of messages in one spelling, {role, content, ...}: {from, value} becomes it. Throws r1::Error naming `key`.
nlohmann::ordered_json read_messages(const nlohmann::ordered_json& messages, const std::string& key);

// More variables of the chat template: an object, or its JSON as a text. Throws r1::Error for anything else, and for
// names that a template gets already (messages, tools, add_generation_prompt, *_token).
nlohmann::ordered_json chat_variables(const nlohmann::ordered_json& given);

}  // namespace r1
