#include "corpus.h"

#include "base/durable_file.h"
#include "base/error.h"

namespace r1::fuzz {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string input_of(std::string_view line, const std::string& where) {
  std::string out;
  for (size_t i = 0; i < line.size(); i++) {
    if (line[i] != '\\') {
      out += line[i];
      continue;
    }
    const char kind = i + 1 < line.size() ? line[++i] : ' ';
    if (kind == 'n' || kind == '\\') {
      out += kind == 'n' ? '\n' : '\\';
      continue;
    }
    const int high = kind == 'x' && i + 2 < line.size() ? digit_of(line[i + 1]) : -1;
    const int low = high >= 0 ? digit_of(line[i + 2]) : -1;
    if (low < 0) fail("{}: byte {}: a backslash without n, \\ or xHH behind it", where, i);
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace

Inputs read_corpus(const std::string& path) {
  const std::string text = read_text_file(path);
  Inputs out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) fail("{}: the last line does not end", path);
    out.push_back(
        input_of(std::string_view(text).substr(at, end - at), path + ", line " + std::to_string(out.size() + 1)));
    at = end + 1;
  }
  return out;
}

std::string corpus_line(std::string_view input) {
  std::string out;
  for (const char c : input) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out + '\n';
}

}  // namespace r1::fuzz
