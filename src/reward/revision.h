// What running text takes back: "The answer is A. No, B." stands by B, "It cannot be 42." by nothing.
#pragma once

#include <cstddef>
#include <string_view>

namespace r1 {

// One past the last word of correction that begins a clause ("no,", "wait", "actually", "scratch that", ...); npos when
// nothing is taken back. What a text named before it does not stand any more. Linear in the text.
size_t end_of_last_revision(std::string_view text);

// Whether what stands between these two texts is denied or only bounded in its own clause: "cannot be 42", "more than
// 42", "42 is wrong".
bool is_denied(std::string_view before, std::string_view behind);

}  // namespace r1
