#include <algorithm>
#include <vector>

#include "base/error.h"
#include "data/records.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kLongest = 16u << 20, kMostFields = 1024;

class CsvReader {
 public:
  CsvReader(std::string_view text, char separator) : text_(text), separator_(separator) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  bool at_end() const { return at_ >= text_.size(); }
  RecordPlace place() const { return {line_, at_}; }

  // The fields up to the record's end. Throws r1::Error; then the cursor stands behind the line it stopped in.
  std::vector<std::string> record() {
    std::vector<std::string> out;
    const size_t begin = at_;
    try {
      do {
        out.push_back(field());
        if (out.size() > kMostFields) fail("more than {} fields", kMostFields);
        if (at_ - begin > kLongest) fail("longer than {} bytes", kLongest);
      } while (take(separator_));
      end_line();
    } catch (const Error&) {
      skip_line();
      throw;
    }
    return out;
  }

 private:
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    at_++;
    return true;
  }
  void end_line() {
    if (at_end()) return;
    take('\r');
    if (!at_end() && !take('\n')) fail("text after a closing quote; a quote inside a quoted field is written twice");
    line_++;
  }
  void skip_line() {
    at_ = std::min(text_.find('\n', at_), text_.size());
    if (at_ < text_.size()) at_++;
    line_++;
  }
  std::string field() { return take('"') ? quoted_field() : plain_field(); }

  std::string plain_field() {
    size_t end = at_;
    while (end < text_.size() && text_[end] != separator_ && text_[end] != '\n') {
      if (text_[end] == '"') fail("a quote inside an unquoted field; such a field is put in quotes");
      end++;
    }
    std::string out(text_.substr(at_, end - at_));
    at_ = end;
    if ((at_end() || text_[at_] == '\n') && out.ends_with('\r')) out.pop_back();
    return out;
  }
  std::string quoted_field() {
    std::string out;
    const int64_t line = line_;
    while (true) {
      const size_t end = text_.find('"', at_);
      if (end == std::string_view::npos || end - at_ > kLongest)
        fail("a quoted field that begins in line {} has no end", line);
      line_ += std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                          text_.begin() + static_cast<std::ptrdiff_t>(end), '\n');
      out.append(text_.substr(at_, end - at_));
      at_ = end + 1;
      if (!take('"')) return out;
      out += '"';
    }
  }

  std::string_view text_;
  char separator_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

std::vector<std::string> header_of(CsvReader& csv, const std::string& name) {
  std::vector<std::string> header;
  try {
    header = csv.record();
  } catch (const Error& e) {
    fail("{}: line 1: {}", name, e.what());
  }
  for (size_t i = 0; i < header.size(); i++) {
    if (header[i].empty()) fail("{}: line 1: column {} has no name", name, i + 1);
    if (std::count(header.begin(), header.end(), header[i]) > 1)
      fail("{}: line 1: two columns are named \"{}\"", name, header[i]);
  }
  return header;
}

Json object_of(const std::vector<std::string>& header, std::vector<std::string> fields) {
  if (fields.size() != header.size()) fail("{} fields, the header has {}", fields.size(), header.size());
  Json row = Json::object();
  for (size_t i = 0; i < header.size(); i++) row[header[i]] = std::move(fields[i]);
  static_cast<void>(row.dump());  // throws for bytes that are no UTF-8
  return row;
}

}  // namespace

void read_csv(std::string_view text, const std::string& name, char separator, const RecordSink& sink) {
  CsvReader csv(text, separator);
  if (csv.at_end()) return;
  const std::vector<std::string> header = header_of(csv, name);
  while (!csv.at_end()) {
    const RecordPlace place = csv.place();
    bool empty = false;
    give_record({.record =
                     [&](const RecordPlace& where, Json row) {
                       if (!empty) sink.record(where, std::move(row));
                     },
                 .bad = sink.bad},
                place, [&]() -> Json {
                  std::vector<std::string> fields = csv.record();
                  empty = header.size() > 1 && fields.size() == 1 && fields[0].empty();  // a line with nothing in it
                  return empty ? Json::object() : object_of(header, std::move(fields));
                });
  }
}

}  // namespace r1
