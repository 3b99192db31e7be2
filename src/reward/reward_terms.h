// A reward's spec taken apart: what make_reward (reward.h) makes its parts of.
#pragma once

#include <string>
#include <vector>

namespace r1 {

struct RewardTerm {
  std::string name;  // "math", "trl:my.py:fn", "exec:COMMAND"
  double weight = 1;
};
// "math+format*0.5+exec:cmd" is math, format and exec:cmd. Throws r1::UsageError for a weight that is no number.
std::vector<RewardTerm> reward_terms(const std::string& spec);

// Whether a term is somebody's own function, program or server: trl:, verl:, openrlhf:, openrlhf+http:, rg:, exec:.
bool is_users_reward(const std::string& name);

}  // namespace r1
