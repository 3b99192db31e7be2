// A folder of a pipeline or a run, read for its report. Tolerant: what is missing or damaged becomes a note.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"

namespace r1 {

struct ReportSeries {
  std::vector<double> steps, values;  // of equal length
};

struct ReportStage {
  std::string name;
  nlohmann::ordered_json facts;  // as in summary.json (kind, from, seconds, eval, ...), bounded; an object
  std::string recipe;            // its recipe.toml
  std::map<std::string, ReportSeries> metrics;
  // Rows of its files, bounded; the first ones are those to show when there is room for few.
  std::vector<nlohmann::ordered_json> answers;  // right and wrong ones in turn
  std::vector<nlohmann::ordered_json> watched;  // {"prompt","at":[rows of one prompt, by step]}
  std::vector<nlohmann::ordered_json> changes;  // samples with "change": find_answer_change; right ones first
  std::vector<nlohmann::ordered_json> samples;  // evenly over the steps
  nlohmann::ordered_json seen;                  // how many rows each file holds
  nlohmann::ordered_json rejected;              // counts of each reason, of a stage that rejects
};

struct RunReport {
  std::string name;              // of the recipe, else of the folder
  nlohmann::ordered_json facts;  // digest, seed, machine, seconds, version
  std::vector<ReportStage> stages;
  std::vector<std::string> notes;  // what is missing or damaged
};

// Throws r1::Error when `dir` is no folder or holds neither summary.json, stages/ nor metrics.jsonl.
RunReport read_report(const std::string& dir);

// report_text (report.h) of a folder that is read already.
std::string text_of_report(const RunReport& run, const std::string& dir);

// A number, a text or an object of `object`; nullptr, 0, "" where it is none.
const nlohmann::ordered_json* report_object(const nlohmann::ordered_json& object, const char* key);
double report_number(const nlohmann::ordered_json& object, const char* key, double otherwise);
std::string report_string(const nlohmann::ordered_json& object, const char* key);

}  // namespace r1
