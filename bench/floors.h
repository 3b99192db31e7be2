// The least time a phase of GRPO can take on a machine: arithmetic at the measured matmul peak, bytes at the measured
// read bandwidth. Only real tokens count, a shared prompt counts once. Share of the floor = floor / measured.
#pragma once

#include "bench/machine.h"
#include "model/config.h"

namespace r1::bench {

// Sequences of one phase: `prompts` prompts of `prompt` tokens, `samples` completions of `completion` tokens each.
struct Work {
  int64_t prompts = 8, samples = 8;
  int64_t prompt = 140, completion = 256;
  int64_t sequences() const { return prompts * samples; }
  int64_t completion_tokens() const { return sequences() * completion; }
  int64_t prompt_tokens() const { return prompts * prompt; }
};

class Floors {
 public:
  Floors(const ModelConfig& config, const Machine& machine, DType operand);

  // All in seconds.
  double prefill(const Work& work) const;
  // `completion` tokens a sequence, the first of which the prefill's last row gives: completion - 1 iterations with
  // all sequences in flight, each bound by arithmetic or by reading weights and keys once.
  double decode(const Work& work) const;
  double train_forward(const Work& work) const;
  double train_backward(const Work& work) const;
  // Parameters, moments read and written, gradient read, operand copy written.
  double optimiser() const;

 private:
  double attention_flops(const Work& work) const;  // of one forward
  double matmul_flops(const Work& work) const;     // of one forward, head on completion rows

  double body_ = 0, head_ = 0, parameters_ = 0;  // weights: of the layers' matrices, of the head, all
  double attention_ = 0;                         // A = 2 layers heads head_size
  double key_bytes_ = 0;                         // keys and values of a token
  double weight_bytes_ = 0;                      // of a weight as an operand
  double flops_ = 0, read_bytes_ = 0;            // a second
};

}  // namespace r1::bench
