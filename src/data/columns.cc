#include "data/columns.h"

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <unordered_set>

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

int64_t characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

// The words in a message, a text, or a list of either.
int64_t characters(const Json& value) {
  if (value.is_string()) return characters(value.get_ref<const std::string&>());
  int64_t sum = 0;
  if (value.is_array())
    for (const Json& one : value) sum += characters(one);
  if (value.is_object())
    for (const char* key : {"content", "text", "tool_calls"})
      if (value.contains(key))
        sum += value[key].is_string() || key != std::string("tool_calls") ? characters(value[key])
                                                                          : characters(value[key].dump());
  return sum;
}

bool is_answer(const DataRow& row, size_t i) {
  return row.shape == DataShape::messages && row.messages[i]["role"] == "assistant";
}

}  // namespace

std::vector<ColumnSummary> column_summaries(const Dataset& data) {
  std::vector<ColumnSummary> out;
  std::unordered_map<std::string, size_t> places;
  for (const DataRow& row : data.rows) {
    if (!row.row.is_object()) continue;
    for (const auto& [name, value] : row.row.items()) {
      if (row.answer_added && name == "answer") continue;
      const auto [it, is_new] = places.emplace(name, out.size());
      if (is_new) out.push_back({.name = name, .types = {}, .rows = 0});
      ColumnSummary& column = out[it->second];
      column.rows++;
      column.types[value.type_name()]++;
    }
  }
  return out;
}

LengthSummary summarise_lengths(std::vector<int64_t> lengths) {
  LengthSummary out;
  if (lengths.empty()) return out;
  std::sort(lengths.begin(), lengths.end());
  const size_t n = lengths.size();
  out.rows = static_cast<int64_t>(n);
  out.min = lengths.front();
  out.max = lengths.back();
  out.median = lengths[(n - 1) / 2];
  out.p95 = lengths[(n - 1) * 95 / 100];
  double sum = 0;
  for (int64_t length : lengths) sum += static_cast<double>(length);
  out.mean = sum / static_cast<double>(n);
  return out;
}

int64_t prompt_characters(const DataRow& row) {
  int64_t sum = characters(row.prompt);
  if (row.messages.is_array())
    for (size_t i = 0; i < row.messages.size(); i++)
      if (!is_answer(row, i)) sum += characters(row.messages[i]);
  return sum;
}

int64_t completion_characters(const DataRow& row) {
  int64_t sum = characters(row.completion) + characters(row.text) + characters(row.chosen);
  if (row.messages.is_array())
    for (size_t i = 0; i < row.messages.size(); i++)
      if (is_answer(row, i)) sum += characters(row.messages[i]);
  for (const std::string& step : row.steps) sum += characters(step);
  return sum;
}

int64_t repeated_rows(const Dataset& data) {
  std::unordered_set<size_t> seen;
  int64_t repeated = 0;
  for (const DataRow& row : data.rows) {
    std::string key = row.prompt + row.text + (row.messages.is_array() ? row.messages.dump() : "");
    for (int32_t id : row.input_ids) key += std::to_string(id) + " ";
    if (row.prompt.empty() && row.chosen.is_string()) key += row.chosen.get_ref<const std::string&>();
    repeated += !seen.insert(std::hash<std::string>()(key)).second;
  }
  return repeated;
}

}  // namespace r1
