// The question of a row as a person reads it, whatever shape the row has.
#pragma once

#include <string>

#include "data/dataset.h"

namespace r1 {

// The prompt, or the last user turn of its messages; empty when neither is there.
std::string question_text(const DataRow& row);

}  // namespace r1
