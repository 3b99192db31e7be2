// r1 completion: a script for the shell that completes verbs, flags and the keys of --set, made from the program's own
// list of them.
#include <algorithm>
#include <iostream>
#include <memory>
#include <sstream>

#include "base/error.h"
#include "cli/verb_registration.h"
#include "pipeline/stage_run.h"

namespace r1 {
namespace {

struct Verb {
  std::string path;  // "", "grpo", "verify goldens"
  std::string help;
  std::vector<std::pair<std::string, std::string>> below, flags;  // name, help; below: verbs, or words to choose from
  std::vector<std::string> keys;                                  // for --set
  std::vector<std::pair<std::string, std::string>> choices;       // of a flag: its name, what it takes, by spaces
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// Of an option that takes one of some words: CLI11 tells them in its type's name, "TEXT:{auto,sft,grpo}".
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find(":{"), end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return {};
  std::vector<std::string> out;
  std::stringstream words(type.substr(begin + 2, end - begin - 2));
  for (std::string word; std::getline(words, word, ',');) out.push_back(word);
  return out;
}

void collect_flags(CLI::App& app, Verb& verb) {
  const auto is_there = [&](const std::string& flag) {  // groups of options have a --help of their own
    return std::any_of(verb.flags.begin(), verb.flags.end(), [&](const auto& pair) { return pair.first == flag; });
  };
  for (const CLI::Option* option : app.get_options()) {
    const std::vector<std::string> choices = choices_of(*option);
    for (const std::string& name : option->get_lnames()) {
      if (is_there("--" + name)) continue;
      verb.flags.push_back({"--" + name, first_line(option->get_description())});
      if (!choices.empty()) verb.choices.push_back({"--" + name, fmt::format("{}", fmt::join(choices, " "))});
    }
    if (option->get_positional())
      for (const std::string& choice : choices) verb.below.push_back({choice, ""});
  }
  for (CLI::App* group : app.get_subcommands([](CLI::App* below) { return below->get_name().empty(); }))
    collect_flags(*group, verb);
}

// The footer lists keys as "  name   default   meaning".
std::vector<std::string> keys_in(const std::string& footer) {
  std::vector<std::string> out;
  std::stringstream lines(footer);
  for (std::string line; std::getline(lines, line);)
    if (line.size() > 2 && line.starts_with("  ") && line[2] != ' ')
      out.push_back(line.substr(2, line.find(' ', 2) - 2));
  return out;
}

void collect(CLI::App& app, const std::string& path, std::vector<Verb>& out) {
  Verb verb{path, app.get_description(), {}, {}, keys_in(app.get_footer()), {}};
  collect_flags(app, verb);
  const auto below = app.get_subcommands([](CLI::App* one) { return !one->get_name().empty(); });
  for (CLI::App* one : below) verb.below.push_back({one->get_name(), first_line(one->get_description())});
  out.push_back(std::move(verb));
  for (CLI::App* one : below) collect(*one, path.empty() ? one->get_name() : path + " " + one->get_name(), out);
}

// r1 run and r1 config show take the keys of every stage that a recipe may have.
void add_stage_keys(std::vector<Verb>& verbs) {
  std::vector<std::string> keys;
  const auto add = [&](const std::string& key) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  };
  for (const Verb& verb : verbs)
    if (verb.path == "run")
      for (const std::string& key : verb.keys) add(key);
  for (const StageKind& kind : stage_kinds())
    for (const auto& [key, value] : make_stage_run(kind.name)->table().values()) add(key);
  for (Verb& verb : verbs)
    if (verb.path == "run" || verb.path == "config show") verb.keys = keys;
}

std::string names(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string out;
  for (const auto& [name, help] : pairs) out += (out.empty() ? "" : " ") + name;
  return out;
}

std::string quoted(const std::string& text) {  // in single quotes of any of the three shells
  std::string out = "'";
  for (char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

// The words up to the cursor that are verbs; then one table each of verbs, flags and keys.
std::string bash_tables(const std::vector<Verb>& verbs) {
  std::string out = "  case \"$path\" in\n";
  for (const Verb& v : verbs)
    out += fmt::format("    {}) below={} flags={} keys={} ;;\n", quoted(v.path), quoted(names(v.below)),
                       quoted(names(v.flags)), quoted(fmt::format("{}", fmt::join(v.keys, " "))));
  return out + "  esac\n";
}

// What bash and zsh do alike: words that the flag before the cursor takes, added by `add`.
std::string choices_table(const std::vector<Verb>& verbs, const std::string& asked, const std::string& add) {
  std::string out = "  case " + asked + " in\n";
  for (const Verb& v : verbs)
    for (const auto& [flag, words] : v.choices)
      out += fmt::format("    {}) {} ;;\n", quoted(v.path + " " + flag), fmt::format(fmt::runtime(add), words));
  return out + "  esac\n";
}

std::string bash_script(const std::vector<Verb>& verbs) {
  std::string known;
  for (const Verb& v : verbs)
    if (!v.path.empty()) known += (known.empty() ? "" : "|") + quoted(v.path);
  return "# Completion for r1 in bash: source <(r1 completion bash)\n"
         "_r1() {\n"
         "  local path='' word try below flags keys cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    word=${COMP_WORDS[i]}\n"
         "    try=${path:+$path }$word\n"
         "    case \"$try\" in\n      " +
         known +
         ") path=$try ;;\n    esac\n"
         "  done\n" +
         bash_tables(verbs) +
         choices_table(verbs, "\"$path $prev\"", "COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return") +
         "  if [[ $prev == --set ]]; then\n"
         "    compopt -o nospace\n"
         "    COMPREPLY=($(compgen -S = -W \"$keys\" -- \"$cur\"))\n"
         "  elif [[ $cur == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n"
         "  elif [[ -n $below ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$below\" -- \"$cur\"))\n"
         "  else\n"
         "    compopt -o filenames\n"
         "    COMPREPLY=($(compgen -f -- \"$cur\"))\n"
         "  fi\n"
         "}\n"
         "complete -F _r1 r1\n";
}

std::string zsh_script(const std::vector<Verb>& verbs) {
  std::string known, tables = "  case \"$path_\" in\n";
  const auto array = [](const std::vector<std::pair<std::string, std::string>>& pairs) {
    std::string out = "(";
    for (const auto& [name, help] : pairs) out += quoted(name + ":" + help) + " ";
    return out + ")";
  };
  for (const Verb& v : verbs) {
    if (!v.path.empty()) known += (known.empty() ? "" : "|") + quoted(v.path);
    std::string keys;
    for (const std::string& key : v.keys) keys += quoted(key) + " ";
    tables +=
        fmt::format("    {}) below={} flags={} keys=({}) ;;\n", quoted(v.path), array(v.below), array(v.flags), keys);
  }
  return "#compdef r1\n"
         "# Completion for r1 in zsh: source <(r1 completion zsh), or as _r1 in a folder of $fpath\n"
         "_r1() {\n"
         "  local path_='' word try\n"
         "  local -a below flags keys\n"
         "  for word in ${words[2,CURRENT-1]}; do\n"
         "    try=${path_:+$path_ }$word\n"
         "    case \"$try\" in\n      " +
         known + ") path_=$try ;;\n    esac\n  done\n" + tables + "  esac\n" +
         choices_table(verbs, "\"$path_ ${words[CURRENT-1]}\"", "compadd -- {}; return") +
         "  if [[ ${words[CURRENT-1]} == --set ]]; then\n"
         "    compadd -S = -- $keys\n"
         "  elif [[ ${words[CURRENT]} == -* ]]; then\n"
         "    _describe flag flags\n"
         "  elif (( $#below )); then\n"
         "    _describe verb below\n"
         "  else\n"
         "    _files\n"
         "  fi\n"
         "}\n"
         "if [[ $funcstack[1] == _r1 ]]; then _r1; else compdef _r1 r1; fi\n";
}

std::string taken(const Verb& verb, const std::string& flag) {  // fish: what a flag takes, and no files
  for (const auto& [name, words] : verb.choices)
    if (name == flag) return " -x -a " + quoted(words);
  return "";
}

std::string fish_script(const std::vector<Verb>& verbs) {
  std::string out =
      "# Completion for r1 in fish: r1 completion fish | source\n"
      "function __r1_at\n"
      "  set -l path\n"
      "  for word in (commandline -opc)[2..]\n"
      "    switch (string join ' ' -- $path $word)\n      case";
  for (const Verb& v : verbs)
    if (!v.path.empty()) out += " " + quoted(v.path);
  out +=
      "\n        set -a path $word\n    end\n  end\n"
      "  set -l at (string join ' ' -- $path)\n"  // nothing of it is a word that is missing, so it goes in quotes
      "  test \"$at\" = \"$argv\"\nend\n"
      "function __r1_sets\n  set -l words (commandline -opc)\n"
      "  __r1_at $argv; and test \"$words[-1]\" = --set\nend\n";
  for (const Verb& v : verbs) {
    const std::string at = quoted(fmt::format("__r1_at {}", v.path));
    for (const auto& [name, help] : v.below)
      out += fmt::format("complete -c r1 -f -n {} -a {} -d {}\n", at, name, quoted(help));
    for (const auto& [name, help] : v.flags)
      out += fmt::format("complete -c r1 -n {} -l {} -d {}{}\n", at, name.substr(2), quoted(help), taken(v, name));
    for (const std::string& key : v.keys)
      out += fmt::format("complete -c r1 -f -n {} -a '{}='\n", quoted(fmt::format("__r1_sets {}", v.path)), key);
  }
  return out;
}

}  // namespace

void add_completion_verb(CLI::App& app, std::function<int()>& action) {
  const auto shell = std::make_shared<std::string>();  // shared by the verb's option and its callback
  CLI::App* completion = app.add_subcommand("completion", "a script that completes r1's verbs, flags and keys");
  completion->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->callback([&app, &action, shell] {
    action = [&app, shell] {
      std::vector<Verb> verbs;
      collect(app, "", verbs);
      add_stage_keys(verbs);
      std::cout << (*shell == "bash" ? bash_script(verbs) : *shell == "zsh" ? zsh_script(verbs) : fish_script(verbs));
      return 0;
    };
  });
}

}  // namespace r1
