// Rows to train on or to be asked, from JSONL files of the shapes people have, or generated (tasks:NAME).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace r1 {

// One row, whatever shape the file had. Which members are set says what it is.
struct DataRow {
  // prompts: one of the two
  std::string prompt;  // plain text question
  nlohmann::ordered_json
      messages;  // chat: list of {role, content}; ends with the user for a prompt, with the assistant for SFT
  // what SFT learns, beside prompt (or messages whose last one is the assistant's)
  std::string completion;
  std::string text;                // language modelling: learn all
  std::vector<int32_t> input_ids;  // tokenised rows
  std::vector<int32_t> labels;     // same length, -100 = not learned
  nlohmann::ordered_json tools;    // function descriptions for the chat template; null when the row has none
  // what rewards look at
  std::string answer;          // reference answer as text (GSM8K: after ####); empty when the row has none
  nlohmann::ordered_json row;  // the row as it came, with `answer` added when it has it under another name
};

enum class DataShape { prompt_only, prompt_completion, messages, text, tokenised };
const char* shape_name(DataShape shape);  // for people: "prompts with completions"

struct Dataset {
  std::string name;
  DataShape shape = DataShape::prompt_only;
  std::vector<DataRow> rows;
};

struct TaskOptions {  // dials of tasks:arithmetic
  int64_t num_rows = 10000;
  int operands_min = 2, operands_max = 2;
  int digits_min = 1, digits_max = 2;
  std::string operators = "+-";  // any of + - * /  (division is exact by construction)
  uint64_t seed = 42;
  bool held_out = false;       // the other half of the split: no item is in both, for any seed and dials
  bool with_solution = false;  // completions with <think> steps and <answer>, for SFT
};

// `source`: a .jsonl file, or tasks:arithmetic. Errors name file, line and byte offset.
Dataset load_dataset(const std::string& source, const TaskOptions& options);

// The rows of a JSONL text; `name` is for messages. The shape is told by the columns, and all rows have the same one:
//   input_ids [+ labels]             tokenised; labels default to input_ids
//   messages [+ tools]               messages when the assistant has the last word, else prompt_only
//   prompt + completion              prompt_completion; either may be a list of messages
//   instruction [+ input] + output   prompt_completion
//   prompt, question, input or problem [+ answer, target, solution or ground_truth]   prompt_only
//                                    ... whose answer ends in "#### N" (GSM8K): prompt_completion, with answer N
//   text                             text
// Every other column stays in `row`, for rewards.
Dataset parse_dataset(std::string_view text, const std::string& name);

// One side of a split by question: questions that differ in case, spaces and punctuation alone land on the same side,
// so the two sides share nothing. The side of a row depends on its question and the seed alone, not on the other rows.
// held_out_fraction is in [0, 1].
Dataset split_dataset(const Dataset& all, double held_out_fraction, uint64_t seed, bool held_out);

// Sets a dial by name (task_rows, task_operands "2" or "2-3", task_digits "1" or "1-3", task_operators "+-*/",
// task_held_out, task_solutions, task_seed); false when there is none of that name. Throws r1::UsageError for a bad
// value.
bool set_task_option(TaskOptions& options, const std::string& key, const std::string& value);

}  // namespace r1
