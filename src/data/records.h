// Rows as files hold them, whatever the file is: JSON lines, a JSON list, CSV, each also packed by gzip or zstd. A row
// that cannot be read is reported with its place and does not end the reading; what makes the rest unreadable does.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace r1 {

// Where a row begins: line from 1, byte from 0 (of the unpacked text).
struct RecordPlace {
  int64_t line = 1;
  size_t byte = 0;
};

struct RecordSink {
  // A row, always an object. What it throws (r1::Error, a JSON error) makes the row a bad one.
  std::function<void(const RecordPlace&, nlohmann::ordered_json)> record;
  // A bad row and why. May throw to end the reading.
  std::function<void(const RecordPlace&, const std::string& reason)> bad;
};

// "name: line L (byte B)"
std::string place_text(const std::string& name, const RecordPlace& place);

// Hands one row to the sink, or what was wrong with it.
void give_record(const RecordSink& sink, const RecordPlace& place, const std::function<nlohmann::ordered_json()>& read);

// A file's bytes, told by its first bytes and its name's ending (.csv, .tsv, else JSON). `split` is the key looked for
// in an object of lists, besides "data", "rows" and "examples". Throws r1::Error beginning with `name` for formats it
// does not know, each with the way to convert it, for damaged packing, and for text that ends inside a row.
void read_records(std::string_view bytes, const std::string& name, const std::string& split, const RecordSink& sink);

bool is_packed(std::string_view bytes);

// What gzip or zstd packed; any other bytes as they are. Throws above `most` bytes, and for what grows more than 200
// times beyond 64 MB: no text does.
std::string unpacked(std::string_view bytes, const std::string& name, uint64_t most);

// RFC 4180 with a header line: every value a text, quoted ones with line breaks and doubled quotes. LF and CRLF; a BOM
// is passed over. Bad rows: another number of fields than the header's, a quote inside an unquoted field, text after a
// closing quote, bytes that are no UTF-8, more than 16 MB.
void read_csv(std::string_view text, const std::string& name, char separator, const RecordSink& sink);

// A JSON list of objects, or an object that holds one under a key as in read_records.
void read_json_list(std::string_view text, const std::string& name, const std::string& split, const RecordSink& sink);

// JSON lines: one object a line, blank lines between them (a BOM, CRLF and a missing last newline are fine). Bad rows:
// what parse_json_object refuses.
void read_json_lines(std::string_view text, const RecordSink& sink);

// The same from pieces, wherever they were cut: no more than a line is held.
class JsonLines {
 public:
  explicit JsonLines(const RecordSink& sink) : sink_(sink) {}  // the sink must outlive this
  void feed(std::string_view piece);
  void finish();  // the last line may lack its break

 private:
  void take(std::string_view more, bool ends);
  void line(std::string_view text);

  const RecordSink& sink_;
  std::string rest_;       // of the line that is being read, what earlier pieces held
  size_t line_bytes_ = 0;  // of it, read so far
  bool too_long_ = false;  // it is passed over
  int64_t number_ = 1;
  size_t at_ = 0;  // where it begins
};

// The file at `path`, as read_records reads its bytes. JSON lines that are not packed are read piece by piece whatever
// the file's size; other files as a whole, up to 8 GB.
void read_record_file(const std::string& path, const std::string& split, const RecordSink& sink);

// One object's text; `begin` is where it stands in the file, for the byte in the message. Throws r1::Error for more
// than 16 MB, what check_json_shape (json_shape.h) refuses, invalid UTF-8 or JSON, and for what is no object.
nlohmann::ordered_json parse_json_object(std::string_view text, size_t begin);

}  // namespace r1
