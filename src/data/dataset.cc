#include "data/dataset.h"

#include <algorithm>
#include <cstdint>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/log.h"
#include "base/philox.h"
#include "data/arithmetic.h"
#include "data/reasoning_gym.h"
#include "data/records.h"
#include "data/row_formats.h"
#include "data/sources.h"
#include "data/world/rows.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

struct ShapeNames {
  DataShape shape;
  const char* id;
  const char* name;
};
constexpr ShapeNames kShapes[] = {
    {DataShape::prompt_only, "prompt_only", "prompts"},
    {DataShape::prompt_completion, "prompt_completion", "prompts with completions"},
    {DataShape::messages, "messages", "messages"},
    {DataShape::text, "text", "text"},
    {DataShape::tokenised, "tokenised", "token ids"},
    {DataShape::preference, "preference", "preference pairs"},
    {DataShape::unpaired_preference, "unpaired_preference", "completions judged good or bad"},
    {DataShape::stepwise, "stepwise", "completions judged step by step"}};

const ShapeNames& names_of(DataShape shape) {
  return *std::find_if(std::begin(kShapes), std::end(kShapes), [&](const ShapeNames& s) { return s.shape == shape; });
}

// Reads one file into a Dataset, row by row.
class FileReading {
 public:
  FileReading(const std::string& name, const ReadOptions& read) : read_(read) {
    out_.name = name;
    out_.sources.push_back({.name = name, .format = read.format});
  }

  Dataset run(std::string_view bytes) {
    read_records(bytes, out_.name, read_.split, sink());
    return finished();
  }
  Dataset run_file() {
    read_record_file(out_.name, read_.split, sink());
    return finished();
  }

 private:
  static constexpr size_t kShown = 10;
  // Beyond the limit the reading goes on a little, so that a file's faults are seen together.
  static constexpr int64_t kCounted = 1000;

  RecordSink sink() {
    return {.record = [this](const RecordPlace& place, Json row) { take(place, std::move(row)); },
            .bad = [this](const RecordPlace& place, const std::string& reason) { refuse(place, reason); }};
  }

  Dataset finished() {
    const int64_t bad = out_.sources[0].bad_rows;
    if (bad > read_.max_bad_rows) fail_for_bad_rows();
    if (out_.rows.empty() && bad > 0) fail("{}: all of its {} rows are bad: {}", out_.name, bad, out_.bad_rows[0]);
    if (out_.rows.empty()) fail("{}: holds no rows", out_.name);
    for (const std::string& row : out_.bad_rows) log_warning("{}; this row is left out", row);
    if (bad > static_cast<int64_t>(out_.bad_rows.size())) log_warning("{}: {} bad rows are left out", out_.name, bad);
    return std::move(out_);
  }

  void take(const RecordPlace& place, Json json) {
    for (const auto& [known, given] : read_.columns) {
      if (!json.contains(given)) fail("has no column \"{}\", which {}_column names", given, known);
      if (known != given) json[known] = json[given];
    }
    std::string& format = out_.sources[0].format;
    const bool detected = read_.format == "auto";
    DataRow row = read_row(json, detected ? detect_row_format(json) : read_.format);
    if (!out_.rows.empty() && row.shape != out_.shape)
      fail("this row has another shape ({}) than those before ({})", shape_name(row.shape), shape_name(out_.shape));
    if (out_.rows.empty()) {
      if (detected) format = detect_row_format(json);
      out_.shape = row.shape;
    }
    row.line = place.line;
    out_.sources[0].rows++;
    out_.rows.push_back(std::move(row));
  }

  void refuse(const RecordPlace& place, const std::string& reason) {
    const int64_t bad = ++out_.sources[0].bad_rows;
    if (out_.bad_rows.size() < kShown)
      out_.bad_rows.push_back(fmt::format("{}: {}", place_text(out_.name, place), reason));
    if (bad > read_.max_bad_rows + kCounted) fail_for_bad_rows();
  }

  [[noreturn]] void fail_for_bad_rows() const {
    const int64_t bad = out_.sources[0].bad_rows, good = out_.sources[0].rows;
    if (bad == 1 && read_.max_bad_rows == 0) fail("{}", out_.bad_rows[0]);
    fail("{}\n{}: {} of the first {} rows are bad; max_bad_rows allows {}", fmt::join(out_.bad_rows, "\n"), out_.name,
         bad, bad + good, read_.max_bad_rows);
  }

  const ReadOptions& read_;
  Dataset out_;
};

void append(Dataset& out, Dataset more) {
  if (out.rows.empty()) out.shape = more.shape;
  std::move(more.rows.begin(), more.rows.end(), std::back_inserter(out.rows));
  std::move(more.sources.begin(), more.sources.end(), std::back_inserter(out.sources));
  std::move(more.bad_rows.begin(), more.bad_rows.end(), std::back_inserter(out.bad_rows));
}

// Row i of the order of a part's (or the whole's: part -1) rows, on its `pass`th time around.
uint64_t drawn(const ReadOptions& read, int64_t part, uint64_t pass, uint64_t i, uint64_t n) {
  return permuted_index({.seed = read.seed,
                         .stage = Stage::shuffle,
                         .step = static_cast<uint32_t>(pass),
                         .prompt = static_cast<uint32_t>(part + 1),
                         .sample = 0xDA7A},  // no other use of this stage has such a sample
                        i, n);
}

Dataset load_part(const SourcePart& part, int64_t number, const ReadOptions& read, const TaskOptions& task) {
  Dataset out;
  out.name = part.path;
  if (part.path.starts_with("rg:")) {
    out = make_reasoning_gym_dataset(part.path, task);
  } else if (is_generated(part.path)) {
    out = part.path.starts_with("world:") ? world::make_world_dataset(part.path, task)
                                          : make_task_dataset(part.path, task);
    for (DataRow& row : out.rows) row.shape = out.shape;
    out.sources = {{.name = part.path, .format = "", .rows = static_cast<int64_t>(out.rows.size())}};
  } else {
    for (const std::string& file : find_data_files(part.path, read.split))
      append(out, FileReading(file, read).run_file());
    if (read.held_out_fraction > 0) {
      const size_t all = out.rows.size();
      out = split_dataset(out, read.held_out_fraction, 0, read.held_out);
      if (out.rows.empty())
        fail("{}: held_out_fraction {} leaves no rows of {}", part.path, read.held_out_fraction, all);
    }
  }
  const uint64_t n = out.rows.size();
  uint64_t wanted = static_cast<uint64_t>(std::max(1.0, part.share * static_cast<double>(n)));
  if (part.limit > 0) wanted = std::min(wanted, static_cast<uint64_t>(part.limit));
  if (wanted == n) return out;
  std::vector<DataRow> rows;
  for (uint64_t i = 0; i < wanted; i++)
    rows.push_back(std::move(out.rows[part.share < 1 ? drawn(read, number, 0, i, n) : i]));
  out.rows = std::move(rows);
  return out;
}

Dataset mixed(const std::vector<SourcePart>& sources, std::vector<Dataset> parts, const ReadOptions& read) {
  std::vector<int64_t> sizes;
  std::vector<double> weights;
  for (size_t i = 0; i < parts.size(); i++) {
    sizes.push_back(static_cast<int64_t>(parts[i].rows.size()));
    weights.push_back(*sources[i].weight);
  }
  const std::vector<int64_t> counts = mixture_counts(sizes, weights, read.repeat);
  std::vector<const DataRow*> all;
  for (size_t p = 0; p < parts.size(); p++) {
    const uint64_t n = parts[p].rows.size();
    for (uint64_t i = 0; i < static_cast<uint64_t>(counts[p]); i++)
      all.push_back(&parts[p].rows[drawn(read, static_cast<int64_t>(p), 1 + i / n, i % n, n)]);
  }
  Dataset out;
  out.shape = parts[0].shape;
  for (uint64_t i = 0; i < all.size(); i++) out.rows.push_back(*all[drawn(read, -1, 0, i, all.size())]);
  for (Dataset& part : parts) part.rows.clear(), append(out, std::move(part));
  return out;
}

// What two spellings of a question have in common.
std::string question_key(const DataRow& row) {
  std::string text = row.prompt + row.text;
  if (row.messages.is_array())
    for (size_t i = 0; i < row.messages.size(); i++)
      if (i + 1 < row.messages.size() || row.messages[i]["role"] != "assistant") text += row.messages[i].dump();
  if (text.empty() && row.shape == DataShape::preference) text = row.chosen.dump();
  std::string key;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80) key += c;
  }
  for (int32_t id : row.input_ids) key += std::to_string(id) + " ";
  return key;
}

}  // namespace

const char* shape_name(DataShape shape) { return names_of(shape).name; }
const char* shape_id(DataShape shape) { return names_of(shape).id; }

Dataset parse_dataset(std::string_view bytes, const std::string& name, const ReadOptions& read) {
  return FileReading(name, read).run(bytes);
}

Dataset load_dataset(const std::string& source, const ReadOptions& read, const TaskOptions& task) {
  const std::vector<SourcePart> sources = parse_source(source);
  std::vector<Dataset> parts;
  for (size_t i = 0; i < sources.size(); i++)
    parts.push_back(load_part(sources[i], static_cast<int64_t>(i), read, task));
  Dataset out;
  if (parts.size() > 1 && sources[0].weight)
    out = mixed(sources, std::move(parts), read);
  else
    for (Dataset& part : parts) append(out, std::move(part));
  out.name = source;
  if (read.limit > 0 && out.rows.size() > static_cast<size_t>(read.limit))
    out.rows.resize(static_cast<size_t>(read.limit));
  return out;
}

void require_shapes(const Dataset& data, std::initializer_list<DataShape> usable, const std::string& who) {
  for (const DataRow& row : data.rows) {
    if (std::find(usable.begin(), usable.end(), row.shape) != usable.end()) continue;
    std::string names;
    for (DataShape shape : usable) names += (names.empty() ? "" : ", ") + std::string(shape_name(shape));
    fail(
        "{}: {} needs {}; it holds {}. `r1 data inspect` shows how its columns were read; data_format and keys like "
        "prompt_column say otherwise",
        data.name, who, names, shape_name(row.shape));
  }
}

Dataset split_dataset(const Dataset& all, double held_out_fraction, uint64_t seed, bool held_out) {
  if (!(held_out_fraction >= 0 && held_out_fraction <= 1))
    fail_usage("a held-out fraction of {}; expected 0 to 1", held_out_fraction);
  Dataset out;
  out.name = all.name;
  out.shape = all.shape;
  out.sources = all.sources;
  out.bad_rows = all.bad_rows;
  for (const DataRow& row : all.rows) {
    const uint64_t hash = std::stoull(sha256_hex(question_key(row)).substr(0, 12), nullptr, 16);
    const double place = random_uniform({.seed = seed,
                                         .stage = Stage::shuffle,
                                         .prompt = static_cast<uint32_t>(hash),
                                         .sample = static_cast<uint32_t>(hash >> 32)});
    if ((place < held_out_fraction) == held_out) out.rows.push_back(row);
  }
  return out;
}

}  // namespace r1
