// The command line: words to verbs. The list of verbs and flags is a contract (DESIGN section 5).
#pragma once

namespace r1 {

// Exit codes: 0 done, 1 failed, 2 wrong use.
int run_app(int argc, char** argv);

}  // namespace r1
