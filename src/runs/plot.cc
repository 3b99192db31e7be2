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

namespace {
std::string markup(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '<' || c == '>' || c == '&')
      out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&amp;";
    else
      out += c;
  }
  return out;
}
}  // namespace

std::string reliability_svg(const std::string& title, std::span<const ReliabilityCurve> curves) {
  constexpr double kLeft = 60, kTop = 44, kSide = 320;
  constexpr const char* kColours[] = {"#999999", "#1f77b4", "#d62728", "#2ca02c"};
  const auto x_of = [&](double v) { return kLeft + kSide * std::clamp(v, 0.0, 1.0); };
  const auto y_of = [&](double v) { return kTop + kSide * (1 - std::clamp(v, 0.0, 1.0)); };
  std::string out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 420 470\" font-family=\"sans-serif\" "
      "font-size=\"13\">\n<rect width=\"420\" height=\"470\" fill=\"#ffffff\"/>\n";
  out += fmt::format("<text x=\"60\" y=\"24\" font-size=\"16\" fill=\"#111\">{}</text>\n", markup(title));
  for (const double v : {0.0, 0.25, 0.5, 0.75, 1.0})
    out += fmt::format(
        "<line x1=\"{0}\" x2=\"{1}\" y1=\"{2}\" y2=\"{2}\" stroke=\"#ddd\"/><text x=\"{3}\" y=\"{4}\" "
        "text-anchor=\"end\" "
        "fill=\"#444\">{5:.2f}</text><text x=\"{6}\" y=\"{7}\" text-anchor=\"middle\" fill=\"#444\">{5:.2f}</text>\n",
        kLeft, kLeft + kSide, y_of(v), kLeft - 8, y_of(v) + 4, v, x_of(v), kTop + kSide + 20);
  out += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"#444\" stroke-dasharray=\"4 4\"/>\n",
                     x_of(0), y_of(0), x_of(1), y_of(1));
  out +=
      fmt::format("<text x=\"{}\" y=\"{}\" fill=\"#444\">stated</text><text x=\"8\" y=\"{}\" fill=\"#444\">so</text>\n",
                  kLeft + kSide / 2 - 18, kTop + kSide + 38, kTop + kSide / 2);
  for (size_t c = 0; c < curves.size(); c++) {
    const char* colour = kColours[c % std::size(kColours)];
    int64_t most = 1;
    for (const ReliabilityPoint& p : curves[c].points) most = std::max(most, p.n);
    std::string line, dots;
    for (const ReliabilityPoint& p : curves[c].points) {
      line += fmt::format("{:.1f},{:.1f} ", x_of(p.stated), y_of(p.so));
      const double radius = 2 + 6 * std::sqrt(static_cast<double>(p.n) / static_cast<double>(most));
      dots +=
          fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\"><title>{} items</title></circle>",
                      x_of(p.stated), y_of(p.so), radius, colour, p.n);
    }
    out += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\"/>{}\n", line, colour, dots);
    out += fmt::format("<text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>\n", kLeft,
                       kTop + kSide + 58 + 16 * static_cast<double>(c), colour, markup(curves[c].label));
  }
  return out + "</svg>\n";
}

}  // namespace r1
