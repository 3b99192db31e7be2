// UTF-8 in and out of the tokenizer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace r1 {

// Decodes the code point at `at` and moves past it; an invalid byte gives 0xFFFFFFFF and moves by one.
uint32_t next_code_point(std::string_view text, size_t& at);
void append_code_point(std::string& out, uint32_t code);
// Replaces invalid sequences by U+FFFD, one for each maximal part, as Rust's from_utf8_lossy does.
std::string to_valid_utf8(std::string_view bytes);
// How many bytes at the end of `bytes` may be the start of a character whose rest is still to come (0..3).
size_t incomplete_tail(std::string_view bytes);

enum class NormalForm { nfc, nfd, nfkc, nfkd };
std::string normalize(std::string_view text, NormalForm form);

}  // namespace r1
