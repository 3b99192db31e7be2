#include "data/dataset.h"

#include <algorithm>
#include <cstdint>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/philox.h"
#include "data/arithmetic.h"
#include "data/jsonl.h"

namespace r1 {

const char* shape_name(DataShape shape) {
  switch (shape) {
    case DataShape::prompt_only:
      return "prompts";
    case DataShape::prompt_completion:
      return "prompts with completions";
    case DataShape::messages:
      return "messages";
    case DataShape::text:
      return "text";
    case DataShape::tokenised:
      return "token ids";
  }
  return "?";
}

namespace {

using Json = nlohmann::ordered_json;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string trimmed(std::string text) {
  while (!text.empty() && is_blank(text.back())) text.pop_back();
  text.erase(0, static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_blank) - text.begin()));
  return text;
}

std::string text_at(const Json& row, const char* key) {
  if (!row[key].is_string()) fail("\"{}\" is {}, expected a string", key, row[key].type_name());
  return row[key].get<std::string>();
}

// A list of {role, content}; content may be missing where the assistant calls tools.
void check_messages(const Json& messages, const char* key) {
  if (!messages.is_array() || messages.empty()) fail("\"{}\" is no list of messages", key);
  for (const Json& m : messages) {
    if (!m.is_object() || !m.contains("role") || !m["role"].is_string()) fail("\"{}\": a message has no \"role\"", key);
    const bool content = m.contains("content") && (m["content"].is_string() || m["content"].is_array());
    if (!content && !(m.contains("tool_calls") && m["tool_calls"].is_array()))
      fail("\"{}\": a message of \"{}\" has no \"content\" (a string)", key, m["role"].get<std::string>());
  }
}

std::vector<int32_t> ids_at(const Json& row, const char* key, int64_t least) {
  if (!row[key].is_array()) fail("\"{}\" is {}, expected a list of ids", key, row[key].type_name());
  std::vector<int32_t> out;
  for (const Json& id : row[key]) {
    const bool fits = id.is_number_unsigned() ? id.get<uint64_t>() <= INT32_MAX
                                              : id.is_number_integer() && id.get<int64_t>() >= least;
    if (!fits) fail("\"{}\" holds {}, expected whole numbers from {} to {}", key, id.dump(), least, INT32_MAX);
    out.push_back(id.get<int32_t>());
  }
  return out;
}

void read_tokenised(const Json& row, DataRow& out) {
  constexpr int64_t kNotLearned = -100;
  out.input_ids = ids_at(row, "input_ids", 0);
  out.labels = row.contains("labels") ? ids_at(row, "labels", kNotLearned) : out.input_ids;
  if (out.labels.size() != out.input_ids.size())
    fail("\"labels\" has {} entries, \"input_ids\" {}", out.labels.size(), out.input_ids.size());
  if (out.input_ids.empty()) fail("\"input_ids\" is empty");
  for (int32_t label : out.labels)
    if (label < 0 && label != kNotLearned) fail("\"labels\" holds {}; expected ids, or -100 for not learned", label);
}

// The reference answer under one of its names. Of GSM8K's worked answers it is what stands after ####, without
// thousands separators, and the worked answer is what SFT can learn.
void read_answer(const Json& row, DataRow& out) {
  for (const char* key : {"answer", "target", "solution", "ground_truth"}) {
    if (!row.contains(key) || row[key].is_null()) continue;
    out.answer = row[key].is_string() ? row[key].get<std::string>() : row[key].dump();
    if (const size_t at = out.answer.rfind("####"); at != std::string::npos) {
      out.completion = out.answer;
      out.answer = trimmed(out.answer.substr(at + 4));
      std::erase(out.answer, ',');
    }
    if (!row.contains("answer")) out.row["answer"] = out.answer;
    return;
  }
}

void read_prompt(const Json& row, const char* key, DataRow& out) {
  if (row[key].is_array()) {
    check_messages(row[key], key);
    out.messages = row[key];
    return;
  }
  out.prompt = text_at(row, key);
  if (out.prompt.empty()) fail("\"{}\" is empty", key);
}

DataShape read_pair(const Json& row, DataRow& out) {
  read_prompt(row, "prompt", out);
  read_answer(row, out);
  const Json& completion = row["completion"];
  if (!completion.is_array()) {
    out.completion = text_at(row, "completion");
    return DataShape::prompt_completion;
  }
  check_messages(completion, "completion");
  if (completion.size() != 1 || completion[0]["role"] != "assistant" || !completion[0]["content"].is_string())
    fail("\"completion\" is a list of {} messages; expected one of the assistant, with text", completion.size());
  out.completion = completion[0]["content"].get<std::string>();
  return DataShape::prompt_completion;
}

DataShape read_instruction(const Json& row, DataRow& out) {
  out.prompt = text_at(row, "instruction");
  if (row.contains("input") && !row["input"].is_null())
    if (const std::string more = text_at(row, "input"); !more.empty()) out.prompt += "\n\n" + more;
  out.completion = text_at(row, "output");
  return DataShape::prompt_completion;
}

DataShape read_row(const Json& row, DataRow& out) {
  out.row = row;
  if (row.contains("tools") && !row["tools"].is_null()) {
    if (!row["tools"].is_array()) fail("\"tools\" is {}, expected a list", row["tools"].type_name());
    out.tools = row["tools"];
  }
  if (row.contains("input_ids")) return read_tokenised(row, out), DataShape::tokenised;
  if (row.contains("messages")) {
    read_answer(row, out);
    out.completion.clear();
    check_messages(row["messages"], "messages");
    out.messages = row["messages"];
    return out.messages.back()["role"] == "assistant" ? DataShape::messages : DataShape::prompt_only;
  }
  if (row.contains("prompt") && row.contains("completion")) return read_pair(row, out);
  if (row.contains("instruction") && row.contains("output")) return read_instruction(row, out);
  for (const char* key : {"prompt", "question", "input", "problem"}) {
    if (!row.contains(key)) continue;
    read_prompt(row, key, out);
    read_answer(row, out);
    return out.completion.empty() ? DataShape::prompt_only : DataShape::prompt_completion;
  }
  if (row.contains("text")) return out.text = text_at(row, "text"), DataShape::text;
  std::string keys;
  for (const auto& [key, value] : row.items()) keys += (keys.empty() ? "" : ", ") + key;
  fail(
      "no known columns ({}); expected prompt + completion, messages, text, input_ids, or a question (prompt, "
      "question, "
      "input, problem) with its answer",
      keys.substr(0, 200));
}

// What two spellings of a question have in common.
std::string question_key(const DataRow& row) {
  std::string text = row.prompt + row.text;
  if (row.messages.is_array())
    for (size_t i = 0; i < row.messages.size(); i++)
      if (i + 1 < row.messages.size() || row.messages[i]["role"] != "assistant") text += row.messages[i].dump();
  std::string key;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80) key += c;
  }
  for (int32_t id : row.input_ids) key += std::to_string(id) + " ";
  return key;
}

}  // namespace

Dataset parse_dataset(std::string_view text, const std::string& name) {
  Dataset out;
  out.name = name;
  for_each_json_line(text, name, [&](int64_t, Json json) {
    DataRow row;
    const DataShape shape = read_row(json, row);
    if (!out.rows.empty() && shape != out.shape)
      fail("this row has another shape ({}) than those before ({})", shape_name(shape), shape_name(out.shape));
    out.shape = shape;
    out.rows.push_back(std::move(row));
  });
  if (out.rows.empty()) fail("{}: holds no rows", name);
  return out;
}

Dataset load_dataset(const std::string& source, const TaskOptions& options) {
  if (source.starts_with("tasks:")) return make_task_dataset(source, options);
  return parse_dataset(read_text_file(source, uint64_t{8} << 30), source);
}

Dataset split_dataset(const Dataset& all, double held_out_fraction, uint64_t seed, bool held_out) {
  if (!(held_out_fraction >= 0 && held_out_fraction <= 1))
    fail_usage("a held-out fraction of {}; expected 0 to 1", held_out_fraction);
  Dataset out;
  out.name = all.name;
  out.shape = all.shape;
  for (const DataRow& row : all.rows) {
    const uint64_t hash = std::stoull(sha256_hex(question_key(row)).substr(0, 12), nullptr, 16);
    const double place = random_uniform({.seed = seed,
                                         .stage = Stage::shuffle,
                                         .prompt = static_cast<uint32_t>(hash),
                                         .sample = static_cast<uint32_t>(hash >> 32)});
    if ((place < held_out_fraction) == held_out) out.rows.push_back(row);
  }
  return out;
}

}  // namespace r1
