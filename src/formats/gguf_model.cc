// A GGUF's tensors under Hugging Face's names, rows in Hugging Face's order.
#include <cmath>

#include "base/threads.h"
#include "formats/gguf.h"
#include "formats/gguf_names.h"

namespace r1 {
namespace {

constexpr int64_t kMostHeads = 1 << 20;
constexpr const char* kRopeFactors = "rope_freqs.weight";

class GgufSource : public TensorSource {
 public:
  GgufSource(std::shared_ptr<const GgufFile> file, const GgufArchitecture& architecture) : file_(std::move(file)) {
    const GgufHeader& h = file_->header();
    const std::string at = std::string(architecture.name) + ".";
    const int64_t heads = h.whole(at + "attention.head_count", 1, 1, kMostHeads);
    const int64_t kv_heads = h.whole(at + "attention.head_count_kv", heads, 1, kMostHeads);
    for (const GgufTensor& t : h.tensors) {
      if (t.info.name == kRopeFactors) continue;  // the configuration says it in numbers
      TensorInfo info = t.info;
      info.name = hugging_face_name(t.info.name);
      if (info.name.empty())
        fail("{}: tensor {}: no such tensor in a {} model", path(), t.info.name, architecture.name);
      int64_t permuted = 0;
      if (architecture.permuted_qk && t.info.name.find("attn_q.") != std::string::npos) permuted = heads;
      if (architecture.permuted_qk && t.info.name.find("attn_k.") != std::string::npos) permuted = kv_heads;
      if (permuted > 0 && t.info.shape[0] % (2 * permuted) != 0)
        fail("{}: tensor {}: {} rows do not divide into {} heads", path(), t.info.name, t.info.shape[0], permuted);
      if (permuted > 0 && t.info.shape.size() == 1 && find_gguf_type(t.type)->elements != 1)
        fail("{}: tensor {}: a bias of type {}, expected F32, F16 or BF16", path(), t.info.name, t.info.dtype);
      infos_.push_back(std::move(info));
      tensors_.push_back(&t);
      permuted_heads_.push_back(permuted);
    }
  }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }

  void read_f32(int index, std::span<float> out) const override {
    const GgufTensor& t = *tensors_[static_cast<size_t>(index)];
    R1_CHECK(static_cast<int64_t>(out.size()) == t.info.elements());
    const GgufType& type = *find_gguf_type(t.type);
    const bool bias = permuted_heads_[static_cast<size_t>(index)] > 0 && t.info.shape.size() == 1;  // rows of one
    const int64_t cols = bias ? 1 : t.info.shape.back(), rows = t.info.elements() / cols, blocks = cols / type.elements;
    const std::byte* from = file_->data(t).data();
    std::vector<char> bad(static_cast<size_t>(rows));
    parallel_chunks(rows, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        float* to = out.data() + hugging_face_row(r, rows, permuted_heads_[static_cast<size_t>(index)]) * cols;
        for (int64_t b = 0; b < blocks; b++)
          type.dequantise(from + (r * blocks + b) * type.bytes, to + b * type.elements);
        for (int64_t c = 0; c < cols; c++)
          if (!std::isfinite(to[c])) bad[static_cast<size_t>(r)] = 1;
      }
    });
    for (int64_t r = 0; r < rows; r++)
      if (bad[static_cast<size_t>(r)])
        fail("{}: tensor {}: row {} holds a value that is not finite", path(), t.info.name, r);
  }
  void read_i64(int index, std::span<int64_t>) const override {
    fail("{}: tensor {} holds no integers", path(), infos_[static_cast<size_t>(index)].name);
  }

 private:
  const std::string& path() const { return file_->header().file; }

  std::shared_ptr<const GgufFile> file_;  // with nobody who would change it
  std::vector<TensorInfo> infos_;
  std::vector<const GgufTensor*> tensors_;  // inside *file_
  std::vector<int64_t> permuted_heads_;
};

}  // namespace

std::unique_ptr<TensorSource> open_gguf_tensors(std::shared_ptr<const GgufFile> file) {
  const GgufArchitecture* known = find_gguf_architecture(file->header().text("general.architecture", ""));
  if (known == nullptr || file->header().tensors.empty()) return nullptr;
  return std::make_unique<GgufSource>(std::move(file), *known);
}

std::vector<float> gguf_rope_factors(const GgufFile& file) {
  const GgufTensor* t = file.find(kRopeFactors);
  if (t == nullptr) return {};
  if (t->info.dtype != "F32" || t->info.shape.size() != 1 || t->info.elements() > 4096)
    fail("{}: tensor {} is no short list of F32", file.header().file, kRopeFactors);
  std::vector<float> out(static_cast<size_t>(t->info.elements()));
  std::memcpy(out.data(), file.data(*t).data(), out.size() * sizeof(float));
  return out;
}

}  // namespace r1
