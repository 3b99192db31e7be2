// The files that run inside the jail, part of this program: it needs no folder beside it.
#pragma once

#include <string_view>

namespace r1 {

std::string_view stage_program();    // static executable: STAGE CONTROL_FD
std::string_view stage_library();    // for driver.py
std::string_view python_driver();    // python3 driver.py LIBRARY CONTROL_FD
std::string_view function_driver();  // C++ that goes in front of a function under test

}  // namespace r1
