// Low-rank adapters (LoRA, Hu et al. 2021) of the layers' matrices: where their parameters lie, how they begin, are
// read and are merged. Our fused matrices (q, k, v; gate, up) carry several modules: each has its own A and B, B's rows
// are the module's part of the fused columns.
#pragma once

#include "model/parameters.h"

namespace r1 {

// Names are PEFT's. The A of one fused matrix lie one below the other: a single (parts * r, in) matrix.
class AdapterLayout : public BlockLayout {
 public:
  AdapterLayout(const ModelConfig& config, const LoraConfig& lora);

  struct Part {
    int64_t first = 0, columns = 0;  // of the fused matrix's result
    int64_t a = 0, b = 0;            // offsets of A (r, in) and B (columns, r)
  };
  struct Matrix {
    std::vector<Part> parts;
    int64_t in = 0;
    int64_t a() const { return parts.front().a; }
  };
  struct Layer {
    Matrix qkv, o, gate_up, down;
    int64_t end = 0;  // behind the layer's last parameter
  };
  const std::vector<Layer>& layers() const { return layers_; }
  const LoraConfig& config() const { return lora_; }
  int64_t widest_rank() const { return widest_rank_; }  // columns of the largest stack of A

 private:
  struct Module {
    std::string_view name;
    int64_t columns;
  };
  Matrix add_matrix(int64_t layer, int64_t in, std::initializer_list<Module> modules);

  LoraConfig lora_;
  std::vector<Layer> layers_;
  int64_t widest_rank_ = 0;
};

// A block of the layout: A uniform in +-1/sqrt(in) (Kaiming with a = sqrt 5, PEFT's default), B zero: the adapted model
// begins as its base.
Tensor new_adapter(const AdapterLayout& layout, uint64_t seed);

// The adapter of a PEFT folder. A missing, surplus or misshapen tensor is an error by name.
Tensor load_adapter(const AdapterLayout& layout, const ModelFiles& files);

// W += scale B A for every adapted module of `parameters`, a block of `base`.
void merge_adapter(const AdapterLayout& layout, const float* adapter, const ParameterLayout& base, float* parameters);

}  // namespace r1
