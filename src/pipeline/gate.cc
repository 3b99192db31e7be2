#include "pipeline/gate.h"

#include <charconv>
#include <vector>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

}  // namespace

Gate parse_gate(const std::string& text) {
  Gate gate;
  size_t at = text.find(">=");
  if (at == std::string::npos) {
    at = text.find("<=");
    gate.at_least = false;
  }
  const auto wrong = [&] { fail_usage("gate \"{}\": expected NUMBER >= VALUE or NUMBER <= VALUE", text); };
  if (at == std::string::npos) wrong();
  gate.number = trimmed(text.substr(0, at));
  const std::string value = trimmed(text.substr(at + 2));
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), gate.value);
  if (error != std::errc() || end != value.data() + value.size() || gate.number.empty() ||
      gate.number.find_first_not_of("abcdefghijklmnopqrstuvwxyz_.") != std::string::npos)
    wrong();
  return gate;
}

GateResult hold_against(const Gate& gate, const Json& numbers) {
  const Json* inside = &numbers;
  std::string name = gate.number;
  for (size_t dot = name.find('.'); dot != std::string::npos && inside->contains(name.substr(0, dot));
       dot = name.find('.')) {
    inside = &(*inside)[name.substr(0, dot)];
    name = name.substr(dot + 1);
  }
  if (!inside->is_object() || !inside->contains(name) || !(*inside)[name].is_number()) {
    std::vector<std::string> there;
    for (const auto& [key, value] : numbers.items())
      if (value.is_number()) there.push_back(key);
    fail("gate: the evaluation has no number {}; it has {}", gate.number, fmt::join(there, ", "));
  }
  const double value = (*inside)[name].get<double>();
  double held = value;
  GateResult out;
  out.text = fmt::format("{} {:.4g}", gate.number, value);
  if (name == "accuracy" && inside->contains("ci95")) {
    const double low = (*inside)["ci95"][0].get<double>(), high = (*inside)["ci95"][1].get<double>();
    held = gate.at_least ? low : high;
    out.text += fmt::format(" (95 %: {:.4g} to {:.4g})", low, high);
  }
  out.passed = gate.at_least ? held >= gate.value : held <= gate.value;
  out.text += fmt::format(" {} {:g}", gate.at_least ? ">=" : "<=", gate.value);
  return out;
}

}  // namespace r1
