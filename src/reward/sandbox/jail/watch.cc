#include "reward/sandbox/jail/watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace r1::jail {
namespace {

// The start of a small file, ended by a zero; empty when the process has gone.
bool read_start(int proc, const char* pid, const char* name, char (&text)[1024]) {
  char path[64];
  snprintf(path, sizeof path, "%s/%s", pid, name);
  text[0] = 0;
  const int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  text[n > 0 ? n : 0] = 0;
  return n > 0;
}

// Fields 14 to 17 of proc(5)'s stat: user and system time, own and of children waited for. The name in the second field
// is the program's to choose, parentheses and all, so the count starts after the last one.
uint64_t cpu_of(const char* stat) {
  const char* at = strrchr(stat, ')');
  if (at == nullptr) return 0;
  for (int field = 2; field < 14 && at != nullptr; field++) at = strchr(at + 1, ' ');
  if (at == nullptr) return 0;
  unsigned long long t[4] = {};
  sscanf(at, "%llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3]);
  static const uint64_t tick_us = 1000000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  return (t[0] + t[1] + t[2] + t[3]) * tick_us;
}

uint64_t proportional_bytes(int proc, const char* pid) {
  char text[1024];
  if (!read_start(proc, pid, "smaps_rollup", text)) return 0;
  const char* at = strstr(text, "\nPss:");
  return at != nullptr ? strtoull(at + 5, nullptr, 10) * 1024 : 0;
}

template <typename Visit>
void each_process(int proc, Visit visit) {
  const int copy = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* folder = copy >= 0 ? fdopendir(copy) : nullptr;
  if (folder == nullptr) return;
  while (const dirent* entry = readdir(folder))
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && strcmp(entry->d_name, "1") != 0) visit(entry->d_name);
  closedir(folder);
}

uint64_t waiting_us(int proc, const char* pid) {
  char text[1024];
  unsigned long long run_ns = 0, wait_ns = 0;
  if (!read_start(proc, pid, "schedstat", text) || sscanf(text, "%llu %llu", &run_ns, &wait_ns) != 2) return 0;
  return wait_ns / 1000;
}

}  // namespace

uint64_t waiting_us_of(int pid) {
  char name[16];
  snprintf(name, sizeof name, "%d", pid);
  const int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return 0;
  const uint64_t us = waiting_us(proc, name);
  close(proc);
  return us;
}

Usage read_usage(int proc, uint64_t memory_bytes) {
  Usage sum;
  static const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  each_process(proc, [&](const char* pid) {
    char text[1024];
    if (read_start(proc, pid, "stat", text)) sum.cpu_us += cpu_of(text);
    unsigned long long a = 0, b = 0;
    sum.waiting_us += waiting_us(proc, pid);
    if (read_start(proc, pid, "statm", text) && sscanf(text, "%llu %llu", &a, &b) == 2) sum.resident += b * page;
  });
  if (sum.resident <= memory_bytes) return sum;
  uint64_t exact = 0;
  each_process(proc, [&](const char* pid) { exact += proportional_bytes(proc, pid); });
  sum.too_large = exact > memory_bytes;
  return sum;
}

}  // namespace r1::jail
