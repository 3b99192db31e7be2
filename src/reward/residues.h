// Rational functions modulo primes of 61 bits, at places drawn for each symbol. Two that differ at one place differ;
// two that agree at several places, each with another prime, are equal but for a chance below 2^-40 a place: the
// prime and the place are drawn from the texts themselves, so that no fixed multiple of a prime passes for zero.
#pragma once

#include <cstdint>
#include <optional>

#include "reward/expression.h"

namespace r1 {

struct Place {
  uint64_t salt = 0, prime = 0;
};
Place draw_place(uint64_t seed, int number);

// 64 bits that depend on the name and the salt and on nothing else.
uint64_t symbol_bits(const std::string& symbol, uint64_t salt);

// The value of a rational function (is_rational_function) at a place; nullopt where it divides by zero.
std::optional<uint64_t> residue(const Expression& e, const Place& place);

std::optional<uint64_t> residue_ratio(uint64_t a, uint64_t b, uint64_t prime);  // a / b; nullopt for b = 0

}  // namespace r1
