// The optimiser's memory of every parameter: both moments of AdamW in the form that `optim` asks for, and the update of
// a range. Matrices are kept narrow (bf16, or eight bits with a scale a block), norms and biases in float32.
#pragma once

#include <string>
#include <vector>

#include "formats/model_files.h"
#include "kernels/adamw.h"
#include "model/parameters.h"

namespace r1 {

// "adamw", "adamw_bf16", "adamw_8bit", or transformers' spelling of the same: adamw_torch, adamw_torch_fused,
// adamw_bnb_8bit. Throws r1::UsageError for another name.
Optim parse_optim(const std::string& name);

// Bytes of the moments of all parameters: 8, about 4 or about 2.03 a parameter. Weights and gradients are not in it.
size_t optimizer_bytes(Optim optim, const std::vector<Parameter>& parameters);

// Rounds the matrices of a block to nearest where `optim` keeps weights in bf16; nothing otherwise.
void round_weights(Optim optim, const std::vector<Parameter>& parameters, float* block);

class OptimizerState {
 public:
  // Borrows `parameters`, a block's layout, for its lifetime.
  OptimizerState(Optim optim, const std::vector<Parameter>& parameters);
  Optim optim() const { return optim_; }
  size_t bytes() const;

  // Updates weights [begin, end) of the block, which lie in parameter `index`, from their gradients, and clears those.
  // `begin` is the parameter's first weight or a multiple of kQuantBlock behind it. `seed` is for rounding.
  struct Range {
    size_t index;
    int64_t begin, end;
  };
  void update(const Compute& compute, float* weights, float* gradients, const Range& range, const AdamwStep& step,
              uint64_t seed);

  // Everything as named tensors: "exp_avg.NAME", "exp_avg_sq.NAME" (f32, bf16 or codes in s8), and for codes
  // "exp_avg_scale.NAME", "exp_avg_sq_scale.NAME". They borrow this.
  std::vector<StoredTensor> tensors() const;

  // As it was made: nothing was ever updated.
  void clear();

  // The moments of `adamw`, in the parameters' layout.
  float* first_moment();
  float* second_moment();

 private:
  struct Place {
    bool narrow;
    int64_t at;  // in the narrow or the wide blocks
  };
  QuantisedMoments codes_at(int64_t at);

  Optim optim_;
  const std::vector<Parameter>& parameters_;
  std::vector<Place> places_;
  Tensor wide_m_, wide_v_;      // f32
  Tensor narrow_m_, narrow_v_;  // bf16 or codes; a parameter begins at a multiple of kQuantBlock
  Tensor scale_m_, scale_v_;    // a block of codes each
};

}  // namespace r1
