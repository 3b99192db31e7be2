#include "reward/residues.h"

#include <flint/ulong_extras.h>

#include "reward/math_values.h"

namespace r1 {
namespace {

using Integer = boost::multiprecision::cpp_int;

uint64_t mixed(uint64_t x) {
  x = (x ^ x >> 31) * 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 29) * 0xBF58476D1CE4E5B9u;
  return x ^ x >> 32;
}

class Residues {
 public:
  explicit Residues(const Place& place) : place_(place) {}

  std::optional<uint64_t> of(const Expression& e) const {
    switch (e.kind) {
      case NodeKind::symbol:
        return symbol_bits(e.name, place_.salt) % place_.prime;
      case NodeKind::add:
      case NodeKind::multiply:
        return folded(e);
      case NodeKind::divide: {
        const std::optional<uint64_t> a = of(e.kids[0]), b = of(e.kids[1]);
        return a && b ? residue_ratio(*a, *b, place_.prime) : std::nullopt;
      }
      case NodeKind::negate:
      case NodeKind::percent: {
        const std::optional<uint64_t> x = of(e.kids[0]);
        if (!x) return x;
        return e.kind == NodeKind::negate ? (place_.prime - *x) % place_.prime : residue_ratio(*x, 100, place_.prime);
      }
      case NodeKind::power:
        return power(e);
      default: {
        const std::optional<Rational> x = exact_value(e);
        return x ? of(*x) : std::nullopt;
      }
    }
  }

 private:
  std::optional<uint64_t> folded(const Expression& e) const {
    uint64_t out = e.kind == NodeKind::add ? 0 : 1;
    for (const Expression& kid : e.kids) {
      const std::optional<uint64_t> x = of(kid);
      if (!x) return x;
      out = e.kind == NodeKind::add ? (out + *x) % place_.prime : n_mulmod2(out, *x, place_.prime);
    }
    return out;
  }

  std::optional<uint64_t> power(const Expression& e) const {
    const std::optional<uint64_t> base = of(e.kids[0]);
    const std::optional<Rational> exponent = exact_value(e.kids[1]);
    if (!base || !exponent) return std::nullopt;
    const Integer n = boost::multiprecision::numerator(*exponent);
    if (*base == 0) return n > 0 ? std::optional<uint64_t>(0) : std::nullopt;
    return n_powmod2_ui_preinv(*base, whole(n, place_.prime - 1), place_.prime, n_preinvert_limb(place_.prime));
  }

  static uint64_t whole(const Integer& n, uint64_t modulus) {
    const Integer r = n % modulus;
    return static_cast<uint64_t>(r < 0 ? Integer(r + modulus) : r);
  }
  std::optional<uint64_t> of(const Rational& r) const {
    return residue_ratio(whole(boost::multiprecision::numerator(r), place_.prime),
                         whole(boost::multiprecision::denominator(r), place_.prime), place_.prime);
  }

  const Place& place_;
};

}  // namespace

Place draw_place(uint64_t seed, int number) {
  const uint64_t bits = mixed(seed + static_cast<uint64_t>(number) * 0x9E3779B97F4A7C15u);
  return {.salt = mixed(bits + 1), .prime = n_nextprime(uint64_t{1} << 60 | bits >> 4, 1)};
}

uint64_t symbol_bits(const std::string& symbol, uint64_t salt) {
  uint64_t hash = 0xCBF29CE484222325u ^ salt;
  for (const char c : symbol) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return mixed(hash);
}

std::optional<uint64_t> residue(const Expression& e, const Place& place) { return Residues(place).of(e); }

std::optional<uint64_t> residue_ratio(uint64_t a, uint64_t b, uint64_t prime) {
  if (b == 0) return std::nullopt;
  return n_mulmod2(a, n_invmod(b, prime), prime);
}

}  // namespace r1
