#include "formats/checked_json.h"

#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "formats/bytes.h"

namespace r1 {
namespace {

constexpr size_t kDeepest = 64, kLongestString = 4u << 20;  // a chat template has 10,000 bytes
constexpr size_t kMostOrderedKeys = 16384, kMostOrderedValues = 1 << 20;

// nlohmann keeps the last of two equal keys and nests without limit; here both are errors. A pass of its own: the
// library's callbacks walk a whole object for every value inside it.
struct Checker : nlohmann::json_sax<nlohmann::json> {
  Checker(const std::string& name, size_t most, size_t most_of_values)
      : what(name), most_keys(most), most_values(most_of_values) {}
  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(number_integer_t) override { return count(); }
  bool number_unsigned(number_unsigned_t) override { return count(); }
  bool number_float(number_float_t, const string_t&) override { return count(); }
  bool string(string_t&) override { return count(); }
  bool binary(binary_t&) override { return count(); }
  bool start_object(size_t) override { return enter(); }
  bool start_array(size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    if (!keys.back().insert(name).second) fail("{} names {} twice", what, name);
    if (keys.back().size() > most_keys) fail("{} has an object of more than {} keys", what, most_keys);
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& e) override {
    fail("{} is not valid JSON: {}", what, std::string(e.what()).substr(0, 300));
  }
  // Values take many times their bytes once they are a tree.
  bool count() {
    if (++values > most_values) fail("{} holds more than {} values", what, most_values);
    return true;
  }
  bool enter() {
    count();
    keys.emplace_back();
    if (keys.size() > kDeepest) fail("{} is nested deeper than {}", what, kDeepest);
    return true;
  }
  bool leave() {
    keys.pop_back();
    return true;
  }

  const std::string& what;
  size_t most_keys, most_values, values = 0;
  std::vector<std::unordered_set<std::string>> keys;  // of the objects (and lists) that are open
};

// The library gathers a string whole before anybody sees it.
void require_short_strings(std::string_view text, const std::string& what) {
  size_t start = 0;
  bool inside = false;
  for (size_t i = 0; i < text.size(); i++) {
    if (inside && text[i] == '\\') {
      i++;
    } else if (text[i] == '"') {
      inside = !inside;
      start = i;
    } else if (inside && i - start > kLongestString) {
      fail("{} holds a string of more than {} bytes", what, kLongestString);
    }
  }
}

template <typename Json>
Json parse(std::string_view text, const std::string& what, size_t most_keys, size_t most_values) {
  if (!valid_utf8(text)) fail("{} is not valid UTF-8", what);
  require_short_strings(text, what);
  Checker checker(what, most_keys, most_values);
  nlohmann::json::sax_parse(text, &checker);
  return Json::parse(text);
}

}  // namespace

nlohmann::json parse_checked_json(std::string_view text, const std::string& what, size_t most_values) {
  return parse<nlohmann::json>(text, what, SIZE_MAX, most_values);
}

nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& what) {
  return parse<nlohmann::ordered_json>(text, what, kMostOrderedKeys, kMostOrderedValues);
}

}  // namespace r1
