#include "data/dataset.h"

#include <filesystem>
#include <map>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/philox.h"
#include "data/arithmetic.h"
#include "data/jsonl.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::string number_or_text(const Json& v) { return v.is_string() ? v.get<std::string>() : v.is_null() ? "" : v.dump(); }

std::string text_at(const Json& row, const char* key) {
  if (!row[key].is_string()) fail("\"{}\" is {}, expected a string", key, row[key].type_name());
  return row[key].get<std::string>();
}

// The reference after GSM8K's ####, without thousands separators.
std::string gsm8k_answer(const std::string& worked) {
  const size_t at = worked.rfind("####");
  std::string out = worked.substr(at + 4);
  std::erase(out, ',');
  const size_t begin = out.find_first_not_of(" \t\r\n");
  return begin == std::string::npos ? "" : out.substr(begin, out.find_last_not_of(" \t\r\n") - begin + 1);
}

void check_messages(const Json& messages) {
  if (!messages.is_array() || messages.empty()) fail("\"messages\" is no list of messages");
  for (const Json& m : messages)
    if (!m.is_object() || !m.contains("role") || !m["role"].is_string()) fail("a message has no \"role\"");
}

std::vector<int32_t> ids_at(const Json& row, const char* key) {
  if (!row[key].is_array()) fail("\"{}\" is no list of ids", key);
  std::vector<int32_t> out;
  for (const Json& id : row[key]) {
    if (!id.is_number_integer()) fail("\"{}\" holds {}, expected whole numbers", key, id.dump());
    out.push_back(id.get<int32_t>());
  }
  return out;
}

void read_tokenised(const Json& row, DataRow& out) {
  out.input_ids = ids_at(row, "input_ids");
  out.labels = row.contains("labels") ? ids_at(row, "labels") : out.input_ids;
  if (out.labels.size() != out.input_ids.size())
    fail("\"labels\" has {} entries, \"input_ids\" {}", out.labels.size(), out.input_ids.size());
  if (out.input_ids.empty()) fail("\"input_ids\" is empty");
}

// Prompts: a question under one of the names people use, and its reference answer.
bool read_question(const Json& row, DataRow& out) {
  for (const char* key : {"prompt", "question", "input", "problem"}) {
    if (!row.contains(key)) continue;
    if (row[key].is_array()) {
      check_messages(row[key]);
      out.messages = row[key];
    } else {
      out.prompt = text_at(row, key);
    }
    for (const char* answer : {"answer", "target", "solution", "ground_truth"})
      if (row.contains(answer)) {
        out.answer = number_or_text(row[answer]);
        if (out.answer.rfind("####") != std::string::npos) {
          out.completion = out.answer;
          out.answer = gsm8k_answer(out.answer);
        }
        break;
      }
    return true;
  }
  return false;
}

DataShape read_row(const Json& row, DataRow& out) {
  out.row = row;
  if (row.contains("input_ids")) return read_tokenised(row, out), DataShape::tokenised;
  if (row.contains("messages")) {
    check_messages(row["messages"]);
    out.messages = row["messages"];
    return out.messages.back()["role"] == "assistant" ? DataShape::messages : DataShape::prompt_only;
  }
  if (row.contains("prompt") && row.contains("completion")) {
    read_question(row, out);
    if (row["completion"].is_array() && row["completion"].size() == 1 && row["completion"][0].contains("content"))
      out.completion = row["completion"][0]["content"].get<std::string>();
    else
      out.completion = text_at(row, "completion");
    return DataShape::prompt_completion;
  }
  if (read_question(row, out)) {
    if (!out.answer.empty()) out.row["answer"] = out.answer;
    return out.completion.empty() ? DataShape::prompt_only : DataShape::prompt_completion;
  }
  if (row.contains("text")) return out.text = text_at(row, "text"), DataShape::text;
  std::string keys;
  for (const auto& [key, value] : row.items()) keys += (keys.empty() ? "" : ", ") + key;
  fail(
      "no known columns ({}); expected prompt+completion, messages, text, input_ids, or a question (prompt, question, "
      "input, problem) with its answer",
      keys);
}

}  // namespace

Dataset load_dataset(const std::string& source, const TaskOptions& options) {
  if (source.starts_with("tasks:")) return make_task_dataset(source, options);
  const std::string text = read_text_file(source, uint64_t{8} << 30);
  Dataset out;
  out.name = source;
  for_each_json_line(text, source, [&](int64_t line, Json json) {
    DataRow row;
    try {
      const DataShape shape = read_row(json, row);
      if (!out.rows.empty() && shape != out.shape) fail("this row has other columns than those before");
      out.shape = shape;
    } catch (const Error& e) {
      fail("{}: line {}: {}", source, line, e.what());
    } catch (const Json::exception& e) {
      fail("{}: line {}: {}", source, line, e.what());
    }
    out.rows.push_back(std::move(row));
  });
  if (out.rows.empty()) fail("{}: holds no rows", source);
  return out;
}

Dataset split_dataset(const Dataset& all, double held_out_fraction, uint64_t seed, bool held_out) {
  Dataset out;
  out.name = all.name;
  out.shape = all.shape;
  for (const DataRow& row : all.rows) {
    const std::string key = row.prompt + row.messages.dump() + row.text;
    const uint64_t hash = std::stoull(sha256_hex(key).substr(0, 12), nullptr, 16);
    const double place = random_uniform({.seed = seed,
                                         .stage = Stage::shuffle,
                                         .prompt = static_cast<uint32_t>(hash),
                                         .sample = static_cast<uint32_t>(hash >> 32)});
    if ((place < held_out_fraction) == held_out) out.rows.push_back(row);
  }
  return out;
}

}  // namespace r1
