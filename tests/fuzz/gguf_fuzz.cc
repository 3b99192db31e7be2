// Header, configuration and tokenizer of a GGUF; then every block of the tensors that are said to be there.
#include <cstdint>

#include "formats/gguf.h"
#include "formats/tokenizer_summary.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto bytes = std::as_bytes(std::span(data, size));
    const r1::GgufHeader h = r1::parse_gguf(bytes, "fuzz");
    float out[256];  // the largest block
    for (const r1::GgufTensor& t : h.tensors) {
      const r1::GgufType* type = r1::find_gguf_type(t.type);
      for (uint64_t at = 0; at < t.bytes; at += type->bytes)
        type->dequantise(bytes.data() + h.data_start + t.offset + at, out);
    }
    const std::string tokenizer = r1::gguf_tokenizer_json(h);
    r1::gguf_tokenizer_config(h).dump();
    if (!tokenizer.empty()) r1::Tokenizer::from_json(tokenizer, "fuzz")->encode("a b 12");
    r1::gguf_config(h).dump();
    const float factors[] = {1, 1.5f, 8, 8};  // of a head of eight, when the file says that its heads are so
    r1::gguf_config(h, factors).dump();
    r1::gguf_generation_config(h).dump();
    r1::summarise_gguf_tokenizer(h).dump();
  } catch (const r1::Error&) {
  }
  return 0;
}
