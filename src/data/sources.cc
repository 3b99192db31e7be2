#include "data/sources.h"

#include <glob.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "base/error.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

bool exists(const std::string& path) {
  std::error_code none;
  return fs::exists(path, none);
}

double number_of(const std::string& text, const std::string& what, double most) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value > 0 && value <= most))
    fail_usage("{}: \"{}\" is no number above 0 up to {}", what, text, most);
  return value;
}

// "?share=0.1&limit=5" at the end of a file's name; tasks have their own.
void take_draws(SourcePart& part) {
  const size_t at = part.path.rfind('?');
  if (at == std::string::npos || part.path.find('=', at) == std::string::npos || exists(part.path)) return;
  std::string draws = part.path.substr(at + 1);
  const std::string whole = part.path;
  part.path.resize(at);
  for (size_t begin = 0; begin <= draws.size();) {
    const size_t end = std::min(draws.find('&', begin), draws.size());
    const std::string one = draws.substr(begin, end - begin);
    if (one.starts_with("share="))
      part.share = number_of(one.substr(6), whole, 1);
    else if (one.starts_with("limit="))
      part.limit = static_cast<int64_t>(std::ceil(number_of(one.substr(6), whole, 1e12)));
    else
      fail_usage("{}: unknown \"{}\"; a file takes share=0.1 and limit=100", whole, one);
    begin = end + 1;
  }
}

// ":0.7" at the end, where the rest is not a file's name with a colon.
void take_weight(SourcePart& part) {
  const size_t at = part.path.rfind(':');
  if (at == std::string::npos || at + 1 == part.path.size() || exists(part.path)) return;
  const std::string tail = part.path.substr(at + 1);
  if (tail.find_first_not_of("0123456789.eE+-") != std::string::npos) return;
  part.weight = number_of(tail, part.path, 1e12);
  part.path.resize(at);
}

bool is_data_file(const std::string& name) {
  for (const char* ending : {".jsonl", ".ndjson", ".json", ".csv", ".tsv"})
    for (const char* packing : {"", ".gz", ".zst"})
      if (name.ends_with(std::string(ending) + packing)) {
        for (const char* other : {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"})
          if (name == other) return false;
        return !name.starts_with(".");
      }
  return false;
}

// Whether a path says a split: as a word of a file's or folder's name.
bool says(const std::string& path, const std::string& split) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  for (size_t at = path.find(split); at != std::string::npos; at = path.find(split, at + 1)) {
    const size_t end = at + split.size();
    if ((at == 0 || !is_letter(path[at - 1])) && (end == path.size() || !is_letter(path[end]))) return true;
  }
  return false;
}

constexpr size_t kMostFiles = 10000;

std::string how_to_convert_parquet(const std::string& folder) {
  return fmt::format(
      ". Parquet: write it as JSON lines first: python3 -c \"import glob, pandas; [pandas.read_parquet(f).to_json(f + "
      "'.jsonl', orient='records', lines=True) for f in glob.glob('{}/**/*.parquet', recursive=True)]\"",
      folder);
}

std::vector<std::string> files_below(const std::string& folder) {
  std::vector<std::string> out;
  std::string others;
  for (auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied);
       it != fs::recursive_directory_iterator(); ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory() && (name.starts_with(".") || it.depth() >= 4)) it.disable_recursion_pending();
    if (!it->is_regular_file()) continue;
    if (is_data_file(name))
      out.push_back(fs::relative(it->path(), folder).string());
    else if (others.size() < 200)
      others += (others.empty() ? "" : ", ") + name;
    if (out.size() > kMostFiles) fail("{}: holds more than {} data files", folder, kMostFiles);
  }
  if (out.empty())
    fail("{}: holds no .jsonl, .json, .csv or .tsv file (also .gz, .zst); there is: {}{}", folder,
         others.empty() ? "nothing" : others,
         others.find(".parquet") != std::string::npos ? how_to_convert_parquet(folder) : "");
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> files_of_split(const std::string& folder, const std::string& split) {
  const std::vector<std::string> all = files_below(folder);
  std::vector<std::string> out;
  bool any = false;
  for (const std::string& file : all) {
    for (const char* known : {"train", "valid", "validation", "dev", "test", "eval"}) any = any || says(file, known);
    if (says(file, split)) out.push_back(folder + "/" + file);
  }
  if (!out.empty()) return out;
  if (any) fail("{}: no file of the split \"{}\" (data_split); there are {}", folder, split, fmt::join(all, ", "));
  for (const std::string& file : all) out.push_back(folder + "/" + file);
  return out;
}

std::vector<std::string> files_by_pattern(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> out;
  const int status = glob(pattern.c_str(), 0, nullptr, &found);  // sorted
  for (size_t i = 0; status == 0 && i < found.gl_pathc; i++)
    if (fs::is_regular_file(found.gl_pathv[i])) out.emplace_back(found.gl_pathv[i]);
  globfree(&found);
  if (out.size() > kMostFiles) fail("{}: means more than {} files", pattern, kMostFiles);
  return out;
}

}  // namespace

bool is_generated(const std::string& path) {
  for (const char* scheme : {"tasks:", "games:", "world:", "rg:"})
    if (path.starts_with(scheme)) return true;
  return false;
}

std::vector<SourcePart> parse_source(const std::string& source) {
  if (exists(source)) return {{.path = source, .weight = {}}};
  std::vector<SourcePart> parts;
  for (size_t begin = 0; begin <= source.size();) {
    const size_t end = std::min(source.find(',', begin), source.size());
    SourcePart part{.path = source.substr(begin, end - begin), .weight = {}};
    take_weight(part);
    if (!is_generated(part.path)) take_draws(part);
    if (part.path.empty()) fail_usage("{}: a part of it is empty", source);
    parts.push_back(std::move(part));
    begin = end + 1;
  }
  const auto weighted =
      std::count_if(parts.begin(), parts.end(), [](const SourcePart& p) { return p.weight.has_value(); });
  if (weighted != 0 && weighted != static_cast<std::ptrdiff_t>(parts.size()))
    fail_usage("{}: {} of its {} parts have a weight; give all of them one (a.jsonl:0.7,b.jsonl:0.3), or none", source,
               weighted, parts.size());
  return parts;
}

std::vector<std::string> find_data_files(const std::string& path, const std::string& split) {
  std::error_code none;
  if (fs::is_directory(path, none)) return files_of_split(path, split);
  if (exists(path)) return {path};
  std::vector<std::string> out;
  if (path.find_first_of("*?[") != std::string::npos) out = files_by_pattern(path);
  if (!out.empty()) return out;
  const bool hub = std::count(path.begin(), path.end(), '/') == 1 && path.find('.') == std::string::npos;
  fail("{}: no such file, folder or pattern with files{}", path,
       hub ? "; a data set of the Hub must be here first, as JSON lines or CSV in a folder: --data FOLDER" : "");
}

std::vector<int64_t> mixture_counts(const std::vector<int64_t>& sizes, const std::vector<double>& weights,
                                    bool repeat) {
  double sum = 0, total = -1;
  for (double w : weights) sum += w;
  for (size_t i = 0; i < sizes.size(); i++) {
    const double whole = static_cast<double>(sizes[i]) * sum / weights[i];
    total = total < 0 ? whole : repeat ? std::max(total, whole) : std::min(total, whole);
  }
  if (total > 1e9) fail_usage("a mixture of {:.3g} rows; expected at most 1e9", total);
  std::vector<int64_t> out;
  for (size_t i = 0; i < sizes.size(); i++) {
    const int64_t count = std::llround(total * weights[i] / sum);
    out.push_back(repeat ? std::max(count, sizes[i]) : std::min(count, sizes[i]));
  }
  return out;
}

}  // namespace r1
