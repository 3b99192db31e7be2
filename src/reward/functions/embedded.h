// The Python side of users' functions, part of this program.
#pragma once

#include <string_view>

namespace r1 {

std::string_view reward_worker_script();  // worker.py

}  // namespace r1
