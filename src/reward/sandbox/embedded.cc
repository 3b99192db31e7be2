#include "reward/sandbox/embedded.h"

extern "C" {
extern const char r1_stage_program[], r1_stage_program_end[];
extern const char r1_stage_library[], r1_stage_library_end[];
extern const char r1_python_driver[], r1_python_driver_end[];
extern const char r1_function_driver[], r1_function_driver_end[];
}

namespace r1 {

std::string_view stage_program() { return {r1_stage_program, r1_stage_program_end}; }
std::string_view stage_library() { return {r1_stage_library, r1_stage_library_end}; }
std::string_view python_driver() { return {r1_python_driver, r1_python_driver_end}; }
std::string_view function_driver() { return {r1_function_driver, r1_function_driver_end}; }

}  // namespace r1
