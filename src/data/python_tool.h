// Python that the model may call inside its thought:
//
//   <tool>print(17 * 23)</tool>
//   <output>
//   391
//   </output>
//
// The model writes up to </tool>; the program runs in a jail (reward/sandbox), alone and anew each time, and what it
// printed follows as text, which is no text of the model. With an error the last line of the traceback follows. The
// tags are plain text and need nothing of a chat template; ```python fences are left to answers that are programs.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "data/environment.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {

inline constexpr std::string_view kToolOpen = "<tool>", kToolClose = "</tool>";

// Thread safety: run() from any threads; each works in a jail of its own, which is kept for the next call.
class PythonTool {
 public:
  // Throws r1::Error where this machine has no sandbox.
  explicit PythonTool(const EnvironmentOptions& options);
  // Printed text, cut at tool_output_bytes, or the error. Valid UTF-8 without control characters but line breaks and
  // tabs. Throws r1::Error when the jail broke, which no program can do.
  std::string run(const std::string& source, bool& failed);

 private:
  const EnvironmentOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Sandbox>> idle_;  // guarded by mutex_
};

// Calls of the tool in what `inner` is told as whole turns; without an inner one a turn's end is the sample's. Borrows
// the tool.
std::unique_ptr<Episode> make_tool_episode(PythonTool& tool, int64_t calls, std::unique_ptr<Episode> inner);

}  // namespace r1
