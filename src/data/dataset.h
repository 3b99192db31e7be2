// Rows to train on or to be asked, from JSONL files of the shapes people have, or generated (tasks:NAME).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

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
  // what rewards look at
  std::string answer;          // reference answer as text (GSM8K: after ####); empty when the row has none
  nlohmann::ordered_json row;  // the row as it came, with `answer` added when it was derived
};

enum class DataShape { prompt_only, prompt_completion, messages, text, tokenised };

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

// One side of a split by question: equal questions always land on the same side, the two sides share nothing.
Dataset split_dataset(const Dataset& all, double held_out_fraction, uint64_t seed, bool held_out);

// Sets a dial by name (task_rows, task_operands "2" or "2-3", task_digits, task_operators, task_held_out,
// task_solutions); false when there is none of that name. Throws r1::UsageError for a bad value.
bool set_task_option(TaskOptions& options, const std::string& key, const std::string& value);

}  // namespace r1
