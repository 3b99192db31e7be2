#include "reward/functions/embedded.h"

extern "C" {
extern const char r1_reward_worker[], r1_reward_worker_end[];
}

namespace r1 {

std::string_view reward_worker_script() { return {r1_reward_worker, r1_reward_worker_end}; }

}  // namespace r1
