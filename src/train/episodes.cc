#include "train/episodes.h"

#include "base/error.h"
#include "base/threads.h"

namespace r1 {
namespace {
using Json = nlohmann::ordered_json;
}

void Episodes::begin(size_t request, const DataRow& row, const Prompt& prompt, size_t samples) {
  for (size_t s = 0; s < samples; s++) {
    std::unique_ptr<Episode> episode = environment_.begin(row);
    if (!episode) return;
    live_[{request, static_cast<int>(s)}] = {std::move(episode), prompt.prefilled, {}};
  }
}

void Episodes::attach(SamplingOptions& options, Sampler::Hooks& hooks) {
  if (live_.empty()) {
    options.max_turn_tokens = 0;
    return;
  }
  for (const std::string& stop : environment_.stop_texts()) options.stop_texts.push_back(stop);
  hooks.turns = [this](const std::vector<TurnEnd>& turns) { return reply(turns); };
}

std::vector<TurnReply> Episodes::reply(const std::vector<TurnEnd>& turns) {
  std::vector<TurnReply> out(turns.size());
  parallel_for(static_cast<int64_t>(turns.size()), [&](int64_t i) {  // tools' programs run side by side
    const TurnEnd& turn = turns[static_cast<size_t>(i)];
    const auto it = live_.find({turn.request, turn.sample});
    if (it != live_.end()) out[static_cast<size_t>(i)] = reply(turn, it->second);
  });
  return out;
}

TurnReply Episodes::reply(const TurnEnd& turn, Live& live) {
  const Observation seen = live.episode->step(turn.text, turn.end_token || !turn.stopped, live.prefilled);
  if (seen.done) return {};
  if (seen.same_turn) return {.done = false, .ids = prompts_.plain(seen.text)};
  live.prefilled = prompts_.next_prefilled();
  return {.done = false, .ids = prompts_.next_turn(seen.text, turn.end_token ? turn.last : -1)};
}

Json Episodes::row_for_reward(size_t request, int sample, const Json& row) {
  const auto it = live_.find({request, sample});
  if (it == live_.end()) return row;
  it->second.result = it->second.episode->result();
  Json out = row;
  out["episode"] = it->second.result;
  return out;
}

const Json& Episodes::result(size_t request, int sample) const {
  static const Json none;
  const auto it = live_.find({request, sample});
  return it == live_.end() ? none : it->second.result;
}

Json episode_metrics(const std::vector<Json>& results) {
  Json out = Json::object();
  double games = 0, turns = 0, tools = 0, calls = 0, errors = 0;
  std::map<std::string, double> ends;
  for (const Json& r : results) {
    if (!r.is_object()) continue;
    if (r.contains("end")) {
      games++;
      turns += r["turns"].get<double>();
      ends[r["end"].get<std::string>()]++;
    }
    if (r.contains("tool_calls")) {
      tools++;
      calls += r["tool_calls"].get<double>();
      errors += r["tool_errors"].get<double>();
    }
  }
  if (games > 0) {
    for (const char* end : {"win", "draw", "loss", "illegal", "unfinished"})
      out[std::string("game/") + end] = ends[end] / games;
    out["game/turns"] = turns / games;
  }
  if (tools > 0) {
    out["tools/calls"] = calls / tools;
    out["tools/errors"] = errors / tools;
  }
  return out;
}

std::string transcript(const Completion& c, const Tokenizer* tokenizer) {
  return c.learn.empty() || tokenizer == nullptr ? c.text : tokenizer->decode(c.ids, true);
}

}  // namespace r1
