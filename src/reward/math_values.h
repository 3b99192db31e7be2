// Values of formulas, three ways: exactly as a rational number; exactly modulo a prime, for rational functions of any
// size; and enclosed by complex balls (Arb), for everything else. Every size is bounded before it is computed.
#pragma once

#include <cstdint>
#include <optional>

#include "reward/expression.h"

namespace r1 {

// The rational number a formula without symbols is; nullopt when it is none, has symbols, divides by zero, or would
// take more than 8192 bits on the way.
std::optional<Rational> exact_value(const Expression& e);

// Whether a formula is made of numbers, symbols, + - * / and powers whose exponents are whole numbers: such formulas
// are compared modulo primes.
bool is_rational_function(const Expression& e);

// What comparisons may still cost, in steps of some tens of nanoseconds; one for all comparisons of an answer. When it
// is used up, the rest is unknown.
struct Effort {
  int64_t left = 400'000;
};

// Whether two formulas have the same value: for all values of their symbols, when there are some.
//   different: proven, by exact arithmetic modulo a prime or by two balls that do not meet.
//   equal: the same tree; the same rational number; the same value modulo primes of 61 bits at 8 places drawn from both
//     texts (rational functions: identity testing, Schwartz 1980); or balls that meet with 200 bits or more at 8 real
//     places, and with 2000 bits where there are no symbols.
//   unknown: undefined (1/0), too large (9^9^9^9), a function that is not known, or balls that stay wide.
// \log without a base is the logarithm to a base that is not known: 2 log 3 is log 9, but log 100 is not 2.
enum class Sameness { equal, different, unknown };
Sameness same_value(const Expression& a, const Expression& b, Effort& effort);

// Whether a = c b for one number c at all places; c > 0 if `positive`. So equations and inequalities are compared.
Sameness proportional(const Expression& a, const Expression& b, bool positive, Effort& effort);

// Whether |a - b| is at most `bound`, proven. Both without symbols.
bool within(const Expression& a, const Expression& b, const Rational& bound, Effort& effort);

// Whether a formula has a value (at some place, if there are symbols).
bool has_value(const Expression& e, Effort& effort);

// Whether a formula's value depends on something that is not written: a symbol, the base of \log.
bool is_open(const Expression& e);

}  // namespace r1
