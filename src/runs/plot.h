// Pictures for the terminal, in Unicode blocks.
#pragma once

#include <span>
#include <string>

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

}  // namespace r1
