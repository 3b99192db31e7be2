// The texts that the embedded base learns from. Document i of a seed and a side is a function of (seed, i, side).
#pragma once

#include <cstdint>
#include <string>

#include "data/world/solutions.h"

namespace r1::world {

// What stands before and behind a question in R1-Zero's structure, as some of the texts have it: keys prompt_prefix and
// prompt_suffix of a run with prompt_template=none.
extern const char* const kZeroPrefix;
extern const char* const kZeroSuffix;

struct DocumentOptions {
  SolutionOptions solutions;
  bool held_out = false;
};

std::string draw_document(uint64_t seed, uint64_t index, const DocumentOptions& options);

// Random numbers of one thing of the world, for documents and rows alike; `purpose` keeps them apart.
tasks::Draws world_draws(uint64_t seed, uint64_t index, uint32_t purpose, bool held_out);

}  // namespace r1::world
