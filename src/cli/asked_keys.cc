#include "cli/asked_keys.h"

namespace r1 {

KeyValues asked_keys(KeyValues sets, const AskFlags& f) {
  if (!f.data.empty()) sets.push_back({"data", f.data});
  if (!f.reward.empty()) sets.push_back({"reward", f.reward});
  if (!f.model.empty()) sets.push_back({"model", f.model});
  if (f.seed) sets.push_back({"seed", std::to_string(*f.seed)});
  if (f.max_tokens > 0) sets.push_back({"max_completion_length", std::to_string(f.max_tokens)});
  if (f.threads > 0) sets.push_back({"threads", std::to_string(f.threads)});
  return sets;
}

}  // namespace r1
