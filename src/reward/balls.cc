#include "reward/balls.h"

#include <algorithm>

#include "reward/residues.h"

namespace r1 {
namespace {

using Integer = boost::multiprecision::cpp_int;

void set_integer(fmpz_t out, const Integer& n) { fmpz_set_str(out, n.str().c_str(), 10); }

bool is_whole(const Rational& r) { return boost::multiprecision::denominator(r) == 1; }

class Encloser {
 public:
  Encloser(uint64_t salt, slong bits, Effort& effort) : salt_(salt), bits_(bits), effort_(effort) {}

  bool value(const Expression& e, Ball& out) {
    if (!spend(1)) return false;
    switch (e.kind) {
      case NodeKind::number:
        set_rational(out.re(), e.value, bits_);
        return true;
      case NodeKind::symbol:
        return symbol(e.name, out);
      case NodeKind::constant:
        return constant(e.name, out);
      case NodeKind::add:
      case NodeKind::multiply:
        return folded(e, out);
      case NodeKind::divide:
        return quotient(e, out);
      case NodeKind::negate:
      case NodeKind::percent:
      case NodeKind::degree:
        return value(e.kids[0], out) && scaled(e.kind, out);
      case NodeKind::power:
        return power(e, out);
      case NodeKind::function:
        return function(e, out);
      default:
        return false;
    }
  }

 private:
  // Steps grow with the precision: 1 at 256 bits.
  bool spend(int64_t steps) { return (effort_.left -= steps * std::max<int64_t>(1, bits_ / 256)) > 0; }

  bool symbol(const std::string& name, Ball& out) {
    const int64_t drawn = static_cast<int64_t>(symbol_bits(name, salt_) >> 24);  // 40 bits
    arb_set_si(out.re(), drawn - (int64_t{1} << 39));
    arb_mul_2exp_si(out.re(), out.re(), -37);
    return true;
  }

  bool constant(const std::string& name, Ball& out) {
    if (name == "pi") return arb_const_pi(out.re(), bits_), true;
    if (name == "e") return arb_const_e(out.re(), bits_), true;
    if (name == "i") return acb_onei(out.get()), true;
    return false;
  }

  bool folded(const Expression& e, Ball& out) {
    const bool sum = e.kind == NodeKind::add;
    acb_set_si(out.get(), sum ? 0 : 1);
    for (const Expression& kid : e.kids) {
      Ball x;
      if (!value(kid, x)) return false;
      if (sum)
        acb_add(out.get(), out.get(), x.get(), bits_);
      else
        acb_mul(out.get(), out.get(), x.get(), bits_);
    }
    return acb_is_finite(out.get());
  }

  bool quotient(const Expression& e, Ball& out) {
    Ball below;
    if (!value(e.kids[0], out) || !value(e.kids[1], below)) return false;
    acb_div(out.get(), out.get(), below.get(), bits_);
    return acb_is_finite(out.get());
  }

  bool scaled(NodeKind kind, Ball& x) {
    if (kind == NodeKind::negate) return acb_neg(x.get(), x.get()), true;
    if (kind == NodeKind::percent) return acb_div_ui(x.get(), x.get(), 100, bits_), true;
    Ball pi;
    acb_const_pi(pi.get(), bits_);
    acb_mul(x.get(), x.get(), pi.get(), bits_);
    acb_div_ui(x.get(), x.get(), 180, bits_);
    return true;
  }

  // Arguments above 2^30 make results of a size that nobody writes.
  static bool is_moderate(Ball& x) {
    mag_t size;
    mag_init(size);
    acb_get_mag(size, x.get());
    const bool out = mag_cmp_2exp_si(size, 30) < 0;
    mag_clear(size);
    return out;
  }

  bool power(const Expression& e, Ball& out) {
    if (!spend(16)) return false;
    const std::optional<Rational> exact = exact_value(e.kids[1]);
    if (exact && is_whole(*exact)) return whole_power(e.kids[0], *exact, out);
    Ball exponent;
    if (!value(e.kids[1], exponent) || !is_moderate(exponent)) return false;
    if (e.kids[0].kind == NodeKind::constant && e.kids[0].name == "e") {
      acb_exp(out.get(), exponent.get(), bits_);
      return acb_is_finite(out.get());
    }
    Ball base;
    if (!value(e.kids[0], base)) return false;
    if (acb_is_zero(base.get())) return arb_is_positive(exponent.re());  // 0 to a positive power
    if (exact && *exact == Rational(1, 2))
      acb_sqrt(out.get(), base.get(), bits_);
    else
      acb_pow(out.get(), base.get(), exponent.get(), bits_);
    return acb_is_finite(out.get());
  }

  bool whole_power(const Expression& base, const Rational& exponent, Ball& out) {
    if (abs(exponent) > (int64_t{1} << 40)) return false;
    Ball x;
    if (!value(base, x)) return false;
    if (exponent == 0 && arb_contains_zero(x.re()) && arb_contains_zero(x.im())) return false;
    fmpz_t n;
    fmpz_init(n);
    set_integer(n, boost::multiprecision::numerator(exponent));
    acb_pow_fmpz(out.get(), x.get(), n, bits_);
    fmpz_clear(n);
    return acb_is_finite(out.get());
  }

  bool function(const Expression& e, Ball& out) {
    if (const std::optional<Rational> exact = exact_value(e)) return set_rational(out.re(), *exact, bits_), true;
    if (!spend(32)) return false;
    Ball x;
    if (e.kids.empty() || !value(e.kids[0], x) || !is_moderate(x)) return false;
    if (e.name == "root") return root(x, e.kids[1], out);
    if (e.name == "log") return logarithm(x, e, out);
    if (e.name == "lg") return ln(x, out) && in_base("\\lg", out);
    if (e.name == "ln") return ln(x, out);
    if (e.name == "abs") return acb_abs(out.re(), x.get(), bits_), true;
    if (e.name == "floor" || e.name == "ceil") return rounded(e.name, x, out);
    using Call = void (*)(acb_t, const acb_t, slong);
    static const std::pair<const char*, Call> calls[] = {
        {"sin", acb_sin},   {"cos", acb_cos},   {"tan", acb_tan},   {"cot", acb_cot},   {"sec", acb_sec},
        {"csc", acb_csc},   {"asin", acb_asin}, {"acos", acb_acos}, {"atan", acb_atan}, {"sinh", acb_sinh},
        {"cosh", acb_cosh}, {"tanh", acb_tanh}, {"exp", acb_exp}};
    for (const auto& [name, call] : calls)
      if (e.name == name) return call(out.get(), x.get(), bits_), acb_is_finite(out.get());
    return false;
  }

  bool rounded(const std::string& name, Ball& x, Ball& out) {
    if (!arb_is_zero(x.im())) return false;
    name == "floor" ? arb_floor(out.re(), x.re(), bits_) : arb_ceil(out.re(), x.re(), bits_);
    return acb_is_finite(out.get());
  }

  bool ln(Ball& x, Ball& out) {
    acb_log(out.get(), x.get(), bits_);
    return acb_is_finite(out.get());
  }
  // Divides by the logarithm of a base that is not known.
  bool in_base(const std::string& name, Ball& out) {
    Ball base;
    symbol(name, base);
    acb_div(out.get(), out.get(), base.get(), bits_);
    return acb_is_finite(out.get());
  }
  bool logarithm(Ball& x, const Expression& e, Ball& out) {
    if (!ln(x, out)) return false;
    if (e.kids.size() == 1) return in_base("\\log", out);
    Ball base, below;
    if (!value(e.kids[1], base) || !ln(base, below)) return false;
    acb_div(out.get(), out.get(), below.get(), bits_);
    return acb_is_finite(out.get());
  }

  // Of a negative real number the odd root is the real one, as schools teach.
  bool root(Ball& x, const Expression& degree, Ball& out) {
    const std::optional<Rational> n = exact_value(degree);
    if (!n || !is_whole(*n) || *n < 2 || *n > 1000) return false;
    const ulong k = static_cast<ulong>(boost::multiprecision::numerator(*n));
    if (acb_is_zero(x.get())) return true;
    const bool real = arb_is_zero(x.im()), negative = real && arb_is_negative(x.re());
    if (real && !negative && !arb_is_positive(x.re())) return false;
    if (negative && k % 2 == 1) {
      arb_neg(x.re(), x.re());
      arb_root_ui(out.re(), x.re(), k, bits_);
      arb_neg(out.re(), out.re());
    } else {
      acb_root_ui(out.get(), x.get(), k, bits_);
    }
    return acb_is_finite(out.get());
  }

  const uint64_t salt_;
  const slong bits_;
  Effort& effort_;
};

}  // namespace

void set_rational(arb_t out, const Rational& value, slong bits) {
  fmpq_t q;
  fmpq_init(q);
  set_integer(fmpq_numref(q), boost::multiprecision::numerator(value));
  set_integer(fmpq_denref(q), boost::multiprecision::denominator(value));
  arb_set_fmpq(out, q, bits);
  fmpq_clear(q);
}

bool enclose(const Expression& e, uint64_t salt, slong bits, Effort& effort, Ball& out) {
  return Encloser(salt, bits, effort).value(e, out);
}

}  // namespace r1
