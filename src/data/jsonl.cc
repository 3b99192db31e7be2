#include <algorithm>

#include "base/error.h"
#include "data/json_shape.h"
#include "data/records.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kLongest = 16u << 20;

}  // namespace

Json parse_json_object(std::string_view text, size_t begin) {
  if (text.size() > kLongest) fail("{} bytes long, at most {} are read", text.size(), kLongest);
  check_json_shape(text, begin);
  Json row;
  try {
    row = Json::parse(text);
  } catch (const Json::parse_error& e) {
    fail("not valid JSON at byte {}: {} (one JSON object a line is expected)", begin + (e.byte > 0 ? e.byte - 1 : 0),
         e.what());
  } catch (const Json::exception& e) {
    fail("not valid JSON: {}", e.what());
  }
  if (!row.is_object()) fail("expected a JSON object, found {}", row.type_name());
  return row;
}

void JsonLines::feed(std::string_view piece) {
  for (size_t end = piece.find('\n'); end != std::string_view::npos; end = piece.find('\n')) {
    take(piece.substr(0, end), true);
    piece.remove_prefix(end + 1);
  }
  take(piece, false);
}

void JsonLines::finish() {
  if (line_bytes_ > 0) take("", true);
}

// More of the line that is being read; whether it ends here.
void JsonLines::take(std::string_view more, bool ends) {
  if (!too_long_ && rest_.size() + more.size() > kLongest) {  // told at once, not after gigabytes
    too_long_ = true;
    give_record(sink_, {number_, at_},
                []() -> Json { fail("a line of more than {} bytes, the longest that is read", kLongest); });
    rest_ = {};
  }
  line_bytes_ += more.size();
  if (!too_long_ && (!ends || !rest_.empty())) rest_ += more;
  if (!ends) return;
  if (!too_long_) line(rest_.empty() ? more : std::string_view(rest_));
  rest_.clear();
  too_long_ = false;
  at_ += line_bytes_ + 1;
  line_bytes_ = 0;
  number_++;
}

void JsonLines::line(std::string_view text) {
  const size_t bom = number_ == 1 && text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  text.remove_prefix(bom);
  const RecordPlace place{number_, at_ + bom};
  if (text.find_first_not_of(" \t\r") != std::string_view::npos)
    give_record(sink_, place, [&] { return parse_json_object(text, place.byte); });
}

void read_json_lines(std::string_view text, const RecordSink& sink) {
  JsonLines lines(sink);
  lines.feed(text);
  lines.finish();
}

}  // namespace r1
