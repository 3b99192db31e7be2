// r1 inspect.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace r1 {

// Registers the verb; when it is given, `action` does it.
void add_inspect_verb(CLI::App& app, std::function<int()>& action);

}  // namespace r1
