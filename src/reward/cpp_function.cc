#include "reward/cpp_function.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "reward/sandbox/embedded.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

bool is_word_character(char c) { return c == '_' || isalnum(static_cast<unsigned char>(c)) != 0; }

// Whether `word` stands in the code as a word of its own.
bool has_word(std::string_view code, std::string_view word) {
  for (size_t at = 0; (at = code.find(word, at)) != std::string_view::npos; at += word.size()) {
    const size_t end = at + word.size();
    if ((at == 0 || !is_word_character(code[at - 1])) && (end >= code.size() || !is_word_character(code[end])))
      return true;
  }
  return false;
}

bool is_method(std::string_view code) {
  for (const std::string_view word : {"class Solution", "struct Solution"})
    if (has_word(code, word)) return true;
  return false;
}

std::string around(std::string_view code, const std::string& call) {
  std::string out(function_driver());
  if (code.find("std::") == std::string_view::npos && !has_word(code, "using")) out += "using namespace std;\n";
  out += "#define main r1_guest_main\n#line 1 \"main.cc\"\n";
  out += code;
  out += "\n#undef main\nint main() { return r1_driver::run(" + call + "); }\n";
  return out;
}

void check_name(std::string_view name) {
  const bool good = !name.empty() && isdigit(static_cast<unsigned char>(name[0])) == 0 &&
                    std::all_of(name.begin(), name.end(), [](char c) { return is_word_character(c) || c == ':'; });
  if (!good) fail("code: entry_point \"{}\" is no name of a C++ function", name.substr(0, 80));
}

// The type that all values have, or the one that holds them all; empty when there is none.
std::string type_of(const std::vector<const Json*>& values, int depth) {
  const auto all = [&](auto is) {
    return std::all_of(values.begin(), values.end(), [&](const Json* v) { return is(*v); });
  };
  if (values.empty() || depth > 8) return values.empty() ? "int" : "";
  if (all([](const Json& v) { return v.is_boolean(); })) return "bool";
  if (all([](const Json& v) { return v.is_string(); })) return "std::string";
  if (all([](const Json& v) { return v.is_number_integer(); })) {
    const auto small = [](const Json& v) {
      return v.is_number_unsigned() ? v.get<uint64_t>() <= INT32_MAX : v.get<int64_t>() >= INT32_MIN;
    };
    return all(small) ? "int" : "long long";
  }
  if (all([](const Json& v) { return v.is_number(); })) return "double";
  const bool lists = all([](const Json& v) { return v.is_array(); });
  if (!lists && !all([](const Json& v) { return v.is_object(); })) return "";
  std::vector<const Json*> inside;
  for (const Json* v : values)
    for (const Json& one : *v) inside.push_back(&one);
  const std::string element = type_of(inside, depth + 1);
  if (element.empty()) return "";
  return lists ? "std::vector<" + element + ">" : "std::map<std::string, " + element + ">";
}

void write_argument(const Json& value, std::string& out) {
  if (value.is_null()) {
    out += "n;";
  } else if (value.is_boolean()) {
    out += value.get<bool>() ? "t;" : "f;";
  } else if (value.is_number_integer()) {
    out += "i" + value.dump() + ";";
  } else if (value.is_number()) {
    out += fmt::format("d{:a};", value.get<double>());
  } else if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    out += fmt::format("s{};", text.size()) + text;
  } else if (value.is_array()) {
    out += fmt::format("[{};", value.size());
    for (const Json& one : value) write_argument(one, out);
  } else {
    out += fmt::format("{{{};", value.size());
    for (const auto& [key, one] : value.items()) {
      write_argument(key, out);
      write_argument(one, out);
    }
  }
}

}  // namespace

std::string cpp_function_program(std::string_view code, std::string_view entry_point) {
  check_name(entry_point);
  return around(code, (is_method(code) ? "&Solution::" : "&::") + std::string(entry_point));
}

std::string cpp_function_program(std::string_view code, std::string_view entry_point, const Json& tests) {
  check_name(entry_point);
  std::string parameters, names;
  for (size_t i = 0; i < tests[0]["args"].size(); i++) {
    std::vector<const Json*> values;
    for (const Json& test : tests)
      if (i < test["args"].size()) values.push_back(&test["args"][i]);
    const std::string type = type_of(values, 0), name = "a" + std::to_string(i);
    if (type.empty()) return "";
    parameters += (i > 0 ? ", " : "") + type + " " + name;
    names += (i > 0 ? ", " : "") + name;
  }
  const std::string function = (is_method(code) ? "Solution{}." : "::") + std::string(entry_point);
  return around(code, "[](" + parameters + ") { return " + function + "(" + names + "); }");
}

bool needs_types_of_tests(std::string_view compiler_output) {
  for (const std::string_view sign :
       {"unresolved overloaded function type", "no matching function for call to",
        "couldn\xE2\x80\x99t deduce template parameter", "couldn't deduce template parameter"})
    if (compiler_output.find(sign) != std::string_view::npos) return true;
  return false;
}

std::string cpp_arguments(const Json& args) {
  std::string out;
  write_argument(args, out);
  return out;
}

}  // namespace r1
