#include "model/config.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/config_reader.h"
#include "model/families/family.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMostPositions = 1 << 24;

// What each kind of RoPE cannot do without; a missing number would silently give another model.
void require_scaling(const ConfigReader& rope, const std::string& kind, const RopeConfig& out) {
  const auto need = [&](const char* key) {
    if (!rope.has(key)) fail("{}: config.json: RoPE type \"{}\" needs \"{}\"", rope.path(), kind, key);
  };
  need("factor");
  if (out.factor < 1)
    fail("{}: config.json: RoPE \"factor\" is {}, expected a number from 1 on", rope.path(), out.factor);
  if (out.kind != RopeKind::llama3) return;
  need("original_max_position_embeddings");
  if (out.high_freq_factor <= out.low_freq_factor)
    fail("{}: config.json: RoPE \"high_freq_factor\" {} is not above \"low_freq_factor\" {}", rope.path(),
         out.high_freq_factor, out.low_freq_factor);
}

void read_scaling(const ConfigReader& rope, RopeConfig& out) {
  const std::string kind = rope.text("rope_type", rope.text("type", "default").c_str());
  if (rope.positive("partial_rotary_factor", 1) != 1)
    fail("{}: config.json: partial_rotary_factor is {}; r1 rotates whole heads only", rope.path(),
         rope.positive("partial_rotary_factor", 1));
  if (kind == "default") return;
  out.kind = kind == "linear" ? RopeKind::linear : kind == "llama3" ? RopeKind::llama3 : RopeKind::yarn;
  if (kind != "linear" && kind != "llama3" && kind != "yarn")
    fail("{}: config.json: RoPE type \"{}\"; expected default, linear, llama3 or yarn", rope.path(), kind);
  out.factor = rope.positive("factor", 1);
  out.low_freq_factor = rope.positive("low_freq_factor", 1);
  out.high_freq_factor = rope.positive("high_freq_factor", 4);
  out.beta_fast = rope.positive("beta_fast", 32);
  out.beta_slow = rope.positive("beta_slow", 1);
  out.attention_factor = rope.positive("attention_factor", 0);
  out.mscale = rope.positive("mscale", 0);
  out.mscale_all_dim = rope.positive("mscale_all_dim", 0);
  out.truncate = rope.flag("truncate", true);
  out.original_max_positions = rope.count("original_max_position_embeddings", kMostPositions, 0);
  require_scaling(rope, kind, out);
}

// Both spellings: rope_parameters (transformers 5) and rope_theta with rope_scaling (4).
RopeConfig read_rope(const ConfigReader& config) {
  RopeConfig out;
  out.theta = config.positive("rope_theta", out.theta);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!config.has(key)) continue;
    const ConfigReader rope = config.inner(key);
    out.theta = rope.positive("rope_theta", out.theta);
    read_scaling(rope, out);
  }
  return out;
}

const Family& find_family(const ConfigReader& config) {
  const std::string type = config.text("model_type", "");
  std::string known;
  for (const Family& family : all_families()) {
    if (family.model_type == type) return family;
    known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  }
  fail("{}: config.json: model_type \"{}\" is not supported yet; r1 knows {}", config.path(), type, known);
}

// Switches that no family of ours has.
void refuse_unknown_layers(const ConfigReader& config) {
  const std::string act = config.text("hidden_act", "silu");
  if (act != "silu") fail("{}: config.json: hidden_act is \"{}\", expected silu", config.path(), act);
  if (config.flag("use_sliding_window", false))
    fail("{}: config.json: use_sliding_window is true; r1 attends to all positions only", config.path());
  if (!config.has("layer_types")) return;
  for (const Json& type : config.at("layer_types"))
    if (type != "full_attention")
      fail("{}: config.json: layer_types has {}; r1 attends to all positions only (full_attention)", config.path(),
           type.dump());
}

void check_shape(const ModelConfig& c, const std::string& path) {
  if (c.heads % c.kv_heads != 0)
    fail("{}: config.json: num_attention_heads {} is no multiple of num_key_value_heads {}", path, c.heads, c.kv_heads);
  if (c.head_size < 2 || c.head_size % 2 != 0 || c.head_size > 256)
    fail("{}: config.json: head_dim is {}, expected an even number from 2 to 256", path, c.head_size);
  for (int32_t id : c.eos_ids)
    if (id >= c.vocabulary) fail("{}: eos_token_id {} is outside the vocabulary of {}", path, id, c.vocabulary);
}

// transformers' name for a model with a linear head over the last token; a reward model has one label.
bool is_scalar(const Json& config, const std::string& path) {
  const auto names = config.find("architectures");
  if (names == config.end() || !names->is_array() || names->empty() || !names->at(0).is_string()) return false;
  if (!names->at(0).get<std::string>().ends_with("ForSequenceClassification")) return false;
  const auto labels = config.find("id2label"), count = config.find("num_labels");
  const bool one = labels != config.end() && labels->is_object() ? labels->size() == 1
                   : count != config.end()                       ? *count == 1
                                                                 : false;
  if (!one)
    fail("{}: config.json: a sequence classifier with other than one label; r1 reads reward models alone", path);
  return true;
}

}  // namespace

ModelConfig read_config(const Json& json, const Json& generation_config, const std::string& path) {
  if (!json.is_object())
    fail("{}: no config.json, so this is no model (expected a Hugging Face folder or a GGUF with weights)", path);
  const ConfigReader config(json, path);
  const Family& family = find_family(config);
  ModelConfig c;
  c.family = family.model_type;
  c.vocabulary = config.count("vocab_size", 1 << 22);
  c.width = config.count("hidden_size", 1 << 16);
  c.inner = config.count("intermediate_size", 1 << 18);
  c.layers = config.count("num_hidden_layers", 512);
  c.heads = static_cast<int>(config.count("num_attention_heads", 1024));
  c.kv_heads = static_cast<int>(config.count("num_key_value_heads", 1024, c.heads));
  c.head_size =
      static_cast<int>(config.count("head_dim", 256, family.head_size > 0 ? family.head_size : c.width / c.heads));
  c.norm_eps = static_cast<float>(config.positive("rms_norm_eps", 1e-6));
  c.scalar_head = is_scalar(json, path);
  c.tied_embeddings = config.flag("tie_word_embeddings", false) || c.scalar_head;
  c.max_positions = config.count("max_position_embeddings", kMostPositions, 2048);
  c.rope = read_rope(config);
  refuse_unknown_layers(config);
  config.ids("eos_token_id", c.eos_ids);
  ConfigReader(generation_config, path).ids("eos_token_id", c.eos_ids);
  c.bos_id = config.id("bos_token_id");
  c.pad_id = config.id("pad_token_id");
  family.read(config, c);
  check_shape(c, path);
  return c;
}

namespace {

std::vector<double> plain_frequencies(double theta, int head_size) {
  std::vector<double> inverse;
  for (int j = 0; j < head_size; j += 2) inverse.push_back(1.0 / std::pow(theta, static_cast<double>(j) / head_size));
  return inverse;
}

// Llama 3.1: long wavelengths are divided by the factor, short ones kept, those between blended.
void llama3_scale(const RopeConfig& rope, std::vector<double>& inverse) {
  const double low = static_cast<double>(rope.original_max_positions) / rope.low_freq_factor;
  const double high = static_cast<double>(rope.original_max_positions) / rope.high_freq_factor;
  for (double& f : inverse) {
    const double wavelength = 2 * M_PI / f;
    if (wavelength > low) {
      f /= rope.factor;
    } else if (wavelength >= high) {
      const double smooth = (static_cast<double>(rope.original_max_positions) / wavelength - rope.low_freq_factor) /
                            (rope.high_freq_factor - rope.low_freq_factor);
      f = (1 - smooth) * f / rope.factor + smooth * f;
    }
  }
}

// YaRN (Peng et al. 2023), r1.md 6.3: fast dimensions keep their frequency, slow ones are divided by the factor.
void yarn_scale(const RopeConfig& rope, int head_size, int64_t original, std::vector<double>& inverse) {
  const auto dimension = [&](double rotations) {
    return head_size * std::log(static_cast<double>(original) / (rotations * 2 * M_PI)) / (2 * std::log(rope.theta));
  };
  double low = dimension(rope.beta_fast), high = dimension(rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, head_size - 1.0);
  if (low == high) high += 0.001;
  for (size_t j = 0; j < inverse.size(); j++) {
    const double ramp = std::min(std::max((static_cast<double>(j) - low) / (high - low), 0.0), 1.0);
    inverse[j] = inverse[j] / rope.factor * ramp + inverse[j] * (1 - ramp);
  }
}

double yarn_magnitude(double scale, double mscale) { return scale <= 1 ? 1 : 0.1 * mscale * std::log(scale) + 1; }

}  // namespace

RopeFrequencies rope_frequencies(const RopeConfig& rope, int head_size, int64_t max_positions) {
  RopeFrequencies out{plain_frequencies(rope.theta, head_size), 1.0};
  const int64_t original = rope.original_max_positions > 0 ? rope.original_max_positions : max_positions;
  switch (rope.kind) {
    case RopeKind::plain:
      break;
    case RopeKind::linear:
      for (double& f : out.inverse) f /= rope.factor;
      break;
    case RopeKind::llama3:
      llama3_scale(rope, out.inverse);
      break;
    case RopeKind::yarn:
      yarn_scale(rope, head_size, original, out.inverse);
      if (rope.attention_factor > 0)
        out.attention_factor = rope.attention_factor;
      else if (rope.mscale > 0 && rope.mscale_all_dim > 0)
        out.attention_factor =
            yarn_magnitude(rope.factor, rope.mscale) / yarn_magnitude(rope.factor, rope.mscale_all_dim);
      else
        out.attention_factor = yarn_magnitude(rope.factor, 1.0);
      break;
  }
  return out;
}

}  // namespace r1
