// C++ functions under test: the program around one, and how arguments get into it.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace r1 {

// The source of a program that reads arguments (cpp_arguments), calls the function or the method of class Solution, and
// writes its result as tagged JSON (sandbox/function_driver.inc). Each argument is read as what its parameter is:
// numbers, bool, char, std::string (and views of it), std::optional, and vectors, lists, deques, arrays, pairs, tuples,
// sets, maps of those. A function that returns nothing gives the first argument that it may change.
//
// Programs that name nothing of std:: and have no using-declaration get `using namespace std`. A main() of their own is
// renamed.
std::string cpp_function_program(std::string_view code, std::string_view entry_point);

// The same for templates and overloaded functions, which have no signature to go by: called with the types that the
// tests' values have (int or long long, double, bool, std::string, vectors and maps of those). Empty when a value has
// no such type.
std::string cpp_function_program(std::string_view code, std::string_view entry_point,
                                 const nlohmann::ordered_json& tests);

// Whether a compiler's complaint means that the second program is worth a try.
bool needs_types_of_tests(std::string_view compiler_output);

// What the program reads: n; t; f; i<decimal>; d<hexadecimal float>; s<bytes>;<text> [<count>; and the values,
// {<count>; and keys (texts) with their values.
std::string cpp_arguments(const nlohmann::ordered_json& args);

}  // namespace r1
