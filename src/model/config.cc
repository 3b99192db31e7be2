#include "model/config.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/families/family.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// One integer key inside its limits.
int64_t read_count(const Json& config, const char* key, int64_t most, const std::string& path) {
  if (!config.contains(key)) fail("{}: config.json has no \"{}\"", path, key);
  const Json& value = config.at(key);
  if (!value.is_number_integer() || value.get<int64_t>() < 1 || value.get<int64_t>() > most)
    fail("{}: config.json: \"{}\" is {}, expected a whole number from 1 to {}", path, key, value.dump(), most);
  return value.get<int64_t>();
}

double read_positive(const Json& object, const char* key, double fallback, const std::string& path) {
  if (!object.contains(key) || object.at(key).is_null()) return fallback;
  const Json& value = object.at(key);
  if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() <= 0)
    fail("{}: config.json: \"{}\" is {}, expected a positive number", path, key, value.dump());
  return value.get<double>();
}

void read_scaling(const Json& rope, RopeConfig& out, const std::string& path) {
  std::string kind = "default";
  for (const char* key : {"type", "rope_type"})
    if (rope.contains(key) && rope.at(key).is_string()) kind = rope.at(key).get<std::string>();
  if (kind == "default") return;
  out.kind = kind == "linear" ? RopeKind::linear : kind == "llama3" ? RopeKind::llama3 : RopeKind::yarn;
  if (kind != "linear" && kind != "llama3" && kind != "yarn")
    fail("{}: config.json: RoPE type \"{}\"; expected default, linear, llama3 or yarn", path, kind);
  out.factor = read_positive(rope, "factor", 1, path);
  out.low_freq_factor = read_positive(rope, "low_freq_factor", 1, path);
  out.high_freq_factor = read_positive(rope, "high_freq_factor", 4, path);
  out.beta_fast = read_positive(rope, "beta_fast", 32, path);
  out.beta_slow = read_positive(rope, "beta_slow", 1, path);
  out.attention_factor = read_positive(rope, "attention_factor", 0, path);
  out.mscale = read_positive(rope, "mscale", 0, path);
  out.mscale_all_dim = read_positive(rope, "mscale_all_dim", 0, path);
  out.truncate = rope.value("truncate", true);
  out.original_max_positions = static_cast<int64_t>(read_positive(rope, "original_max_position_embeddings", 0, path));
}

// Both spellings: rope_parameters (transformers 5) and rope_theta with rope_scaling (4).
RopeConfig read_rope(const Json& config, const std::string& path) {
  RopeConfig out;
  out.theta = read_positive(config, "rope_theta", out.theta, path);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!config.contains(key) || config.at(key).is_null()) continue;
    const Json& rope = config.at(key);
    if (!rope.is_object()) fail("{}: config.json: \"{}\" is {}, expected an object", path, key, rope.dump());
    out.theta = read_positive(rope, "rope_theta", out.theta, path);
    read_scaling(rope, out, path);
  }
  return out;
}

void read_ids(const Json& config, const char* key, std::vector<int32_t>& out) {
  if (!config.is_object() || !config.contains(key)) return;
  const Json& value = config.at(key);
  const auto add = [&](const Json& id) {
    if (id.is_number_integer() && std::find(out.begin(), out.end(), id.get<int32_t>()) == out.end())
      out.push_back(id.get<int32_t>());
  };
  if (value.is_array()) {
    for (const Json& id : value) add(id);
  } else {
    add(value);
  }
}

int32_t read_id(const Json& config, const char* key) {
  return config.contains(key) && config.at(key).is_number_integer() ? config.at(key).get<int32_t>() : -1;
}

const Family& find_family(const Json& config, const std::string& path) {
  const std::string type = config.value("model_type", "");
  std::string known;
  for (const Family& family : all_families()) {
    if (family.model_type == type) return family;
    known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  }
  fail("{}: config.json: model_type \"{}\" is not supported yet; r1 knows {}", path, type, known);
}

void check_shape(const ModelConfig& c, const std::string& path) {
  if (c.heads % c.kv_heads != 0)
    fail("{}: config.json: num_attention_heads {} is no multiple of num_key_value_heads {}", path, c.heads, c.kv_heads);
  if (c.head_size % 2 != 0 || c.head_size > 256)
    fail("{}: config.json: head_dim is {}, expected an even number up to 256", path, c.head_size);
  for (int32_t id : c.eos_ids)
    if (id < 0 || id >= c.vocabulary)
      fail("{}: eos_token_id {} is outside the vocabulary of {}", path, id, c.vocabulary);
}

}  // namespace

ModelConfig read_config(const Json& config, const Json& generation_config, const std::string& path) {
  if (!config.is_object())
    fail("{}: no config.json, so this is no model (expected a Hugging Face folder or a GGUF with weights)", path);
  const Family& family = find_family(config, path);
  ModelConfig c;
  c.family = family.model_type;
  c.vocabulary = read_count(config, "vocab_size", 1 << 22, path);
  c.width = read_count(config, "hidden_size", 1 << 16, path);
  c.inner = read_count(config, "intermediate_size", 1 << 18, path);
  c.layers = read_count(config, "num_hidden_layers", 512, path);
  c.heads = static_cast<int>(read_count(config, "num_attention_heads", 1024, path));
  c.kv_heads = config.contains("num_key_value_heads") && !config.at("num_key_value_heads").is_null()
                   ? static_cast<int>(read_count(config, "num_key_value_heads", 1024, path))
                   : c.heads;
  c.head_size = config.contains("head_dim") && !config.at("head_dim").is_null()
                    ? static_cast<int>(read_count(config, "head_dim", 256, path))
                    : static_cast<int>(c.width / c.heads);
  c.norm_eps = static_cast<float>(read_positive(config, "rms_norm_eps", 1e-6, path));
  c.tied_embeddings = config.value("tie_word_embeddings", false);
  c.max_positions =
      config.contains("max_position_embeddings") ? read_count(config, "max_position_embeddings", 1 << 24, path) : 2048;
  c.rope = read_rope(config, path);
  const std::string act = config.value("hidden_act", "silu");
  if (act != "silu") fail("{}: config.json: hidden_act is \"{}\", expected silu", path, act);
  read_ids(config, "eos_token_id", c.eos_ids);
  read_ids(generation_config, "eos_token_id", c.eos_ids);
  c.bos_id = read_id(config, "bos_token_id");
  c.pad_id = read_id(config, "pad_token_id");
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
