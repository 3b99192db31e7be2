#include "reward/verdict_journal.h"

#include "base/error.h"
#include "base/json.h"
#include "reward/reward.h"

namespace r1 {

using Json = nlohmann::ordered_json;

VerdictJournal::VerdictJournal(const std::string& path) {
  bool ends_in_line = true;
  std::ifstream old(path, std::ios::binary);
  for (std::string line; std::getline(old, line);) {
    take_line(line);
    ends_in_line = !old.eof();
  }
  file_.open(path, std::ios::app | std::ios::binary);
  if (!file_) fail("{}: cannot be opened for writing; it is the journal of verdicts", path);
  if (!ends_in_line) file_ << "\n";
}

void VerdictJournal::take_line(const std::string& line) {
  const Json j = Json::parse(line, nullptr, false);
  if (!j.is_object() || j.contains("by")) return;
  try {
    Verdict v;
    const std::string name = j.at("verdict");
    for (const Outcome o : {Outcome::correct, Outcome::wrong, Outcome::no_answer})
      if (name == outcome_name(o)) v.outcome = o;
    if (v.outcome == Outcome::failed) return;
    v.score = j.at("score"), v.reason = j.at("reason"), v.extracted = j.at("extracted");
    for (const auto& [part, score] : j.at("parts").items()) v.parts.push_back({part, score.get<double>()});
    verdicts_[j.at("key").get<std::string>()] = v;
  } catch (const Json::exception&) {  // another kind of line
  }
}

std::optional<Verdict> VerdictJournal::find(const std::string& key) {
  const std::lock_guard lock(mu_);
  const auto it = verdicts_.find(key);
  return it == verdicts_.end() ? std::nullopt : std::optional(it->second);
}

namespace {

Json line_of(const std::string& key, const Verdict& v) {
  Json parts = Json::object();
  for (const auto& [name, score] : v.parts) parts[name] = score;
  return {{"key", key},         {"verdict", outcome_name(v.outcome)}, {"score", v.score},
          {"reason", v.reason}, {"extracted", v.extracted},           {"parts", parts}};
}

std::string text_of(const Json& line) { return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

void VerdictJournal::add(const std::string& key, const Verdict& v) {
  if (v.outcome == Outcome::failed) return;
  const std::string line = text_of(line_of(key, v));
  const std::lock_guard lock(mu_);
  if (!verdicts_.emplace(key, v).second) return;
  file_ << line << std::flush;
}

void VerdictJournal::record(const std::string& key, const std::string& by, const Verdict& v) {
  Json line = line_of(key, v);
  line["by"] = by;
  if (v.outcome == Outcome::failed) line["score"] = nullptr;
  const std::lock_guard lock(mu_);
  file_ << text_of(line) << std::flush;
}

}  // namespace r1
