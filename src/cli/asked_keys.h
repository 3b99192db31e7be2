// Flags that are keys too, of verbs that ask rows of data.
#pragma once

#include <optional>
#include <string>

#include "base/options.h"

namespace r1 {

// Empty and 0: not given.
struct AskFlags {
  std::string data, reward, model;
  std::optional<int64_t> seed;
  int64_t max_tokens = 0, threads = 0;
};
// `sets` with the flags behind, which count more.
KeyValues asked_keys(KeyValues sets, const AskFlags& flags);

}  // namespace r1
