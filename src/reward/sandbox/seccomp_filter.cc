#include "reward/sandbox/seccomp_filter.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>

#include "base/error.h"

namespace r1 {
namespace {

// Files, memory, time, signals, threads: what a program without a network needs.
const char* const kAllowed[] = {
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "lseek",
    "open", "openat", "close", "close_range", "creat", "stat", "fstat", "lstat", "newfstatat", "statx", "access",
    "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "getcwd", "chdir", "fchdir", "mkdir",
    "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
    "symlinkat", "truncate", "ftruncate", "fallocate", "fsync", "fdatasync", "sync_file_range", "umask", "flock",
    "fadvise64", "statfs", "fstatfs", "sendfile", "copy_file_range", "splice", "tee", "dup", "dup2", "dup3", "pipe",
    "pipe2", "fcntl", "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait",
    "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime",
    "signalfd", "signalfd4", "inotify_init1", "mmap", "munmap", "mremap", "mprotect", "madvise", "mincore", "msync",
    "brk", "membarrier", "mlock", "munlock", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending",
    "rt_sigsuspend", "rt_sigtimedwait", "sigaltstack", "pause", "alarm", "getitimer", "setitimer", "timer_create",
    "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete", "restart_syscall", "clock_gettime",
    "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times", "getpid", "getppid", "gettid",
    "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "getpgid", "getpgrp", "getsid",
    "setsid", "setpgid", "getpriority", "uname", "sysinfo", "getcpu", "getrandom", "getrlimit", "getrusage", "capget",
    "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max",
    "sched_get_priority_min", "sched_rr_get_interval", "futex", "futex_waitv", "get_robust_list", "set_robust_list",
    "set_tid_address", "rseq", "arch_prctl", "exit", "exit_group",
    // what works on the ends of a socketpair (event loops wake themselves with one)
    "recvfrom", "shutdown", "getsockname", "getpeername", "setsockopt", "getsockopt"};

// With namespaces around it: processes of its own, signals among them, and files of its own (Landlock does not look at
// these calls).
const char* const kProcesses[] = {"fork",
                                  "vfork",
                                  "execve",
                                  "execveat",
                                  "wait4",
                                  "waitid",
                                  "kill",
                                  "tgkill",
                                  "tkill",
                                  "rt_sigqueueinfo",
                                  "rt_tgsigqueueinfo",
                                  "pidfd_open",
                                  "pidfd_send_signal",
                                  "chmod",
                                  "fchmod",
                                  "fchmodat",
                                  "utime",
                                  "utimes",
                                  "utimensat",
                                  "futimesat"};

// Refused, but no reason to end: libraries and curious programs try them and go on.
const char* const kRefused[] = {"socket",
                                "connect",
                                "bind",
                                "listen",
                                "accept",
                                "accept4",
                                "sendmsg",
                                "recvmsg",
                                "sendmmsg",
                                "recvmmsg",
                                "setpriority",
                                "sched_setaffinity",
                                "sched_setscheduler",
                                "sched_setparam",
                                "sched_setattr",
                                "setrlimit",
                                "mlockall",
                                "munlockall",
                                "setuid",
                                "setgid",
                                "setreuid",
                                "setregid",
                                "setresuid",
                                "setresgid",
                                "setgroups",
                                "setfsuid",
                                "setfsgid",
                                "chown",
                                "fchown",
                                "lchown",
                                "fchownat",
                                "mknod",
                                "mknodat",
                                "chroot",
                                "sethostname",
                                "setdomainname",
                                "inotify_add_watch",
                                "shmget",
                                "shmat",
                                "shmctl",
                                "shmdt",
                                "semget",
                                "semop",
                                "semctl",
                                "semtimedop",
                                "msgget",
                                "msgsnd",
                                "msgrcv",
                                "msgctl",
                                "mq_open",
                                "mq_unlink",
                                "getxattr",
                                "setxattr",
                                "lgetxattr",
                                "fgetxattr",
                                "listxattr",
                                "llistxattr",
                                "flistxattr",
                                "memfd_create",
                                "get_mempolicy",
                                "set_mempolicy",
                                "mbind",
                                "ioprio_set",
                                "ioprio_get",
                                "syslog",
                                "settimeofday",
                                "clock_settime",
                                "clock_adjtime",
                                "adjtimex",
                                "sync",
                                "syncfs",
                                "ptrace",
                                "process_vm_readv",
                                "process_vm_writev",
                                "kcmp",
                                "unshare",
                                "setns",
                                "mount",
                                "umount2",
                                "pivot_root",
                                "open_by_handle_at",
                                "name_to_handle_at",
                                "seccomp",
                                "capset",
                                "personality"};

// Unknown to the kernel, as far as the program can tell: the C library falls back to what the filter can look into.
const char* const kMissing[] = {"clone3", "openat2", "io_uring_setup"};

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS)) {
    if (context_ == nullptr) fail("sandbox: libseccomp cannot make a filter");
    check(seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2), "a fast filter");
  }
  ~Filter() { seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void add(uint32_t action, const char* name) {
    const int call = number(name);
    if (call >= 0) check(seccomp_rule_add_array(context_, action, call, 0, nullptr), name);
  }
  void add(uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> when) {
    const int call = number(name);
    if (call >= 0)
      check(seccomp_rule_add_array(context_, action, call, static_cast<unsigned>(when.size()), when.begin()), name);
  }
  std::string bytes() const {
    const int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0) fail("sandbox: memfd_create: {}", std::strerror(errno));
    const int exported = seccomp_export_bpf(context_, fd);
    const off_t size = lseek(fd, 0, SEEK_END);
    std::string out(size > 0 ? static_cast<size_t>(size) : 0, '\0');
    const bool read_all = pread(fd, out.data(), out.size(), 0) == static_cast<ssize_t>(out.size());
    close(fd);
    if (exported != 0 || out.empty() || !read_all) fail("sandbox: libseccomp cannot write its filter");
    return out;
  }

 private:
  // Negative where this architecture or this libseccomp has no such call: then it cannot be allowed, and is not.
  static int number(const char* name) { return seccomp_syscall_resolve_name(name); }
  static void check(int result, const char* what) {
    if (result != 0) fail("sandbox: seccomp filter, {}: {}", what, std::strerror(-result));
  }
  scmp_filter_ctx context_;
};

}  // namespace

std::string make_seccomp_filter(const FilterOptions& options) {
  Filter filter;
  const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
  for (const char* name : kAllowed) filter.add(SCMP_ACT_ALLOW, name);
  for (const char* name : kRefused) filter.add(refuse, name);
  for (const char* name : kMissing) filter.add(SCMP_ACT_ERRNO(ENOSYS), name);
  for (const char* name : kProcesses) filter.add(options.allow_processes ? SCMP_ACT_ALLOW : refuse, name);

  const uint64_t spaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                          CLONE_NEWCGROUP | 0x80 /* CLONE_NEWTIME */;
  const uint64_t needed = options.allow_processes ? 0 : CLONE_THREAD;
  filter.add(SCMP_ACT_ALLOW, "clone", {SCMP_A0(SCMP_CMP_MASKED_EQ, spaces | needed, needed)});
  if (!options.allow_processes) filter.add(refuse, "clone", {SCMP_A0(SCMP_CMP_MASKED_EQ, needed, 0)});
  filter.add(SCMP_ACT_ALLOW, "socketpair", {SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0)});
  filter.add(refuse, "socketpair", {SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0)});
  filter.add(SCMP_ACT_ALLOW, "sendto", {SCMP_A4(SCMP_CMP_EQ, 0, 0)});  // to its other end, no address
  filter.add(refuse, "sendto", {SCMP_A4(SCMP_CMP_NE, 0, 0)});
  // Asking for limits is fine, setting them is not.
  filter.add(SCMP_ACT_ALLOW, "prlimit64", {SCMP_A2(SCMP_CMP_EQ, 0, 0)});
  filter.add(refuse, "prlimit64", {SCMP_A2(SCMP_CMP_NE, 0, 0)});
  // Terminals: only what isatty and the size of a window ask; FIONREAD, FIOCLEX and FIONBIO of files.
  for (const uint64_t request : {TCGETS, TIOCGWINSZ, FIONREAD, FIOCLEX, FIONCLEX, FIONBIO})
    filter.add(SCMP_ACT_ALLOW, "ioctl", {SCMP_A1(SCMP_CMP_MASKED_EQ, 0xFFFFFFFF, request)});
  for (const int option :
       {15 /* SET_NAME */, 16 /* GET_NAME */, 3 /* GET_DUMPABLE */, 1 /* SET_PDEATHSIG */, 0x53564d41 /* SET_VMA */})
    filter.add(SCMP_ACT_ALLOW, "prctl", {SCMP_A0(SCMP_CMP_EQ, static_cast<uint64_t>(option), 0)});
  return filter.bytes();
}

}  // namespace r1
