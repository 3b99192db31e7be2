#include "runs/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace r1 {
namespace {

// Means of `count` equal parts of the values, in order.
std::vector<double> buckets(std::span<const double> values, size_t count) {
  std::vector<double> out;
  const size_t n = values.size(), parts = std::min(count, n);
  for (size_t b = 0; b < parts; b++) {
    const size_t begin = b * n / parts, end = std::max(begin + 1, (b + 1) * n / parts);
    double sum = 0;
    for (size_t i = begin; i < end; i++) sum += values[i];
    out.push_back(sum / static_cast<double>(end - begin));
  }
  return out;
}

double share(double value, double low, double high) {
  return high > low && std::isfinite(value) ? std::clamp((value - low) / (high - low), 0.0, 1.0) : 0;
}

std::string utf8(uint32_t code) {
  std::string out;
  out += static_cast<char>(0xE0 | code >> 12);
  out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
  out += static_cast<char>(0x80 | (code & 0x3F));
  return out;
}

// A grid of dots, four high and two wide a character (U+2800).
class Canvas {
 public:
  Canvas(size_t width, size_t height) : width_(width), height_(height), cells_(width * height) {}
  void dot(size_t x, size_t y) {  // y from the top
    static constexpr uint8_t kBits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    cells_[y / 4 * width_ + x / 2] |= kBits[y % 4][x % 2];
  }
  std::string row(size_t y) const {
    std::string out;
    for (size_t x = 0; x < width_; x++) out += utf8(0x2800u + cells_[y * width_ + x]);
    return out;
  }
  size_t height() const { return height_; }

 private:
  size_t width_, height_;
  std::vector<uint8_t> cells_;
};

}  // namespace

std::string sparkline(std::span<const double> values, size_t width, double low, double high) {
  std::string out;
  for (double v : buckets(values, width)) out += utf8(0x2581u + static_cast<uint32_t>(share(v, low, high) * 7.999));
  return out;
}

std::string line_plot(std::span<const double> values, const PlotAxes& axes) {
  const std::vector<double> points = buckets(values, axes.width * 2);
  Canvas canvas(axes.width, axes.height);
  const size_t top = axes.height * 4 - 1, right = axes.width * 2 - 1;
  const auto y_of = [&](double v) {
    return top - static_cast<size_t>(std::lround(share(v, axes.low, axes.high) * static_cast<double>(top)));
  };
  for (size_t x = 0; x <= right && !points.empty(); x++) {
    const double at = points.size() == 1 ? 0
                                         : static_cast<double>(x) / static_cast<double>(right) *
                                               static_cast<double>(points.size() - 1);
    const size_t left = static_cast<size_t>(at), next = std::min(left + 1, points.size() - 1);
    const double v = points[left] + (points[next] - points[left]) * (at - static_cast<double>(left));
    canvas.dot(x, y_of(v));
  }
  std::string out = axes.title + "\n";
  for (size_t y = 0; y < canvas.height(); y++) {
    const double value = axes.high - (axes.high - axes.low) * static_cast<double>(y) /
                                         static_cast<double>(std::max<size_t>(1, canvas.height() - 1));
    out += fmt::format("{:>7.2f} │{}\n", value, canvas.row(y));
  }
  std::string bottom;
  for (size_t i = 0; i < axes.width; i++) bottom += "─";
  return out + fmt::format("        └{}\n         {}\n", bottom, axes.x_label);
}

}  // namespace r1
