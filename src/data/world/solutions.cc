#include "data/world/solutions.h"

#include <algorithm>

#include "base/error.h"

namespace r1::world {
namespace {

struct StyleRates {
  Style style;
  const char* name;
  int share;        // percent of all solutions
  int short_share;  // the same without long traces
  int slip;         // percent of operations that go wrong
  int mixed;        // percent with sentences of both languages
};
constexpr StyleRates kStyles[] = {{Style::bare, "bare", 36, 55, 80, 0},
                                  {Style::brief, "brief", 30, 45, 35, 22},
                                  {Style::columns, "columns", 18, 0, 15, 30},
                                  {Style::checked, "checked", 16, 0, 25, 38}};
constexpr int kChecked = 88, kCheckSlip = 3;  // percent: operations looked at again; looks that slip
constexpr int kOtherLanguage = 12;            // percent: answers in the language that was not asked in

const StyleRates& rates_of(Style style) { return kStyles[static_cast<size_t>(style)]; }

class Writer {
 public:
  Writer(Draws& draws, const Question& question, const StyleRates& rates, Language main, bool mixed)
      : d_(draws), q_(question), rates_(rates), main_(main), mixed_(mixed) {}

  Solution write() {
    Solution s{.style = rates_.style, .mixed = mixed_, .trace = {}, .answer = 0, .language = main_};
    int64_t now = q_.operations[0].a;
    if (rates_.style == Style::bare) {
      for (const Operation& o : q_.operations) now = o.result();
      s.answer = d_.chance(rates_.slip) ? near(now) : now;
      if (d_.chance(40)) sentence({"It is " + std::to_string(s.answer) + ".", "是" + std::to_string(s.answer) + "。"});
      s.trace = out_;
      return s;
    }
    if (rates_.style != Style::brief && d_.chance(60)) opening();
    for (size_t i = 0; i < q_.operations.size(); i++) {
      Operation o = q_.operations[i];
      o.a = now;
      now = operation(o, i > 0);
    }
    if (d_.chance(75)) {
      const std::string n = std::to_string(now);
      static const std::vector<Words> ends = {{"So the answer is ", "所以答案是"}, {"The answer is ", "答案是"}};
      const Words& end = d_.pick(ends);
      sentence({end.english + n + ".", end.chinese + n + "。"});
    }
    s.trace = out_;
    s.answer = now;
    return s;
  }

 private:
  struct Both {
    std::string english, chinese;
  };

  // The language is drawn anew for each sentence of a mixed trace.
  Language language() { return mixed_ && d_.chance(50) ? other(main_) : main_; }
  static Language other(Language l) { return l == Language::english ? Language::chinese : Language::english; }

  void sentence(const Both& both) { say(language(), both); }
  void say(Language l, const Both& both) {
    const std::string& text = l == Language::english ? both.english : both.chinese;
    if (!out_.empty() && (l == Language::english || !out_.ends_with("。"))) out_ += ' ';
    out_ += text;
  }

  void opening() {
    static const std::vector<Words> openings = {{"Let me think step by step.", "我们一步一步来。"},
                                                {"Let me see.", "我来算一下。"},
                                                {"First, work it out.", "先算一算。"}};
    const Words& w = d_.pick(openings);
    sentence({w.english, w.chinese});
  }

  // What somebody in a hurry writes instead.
  int64_t near(int64_t right) {
    const int64_t by[] = {1, 2, 3, 10, 9, 20};
    const int64_t away = by[d_.below(6)] * (d_.chance(50) ? 1 : -1);
    return right + away >= 0 ? right + away : right - away;
  }

  // Says one operation and gives its result as it is believed.
  int64_t operation(Operation o, bool again) {
    if (o.op == '/' && (o.b == 0 || o.a % o.b != 0)) return give_up(o);
    if (o.op == '-' && o.a < o.b) std::swap(o.a, o.b);  // after a slip
    const bool slip = d_.chance(rates_.slip);
    const Language l = language();
    int64_t found = 0;
    const bool in_columns = rates_.style != Style::brief && !(rates_.style == Style::checked && d_.chance(35));
    const std::string work = in_columns ? columns(o, slip, l, found) : at_once(o, slip, l, found);
    static const std::vector<Words> firsts = {{"", ""}, {"First, ", "先算"}};
    static const std::vector<Words> nexts = {{"Then ", "然后"}, {"Next, ", "接着算"}, {"", ""}};
    const Words& lead = d_.pick(again ? nexts : firsts);
    say(l, {lead.english + work + ".", lead.chinese + work + "。"});
    if (rates_.style == Style::checked && d_.chance(kChecked)) found = check(o, found);
    return found;
  }

  // A quotient that a slip before it has made inexact: whole part, as one does.
  int64_t give_up(const Operation& o) {
    const int64_t found = o.b == 0 ? 0 : o.a / o.b;
    sentence({fmt::format("{}/{}={}.", o.a, o.b, found), fmt::format("{}/{}={}。", o.a, o.b, found)});
    return found;
  }

  int64_t check(const Operation& o, int64_t believed) {
    static const std::vector<Words> looks = {{"Wait, check: ", "等等，检查一下："},
                                             {"Let me verify: ", "验证一下："},
                                             {"But check again: ", "再检查一遍："}};
    static const std::vector<Words> goods = {{"Right.", "对的。"}, {"That is correct.", "没错。"}};
    static const std::vector<Words> bads = {{"So [0] was wrong, it is [1].", "所以[0]错了，应该是[1]。"},
                                            {"I made a mistake: not [0] but [1].", "我算错了，不是[0]，是[1]。"}};
    const Language l = language();
    int64_t found = 0;
    const std::string work = columns(o, d_.chance(kCheckSlip), l, found);
    const Words& look = d_.pick(looks);
    say(l, {look.english + work + ".", look.chinese + work + "。"});
    const Words& verdict = d_.pick(found == believed ? goods : bads);
    const Language verdict_language = language();
    std::string text = verdict.in(verdict_language);
    for (const auto& [mark, n] : {std::pair<std::string, int64_t>("[0]", believed), {"[1]", found}})
      if (const size_t at = text.find(mark); at != std::string::npos) text.replace(at, mark.size(), std::to_string(n));
    say(verdict_language, {text, text});
    return found;
  }

  static std::string larger(const Operation& o, int64_t found, Language l) {
    const char* word = o.op == '>'              ? (l == Language::english ? "larger" : "大")
                       : l == Language::english ? "smaller"
                                                : "小";
    return l == Language::english ? fmt::format("of {} and {}, {} is {}", o.a, o.b, found, word)
                                  : fmt::format("{}和{}，{}{}", o.a, o.b, found, word);
  }

  std::string at_once(const Operation& o, bool slip, Language l, int64_t& found) {
    if (o.op == '>' || o.op == '<') {
      found = slip ? o.a + o.b - o.result() : o.result();
      return larger(o, found, l);
    }
    found = slip ? near(o.result()) : o.result();
    return fmt::format("{}{}{}={}", o.a, o.op, o.b, found);
  }

  struct Column {
    std::string text;
    int64_t digit = 0, carry = 0;
  };
  static int64_t digit(int64_t n, int k) {
    for (; k > 0; k--) n /= 10;
    return n % 10;
  }

  // Column by column; a slip forgets a carry or misses a figure by one.
  std::string columns(const Operation& o, bool slip, Language l, int64_t& found) {
    if (o.op == '>' || o.op == '<') return by_figures(o, slip, l, found);
    const bool easy = o.op == '/' || (o.a < 10 && o.b < 10) || (o.op == '*' && o.a >= 10 && o.b >= 10);
    if (easy) return at_once(o, slip, l, found);
    const bool swap = o.op != '-' && o.a < o.b;
    const int64_t a = swap ? o.b : o.a, b = swap ? o.a : o.b;
    std::string work;
    int64_t carry = 0, place = 1;
    const int places = static_cast<int>(std::to_string(a).size());
    const int slips_at = slip ? static_cast<int>(d_.below(static_cast<uint64_t>(std::min(places, 2)))) : -1;
    found = 0;
    for (int k = 0; k < places; k++, place *= 10) {
      const int64_t y = o.op == '*' ? b : digit(b, k);
      const bool has_y = o.op == '*' || b >= place;
      int64_t value = figure(o.op, digit(a, k), y, has_y, carry, work);
      if (k == slips_at) value = std::max<int64_t>(0, value + (d_.chance(50) ? 1 : -1));
      work += std::to_string(value);
      const bool last = k + 1 == places;
      carry = o.op == '-' ? carry : last ? 0 : value / 10;
      found += (last ? value : value % 10) * place;
      if (o.op != '-' && slip && d_.chance(50)) carry = 0;  // forgotten
      if (o.op != '-' && carry > 0)
        work += l == Language::english ? fmt::format(" carry {}", carry) : fmt::format("进{}", carry);
      if (o.op == '-' && carry > 0 && !last) work += l == Language::english ? " borrow 1" : "借1";
      work += l == Language::english ? ", " : "，";
    }
    return l == Language::english ? fmt::format("{}{}{}: {}so {}", o.a, o.op, o.b, work, found)
                                  : fmt::format("{}{}{}：{}得{}", o.a, o.op, o.b, work, found);
  }

  // Writes one column up to its "=" and gives its value; for differences `carry` becomes what is borrowed.
  static int64_t figure(char op, int64_t x, int64_t y, bool has_y, int64_t& carry, std::string& work) {
    if (op == '-') {
      const int64_t need = carry + (has_y ? y : 0), have = x + (x < need ? 10 : 0);
      work += std::to_string(have) + (carry > 0 ? "-1" : "") + (has_y ? "-" + std::to_string(y) : "") + "=";
      carry = have > x ? 1 : 0;
      return have - need;
    }
    const std::string rest = carry > 0 ? "+" + std::to_string(carry) : "";
    if (op == '*') {
      work += fmt::format("{}*{}{}=", x, y, rest);
      return x * y + carry;
    }
    work += std::to_string(x) + (has_y ? "+" + std::to_string(y) : "") + rest + "=";
    return x + (has_y ? y : 0) + carry;
  }

  // Compares from the highest place down.
  std::string by_figures(const Operation& o, bool slip, Language l, int64_t& found) {
    found = slip ? o.a + o.b - o.result() : o.result();
    int k = 2;
    while (k > 0 && digit(o.a, k) == digit(o.b, k)) k--;
    const char sign = digit(o.a, k) > digit(o.b, k) ? '>' : digit(o.a, k) < digit(o.b, k) ? '<' : '=';
    return fmt::format("{}{}{}{}", digit(o.a, k), sign, digit(o.b, k), l == Language::english ? ", " : "，") +
           larger(o, found, l);
  }

  Draws& d_;
  const Question& q_;
  const StyleRates& rates_;
  const Language main_;
  const bool mixed_;
  std::string out_;
};

}  // namespace

const char* style_name(Style style) { return rates_of(style).name; }

Solution draw_solution(Draws& draws, const Question& question, const SolutionOptions& options) {
  int64_t at = draws.between(0, 99);
  const StyleRates* rates = kStyles;
  const auto share = [&] { return options.long_traces ? rates->share : rates->short_share; };
  for (; at >= share(); rates++) at -= share();
  const bool turned = draws.chance(kOtherLanguage);
  const bool mixed = draws.chance(rates->mixed);
  const Language main = (question.language == Language::english) != turned ? Language::english : Language::chinese;
  return Writer(draws, question, *rates, main, mixed).write();
}

std::string clean_trace(Draws& draws, const Question& question) {
  StyleRates rates = rates_of(Style::columns);
  rates.slip = 0;
  return Writer(draws, question, rates, question.language, false).write().trace;
}

}  // namespace r1::world
