#include "reward/code_task.h"

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::string text_at(const Json& row, const char* key) {
  const auto it = row.find(key);
  return it != row.end() && it->is_string() ? it->get<std::string>() : "";
}

bool is_name_character(char c) { return c == '_' || (c & 0x80) != 0 || isalnum(static_cast<unsigned char>(c)) != 0; }

// Whether a line that is not indented begins to define `name`: a function of it, a class, or an assignment to it.
bool defines(std::string_view code, std::string_view name) {
  for (size_t at = 0; at < code.size();) {
    const size_t end = std::min(code.find('\n', at), code.size());
    std::string_view line = code.substr(at, end - at);
    at = end + 1;
    for (const std::string_view word : {"async ", "def ", "class "})
      if (line.starts_with(word)) line.remove_prefix(word.size());
    if (!line.starts_with(name) || (line.size() > name.size() && is_name_character(line[name.size()]))) continue;
    const size_t next = line.find_first_not_of(" \t", name.size());
    if (next != std::string_view::npos && std::string_view("(:=[").find(line[next]) != std::string_view::npos)
      return true;
  }
  return false;
}

// A whole program is run after the prompt, which may hold imports and helpers; a body continues the prompt's function.
std::vector<std::string> python_sources(const std::string& prompt, const std::string& code, const std::string& name) {
  if (prompt.empty()) return {code};
  const bool whole = name.empty() || defines(code, name) || defines(code, "Solution");
  const std::string joined = prompt + (prompt.ends_with('\n') ? "" : "\n") + code;
  if (whole) return {joined, code};
  return {prompt + code, joined, code};  // a completion may begin in the middle of the prompt's last line
}

void check_tests(const CodeTask& task) {
  if (!task.tests.is_array() || task.tests.empty())
    fail("code: the row has no tests; expected \"tests\": [..], or \"check\" and \"entry_point\"");
  size_t number = 0;
  for (const Json& test : task.tests) {
    number++;
    const bool ok =
        task.kind == CodeTask::Kind::function
            ? test.is_object() && test.contains("args") && test["args"].is_array() && test.contains("result")
            : test.is_object() && test.contains("stdout") && test["stdout"].is_string();
    if (!ok)
      fail("code: test {} of the row: expected {}", number,
           task.kind == CodeTask::Kind::function ? "{\"args\":[..],\"result\":..}"
                                                 : "{\"stdin\":\"..\",\"stdout\":\"..\"}");
  }
}

// Other names that data sets use, and tests that are a string of JSON.
Json read_tests(const Json& row) {
  Json tests = row.contains("tests") ? row["tests"] : row.value("test_cases", Json());
  if (tests.is_string()) tests = Json::parse(tests.get<std::string>(), nullptr, false);
  if (!tests.is_array()) return Json();
  for (Json& test : tests) {
    if (!test.is_object()) continue;
    for (const auto& [theirs, ours] : {std::pair("input", "stdin"), std::pair("output", "stdout")})
      if (test.contains(theirs) && !test.contains(ours)) test[ours] = test[theirs];
  }
  return tests;
}

}  // namespace

CodeTask read_code_task(const RewardInput& input) {
  const Json& row = input.row;
  if (!row.is_object()) fail("code: the row is no object");
  CodeTask task;
  if (row.contains("language") && !row["language"].is_null()) {
    const std::string name = text_at(row, "language");
    if (!read_language(name, task.language)) fail("code: language \"{}\"; known are python and cpp", name);
  }
  task.entry_point = text_at(row, "entry_point");
  task.check = row.contains("check") ? text_at(row, "check") : text_at(row, "test");
  task.tests = read_tests(row);
  if (!task.entry_point.empty() && !task.check.empty())
    task.kind = CodeTask::Kind::check;
  else
    task.kind = task.entry_point.empty() ? CodeTask::Kind::stdio : CodeTask::Kind::function;
  if (task.kind != CodeTask::Kind::check) check_tests(task);
  if (task.kind == CodeTask::Kind::check && task.language != Language::python)
    fail("code: \"check\" is Python; the row's language is not");
  task.prompt = text_at(row, "prompt");
  task.code = extract_code(input.completion, input.prefilled, task.language);
  task.sources = task.language == Language::python ? python_sources(task.prompt, task.code, task.entry_point)
                                                   : std::vector<std::string>{task.code};
  return task;
}

}  // namespace r1
