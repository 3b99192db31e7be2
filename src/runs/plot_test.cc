#include "runs/plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <vector>

#include "runs/view.h"

namespace r1 {
namespace {

size_t characters(const std::string& text) {
  size_t n = 0;
  for (unsigned char c : text) n += (c & 0xC0) != 0x80;
  return n;
}

TEST(Plot, ASparklineGoesFromTheLowestBarToTheHighest) {
  EXPECT_EQ(sparkline(std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7}, 8, 0, 7), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(sparkline(std::vector<double>{-5, 12}, 8, 0, 7), "▁█") << "clamped";
  EXPECT_EQ(sparkline(std::vector<double>{0, 2, 8, 6}, 2, 0, 8), "▁▇") << "means of what falls together";
  EXPECT_EQ(sparkline(std::vector<double>{}, 8, 0, 1), "");
  EXPECT_EQ(sparkline(std::vector<double>{3, 3}, 8, 3, 3), "▁▁") << "no range, no division by it";
  EXPECT_EQ(sparkline(std::vector<double>{NAN, 1}, 8, 0, 1), "▁█");
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) out.push_back(line);
  return out;
}

TEST(Plot, ALinePlotHasItsSize) {
  for (const std::vector<double>& values :
       {std::vector<double>{}, std::vector<double>{0.5}, std::vector<double>(1000, 0.2), std::vector<double>{NAN, 9}}) {
    const auto lines = lines_of(line_plot(values, {.width = 30, .height = 5, .title = "accuracy", .x_label = "step"}));
    ASSERT_EQ(lines.size(), 8u);
    EXPECT_EQ(lines[0], "accuracy");
    for (size_t y = 1; y <= 6; y++) EXPECT_EQ(characters(lines[y]), 9 + 30u) << lines[y];
    EXPECT_TRUE(lines[1].starts_with("   1.00"));
    EXPECT_TRUE(lines[5].starts_with("   0.00"));
    EXPECT_TRUE(lines[7].ends_with("step"));
  }
}

TEST(Plot, ARisingCurveBeginsBelowAndEndsAbove) {
  std::vector<double> rising;
  for (int i = 0; i <= 100; i++) rising.push_back(i / 100.0);
  const auto lines = lines_of(line_plot(rising, {.width = 20, .height = 4, .title = "", .x_label = ""}));
  const std::string empty = "⠀";
  const auto cell = [&](size_t row, size_t column) { return lines[row].substr(11 + 3 * column, 3); };
  EXPECT_EQ(cell(1, 0), empty);
  EXPECT_NE(cell(4, 0), empty);
  EXPECT_NE(cell(1, 19), empty);
  EXPECT_EQ(cell(4, 19), empty);
}

TEST(View, Durations) {
  EXPECT_EQ(duration_text(0.4), "0s");
  EXPECT_EQ(duration_text(59.6), "1m00s");
  EXPECT_EQ(duration_text(200), "3m20s");
  EXPECT_EQ(duration_text(3725), "1h02m");
  EXPECT_EQ(duration_text(-3), "0s");
}

TEST(View, WritesPlainLinesWhereThereIsNoTerminal) {
  ::testing::internal::CaptureStderr();
  {
    RunView view("title", "reward", 0, 1);
    StepSummary step;
    step.total_steps = 3;
    for (step.step = 1; step.step <= 3; step.step++) {
      step.fields = {{"loss", "0.5"}};
      view.phase("rollout", 1, 2);
      view.step(step, step.step != 2);
    }
    view.note("done");
  }
  const auto lines = lines_of(::testing::internal::GetCapturedStderr());
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0], "title");
  EXPECT_EQ(lines[1], "step 1/3  loss 0.5");
  EXPECT_TRUE(lines[2].starts_with("step 3/3  loss 0.5  ETA ")) << lines[2];
  EXPECT_EQ(lines[3], "done");
}

}  // namespace
}  // namespace r1
