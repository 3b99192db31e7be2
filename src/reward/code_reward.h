// Programs judged by what they do, in a jail (sandbox/sandbox.h), with the grader outside.
#pragma once

#include <memory>

#include "reward/code_options.h"
#include "reward/reward.h"

namespace r1 {

// The row says how: {"language":"python"|"cpp","tests":[{"stdin":"..","stdout":".."}]}; {"entry_point":"f","tests":
// [{"args":[..],"result":..}]}; or {"entry_point":"f","check":"<python>"} ("test" is the same), where the text defines
// check(candidate) as HumanEval's does, or is a list of asserts about f. A "prompt" that is Python and begins the
// function makes the completion its continuation. All tests have to pass: score 1, else 0; parts say how many tests
// there are and how many passed before the first that did not.
//
// A test is one process in one fresh jail: its input goes in, what it writes comes out, and that is compared here.
// Neither exit codes nor printed words speak for a program; an exit code that is not 0 speaks against it. Tests that
// are Python run in a jail of their own, and only plain data crosses to the program and back; changes that a function
// makes to its arguments do not come back.
//
// `failed`, never `wrong`: no sandbox of the tier asked for; a jail that broke twice; a row without usable tests; tests
// that broke before they called the function. `no_answer`: no program after the thought.
//
// Throws r1::UsageError for options out of range, r1::Error for a journal that cannot be opened. judge() throws nothing
// for what a program or a row is like; it may start options.workers threads' worth of jails, which live until the end.
// Not thread safe.
std::unique_ptr<Reward> make_code_reward(const CodeOptions& options);

}  // namespace r1
