#include "reward/compiled_programs.h"

#include "base/durable_file.h"

namespace r1 {

std::optional<CompiledProgram> CompiledPrograms::find(const std::string& source) {
  const std::string key = sha256_hex(source);
  const std::lock_guard lock(mu_);
  const auto it = where_.find(key);
  if (it == where_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, it->second);
  return it->second->program;
}

void CompiledPrograms::add(const std::string& source, const CompiledProgram& program) {
  const std::string key = sha256_hex(source);
  const std::lock_guard lock(mu_);
  if (where_.contains(key)) return;
  entries_.push_front({key, program});
  where_[key] = entries_.begin();
  bytes_ += program.executable.size() + program.complaint.size();
  while (bytes_ > most_ && entries_.size() > 1) {
    bytes_ -= entries_.back().program.executable.size() + entries_.back().program.complaint.size();
    where_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

}  // namespace r1
