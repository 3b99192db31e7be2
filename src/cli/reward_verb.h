// `r1 reward NAME`: verdicts over JSON lines.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace r1 {

// Registers the verb; `action` becomes its run when it is the one that was asked for.
void add_reward_verb(CLI::App& app, std::function<int()>& action);

}  // namespace r1
