#include "base/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/nearest.h"

namespace r1 {
namespace {

std::string toml_text(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else
          out += c;
    }
  }
  return out + "\"";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : ", ") + w;
  return out;
}

bool read_bool(const std::string& text) {
  if (text == "true" || text == "True" || text == "1" || text == "yes") return true;
  if (text == "false" || text == "False" || text == "0" || text == "no") return false;
  fail_usage("is \"{}\", expected true or false", text);
}

double read_double(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) fail_usage("is \"{}\", expected a number", text);
  return value;
}

// Whole numbers, also as 1e3 or 64.0: TOML and TRL users write both.
int64_t read_integer(const std::string& text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end) return value;
  double real = 0;
  const auto [real_stop, real_error] = std::from_chars(text.data(), end, real);
  if (real_error == std::errc() && real_stop == end && std::abs(real) < 9e15 && real == std::floor(real))
    return static_cast<int64_t>(real);
  fail_usage("is \"{}\", expected a whole number", text);
}

}  // namespace

std::string exact_double(double value) {
  std::string text = fmt::format("{}", value);
  // TOML tells integers from floats by the dot or the exponent
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

void OptionTable::push(const std::string& key, const std::string& help, std::function<void(const std::string&)> set,
                       std::function<std::string()> toml) {
  R1_CHECK(find(key) == nullptr, "option {} is declared twice", key);
  options_.push_back({key, help, group_, std::move(set), std::move(toml), false});
}

void OptionTable::add(const std::string& key, std::string* field, const std::string& help) {
  push(key, help, [=](const std::string& v) { *field = v; }, [=] { return toml_text(*field); });
}
void OptionTable::add(const std::string& key, bool* field, const std::string& help) {
  push(
      key, help, [=](const std::string& v) { *field = read_bool(v); },
      [=] { return std::string(*field ? "true" : "false"); });
}
void OptionTable::add(const std::string& key, int64_t* field, const std::string& help) {
  push(key, help, [=](const std::string& v) { *field = read_integer(v); }, [=] { return std::to_string(*field); });
}
void OptionTable::add(const std::string& key, double* field, const std::string& help) {
  push(key, help, [=](const std::string& v) { *field = read_double(v); }, [=] { return exact_double(*field); });
}
void OptionTable::add(const std::string& key, std::optional<double>* field, const std::string& help) {
  push(
      key, help,
      [=](const std::string& v) {
        if (v == "none" || v == "None" || v == "null")
          field->reset();
        else
          *field = read_double(v);
      },
      [=] { return *field ? exact_double(**field) : std::string(); });
}

void OptionTable::add_choice(const std::string& key, std::string* field, std::vector<std::string> choices,
                             const std::string& help) {
  const std::string all = joined(choices);
  push(
      key, help + " (" + all + ")",
      [=](const std::string& v) {
        if (std::find(choices.begin(), choices.end(), v) == choices.end())
          fail_usage("is \"{}\", expected one of {} (nearest: {})", v, all, nearest_name(v, choices));
        *field = v;
      },
      [=] { return toml_text(*field); });
}

void OptionTable::add_alias(const std::string& alias, const std::string& key) {
  R1_CHECK(find(key) != nullptr && find(alias) == nullptr);
  aliases_.push_back({alias, key});
}

void OptionTable::begin_group(const std::string& title) { group_ = title; }

std::string OptionTable::name_of(const std::string& key) const {
  const Option* option = find(key);
  return option == nullptr ? "" : option->key;
}

const OptionTable::Option* OptionTable::find(const std::string& given) const {
  std::string key = given;
  std::replace(key.begin(), key.end(), '-', '_');
  for (const auto& [alias, target] : aliases_)
    if (alias == key) return find(target);
  for (const Option& o : options_)
    if (o.key == key) return &o;
  return nullptr;
}

void OptionTable::set(const std::string& key, const std::string& value) {
  auto* option = const_cast<Option*>(find(key));
  if (option == nullptr) {
    std::vector<std::string> names;
    for (const Option& o : options_) names.push_back(o.key);
    for (const auto& alias : aliases_) names.push_back(alias.first);
    fail_usage("unknown key \"{}\"; nearest is \"{}\"", key, nearest_name(key, names));
  }
  try {
    option->set(value);
  } catch (const UsageError& e) {
    fail_usage("{} {}", key, e.what());
  }
  option->was_set = true;
}

void OptionTable::set_all(const KeyValues& values) {
  std::string errors;
  for (const auto& [key, value] : values) {
    try {
      set(key, value);
    } catch (const UsageError& e) {
      errors += (errors.empty() ? "" : "\n") + std::string(e.what());
    }
  }
  if (!errors.empty()) fail_usage("{}", errors);
}

bool OptionTable::was_set(const std::string& key) const {
  const Option* option = find(key);
  return option != nullptr && option->was_set;
}

KeyValues OptionTable::values() const {
  KeyValues out;
  for (const Option& o : options_)
    if (std::string value = o.toml(); !value.empty()) out.push_back({o.key, std::move(value)});
  return out;
}

std::string OptionTable::help() const {
  std::string out, group;
  for (const Option& o : options_) {
    if (o.group != group) out += fmt::format("\n{}\n", group = o.group);
    const std::string value = o.toml();
    out += fmt::format("  {:<30} {:<14} {}\n", o.key, value.empty() ? "-" : value, o.help);
  }
  return out;
}

std::string OptionTable::to_toml() const {
  std::string out, group;
  for (const Option& o : options_) {
    const std::string value = o.toml();
    if (value.empty()) continue;
    if (o.group != group) out += fmt::format("{}# {}\n", out.empty() ? "" : "\n", group = o.group);
    out += fmt::format("{} = {}\n", o.key, value);
  }
  return out;
}

std::pair<std::string, std::string> split_assignment(const std::string& text) {
  const size_t at = text.find('=');
  if (at == std::string::npos || at == 0) fail_usage("--set {}: expected key=value", text);
  return {text.substr(0, at), text.substr(at + 1)};
}

}  // namespace r1
