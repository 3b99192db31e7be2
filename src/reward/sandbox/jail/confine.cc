#include "reward/sandbox/jail/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <initializer_list>

namespace r1::jail {
namespace {

bool write_file(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t size = static_cast<ssize_t>(strlen(text));
  const bool ok = write(fd, text, static_cast<size_t>(size)) == size;
  const int error = errno;
  close(fd);
  errno = error;
  return ok;
}

constexpr uint64_t kLargestStack = uint64_t{64} << 20;  // threads get as much each

bool set_limit(int which, uint64_t value) {
  const rlimit limit = {value, value};
  return setrlimit(static_cast<__rlimit_resource>(which), &limit) == 0;
}

bool set_limits(const Limits& l, bool namespaces) {
  const uint64_t seconds = l.cpu_us / 1000000 + 2;  // a backstop; the keeper counts finer, and all processes
  const uint64_t stack = l.memory_bytes / 4 < kLargestStack ? l.memory_bytes / 4 : kLargestStack;
  // Without namespaces the user's other processes count too; the filter denies new ones there.
  return set_limit(RLIMIT_AS, l.memory_bytes) && set_limit(RLIMIT_CPU, seconds) &&
         set_limit(RLIMIT_FSIZE, l.disk_bytes) && (!namespaces || set_limit(RLIMIT_NPROC, l.processes)) &&
         set_limit(RLIMIT_NOFILE, l.files) && set_limit(RLIMIT_STACK, stack) && set_limit(RLIMIT_CORE, 0) &&
         set_limit(RLIMIT_MEMLOCK, 0) && set_limit(RLIMIT_MSGQUEUE, 0) && set_limit(RLIMIT_RTPRIO, 0) &&
         set_limit(RLIMIT_SIGPENDING, 256);
}

// Newer than Debian 12's header.
constexpr uint64_t kTruncate = 1u << 14, kIoctlDevice = 1u << 15;
constexpr uint64_t kTcp = 3, kScopes = 3;  // bind and connect; abstract sockets and signals
struct Ruleset {
  uint64_t files, net, scoped;
};

bool allow(int ruleset, const char* path, uint64_t rights) {
  const int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return true;  // not in this jail
  landlock_path_beneath_attr rule = {};
  rule.allowed_access = rights;
  rule.parent_fd = fd;
  const long made = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  const int error = errno;
  close(fd);
  errno = error;
  return made == 0;
}

bool lock_files(bool has_tmp) {
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return false;
  uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  if (abi >= 2) all |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) all |= kTruncate;
  if (abi >= 5) all |= kIoctlDevice;
  Ruleset set = {all, abi >= 4 ? kTcp : 0, abi >= 6 ? kScopes : 0};
  const size_t size = abi >= 6 ? sizeof set : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
  const int fd = static_cast<int>(syscall(SYS_landlock_create_ruleset, &set, size, 0));
  if (fd < 0) return false;
  const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR, run = LANDLOCK_ACCESS_FS_EXECUTE;
  const uint64_t device = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | (all & kTruncate);
  const uint64_t own = all & ~(run | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                               LANDLOCK_ACCESS_FS_MAKE_SOCK | kIoctlDevice);
  bool ok = !has_tmp || allow(fd, "/tmp", own);
  for (const char* path : {"/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/include", "/usr/bin", "/lib", "/lib64"})
    ok = ok && allow(fd, path, read | run);
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})
    ok = ok && allow(fd, path, device);
  ok = ok && syscall(SYS_landlock_restrict_self, fd, 0) == 0;
  const int error = errno;
  close(fd);
  errno = error;
  return ok;
}

bool drop_capabilities() {
  for (int cap = 0; cap < 64; cap++)
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EINVAL && errno != EPERM) return false;
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

}  // namespace

int furnish_namespaces(uint32_t outer_uid, uint32_t outer_gid, uint64_t disk_bytes, const char** what) {
  char map[64];
  *what = "/proc/self/uid_map";
  if (!write_file("/proc/self/setgroups", "deny")) return -1;
  snprintf(map, sizeof map, "65534 %u 1", outer_uid);
  if (!write_file("/proc/self/uid_map", map)) return -1;
  snprintf(map, sizeof map, "65534 %u 1", outer_gid);
  if (!write_file("/proc/self/gid_map", map)) return -1;
  *what = "mount /";
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return -1;
  const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  *what = "mount /proc";
  if (mount("proc", "/proc", "proc", flags, nullptr) != 0) return -1;
  const int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return -1;
  if (mount("tmpfs", "/proc", "tmpfs", flags | MS_RDONLY, "size=4k,nr_inodes=2,mode=0555") != 0) return -1;
  *what = "mount /tmp";
  snprintf(map, sizeof map, "size=%lluk,nr_inodes=512,mode=0777", static_cast<unsigned long long>(disk_bytes >> 10));
  if (mount("tmpfs", "/tmp", "tmpfs", flags, map) != 0) return -1;
  return proc;
}

bool confine(const Locks& locks, const char** what) {
  const Setup& setup = *locks.setup;
  *what = "no_new_privs";
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  *what = "Landlock";
  if (setup.landlock && !lock_files(setup.namespaces)) return false;
  *what = "capabilities";
  if (!drop_capabilities()) return false;
  *what = "resource limits";
  if (!set_limits(*locks.limits, setup.namespaces)) return false;
  *what = "seccomp";
  if (setup.filter_bytes == 0) return true;
  sock_fprog program = {static_cast<unsigned short>(setup.filter_bytes / sizeof(sock_filter)),
                        static_cast<sock_filter*>(const_cast<void*>(locks.filter))};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

}  // namespace r1::jail
