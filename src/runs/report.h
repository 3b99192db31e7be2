// What a pipeline or a run came to, for a person: DIR/report.html, one file that loads nothing, and a short form for
// the terminal. Both are made from the folder alone and can be made again at any time:
//   DIR/summary.json                    stages with their held-out results, digest, seed, machine
//   DIR/stages/NAME/                    recipe.toml, metrics.jsonl, samples.jsonl, watched.jsonl, answers.jsonl
// or a folder of `r1 sft` or `r1 grpo`, which is a report of one stage. Every file may be missing, cut off or damaged:
// the report says so and shows the rest. Only a folder that holds nothing of it all is an r1::Error.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace r1 {

// At most this many bytes: what a folder holds beyond it is left out evenly, and the page says how much.
constexpr size_t kMostReportBytes = 5'000'000;

// Replaces DIR/report.html. Returns its path.
std::string write_report(const std::string& dir);
// The page itself.
std::string report_html(const std::string& dir);
// Stage table, two plots, digest, and where the page is. Plain text without control characters.
std::string report_text(const std::string& dir);
// JSON objects, one a stage and one for the whole: what is in the text, for machines.
std::vector<std::string> report_lines(const std::string& dir);

}  // namespace r1
