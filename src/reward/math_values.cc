#include "reward/math_values.h"

#include <algorithm>
#include <functional>

#include "reward/balls.h"
#include "reward/residues.h"

namespace r1 {
namespace {

constexpr int kPlaces = 8;
constexpr int kMostPlaces = 24;      // drawn, when some are undefined
constexpr slong kAgreement = 200;    // bits that must agree
constexpr slong kClosedBits = 2048;  // of numbers without symbols, which have one place only
constexpr slong kPrecisions[] = {256, 512, 1024, 2048, 4096};

uint64_t seed_of(const Expression& a, const Expression& b) {
  return symbol_bits(expression_text(a) + '=' + expression_text(b), 7);
}

// ---- rational functions

// The same at every place, by `compare`, which says nothing where a place is undefined.
Sameness at_all_places(uint64_t seed, const std::function<Sameness(const Place&)>& compare) {
  int agreed = 0;
  for (int i = 0; i < kMostPlaces && agreed < kPlaces; i++) {
    const Sameness here = compare(draw_place(seed, i));
    if (here == Sameness::different) return here;
    agreed += here == Sameness::equal;
  }
  return agreed == kPlaces ? Sameness::equal : Sameness::unknown;
}

Sameness same_function(const Expression& a, const Expression& b) {
  return at_all_places(seed_of(a, b), [&](const Place& place) {
    const std::optional<uint64_t> x = residue(a, place), y = residue(b, place);
    return !x || !y ? Sameness::unknown : *x == *y ? Sameness::equal : Sameness::different;
  });
}

// ---- balls

// Whether a ball is small enough to have 200 bits agree with another's.
bool is_sharp(Ball& x) {
  mag_t radius, size;
  mag_init(radius), mag_init(size);
  arb_get_mag(size, x.re());
  mag_t other;
  mag_init(other);
  arb_get_mag(other, x.im());
  mag_max(size, size, other);
  mag_max(radius, arb_radref(x.re()), arb_radref(x.im()));
  mag_mul_2exp_si(radius, radius, kAgreement);
  mag_one(other);
  mag_max(size, size, other);
  const bool out = mag_cmp(radius, size) <= 0;
  mag_clear(radius), mag_clear(size), mag_clear(other);
  return out;
}

// One place: rising precision until the balls part, or agree sharply.
Sameness same_here(const Expression& a, const Expression& b, uint64_t salt, bool closed, Effort& effort) {
  for (const slong bits : kPrecisions) {
    Ball x, y;
    if (!enclose(a, salt, bits, effort, x) || !enclose(b, salt, bits, effort, y)) continue;
    if (!acb_overlaps(x.get(), y.get())) return Sameness::different;
    if (is_sharp(x) && is_sharp(y) && (!closed || bits >= kClosedBits)) return Sameness::equal;
  }
  return Sameness::unknown;
}

Sameness same_by_balls(const Expression& a, const Expression& b, Effort& effort) {
  const bool closed = !is_open(a) && !is_open(b);
  const uint64_t seed = seed_of(a, b);
  if (closed) return same_here(a, b, seed, true, effort);
  return at_all_places(seed, [&](const Place& place) { return same_here(a, b, place.salt, false, effort); });
}

}  // namespace

bool is_open(const Expression& e) {
  if (e.kind == NodeKind::symbol) return true;
  if (e.kind == NodeKind::function && (e.name == "lg" || (e.name == "log" && e.kids.size() == 1))) return true;
  return std::any_of(e.kids.begin(), e.kids.end(), is_open);
}

Sameness same_value(const Expression& a, const Expression& b, Effort& effort) {
  const std::optional<Rational> x = exact_value(a), y = exact_value(b);
  if (x && y) return *x == *y ? Sameness::equal : Sameness::different;
  if (same_tree(a, b)) return Sameness::equal;
  if (is_rational_function(a) && is_rational_function(b)) return same_function(a, b);
  return same_by_balls(a, b, effort);
}

Sameness proportional(const Expression& a, const Expression& b, bool positive, Effort& effort) {
  // a / b at every place equals a / b at the first
  const uint64_t seed = seed_of(a, b);
  if (is_rational_function(a) && is_rational_function(b) && !positive) {
    // a(p) b(q) = a(q) b(p) for places p and q of one prime
    return at_all_places(seed, [&](const Place& p) {
      const Place q{p.salt + 1, p.prime};
      const auto ap = residue(a, p), bp = residue(b, p), aq = residue(a, q), bq = residue(b, q);
      if (!ap || !bp || !aq || !bq || *ap == 0 || *bq == 0) {
        const bool zero = ap && bp && (*ap == 0) != (*bp == 0);
        return zero ? Sameness::different : Sameness::unknown;
      }
      const auto r = residue_ratio(*ap, *bp, p.prime), s = residue_ratio(*aq, *bq, p.prime);
      return r && s ? (*r == *s ? Sameness::equal : Sameness::different) : Sameness::unknown;
    });
  }
  const Expression ratio = make_node(NodeKind::divide, "", {a, b});
  Ball first;
  if (!enclose(ratio, draw_place(seed, kMostPlaces).salt, kPrecisions[1], effort, first)) return Sameness::unknown;
  if (positive && !(arb_is_zero(first.im()) && arb_is_positive(first.re()))) return Sameness::different;
  return at_all_places(seed, [&](const Place& place) {
    Ball here;
    if (!enclose(ratio, place.salt, kPrecisions[1], effort, here)) return Sameness::unknown;
    if (!acb_overlaps(first.get(), here.get())) return Sameness::different;
    return is_sharp(here) && is_sharp(first) ? Sameness::equal : Sameness::unknown;
  });
}

bool within(const Expression& a, const Expression& b, const Rational& bound, Effort& effort) {
  Ball x, y, limit;
  constexpr slong bits = 512;
  if (!enclose(a, 0, bits, effort, x) || !enclose(b, 0, bits, effort, y)) return false;
  acb_sub(x.get(), x.get(), y.get(), bits);
  if (!arb_is_zero(x.im())) return false;
  set_rational(limit.re(), bound, bits);
  arb_abs(x.re(), x.re());
  return arb_le(x.re(), limit.re());
}

bool has_value(const Expression& e, Effort& effort) {
  if (exact_value(e)) return true;
  const bool rational = is_rational_function(e);
  for (int i = 0; i < 4; i++) {
    const Place place = draw_place(symbol_bits(expression_text(e), 3), i);
    if (rational && residue(e, place)) return true;
    Ball x;
    if (!rational && enclose(e, place.salt, 512, effort, x)) return true;
  }
  return false;
}

}  // namespace r1
