#include "data/row_formats.h"

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "data/json_shape.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr int32_t kNotLearned = -100;
constexpr const char* kPrompts[] = {"prompt", "question", "problem", "query", "input"};
constexpr const char* kCompletions[] = {"completion", "response", "output"};
constexpr const char* kAnswers[] = {"answer", "target", "solution", "ground_truth", "label"};

bool has(const Json& row, const char* key) { return row.contains(key) && !row[key].is_null(); }

template <size_t N>
const char* first_of(const Json& row, const char* const (&keys)[N]) {
  for (const char* key : keys)
    if (row.contains(key)) return key;
  return nullptr;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string trimmed(std::string text) {
  while (!text.empty() && is_blank(text.back())) text.pop_back();
  text.erase(0, static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_blank) - text.begin()));
  return text;
}

std::string text_of(const Json& value, const char* key) {
  if (!value.is_string()) fail("\"{}\" is {}, expected a string", key, value.type_name());
  return value.get<std::string>();
}
std::string text_at(const Json& row, const char* key) {
  if (!row.contains(key)) fail("has no \"{}\"", key);
  return text_of(row[key], key);
}

// CSV has texts alone: a list is its JSON there.
Json list_at(const Json& row, const char* key) {
  if (!row.contains(key)) fail("has no \"{}\"", key);
  if (row[key].is_string() && row[key].get_ref<const std::string&>().starts_with("[")) {
    check_json_shape(row[key].get_ref<const std::string&>(), 0);
    if (Json parsed = Json::parse(row[key].get_ref<const std::string&>(), nullptr, false); parsed.is_array())
      return parsed;
  }
  return row[key];
}

bool truth_of(const Json& value, const char* key) {
  if (value.is_boolean()) return value.get<bool>();
  if (value == 1 || value == "true" || value == "True" || value == "1") return true;
  if (value == 0 || value == "false" || value == "False" || value == "0") return false;
  fail("\"{}\" holds {}, expected true or false", key, value.dump().substr(0, 80));
}
bool is_truth(const Json& value) {
  return value.is_boolean() || value == 0 || value == 1 || value == "true" || value == "True" || value == "false" ||
         value == "False";
}

std::vector<int32_t> ids_at(const Json& row, const char* key, int64_t least) {
  const Json list = list_at(row, key);
  if (!list.is_array()) fail("\"{}\" is {}, expected a list of ids", key, list.type_name());
  std::vector<int32_t> out;
  for (const Json& id : list) {
    const bool fits = id.is_number_unsigned() ? id.get<uint64_t>() <= INT32_MAX
                                              : id.is_number_integer() && id.get<int64_t>() >= least;
    if (!fits) fail("\"{}\" holds {}, expected whole numbers from {} to {}", key, id.dump(), least, INT32_MAX);
    out.push_back(id.get<int32_t>());
  }
  return out;
}

// ---- what a row has beside its shape

void read_tools(const Json& row, DataRow& out) {
  if (!has(row, "tools") || row["tools"] == "") return;
  out.tools = list_at(row, "tools");
  if (!out.tools.is_array()) fail("\"tools\" is {}, expected a list", out.tools.type_name());
}

void name_answer(DataRow& out) {
  if (out.row.contains("answer")) return;
  out.row["answer"] = out.answer;
  out.answer_added = true;
}

// The reference answer under one of its names. Of GSM8K's worked answers it is what stands after ####, without
// thousands separators.
void read_answer(const Json& row, DataRow& out) {
  for (const char* key : kAnswers) {
    if (!has(row, key)) continue;
    out.answer = row[key].is_string() ? row[key].get<std::string>() : row[key].dump();
    if (const size_t at = out.answer.rfind("####"); at != std::string::npos) {
      out.answer = trimmed(out.answer.substr(at + 4));
      std::erase(out.answer, ',');
    }
    name_answer(out);
    return;
  }
}

bool is_worked(const Json& row) {  // GSM8K: the first of its answers that is there ends in "#### N"
  for (const char* key : kAnswers)
    if (has(row, key))
      return row[key].is_string() && row[key].get_ref<const std::string&>().find("####") != std::string::npos;
  return false;
}

// The row's own system message in front: then a plain question becomes messages too.
void read_system(const Json& row, DataRow& out) {
  const char* key = has(row, "system") ? "system" : has(row, "system_prompt") ? "system_prompt" : nullptr;
  if (key == nullptr || !row[key].is_string() || row[key] == "") return;
  const Json system = {{"role", "system"}, {"content", row[key]}};
  if (!out.messages.is_array()) {
    out.messages = Json::array({system, {{"role", "user"}, {"content", out.prompt}}});
    out.prompt.clear();
  } else if (out.messages[0]["role"] != "system") {
    out.messages.insert(out.messages.begin(), system);
  }
}

void read_prompt(const Json& row, DataRow& out) {
  const char* key = first_of(row, kPrompts);
  if (key == nullptr) fail("has no \"prompt\"");
  const Json value = list_at(row, key);
  if (value.is_array()) {
    out.messages = read_messages(value, key);
  } else {
    out.prompt = text_of(value, key);
    if (out.prompt.empty()) fail("\"{}\" is empty", key);
  }
  read_system(row, out);
}

// A completion as text: its own, or that of its one message.
std::string completion_at(const Json& row) {
  const char* key = first_of(row, kCompletions);
  if (key == nullptr) fail("has no \"completion\"");
  const Json value = list_at(row, key);
  if (!value.is_array()) return text_of(value, key);
  const Json messages = read_messages(value, key);
  if (messages.size() != 1 || messages[0]["role"] != "assistant" || !messages[0]["content"].is_string())
    fail(
        "\"{}\" is a list of {} messages; expected one of the assistant, with text (several turns go into "
        "\"messages\")",
        key, messages.size());
  return messages[0]["content"].get<std::string>();
}

// ---- one function a format

void read_prompt_only(const Json& row, DataRow& out) {
  read_prompt(row, out);
  read_answer(row, out);
}

void read_gsm8k(const Json& row, DataRow& out) {
  read_prompt_only(row, out);
  if (!is_worked(row)) fail("its answer has no \"#### N\", as GSM8K's have");
  for (const char* key : kAnswers)
    if (out.completion.empty() && has(row, key)) out.completion = row[key].get<std::string>();
  out.shape = DataShape::prompt_completion;
}

void read_pair(const Json& row, DataRow& out) {
  out.shape = DataShape::prompt_completion;
  read_prompt(row, out);
  read_answer(row, out);
  out.completion = completion_at(row);
}

void read_alpaca(const Json& row, DataRow& out) {
  out.shape = DataShape::prompt_completion;
  out.prompt = text_at(row, "instruction");
  for (const char* key : {"input", "context"})
    if (has(row, key))
      if (const std::string more = text_at(row, key); !more.empty()) out.prompt += "\n\n" + more;
  if (out.prompt.empty()) fail("\"instruction\" is empty");
  if (has(row, "history") && row["history"].is_array() && !row["history"].empty()) {
    out.messages = Json::array();
    for (const Json& turn : row["history"]) {
      if (!turn.is_array() || turn.size() != 2) fail("\"history\": expected pairs of question and answer");
      out.messages.push_back({{"role", "user"}, {"content", text_of(turn[0], "history")}});
      out.messages.push_back({{"role", "assistant"}, {"content", text_of(turn[1], "history")}});
    }
    out.messages.push_back({{"role", "user"}, {"content", out.prompt}});
    out.prompt.clear();
  }
  read_system(row, out);
  read_answer(row, out);
  out.completion = completion_at(row);
}

void read_chat(const Json& row, const char* key, DataRow& out) {
  out.messages = read_messages(list_at(row, key), key);
  read_system(row, out);
  read_answer(row, out);
  out.shape = out.messages.back()["role"] == "assistant" ? DataShape::messages : DataShape::prompt_only;
}

void read_text(const Json& row, DataRow& out) {
  out.shape = DataShape::text;
  out.text = text_at(row, "text");
}

void read_tokenised(const Json& row, DataRow& out) {
  out.shape = DataShape::tokenised;
  out.input_ids = ids_at(row, "input_ids", 0);
  out.labels = has(row, "labels") ? ids_at(row, "labels", kNotLearned) : out.input_ids;
  if (out.labels.size() != out.input_ids.size())
    fail("\"labels\" has {} entries, \"input_ids\" {}", out.labels.size(), out.input_ids.size());
  if (out.input_ids.empty()) fail("\"input_ids\" is empty");
  for (int32_t label : out.labels)
    if (label < 0 && label != kNotLearned) fail("\"labels\" holds {}; expected ids, or -100 for not learned", label);
  for (const char* key : {"completion_mask", "assistant_masks"}) {
    if (!has(row, key)) continue;
    const std::vector<int32_t> mask = ids_at(row, key, 0);
    if (mask.size() != out.input_ids.size())
      fail("\"{}\" has {} entries, \"input_ids\" {}", key, mask.size(), out.input_ids.size());
    for (size_t i = 0; i < mask.size(); i++)
      if (mask[i] == 0) out.labels[i] = kNotLearned;
  }
}

size_t shared_bytes(const std::string& a, const std::string& b) {
  size_t at = 0;
  const size_t least = std::min(a.size(), b.size());
  while (at + 1 < least && a[at] == b[at]) at++;
  while (at > 0 && (static_cast<unsigned char>(a[at]) & 0xC0) == 0x80) at--;  // never inside a character
  if (at > 0 && a[at - 1] == ' ') at--;  // as TRL: the space goes with the completion
  return at;
}

// A pair of texts or of lists without the prompt that both begin with (TRL's extract_prompt).
void take_shared_prompt(DataRow& out) {
  if (out.chosen.is_string()) {
    const std::string a = out.chosen, b = out.rejected;
    const size_t shared = shared_bytes(a, b);
    out.prompt = a.substr(0, shared);
    out.chosen = a.substr(shared);
    out.rejected = b.substr(shared);
    return;
  }
  size_t shared = 0;
  while (shared + 1 < std::min(out.chosen.size(), out.rejected.size()) && out.chosen[shared] == out.rejected[shared])
    shared++;
  const auto cut = [&](Json& list) { list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(shared)); };
  if (shared > 0) {
    out.messages = Json::array();
    for (size_t i = 0; i < shared; i++) out.messages.push_back(out.chosen[i]);
  }
  cut(out.chosen);
  cut(out.rejected);
}

Json answer_side(const Json& row, const char* key) {
  const Json value = list_at(row, key);
  if (value.is_string()) return value;
  Json messages = read_messages(value, key);
  if (messages.back()["role"] != "assistant") fail("\"{}\" does not end with the assistant", key);
  return messages;
}

void read_preference(const Json& row, DataRow& out) {
  out.shape = DataShape::preference;
  out.chosen = answer_side(row, "chosen");
  out.rejected = answer_side(row, "rejected");
  if (out.chosen.is_string() != out.rejected.is_string())
    fail("\"chosen\" is {}, \"rejected\" {}", out.chosen.type_name(), out.rejected.type_name());
  if (out.chosen == out.rejected) fail("\"chosen\" and \"rejected\" are the same");
  const bool asked = has(row, "prompt") && row["prompt"] != "";
  // UltraFeedback: the prompt as a text, and both sides whole conversations
  if (!asked || (row["prompt"].is_string() && out.chosen.is_array())) take_shared_prompt(out);
  if (asked && !out.messages.is_array() && out.prompt.empty()) {
    const Json prompt = list_at(row, "prompt");
    if (prompt.is_array())
      out.messages = read_messages(prompt, "prompt");
    else if (out.chosen.is_array())
      out.messages = Json::array({{{"role", "user"}, {"content", text_of(prompt, "prompt")}}});
    else
      out.prompt = text_of(prompt, "prompt");
  }
  if (out.messages.is_array() || !out.prompt.empty()) read_system(row, out);
}

void read_unpaired(const Json& row, DataRow& out) {
  out.shape = DataShape::unpaired_preference;
  read_prompt(row, out);
  out.completion = completion_at(row);
  if (!row.contains("label")) fail("has no \"label\"");
  out.good = truth_of(row["label"], "label");
}

void read_stepwise(const Json& row, DataRow& out) {
  out.shape = DataShape::stepwise;
  read_prompt(row, out);
  const Json steps = list_at(row, "completions"), labels = list_at(row, "labels");
  if (!steps.is_array() || steps.empty()) fail("\"completions\" is no list of texts");
  if (!labels.is_array() || labels.size() != steps.size())
    fail("\"labels\" has {} entries, \"completions\" {}", labels.size(), steps.size());
  for (const Json& step : steps) out.steps.push_back(text_of(step, "completions"));
  for (const Json& label : labels) out.step_labels.push_back(truth_of(label, "labels"));
}

void read_verl(const Json& row, DataRow& out) {
  read_prompt(row, out);
  if (!has(row, "reward_model") || !row["reward_model"].is_object() || !has(row["reward_model"], "ground_truth"))
    fail("has no \"reward_model\" with a \"ground_truth\"");
  const Json& truth = row["reward_model"]["ground_truth"];
  out.answer = truth.is_string() ? truth.get<std::string>() : truth.dump();
  name_answer(out);
}

struct Format {
  const char* name;
  bool (*fits)(const Json& row);
  void (*read)(const Json& row, DataRow& out);
};

bool is_question(const Json& row) { return first_of(row, kPrompts) != nullptr; }
bool has_completion(const Json& row) { return first_of(row, kCompletions) != nullptr; }

// The order of looking: the more telling columns first.
constexpr Format kFormats[] = {
    {"tokenised", [](const Json& r) { return r.contains("input_ids"); }, read_tokenised},
    {"preference", [](const Json& r) { return r.contains("chosen") && r.contains("rejected"); }, read_preference},
    {"stepwise", [](const Json& r) { return is_question(r) && r.contains("completions") && r.contains("labels"); },
     read_stepwise},
    {"unpaired_preference",
     [](const Json& r) {
       return r.contains("prompt") && r.contains("completion") && r.contains("label") && is_truth(r["label"]);
     },
     read_unpaired},
    {"messages", [](const Json& r) { return has(r, "messages"); },
     [](const Json& r, DataRow& out) { read_chat(r, "messages", out); }},
    {"conversations", [](const Json& r) { return has(r, "conversations"); },
     [](const Json& r, DataRow& out) { read_chat(r, "conversations", out); }},
    {"verl",
     [](const Json& r) { return r.contains("prompt") && r.contains("reward_model") && r["reward_model"].is_object(); },
     read_verl},
    {"alpaca", [](const Json& r) { return r.contains("instruction") && has_completion(r); }, read_alpaca},
    {"prompt_completion", [](const Json& r) { return is_question(r) && has_completion(r); }, read_pair},
    {"gsm8k", [](const Json& r) { return is_question(r) && is_worked(r); }, read_gsm8k},
    {"prompt_only", is_question, read_prompt_only},
    {"text", [](const Json& r) { return r.contains("text"); }, read_text},
};

}  // namespace

const std::vector<std::string>& row_format_names() {
  static const std::vector<std::string> names = {"prompt_only", "prompt_completion",   "gsm8k",    "alpaca",
                                                 "messages",    "conversations",       "text",     "tokenised",
                                                 "preference",  "unpaired_preference", "stepwise", "verl"};
  return names;
}

std::string detect_row_format(const Json& row) {
  for (const Format& format : kFormats)
    if (format.fits(row)) return format.name;
  std::string keys;
  for (const auto& [key, value] : row.items()) keys += (keys.empty() ? "" : ", ") + key;
  fail(
      "no known columns ({}); expected prompt + completion, messages, text, input_ids, chosen + rejected, or a "
      "question "
      "(prompt, question, problem, query, input) with its answer; keys like prompt_column name yours{}",
      keys.substr(0, 200), keys.find(';') == keys.npos ? "" : " (a CSV's columns lie between commas, not \";\")");
}

Json chat_variables(const Json& given) {
  const char* key = "chat_template_kwargs";
  Json out = given;
  if (given.is_string()) {
    check_json_shape(given.get_ref<const std::string&>(), 0);
    out = Json::parse(given.get_ref<const std::string&>(), nullptr, false);
    if (out.is_discarded()) fail("\"{}\" is a text that is no JSON, expected an object of variables", key);
  }
  if (!out.is_object()) fail("\"{}\" is {}, expected an object of variables", key, out.type_name());
  for (const auto& [name, value] : out.items())
    if (name == "messages" || name == "tools" || name == "add_generation_prompt" || name.ends_with("_token"))
      fail("\"{}\" holds {}, which the chat template gets already", key, name);
  return out;
}

DataRow read_row(const Json& row, const std::string& format) {
  for (const Format& one : kFormats) {
    if (one.name != format) continue;
    DataRow out;
    out.row = row;
    read_tools(row, out);
    if (has(row, "chat_template_kwargs") && row["chat_template_kwargs"] != "")
      out.chat_template_kwargs = chat_variables(row["chat_template_kwargs"]);
    one.read(row, out);
    return out;
  }
  R1_CHECK(false, "row format {}", format);
  return {};
}

}  // namespace r1
