#include "train/r1_metrics.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "reward/language.h"
#include "reward/math_words.h"
#include "reward/shaping.h"
#include "text/thinking.h"
#include "text/unicode.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Longer ones first where one begins with another.
struct ChineseWord {
  std::string_view text, english;
};
constexpr ChineseWord kChinese[] = {
    {"等一下", "wait"},   {"等一等", "wait"},  {"等等", "wait"},    {"等下", "wait"},    {"稍等", "wait"},
    {"弄错", "mistake"},  {"搞错", "mistake"}, {"算错", "mistake"}, {"失误", "mistake"}, {"然而", "however"},
    {"不过", "however"},  {"但是", "but"},     {"可是", "but"},     {"但", "but"},       {"重试", "retry"},
    {"再试", "retry"},    {"重来", "retry"},   {"错误", "error"},   {"验证", "verify"},  {"核实", "verify"},
    {"验算", "verify"},   {"不对", "wrong"},   {"错了", "wrong"},   {"有误", "wrong"},   {"评估", "evaluate"},
    {"评价", "evaluate"}, {"检查", "check"},   {"检验", "check"},   {"核对", "check"}};

size_t place_of(std::string_view word) {
  for (size_t i = 0; i < kReflectionWords.size(); i++)
    if (word == kReflectionWords[i]) return i;
  return kReflectionWords.size();
}

// Han characters and kana as words of their own.
std::string spaced_out(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const uint32_t c = next_code_point(text, at);
    const bool alone = (c >= 0x3041 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x20000 && c <= 0x323AF);
    if (alone) out += ' ';
    out.append(text.substr(begin, at - begin));
    if (alone) out += ' ';
  }
  return out;
}

// What a text says a thing is: `about` is empty for the answer itself, else an equation's left side.
struct Statement {
  size_t begin = 0;
  std::string about, value;
};

std::string without_blanks(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != ' ' && c != '$') out += c;
  return out;
}

// Up to the end of a word or number; a point inside a number belongs to it.
std::string value_at(std::string_view text, size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '$' || text[at] == '*' || text[at] == ':')) at++;
  size_t end = at;
  while (end < text.size() && std::string_view(" \t\r\n,;!?)$<*}").find(text[end]) == std::string_view::npos &&
         !(text[end] == '.' && !(end + 1 < text.size() && is_digit(text[end + 1]))) &&
         static_cast<unsigned char>(text[end]) < 0x80)
    end++;
  return lower(text.substr(at, end - at));
}

void add_answer(std::string_view text, size_t begin, size_t at, std::vector<Statement>& out) {
  std::string value = value_at(text, at);
  if (!value.empty()) out.push_back({begin, "", std::move(value)});
}

void add_marked(std::string_view text, std::vector<Statement>& out) {
  constexpr std::string_view kMarks[] = {"answer is", "answer:", "答案是", "答案为", "答案：", "####", "<answer>"};
  const std::string small = lower(text);
  for (const std::string_view mark : kMarks)
    for (size_t at = 0; (at = small.find(mark, at)) != std::string::npos; at += mark.size())
      if (const std::string_view rest = text.substr(at + mark.size()); !trim(rest.substr(0, 12)).starts_with("\\boxed"))
        add_answer(text, at, at + mark.size(), out);
  constexpr std::string_view kBox = "\\boxed{";
  for (size_t at = 0; (at = text.find(kBox, at)) != std::string_view::npos; at += kBox.size()) {
    int depth = 1;
    size_t end = at + kBox.size();
    for (; end < text.size() && depth > 0; end++) depth += text[end] == '{' ? 1 : text[end] == '}' ? -1 : 0;
    if (depth > 0) return;
    out.push_back({at, "", without_blanks(text.substr(at + kBox.size(), end - 1 - at - kBox.size()))});
  }
}

// "12 + 34 = 45": figures and operators on the left, a number on the right.
void add_equations(std::string_view text, std::vector<Statement>& out) {
  constexpr std::string_view kLeft = "0123456789+-*/^(). ";
  for (size_t at = 0; (at = text.find('=', at)) != std::string_view::npos; at++) {
    size_t begin = at;
    while (begin > 0 && kLeft.find(text[begin - 1]) != std::string_view::npos) begin--;
    std::string left = without_blanks(text.substr(begin, at - begin));
    while (!left.empty() && left.front() == '.') left.erase(0, 1);  // of the sentence before
    const size_t first_operator = left.find_first_of("+-*/^", 1);
    const std::string value = value_at(text, at + 1);
    if (first_operator == std::string::npos || value.find_first_of("0123456789") == std::string::npos) continue;
    out.push_back({at, std::move(left), value});
  }
}

struct Mean {
  double sum = 0, n = 0;
  void add(double x) { sum += x, n++; }
  void write(const std::string& key, Json& metrics) const {
    if (n > 0) metrics[key] = sum / n;
  }
};

// The thought, or all of the text where it has none in its tags, as the language reward reads it.
std::string thought_of(const LookedAt& c) {
  const ParsedCompletion parsed = parse_completion(c.completion, c.prefilled);
  return parsed.has_thought ? parsed.thought : std::string(c.prefilled) + std::string(c.completion);
}

// Null for a row without one.
Json difficulty_of(const DataRow& row) {
  if (!row.row.is_object()) return {};
  const auto meta = row.row.find("meta");
  if (meta != row.row.end() && meta->is_object() && meta->contains("difficulty")) return (*meta)["difficulty"];
  for (const char* key : {"difficulty", "level"})
    if (const auto found = row.row.find(key); found != row.row.end()) return *found;
  return {};
}

std::string label_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

}  // namespace

std::vector<Reflection> reflections_in(std::string_view text) {
  std::vector<Reflection> out;
  for (size_t i = 0; i < text.size();) {
    if (is_word_byte(text[i])) {
      const size_t begin = i;
      while (i < text.size() && is_word_byte(text[i])) i++;
      const size_t word = i - begin > 8 ? kReflectionWords.size() : place_of(lower(text.substr(begin, i - begin)));
      if (word < kReflectionWords.size()) out.push_back({word, begin, i});
      continue;
    }
    const std::string_view rest = text.substr(i);
    const auto* found = static_cast<unsigned char>(text[i]) < 0x80
                            ? std::end(kChinese)
                            : std::find_if(
                                  std::begin(kChinese), std::end(kChinese),
                                  [&](const ChineseWord& w) { return rest.starts_with(w.text); });
    if (found == std::end(kChinese)) {
      i++;
      continue;
    }
    out.push_back({place_of(found->english), i, i + found->text.size()});
    i += found->text.size();
  }
  return out;
}

std::optional<Aha> find_aha(std::string_view text) {
  const std::vector<Reflection> words = reflections_in(text);
  if (words.empty()) return std::nullopt;
  std::vector<Statement> said;
  add_marked(text, said);
  add_equations(text, said);
  std::sort(said.begin(), said.end(), [](const Statement& a, const Statement& b) { return a.begin < b.begin; });
  std::map<std::string, const Statement*> last;
  for (const Statement& now : said) {
    const Statement*& before = last[now.about];
    if (before != nullptr && before->value != now.value) {
      const auto word = std::find_if(words.begin(), words.end(), [&](const Reflection& r) {
        return r.begin > before->begin && r.end <= now.begin;
      });
      if (word != words.end()) return Aha{kReflectionWords[word->word], before->value, now.value};
    }
    before = &now;
  }
  return std::nullopt;
}

double repeated_share(std::string_view text, int64_t n) { return -repetition_penalty(spaced_out(text), n, -1); }

Difficulty::Difficulty(const std::vector<DataRow>& rows) {
  constexpr size_t kMostLevels = 8;
  std::set<std::string> labels;
  std::vector<double> numbers;
  for (const DataRow& row : rows) {
    const Json value = difficulty_of(row);
    if (value.is_null()) continue;
    if (labels.size() <= kMostLevels) labels.insert(label_of(value));
    if (value.is_number()) numbers.push_back(value.get<double>());
  }
  named_ = labels.size() <= kMostLevels;
  if (named_ || numbers.empty()) return;
  std::sort(numbers.begin(), numbers.end());
  first_ = numbers[numbers.size() / 3];
  second_ = numbers[numbers.size() * 2 / 3];
}

std::optional<std::string> Difficulty::level(const DataRow& row) const {
  const Json value = difficulty_of(row);
  if (value.is_null()) return std::nullopt;
  if (named_) return label_of(value).substr(0, 40);
  if (!value.is_number()) return std::nullopt;
  const double d = value.get<double>();
  return d <= first_ ? "low" : d <= second_ ? "middle" : "high";
}

void add_r1_metrics(std::span<const LookedAt> all, Json& m) {
  Mean length_correct, length_wrong, total, aha, consistency, mixed, repetition;
  std::array<Mean, kReflectionWords.size()> words;
  std::map<std::string, std::pair<Mean, Mean>> levels;
  for (const LookedAt& c : all) {
    const double length = static_cast<double>(c.num_tokens);
    if (c.outcome == Outcome::correct) length_correct.add(length);
    if (c.outcome == Outcome::wrong || c.outcome == Outcome::no_answer) length_wrong.add(length);
    if (c.difficulty && c.outcome != Outcome::failed) {
      levels[*c.difficulty].first.add(length);
      levels[*c.difficulty].second.add(c.outcome == Outcome::correct);
    }
    std::array<double, kReflectionWords.size()> counts{};
    double count = 0;
    for (const Reflection& r : reflections_in(c.completion)) counts[r.word]++, count++;
    for (size_t i = 0; i < counts.size(); i++) words[i].add(counts[i]);
    total.add(count);
    aha.add(find_aha(c.completion).has_value());
    const LanguageShare found = language_share(thought_of(c), std::string(c.language));
    if (found.words > 0) consistency.add(found.share());
    mixed.add(found.target > 0 && found.target < found.words);
    repetition.add(repeated_share(c.completion, 3));
  }
  length_correct.write("completions/mean_length_correct", m);
  length_wrong.write("completions/mean_length_wrong", m);
  for (const auto& [level, means] : levels) {
    means.first.write("difficulty/" + level + "/mean_length", m);
    means.second.write("difficulty/" + level + "/correct", m);
  }
  repetition.write("completions/repetition", m);
  total.write("reflection/total", m);
  for (size_t i = 0; i < words.size(); i++) words[i].write(std::string("reflection/") + kReflectionWords[i], m);
  aha.write("reflection/aha", m);
  consistency.write("language/consistency", m);
  mixed.write("language/mixed", m);
}

}  // namespace r1
