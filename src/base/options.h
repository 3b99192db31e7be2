// Options by name: a stage's struct declares its fields once (key, help), and reading recipes, --set, help and the
// resolved recipe of a run all follow from that. Keys are flat; values are text until they meet their field.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace r1 {

using KeyValues = std::vector<std::pair<std::string, std::string>>;  // in order; the last one of a key counts

class OptionTable {
 public:
  // Each borrows `field`, which holds the default, for as long as the table is used.
  void add(const std::string& key, std::string* field, const std::string& help);
  void add(const std::string& key, bool* field, const std::string& help);
  void add(const std::string& key, int64_t* field, const std::string& help);
  void add(const std::string& key, double* field, const std::string& help);
  void add(const std::string& key, std::optional<double>* field, const std::string& help);
  // A text that must be one of `choices`.
  void add_choice(const std::string& key, std::string* field, std::vector<std::string> choices,
                  const std::string& help);
  // Another spelling of a key that is there already.
  void add_alias(const std::string& alias, const std::string& key);
  // A title above the keys that follow, for help.
  void begin_group(const std::string& title);

  bool has(const std::string& key) const { return find(key) != nullptr; }
  // A key's own name for what may be an alias of it, or spelled with - for _; empty when there is no such key.
  std::string name_of(const std::string& key) const;
  // Throws r1::UsageError: an unknown key with the nearest name, or a value that does not fit.
  void set(const std::string& key, const std::string& value);
  // All errors are gathered and thrown as one.
  void set_all(const KeyValues& values);
  // Whether set() was called for the key.
  bool was_set(const std::string& key) const;

  // Every key that has a value, as TOML writes it.
  KeyValues values() const;
  // One line a key: name, default, meaning.
  std::string help() const;
  // TOML, every key with its value now; reading it back gives the same values. Unset optionals are left out.
  std::string to_toml() const;

 private:
  struct Option {
    std::string key, help, group;
    std::function<void(const std::string&)> set;
    std::function<std::string()> toml;  // empty: unset
    bool was_set = false;
  };
  const Option* find(const std::string& key) const;
  void push(const std::string& key, const std::string& help, std::function<void(const std::string&)> set,
            std::function<std::string()> toml);

  std::vector<Option> options_;
  KeyValues aliases_;
  std::string group_;
};

// "key=value" of a --set flag. Throws r1::UsageError when there is no '='.
std::pair<std::string, std::string> split_assignment(const std::string& text);

// The shortest decimal that reads back as the same double.
std::string exact_double(double value);

}  // namespace r1
