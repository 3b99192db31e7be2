#include "runs/report_bounds.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "formats/checked_json.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kLongestLine = 4u << 20;
constexpr char kReplacement[] = "\xEF\xBF\xBD";  // U+FFFD

// Bytes of the character at `at`, its code in `code`; 0 where the bytes are no UTF-8.
size_t decode(std::string_view text, size_t at, uint32_t& code) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const uint32_t lead = byte(at);
  if (lead < 0x80) return code = lead, 1;
  const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  code = lead & (0xFFu >> (size + 1));
  for (size_t i = 1; i < size; i++) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(at + i) & 0x3F);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool real = code >= kLeast[size] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
  return real ? size : 0;
}

// U+0080 to U+009F, and the marks of U+200E, U+202A, U+2066 and their neighbours that reorder what is shown.
bool acts(uint32_t code) {
  return (code >= 0x80 && code <= 0x9F) || code == 0x200E || code == 0x200F || code == 0x061C ||
         (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029 ||
         code == 0xFEFF;
}

std::string picture_of_control(uint32_t code) {  // U+2400 and on; U+2421 for delete
  const uint32_t shown = code == 0x7F ? 0x2421 : 0x2400 + code;
  return {static_cast<char>(0xE0 | shown >> 12), static_cast<char>(0x80 | (shown >> 6 & 0x3F)),
          static_cast<char>(0x80 | (shown & 0x3F))};
}

struct FileCloser {
  void operator()(std::FILE* f) const { std::fclose(f); }
};

}  // namespace

std::string shown_text(std::string_view text, size_t most) {
  std::string out;
  out.reserve(std::min(text.size(), most) + 64);
  size_t at = 0;
  while (at < text.size()) {
    uint32_t code = 0;
    const size_t size = decode(text, at, code);
    if (out.size() + std::max<size_t>(size, 3) > most && text.size() - at > 3) break;
    if (size == 0 || acts(code))
      out += kReplacement;
    else if ((code < 0x20 && code != '\n' && code != '\t') || code == 0x7F)
      out += picture_of_control(code);
    else
      out.append(text, at, size);
    at += std::max<size_t>(size, 1);
  }
  if (at < text.size()) out += fmt::format(" […{} of {} bytes left out]", text.size() - at, text.size());
  return out;
}

Json bounded_json(const nlohmann::json& value, const JsonBounds& bounds) {
  if (value.is_string()) return shown_text(value.get_ref<const std::string&>(), bounds.text);
  if (value.is_number_float()) {
    const double x = value.get<double>();
    return std::isfinite(x) ? Json(x) : Json();
  }
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_boolean()) return value.get<bool>();
  if (!value.is_structured() || bounds.depth == 0) return {};
  JsonBounds below = bounds;
  below.depth--;
  if (value.is_array()) {
    Json out = Json::array();
    for (const auto& item : value) {
      if (out.size() >= bounds.items) break;
      out.push_back(bounded_json(item, below));
    }
    return out;
  }
  Json out = Json::object();
  for (const auto& [key, item] : value.items()) {
    if (out.size() >= bounds.keys) break;
    out[shown_text(key, 200)] = bounded_json(item, below);
  }
  return out;
}

LineCounts for_each_object(const std::string& path, size_t most_bytes,
                           const std::function<void(const nlohmann::json&)>& body) {
  LineCounts counts;
  struct stat info{};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return {.absent = true};
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return {.absent = true};
  std::string line;
  bool too_long = false;
  const auto end_line = [&] {
    nlohmann::json object;
    try {
      if (!too_long && line.find_first_not_of(" \t\r") != std::string::npos)
        object = parse_checked_json(line, "line");
      else if (!too_long)
        return;
    } catch (const Error&) {  // counted, and said on the page
    }
    object.is_object() ? counts.lines++ : counts.damaged++;
    if (object.is_object()) body(object);
  };
  std::string block(1u << 18, '\0');
  size_t total = 0;
  while (size_t n = std::fread(block.data(), 1, block.size(), file.get())) {
    for (size_t at = 0; at < n;) {
      const size_t end = std::min(block.find('\n', at), n);
      if (line.size() + end - at > kLongestLine) too_long = true;
      if (!too_long) line.append(block, at, end - at);
      if (end < n) {
        end_line();
        line.clear();
        too_long = false;
      }
      at = end + 1;
    }
    if ((total += n) >= most_bytes) {
      counts.cut = static_cast<size_t>(info.st_size) > total;
      if (counts.cut) return counts;
    }
  }
  if (!line.empty() || too_long) end_line();
  return counts;
}

}  // namespace r1
