// What a data source names: files, and how they are put together.
//
//   rows.jsonl                    one file
//   folder                        the files of a split in it (train.jsonl, train-00000-of-00002.jsonl.gz, train/0.json)
//   part-*.jsonl                  every file that fits, in the order of their names
//   a.jsonl,b.jsonl               one after another
//   a.jsonl:0.7,b.jsonl:0.3       mixed: 70 % of the rows from a. As many as there can be with no row twice, or with
//                                 `repeat` as few as there can be with every row in it
//   a.jsonl?share=0.1&limit=500   a tenth of its rows, drawn by the seed; at most 500, the first or the first drawn
//   tasks:NAME?dial=value         generated; can be a part of a mixture too
//   games:NAME?dial=value         the same for games
//   world:NAME?dial=value         the embedded world's (world/rows.h), the same
//
// A path that is there as it stands is that file, whatever signs it has.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace r1 {

struct SourcePart {
  std::string path;              // file, folder, pattern, or tasks:NAME or world:NAME with its dials
  std::optional<double> weight;  // above 0; given for all parts or none
  double share = 1;              // of its rows, above 0 up to 1
  int64_t limit = 0;             // rows; 0: all
};

bool is_generated(const std::string& path);  // tasks:NAME, games:NAME, world:NAME, rg:NAME

// Throws r1::UsageError for weights on some parts only, and for numbers out of range.
std::vector<SourcePart> parse_source(const std::string& source);

// The files that `path` (file, folder or pattern) means, sorted by name; at most 10,000. In a folder only files whose
// name or folder says `split` where any says one of train, valid, validation, dev, test or eval; hidden ones and those
// that are no data are passed over. Throws r1::Error when there is none, saying what is there.
std::vector<std::string> find_data_files(const std::string& path, const std::string& split);

// How many rows each part gives to a mixture: as near to the weights as whole rows can be. `sizes` are above 0.
std::vector<int64_t> mixture_counts(const std::vector<int64_t>& sizes, const std::vector<double>& weights, bool repeat);

}  // namespace r1
