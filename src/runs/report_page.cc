// The report as one HTML file. Everything of the run stands in it as JSON that the page's script turns into text nodes;
// nothing of it is ever markup or code, and the content security policy allows this file's own script and style alone.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string_view>

#include "base/durable_file.h"
#include "base/error.h"
#include "runs/report.h"
#include "runs/report_assets.h"
#include "runs/report_bounds.h"
#include "runs/report_folder.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// How much of a run the page holds.
struct PageLimits {
  size_t points = 240;  // of a curve; means of neighbours above
  size_t series = 120;
  size_t rows = 24;      // of each kind of a stage
  size_t text = 12'000;  // bytes of a text
  size_t tokens = 3'000;
};

PageLimits tighter(const PageLimits& l) {
  return {.points = std::max<size_t>(20, l.points * 3 / 4),
          .series = std::max<size_t>(24, l.series * 3 / 4),
          .rows = std::max<size_t>(2, l.rows * 2 / 3),
          .text = std::max<size_t>(400, l.text * 2 / 3),
          .tokens = std::max<size_t>(100, l.tokens * 2 / 3)};
}

double rounded(double x) {  // five figures are more than a curve can show
  return std::strtod(fmt::format("{:.5g}", x).c_str(), nullptr);
}

ReportSeries thinned(const ReportSeries& series, size_t most) {
  const size_t n = series.values.size(), parts = std::min(n, most);
  ReportSeries out;
  for (size_t p = 0; p < parts; p++) {
    const size_t begin = p * n / parts, end = (p + 1) * n / parts;
    double step = 0, value = 0;
    for (size_t i = begin; i < end; i++) step += series.steps[i], value += series.values[i];
    out.steps.push_back(rounded(step / static_cast<double>(end - begin)));
    out.values.push_back(rounded(value / static_cast<double>(end - begin)));
  }
  return out;
}

// Names the page has a chart for come first when there is not room for all.
bool has_chart(const std::string& name) {
  constexpr std::string_view kFirst[] = {"reward",        "loss",        "entropy", "kl",          "grad_norm",
                                         "learning_rate", "verdicts/",   "eval_",   "reflection/", "language/",
                                         "completions/",  "clip_ratio/", "radar/",  "guard/",      "share/",
                                         "step_time",     "difficulty/"};
  return std::any_of(std::begin(kFirst), std::end(kFirst), [&](std::string_view f) { return name.starts_with(f); });
}

// [{"x": steps, "y": {name: values}}], a group for each set of steps.
Json curves_of(const ReportStage& stage, const PageLimits& limits) {
  std::vector<std::pair<const std::string*, ReportSeries>> all;
  for (const bool first : {true, false})
    for (const auto& [name, series] : stage.metrics)
      if (has_chart(name) == first && all.size() < limits.series && !series.values.empty())
        all.emplace_back(&name, thinned(series, limits.points));
  Json groups = Json::array();
  std::vector<std::vector<double>> steps;
  for (auto& [name, series] : all) {
    size_t g = static_cast<size_t>(std::find(steps.begin(), steps.end(), series.steps) - steps.begin());
    if (g == steps.size()) {
      groups.push_back({{"x", series.steps}, {"y", Json::object()}});
      steps.push_back(series.steps);
    }
    groups[g]["y"][*name] = series.values;
  }
  return groups;
}

// Rows came through bounded_json once; now to the room there is.
Json fitted(const Json& row, const PageLimits& limits) {
  if (row.is_string()) return shown_text(row.get_ref<const std::string&>(), limits.text);
  if (row.is_number_float()) return rounded(row.get<double>());
  if (!row.is_structured()) return row;
  Json out = row.is_array() ? Json::array() : Json::object();
  if (row.is_array()) {
    for (const Json& item : row)
      if (out.size() < limits.tokens) out.push_back(fitted(item, limits));
  } else {
    for (const auto& [key, item] : row.items()) out[key] = fitted(item, limits);
  }
  return out;
}

Json first_rows(const std::vector<Json>& rows, size_t most, const PageLimits& limits) {
  Json out = Json::array();
  for (size_t i = 0; i < std::min(rows.size(), most); i++) out.push_back(fitted(rows[i], limits));
  return out;
}

Json stage_data(const ReportStage& stage, const PageLimits& limits) {
  return {{"name", stage.name},
          {"facts", stage.facts},
          {"recipe", shown_text(stage.recipe, limits.text)},
          {"curves", curves_of(stage, limits)},
          {"answers", first_rows(stage.answers, limits.rows, limits)},
          {"watched", first_rows(stage.watched, std::max<size_t>(1, limits.rows / 3), limits)},
          {"changes", first_rows(stage.changes, limits.rows / 2, limits)},
          {"samples", first_rows(stage.samples, limits.rows / 2, limits)},
          {"seen", stage.seen},
          {"rejected", stage.rejected}};
}

std::string page_data(const RunReport& run, const PageLimits& limits) {
  Json data = {{"name", run.name}, {"facts", run.facts}, {"notes", Json::array()}, {"stages", Json::array()}};
  for (size_t i = 0; i < std::min<size_t>(run.notes.size(), 100); i++) data["notes"].push_back(run.notes[i]);
  for (const ReportStage& stage : run.stages) data["stages"].push_back(stage_data(stage, limits));
  return data.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Inside a script element nothing may look like the end of it; in JSON these three stand in strings only.
std::string inside_script(const std::string& json) {
  std::string out;
  out.reserve(json.size() + json.size() / 50);
  for (const char c : json)
    c == '<' ? out += "\\u003c" : c == '>' ? out += "\\u003e" : c == '&' ? out += "\\u0026" : out += c;
  return out;
}

std::string inside_html(const std::string& text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  return out;
}

// 'sha256-...' as a content security policy names an inline script or style.
std::string policy_hash(std::string_view text) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string hex = sha256_hex(text) + "00";  // 32 bytes and one of zeros: 11 times three
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 6) {
    const unsigned long bits = std::stoul(hex.substr(i, 6), nullptr, 16);
    for (const int shift : {18, 12, 6, 0}) out += kDigits[bits >> shift & 63];
  }
  out.back() = '=';
  return "'sha256-" + out + "'";
}

// The library's notice names its home pages; without the scheme, so that a search of the file for links finds none.
std::string without_scheme(std::string text) {
  constexpr std::string_view kScheme = "https://";
  for (size_t at = 0; (at = text.find(kScheme, at)) != std::string::npos;) text.erase(at, kScheme.size());
  return text;
}

std::string page_script() {
  const auto part = [](const char* begin, const char* end) { return std::string(begin, end); };
  return "'use strict';\n" + part(r1_report_page, r1_report_page_end) + part(r1_report_charts, r1_report_charts_end) +
         part(r1_report_tables, r1_report_tables_end) + part(r1_report_traces, r1_report_traces_end) + "R1.start();\n";
}

std::string page_of(const RunReport& run, const std::string& text, const std::string& json) {
  const std::string style(r1_report_style, r1_report_style_end);
  const std::string library = without_scheme({r1_report_chart_library, r1_report_chart_library_end});
  const std::string script = page_script(), title = inside_html(run.name);
  const std::string policy = fmt::format(
      "default-src 'none'; script-src {} {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
      policy_hash(library), policy_hash(script), policy_hash(style));
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"" +
         policy +
         "\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
         "<link rel=\"icon\" href=\"data:,\">\n<title>" +
         title + " - r1 report</title>\n<style>" + style +
         "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the report</a>\n"
         "<div id=\"page\"></div>\n<noscript><h1>" +
         title + "</h1><pre>" + inside_html(text) +
         "</pre></noscript>\n<script type=\"application/json\" id=\"data\">" + json + "</script>\n<script>" + library +
         "</script>\n<script>" + script + "</script>\n</body>\n</html>\n";
}

}  // namespace

std::string report_html(const std::string& dir) {
  const RunReport run = read_report(dir);
  const std::string text = text_of_report(run, dir);
  const size_t room = kMostReportBytes - page_of(run, text, "").size();
  PageLimits limits;
  std::string data = inside_script(page_data(run, limits));
  for (int tries = 0; data.size() > room; tries++) {
    if (tries == 20)
      fail("{}: the report has {} bytes, at most {} are written; are there too many stages?", dir, data.size(), room);
    limits = tighter(limits);
    data = inside_script(page_data(run, limits));
  }
  return page_of(run, text, data);
}

std::string write_report(const std::string& dir) {
  const std::string path = (std::filesystem::path(dir) / "report.html").string();
  replace_file(path, report_html(dir));
  return path;
}

}  // namespace r1
