// A tokenizer.json, and behind a zero byte a text: decode(encode(text)) streams to what it gives at once.
#include <cstdint>

#include "base/error.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const size_t cut = all.find('\0');
  try {
    const auto tokenizer = r1::Tokenizer::from_json(all.substr(0, cut), "fuzz");
    const std::string_view text = cut == std::string_view::npos ? "the <s>12 \xff" : all.substr(cut + 1);
    for (const bool special : {true, false}) {
      const auto ids = tokenizer->encode(text, {.parse_special_tokens = special});
      r1::StreamDecoder stream(tokenizer);
      std::string sum;
      for (r1::TokenId id : ids) sum += stream.push(id);
      R1_CHECK(sum + stream.finish() == tokenizer->decode(ids));
    }
  } catch (const r1::Error&) {
  }
  return 0;
}
