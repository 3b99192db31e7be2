// Pictures for the terminal, in Unicode blocks; and one for pages.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace r1 {

// One line of at most `width` characters, a bar a bucket of values (their mean), scaled to [low, high].
std::string sparkline(std::span<const double> values, size_t width, double low, double high);

struct PlotAxes {
  size_t width = 60, height = 10;  // of the drawing, in characters; four by two dots each
  double low = 0, high = 1;
  std::string title, x_label;
};
// A curve in Braille dots with a y axis; values are spread over the width (means of what falls together).
std::string line_plot(std::span<const double> values, const PlotAxes& axes);

// Stated probability against how often it was so, both 0 to 1; `n` items a point make its size.
struct ReliabilityPoint {
  double stated = 0, so = 0;
  int64_t n = 0;
};
struct ReliabilityCurve {
  std::string label;
  std::vector<ReliabilityPoint> points;
};
// A reliability diagram as SVG, with the diagonal of perfect calibration. At most four curves are told apart by colour.
std::string reliability_svg(const std::string& title, std::span<const ReliabilityCurve> curves);

}  // namespace r1
