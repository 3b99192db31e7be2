// Walls between rooms: every #include of src/ stays inside the table src/DEPS.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Table = std::map<std::string, std::set<std::string>>;

const fs::path kSource = fs::path(R1_SOURCE_DIR) / "src";

// "room: rooms it may include", "*" for any.
Table read_table(std::istream& in) {
  Table table;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) {
      ADD_FAILURE() << "src/DEPS: no colon in \"" << line << "\"";
      continue;
    }
    const std::string room = line.substr(0, colon);
    std::istringstream rest(line.substr(colon + 1));
    for (std::string word; rest >> word;) table[room].insert(word);
    table[room].insert(room);
  }
  return table;
}

Table table_of_the_house() {
  std::ifstream in(kSource / "DEPS");
  return read_table(in);
}

// The path of a line `#include "path"`, blanks allowed before and after the #; empty for any other line.
std::string quoted_include(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  words >> word;
  if (word == "#") {
    words >> word;
    word = "#" + word;
  }
  const size_t open = line.find('"'), close = line.find('"', open + 1);
  if (!word.starts_with("#include") || open == std::string::npos || close == std::string::npos) return "";
  return line.substr(open + 1, close - open - 1);
}

// The quoted includes of a file, with their line numbers.
std::vector<std::pair<int, std::string>> includes_of(std::istream& in) {
  std::vector<std::pair<int, std::string>> out;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    number++;
    if (const std::string include = quoted_include(line); !include.empty()) out.emplace_back(number, include);
  }
  return out;
}

// What is wrong with one include of a file in `room`; empty when nothing is.
std::string verdict(const Table& table, const std::string& room, const std::string& include) {
  const size_t slash = include.find('/');
  if (slash == std::string::npos || !fs::exists(kSource / include))
    return "is not a path from src/ that exists (write \"room/file.h\")";
  const std::string target = include.substr(0, slash);
  const std::set<std::string>& may = table.at(room);
  if (may.count("*") || may.count(target)) return "";
  return "room " + room + " may not include room " + target;
}

std::vector<std::string> rooms() {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(kSource))
    if (entry.is_directory()) out.push_back(entry.path().filename());
  return out;
}

TEST(Deps, EveryRoomIsInTheTable) {
  const Table table = table_of_the_house();
  for (const std::string& room : rooms()) EXPECT_TRUE(table.count(room)) << "src/DEPS has no row for " << room;
}

TEST(Deps, TheTableHasNoCycle) {
  const Table table = table_of_the_house();
  const auto includes = [&](const std::string& a, const std::string& b) { return table.at(a).count(b) > 0; };
  for (const auto& [a, row] : table)
    for (const auto& [b, other] : table)
      EXPECT_FALSE(a < b && includes(a, b) && includes(b, a)) << a << " and " << b << " include each other";
}

TEST(Deps, IncludesStayInsideTheTable) {
  const Table table = table_of_the_house();
  int seen = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kSource)) {
    const std::string extension = entry.path().extension();
    if (!entry.is_regular_file() || (extension != ".h" && extension != ".cc" && extension != ".S")) continue;
    const std::string room = *fs::relative(entry.path(), kSource).begin();
    if (!table.count(room)) continue;  // the test above says so
    std::ifstream in(entry.path());
    for (const auto& [line, include] : includes_of(in)) {
      EXPECT_EQ(verdict(table, room, include), "") << entry.path().string() << ":" << line << ": \"" << include << "\"";
      seen++;
    }
  }
  EXPECT_GT(seen, 100);
}

TEST(Deps, EveryRoomHasASentence) {
  std::ifstream in(kSource / "README.md");
  std::stringstream text;
  text << in.rdbuf();
  for (const std::string& room : rooms())
    EXPECT_NE(text.str().find("- `" + room + "`: "), std::string::npos) << "src/README.md has no sentence for " << room;
}

// The checker itself refuses what it must.
TEST(Deps, TheCheckerFindsWhatIsWrong) {
  std::istringstream deps("# a comment\nbase:\nkernels: base tensor\ncli: *\n");
  const Table table = read_table(deps);
  std::istringstream file(
      "#include <vector>\n// #include \"a/b.h\"\n #  include \"base/error.h\"\n#include \"model/config.h\"\n");
  const auto includes = includes_of(file);
  ASSERT_EQ(includes.size(), 2u);
  EXPECT_EQ(includes[1].first, 4);
  EXPECT_EQ(verdict(table, "kernels", includes[0].second), "");
  EXPECT_EQ(verdict(table, "kernels", includes[1].second), "room kernels may not include room model");
  EXPECT_EQ(verdict(table, "base", "base/error.h"), "");
  EXPECT_NE(verdict(table, "base", "tensor/tensor.h"), "");
  EXPECT_NE(verdict(table, "base", "error.h"), "");
  EXPECT_NE(verdict(table, "base", "base/no_such_file.h"), "");
  EXPECT_EQ(verdict(table, "cli", "model/config.h"), "");
}

}  // namespace
