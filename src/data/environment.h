// What a model talks to: games (games/match.h) and tools (python_tool.h). A row begins an episode; each turn of the
// model is answered by an observation, until the episode or the model's text is at its end.
//
// Everything that an episode does follows from its row and the model's words, so the samples of a group meet the same
// world. What it says is text of people: the caller never lets it become special tokens, nor the model's own words.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/options.h"
#include "data/dataset.h"

namespace r1 {

struct Observation {
  bool done = true;        // the model is not asked again
  bool same_turn = false;  // the text stands inside the model's turn, which goes on behind it (tools)
  std::string text = {};
};

class Episode {
 public:
  virtual ~Episode() = default;
  // `text`: what the model wrote since the last observation. `ended`: by an end token or at the turn's length, and not
  // by one of stop_texts(). `prefilled`: what the prompt had opened of the turn ("<think>\n"). Throws r1::Error where
  // the world is at fault (no sandbox), never for what the model wrote.
  virtual Observation step(std::string_view text, bool ended, std::string_view prefilled) = 0;
  // Once the sample is finished, for the reward: the row's "episode". Null: there is nothing to say.
  virtual nlohmann::ordered_json result() = 0;
};

struct EnvironmentOptions {
  std::string tools = "none";  // or python
  int64_t tool_calls = 4;      // of a sample
  double tool_cpu_seconds = 2, tool_idle_seconds = 2;
  int64_t tool_memory_mb = 256;
  int64_t tool_output_bytes = 500;  // of what is put back
  int64_t max_turn_tokens = 0;      // a turn ends there; 0: max_completion_length alone
  void declare(OptionTable& table);
  void check() const;
};

// Thread safety: begin() and different episodes from any threads; one episode from one thread at a time.
class Environment {
 public:
  virtual ~Environment() = default;
  // Null: the row is one question and one answer.
  virtual std::unique_ptr<Episode> begin(const DataRow& row) = 0;
  // Texts that end the model's words for an observation.
  virtual std::vector<std::string> stop_texts() const { return {}; }
};

// Games by their rows ("game"), with the tools asked for. Throws r1::Error for tools where no sandbox is to be had.
std::unique_ptr<Environment> make_environment(const EnvironmentOptions& options);

}  // namespace r1
