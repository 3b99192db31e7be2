// Verdicts that were given, by content: the same program, tests and limits need not run again, and a resumed run gives
// what the first one gave.
#pragma once

#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "reward/verdict.h"

namespace r1 {

// A file of JSON lines {"key","verdict","score","reason","extracted","parts"}; a line that is cut off (the writer was
// stopped) or no such object is passed over. `failed` verdicts are not kept: what failed may work the next time.
// Several journals may write to one file.
// Thread safe. Throws r1::Error when the file cannot be opened for appending.
class VerdictJournal {
 public:
  explicit VerdictJournal(const std::string& path);
  std::optional<Verdict> find(const std::string& key);
  void add(const std::string& key, const Verdict& verdict);
  // A line with "by", which find() does not answer from; of failed verdicts too, whose score is null.
  void record(const std::string& key, const std::string& by, const Verdict& verdict);

 private:
  void take_line(const std::string& line);

  std::mutex mu_;
  std::ofstream file_;                                 // guarded by mu_
  std::unordered_map<std::string, Verdict> verdicts_;  // guarded by mu_
};

}  // namespace r1
