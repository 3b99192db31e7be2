// UTF-8 in and out of the tokenizer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace r1 {

// Decodes the code point at `at` and moves past it; an invalid byte gives 0xFFFFFFFF and moves by one.
uint32_t next_code_point(std::string_view text, size_t& at);
void append_code_point(std::string& out, uint32_t code);
// Replaces invalid sequences by U+FFFD, one for each maximal part, as Rust's from_utf8_lossy does.
std::string to_valid_utf8(std::string_view bytes);
// `bytes` itself when it is valid, else `storage`, which then holds it with the invalid parts replaced.
std::string_view valid_view(std::string_view bytes, std::string& storage);
// How many bytes at the end of `bytes` may be the start of a character whose rest is still to come (0..3).
size_t incomplete_tail(std::string_view bytes);

enum class NormalForm { nfc, nfd, nfkc, nfkd };
std::string normalize(std::string_view text, NormalForm form);
// True when the text is in the form already, as far as one look at each character can tell.
bool is_normal(std::string_view text, NormalForm form);

// Where the character before `at` (> 0) begins.
size_t previous_start(std::string_view text, size_t at);
bool is_white_space(uint32_t code);  // Unicode's White_Space
bool is_word(uint32_t code);         // as Rust's regex crate has \w
bool is_numeric(uint32_t code);      // category N
bool is_punctuation(uint32_t code);  // category P
bool is_mark(uint32_t code);         // category M
void append_lowercase(std::string& out, uint32_t code);

// Ranges of a property (a category of one or two letters, Alphabetic, Lowercase, Uppercase, Han) beyond Unicode 14,
// which PCRE2 stops at.
struct NewerRange {
  const char* property;
  uint32_t first, last;
};
std::span<const NewerRange> newer_ranges();

}  // namespace r1
