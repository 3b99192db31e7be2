#include "trace/claims.h"

#include <algorithm>
#include <optional>

#include "reward/units.h"
#include "trace/claim_side.h"

namespace r1 {
namespace {

using Kind = ClaimKind;
constexpr size_t kMostBytes = 64 << 10;
constexpr size_t kFarthest = 48;  // tokens of a left side

// All meanings of one side.
struct Side {
  ClaimSide plain;
  std::vector<Rational> values;  // the plain one first
};

std::optional<Side> read_all(std::span<const ClaimToken> tokens, size_t begin) {
  const auto plain = read_side(tokens, begin, {});
  if (!plain) return std::nullopt;
  Side out{*plain, {plain->value}};
  if (!plain->percent && !plain->scaled) return out;
  for (const ClaimReading& r :
       {ClaimReading{.percent_is_unit = true}, ClaimReading{.scale_is_unit = true},
        ClaimReading{.percent_is_unit = true, .scale_is_unit = true}, ClaimReading{.percent_of_left = true}})
    if (const auto other = read_side(tokens, begin, r); other && other->end == plain->end)
      out.values.push_back(other->value);
  return out;
}

Rational ten_to(int n) {
  Rational out = 1;
  for (int i = 0; i < n; i++) out *= 10;
  return out;
}
Rational size_of(const Rational& v) { return v < 0 ? Rational(-v) : v; }

// The value of the last figure that is written: 1/100 of 3.14, 100 of 2300.
Rational last_place(const ClaimSide& side) {
  if (side.decimals > 0) return 1 / ten_to(side.decimals);
  Rational place = 1;
  if (denominator(side.value) != 1 || side.value == 0) return place;
  while (numerator(side.value) % numerator(Rational(place * 10)) == 0) place *= 10;
  return place;
}

// Whether `written`, a number alone, stands for `value`.
bool stands_for(const ClaimSide& written, const Rational& shown, const Rational& value) {
  if (shown == value) return true;
  const Rational gap = size_of(value) - size_of(shown);
  if ((value < 0) != (shown < 0) && shown != 0) return false;
  if (written.cut_off) return gap >= 0 && gap < 1 / ten_to(std::max(0, written.decimals));
  return written.decimals > 0 && 2 * size_of(gap) <= 1 / ten_to(written.decimals);
}

bool agree(const Side& a, const Side& b) {
  for (const Rational& x : a.values)
    for (const Rational& y : b.values) {
      if (x == y) return true;
      if (!b.plain.has_op && stands_for(b.plain, y, x)) return true;
      if (!a.plain.has_op && stands_for(a.plain, x, y)) return true;
    }
  return false;
}

// Of "about": right within a unit of the last figure, wrong when that is missed and the gap is more than a twentieth.
Truth about(const Side& a, const Side& b) {
  if (agree(a, b)) return Truth::right;
  Truth out = Truth::wrong;
  const Side& written = b.plain.has_op ? a : b;
  for (const Rational& x : a.values)
    for (const Rational& y : b.values) {
      const Rational gap = size_of(x - y);
      if (gap <= last_place(written.plain)) return Truth::right;
      if (20 * gap <= size_of(x)) out = Truth::none;
    }
  return out;
}

// Both sides in units of one kind that differ: how many of the right's one of the left's is.
std::optional<Rational> conversion(const ClaimSide& a, const ClaimSide& b) {
  if (a.unit.empty() || b.unit.empty() || a.units_differ || b.units_differ) return std::nullopt;
  const Unit from = read_unit(a.unit), to = read_unit(b.unit);
  if (!from.known || !to.known || from.dims != to.dims || from.dims.empty() || from.factor == to.factor)
    return std::nullopt;
  return from.factor / to.factor;
}

class Finder {
 public:
  explicit Finder(std::string_view text) : tokens_(claim_tokens(text)) {}

  std::vector<Claim> run() {
    std::vector<Claim> out;
    for (size_t i = 0; i < tokens_.size(); i++)
      if (tokens_[i].kind == Kind::equals || tokens_[i].kind == Kind::is) look(i, out);
    return out;
  }

 private:
  struct Right {
    std::optional<Side> side;
    bool approximate = false;
    size_t begin = 0;
  };

  void look(size_t equals, std::vector<Claim>& out) {
    const Right right = right_of(equals);
    const bool chained = chain_.has_value() && chain_end_ == equals;
    std::optional<Side> left = chained ? chain_ : left_of(equals);
    const bool chain_op = chained && chain_op_;
    chain_.reset();
    if (right.side && right.side->plain.end < tokens_.size() && is_equality(right.side->plain.end)) {
      chain_ = right.side;
      chain_end_ = right.side->plain.end;
      chain_op_ = chain_op || right.side->plain.has_op || (left && left->plain.has_op);
    }
    if (!left || !right.side) return;
    const Truth truth = judge(*left, *right.side, {equals, right.approximate, chain_op});
    if (truth == Truth::none) return;
    out.push_back(
        {tokens_[left->plain.begin].from, tokens_[right.side->plain.end - 1].to, truth, left->plain.value.str()});
  }

  bool is_equality(size_t i) const { return tokens_[i].kind == Kind::equals || tokens_[i].kind == Kind::is; }

  struct Place {
    size_t equals;
    bool approximate, chain_op;
  };
  Truth judge(const Side& left, const Side& right, const Place& place) const {
    const ClaimSide &a = left.plain, &b = right.plain;
    const bool computes = a.has_op || b.has_op || place.chain_op;
    if (const Truth units = judge_units(left, right, computes); units != Truth::none || !computes) return units;
    if (place.approximate) return about(left, right);
    if (agree(left, right)) return Truth::right;
    // "2 hours is 60*2 = 120 minutes", "228 more than 2 others": told, not claimed
    if (tokens_[place.equals].kind == Kind::is && b.has_op &&
        holds(b, [](const ClaimToken& t) { return t.word.empty(); }))
      return Truth::none;
    // "8 / 4 = 2 times as many as": the number alone is the result
    const bool first_agrees =
        b.has_op && b.first && std::find(left.values.begin(), left.values.end(), *b.first) != left.values.end();
    if (first_agrees && holds(b, [](const ClaimToken& t) { return t.word == "times"; })) return Truth::right;
    if (holds(b, [](const ClaimToken& t) { return t.op == 'M' || t.op == 'L'; })) return Truth::none;
    if (b.end < tokens_.size() && tokens_[b.end].kind == Kind::rest) return judge_rest(a, b);
    // pages 3-7 = 5 pages
    if ((a.range && b.value >= 0) || (b.range && a.value >= 0)) return Truth::none;
    // a run-on line: "48/2 = 24+48 = 72"
    const bool goes_on = b.end < tokens_.size() && is_equality(b.end);
    if (goes_on && first_agrees) return Truth::right;
    if (goes_on && !a.has_op && !a.unit.empty()) return Truth::none;  // "8 batches = 5.5 * 8 = 44 cups"
    if (a.units_differ && !b.unit.empty()) return mixed_units(a, b) ? Truth::none : Truth::wrong;
    return Truth::wrong;
  }

  // Whether an operation of a side is such.
  template <typename Test>
  bool holds(const ClaimSide& side, const Test& test) const {
    for (size_t i = side.begin; i < side.end; i++)
      if (tokens_[i].kind == Kind::op && tokens_[i].op != '%' && test(tokens_[i])) return true;
    return false;
  }

  // 2 hours + 30 minutes = 150 minutes: units of one kind added; nothing is said against it.
  bool mixed_units(const ClaimSide& a, const ClaimSide& b) const {
    const Unit to = read_unit(b.unit);
    if (!holds(a, [](const ClaimToken& t) { return t.op == '+' || t.op == '-'; })) return false;
    for (size_t i = a.begin; i < a.end; i++)
      if (tokens_[i].kind == Kind::word) {
        const Unit one = read_unit(tokens_[i].word);
        if (one.known && to.known && one.dims == to.dims && one.factor != to.factor) return true;
      }
    return false;
  }

  // Numbers alone claim something only where units are converted or a percentage is written out.
  Truth judge_units(const Side& left, const Side& right, bool computes) const {
    const auto factor = conversion(left.plain, right.plain);
    if (factor) {
      Side converted = left;
      for (Rational& v : converted.values) v *= *factor;
      if (agree(converted, right)) return Truth::right;
      const bool exact = denominator(*factor) == 1 || numerator(*factor) == 1;
      return !computes && exact ? Truth::wrong : computes && !agree(left, right) && exact ? Truth::wrong : Truth::none;
    }
    if (!computes && (left.plain.percent != right.plain.percent) && left.values[0] == right.values[0])
      return Truth::right;
    return Truth::none;
  }

  // 17 / 5 = 3 remainder 2
  Truth judge_rest(const ClaimSide& a, const ClaimSide& b) const {
    size_t at = b.end + 1;
    while (at < tokens_.size() && (tokens_[at].kind == Kind::filler || tokens_[at].kind == Kind::op)) at++;
    if (!a.division || at >= tokens_.size() || tokens_[at].kind != Kind::number) return Truth::none;
    const auto& [dividend, divisor] = *a.division;
    const Rational& rest = tokens_[at].value;
    return dividend == divisor * b.value + rest && rest >= 0 && rest < size_of(divisor) ? Truth::right : Truth::wrong;
  }

  Right right_of(size_t equals) const {
    Right out;
    out.approximate = tokens_[equals].approximate;
    size_t at = equals + 1;
    while (at < tokens_.size() && (tokens_[at].kind == Kind::filler || tokens_[at].kind == Kind::about ||
                                   (tokens_[at].kind == Kind::is && at == equals + 1)))
      out.approximate |= tokens_[at++].kind == Kind::about;
    out.begin = at;
    out.side = at < tokens_.size() ? read_all(tokens_, at) : std::nullopt;
    if (out.side && !ends_well(out.side->plain, tokens_[equals].kind == Kind::is)) out.side.reset();
    return out;
  }

  // Whether what follows a right side leaves it as it is.
  bool ends_well(const ClaimSide& side, bool by_word) const {
    if (side.end >= tokens_.size()) return true;
    const ClaimToken& next = tokens_[side.end];
    if (side.in_words && !side.has_op && next.kind != Kind::stop && next.kind != Kind::comma &&
        next.kind != Kind::close)
      return false;
    switch (next.kind) {
      case Kind::op:
        return next.op == '-' || next.op == '!' || (!by_word && (next.op == 'M' || next.op == 'L' || next.op == 'o'));
      case Kind::number:
      case Kind::poison:
      case Kind::factor:
      case Kind::scale:
      case Kind::of_list:
        return false;
      case Kind::word:
        // "is 24 more ...", "is 3 each": what is said goes on
        return !(by_word &&
                 (next.word == "more" || next.word == "less" || next.word == "fewer" || next.word == "times"));
      case Kind::join:
        return !(by_word && next.op == 't');
      default:
        return true;
    }
  }

  std::optional<Side> left_of(size_t equals) const {
    size_t end = equals;
    if (end > 0 && tokens_[end - 1].kind == Kind::comma && tokens_[equals].word.starts_with("which")) end--;
    size_t first = end;
    while (first > 0 && end - first < kFarthest && tokens_[first - 1].kind != Kind::stop && !is_equality(first - 1))
      first--;
    for (size_t s = first; s < end; s++) {
      if (!may_begin(s, first)) continue;
      std::optional<Side> side = read_all(tokens_, s);
      if (!side || side->plain.end != end) continue;
      // brackets around: "(3 + 4 = 7)"; a number with a name in front of it is no side: "Day 3 = ..."
      if (!side->plain.has_op && !stands_alone(s, first)) return std::nullopt;
      if (tokens_[equals].kind == Kind::is && !side->plain.has_op && s != first) return std::nullopt;
      return side;
    }
    return std::nullopt;
  }

  bool may_begin(size_t s, size_t first) const {
    const ClaimToken& t = tokens_[s];
    const bool operand =
        t.kind == Kind::number || t.kind == Kind::open || t.kind == Kind::function || t.kind == Kind::factor;
    const bool sign = t.kind == Kind::op && t.op == '-' && s + 1 < tokens_.size() && !tokens_[s + 1].spaced;
    if (!operand && !sign) return false;
    if (s == first) return true;
    const ClaimToken& before = tokens_[s - 1];
    switch (before.kind) {
      case Kind::word:
        return !is_poison_word(before) && !sign && !(t.kind == Kind::open && !t.spaced);
      case Kind::open:
      case Kind::comma:
      case Kind::filler:
        return before.kind != Kind::filler || s - 1 == first || may_follow(s - 2);
      case Kind::join:
        return true;
      case Kind::function:  // "an average of 40 / 5"
        return before.op != 'V';
      case Kind::op:  // "consists of 1 + 2", "it fell by 3 * 4": nothing to take it from
        if (before.op == 'o') return s - 1 == first || tokens_[s - 2].kind == Kind::word;
        return !before.word.empty() && none_computes(first, s - 1);
      default:
        return false;
    }
  }
  bool none_computes(size_t begin, size_t end) const {
    for (size_t i = begin; i < end; i++)
      if (tokens_[i].kind != Kind::word && tokens_[i].kind != Kind::filler && tokens_[i].kind != Kind::comma)
        return false;
    return true;
  }
  // Whether the token before an article leaves what follows it alone.
  bool may_follow(size_t i) const {
    const ClaimToken& t = tokens_[i];
    return t.kind == Kind::comma || t.kind == Kind::open || t.kind == Kind::filler ||
           (t.kind == Kind::word && !is_poison_word(t)) || t.kind == Kind::join;
  }
  bool stands_alone(size_t s, size_t first) const {
    return s == first || tokens_[s - 1].kind == Kind::comma || tokens_[s - 1].kind == Kind::open;
  }

  std::vector<ClaimToken> tokens_;
  std::optional<Side> chain_;  // the right side of the equality before, where it is the left of the next
  size_t chain_end_ = 0;
  bool chain_op_ = false;
};

}  // namespace

const char* truth_name(Truth truth) {
  return truth == Truth::right ? "right" : truth == Truth::wrong ? "wrong" : "none";
}

Truth join(Truth a, Truth b) {
  if (a == Truth::wrong || b == Truth::wrong) return Truth::wrong;
  return a == Truth::right || b == Truth::right ? Truth::right : Truth::none;
}

std::vector<Claim> find_claims(std::string_view text) { return Finder(text.substr(0, kMostBytes)).run(); }

Truth check_claims(std::string_view text) {
  Truth out = Truth::none;
  for (const Claim& claim : find_claims(text)) out = join(out, claim.truth);
  return out;
}

}  // namespace r1
