#include "formats/checked_json.h"

#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "formats/bytes.h"

namespace r1 {
namespace {

using OrderedJson = nlohmann::ordered_json;
constexpr size_t kDeepest = 64, kLongestString = 4u << 20;  // a chat template has 10,000 bytes
constexpr size_t kMostOrderedKeys = 1 << 17, kMostOrderedValues = 1 << 20;

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

// The tree of a text that passed the checks. The library's own way looks every key up from the object's start, for it
// may be there already; here it is not.
struct OrderedBuilder : nlohmann::json_sax<OrderedJson> {
  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return open_one(OrderedJson::object()); }
  bool start_array(size_t) override { return open_one(OrderedJson::array()); }
  bool end_object() override { return close_one(); }
  bool end_array() override { return close_one(); }
  bool key(string_t& name) override {
    open.back()->get_ref<OrderedJson::object_t&>().emplace_back(std::move(name), nullptr);
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

  OrderedJson* place(OrderedJson value) {
    if (open.empty()) return &(root = std::move(value));
    if (open.back()->is_object())
      return &(open.back()->get_ref<OrderedJson::object_t&>().back().second = std::move(value));
    open.back()->push_back(std::move(value));
    return &open.back()->back();
  }
  bool add(OrderedJson value) {
    place(std::move(value));
    return true;
  }
  bool open_one(OrderedJson value) {
    open.push_back(place(std::move(value)));
    return true;
  }
  bool close_one() {
    open.pop_back();
    return true;
  }

  OrderedJson root;
  std::vector<OrderedJson*> open;  // inside `root`; what lies around the last does not grow meanwhile
};

void check_json_text(std::string_view text, const std::string& what, size_t most_keys, size_t most_values) {
  if (!valid_utf8(text)) fail("{} is not valid UTF-8", what);
  require_short_strings(text, what);
  Checker checker(what, most_keys, most_values);
  nlohmann::json::sax_parse(text, &checker);
}

}  // namespace

nlohmann::json parse_checked_json(std::string_view text, const std::string& what, size_t most_values) {
  check_json_text(text, what, SIZE_MAX, most_values);
  return nlohmann::json::parse(text);
}

nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& what) {
  check_json_text(text, what, kMostOrderedKeys, kMostOrderedValues);
  OrderedBuilder builder;
  R1_CHECK(OrderedJson::sax_parse(text, &builder));
  return std::move(builder.root);
}

}  // namespace r1
