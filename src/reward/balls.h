// Values of formulas enclosed by complex balls (Arb, Johansson 2017): the value is in the ball, for certain.
#pragma once

// FLINT 3 took Arb in.
#if __has_include(<flint/acb.h>)
#include <flint/acb.h>
#else
#include <acb.h>
#endif

#include "reward/math_values.h"

namespace r1 {

class Ball {
 public:
  Ball() { acb_init(z_); }
  ~Ball() { acb_clear(z_); }
  Ball(const Ball&) = delete;
  Ball& operator=(const Ball&) = delete;
  acb_ptr get() { return z_; }
  arb_ptr re() { return acb_realref(z_); }
  arb_ptr im() { return acb_imagref(z_); }

 private:
  acb_t z_;
};

void set_rational(arb_t out, const Rational& value, slong bits);

// The formula's ball at `bits` of working precision, symbols being real numbers between -4 and 4 drawn by `salt`. False
// when there is no finite one: undefined, too large, an unknown function, or the effort used up.
bool enclose(const Expression& e, uint64_t salt, slong bits, Effort& effort, Ball& out);

}  // namespace r1
