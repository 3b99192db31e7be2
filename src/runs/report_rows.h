// Rows of a stage's files for the report: which ones to keep of many.
#pragma once

#include <string>

#include "runs/report_bounds.h"
#include "runs/report_folder.h"

namespace r1 {

LineCounts read_samples(const std::string& path, size_t most_bytes, ReportStage& stage);  // samples and changes
LineCounts read_watched(const std::string& path, size_t most_bytes, ReportStage& stage);
LineCounts read_answers(const std::string& path, size_t most_bytes, ReportStage& stage);

}  // namespace r1
