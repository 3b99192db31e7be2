// Exact values: rational numbers, and residues modulo a prime.
#include <algorithm>
#include <cmath>

#include "reward/math_values.h"

namespace r1 {
namespace {

using Integer = boost::multiprecision::cpp_int;

constexpr size_t kMostBits = 8192;
constexpr int64_t kLargestFactorial = 500;

size_t bits(const Rational& r) {
  const auto of = [](const Integer& n) -> size_t { return n == 0 ? 1 : boost::multiprecision::msb(abs(n)) + 1; };
  return of(boost::multiprecision::numerator(r)) + of(boost::multiprecision::denominator(r));
}

std::optional<Rational> bounded(Rational r) {
  if (bits(r) > kMostBits) return std::nullopt;
  return r;
}

bool is_whole(const Rational& r) { return boost::multiprecision::denominator(r) == 1; }

std::optional<int64_t> small_whole(const Rational& r, int64_t most) {
  if (!is_whole(r) || abs(r) > most) return std::nullopt;
  return static_cast<int64_t>(boost::multiprecision::numerator(r));
}

std::optional<Rational> power(const Rational& base, const Rational& exponent) {
  const std::optional<int64_t> n = small_whole(exponent, kMostBits);
  if (!n || (base == 0 && *n <= 0)) return std::nullopt;
  const unsigned size = static_cast<unsigned>(std::abs(*n));
  if (base != 0 && base != 1 && base != -1 && bits(base) * size > kMostBits) return std::nullopt;
  const Integer upper = boost::multiprecision::pow(boost::multiprecision::numerator(base), size),
                lower = boost::multiprecision::pow(boost::multiprecision::denominator(base), size);
  return *n < 0 ? Rational(lower, upper) : Rational(upper, lower);
}

std::optional<Rational> factorial(const Rational& r) {
  const std::optional<int64_t> n = small_whole(r, kLargestFactorial);
  if (!n || *n < 0) return std::nullopt;
  Integer out = 1;
  for (int64_t k = 2; k <= *n; k++) out *= k;
  return Rational(out);
}

std::optional<Rational> binomial(const Rational& above, const Rational& below) {
  const std::optional<int64_t> n = small_whole(above, 1000), k = small_whole(below, 1000);
  if (!n || !k || *n < 0 || *k < 0 || *k > *n) return std::nullopt;
  Integer out = 1;
  for (int64_t i = 1; i <= std::min(*k, *n - *k); i++) out = out * (*n - i + 1) / i;
  return Rational(out);
}

Integer floor_of(const Rational& r) {
  const Integer n = boost::multiprecision::numerator(r), d = boost::multiprecision::denominator(r);
  return n >= 0 ? Integer(n / d) : Integer(-((-n + d - 1) / d));
}

std::optional<Rational> call(const Expression& e) {
  if (e.kids.empty()) return std::nullopt;
  const std::optional<Rational> x = exact_value(e.kids[0]);
  if (!x) return std::nullopt;
  if (e.name == "abs") return Rational(abs(*x));
  if (e.name == "floor") return Rational(floor_of(*x));
  if (e.name == "ceil") return Rational(-floor_of(-*x));
  if (e.name == "factorial") return factorial(*x);
  if (e.name != "binomial" || e.kids.size() != 2) return std::nullopt;
  const std::optional<Rational> k = exact_value(e.kids[1]);
  return k ? binomial(*x, *k) : std::nullopt;
}

std::optional<Rational> quotient(const Expression& e) {
  const std::optional<Rational> a = exact_value(e.kids[0]), b = exact_value(e.kids[1]);
  if (!a || !b || *b == 0) return std::nullopt;
  return bounded(*a / *b);
}

std::optional<Rational> folded(const Expression& e) {
  Rational out = e.kind == NodeKind::add ? 0 : 1;
  for (const Expression& kid : e.kids) {
    const std::optional<Rational> x = exact_value(kid);
    if (!x) return std::nullopt;
    if (e.kind == NodeKind::add)
      out += *x;
    else
      out *= *x;
    if (bits(out) > kMostBits) return std::nullopt;
  }
  return out;
}

}  // namespace

std::optional<Rational> exact_value(const Expression& e) {
  switch (e.kind) {
    case NodeKind::number:
      return e.value;
    case NodeKind::add:
    case NodeKind::multiply:
      return folded(e);
    case NodeKind::divide:
      return quotient(e);
    case NodeKind::negate:
    case NodeKind::percent: {
      const std::optional<Rational> x = exact_value(e.kids[0]);
      if (!x) return x;
      return e.kind == NodeKind::negate ? Rational(-*x) : Rational(*x / 100);
    }
    case NodeKind::power: {
      const std::optional<Rational> base = exact_value(e.kids[0]), exponent = exact_value(e.kids[1]);
      return base && exponent ? power(*base, *exponent) : std::nullopt;
    }
    case NodeKind::function:
      return call(e);
    default:
      return std::nullopt;
  }
}

bool is_rational_function(const Expression& e) {
  switch (e.kind) {
    case NodeKind::number:
    case NodeKind::symbol:
      return true;
    case NodeKind::add:
    case NodeKind::multiply:
    case NodeKind::divide:
    case NodeKind::negate:
    case NodeKind::percent:
      return std::all_of(e.kids.begin(), e.kids.end(), is_rational_function);
    case NodeKind::power: {
      const std::optional<Rational> exponent = exact_value(e.kids[1]);
      return is_rational_function(e.kids[0]) && exponent && is_whole(*exponent);
    }
    case NodeKind::function:
      return exact_value(e).has_value();
    default:
      return false;
  }
}

}  // namespace r1
