#include "runs/view.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "runs/plot.h"

namespace r1 {
namespace {

using Clock = std::chrono::steady_clock;

bool terminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && term != nullptr && std::string(term) != "dumb";
}

size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 ? size.ws_col : 80;
}

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// One line of text that fits the terminal: control characters and line breaks become spaces.
std::string one_line(const std::string& text, size_t width) {
  std::string out;
  size_t columns = 0;
  for (unsigned char c : text) {
    if ((c & 0xC0) != 0x80 && ++columns > width) return out;
    out += c < 0x20 || c == 0x7f ? ' ' : static_cast<char>(c);
  }
  return out;
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

std::string duration_text(double seconds) {
  const int64_t s = static_cast<int64_t>(std::max(0.0, seconds) + 0.5);
  if (s >= 3600) return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
  if (s >= 60) return fmt::format("{}m{:02}s", s / 60, s % 60);
  return fmt::format("{}s", s);
}

RunView::RunView(std::string title, std::string curve_name, double low, double high)
    : title_(std::move(title)),
      curve_name_(std::move(curve_name)),
      low_(low),
      high_(high),
      live_(terminal()),
      start_(Clock::now()),
      drawn_(Clock::now()) {
  note(title_);
}

RunView::~RunView() {
  if (live_ && live_lines_ > 0) print("\n");
}

void RunView::erase_live() {
  if (live_lines_ == 0) return;
  std::string out = "\r";
  for (size_t i = 1; i < live_lines_; i++) out += "\x1b[1A";
  print(out + "\x1b[J");
  live_lines_ = 0;
}

void RunView::note(const std::string& line) {
  erase_live();
  print(line + "\n");
  if (live_ && has_step_) draw_live();
}

double RunView::seconds_left(int64_t step, int64_t total) const {
  const int64_t done = step - first_step_;
  if (first_step_ < 0 || done <= 0) return -1;
  return since(first_step_at_) / static_cast<double>(done) * static_cast<double>(total - step);
}

void RunView::draw_live() {
  erase_live();
  const size_t width = terminal_width() - 1;
  std::vector<std::string> lines;
  std::string head = fmt::format("step {}/{}", last_.step, last_.total_steps);
  const double left = seconds_left(last_.step, last_.total_steps);
  if (left >= 0) head += "  ETA " + duration_text(left);
  head += "  " + phase_;
  lines.push_back(one_line(head, width));
  if (has_step_) {
    std::string fields;
    for (const auto& [name, value] : last_.fields) fields += fmt::format("{} {}  ", name, value);
    lines.push_back(one_line(fields, width));
    double low = low_, high = high_;
    if (high <= low && !curve_.empty()) {
      low = *std::min_element(curve_.begin(), curve_.end());
      high = *std::max_element(curve_.begin(), curve_.end());
    }
    lines.push_back(fmt::format("{} {}", curve_name_, sparkline(curve_, std::min<size_t>(60, width - 20), low, high)));
    if (!last_.sample.empty())
      lines.push_back("\x1b[2m" + one_line(last_.sample_note + ": " + last_.sample, width) + "\x1b[0m");
  }
  std::string out;
  for (size_t i = 0; i < lines.size(); i++) out += (i > 0 ? "\n" : "") + lines[i];
  print(out);
  live_lines_ = lines.size();
  drawn_ = Clock::now();
}

void RunView::phase(const std::string& name, int64_t done, int64_t total) {
  if (!live_) return;
  phase_ = fmt::format("{} {}/{}", name, done, total);
  if (since(drawn_) > 0.2) draw_live();
}

void RunView::step(const StepSummary& summary, bool due) {
  last_ = summary;
  has_step_ = true;
  curve_.push_back(summary.curve);
  if (live_) {
    draw_live();
  } else if (due) {
    std::string line = fmt::format("step {}/{}", summary.step, summary.total_steps);
    for (const auto& [name, value] : summary.fields) line += fmt::format("  {} {}", name, value);
    const double left = seconds_left(summary.step, summary.total_steps);
    if (left >= 0) line += "  ETA " + duration_text(left);
    print(line + "\n");
  }
  if (first_step_ < 0) {  // the first step warms up; the estimate begins behind it
    first_step_ = summary.step;
    first_step_at_ = Clock::now();
  }
}

ProgressBar::ProgressBar(std::string name, int64_t total)
    : name_(std::move(name)), total_(total), live_(terminal()), start_(Clock::now()), last_(Clock::now()) {}

ProgressBar::~ProgressBar() {
  if (live_ && drawn_) print("\r\x1b[K");
}

void ProgressBar::update(int64_t done) {
  if (since(start_) < 2 || since(last_) < (live_ ? 0.2 : 10)) return;
  last_ = Clock::now();
  drawn_ = true;
  const double left = done > 0 ? since(start_) / static_cast<double>(done) * static_cast<double>(total_ - done) : 0;
  const std::string text =
      fmt::format("{} {}/{}{}", name_, done, total_, done > 0 ? "  ETA " + duration_text(left) : "");
  print(live_ ? "\r\x1b[K" + one_line(text, terminal_width() - 1) : text + "\n");
}

}  // namespace r1
