// The least time a phase of training can take on a machine: arithmetic at the measured matmul peak, bytes at the
// measured read bandwidth. Only real tokens count, a shared prompt counts once. Share of the floor = floor / measured.
#pragma once

#include <span>
#include <vector>

#include "kernels/machine.h"
#include "model/config.h"

namespace r1 {

// Sequences that share a prompt: tokens of the prompt and of each completion. Without a prompt (SFT) `prompt` is 0.
struct GroupWork {
  int64_t prompt = 0;
  std::vector<int64_t> completions;
  int64_t scored = -1;  // completion tokens that reach the head; -1: all
};
using Work = std::vector<GroupWork>;

// `prompts` prompts of `prompt` tokens, `samples` completions of `completion` tokens each.
struct UniformWork {
  int64_t prompts = 8, samples = 8, prompt = 128, completion = 256;
};
Work make_work(const UniformWork& uniform);
int64_t completion_tokens(const Work& work);
int64_t prompt_tokens(const Work& work);

class Floors {
 public:
  Floors(const ModelConfig& config, const Machine& machine, DType operand);

  // All in seconds.
  double prefill(const Work& work) const;
  // At most `together` sequences in flight, in order, a free slot refilled at once. A sequence's first token is given
  // by the prefill's last row; every iteration after it is bound by arithmetic or by reading weights and keys once.
  double decode(const Work& work, int64_t together) const;
  // Log-probs of the completions; also the forward half of training.
  double forward(const Work& work) const;
  double backward(const Work& work) const;
  double train(const Work& work) const { return forward(work) + backward(work); }
  // `state_bytes` a parameter are moved beside the operand copy written: AdamW in f32 reads and writes weight and two
  // moments and reads the gradient, 28. Without copies: they are made when sampling begins.
  double optimizer(double state_bytes = 28, bool with_copies = true) const;

 private:
  double attention_flops(const Work& work) const;  // of one forward
  double matmul_flops(const Work& work) const;     // of one forward, head on scored rows

  double body_ = 0, head_ = 0, parameters_ = 0;  // weights: of the layers' matrices, of the head, all
  double attention_ = 0;                         // A = 2 layers heads head_size
  double key_bytes_ = 0;                         // keys and values of a token
  double weight_bytes_ = 0;                      // of a weight as an operand
  double flops_ = 0, read_bytes_ = 0;            // a second
};

// The matmuls of a layer and a tile of the head, for measuring the machine at this model's shapes.
std::vector<ProductShape> product_shapes(const ModelConfig& config);

}  // namespace r1
