// A child process whose file operations are watched, made to fail, or cut off by SIGKILL, one by one (ptrace): what
// strace -e inject does, inside a test.
#pragma once

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>

#include "base/error.h"

namespace r1 {

// One system call that touches files, before it happens.
struct FileCall {
  pid_t child = 0;
  int64_t number = 0;  // counted from 0
  long call = 0;       // SYS_...
  uint64_t arguments[3] = {};

  bool is(std::initializer_list<long> calls) const { return std::set<long>(calls).contains(call); }
  // What a descriptor of the child is open on.
  std::string path_of(uint64_t descriptor) const {
    std::error_code error;
    return std::filesystem::read_symlink(
               "/proc/" + std::to_string(child) + "/fd/" + std::to_string(static_cast<int>(descriptor)), error)
        .string();
  }
  // A string of the child's memory.
  std::string text_at(uint64_t address) const {
    std::ifstream memory("/proc/" + std::to_string(child) + "/mem", std::ios::binary);
    memory.seekg(static_cast<std::streamoff>(address));
    std::string out;
    std::getline(memory, out, '\0');
    return out;
  }
};

struct ChildEnd {
  bool traced = true;  // false: this machine does not allow it
  bool killed = false;
  int code = -1;      // 0: done, 3: r1::Error, 4: another exception
  int64_t calls = 0;  // file calls seen
};

constexpr int kGoOn = 0, kKill = -1;

// Runs body in a child. `decide` is asked before every file call: kGoOn, kKill, or an errno that the call then fails
// with.
inline ChildEnd run_traced(const std::function<void()>& body, const std::function<int(const FileCall&)>& decide) {
  static const std::set<long> file_calls = {SYS_open,     SYS_openat,   SYS_creat,     SYS_close,     SYS_write,
                                            SYS_pwrite64, SYS_writev,   SYS_fsync,     SYS_fdatasync, SYS_ftruncate,
                                            SYS_rename,   SYS_renameat, SYS_renameat2, SYS_mkdir,     SYS_mkdirat,
                                            SYS_unlink,   SYS_unlinkat, SYS_rmdir};
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(99);
    raise(SIGSTOP);
    int code = 0;
    try {
      body();
    } catch (const Error&) {
      code = 3;
    } catch (...) {
      code = 4;
    }
    _exit(code);
  }
  ChildEnd end;
  int status = 0, failure = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status)) return end.traced = false, end;
  ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  for (bool entry = true;;) {
    ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    waitpid(child, &status, 0);
    if (WIFEXITED(status) || WIFSIGNALED(status)) break;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
    user_regs_struct registers{};
    ptrace(PTRACE_GETREGS, child, nullptr, &registers);
    if (entry && file_calls.contains(static_cast<long>(registers.orig_rax))) {
      const int decision = decide(
          {child, end.calls++, static_cast<long>(registers.orig_rax), {registers.rdi, registers.rsi, registers.rdx}});
      if (decision == kKill) kill(child, SIGKILL);
      if (decision > 0) {
        failure = decision;
        registers.orig_rax = static_cast<unsigned long long>(-1);  // no call at all
        ptrace(PTRACE_SETREGS, child, nullptr, &registers);
      }
    } else if (!entry && failure != 0) {
      registers.rax = static_cast<unsigned long long>(-failure);
      ptrace(PTRACE_SETREGS, child, nullptr, &registers);
      failure = 0;
    }
    entry = !entry;
  }
  end.killed = WIFSIGNALED(status);
  end.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return end;
}

}  // namespace r1
