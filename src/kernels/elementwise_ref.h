// The element-wise kernels as plain loops in double: the truth that the fast ones are compared with, and whose
// backwards are compared with central differences. Tests only.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace r1 {

using Doubles = std::vector<double>;

// y = x w / sqrt(mean(x^2) + eps) for every `n` numbers of x (a row, or a head of a row).
inline Doubles rms_norm_ref(const Doubles& x, const Doubles& w, double eps) {
  const size_t n = w.size();
  Doubles y(x.size());
  for (size_t row = 0; row < x.size(); row += n) {
    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += x[row + i] * x[row + i];
    const double rms = std::sqrt(squares / static_cast<double>(n) + eps);
    for (size_t i = 0; i < n; i++) y[row + i] = x[row + i] / rms * w[i];
  }
  return y;
}

// dx and dw are added to.
inline void rms_norm_backward_ref(const Doubles& x, const Doubles& w, double eps, const Doubles& dy, Doubles& dx,
                                  Doubles& dw) {
  const size_t n = w.size();
  for (size_t row = 0; row < x.size(); row += n) {
    double squares = 0, product = 0;
    for (size_t i = 0; i < n; i++) {
      squares += x[row + i] * x[row + i];
      product += dy[row + i] * w[i] * x[row + i];
    }
    const double rms = std::sqrt(squares / static_cast<double>(n) + eps);
    for (size_t i = 0; i < n; i++) {
      dx[row + i] += dy[row + i] * w[i] / rms - x[row + i] * product / (static_cast<double>(n) * rms * rms * rms);
      dw[i] += dy[row + i] * x[row + i] / rms;
    }
  }
}

// Turns element j of every head with j + half by the angle position * frequency_j; `sign` -1 turns back.
inline Doubles rope_ref(const Doubles& x, int heads, const Doubles& frequencies, double magnitude,
                        const std::vector<int32_t>& positions, double sign) {
  const size_t half = frequencies.size(), head_size = 2 * half;
  Doubles y(x.size());
  for (size_t r = 0; r < positions.size(); r++)
    for (size_t h = 0; h < static_cast<size_t>(heads); h++)
      for (size_t j = 0; j < half; j++) {
        const double angle = positions[r] * frequencies[j];
        const double c = std::cos(angle) * magnitude, s = sign * std::sin(angle) * magnitude;
        const size_t at = (r * static_cast<size_t>(heads) + h) * head_size + j;
        y[at] = x[at] * c - x[at + half] * s;
        y[at + half] = x[at + half] * c + x[at] * s;
      }
  return y;
}

// gate_up (rows, 2 inner) -> silu(gate) up.
inline Doubles swiglu_ref(const Doubles& gate_up, size_t inner) {
  Doubles h;
  for (size_t row = 0; row < gate_up.size(); row += 2 * inner)
    for (size_t i = 0; i < inner; i++) {
      const double g = gate_up[row + i];
      h.push_back(g / (1 + std::exp(-g)) * gate_up[row + inner + i]);
    }
  return h;
}

inline Doubles swiglu_backward_ref(const Doubles& gate_up, const Doubles& dh, size_t inner) {
  Doubles d(gate_up.size());
  for (size_t r = 0; r * inner < dh.size(); r++)
    for (size_t i = 0; i < inner; i++) {
      const size_t at = r * 2 * inner + i;
      const double g = gate_up[at], s = 1 / (1 + std::exp(-g));
      d[at] = dh[r * inner + i] * gate_up[at + inner] * s * (1 + g * (1 - s));
      d[at + inner] = dh[r * inner + i] * g * s;
    }
  return d;
}

inline Doubles embedding_ref(const Doubles& table, const std::vector<int32_t>& ids, size_t width) {
  Doubles x;
  for (int32_t id : ids)
    for (size_t i = 0; i < width; i++) x.push_back(table[static_cast<size_t>(id) * width + i]);
  return x;
}

// dtable is added to.
inline void embedding_backward_ref(const Doubles& dx, const std::vector<int32_t>& ids, size_t width, Doubles& dtable) {
  for (size_t r = 0; r < ids.size(); r++)
    for (size_t i = 0; i < width; i++) dtable[static_cast<size_t>(ids[r]) * width + i] += dx[r * width + i];
}

// One parameter through AdamW as torch.optim.AdamW's documentation writes it.
struct AdamwRef {
  double lr, beta1, beta2, eps, weight_decay;
  void step(double& p, double g, double& m, double& v, int64_t t) const {
    p -= lr * weight_decay * p;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    const double m_hat = m / (1 - std::pow(beta1, static_cast<double>(t)));
    const double v_hat = v / (1 - std::pow(beta2, static_cast<double>(t)));
    p -= lr * m_hat / (std::sqrt(v_hat) + eps);
  }
};

}  // namespace r1
