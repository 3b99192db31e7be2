#include "reward/math_equal.h"

#include <algorithm>

#include "reward/math_words.h"

namespace r1 {
namespace {

constexpr size_t kMostMembers = 64;

bool is_scalar(const Expression& e) {
  switch (e.kind) {
    case NodeKind::number:
    case NodeKind::symbol:
    case NodeKind::constant:
    case NodeKind::add:
    case NodeKind::multiply:
    case NodeKind::divide:
    case NodeKind::power:
    case NodeKind::negate:
    case NodeKind::function:
    case NodeKind::percent:
    case NodeKind::degree:
      return true;
    default:
      return false;
  }
}

bool is_point_name(const Expression& e) {
  return e.kind == NodeKind::symbol && e.name.size() == 1 && e.name[0] >= 'A' && e.name[0] <= 'Z';
}
// AB, |AB|: a length's name, and no product.
bool is_length(const Expression& e) {
  if (e.kind == NodeKind::function && e.name == "abs") return is_length(e.kids[0]);
  return e.kind == NodeKind::multiply && e.kids.size() == 2 && std::all_of(e.kids.begin(), e.kids.end(), is_point_name);
}
bool is_lone(const Expression& e) {
  return e.kind == NodeKind::symbol || e.kind == NodeKind::text ||
         (e.kind == NodeKind::function && e.name.size() == 1);  // f(x)
}
bool is_equation(const Expression& e) {
  return e.kind == NodeKind::relation && e.name.find_first_not_of('=') == std::string::npos;
}

// ---- one form for what can be written in several

// a +- b: both values.
Expression with_sign(const Expression& e, bool upper) {
  if (e.kind == NodeKind::plus_minus) {
    const bool plus = (e.name == "+") == upper;
    Expression last = with_sign(e.kids.back(), upper);
    if (!plus) last = make_node(NodeKind::negate, "", {std::move(last)});
    if (e.kids.size() == 1) return last;
    return make_node(NodeKind::add, "", {with_sign(e.kids[0], upper), std::move(last)});
  }
  Expression out = e;
  for (Expression& kid : out.kids) kid = with_sign(kid, upper);
  return out;
}

bool is_pointlike(const Expression& e) {
  return e.kind == NodeKind::tuple || (e.kind == NodeKind::interval && e.name == "()");
}
bool is_place(const Expression& e) { return is_pointlike(e) && std::all_of(e.kids.begin(), e.kids.end(), is_lone); }

// "6 = 5": two whole numbers, and they are not the same.
bool contradicts(const Expression& e) {
  const auto whole = [](const Expression& x) { return x.kind == NodeKind::number && denominator(x.value) == 1; };
  return e.kids.size() == 2 && whole(e.kids[0]) && whole(e.kids[1]) && e.kids[0].value != e.kids[1].value;
}

// "x = 5", "f(x) = 5", "AB = 5", "x = 2 + 3 = 5": 5. "12 + 30 = 42": 42. "2x = 10": itself.
Expression unwrapped(const Expression& e) {
  if (e.kind == NodeKind::relation && e.name == "e" && is_lone(e.kids[0])) return e.kids[1];
  if (!is_equation(e)) return e;
  if (e.kids.size() == 2 && is_length(e.kids[0])) return e.kids[1];
  if (e.kids.size() == 2 && is_place(e.kids[0]) && is_pointlike(e.kids[1])) return e.kids[1];  // (x, y) = (3, 4)
  if (contradicts(e)) return e;
  if (is_lone(e.kids[0]) || !is_open(e.kids[0])) {
    if (e.kids.size() == 2 && !is_lone(e.kids[0]) && is_lone(e.kids[1])) return e.kids[0];  // 5 = x
    return e.kids.back();
  }
  return e;
}

char flipped(char op) { return op == '<' ? '>' : op == '>' ? '<' : op == 'l' ? 'g' : op == 'g' ? 'l' : op; }

Expression infinity(bool negative) {
  Expression out = make_node(NodeKind::constant, "infinity", {});
  return negative ? make_node(NodeKind::negate, "", {std::move(out)}) : out;
}

// |x - 2| < 3: how far the unknown may be from what; nullopt for another shape.
struct Distance {
  Rational centre, radius;
  char op = '<';
};
std::optional<Rational> centre_of(const Expression& e) {
  if (e.kind == NodeKind::symbol) return Rational(0);
  if (e.kind != NodeKind::add || e.kids.size() != 2) return std::nullopt;
  const bool first = contains(e.kids[0], NodeKind::symbol);
  const Expression &x = e.kids[first ? 0 : 1], &shift = e.kids[first ? 1 : 0];
  const bool minus = x.kind == NodeKind::negate;
  if ((minus ? x.kids[0] : x).kind != NodeKind::symbol || !is_literal(shift)) return std::nullopt;
  const std::optional<Rational> by = exact_value(shift);
  if (!by) return std::nullopt;
  return minus ? *by : Rational(-*by);
}
std::optional<Distance> distance_of(const Expression& e) {
  if (e.kind != NodeKind::relation || e.kids.size() != 2) return std::nullopt;
  const auto is_abs = [](const Expression& x) { return x.kind == NodeKind::function && x.name == "abs"; };
  const bool left = is_abs(e.kids[0]);
  const Expression &abs = e.kids[left ? 0 : 1], &bound = e.kids[left ? 1 : 0];
  if (!is_abs(abs) || !is_literal(bound)) return std::nullopt;
  const std::optional<Rational> centre = centre_of(abs.kids[0]), radius = exact_value(bound);
  if (!centre || !radius || *radius <= 0) return std::nullopt;
  return Distance{*centre, *radius, left ? e.name[0] : flipped(e.name[0])};
}

// |x| < 1 and |x| > 1 as what the unknown may be.
Expression interval_of_distance(const Distance& d) {
  const Expression low = make_number(d.centre - d.radius), high = make_number(d.centre + d.radius);
  if (d.op == '<' || d.op == 'l') return make_node(NodeKind::interval, d.op == 'l' ? "[]" : "()", {low, high});
  Expression below = make_node(NodeKind::interval, d.op == 'g' ? "(]" : "()", {infinity(true), low});
  Expression above = make_node(NodeKind::interval, d.op == 'g' ? "[)" : "()", {high, infinity(false)});
  return make_node(NodeKind::set_union, "", {std::move(below), std::move(above)});
}

// x > 3, 1 <= x < 5, 3 < x as intervals; itself when it is none of those.
Expression interval_of(const Expression& e) {
  if (e.kind == NodeKind::builder && is_lone(e.kids[0])) return interval_of(e.kids[1]);
  if (e.kind == NodeKind::builder && e.kids[0].kind == NodeKind::relation && e.kids[0].name == "e")
    return interval_of(e.kids[1]);
  if (e.kind != NodeKind::relation || e.name.find_first_not_of("<>lg") != std::string::npos) return e;
  if (const std::optional<Distance> d = distance_of(e)) return interval_of_distance(*d);
  const bool up = e.name[0] == '<' || e.name[0] == 'l';
  for (const char op : e.name)
    if ((op == '<' || op == 'l') != up) return e;
  const auto make = [&](const Expression& low, char below, const Expression& high, char above) {
    const std::string name{below == 'l' || below == 'g' ? '[' : '(', above == 'l' || above == 'g' ? ']' : ')'};
    return make_node(NodeKind::interval, name, {low, high});
  };
  if (e.kids.size() == 3 && is_lone(e.kids[1]) && !is_open(e.kids[0]) && !is_open(e.kids[2]))
    return up ? make(e.kids[0], e.name[0], e.kids[2], e.name[1]) : make(e.kids[2], e.name[1], e.kids[0], e.name[0]);
  if (e.kids.size() != 2) return e;
  const bool left = is_lone(e.kids[0]) && !is_open(e.kids[1]);
  if (!left && !(is_lone(e.kids[1]) && !is_open(e.kids[0]))) return e;
  const Expression& bound = e.kids[left ? 1 : 0];
  const char op = left ? e.name[0] : flipped(e.name[0]);
  return op == '<' || op == 'l' ? make(infinity(true), '<', bound, op) : make(bound, op, infinity(false), '<');
}

// "x > 1 and x < 3": (1, 3).
std::optional<Expression> between_bounds(const Expression& e) {
  if (e.kind != NodeKind::list || e.kids.size() != 2) return std::nullopt;
  Expression low = interval_of(e.kids[0]), high = interval_of(e.kids[1]);
  if (low.kind != NodeKind::interval || high.kind != NodeKind::interval) return std::nullopt;
  const auto relation_of_one = [](const Expression& r) { return r.kind == NodeKind::relation && r.kids.size() == 2; };
  if (!relation_of_one(e.kids[0]) || !relation_of_one(e.kids[1])) return std::nullopt;
  const auto unknown = [](const Expression& r) { return is_lone(r.kids[0]) ? r.kids[0] : r.kids[1]; };
  if (!same_tree(unknown(e.kids[0]), unknown(e.kids[1]))) return std::nullopt;
  if (same_tree(low.kids[0], infinity(true))) std::swap(low, high);
  if (!same_tree(high.kids[0], infinity(true)) || !same_tree(low.kids[1], infinity(false))) return std::nullopt;
  return make_node(NodeKind::interval, std::string{low.name[0], high.name[1]}, {low.kids[0], high.kids[1]});
}

bool all_about_one(const std::vector<Expression>& relations) {
  return std::all_of(relations.begin(), relations.end(), [&](const Expression& e) {
    return is_equation(e) && e.kids.size() == 2 && is_lone(e.kids[0]) && same_tree(e.kids[0], relations[0].kids[0]);
  });
}

Expression normal(const Expression& e);

// "x = 1 or x = 2", "x = 1, x = 2": a list of values. "x < 1 or x > 3": a union.
Expression normal_list(const Expression& e) {
  Expression out = e;
  if (all_about_one(e.kids)) {
    out.kind = NodeKind::list;
    for (Expression& kid : out.kids) kid = Expression(kid.kids[1]);
  } else if (e.kind == NodeKind::choice) {
    out.kind = NodeKind::set_union;
    for (Expression& kid : out.kids) kid = interval_of(kid);
    return out;
  } else if (const std::optional<Expression> both = between_bounds(e)) {
    return *both;
  }
  Expression flat = make_node(out.kind, out.name, {});
  for (const Expression& kid : out.kids) {
    if (!contains(kid, NodeKind::plus_minus)) {
      flat.kids.push_back(kid);
      continue;
    }
    flat.kids.push_back(with_sign(kid, true));
    flat.kids.push_back(with_sign(kid, false));
  }
  return flat;
}

Expression normal(const Expression& e) {
  if (e.kind == NodeKind::list || e.kind == NodeKind::choice || e.kind == NodeKind::set) return normal_list(e);
  if (e.kind == NodeKind::symbol && e.name == "\\mathbb{R}")
    return make_node(NodeKind::interval, "()", {infinity(true), infinity(false)});
  const Expression inner = interval_of(unwrapped(e));
  if (inner.kind == NodeKind::list || inner.kind == NodeKind::set) return normal_list(inner);
  if ((inner.kind == NodeKind::set || inner.kind == NodeKind::tuple) && inner.kids.size() == 1) return inner.kids[0];
  if (!is_scalar(inner) && inner.kind != NodeKind::plus_minus) return inner;
  if (!contains(inner, NodeKind::plus_minus)) return inner;
  return make_node(NodeKind::list, "", {with_sign(inner, true), with_sign(inner, false)});
}

// ---- comparing

class Comparison {
 public:
  bool same(const Expression& want_raw, const Expression& got_raw) {
    if (effort_.left <= 0) return false;
    if (is_relation(want_raw) && is_relation(got_raw)) {
      if (same_relations(want_raw, got_raw)) return true;
      if (other_unknown(want_raw, got_raw)) return false;
    }
    const Expression want = normal(want_raw), got = normal(got_raw);
    if (is_scalar(want) && is_scalar(got)) return same_scalars(want, got);
    if (is_scalar(want) != is_scalar(got)) return one_member(want, got);
    if (is_group(want) && is_group(got)) return same_groups(want, got);
    if (want.kind != got.kind) return false;
    switch (want.kind) {
      case NodeKind::matrix:
        return want.name == got.name && in_order(want.kids, got.kids);
      case NodeKind::set_union:
      case NodeKind::intersection:
        return any_order(want.kids, got.kids);
      case NodeKind::relation:
        return same_relations(want, got);
      case NodeKind::without:
      case NodeKind::ratio:
        return in_order(want.kids, got.kids);
      default:
        return same_tree(want, got);
    }
  }

  bool ran_out() const { return effort_.left <= 0; }
  Effort& effort() { return effort_; }

 private:
  static bool is_relation(const Expression& e) { return e.kind == NodeKind::relation && e.kids.size() == 2; }

  static std::string unknown_of(const Expression& e) {
    if (e.kind == NodeKind::symbol) return e.name;
    std::string name;
    for (const Expression& kid : e.kids) name += unknown_of(kid);
    return name;
  }

  // "x = 5" and "y = 5" are different.
  static bool other_unknown(const Expression& want, const Expression& got) {
    const Expression &a = want.kids[0], &b = got.kids[0];
    if (is_length(a) && is_length(b)) return !same_tree(a, b);
    if (distance_of(want) || distance_of(got)) return unknown_of(want) != unknown_of(got);
    return a.kind == NodeKind::symbol && b.kind == NodeKind::symbol && a.name != b.name;
  }

  static bool is_group(const Expression& e) {
    return e.kind == NodeKind::list || e.kind == NodeKind::set || e.kind == NodeKind::tuple ||
           e.kind == NodeKind::interval;
  }

  // {5} and [5] may stand for 5.
  bool one_member(const Expression& want, const Expression& got) {
    if (is_scalar(want) && got.kind == NodeKind::list && got.name == kMixedName && is_literal(want))  // 1 and 1/2
      return same(want, make_number(got.kids[0].value + got.kids[1].kids[0].value / got.kids[1].kids[1].value));
    const Expression& group = is_scalar(want) ? got : want;
    if (!is_group(group) || group.kids.size() != 1) return false;
    return is_scalar(want) ? same(want, got.kids[0]) : same(want.kids[0], got);
  }

  bool same_groups(const Expression& want, const Expression& got) {
    if (want.kind == NodeKind::interval && got.kind == NodeKind::interval)
      return want.name == got.name && in_order(want.kids, got.kids);
    const auto loose = [](const Expression& e) { return e.kind == NodeKind::list || e.kind == NodeKind::set; };
    if (loose(want) && loose(got)) {
      if (want.kind == NodeKind::set || got.kind == NodeKind::set) return same_sets(want.kids, got.kids);
      return any_order(want.kids, got.kids);
    }
    // A point may be written without its brackets, a set may not be written as one.
    const auto ordered = [](const Expression& e) {
      return e.kind == NodeKind::tuple || e.kind == NodeKind::list || (e.kind == NodeKind::interval && e.name == "()");
    };
    return ordered(want) && ordered(got) && in_order(want.kids, got.kids);
  }

  bool in_order(const std::vector<Expression>& want, const std::vector<Expression>& got) {
    if (want.size() != got.size()) return false;
    for (size_t i = 0; i < want.size(); i++)
      if (!same(want[i], got[i])) return false;
    return true;
  }

  bool any_order(const std::vector<Expression>& want, const std::vector<Expression>& got) {
    if (want.size() != got.size() || want.size() > kMostMembers) return false;
    std::vector<bool> used(got.size(), false);
    return std::all_of(want.begin(), want.end(), [&](const Expression& w) {
      for (size_t i = 0; i < got.size(); i++) {
        if (used[i] || !same(w, got[i])) continue;
        used[i] = true;
        return true;
      }
      return false;
    });
  }

  bool same_sets(const std::vector<Expression>& want, const std::vector<Expression>& got) {
    if (std::max(want.size(), got.size()) > kMostMembers) return false;
    const auto covered = [&](const std::vector<Expression>& all, const std::vector<Expression>& by) {
      return std::all_of(all.begin(), all.end(), [&](const Expression& w) {
        return std::any_of(by.begin(), by.end(), [&](const Expression& g) { return same(w, g); });
      });
    };
    return covered(want, got) && covered(got, want);
  }

  static std::optional<ExactNumber> number_of(const Expression& e) {
    if (!is_literal(e)) return std::nullopt;
    const bool percent = e.kind == NodeKind::percent;
    const Expression& plain = percent ? e.kids[0] : e;
    const Expression& digits = plain.kind == NodeKind::negate ? plain.kids[0] : plain;
    const std::optional<Rational> value = exact_value(plain);
    if (!value) return std::nullopt;
    return ExactNumber{*value, percent, digits.kind == NodeKind::number ? digits.decimals : -1};
  }

  bool same_scalars(const Expression& want, const Expression& got) {
    const std::optional<ExactNumber> x = number_of(want), y = number_of(got);
    if (x && y) return same_number(*x, *y);
    if (x && (is_open(got) || !is_worked_out(got))) return false;
    if (same_value(want, got, effort_) == Sameness::equal) return true;
    if (!x || !is_rounded(*x) || is_open(got)) return false;
    Rational half(1, 2);
    for (int i = 0; i < x->decimals; i++) half /= 10;
    return within(want, got, half, effort_);
  }

  // i pi, 2 pi: at most one number, and a name of one beside it.
  static bool is_constant_product(const Expression& e) {
    const auto numbers = std::count_if(e.kids.begin(), e.kids.end(), is_literal);
    return numbers <= 1 && std::all_of(e.kids.begin(), e.kids.end(), [](const Expression& kid) {
             return kid.kind == NodeKind::constant || is_literal(kid);
           });
  }

  // Nothing is left to add or to multiply.
  static bool is_worked_out(const Expression& e) {
    if (is_literal(e)) return true;
    if (e.kind == NodeKind::multiply && is_constant_product(e)) return true;
    if (e.kind == NodeKind::add || e.kind == NodeKind::multiply) return false;
    return std::all_of(e.kids.begin(), e.kids.end(), is_worked_out);
  }

  static Expression difference(const Expression& e) {
    return make_node(NodeKind::add, "", {e.kids[0], make_node(NodeKind::negate, "", {e.kids[1]})});
  }

  bool same_relations(const Expression& want, const Expression& got) {
    if (!is_relation(want) || !is_relation(got)) return same_tree(want, got);
    for (const Expression* e : {&want, &got})
      if (!is_scalar(e->kids[0]) || !is_scalar(e->kids[1])) return same_tree(want, got);
    const char op = want.name[0];
    Expression other = got;
    if (flipped(op) != op && other.name[0] == flipped(op)) {
      std::swap(other.kids[0], other.kids[1]);
      other.name[0] = op;
    }
    if (other.name[0] != op) return false;
    return proportional(difference(want), difference(other), flipped(op) != op, effort_) == Sameness::equal;
  }

  Effort effort_;
};

// f(x), whose values nobody knows
bool calls_unknown(const Expression& e) {
  return (e.kind == NodeKind::function && e.name.size() == 1) ||
         std::any_of(e.kids.begin(), e.kids.end(), calls_unknown);
}

bool leaves_are_sound(const Expression& e, Effort& effort) {
  if (is_scalar(e)) {
    const Expression& plain = e.kind == NodeKind::negate ? e.kids[0] : e;
    if (plain.kind == NodeKind::constant && plain.name == "infinity") return true;
    return has_value(e, effort) || calls_unknown(e);
  }
  return std::all_of(e.kids.begin(), e.kids.end(),
                     [&](const Expression& kid) { return leaves_are_sound(kid, effort); });
}

// Both units known: the factor from the answer's to the reference's; 0 when they measure different things.
// "degrees" may be of temperature, and "pounds" money.
bool may_be_one(const Unit& a, const Unit& b) {
  const auto only = [](const Unit& u, const char* name) { return u.dims.size() == 1 && u.dims.contains(name); };
  static const Unit pound = read_unit("pound");
  return (only(a, "degree") && (only(b, "celsius") || only(b, "fahrenheit"))) ||
         (only(a, "sterling") && b.dims == pound.dims && b.factor == pound.factor);
}

bool is_half_of_day(const Unit& u) { return u.dims.contains("before noon") || u.dims.contains("after noon"); }

Rational conversion(const Answer& want, const Answer& got) {
  if (want.unit.known && is_half_of_day(want.unit) && !got.unit.known) return 0;  // 7 is not 7 p.m.
  if (!want.unit.known || !got.unit.known) return 1;
  if (may_be_one(want.unit, got.unit) || may_be_one(got.unit, want.unit)) return 1;
  return want.unit.dims == got.unit.dims ? Rational(got.unit.factor / want.unit.factor) : Rational(0);
}

Expression scaled(const Expression& e, const Rational& factor) {
  return make_node(NodeKind::multiply, "", {make_number(factor), e});
}

Judged same_formulas(const Answer& want, const Answer& got) {
  const Rational factor = conversion(want, got);
  if (factor == 0) return {false, "another unit"};
  if (want.number && got.number) {
    ExactNumber converted = *got.number;
    converted.value *= factor;
    return {same_number(*want.number, converted), ""};
  }
  Comparison comparison;
  if (factor != 1 && is_scalar(got.tree)) return {comparison.same(scaled(want.tree, 1), scaled(got.tree, factor)), ""};
  const bool same = factor == 1 && comparison.same(want.tree, got.tree);
  return {same, comparison.ran_out() ? "too much to compare" : ""};
}

// "xy" beside a formula: a product and no word.
std::optional<Answer> letters_as_product(const Answer& a) {
  const auto small = [](char c) { return c >= 'a' && c <= 'z'; };
  if (a.kind != Answer::Kind::words || a.words.size() < 2 || !std::all_of(a.words.begin(), a.words.end(), small) ||
      !is_product_of_letters(a.words, false))
    return std::nullopt;
  std::string spelled;
  for (const char c : a.words) spelled += (spelled.empty() ? "" : "*") + std::string(1, c);
  return read_formula(spelled);
}

}  // namespace

bool is_sound(const Answer& reference) {
  if (reference.kind == Answer::Kind::words) return !reference.words.empty();
  if (reference.kind != Answer::Kind::formula) return !reference.option.empty();
  Effort effort;
  return !reference.option.empty() || leaves_are_sound(reference.tree, effort);
}

Judged same_answer(const Answer& want, const Answer& got) {
  if (got.kind == Answer::Kind::alternatives) return {false, "it names alternatives"};
  if (got.kind == Answer::Kind::unreadable) return {false, "it cannot be read"};
  if (!want.option.empty() && !got.option.empty()) return {want.option == got.option, ""};
  if (want.kind != got.kind)
    for (const Answer* one : {&want, &got})
      if (const std::optional<Answer> product = letters_as_product(*one))
        return one == &want ? same_answer(*product, got) : same_answer(want, *product);
  const bool formulas = want.kind == Answer::Kind::formula && got.kind == Answer::Kind::formula;
  if (!formulas) return {want.words == got.words && !want.words.empty(), ""};
  const Judged judged = same_formulas(want, got);
  if (judged.same || !want.number || got.number) return judged;
  // "5m" beside 5: a unit and not a variable
  if (is_open(got.tree) && got.tree.kind == NodeKind::multiply) {
    const NumberReading number = read_number(got.words);
    if (number.kind == ReadingKind::one) return {same_number(*want.number, number.number), ""};
  }
  return judged;
}

}  // namespace r1
