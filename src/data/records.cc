#include "data/records.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/durable_file.h"
#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Formats that are not read, by their first bytes, and what to do about it.
void refuse_other_formats(std::string_view bytes, const std::string& name) {
  static constexpr std::pair<std::string_view, const char*> kinds[] = {
      {"PAR1",
       "Parquet. Write it as JSON lines first: python3 -c \"import pandas; "
       "pandas.read_parquet('FILE').to_json('FILE.jsonl', orient='records', lines=True)\", or in DuckDB: "
       "COPY (FROM 'FILE') TO 'FILE.jsonl' (FORMAT json)"},
      {"ARROW1", "an Arrow file; write it as JSON lines first (datasets: load_from_disk(...).to_json(\"FILE.jsonl\"))"},
      {"PK\x03\x04", "zip; unpack it first (unzip)"},
      {"\xFD"
       "7zXZ",
       "xz; unpack it first (unxz)"},
      {"BZh", "bzip2; unpack it first (bunzip2)"},
      {"\xFF\xFE", "UTF-16; convert it first (iconv -f UTF-16 -t UTF-8)"},
      {"\xFE\xFF", "UTF-16; convert it first (iconv -f UTF-16 -t UTF-8)"}};
  for (const auto& [magic, kind] : kinds)
    if (bytes.starts_with(magic)) fail("{}: expected JSON lines, a JSON list or CSV; found {}", name, kind);
}

// The name's ending below its packing: "a.csv.gz" -> ".csv".
std::string ending_of(std::string name) {
  for (const char* packing : {".gz", ".zst"})
    if (name.ends_with(packing)) name.resize(name.size() - std::string_view(packing).size());
  const size_t dot = name.find_last_of("./");
  return dot == std::string::npos || name[dot] == '/' ? "" : name.substr(dot);
}

bool holds_list(std::string_view line, const std::string& split) {
  const Json row = Json::parse(line, nullptr, false);
  if (!row.is_object()) return false;
  for (const std::string& key : {std::string("data"), split, std::string("rows"), std::string("examples")})
    if (row.contains(key) && row[key].is_array() && !row[key].empty() && row[key][0].is_object()) return true;
  return false;
}

// A list, or one object over several lines or around a list; else JSON lines.
bool is_json_list(std::string_view text, const std::string& name, const std::string& split) {
  const auto first = std::find_if_not(text.begin(), text.end(), is_blank);
  if (first == text.end()) return false;
  if (*first == '[') return true;
  if (*first != '{' || ending_of(name) == ".jsonl" || ending_of(name) == ".ndjson") return false;
  text.remove_prefix(static_cast<size_t>(first - text.begin()));
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  constexpr size_t kLooked = 16u << 20;  // a longer line is no row, but may be an object that holds all rows
  if (line.size() <= kLooked) {
    try {
      parse_json_object(line, 0);
    } catch (const Error&) {  // an object over several lines: its first one ends open
      const size_t last = line.find_last_not_of(" \t\r");
      return std::string_view("{[,").find(line[last]) != std::string_view::npos;
    }
  }
  const bool alone = end == std::string_view::npos || text.find_first_not_of(" \t\r\n", end) == std::string_view::npos;
  return alone && (line.size() > kLooked || holds_list(line, split));
}

// Walks a JSON text value by value without building anything.
class ListScanner {
  static constexpr size_t kNone = std::string_view::npos;

 public:
  ListScanner(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  bool at_end() {
    skip_blanks();
    return at_ >= text_.size();
  }
  char peek() {
    if (at_end()) fail("{}: ends inside its JSON, at line {}", name_, line_);
    return text_[at_];
  }
  void expect(char c) {
    if (peek() != c)
      fail("{}: not valid JSON at line {} (byte {}): expected '{}', found '{}'", name_, line_, at_, c, text_[at_]);
    move(1);
  }
  bool take(char c) {
    if (peek() != c) return false;
    move(1);
    return true;
  }
  RecordPlace place() const { return {line_, at_}; }

  // The text of the value that begins here.
  std::string_view value() {
    const char first = peek();
    const size_t begin = at_;
    if (first == '"') {
      skip_text();
    } else if (first == '{' || first == '[') {
      skip_brackets();
    } else {
      while (at_ < text_.size() && !is_blank(text_[at_]) && std::string_view(",:]}").find(text_[at_]) == kNone) move(1);
    }
    if (at_ == begin) fail("{}: not valid JSON at line {} (byte {})", name_, line_, at_);
    return text_.substr(begin, at_ - begin);
  }

 private:
  void move(size_t bytes) {
    for (; bytes > 0; bytes--, at_++) line_ += text_[at_] == '\n';
  }
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) move(1);
  }
  void skip_brackets() {
    int64_t open = 0;
    do {
      if (at_ >= text_.size()) fail("{}: ends inside its JSON, at line {}", name_, line_);
      const char c = text_[at_];
      if (c == '"') {
        skip_text();
        continue;
      }
      if (c == '{' || c == '[') open++;
      if (c == '}' || c == ']') open--;
      move(1);
    } while (open > 0);
  }
  void skip_text() {
    move(1);
    while (at_ < text_.size() && text_[at_] != '"') move(text_[at_] == '\\' && at_ + 1 < text_.size() ? 2 : 1);
    if (at_ >= text_.size()) fail("{}: ends inside a text, at line {}", name_, line_);
    move(1);
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

void read_list(ListScanner& scan, const RecordSink& sink) {
  scan.expect('[');
  if (scan.take(']')) return;
  do {
    scan.peek();
    const RecordPlace place = scan.place();
    const std::string_view row = scan.value();
    give_record(sink, place, [&] { return parse_json_object(row, place.byte); });
  } while (scan.take(','));
  scan.expect(']');
}

}  // namespace

std::string place_text(const std::string& name, const RecordPlace& place) {
  return fmt::format("{}: line {} (byte {})", name, place.line, place.byte);
}

void give_record(const RecordSink& sink, const RecordPlace& place, const std::function<Json()>& read) {
  std::string reason;
  try {
    sink.record(place, read());
    return;
  } catch (const Error& e) {
    reason = e.what();
  } catch (const Json::exception& e) {
    reason = e.what();
  }
  sink.bad(place, reason);
}

void read_json_list(std::string_view text, const std::string& name, const std::string& split, const RecordSink& sink) {
  ListScanner scan(text, name);
  if (scan.peek() == '[') {
    read_list(scan, sink);
  } else {
    bool found = false;
    scan.expect('{');
    while (!found && scan.peek() != '}') {
      const std::string_view quoted = scan.value();
      const Json key = Json::parse(quoted, nullptr, false);
      scan.expect(':');
      const bool known = key == "data" || key == split || key == "rows" || key == "examples";
      if (known && scan.peek() == '[')
        read_list(scan, sink), found = true;
      else
        scan.value();
      if (!found && !scan.take(',')) break;
    }
    if (!found)
      fail("{}: a JSON object without a list of rows under \"data\", \"{}\", \"rows\" or \"examples\"", name, split);
    return;
  }
  if (!scan.at_end()) fail("{}: text after the list, at line {}", name, scan.place().line);
}

void read_records(std::string_view bytes, const std::string& name, const std::string& split, const RecordSink& sink) {
  refuse_other_formats(bytes, name);
  std::string text;
  std::string_view rest = bytes;
  if (is_packed(bytes)) {
    text = unpacked(bytes, name, uint64_t{8} << 30);
    rest = text;
    refuse_other_formats(rest, name);
  }
  const std::string ending = ending_of(name);
  if (ending == ".csv" || ending == ".tsv") return read_csv(rest, name, ending == ".tsv" ? '\t' : ',', sink);
  std::string_view plain = rest;
  if (plain.starts_with("\xEF\xBB\xBF")) plain.remove_prefix(3);
  if (is_json_list(plain, name, split)) return read_json_list(plain, name, split, sink);
  read_json_lines(rest, sink);
}

void read_record_file(const std::string& path, const std::string& split, const RecordSink& sink) {
  constexpr size_t kPiece = 1u << 20;
  const std::string ending = path.substr(std::min(path.rfind('.'), path.size()));  // packed files have another
  std::error_code none;
  const bool lines_named = (ending == ".jsonl" || ending == ".ndjson") && std::filesystem::is_regular_file(path, none);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(lines_named ? std::fopen(path.c_str(), "rbe") : nullptr,
                                                             std::fclose);
  std::string piece(file ? kPiece : 0, '\0');
  size_t n = file ? std::fread(piece.data(), 1, kPiece, file.get()) : 0;
  const std::string_view first = std::string_view(piece).substr(0, n);
  // a list, or packed under a wrong name: what is no line has to be seen whole
  if (n == 0 || is_packed(first) || is_json_list(first.substr(first.starts_with("\xEF\xBB\xBF") ? 3 : 0), path, split))
    return read_records(read_text_file(path, uint64_t{8} << 30), path, split, sink);
  refuse_other_formats(first, path);
  JsonLines lines(sink);
  for (; n > 0; n = std::fread(piece.data(), 1, kPiece, file.get())) lines.feed(std::string_view(piece).substr(0, n));
  if (std::ferror(file.get())) fail("{}: cannot be read to its end", path);
  lines.finish();
}

}  // namespace r1
