// The frozen list of verbs, flags and keys, and what wrong words get.
#include <algorithm>
#include <set>
#include <sstream>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

std::string first_word(const std::string& line) { return line.substr(0, line.find(' ')); }

// The names below the line `title`, up to the next empty line.
std::vector<std::string> names_below(const std::string& help, const std::string& title) {
  std::vector<std::string> out;
  std::stringstream lines(help);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(title) != std::string::npos)
      inside = true;
    else if (line.empty())
      inside = false;
    else if (inside && line.size() > 2 && line.starts_with("  ") && line[2] != ' ')
      out.push_back(first_word(line.substr(2)));
  }
  return out;
}

// Below "Keys for" there are groups, each with an empty line and a title before it.
std::vector<std::string> keys_of(const std::string& help) {
  std::vector<std::string> out;
  const size_t at = help.find("with their defaults:");
  if (at == std::string::npos) return out;
  std::stringstream lines(help.substr(at));
  for (std::string line; std::getline(lines, line);)
    if (line.size() > 2 && line.starts_with("  ") && line[2] != ' ') out.push_back(first_word(line.substr(2)));
  return out;
}

std::set<std::string> flags_of(const std::string& help) {
  std::set<std::string> out;
  std::stringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find_first_not_of(' ');
    if (at == std::string::npos || at < 2 || line[at] != '-') continue;
    const std::string names = first_word(line.substr(at));
    out.insert(names.substr(names.rfind(',') + 1));
  }
  return out;
}

// A line a name, from the program's own --help.
void describe(std::vector<std::string> words, std::string& out) {
  std::string path = "r1";
  for (const std::string& w : words) path += " " + w;
  words.push_back("--help");
  const Outcome o = r1(words);
  ASSERT_TRUE(done(o));
  EXPECT_EQ(o.err, "");
  words.pop_back();
  out += path + "\n";
  for (const std::string& name : names_below(o.out, "Positionals:")) out += path + " " + name + "\n";
  for (const std::string& flag : flags_of(o.out)) out += path + " " + flag + "\n";
  for (const std::string& key : keys_of(o.out)) out += path + " key " + key + "\n";
  for (const std::string& verb : names_below(o.out, "Subcommands:")) {
    words.push_back(verb);
    describe(words, out);
    words.pop_back();
  }
}

TEST(CommandLineTest, TheListIsFrozen) {
  std::string now;
  describe({}, now);
  const std::string path = std::string(R1_SOURCE_DIR) + "/tests/e2e/command_line.txt", kept = read_file(path);
  const auto lines_of = [](const std::string& text) {
    std::set<std::string> lines;
    std::stringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.insert(line);
    return lines;
  };
  const std::set<std::string> is = lines_of(now), was = lines_of(kept);
  for (const std::string& line : is) EXPECT_TRUE(was.contains(line)) << "new: " << line;
  for (const std::string& line : was) EXPECT_TRUE(is.contains(line)) << "gone: " << line;
  EXPECT_EQ(now, kept) << "others call these names. If the change is meant, write this list to " << path << ":\n"
                       << now;
}

TEST(CommandLineTest, EveryVerbTakesSet) {
  std::string now;
  describe({}, now);
  std::stringstream lines(now);
  std::string verb;
  for (const char* name :
       {"tokenize", "template", "logprobs", "generate", "chat", "convert", "pretrain", "sft", "grpo", "run", "eval",
        "verify goldens", "doctor", "bench", "data inspect", "config show", "config import", "inspect"})
    EXPECT_NE(now.find(std::string("r1 ") + name + " --set\n"), std::string::npos) << name;
}

TEST(CommandLineTest, HelpOfGrpoListsAllKeysWithDefaults) {
  const std::string help = r1({"grpo", "--help"}).out;
  for (const char* line : {"  num_generations                8 ", "  beta                           0.0 ",
                           "  loss_type                      \"dapo\" ", "  epsilon_high                   - ",
                           "  learning_rate                  1e-05 ", "  compute_dtype                  \"auto\" "})
    EXPECT_NE(help.find(line), std::string::npos) << line;
}

TEST(CommandLineTest, WrongWordsGetTheNearestRightOne) {
  EXPECT_TRUE(refused(r1({"grop"}), 2, "unknown verb \"grop\"; nearest is \"grpo\""));
  EXPECT_TRUE(refused(r1({"verify", "golden"}), 2, "unknown verb \"golden\"; nearest is \"goldens\""));
  EXPECT_TRUE(refused(r1({"grpo", "--modle", "x"}), 2, "unknown flag --modle; nearest is --model"));
  EXPECT_TRUE(refused(r1({"generate", "--modle", "x"}), 2, "unknown flag --modle; nearest is --model"));
  EXPECT_TRUE(refused(r1({"generate", "--model", "x", "--promt-ids=5"}), 2, "nearest is --prompt-ids"));
  EXPECT_TRUE(refused(r1({"logprobs", "--model", "x", "--set", "thread=1"}), 2, "nearest is \"threads\""));
  EXPECT_TRUE(refused(r1({"tokenize", "--model", "x", "--set", "thread=1"}), 2, "unknown key \"thread\""));
  EXPECT_TRUE(refused(r1({"--version"}), 2, "--version"));
}

TEST(CommandLineTest, WhatIsMissingOrOfTheWrongKind) {
  EXPECT_TRUE(refused(r1(std::vector<std::string>{}), 2, "r1"));
  EXPECT_TRUE(refused(r1({"verify"}), 2, "verify"));
  EXPECT_TRUE(refused(r1({"logprobs"}), 2, "--model"));
  EXPECT_TRUE(refused(r1({"logprobs", "--model"}), 2, "--model"));
  EXPECT_TRUE(refused(r1({"logprobs", "--model", "x", "--threads", "two"}), 2, "--threads"));
  EXPECT_TRUE(refused(r1({"run"}), 2, "recipe"));
  EXPECT_TRUE(refused(r1({"doctor", "more"}), 2, "more"));
}

}  // namespace
}  // namespace r1::e2e
