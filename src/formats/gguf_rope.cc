#include "formats/gguf_rope.h"

#include <algorithm>
#include <cmath>

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// The file keeps a float32; 1e-5 shall read 1e-05 again.
double shortest(double x) { return std::stod(fmt::format("{}", static_cast<float>(x))); }

double positive(const GgufHeader& h, const std::string& key, double fallback) {
  const double x = h.number(key, fallback);
  if (!(x > 0 && x < 1e30)) fail("{}: metadata key {} is {}, expected a number above 0", h.file, key, x);
  return shortest(x);
}

std::vector<double> inverse_wavelengths(double theta, int64_t head_size) {
  std::vector<double> out;
  for (int64_t i = 0; i < head_size; i += 2)
    out.push_back(std::pow(theta, -static_cast<double>(i) / static_cast<double>(head_size)) / (2 * M_PI));
  return out;
}

// transformers' llama3: a wavelength above original / low is stretched by the factor, one below original / high is
// kept, and between them the frequency goes from one to the other in a straight line.
std::vector<double> stretch(const Json& rope, const std::vector<double>& inverse_wavelength) {
  const double factor = rope.at("factor"), low = rope.at("low_freq_factor"), high = rope.at("high_freq_factor"),
               original = rope.at("original_max_position_embeddings");
  std::vector<double> out;
  for (double x : inverse_wavelength) {
    const double smooth = (original * x - low) / (high - low);
    out.push_back(x * original > high ? 1 : x * original < low ? factor : 1 / ((1 - smooth) / factor + smooth));
  }
  return out;
}

Json llama3(double theta, double factor, double low, double high, double original) {
  return {{"rope_type", "llama3"},    {"rope_theta", theta},
          {"factor", factor},         {"low_freq_factor", low},
          {"high_freq_factor", high}, {"original_max_position_embeddings", static_cast<int64_t>(original)}};
}

bool gives(const Json& rope, const std::vector<double>& inverse_wavelength, std::span<const float> factors) {
  const std::vector<double> got = stretch(rope, inverse_wavelength);
  for (size_t i = 0; i < factors.size(); i++)
    if (!(std::abs(got[i] - static_cast<double>(factors[i])) <= 1e-5 * got[i])) return false;
  return true;
}

// Where the straight line begins and ends, as inverse wavelengths: smooth = (x - begin) / (end - begin). Where fewer
// than two factors lie on it there are many such lines; any will do.
struct Band {
  double begin, end;
};
Band band_of(const std::vector<double>& x, std::span<const float> factors, double factor) {
  std::vector<size_t> inside;
  double kept = INFINITY, stretched = 0;
  for (size_t i = 0; i < factors.size(); i++) {
    const double f = static_cast<double>(factors[i]);
    if (f <= 1 + 1e-6)
      kept = std::min(kept, x[i]);
    else if (f >= factor * (1 - 1e-6))
      stretched = std::max(stretched, x[i]);
    else
      inside.push_back(i);
  }
  const auto smooth = [&](size_t i) { return (1 / static_cast<double>(factors[i]) - 1 / factor) / (1 - 1 / factor); };
  if (inside.empty()) return {std::cbrt(stretched * stretched * kept), std::cbrt(stretched * kept * kept)};
  const size_t a = inside.front(), b = inside.back();
  if (a == b) {
    const double begin = x[a] / (1 + 3 * smooth(a));  // as if high were four times low, as it is in Llama 3
    return {begin, 4 * begin};
  }
  const double slope = (smooth(a) - smooth(b)) / (x[a] - x[b]), begin = x[a] - smooth(a) / slope;
  return {begin, begin + 1 / slope};
}

Json llama3_from_factors(const GgufHeader& h, double theta, int64_t head_size, std::span<const float> factors,
                         int64_t original) {
  if (static_cast<int64_t>(factors.size()) * 2 != head_size)
    fail("{}: tensor rope_freqs.weight has {} entries, expected {} (half of a head)", h.file, factors.size(),
         head_size / 2);
  const auto [least, most] = std::minmax_element(factors.begin(), factors.end());
  if (!(*least >= 0.999f && *most < 1e6f))
    fail("{}: tensor rope_freqs.weight holds {}, expected numbers from 1 on", h.file, *least < 0.999f ? *least : *most);
  const double factor = shortest(static_cast<double>(*most));
  if (factor == 1) return {{"rope_type", "default"}, {"rope_theta", theta}};
  if (*least == *most) return {{"rope_type", "linear"}, {"rope_theta", theta}, {"factor", factor}};
  const std::vector<double> x = inverse_wavelengths(theta, head_size);
  const double positions = static_cast<double>(original > 0 ? original : 8192);  // Llama 3's own
  if (const Json usual = llama3(theta, factor, 1, 4, positions); gives(usual, x, factors)) return usual;
  const Band band = band_of(x, factors, factor);
  const auto digits = [](double value) { return std::stod(fmt::format("{:.6g}", value)); };
  for (const bool rounded : {true, false}) {
    const double low = band.begin * positions, high = band.end * positions;
    const Json found = llama3(theta, factor, rounded ? digits(low) : low, rounded ? digits(high) : high, positions);
    if (low > 0 && high > low && gives(found, x, factors)) return found;
  }
  fail("{}: tensor rope_freqs.weight scales RoPE in another way than Llama 3 does, which is not supported", h.file);
}

double yarn_magnitude(double factor, double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1; }

}  // namespace

Json rope_from_gguf(const GgufHeader& h, const std::string& architecture, int64_t head_size,
                    std::span<const float> factors) {
  const std::string at = architecture + ".rope.", scaling = at + "scaling.";
  const double theta = positive(h, at + "freq_base", 10000);
  const int64_t original = h.whole(scaling + "original_context_length", 0, 0, 1 << 30);
  const std::string kind = h.text(scaling + "type", "none");
  if (!factors.empty()) {
    if (kind != "none") fail("{}: both rope_freqs.weight and rope.scaling.type \"{}\"", h.file, kind);
    return llama3_from_factors(h, theta, head_size, factors, original);
  }
  Json rope = {{"rope_type", "default"}, {"rope_theta", theta}};
  if (kind == "none") {
    // llama.cpp reads a factor without a type as linear
    const double linear =
        positive(h, h.metadata.contains(scaling + "factor") ? scaling + "factor" : at + "scale_linear", 1);
    if (linear != 1) rope.update({{"rope_type", "linear"}, {"factor", linear}});
    return rope;
  }
  rope["rope_type"] = kind;
  rope["factor"] = positive(h, scaling + "factor", 1);
  if (kind != "yarn") return rope;
  if (original > 0) rope["original_max_position_embeddings"] = original;
  for (const char* beta : {"beta_fast", "beta_slow"})
    if (const std::string key = scaling + "yarn_" + beta; h.metadata.contains(key)) rope[beta] = positive(h, key, 1);
  for (const char* name : {"attn_factor", "yarn_attn_factor"})
    if (const double extra = positive(h, scaling + name, 1); extra != 1)
      rope["attention_factor"] = extra * yarn_magnitude(rope["factor"], 1);
  return rope;
}

Json rope_of_config(const Json& config) {
  Json rope = {{"rope_type", "default"}, {"rope_theta", config.value("rope_theta", 10000.0)}};
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const auto it = config.find(key);
    if (it == config.end() || !it->is_object()) continue;
    if (it->contains("type") && !it->contains("rope_type")) rope["rope_type"] = it->at("type");
    rope.update(*it);
  }
  return rope;
}

std::vector<float> llama3_factors(const Json& rope, int64_t head_size) {
  const Json whole = llama3(rope.value("rope_theta", 10000.0), rope.at("factor"), rope.value("low_freq_factor", 1.0),
                            rope.value("high_freq_factor", 4.0), rope.at("original_max_position_embeddings"));
  std::vector<float> out;
  for (double f : stretch(whole, inverse_wavelengths(whole.at("rope_theta"), head_size)))
    out.push_back(static_cast<float>(f));
  return out;
}

double yarn_extra_magnitude(const Json& rope) {
  const double factor = rope.at("factor"), usual = yarn_magnitude(factor, 1);
  const double mscale = rope.value("mscale", 0.0), all = rope.value("mscale_all_dim", 0.0);
  if (const auto given = rope.find("attention_factor"); given != rope.end() && given->is_number())
    return given->get<double>() / usual;
  if (mscale > 0 && all > 0) return yarn_magnitude(factor, mscale) / yarn_magnitude(factor, all) / usual;
  return 1;
}

}  // namespace r1
