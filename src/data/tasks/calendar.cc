// Dates of the Gregorian calendar: weekdays, days between two dates, the date some days later. Every way between two
// dates goes by the first of a year and the first of a month.
#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/claims.h"

namespace r1::tasks {
namespace {

using Day = std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr int kFirstYear = 2000;  // 1 January 2000 was a Saturday
constexpr const char* kWeekdays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

Day day_of(int year, unsigned month, unsigned day) {
  return std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
}
std::string text_of(Day day) {
  const year_month_day d(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(d.year()), static_cast<unsigned>(d.month()),
                     static_cast<unsigned>(d.day()));
}
const char* weekday_of(Day day) { return kWeekdays[std::chrono::weekday(day).c_encoding()]; }
int64_t days_between(Day a, Day b) { return (b - a).count(); }

std::optional<int64_t> digits_at(std::string_view text, size_t at, size_t count) {
  const std::string_view part = text.substr(at, count);
  if (part.size() != count || part.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return whole_of(part);
}

// YYYY-MM-DD, anything else is none.
std::optional<Day> read_date(std::string_view text) {
  while (text.starts_with(" ")) text.remove_prefix(1);
  while (text.ends_with(" ")) text.remove_suffix(1);
  const auto year = digits_at(text, 0, 4);
  if (text.size() != 10 || text[4] != '-' || text[7] != '-' || !year) return std::nullopt;
  const auto month = digits_at(text, 5, 2), day = digits_at(text, 8, 2);
  if (!month || !day) return std::nullopt;
  const year_month_day d(std::chrono::year(static_cast<int>(*year)), std::chrono::month(static_cast<unsigned>(*month)),
                         std::chrono::day(static_cast<unsigned>(*day)));
  return d.ok() ? std::optional<Day>(Day(d)) : std::nullopt;
}

// From a to b: the next first of a year and the first of b's year, the first of b's month, b.
std::vector<Day> way(Day a, Day b) {
  const year_month_day from(a), to(b);
  std::vector<Day> out = {a};
  const auto go = [&](Day next) {
    if (next > out.back() && next <= b) out.push_back(next);
  };
  if (from.year() != to.year()) {
    go(day_of(static_cast<int>(from.year()) + (a == day_of(static_cast<int>(from.year()), 1, 1) ? 0 : 1), 1, 1));
    go(day_of(static_cast<int>(to.year()), 1, 1));
  }
  go(day_of(static_cast<int>(to.year()), static_cast<unsigned>(to.month()), 1));
  go(b);
  return out;
}

// A step a leg, and one for their sum when there are several.
std::vector<std::string> count_days(Day a, Day b) {
  std::vector<std::string> steps;
  const std::vector<Day> stops = way(a, b);
  std::string sum;
  for (size_t i = 1; i < stops.size(); i++) {
    const int64_t days = days_between(stops[i - 1], stops[i]);
    steps.push_back(fmt::format("From {} to {} are {} days.", text_of(stops[i - 1]), text_of(stops[i]), days));
    sum += fmt::format("{}{}", sum.empty() ? "" : " + ", days);
  }
  if (stops.size() > 2)
    steps.push_back(fmt::format("{} = {}, so from {} to {} are {} days.", sum, days_between(a, b), text_of(a),
                                text_of(b), days_between(a, b)));
  return steps;
}

void ask_weekday(Day b, Draft& out) {
  const Day start = day_of(kFirstYear, 1, 1);
  const int64_t days = days_between(start, b);
  out.prompt = fmt::format("What day of the week is {}? (2000-01-01 was a Saturday.)", text_of(b));
  out.answer = weekday_of(b);
  out.steps = count_days(start, b);
  out.steps.push_back(fmt::format("{} = {} * 7 + {}, and {} days after a Saturday comes a {}.", days, days / 7,
                                  days % 7, days % 7, out.answer));
  out.steps.push_back(fmt::format("{} is a {}.", text_of(b), out.answer));
}

void ask_between(Day a, Day b, Draft& out) {
  out.prompt = fmt::format("How many days are there from {} to {}?", text_of(a), text_of(b));
  out.answer = std::to_string(days_between(a, b));
  out.steps = count_days(a, b);
  out.steps.push_back(fmt::format("From {} to {} are {} days.", text_of(a), text_of(b), out.answer));
}

void ask_later(Day a, Day b, Draft& out) {
  const int64_t days = days_between(a, b);
  out.prompt = fmt::format("Which date is {} days after {}? Answer as YYYY-MM-DD.", days, text_of(a));
  out.answer = text_of(b);
  int64_t left = days;
  const std::vector<Day> stops = way(a, b);
  for (size_t i = 1; i < stops.size(); i++) {
    const int64_t leg = days_between(stops[i - 1], stops[i]);
    out.steps.push_back(fmt::format("From {} to {} are {} days, {} - {} = {}.", text_of(stops[i - 1]),
                                    text_of(stops[i]), leg, left, leg, left - leg));
    left -= leg;
  }
  out.steps.push_back(fmt::format("{} days after {} is {}.", days, text_of(a), text_of(b)));
}

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  static const std::vector<std::string> kinds = {"weekday", "between", "later"};
  const int64_t years = dials.whole("years", draws);
  const std::string kind = dials.text("kind") == "all" ? draws.pick(kinds) : dials.text("kind");
  const Day start = day_of(kFirstYear, 1, 1);
  const int64_t most = days_between(start, day_of(kFirstYear + static_cast<int>(years), 1, 1));
  const Day x = start + std::chrono::days(draws.between(0, most)),
            y = start + std::chrono::days(draws.between(1, most));
  if (x == y) return std::nullopt;
  const Day a = std::min(x, y), b = std::max(x, y);
  Draft out;
  if (kind == "weekday") ask_weekday(b, out);
  if (kind == "between") ask_between(a, b, out);
  if (kind == "later") ask_later(a, b, out);
  out.key = fmt::format("calendar {}", out.prompt);
  out.meta = {{"kind", kind}, {"from", text_of(kind == "weekday" ? start : a)}, {"to", text_of(b)}};
  return out;
}

// The one word of a few that stands in the text; several that differ are none.
std::string weekday_in(const std::string& text, bool& several) {
  std::string found;
  for (const char* day : kWeekdays)
    if (lowered(text).find(lowered(day)) != std::string::npos) {
      several |= !found.empty();
      found = day;
    }
  return found;
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) {
  const std::string kind = meta_text(item.meta, "kind");
  if (kind == "between") return judge_number(answer, item.answer);
  if (kind == "weekday") {
    bool several = false;
    const std::string day = weekday_in(answer.text, several);
    if (several) return wrong_answer(answer.text, "several answers are offered");
    return day.empty() ? no_answer("the answer holds no weekday") : judge_equal(day, item.answer);
  }
  const std::string text = answer.marked ? answer.text : answer.text.substr(answer.text.rfind(' ') + 1);
  const auto date = read_date(text);
  return date ? judge_equal(text_of(*date), item.answer) : no_answer("the answer is no date as YYYY-MM-DD");
}

std::string last_word(const std::string& text) { return text.substr(text.rfind(' ') + 1); }

// 2027-15-17: written as a date, and none.
bool is_no_date(const std::string& text) {
  constexpr std::string_view kShape = "0000-00-00";
  const auto fits = [](char c, char shape) { return shape == '0' ? c >= '0' && c <= '9' : c == shape; };
  return text.size() == kShape.size() && std::equal(text.begin(), text.end(), kShape.begin(), fits) && !read_date(text);
}

// Two dates and the days between them; dates outside the question's are no part of its way.
struct Span {
  Day from, to;
  StepVerdict check(const std::optional<Day>& a, const std::optional<Day>& b, const std::optional<int64_t>& n) const {
    if (!a || !b || !n) return StepVerdict::none;
    return claim(days_between(*a, *b) == *n && from <= *a && *b <= to);
  }
};

StepVerdict check_dates(const std::string& step, const Span& span) {
  StepVerdict v = StepVerdict::none;
  for (const auto& f : find_claims(step, "from {} to {} are {} days"))
    v = join(v, is_no_date(f[0]) || is_no_date(f[1]) ? claim(false)
                                                     : span.check(read_date(f[0]), read_date(f[1]), whole_of(f[2])));
  for (const auto& f : find_claims(step, "{} days after {} is {}"))
    v = join(v, is_no_date(f[1]) || is_no_date(f[2])
                    ? claim(false)
                    : span.check(read_date(f[1]), read_date(f[2]), whole_of(last_word(f[0]))));
  for (const auto& f : find_claims(step, "and {} days after a {} comes a {}"))
    for (int from = 0; from < 7; from++)
      if (const auto n = whole_of(f[0]); n && f[1] == kWeekdays[from])
        v = join(v, claim(f[2] == kWeekdays[(from + *n % 7 + 7) % 7]));
  return v;
}

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  const auto from = read_date(meta_text(item.meta, "from")), to = read_date(meta_text(item.meta, "to"));
  if (!from || !to || *to < *from) fail("item: meta.from and meta.to are no two dates in order");
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) {
    StepVerdict v = join(check_equations(step), check_dates(step, {*from, *to}));
    for (const auto& f : find_claims(step, "{} is a {}"))
      if (const auto day = read_date(last_word(f[0]))) v = join(v, claim(*day == *to && f[1] == weekday_of(*day)));
    out.push_back(v);
  }
  return out;
}

}  // namespace

TaskFamily calendar_family() {
  return {"calendar",
          "weekdays, days between dates, and dates some days later",
          {{.name = "years", .low = 1, .high = 400, .fallback = "30", .help = "dates from 2000 on, over so many years"},
           {.name = "kind",
            .kind = Dial::Kind::choice,
            .choices = {"all", "weekday", "between", "later"},
            .fallback = "all",
            .help = "what is asked"}},
          draw,
          judge,
          check_all};
}

}  // namespace r1::tasks
