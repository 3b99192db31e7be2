// What a data set's columns hold, and how long its rows are: for looking at it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace r1 {

struct ColumnSummary {
  std::string name;
  std::map<std::string, int64_t> types;  // JSON's names: string, number, boolean, array, object, null
  int64_t rows = 0;                      // that have it
};

// In the order in which the rows bring them; of generated rows none.
std::vector<ColumnSummary> column_summaries(const Dataset& data);

struct LengthSummary {
  int64_t rows = 0, min = 0, median = 0, p95 = 0, max = 0;
  double mean = 0;
};
// All zero for no lengths.
LengthSummary summarise_lengths(std::vector<int64_t> lengths);

// What is asked, and what is to be learned or judged, in characters (Unicode code points).
int64_t prompt_characters(const DataRow& row);
int64_t completion_characters(const DataRow& row);

// Rows whose question, or whole text, another row before them has too (letter for letter).
int64_t repeated_rows(const Dataset& data);

}  // namespace r1
