// Drawing with top-k, top-p and min-p, in transformers' order: temperature, top-k, top-p, min-p. Ties go to the lower
// id.
#pragma once

#include <span>

#include "kernels/head.h"

namespace r1 {

// `logits`: one row, the whole vocabulary. Fills id and sampling_logp.
SampledToken sample_filtered(std::span<const float> logits, const SampleSpec& spec);

}  // namespace r1
