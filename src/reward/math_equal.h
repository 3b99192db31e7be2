// Whether two answers are the same.
#pragma once

#include "reward/answer_reading.h"

namespace r1 {

struct Judged {
  bool same = false;
  const char* why = "";  // when not the same, or not plainly so
};

// `reference` decides what counts: an exact number asks for the number worked out (42, not 40 + 2), five or more
// decimals for a value that rounds to them, a list for the same members in any order, a point for the same in order.
Judged same_answer(const Answer& reference, const Answer& answer);

// Whether an answer can be a reference: it names one thing, and all its values exist.
bool is_sound(const Answer& reference);

}  // namespace r1
