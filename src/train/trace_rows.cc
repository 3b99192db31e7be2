#include "train/trace_rows.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/philox.h"
#include "data/question.h"
#include "text/thinking.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::string balance_value(const TraceRow& t, const std::string& key) {
  if (key == "language") return t.language;
  if (!t.row->row.is_object() || !t.row->row.contains(key))
    fail_usage("balance_by is {}, which the row of \"{}\" does not have", key, question_text(*t.row).substr(0, 60));
  const Json& value = t.row->row[key];
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// `count` of the indices below n, drawn by the seed, in order.
std::vector<size_t> drawn_indices(size_t n, size_t count, uint64_t seed) {
  std::vector<size_t> out;
  for (size_t i = 0; i < std::min(n, count); i++)
    out.push_back(permuted_index({.seed = seed, .stage = Stage::shuffle, .sample = 0x5E1EC7}, i, n));
  std::sort(out.begin(), out.end());
  return out;
}

template <typename T>
std::vector<T> drawn(std::vector<T> all, int64_t most, uint64_t seed) {
  if (most <= 0 || all.size() <= static_cast<size_t>(most)) return all;
  std::vector<T> out;
  for (const size_t i : drawn_indices(all.size(), static_cast<size_t>(most), seed)) out.push_back(std::move(all[i]));
  return out;
}

// The prompt's messages and the answer.
Json messages_of(const DataRow& row, const std::string& completion) {
  Json out = row.messages.is_array() ? row.messages : Json::array({{{"role", "user"}, {"content", row.prompt}}});
  if (completion.empty()) return out;  // they end with the answer already
  while (!out.empty() && out.back().value("role", "") == "assistant") out.erase(out.size() - 1);
  out.push_back({{"role", "assistant"}, {"content", completion}});
  return out;
}

// Whether a conversation is one question and its answer.
bool is_plain(const Json& messages) {
  return messages.size() == 2 && messages[0].value("role", "") == "user" && messages[0]["content"].is_string() &&
         messages[1].value("role", "") == "assistant" && messages[1]["content"].is_string();
}

struct Line {
  Json messages, meta;
  const DataRow* row;
};

}  // namespace

std::vector<TraceRow> select_traces(std::vector<TraceRow> traces, const TraceSelection& s) {
  std::set<std::pair<std::string, std::string>> seen;
  std::vector<TraceRow> out;
  for (TraceRow& t : traces)
    if (seen.insert({messages_of(*t.row, "").dump(), std::string(trim(t.completion))}).second)
      out.push_back(std::move(t));
  if (!s.balance_by.empty() && !out.empty()) {
    std::map<std::string, std::vector<size_t>> by_value;
    for (size_t i = 0; i < out.size(); i++) by_value[balance_value(out[i], s.balance_by)].push_back(i);
    size_t least = out.size();
    for (const auto& [value, members] : by_value) least = std::min(least, members.size());
    std::vector<size_t> chosen;
    for (const auto& [value, members] : by_value)
      for (const size_t k : drawn_indices(members.size(), least, s.seed)) chosen.push_back(members[k]);
    std::sort(chosen.begin(), chosen.end());
    std::vector<TraceRow> balanced;
    for (const size_t i : chosen) balanced.push_back(std::move(out[i]));
    out = std::move(balanced);
  }
  return drawn(std::move(out), s.max_rows, s.seed);
}

Dataset load_general(const std::string& source, int64_t most, uint64_t seed) {
  TaskOptions task;
  task.with_solution = true;
  Dataset out = load_dataset(source, task);
  require_shapes(out, {DataShape::prompt_completion, DataShape::messages}, "general_data of r1 reject");
  out.rows = drawn(std::move(out.rows), most, seed);
  return out;
}

std::string rows_for_sft(const std::vector<TraceRow>& traces, const std::vector<DataRow>& general) {
  std::vector<Line> lines;
  for (const TraceRow& t : traces) lines.push_back({messages_of(*t.row, t.completion), t.meta, t.row});
  for (const DataRow& row : general) lines.push_back({messages_of(row, row.completion), {{"general", true}}, &row});
  const bool plain = std::all_of(lines.begin(), lines.end(), [](const Line& l) { return is_plain(l.messages); });
  std::string out;
  for (const Line& l : lines) {
    Json json = plain ? Json{{"prompt", l.messages[0]["content"]}, {"completion", l.messages[1]["content"]}}
                      : Json{{"messages", l.messages}};
    for (const char* key : {"domain", "task", "tools", "chat_template_kwargs"})
      if (l.row->row.is_object() && l.row->row.contains(key)) json[key] = l.row->row[key];
    json["meta"] = l.meta;
    out += json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  return out;
}

}  // namespace r1
