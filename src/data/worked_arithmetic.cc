#include "data/worked_arithmetic.h"

#include <algorithm>

#include "base/error.h"

namespace r1 {
namespace {

struct Wording {
  const char* first;   // before the first operation
  const char* next;    // before each further one
  const char* work;    // between an operation and its columns
  const char* write;   // between a column and the figures so far
  const char* carry;   // before the figure carried
  const char* borrow;  // before the figure borrowed
  const char* column;  // between columns
  const char* close;   // before the value at the end; empty: not said again
};
constexpr Wording kWordings[kWorkedStyles] = {
    {"", " ", ": ", ", ", " carry ", " borrow ", "; ", ""},
    {"First ", " Then ", ". ", ", write ", ", carry ", ", borrow ", ". ", " So "},
    {"Let me see. ", " Next, ", ": ", " -> ", " and carry ", " and borrow ", ", then ", " The answer is "}};

int64_t apply(int64_t a, char op, int64_t b) {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    default:
      return a / b;
  }
}

// Takes the operations of an expression in their order: visit(a, op, b, result) for each.
template <typename Visit>
int64_t reduce(ArithmeticItem item, const Visit& visit) {
  R1_CHECK(item.operands.size() == item.operators.size() + 1);
  const auto take = [&](size_t i) {
    const int64_t a = item.operands[i], b = item.operands[i + 1];
    const char op = item.operators[i];
    R1_CHECK(op != '/' || (b != 0 && a % b == 0), "{} / {}", a, b);
    item.operands[i] = apply(a, op, b);
    visit(a, op, b, item.operands[i]);
    item.operands.erase(item.operands.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    item.operators.erase(i, 1);
  };
  for (size_t i = 0; i < item.operators.size();)
    if (item.operators[i] == '*' || item.operators[i] == '/')
      take(i);
    else
      i++;
  while (!item.operators.empty()) take(0);
  return item.operands[0];
}

// The figures of a number from the ones upwards; figure 0 beyond its length.
class Figures {
 public:
  explicit Figures(int64_t n) : text_(std::to_string(n)) {}
  size_t size() const { return text_.size(); }
  int at(size_t k) const { return k < size() ? text_[size() - 1 - k] - '0' : 0; }

 private:
  std::string text_;
};

class Worker {
 public:
  explicit Worker(const Wording& wording) : w_(wording) {}

  void operation(int64_t a, char op, int64_t b, int64_t result) {
    out_ += out_.empty() ? w_.first : w_.next;
    if (op == '*')
      product(a, b);
    else if (op == '/')
      quotient(a, b, result);
    else
      signed_sum(a, op, b, result);
    out_ += '.';
  }
  std::string finish(int64_t value) {
    if (*w_.close != '\0') out_ += fmt::format("{}{}.", w_.close, value);
    return std::move(out_);
  }

 private:
  static bool small(int64_t a, int64_t b) { return a < 10 && b < 10; }

  // Brings a sum or difference of signed numbers to one of magnitudes: 15 - 47 = -(47 - 15). One figure needs no work.
  void signed_sum(int64_t a, char op, int64_t b, int64_t result) {
    const bool adds = (a >= 0) == (op == '+');
    const int64_t size = std::abs(a), large = std::max(size, b), little = std::min(size, b);
    if (small(size, b)) return static_cast<void>(out_ += fmt::format("{} {} {} = {}", a, op, b, result));
    const bool turned = a < 0 || (op == '-' && b > a);
    if (!turned) return adds ? sum(a, b) : difference(a, b);
    out_ += fmt::format("{} {} {} = ", a, op, b);
    if (result < 0) out_ += "-(";
    adds ? sum(size, b, result < 0) : difference(large, little, result < 0);
    if (result < 0) out_ += fmt::format("{}{}", w_.write, result);
  }

  void head(int64_t a, char op, int64_t b, bool bracket) {
    out_ += fmt::format("{} {} {}{}", a, op, b, bracket ? ")" : "");
  }
  void column(bool& first) {
    out_ += first ? w_.work : w_.column;
    first = false;
  }

  void sum(int64_t a, int64_t b, bool bracket = false) {
    head(a, '+', b, bracket);
    if (small(a, b)) return static_cast<void>(out_ += fmt::format(" = {}", a + b));
    const Figures x(std::max(a, b)), y(std::min(a, b));
    const bool swapped = b > a;
    int carry = 0;
    std::string done;
    bool first = true;
    for (size_t k = 0; k < y.size() || carry > 0; k++) {
      const int u = swapped ? y.at(k) : x.at(k), v = swapped ? x.at(k) : y.at(k);
      const int total = u + v + carry;
      column(first);
      std::string terms;
      for (int part :
           {k < (swapped ? y : x).size() ? u : -1, k < (swapped ? x : y).size() ? v : -1, carry > 0 ? carry : -1})
        if (part >= 0) terms += (terms.empty() ? "" : "+") + std::to_string(part);
      if (terms.size() > 1) terms += "=" + std::to_string(total);
      const bool last = std::max(x.size(), y.size()) == k + 1;
      done.insert(0, last ? std::to_string(total) : std::to_string(total % 10));
      carry = last ? 0 : total / 10;
      const bool ends = last || (k + 1 >= y.size() && carry == 0);
      out_ += terms + w_.write + (ends ? std::to_string(a + b) : done);
      if (carry > 0) out_ += fmt::format("{}{}", w_.carry, carry);
      if (last) break;
    }
  }

  void difference(int64_t a, int64_t b, bool bracket = false) {
    head(a, '-', b, bracket);
    const Figures x(a), y(b);
    int borrow = 0;
    std::string done;
    bool first = true;
    for (size_t k = 0; k < y.size() || borrow > 0; k++) {
      const int need = borrow + y.at(k), have = x.at(k) + (x.at(k) < need ? 10 : 0);
      column(first);
      std::string terms = std::to_string(have);
      if (borrow > 0) terms += "-1";
      if (k < y.size()) terms += "-" + std::to_string(y.at(k));
      terms += "=" + std::to_string(have - need);
      borrow = have >= 10 ? 1 : 0;
      done.insert(0, std::to_string(have - need));
      const bool ends = k + 1 >= y.size() && borrow == 0;
      out_ += terms + w_.write + (ends ? std::to_string(a - b) : done);
      if (borrow > 0) out_ += fmt::format("{}1", w_.borrow);
    }
  }

  // A number times one figure, then the zeros of the figure's place.
  void partial(int64_t a, int figure, int64_t place) {
    out_ += fmt::format("{} * {}", a, figure * place);
    if (figure == 1 || (a < 10 && place == 1))
      return static_cast<void>(out_ += fmt::format(" = {}", a * figure * place));
    const Figures x(a);
    int carry = 0;
    std::string done;
    bool first = true;
    for (size_t k = 0; k < x.size(); k++) {
      column(first);
      const int times = x.at(k) * figure, total = times + carry;
      out_ += fmt::format("{}*{}={}", x.at(k), figure, times);
      if (carry > 0) out_ += fmt::format(", {}+{}={}", times, carry, total);
      const bool last = k + 1 == x.size();
      done.insert(0, std::to_string(last ? total : total % 10));
      carry = last ? 0 : total / 10;
      out_ += w_.write + done;
      if (carry > 0) out_ += fmt::format("{}{}", w_.carry, carry);
    }
    if (place > 1) out_ += fmt::format("{}{}", w_.write, a * figure * place);
  }

  void product(int64_t a, int64_t b) {
    if (small(a, b) || a <= 1 || b <= 1) return static_cast<void>(out_ += fmt::format("{} * {} = {}", a, b, a * b));
    if (Figures(a).size() < Figures(b).size()) {
      out_ += fmt::format("{} * {} = ", a, b);
      std::swap(a, b);
    }
    const Figures y(b);
    std::vector<int64_t> parts;
    int64_t place = 1;
    for (size_t k = 0; k < y.size(); k++, place *= 10)
      if (y.at(k) > 0) parts.push_back(y.at(k) * place);
    if (parts.size() > 1) out_ += fmt::format("{} * {}{}", a, b, w_.work);
    place = 1;
    bool first = true;
    for (size_t k = 0; k < y.size(); k++, place *= 10) {
      if (y.at(k) == 0) continue;
      if (!first) out_ += ". ";
      first = false;
      partial(a, y.at(k), place);
    }
    int64_t total = a * parts[0];
    for (size_t i = 1; i < parts.size(); i++) {
      out_ += ". ";
      sum(total, a * parts[i]);
      total += a * parts[i];
    }
  }

  // Long division: each step splits what is there into a multiple and a rest.
  void quotient(int64_t a, int64_t b, int64_t result) {
    if (a < b || b == 1 || small(a, b)) return static_cast<void>(out_ += fmt::format("{} / {} = {}", a, b, result));
    out_ += fmt::format("{} / {}", a, b);
    const Figures x(a);
    int64_t rest = 0, done = 0;
    bool first = true;
    for (size_t k = x.size(); k-- > 0;) {
      rest = rest * 10 + x.at(k);
      if (first && rest < b) continue;
      column(first);
      out_ += fmt::format("{}={}*{}+{}", rest, b, rest / b, rest % b);
      done = done * 10 + rest / b;
      rest %= b;
      out_ += fmt::format("{}{}", w_.write, done);
    }
  }

  const Wording& w_;
  std::string out_;
};

}  // namespace

std::string expression_of(const ArithmeticItem& item) {
  std::string text = std::to_string(item.operands[0]);
  for (size_t i = 0; i < item.operators.size(); i++)
    text += fmt::format(" {} {}", item.operators[i], item.operands[i + 1]);
  return text;
}

int64_t value_of(const ArithmeticItem& item) {
  return reduce(item, [](int64_t, char, int64_t, int64_t) {});
}

std::string work_out(const ArithmeticItem& item, uint64_t style) {
  Worker worker(kWordings[style % kWorkedStyles]);
  const int64_t value =
      reduce(item, [&](int64_t a, char op, int64_t b, int64_t result) { worker.operation(a, op, b, result); });
  return worker.finish(value);
}

}  // namespace r1
