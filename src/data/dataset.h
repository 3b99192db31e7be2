// Rows to train on or to be asked: from files of the shapes people have (row_formats.h, records.h, sources.h), or
// generated (tasks:NAME).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace r1 {

// What a row is good for, however the file spelled it.
enum class DataShape {
  prompt_only,
  prompt_completion,
  messages,
  text,
  tokenised,
  preference,           // two completions of a prompt, one better
  unpaired_preference,  // a completion and whether it is good
  stepwise              // a completion in steps, each right or wrong
};
const char* shape_name(DataShape shape);  // for people: "prompts with completions"
const char* shape_id(DataShape shape);    // for machines: "prompt_completion"

// One row, whatever shape the file had. Which members are set says what it is.
struct DataRow {
  DataShape shape = DataShape::prompt_only;
  int64_t line = 0;  // where the file has it, from 1; 0: generated
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
  nlohmann::ordered_json chat_template_kwargs;  // more variables for it, an object; null when the row has none
  // what reward models learn, beside the prompt
  nlohmann::ordered_json chosen, rejected;  // preference: each a text, or a list of messages after the prompt's
  std::optional<bool> good;                 // unpaired preference: of `completion`
  std::vector<std::string> steps;           // stepwise: the completion's steps in order
  std::vector<bool> step_labels;            // same length: right or wrong
  // what rewards look at
  std::string answer;          // reference answer as text (GSM8K: after ####); empty when the row has none
  nlohmann::ordered_json row;  // the row as it came, with `answer` added when it has it under another name
  bool answer_added = false;
};

// A file that rows came from, and what it came to.
struct DataSource {
  std::string name;    // as it can be opened
  std::string format;  // row_formats.h; "" of generated rows
  int64_t rows = 0, bad_rows = 0;
};

struct Dataset {
  std::string name;
  DataShape shape = DataShape::prompt_only;  // of the first row; a mixture may hold others (DataRow::shape)
  std::vector<DataRow> rows;
  std::vector<DataSource> sources;
  std::vector<std::string> bad_rows;  // "file: line L (byte B): reason", the first few
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

// How files are read.
struct ReadOptions {
  std::string format = "auto";  // row_formats.h: one for all rows instead of what their columns say
  std::vector<std::pair<std::string, std::string>> columns =
      {};                        // known name, the file's name for it: {"prompt", "Frage"}
  std::string split = "train";   // of a folder's files, and of a JSON object of lists
  int64_t max_bad_rows = 0;      // of one file; beyond it is refused
  int64_t limit = 0;             // rows of the whole; 0: all
  uint64_t seed = 42;            // of draws and orders in mixtures
  bool repeat = false;           // mixtures end when their last part is used up, not their first
  double held_out_fraction = 0;  // the side of the split that is wanted (split_dataset, seed 0)
  bool held_out = false;
};

// `source`: a file, folder, glob pattern, mixture of them (sources.h), or tasks:NAME. Errors name file, line and byte.
Dataset load_dataset(const std::string& source, const ReadOptions& read, const TaskOptions& task);
inline Dataset load_dataset(const std::string& source, const TaskOptions& task) {
  return load_dataset(source, {}, task);
}

// The rows of a file's bytes; `name` is for messages and its ending counts (records.h). All rows have one shape.
Dataset parse_dataset(std::string_view bytes, const std::string& name, const ReadOptions& read = {});

// Throws r1::Error when a row has a shape that `who` ("r1 sft") has no use for, saying what it can use and where such
// rows belong.
void require_shapes(const Dataset& data, std::initializer_list<DataShape> usable, const std::string& who);

// One side of a split by question: questions that differ in case, spaces and punctuation alone land on the same side,
// so the two sides share nothing. The side of a row depends on its question and the seed alone, not on the other rows.
// held_out_fraction is in [0, 1].
Dataset split_dataset(const Dataset& all, double held_out_fraction, uint64_t seed, bool held_out);

// Sets a dial by name (task_rows, task_operands "2" or "2-3", task_digits "1" or "1-3", task_operators "+-*/",
// task_held_out, task_solutions, task_seed); false when there is none of that name. Throws r1::UsageError for a bad
// value.
bool set_task_option(TaskOptions& options, const std::string& key, const std::string& value);

}  // namespace r1
