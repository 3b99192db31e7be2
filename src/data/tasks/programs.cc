// What does a small Python program print? The programs use assignments of one operation, if/else and for over range;
// the interpreter for them is here too.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/claims.h"

namespace r1::tasks {
namespace {

constexpr size_t kMostLines = 100, kMostTrace = 400;
constexpr int64_t kMostValue = 1'000'000'000;

struct Line {
  size_t number = 0, indent = 0;
  std::vector<std::string> words;
};

// Runs a program and writes down what every line does. Throws r1::Error for a line that is outside the language, a name
// without a value, a division by zero, a value or trace beyond its limit.
class Interpreter {
 public:
  explicit Interpreter(const std::string& program) {
    for (size_t at = 0; at < program.size();) {
      const size_t end = std::min(program.find('\n', at), program.size());
      add_line(std::string_view(program).substr(at, end - at));
      at = end + 1;
    }
    block(0, lines_.size(), 0);
  }
  const std::vector<std::string>& trace() const { return trace_; }  // "line 3: a = 5 * 3 = 15"
  const std::string& printed() const { return printed_; }

 private:
  void add_line(std::string_view text) {
    Line line;
    line.number = lines_.size() + 1;
    while (text.starts_with(" ")) text.remove_prefix(1), line.indent++;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find(' ', at), text.size());
      if (end > at) line.words.emplace_back(text.substr(at, end - at));
      at = end + 1;
    }
    if (line.words.empty() || line.words.size() > 6 || lines_.size() == kMostLines)
      fail("item: line {} of the program cannot be read", line.number);
    lines_.push_back(std::move(line));
  }
  size_t end_of_block(size_t begin, size_t end, size_t indent) const {
    while (begin < end && lines_[begin].indent >= indent) begin++;
    return begin;
  }
  void block(size_t begin, size_t end, size_t indent) {
    constexpr size_t kDeepest = 32;
    if (indent > kDeepest) fail("item: the program is nested too deep");
    while (begin < end) {
      const Line& line = lines_[begin];
      if (line.indent != indent) fail("item: line {} is indented oddly", line.number);
      const size_t body_end = end_of_block(begin + 1, end, indent + 1);
      size_t next = body_end;
      if (line.words[0] == "if")
        next = branch(begin, body_end, end);
      else if (line.words[0] == "for")
        loop(begin, body_end);
      else if (body_end > begin + 1)
        fail("item: line {} has a block", line.number);
      else
        simple(line);
      begin = next;
    }
  }
  size_t inner_indent(size_t begin, size_t end) const {
    if (begin + 1 >= end) fail("item: line {} has no block", lines_[begin].number);
    return lines_[begin + 1].indent;
  }
  size_t branch(size_t begin, size_t body_end, size_t end) {
    const Line& line = lines_[begin];
    if (line.words.size() != 4 || !line.words[3].ends_with(":")) fail("item: line {}: no condition", line.number);
    const int64_t a = value(line.words[1]), b = value(line.words[3].substr(0, line.words[3].size() - 1));
    const std::string& op = line.words[2];
    if (op != ">" && op != "<" && op != "==") fail("item: line {}: no comparison", line.number);
    const bool taken = op == ">" ? a > b : op == "<" ? a < b : a == b;
    note(line, fmt::format("{} {} {} is {}", a, op, b, taken ? "True" : "False"));
    const size_t indent = inner_indent(begin, body_end);
    if (taken) block(begin + 1, body_end, indent);
    if (body_end >= end || lines_[body_end].words[0] != "else:" || lines_[body_end].indent != line.indent)
      return body_end;
    const size_t else_end = end_of_block(body_end + 1, end, line.indent + 1);
    if (!taken) block(body_end + 1, else_end, inner_indent(body_end, else_end));
    return else_end;
  }
  void loop(size_t begin, size_t end) {
    const Line& line = lines_[begin];
    const std::string range = line.words.size() == 4 && line.words[2] == "in" ? line.words[3] : "";
    if (!range.starts_with("range(") || !range.ends_with("):")) fail("item: line {}: no range", line.number);
    const size_t head = std::string_view("range(").size();
    const int64_t count = value(range.substr(head, range.size() - head - 2));
    const size_t indent = inner_indent(begin, end);
    for (int64_t i = 0; i < count; i++) {
      names_[line.words[1]] = i;
      note(line, fmt::format("{} = {}", line.words[1], i));
      block(begin + 1, end, indent);
    }
  }
  void simple(const Line& line) {
    const std::vector<std::string>& w = line.words;
    if (w.size() == 1 && w[0].starts_with("print(") && w[0].ends_with(")")) {
      const size_t head = std::string_view("print(").size();
      printed_ = std::to_string(value(w[0].substr(head, w[0].size() - head - 1)));
      return;
    }
    if ((w.size() != 3 && w.size() != 5) || w[1] != "=") fail("item: line {}: no assignment", line.number);
    const int64_t a = value(w[2]), b = w.size() == 5 ? value(w[4]) : 0;
    const int64_t result = w.size() == 3 ? a : apply(line, a, w[3], b);
    if (std::abs(result) > kMostValue) fail("item: line {}: beyond {}", line.number, kMostValue);
    names_[w[0]] = result;
    note(line, w.size() == 3 ? fmt::format("{} = {}", w[0], result)
                             : fmt::format("{} = {} {} {} = {}", w[0], a, w[3], b, result));
  }
  // As Python: // and % go towards minus infinity.
  static int64_t apply(const Line& line, int64_t a, const std::string& op, int64_t b) {
    if (op == "+") return a + b;
    if (op == "-") return a - b;
    if (op == "*") return a * b;
    if ((op != "//" && op != "%") || b == 0) fail("item: line {}: no operation", line.number);
    const int64_t rest = ((a % b) + b) % b;
    return op == "%" ? rest : (a - rest) / b;
  }
  int64_t value(const std::string& word) const {
    if (const auto it = names_.find(word); it != names_.end()) return it->second;
    const auto number = whole_of(word);
    if (!number || std::abs(*number) > kMostValue) fail("item: the program has no value for \"{}\"", word);
    return *number;
  }
  void note(const Line& line, const std::string& what) {
    if (trace_.size() == kMostTrace) fail("item: the program takes more than {} steps", kMostTrace);
    trace_.push_back(fmt::format("line {}: {}", line.number, what));
  }

  std::vector<Line> lines_;
  std::map<std::string, int64_t> names_;
  std::vector<std::string> trace_;
  std::string printed_;
};

// Writes programs that the interpreter runs: three names with values, then statements, then one of them printed.
class Writer {
 public:
  Writer(Draws& draws, int64_t size) : draws_(draws), size_(size) {}
  std::string write(int64_t statements, int64_t loops) {
    for (const std::string& name : names_) add(0, fmt::format("{} = {}", name, draws_.between(0, size_)));
    std::vector<char> kinds(static_cast<size_t>(statements), 's');
    for (size_t i = 0; i < kinds.size() && static_cast<int64_t>(i) < loops; i++) kinds[i] = 'l';
    draws_.shuffle(kinds);
    for (char kind : kinds) {
      if (kind == 'l')
        add_loop();
      else if (draws_.chance(30))
        add_branch();
      else
        add(0, assignment(names_));
    }
    return text_ + fmt::format("print({})", draws_.pick(names_));
  }

 private:
  void add(int indent, const std::string& line) {
    text_ += std::string(static_cast<size_t>(indent), ' ') + line + "\n";
  }
  std::string operand(const std::vector<std::string>& names) {
    return draws_.chance(50) ? draws_.pick(names) : std::to_string(draws_.between(1, size_));
  }
  std::string assignment(const std::vector<std::string>& names) {
    static const std::vector<std::string> ops = {"+", "-", "*", "+", "-", "//", "%"};
    const std::string& to = draws_.pick(names_);
    const std::string& from = draws_.pick(names);
    const std::string& op = draws_.pick(ops);
    const bool divides = op == "//" || op == "%";
    return fmt::format("{} = {} {} {}", to, from, op, divides ? std::to_string(draws_.between(2, 9)) : operand(names));
  }
  void add_branch() {
    static const std::vector<std::string> comparisons = {">", "<"};
    const std::string& left = draws_.pick(names_);
    const std::string& op = draws_.pick(comparisons);
    add(0, fmt::format("if {} {} {}:", left, op, operand(names_)));
    add(4, assignment(names_));
    if (draws_.chance(50)) {
      add(0, "else:");
      add(4, assignment(names_));
    }
  }
  void add_loop() {
    add(0, fmt::format("for i in range({}):", draws_.between(2, 4)));
    std::vector<std::string> names = names_;
    names.push_back("i");
    for (int64_t n = draws_.between(1, 2); n > 0; n--) add(4, assignment(names));
  }

  Draws& draws_;
  int64_t size_;
  std::string text_;
  const std::vector<std::string> names_ = {"a", "b", "c"};
};

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  constexpr size_t kMostSteps = 60;  // of an item
  const int64_t statements = dials.whole("statements", draws), loops = dials.whole("loops", draws);
  const std::string program = Writer(draws, dials.whole("size", draws)).write(statements, loops);
  Draft out;
  try {
    const Interpreter run(program);
    if (run.trace().size() > kMostSteps) return std::nullopt;
    out.answer = run.printed();
    for (const std::string& what : run.trace())
      out.steps.push_back(fmt::format("Step {}, {}.", out.steps.size() + 1, what));
  } catch (const Error&) {  // a value grew too large
    return std::nullopt;
  }
  out.steps.push_back(fmt::format("It prints {}.", out.answer));
  out.prompt = fmt::format("What does this Python program print?\n```python\n{}\n```", program);
  out.key = "program " + program;
  out.meta = {{"program", program}};
  return out;
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) { return judge_number(answer, item.answer); }

// The words of a step without blanks, "a = 5 * 3 = 15" also as "a = 15".
std::vector<std::string> spellings(const std::string& what) {
  std::string all = what;
  std::erase(all, ' ');
  std::vector<std::string> out = {all};
  const size_t first = all.find('='), last = all.rfind('=');
  if (first != last && all.find("is") == std::string::npos) out.push_back(all.substr(0, first) + all.substr(last));
  return out;
}

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  const Interpreter run(meta_text(item.meta, "program", 1 << 16));
  const auto& trace = run.trace();
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) {
    StepVerdict v = StepVerdict::none;
    for (const auto& found : find_claims(step, "step {}, {}")) {
      const auto number = whole_of(found[0]);
      if (!number || !lowered(found[1]).starts_with("line")) continue;
      std::string said = found[1];
      std::erase(said, ' ');
      bool good = *number >= 1 && *number <= static_cast<int64_t>(trace.size());
      if (good) {
        const auto right = spellings(trace[static_cast<size_t>(*number) - 1]);
        good = std::find(right.begin(), right.end(), said) != right.end();
      }
      v = join(v, claim(good));
    }
    for (const auto& found : find_claims(step, "prints {}"))
      if (whole_of(found[0])) v = join(v, claim(std::to_string(*whole_of(found[0])) == run.printed()));
    out.push_back(v);
  }
  return out;
}

}  // namespace

TaskFamily programs_family() {
  return {
      "programs",
      "what a small Python program prints",
      {{.name = "statements", .low = 1, .high = 10, .fallback = "2-4", .help = "after the first assignments"},
       {.name = "loops", .low = 0, .high = 2, .fallback = "0-1", .help = "of the statements, how many are loops"},
       {.name = "size", .low = 2, .high = 100, .fallback = "10", .help = "the largest number written in the program"}},
      draw,
      judge,
      check_all};
}

}  // namespace r1::tasks
