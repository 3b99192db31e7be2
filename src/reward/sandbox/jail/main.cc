// The stage: what runs inside the jail on r1's behalf. It waits for a request, starts a keeper for it (in new
// namespaces where there are any), and waits until the keeper and everything below it are gone before it looks at the
// next. The keeper reads the request, furnishes the namespaces, forks the program, feeds and reads its pipes, watches
// its limits, kills all that is left, and replies. The stage itself never reads a request: nothing of one program can
// be found by the next.
//
// Built twice, and embedded in r1 both times: as a static program, and as a library that the warm Python interpreter
// loads, so that a Python program is a fork of it (driver.py). Plain C++ over system calls: no exceptions, no standard
// library, nothing that a fork could find locked.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <initializer_list>

#include "reward/sandbox/jail/confine.h"
#include "reward/sandbox/jail/inside.h"
#include "reward/sandbox/jail/watch.h"

namespace r1::jail {
namespace {

constexpr uint64_t kTickUs = 20000;  // between looks at what the program takes

struct Bytes {
  char* data = nullptr;
  uint64_t size = 0;
};

uint64_t now_us() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000 + static_cast<uint64_t>(t.tv_nsec) / 1000;
}

char* pages(uint64_t size) {
  void* p = mmap(nullptr, size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<char*>(p);
}

bool read_all(int fd, void* to, uint64_t size) {
  for (uint64_t done = 0; done < size;) {
    const ssize_t n = read(fd, static_cast<char*>(to) + done, size - done);
    if (n <= 0 && !(n < 0 && errno == EINTR)) return false;
    if (n > 0) done += static_cast<uint64_t>(n);
  }
  return true;
}

bool write_all(int fd, const void* from, uint64_t size) {
  for (uint64_t done = 0; done < size;) {
    const ssize_t n = send(fd, static_cast<const char*>(from) + done, size - done, MSG_NOSIGNAL);
    if (n <= 0 && !(n < 0 && errno == EINTR)) return false;
    if (n > 0) done += static_cast<uint64_t>(n);
  }
  return true;
}

bool read_blob(int fd, uint64_t size, Bytes& out) {
  if (size > kLargestPart) return false;
  out = {pages(size), size};
  return out.data != nullptr && read_all(fd, out.data, size);
}

// The request's head, and the descriptor that came with it (or -1).
bool read_request(int control, Request& request, int& channel) {
  iovec part = {&request, sizeof request};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part, message.msg_iovlen = 1;
  message.msg_control = space, message.msg_controllen = sizeof space;
  const ssize_t n = recvmsg(control, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  if (n != static_cast<ssize_t>(sizeof request) || request.magic != kMagic) return false;
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  channel = -1;
  if (head != nullptr && head->cmsg_type == SCM_RIGHTS) memcpy(&channel, CMSG_DATA(head), sizeof channel);
  return (channel >= 0) == (request.has_channel != 0);
}

// Ends of pipes that the program gets, above the numbers it will see them under.
struct Pipe {
  int read = -1, write = -1;
  bool open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    read = fcntl(ends[0], F_DUPFD_CLOEXEC, 16);
    write = fcntl(ends[1], F_DUPFD_CLOEXEC, 16);
    close(ends[0]), close(ends[1]);
    return read >= 0 && write >= 0;
  }
};

// A pipe that the keeper reads, up to a limit.
struct Sink {
  Pipe pipe;
  Bytes bytes;
  bool full = false;
  // False at the end of the stream.
  bool take(uint64_t most) {
    char* to = bytes.data + bytes.size;
    char spill;
    const uint64_t room = most - bytes.size;
    const ssize_t n = ::read(pipe.read, room > 0 ? to : &spill, room > 0 ? (room < 65536 ? room : 65536) : 1);
    if (n > 0 && room == 0) full = true;
    if (n > 0 && room > 0) bytes.size += static_cast<uint64_t>(n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
  }
};

class Keeper {
 public:
  Keeper(int control, const Setup& setup, const void* filter) : control_(control), setup_(setup), filter_(filter) {}

  // In the keeper: never returns. In the program's process: returns once it is confined, when the mode is `driver`.
  void run(uint32_t outer_uid, uint32_t outer_gid);
  Bytes program() const { return program_; }

 private:
  [[noreturn]] void broken(const char* what, int error);
  [[noreturn]] void reply();
  void start();
  void become_program(int ready);
  void exec_program();
  void watch();
  void pump(int timeout_ms);
  void check_limits();
  void end_all();
  void take_executable();
  void reap(int options);
  void finish(Ending ending) {
    if (!done_) ending_ = ending;
    done_ = true;
  }

  int control_, channel_ = -1, proc_ = -1, exit_fd_ = -1, input_file_ = -1;
  const Setup& setup_;
  const void* filter_;
  Request request_;
  Bytes program_, input_;
  uint64_t input_done_ = 0, start_us_ = 0, next_tick_us_ = 0, waiting_us_ = 0, cpu_us_ = 0;
  Pipe in_;
  Sink out_, err_, result_;
  pid_t pid_ = -1;
  bool done_ = false, exited_ = false;
  Ending ending_ = Ending::broken;
  int32_t code_ = 0;
};

void Keeper::broken(const char* what, int error) {
  char text[256];
  const int n = snprintf(text, sizeof text, "%s: %s", what, strerror(error));
  Reply reply;
  reply.stderr_bytes = static_cast<uint64_t>(n);
  const bool sent = write_all(control_, &reply, sizeof reply) && write_all(control_, text, reply.stderr_bytes);
  _exit(sent ? 0 : 1);
}

void Keeper::reply() {
  rusage used = {};
  getrusage(RUSAGE_CHILDREN, &used);
  const auto us = [](const timeval& t) {
    return static_cast<uint64_t>(t.tv_sec) * 1000000 + static_cast<uint64_t>(t.tv_usec);
  };
  const uint64_t reaped_us = us(used.ru_utime) + us(used.ru_stime);
  Reply reply;
  reply.ending = ending_, reply.code = code_;
  reply.cpu_us = reaped_us > cpu_us_ ? reaped_us : cpu_us_;
  reply.wall_us = now_us() - start_us_;
  reply.memory_bytes = static_cast<uint64_t>(used.ru_maxrss) * 1024;
  // between two looks it may have passed the limit and ended: the same verdict as if it had been seen
  if ((ending_ == Ending::exited || ending_ == Ending::signaled) && reply.cpu_us > request_.limits.cpu_us)
    reply.ending = Ending::cpu_time;
  reply.stdout_bytes = out_.bytes.size, reply.stderr_bytes = err_.bytes.size, reply.result_bytes = result_.bytes.size;
  bool sent = write_all(control_, &reply, sizeof reply);
  for (const Sink* sink : {&out_, &err_, &result_})
    sent = sent && write_all(control_, sink->bytes.data, sink->bytes.size);
  _exit(sent ? 0 : 1);
}

void Keeper::run(uint32_t outer_uid, uint32_t outer_gid) {
  signal(SIGPIPE, SIG_IGN);
  if (!read_request(control_, request_, channel_) || !read_blob(control_, request_.program_bytes, program_) ||
      !read_blob(control_, request_.input_bytes, input_))
    _exit(1);
  const char* what = "";
  if (setup_.namespaces) {
    proc_ = furnish_namespaces(outer_uid, outer_gid, request_.limits.disk_bytes, &what);
    if (proc_ < 0) broken(what, errno);
  }
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  start();
  if (pid_ == 0) return;
  watch();
  end_all();
  if (request_.mode == Mode::compile && ending_ == Ending::exited && code_ == 0) take_executable();
  reply();
}

void Keeper::start() {
  Pipe ready;  // closed by exec or by hand once the locks are on; says what failed before
  if (!in_.open() || !out_.pipe.open() || !err_.pipe.open() || !result_.pipe.open() || !ready.open())
    broken("pipe", errno);
  if (request_.mode == Mode::binary) {
    input_file_ = static_cast<int>(syscall(SYS_memfd_create, "program", 3u /* CLOEXEC, sealable */));
    if (input_file_ < 0 || write(input_file_, program_.data, program_.size) != static_cast<ssize_t>(program_.size) ||
        fchmod(input_file_, 0555) != 0)
      broken("memfd", errno);
    fcntl(input_file_, F_ADD_SEALS, 0xF);
  } else if (request_.mode == Mode::compile) {
    const int fd = open("/tmp/main.cc", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0 || write(fd, program_.data, program_.size) != static_cast<ssize_t>(program_.size))
      broken("/tmp/main.cc", errno);
    close(fd);
  }
  start_us_ = now_us();
  pid_ = fork();
  if (pid_ < 0) broken("fork", errno);
  if (pid_ == 0) return become_program(ready.write);
  exit_fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (exit_fd_ < 0) broken("pidfd_open", errno);
  close(ready.write), close(in_.read), close(out_.pipe.write), close(err_.pipe.write), close(result_.pipe.write);
  if (channel_ >= 0) close(channel_);
  char what[64] = {};
  int report[1] = {0};
  if (read(ready.read, report, sizeof report) == static_cast<ssize_t>(sizeof report)) {
    if (read(ready.read, what, sizeof what - 1) < 0) what[0] = 0;
    broken(what, report[0]);
  }
  close(ready.read);
  for (const int fd : {in_.write, out_.pipe.read, err_.pipe.read, result_.pipe.read}) fcntl(fd, F_SETFL, O_NONBLOCK);
  const uint64_t most = request_.limits.output_bytes;
  for (Sink* sink : {&out_, &err_, &result_})
    if ((sink->bytes.data = pages(most)) == nullptr) broken("memory", errno);
}

// In the program's process: its five descriptors and nothing else, then the locks.
void Keeper::become_program(int ready) {
  const auto give_up = [&](const char* what) {
    const int error = errno;
    if (write(ready, &error, sizeof error) < 0 || write(ready, what, strlen(what)) < 0) _exit(1);
    _exit(1);
  };
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
  for (int s : {SIGPIPE, SIGXFSZ})
    if (request_.mode == Mode::driver) signal(s, SIG_IGN);  // as Python starts
  setsid();
  umask(0022);
  // high numbers first, so that no descriptor is overwritten before it was moved
  const int channel = channel_ >= 0 ? fcntl(channel_, F_DUPFD_CLOEXEC, 16) : -1;
  const int program = input_file_ >= 0 ? fcntl(input_file_, F_DUPFD_CLOEXEC, 16) : -1;
  if (dup2(in_.read, 0) < 0 || dup2(out_.pipe.write, 1) < 0 || dup2(err_.pipe.write, 2) < 0 ||
      dup2(result_.pipe.write, 3) < 0 || (channel >= 0 && dup2(channel, 4) < 0))
    give_up("descriptors");
  const int last = channel >= 0 ? 5 : 4;
  if (dup3(ready, last, O_CLOEXEC) < 0) give_up("descriptors");
  ready = last;
  unsigned first_closed = static_cast<unsigned>(last) + 1;
  if (program >= 0) input_file_ = dup3(program, last + 1, O_CLOEXEC), first_closed++;
  if (syscall(SYS_close_range, first_closed, ~0u, 0) != 0) give_up("close_range");
  if (setup_.namespaces && chdir("/tmp") != 0) give_up("/tmp");
  const char* what = "";
  if (!confine({&setup_, filter_, &request_.limits}, &what)) give_up(what);
  if (request_.mode == Mode::driver) {
    close(ready);
    return;
  }
  exec_program();
  give_up(request_.mode == Mode::compile ? "/usr/bin/g++" : "the program");
}

void Keeper::exec_program() {
  static char* const environment[] = {const_cast<char*>("PATH=/usr/bin"), const_cast<char*>("HOME=/tmp"),
                                      const_cast<char*>("LANG=C.UTF-8"), nullptr};
  if (request_.mode == Mode::binary) {
    char* const arguments[] = {const_cast<char*>("main"), nullptr};
    syscall(SYS_execveat, input_file_, "", arguments, environment, AT_EMPTY_PATH);
    return;
  }
  static const char* const arguments[] = {"g++",     "-std=gnu++20",     "-O2",          "-pipe",
                                          "-static", "-fmax-errors=5",   "-w",           "-fno-diagnostics-color",
                                          "-o",      "/tmp/program.out", "/tmp/main.cc", nullptr};
  execve("/usr/bin/g++", const_cast<char* const*>(arguments), environment);
}

void Keeper::reap(int options) {
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, options);
    if (pid <= 0) {
      if (pid < 0 && errno == EINTR) continue;
      return;
    }
    if (pid != pid_) continue;
    exited_ = true;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    finish(WIFEXITED(status) ? Ending::exited : Ending::signaled);
  }
}

void Keeper::check_limits() {
  const Limits& l = request_.limits;
  reap(WNOHANG);  // orphans of the program, which nobody else waits for
  const uint64_t elapsed = now_us() - start_us_;
  if (proc_ >= 0) {
    const Usage usage = read_usage(proc_, l.memory_bytes);
    rusage reaped = {};
    getrusage(RUSAGE_CHILDREN, &reaped);
    const uint64_t cpu = usage.cpu_us +
                         static_cast<uint64_t>(reaped.ru_utime.tv_sec + reaped.ru_stime.tv_sec) * 1000000 +
                         static_cast<uint64_t>(reaped.ru_utime.tv_usec + reaped.ru_stime.tv_usec);
    if (cpu > cpu_us_) cpu_us_ = cpu;
    if (usage.waiting_us > waiting_us_) waiting_us_ = usage.waiting_us;
    if (usage.too_large) finish(Ending::memory);
  } else {
    clockid_t clock;
    timespec t = {};
    if (clock_getcpuclockid(pid_, &clock) == 0 && clock_gettime(clock, &t) == 0)
      cpu_us_ = static_cast<uint64_t>(t.tv_sec) * 1000000 + static_cast<uint64_t>(t.tv_nsec) / 1000;
    const uint64_t waiting = waiting_us_of(pid_);
    if (waiting > waiting_us_) waiting_us_ = waiting;
  }
  if (cpu_us_ > l.cpu_us) finish(Ending::cpu_time);
  // Time on a core or waiting for one is not idle: a busy machine does not make a program slower than it is.
  const uint64_t busy = cpu_us_ + waiting_us_;
  if (elapsed > l.wall_us || (elapsed > busy && elapsed - busy > l.idle_us)) finish(Ending::wall_time);
}

// One round of input, output and exits.
void Keeper::pump(int timeout_ms) {
  pollfd polls[6] = {{exit_fd_, POLLIN, 0},       {control_, POLLRDHUP, 0},    {in_.write, POLLOUT, 0},
                     {out_.pipe.read, POLLIN, 0}, {err_.pipe.read, POLLIN, 0}, {result_.pipe.read, POLLIN, 0}};
  if (poll(polls, 6, timeout_ms) <= 0) return;
  if (polls[1].revents != 0) _exit(1);  // r1 has gone; the namespace ends with this process
  if (polls[2].revents != 0) {
    const uint64_t left = input_.size - input_done_;
    const ssize_t n = left > 0 ? write(in_.write, input_.data + input_done_, left) : 0;
    if (n > 0) input_done_ += static_cast<uint64_t>(n);
    if (input_done_ == input_.size || (n < 0 && errno != EAGAIN && errno != EINTR)) {
      close(in_.write);
      in_.write = -1;
    }
  }
  Sink* const sinks[3] = {&out_, &err_, &result_};
  for (int i = 0; i < 3; i++) {
    if (polls[3 + i].revents == 0) continue;
    if (!sinks[i]->take(request_.limits.output_bytes)) {
      close(sinks[i]->pipe.read);
      sinks[i]->pipe.read = -1;
    }
    if (sinks[i]->full) finish(Ending::output);
  }
  if (polls[0].revents != 0) reap(WNOHANG);
}

void Keeper::watch() {
  next_tick_us_ = start_us_ + kTickUs;
  while (!done_) {
    const uint64_t now = now_us();
    if (now >= next_tick_us_) {
      check_limits();
      next_tick_us_ = now_us() + kTickUs;
    } else {
      pump(static_cast<int>((next_tick_us_ - now + 999) / 1000));
    }
  }
}

// Whatever is left of the program ends now. What it wrote before is still in the pipes.
void Keeper::end_all() {
  if (setup_.namespaces || !exited_) kill(setup_.namespaces ? -1 : pid_, SIGKILL);
  reap(0);
  for (Sink* sink : {&out_, &err_, &result_})
    while (sink->pipe.read >= 0 && !sink->full) {
      const uint64_t before = sink->bytes.size;
      if (!sink->take(request_.limits.output_bytes) || (sink->bytes.size == before && !sink->full)) break;
    }
  if ((out_.full || err_.full || result_.full) && ending_ == Ending::exited) ending_ = Ending::output;
}

// The compiler's product, from the keeper's own /tmp, when all that could touch it has ended.
void Keeper::take_executable() {
  const int fd = open("/tmp/program.out", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  struct stat s = {};
  if (fd < 0 || fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) || static_cast<uint64_t>(s.st_size) > kLargestPart) {
    ending_ = Ending::output;
    return;
  }
  result_.bytes = {pages(static_cast<uint64_t>(s.st_size)), static_cast<uint64_t>(s.st_size)};
  if (result_.bytes.data == nullptr || !read_all(fd, result_.bytes.data, result_.bytes.size))
    broken("/tmp/program.out", errno);
  close(fd);
}

Bytes g_program;

// Serves requests on `control`; returns in a program's own process, for mode `driver`.
void serve(int control) {
  Setup setup;
  Bytes filter;
  if (!read_all(control, &setup, sizeof setup) || setup.magic != kMagic ||
      !read_blob(control, setup.filter_bytes, filter))
    _exit(2);
  fcntl(control, F_SETFD, FD_CLOEXEC);
  const uint32_t uid = geteuid(), gid = getegid();
  for (;;) {
    pollfd waiting = {control, POLLIN, 0};
    if (poll(&waiting, 1, -1) < 0) continue;
    char first;
    if (recv(control, &first, 1, MSG_PEEK) <= 0) _exit(0);  // r1 has closed its end
    const unsigned long spaces = setup.namespaces ? CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC : 0;
    const long pid = syscall(SYS_clone, spaces | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (pid < 0) _exit(3);
    if (pid == 0) {
      Keeper keeper(control, setup, filter.data);
      keeper.run(uid, gid);
      g_program = keeper.program();
      return;
    }
    int status = 0;
    while (waitpid(static_cast<pid_t>(pid), &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) _exit(4);  // the stream may be at any place
  }
}

}  // namespace
}  // namespace r1::jail

// What driver.py calls.
extern "C" {
__attribute__((visibility("default"))) void r1_jail_serve(int control) { r1::jail::serve(control); }
__attribute__((visibility("default"))) const char* r1_jail_program() { return r1::jail::g_program.data; }
__attribute__((visibility("default"))) size_t r1_jail_program_size() { return r1::jail::g_program.size; }
}

#ifdef R1_JAIL_PROGRAM
int main(int count, char** arguments) {
  if (count < 2) return r1::jail::check_from_inside();
  r1::jail::serve(atoi(arguments[1]));
}
#endif
