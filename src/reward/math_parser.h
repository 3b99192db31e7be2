// From an answer's text to its tree. Reads the LaTeX of papers and of language models, sympy's and people's plain
// formulas, and mixtures. What it cannot read as a whole it does not read at all: nothing is skipped.
#pragma once

#include <optional>

#include "reward/expression.h"
#include "reward/math_tokens.h"

namespace r1 {

// nullopt when the tokens are no formula, are nested more than 40 deep or give more than 1000 nodes.
std::optional<Expression> parse_math(const MathTokens& tokens);

}  // namespace r1
