#include "reward/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "base/error.h"

extern char** environ;

namespace r1 {
namespace {

constexpr int kFirstFree = 16;  // above what a child's own ends are moved to

// Two ends that do not reach other children, above the standard three (which may be closed in this process).
struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail("a pipe to a reward's program: {}", std::strerror(errno));
    read = fcntl(ends[0], F_DUPFD_CLOEXEC, kFirstFree);
    write = fcntl(ends[1], F_DUPFD_CLOEXEC, kFirstFree);
    const int error = errno;
    close(ends[0]), close(ends[1]);
    if (read >= 0 && write >= 0) return;
    close_both();
    fail("a pipe to a reward's program: {}", std::strerror(error));
  }
  void close_both() {
    if (read >= 0) close(read);
    if (write >= 0) close(write);
  }
};

std::vector<char*> unbuffered_environment() {
  static char setting[] = "PYTHONUNBUFFERED=1";
  std::vector<char*> out;
  for (char** entry = environ; *entry != nullptr; entry++) out.push_back(*entry);
  out.push_back(setting);
  out.push_back(nullptr);
  return out;
}

// What we ignore or block must not be ignored or blocked in the command.
void set_attributes(posix_spawnattr_t& attributes) {
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  for (int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&defaults, signal);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setsigmask(&attributes, &none);
}

}  // namespace

ChildProcess::ChildProcess(const ChildCommand& command) {
  R1_CHECK(!command.words.empty() && command.input < kFirstFree && command.output < kFirstFree);
  Pipe in;
  Pipe out = [&] {
    try {
      return Pipe();
    } catch (const Error&) {
      in.close_both();
      throw;
    }
  }();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (command.input != 0) posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (command.output != 1) posix_spawn_file_actions_adddup2(&actions, 2, 1);
  posix_spawn_file_actions_adddup2(&actions, in.read, command.input);
  posix_spawn_file_actions_adddup2(&actions, out.write, command.output);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  set_attributes(attributes);
  std::vector<char*> argv, environment = unbuffered_environment();
  for (const std::string& word : command.words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const int error = posix_spawnp(&pid_, argv[0], &actions, &attributes, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    in.close_both(), out.close_both();
    fail("cannot start {}: {}", command.words[0], std::strerror(error));
  }
  close(in.read), close(out.write);
  to_ = in.write;
  from_ = out.read;
  fcntl(to_, F_SETFL, O_NONBLOCK);
  fcntl(from_, F_SETFL, O_NONBLOCK);
}

ChildProcess::~ChildProcess() {
  close_input();
  close(from_);
  kill(-pid_, SIGKILL);  // not reaped yet, so the number is still this group's
  int status;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

ssize_t ChildProcess::write_some(std::string_view bytes) {
  sigset_t pipe, before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const ssize_t n = write(to_, bytes.data(), bytes.size());
  const int error = errno;
  if (n < 0 && error == EPIPE) {
    const timespec now = {};
    sigtimedwait(&pipe, nullptr, &now);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return n;
}

void ChildProcess::close_input() {
  if (to_ >= 0) close(to_);
  to_ = -1;
}

std::string ChildProcess::ending(double seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (;;) {
    siginfo_t info = {};
    // WNOWAIT: reaped by the destructor only, after the group was killed
    if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_)
      return info.si_code == CLD_EXITED ? fmt::format("exit code {}", info.si_status)
                                        : fmt::format("signal {} ({})", info.si_status, strsignal(info.si_status));
    if (std::chrono::steady_clock::now() >= deadline) return "";
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace r1
