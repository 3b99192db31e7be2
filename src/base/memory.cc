#include "base/memory.h"

#include <malloc.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

namespace r1 {
namespace {

namespace fs = std::filesystem;

// The number behind `key` in a file of "key number [kB]" lines.
std::optional<size_t> number_of(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::stringstream words(line);
    std::string name, unit;
    size_t value = 0;
    if (!(words >> name >> value) || name != key) continue;
    words >> unit;
    return unit == "kB" ? value * 1024 : value;
  }
  return std::nullopt;
}

// A file that holds one number; "max" is none.
std::optional<size_t> number_in(const fs::path& path) {
  std::ifstream file(path);
  size_t value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

// What the file's line for `controller` names: "0::/a/b" (version 2, controller "") or "4:cpu,memory:/a/b".
std::optional<std::string> group_of(const std::string& own, const std::string& controller) {
  std::ifstream file(own);
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controller.empty() ? names == ",," : names.find("," + controller + ",") != std::string::npos)
      return line.substr(second + 1);
  }
  return std::nullopt;
}

struct GroupNames {
  const char *limit, *used, *droppable;
};

// The limits of a group and of all above it, up to `root`; those that cannot be read do not count.
void tighten(MemoryLimit& best, size_t resident, const fs::path& root, const std::string& group,
             const GroupNames& names) {
  fs::path at = root / fs::path(group).relative_path();
  for (;; at = at.parent_path()) {
    const auto limit = number_in(at / names.limit), used = number_in(at / names.used);
    if (limit && used) {
      const size_t cache = number_of((at / "memory.stat").string(), names.droppable).value_or(0);
      const size_t taken = *used > cache ? *used - cache : 0, free = *limit > taken ? *limit - taken : 0;
      if (free + resident < best.bytes) best = {free + resident, (at / names.limit).string()};
    }
    if (at == root || !at.has_relative_path()) return;
  }
}

}  // namespace

size_t resident_bytes() { return number_of("/proc/self/status", "VmRSS:").value_or(0); }
size_t peak_resident_bytes() { return number_of("/proc/self/status", "VmHWM:").value_or(0); }

bool reset_peak_resident() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return static_cast<bool>(file);
}

void return_large_blocks() { mallopt(M_MMAP_THRESHOLD, 4 << 20); }
void release_freed_memory() { malloc_trim(0); }

MemoryLimit memory_limit(size_t resident, const MemoryFiles& files) {
  constexpr size_t kNone = std::numeric_limits<size_t>::max();
  MemoryLimit best{kNone, "none"};
  if (const auto available = number_of(files.meminfo, "MemAvailable:"))
    best = {*available + resident, files.meminfo + " (MemAvailable)"};
  const fs::path root(files.cgroups);
  if (const auto group = group_of(files.own_cgroup, ""))
    tighten(best, resident, root, *group, {"memory.max", "memory.current", "inactive_file"});
  if (const auto group = group_of(files.own_cgroup, "memory"))
    tighten(best, resident, root / "memory", *group,
            {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"});
  return best;
}

}  // namespace r1
