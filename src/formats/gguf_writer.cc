#include "formats/gguf_writer.h"

#include <cmath>
#include <filesystem>

#include "base/durable_file.h"
#include "formats/gguf_names.h"
#include "formats/gguf_rope.h"
#include "formats/weight_encoding.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr uint64_t kAlignment = 32;

template <typename T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void append_text(std::string& out, const std::string& text) {
  append<uint64_t>(out, text.size());
  out += text;
}

void append_number(std::string& out, GgufKind kind, double x) {
  switch (kind) {
    case GgufKind::u8:
      return append(out, static_cast<uint8_t>(x));
    case GgufKind::i8:
      return append(out, static_cast<int8_t>(x));
    case GgufKind::boolean:
      return append(out, static_cast<uint8_t>(x != 0));
    case GgufKind::u16:
      return append(out, static_cast<uint16_t>(x));
    case GgufKind::i16:
      return append(out, static_cast<int16_t>(x));
    case GgufKind::u32:
      return append(out, static_cast<uint32_t>(x));
    case GgufKind::i32:
      return append(out, static_cast<int32_t>(x));
    case GgufKind::f32:
      return append(out, static_cast<float>(x));
    case GgufKind::u64:
      return append(out, static_cast<uint64_t>(x));
    case GgufKind::i64:
      return append(out, static_cast<int64_t>(x));
    default:
      return append(out, x);
  }
}

}  // namespace

bool GgufMetadataWriter::begin(const std::string& key, GgufKind kind) {
  if (!keys_.insert(key).second) return false;
  append_text(bytes_, key);
  append(bytes_, static_cast<uint32_t>(kind));
  return true;
}
void GgufMetadataWriter::text(const std::string& key, const std::string& value) {
  if (begin(key, GgufKind::string)) append_text(bytes_, value);
}
void GgufMetadataWriter::u32(const std::string& key, uint64_t value) {
  if (begin(key, GgufKind::u32)) append(bytes_, static_cast<uint32_t>(value));
}
void GgufMetadataWriter::f32(const std::string& key, double value) {
  if (begin(key, GgufKind::f32)) append(bytes_, static_cast<float>(value));
}
void GgufMetadataWriter::flag(const std::string& key, bool value) {
  if (begin(key, GgufKind::boolean)) append(bytes_, static_cast<uint8_t>(value));
}

void GgufMetadataWriter::value(const std::string& key, const GgufValue& v) {
  if (keys_.contains(key)) return;
  if (const auto* strings = std::get_if<GgufValue::Strings>(&v.value)) return texts(key, *strings);
  if (const auto* numbers = std::get_if<GgufValue::Numbers>(&v.value)) {
    begin_array(key, v.kind, numbers->size());
    for (double x : *numbers) append_number(bytes_, v.kind, x);
    return;
  }
  begin(key, v.kind);
  if (const auto* s = std::get_if<std::string>(&v.value)) return append_text(bytes_, *s);
  if (const auto* b = std::get_if<bool>(&v.value)) return append(bytes_, static_cast<uint8_t>(*b));
  if (const auto* u = std::get_if<uint64_t>(&v.value)) return append(bytes_, *u);
  if (const auto* i = std::get_if<int64_t>(&v.value)) {
    if (v.kind == GgufKind::i64) return append(bytes_, *i);
    return append_number(bytes_, v.kind, static_cast<double>(*i));
  }
  append_number(bytes_, v.kind, std::get<double>(v.value));
}

void GgufMetadataWriter::begin_array(const std::string& key, GgufKind kind, size_t count) {
  begin(key, GgufKind::array);
  append(bytes_, static_cast<uint32_t>(kind));
  append<uint64_t>(bytes_, count);
}
void GgufMetadataWriter::texts(const std::string& key, const std::vector<std::string>& values) {
  begin_array(key, GgufKind::string, values.size());
  for (const std::string& v : values) append_text(bytes_, v);
}
void GgufMetadataWriter::i32s(const std::string& key, const std::vector<int32_t>& values) {
  begin_array(key, GgufKind::i32, values.size());
  for (int32_t v : values) append(bytes_, v);
}
void GgufMetadataWriter::f32s(const std::string& key, const std::vector<float>& values) {
  begin_array(key, GgufKind::f32, values.size());
  for (float v : values) append(bytes_, v);
}

namespace {

// A number of config.json; null counts as absent.
double number_of(const Json& config, const char* key, double fallback, const std::string& path) {
  const auto it = config.find(key);
  if (it == config.end() || it->is_null()) return fallback;
  if (!it->is_number()) fail("{}: config.json: {} is {}, expected a number", path, key, it->dump().substr(0, 80));
  return it->get<double>();
}

// What the file says of a model's sizes, beside what its tensors' shapes say.
struct Sizes {
  std::string architecture;
  bool permuted_qk = false;
  int64_t heads = 0, kv_heads = 0, head_size = 0, vocabulary = 0, inner = 0;
};

const std::vector<int64_t>& shape_of(const WeightStream& weights, const std::string& name, const std::string& path) {
  for (const auto& entry : weights.entries)
    if (entry.name == name) return entry.shape;
  fail("{}: tensor {} is missing", path, name);
}

Sizes sizes_of(const ModelFiles& meta, const WeightStream& weights) {
  Sizes s;
  s.architecture = meta.config.value("model_type", "");
  const GgufArchitecture* known = find_gguf_architecture(s.architecture);
  if (known == nullptr)
    fail("{}: a model of type \"{}\" cannot be written as GGUF yet; llama, qwen2 and qwen3 can", meta.path,
         s.architecture);
  s.permuted_qk = known->permuted_qk;
  s.heads = static_cast<int64_t>(number_of(meta.config, "num_attention_heads", 0, meta.path));
  s.kv_heads =
      static_cast<int64_t>(number_of(meta.config, "num_key_value_heads", static_cast<double>(s.heads), meta.path));
  const int64_t q_rows = shape_of(weights, "model.layers.0.self_attn.q_proj.weight", meta.path)[0];
  if (s.heads < 1 || s.kv_heads < 1 || q_rows % s.heads != 0)
    fail("{}: config.json: {} heads over {} rows of queries", meta.path, s.heads, q_rows);
  s.head_size = q_rows / s.heads;
  s.vocabulary = shape_of(weights, "model.embed_tokens.weight", meta.path)[0];
  s.inner = shape_of(weights, "model.layers.0.mlp.gate_proj.weight", meta.path)[0];
  return s;
}

// Keys of RoPE. True when Llama 3's divisors belong into the file.
bool write_rope(GgufMetadataWriter& out, const ModelFiles& meta, const Sizes& sizes, const Json& rope) {
  const std::string at = sizes.architecture + ".rope.", scaling = at + "scaling.", kind = rope.at("rope_type");
  out.u32(at + "dimension_count", static_cast<uint64_t>(sizes.head_size));
  out.f32(at + "freq_base", rope.at("rope_theta"));
  if (kind == "default") return false;
  const double factor = number_of(rope, "factor", 1, meta.path);
  const double original = number_of(rope, "original_max_position_embeddings",
                                    number_of(meta.config, "max_position_embeddings", 2048, meta.path), meta.path);
  if (kind == "llama3") {
    if (sizes.architecture != "llama")
      fail("{}: rope_type llama3 in a {} model: llama.cpp has it for llama alone", meta.path, sizes.architecture);
    out.u32(scaling + "original_context_length", static_cast<uint64_t>(original));
    return true;
  }
  if (kind != "linear" && kind != "yarn")
    fail("{}: rope_type \"{}\" cannot be written as GGUF; default, linear, llama3 and yarn can", meta.path, kind);
  out.text(scaling + "type", kind);
  out.f32(scaling + "factor", factor);
  if (kind == "linear") return false;
  if (rope.contains("truncate") && rope["truncate"] == false)
    fail("{}: yarn with \"truncate\": false cannot be written as GGUF: llama.cpp rounds its range", meta.path);
  out.u32(scaling + "original_context_length", static_cast<uint64_t>(original));
  for (const char* beta : {"beta_fast", "beta_slow"})
    if (rope.contains(beta) && rope[beta].is_number()) out.f32(scaling + "yarn_" + beta, rope[beta]);
  if (const double extra = yarn_extra_magnitude(rope); std::abs(extra - 1) > 1e-9)
    out.f32(scaling + "attn_factor", extra);
  return false;
}

std::string model_name(const ModelFiles& meta) {
  const std::filesystem::path path = std::filesystem::path(meta.path).lexically_normal();
  const std::string name = path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
  return name.ends_with(".gguf") ? name.substr(0, name.size() - 5) : name;
}

// general.file_type, llama.cpp's number for what most tensors are.
uint32_t file_type(GgufFormat format) {
  switch (format) {
    case GgufFormat::f32:
      return 0;
    case GgufFormat::f16:
      return 1;
    case GgufFormat::q8_0:
      return 7;
    case GgufFormat::bf16:
      return 32;
  }
  return 0;
}

void write_general(GgufMetadataWriter& out, const ModelFiles& meta, const Sizes& sizes, GgufFormat format) {
  const std::string at = sizes.architecture + ".";
  const auto count = [&](const char* key, const char* from) {
    out.u32(at + key, static_cast<uint64_t>(number_of(meta.config, from, 0, meta.path)));
  };
  out.text("general.architecture", sizes.architecture);
  out.text("general.type", "model");
  out.text("general.name", model_name(meta));
  out.u32("general.file_type", file_type(format));
  if (format == GgufFormat::q8_0) out.u32("general.quantization_version", 2);
  out.u32(at + "vocab_size", static_cast<uint64_t>(sizes.vocabulary));
  out.u32(at + "context_length",
          static_cast<uint64_t>(number_of(meta.config, "max_position_embeddings", 2048, meta.path)));
  count("embedding_length", "hidden_size");
  count("block_count", "num_hidden_layers");
  out.u32(at + "feed_forward_length", static_cast<uint64_t>(sizes.inner));
  out.u32(at + "attention.head_count", static_cast<uint64_t>(sizes.heads));
  out.u32(at + "attention.head_count_kv", static_cast<uint64_t>(sizes.kv_heads));
  out.u32(at + "attention.key_length", static_cast<uint64_t>(sizes.head_size));
  out.u32(at + "attention.value_length", static_cast<uint64_t>(sizes.head_size));
  out.f32(at + "attention.layer_norm_rms_epsilon", number_of(meta.config, "rms_norm_eps", 1e-6, meta.path));
}

// One tensor of the file.
struct Planned {
  std::string name;            // GGUF's
  std::vector<int64_t> shape;  // row-major
  GgufFormat format = GgufFormat::f32;
  int64_t permuted_heads = 0;
  ptrdiff_t entry = -1;  // of the stream; -1: RoPE's divisors
  uint64_t bytes = 0, offset = 0;
};

uint32_t type_id(GgufFormat format) {
  return format == GgufFormat::f32 ? 0 : format == GgufFormat::f16 ? 1 : format == GgufFormat::q8_0 ? 8 : 30;
}

GgufFormat format_of(const std::vector<int64_t>& shape, GgufFormat wanted) {
  if (shape.size() < 2) return GgufFormat::f32;
  return wanted == GgufFormat::q8_0 && shape.back() % 32 != 0 ? GgufFormat::f16 : wanted;
}

uint64_t align(uint64_t at) { return (at + kAlignment - 1) / kAlignment * kAlignment; }

std::vector<Planned> plan_tensors(const WeightStream& weights, const Sizes& sizes, GgufFormat format, size_t factors) {
  std::vector<Planned> out;
  if (factors > 0) out.push_back({"rope_freqs.weight", {static_cast<int64_t>(factors)}});
  for (size_t i = 0; i < weights.entries.size(); i++) {
    const auto& [name, shape] = weights.entries[i];
    Planned p{gguf_name(name), shape, format_of(shape, format), 0, static_cast<ptrdiff_t>(i)};
    if (p.name.empty()) fail("tensor {}: llama.cpp has no name for it", name);
    if (sizes.permuted_qk && p.name.find(".attn_q.") != std::string::npos) p.permuted_heads = sizes.heads;
    if (sizes.permuted_qk && p.name.find(".attn_k.") != std::string::npos) p.permuted_heads = sizes.kv_heads;
    out.push_back(std::move(p));
  }
  uint64_t offset = 0;
  for (Planned& p : out) {
    const GgufType& type = *find_gguf_type(type_id(p.format));
    uint64_t elements = 1;
    for (int64_t d : p.shape) elements *= static_cast<uint64_t>(d);
    p.bytes = elements / type.elements * type.bytes;
    p.offset = offset;
    offset = align(offset + p.bytes);
  }
  return out;
}

std::string header_bytes(const GgufMetadataWriter& metadata, const std::vector<Planned>& tensors) {
  std::string out = "GGUF";
  append<uint32_t>(out, 3);
  append<uint64_t>(out, tensors.size());
  append<uint64_t>(out, metadata.count());
  out += metadata.bytes();
  for (const Planned& p : tensors) {
    append_text(out, p.name);
    append(out, static_cast<uint32_t>(p.shape.size()));
    for (auto d = p.shape.rbegin(); d != p.shape.rend(); ++d) append(out, static_cast<uint64_t>(*d));
    append(out, type_id(p.format));
    append(out, p.offset);
  }
  out.resize(align(out.size()), '\0');
  return out;
}

// Rows in llama.cpp's order.
std::span<const float> permute(std::span<const float> values, const Planned& p, std::vector<float>& out) {
  if (p.permuted_heads == 0) return values;
  const int64_t rows = p.shape[0], cols = static_cast<int64_t>(values.size()) / rows;
  out.resize(values.size());
  for (int64_t r = 0; r < rows; r++) {
    const float* from = values.data() + hugging_face_row(r, rows, p.permuted_heads) * cols;
    std::copy(from, from + cols, out.data() + r * cols);
  }
  return out;
}

std::span<const std::byte> encode(std::span<const float> values, GgufFormat format, const std::string& what,
                                  std::vector<std::byte>& out) {
  if (format == GgufFormat::q8_0) return encode_q8_0(values, what, out);
  const DType dtype = format == GgufFormat::f16 ? DType::f16 : format == GgufFormat::bf16 ? DType::bf16 : DType::f32;
  return encode_weights(values, dtype, what, out);
}

}  // namespace

WrittenFile write_gguf(const std::string& path, const ModelFiles& meta, const WeightStream& weights,
                       GgufFormat format) {
  if (!meta.config.is_object()) fail("{}: a model without config.json cannot be written", path);
  const Sizes sizes = sizes_of(meta, weights);
  const Json rope = rope_of_config(meta.config);
  GgufMetadataWriter metadata;
  write_general(metadata, meta, sizes, format);
  const std::vector<float> factors =
      write_rope(metadata, meta, sizes, rope) ? llama3_factors(rope, sizes.head_size) : std::vector<float>();
  write_gguf_vocabulary(metadata, meta, sizes.vocabulary);
  const std::vector<Planned> tensors = plan_tensors(weights, sizes, format, factors.size());
  DurableFile file(path);
  file.write(header_bytes(metadata, tensors));
  std::vector<float> scratch, permuted;
  std::vector<std::byte> encoded;
  for (const Planned& p : tensors) {
    const std::span<const float> values = p.entry < 0 ? factors : weights.read(static_cast<size_t>(p.entry), scratch);
    const auto bytes =
        encode(permute(values, p, permuted), p.format, fmt::format("{}: tensor {}", path, p.name), encoded);
    R1_CHECK(bytes.size() == p.bytes);
    file.write(bytes.data(), bytes.size());
    file.write(std::string(align(p.bytes) - p.bytes, '\0'));
  }
  file.close();
  return {std::filesystem::path(path).filename().string(), file.size(), file.sha256()};
}

}  // namespace r1
