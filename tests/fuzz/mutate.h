// Changes an input here and there, as a fuzzer without coverage does: for tests that have no libFuzzer.
#pragma once

#include <cstdint>
#include <string>

#include "corpus.h"

namespace r1::fuzz {

// The `round`th variant made of an input of `from` (not empty), by one to eight changes: bits, bytes, numbers of the
// kinds that overflow, pieces cut out, doubled, moved or taken from other inputs. At most `longest` bytes. The same
// arguments give the same bytes everywhere.
std::string mutated(const Inputs& from, uint64_t seed, uint64_t round, size_t longest);

}  // namespace r1::fuzz
