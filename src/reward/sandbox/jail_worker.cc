#include "reward/sandbox/jail_worker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "reward/sandbox/embedded.h"
#include "reward/sandbox/seccomp_filter.h"

namespace r1 {
namespace {

using Clock = std::chrono::steady_clock;
constexpr unsigned kNobody = 65534;
constexpr int kControl = 3, kStage = 4, kDriver = 5;  // descriptors as the jail starts with them
constexpr double kGraceSeconds = 10;                  // for the stage itself, on a busy machine

std::string resolved(const char* path) {
  char* real = realpath(path, nullptr);
  std::string out = real != nullptr && access(real, X_OK) == 0 ? real : "";
  std::free(real);
  return out;
}

// A file in memory, closed on exec.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content) : fd_(memfd_create("r1", MFD_CLOEXEC)) {
    if (fd_ < 0 || write(fd_, content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
        lseek(fd_, 0, SEEK_SET) != 0)
      fail("sandbox: a file in memory: {}", std::strerror(errno));
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

void add(std::vector<std::string>& to, std::initializer_list<std::string> words) { to.insert(to.end(), words); }

// The tree: read-only, and no more of the host than the language needs.
void add_files(std::vector<std::string>& a, JailKind kind) {
  std::vector<std::string> folders = {"/usr/lib", "/usr/lib64"};
  if (kind == JailKind::binaries) add(folders, {"/usr/bin", "/usr/libexec", "/usr/include"});
  for (const std::string& folder : folders) add(a, {"--ro-bind-try", folder, folder});
  if (kind == JailKind::python) add(a, {"--ro-bind", python_path(), python_path()});
  for (const char* name : {"lib", "lib64"}) {
    const std::string path = std::string("/") + name;
    char target[PATH_MAX];
    const ssize_t n = readlink(path.c_str(), target, sizeof target);
    if (n > 0)
      add(a, {"--symlink", std::string(target, static_cast<size_t>(n)), path});
    else
      add(a, {"--ro-bind-try", path, path});
  }
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})
    add(a, {"--dev-bind", device, device});
  add(a, {"--proc", "/proc", "--dir", "/tmp"});
  add(a, {"--perms", "0555", "--ro-bind-data", std::to_string(kStage), "/r1/stage"});
  if (kind == JailKind::python) add(a, {"--perms", "0444", "--ro-bind-data", std::to_string(kDriver), "/r1/driver.py"});
  add(a, {"--remount-ro", "/", "--chdir", "/"});
}

std::vector<std::string> stage_command(JailKind kind, const std::string& stage, const std::string& driver) {
  if (kind == JailKind::binaries) return {stage, std::to_string(kControl)};
  return {python_path(), "-s", "-B", driver, stage, std::to_string(kControl)};
}

std::vector<std::string> jail_command(JailKind kind, const JailPlan& plan) {
  if (!plan.namespaces)
    return stage_command(kind, fmt::format("/proc/self/fd/{}", kStage), fmt::format("/proc/self/fd/{}", kDriver));
  const std::string nobody = std::to_string(kNobody);
  std::vector<std::string> a = {bwrap_path(),
                                "--unshare-user",
                                "--unshare-ipc",
                                "--unshare-pid",
                                "--unshare-net",
                                "--unshare-uts",
                                "--unshare-cgroup-try",
                                "--hostname",
                                "sandbox",
                                "--uid",
                                nobody,
                                "--gid",
                                nobody,
                                "--new-session",
                                "--cap-drop",
                                "ALL"};
  add_files(a, kind);
  add(a, {"--"});
  for (std::string& word : stage_command(kind, "/r1/stage", "/r1/driver.py")) a.push_back(std::move(word));
  return a;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// Between fork and exec in a process that had threads: system calls only.
[[noreturn]] void enter_jail(const int (&fds)[4], char** arguments, char** environment) {
  int moved[4];
  for (int i = 0; i < 4; i++) moved[i] = fcntl(fds[i], F_DUPFD, 16);
  const int null = open("/dev/null", O_RDWR);
  bool ok = null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(moved[3], 2) == 2;
  for (int i = 0; i < 3; i++) ok = ok && dup2(moved[i], kControl + i) == kControl + i;
  ok = ok && syscall(SYS_close_range, kDriver + 1, ~0u, 0) == 0 && chdir("/") == 0;
  if (geteuid() == 0)
    ok = ok && syscall(SYS_setgroups, 0, nullptr) == 0 && syscall(SYS_setresgid, kNobody, kNobody, kNobody) == 0 &&
         syscall(SYS_setresuid, kNobody, kNobody, kNobody) == 0;
  struct sigaction defaults = {};
  defaults.sa_handler = SIG_DFL;
  for (int s = 1; s < NSIG; s++) sigaction(s, &defaults, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setsid();
  if (ok) execve(arguments[0], arguments, environment);
  _exit(127);
}

double seconds_of(uint64_t us) { return static_cast<double>(us) / 1e6; }

bool wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd p = {fd, events, 0};
    const int n = poll(&p, 1, static_cast<int>(std::min<long>(left + 1, 60000)));
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return false;
  }
}

bool read_all(int fd, void* to, size_t size, Clock::time_point deadline) {
  for (size_t done = 0; done < size;) {
    if (!wait_for(fd, POLLIN, deadline)) return false;
    const ssize_t n = recv(fd, static_cast<char*>(to) + done, size - done, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) return false;
    if (n > 0) done += static_cast<size_t>(n);
  }
  return true;
}

bool write_all(int fd, std::string_view bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    if (!wait_for(fd, POLLOUT, deadline)) return false;
    const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

template <typename Struct>
std::string_view bytes_of(const Struct& s) {
  return {reinterpret_cast<const char*>(&s), sizeof s};
}

}  // namespace

std::string python_path() {
  static const std::string path = resolved("/usr/bin/python3");
  return path;
}

std::string bwrap_path() {
  static const std::string path = resolved("/usr/bin/bwrap");
  return path;
}

SocketPair::SocketPair() {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    fail("sandbox: socketpair: {}", std::strerror(errno));
}

SocketPair::~SocketPair() { close_end(0), close_end(1); }

void SocketPair::close_end(int which) {
  if (ends[which] >= 0) close(ends[which]);
  ends[which] = -1;
}

JailWorker::JailWorker(JailKind kind, const JailPlan& plan) : kind_(kind), plan_(plan) {}

JailWorker::~JailWorker() { stop(); }

void JailWorker::stop() {
  if (control_ >= 0) close(control_);  // the stage and a keeper at work end when they see this
  control_ = -1;
  if (pid_ > 0) {
    // bubblewrap's monitor; the first process of its namespace ends with the stage. A stage that does not answer is
    // stopped by name of its group: it leads a session of its own.
    const auto deadline = Clock::now() + std::chrono::milliseconds(500);
    int status;
    pid_t ended = 0;
    while ((ended = waitpid(pid_, &status, WNOHANG)) == 0 && Clock::now() < deadline) usleep(1000);
    if (ended == 0) {
      kill(pid_, SIGKILL);
      while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      }
    }
  }
  pid_ = -1;
  if (log_ >= 0) close(log_);
  log_ = -1;
}

void JailWorker::start() {
  if (kind_ == JailKind::python && python_path().empty()) fail("no /usr/bin/python3 (apt-get install python3)");
  if (plan_.namespaces && bwrap_path().empty()) fail("no /usr/bin/bwrap (apt-get install bubblewrap)");
  const std::string filter = plan_.seccomp ? make_seccomp_filter({.allow_processes = plan_.namespaces}) : std::string();
  SocketPair control;
  const MemoryFile stage(kind_ == JailKind::python ? stage_library() : stage_program()), driver(python_driver());
  log_ = memfd_create("log", MFD_CLOEXEC);
  std::vector<std::string> words = jail_command(kind_, plan_);
  // One hash seed: a program that prints a set prints the same every time.
  std::vector<std::string> variables = {"PATH=/usr/bin",    "HOME=/tmp",    "LANG=C.UTF-8",
                                        "PYTHONHASHSEED=0", "PYTHONUTF8=1", "OPENBLAS_NUM_THREADS=1"};
  std::vector<char*> arguments = pointers(words), environment = pointers(variables);
  const int fds[4] = {control.ends[1], stage.fd(), driver.fd(), log_};
  pid_ = fork();
  if (pid_ < 0) fail("fork: {}", std::strerror(errno));
  if (pid_ == 0) enter_jail(fds, arguments.data(), environment.data());
  control_ = control.ends[0];
  control.ends[0] = -1;
  jail::Setup setup;
  setup.namespaces = plan_.namespaces, setup.landlock = plan_.landlock;
  setup.filter_bytes = static_cast<uint32_t>(filter.size());
  const auto deadline = Clock::now() + std::chrono::duration<double>(kGraceSeconds);
  if (!write_all(control_, std::string(bytes_of(setup)) + filter,
                 std::chrono::time_point_cast<Clock::duration>(deadline)))
    fail("the stage did not start");
}

std::string JailWorker::complaints() const {
  char text[400];
  const ssize_t n = log_ >= 0 ? pread(log_, text, sizeof text, 0) : 0;
  std::string out(text, n > 0 ? static_cast<size_t>(n) : 0);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

void JailWorker::send_order(const JailOrder& order) {
  if (order.program.size() > jail::kLargestPart || order.input.size() > jail::kLargestPart)
    fail("a program or input of more than {} MB", jail::kLargestPart >> 20);
  jail::Request request;
  request.mode = order.mode, request.limits = order.limits, request.has_channel = order.channel >= 0;
  request.program_bytes = order.program.size(), request.input_bytes = order.input.size();
  iovec part = {&request, sizeof request};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part, message.msg_iovlen = 1;
  if (order.channel >= 0) {
    message.msg_control = space, message.msg_controllen = sizeof space;
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(head), &order.channel, sizeof(int));
  }
  const auto deadline = Clock::now() + std::chrono::seconds(static_cast<int>(kGraceSeconds));
  if (sendmsg(control_, &message, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof request) ||
      !write_all(control_, order.program, deadline) || !write_all(control_, order.input, deadline))
    fail("the jail takes no order");
}

bool JailWorker::read_reply(JailResult& out) {
  const auto wall = std::chrono::duration<double>(seconds_of(wall_us_) + kGraceSeconds);
  const auto deadline = std::chrono::time_point_cast<Clock::duration>(Clock::now() + wall);
  jail::Reply reply;
  if (!read_all(control_, &reply, sizeof reply, deadline) || reply.magic != jail::kMagic) return false;
  out.ending = reply.ending, out.code = reply.code;
  out.cpu_seconds = seconds_of(reply.cpu_us), out.wall_seconds = seconds_of(reply.wall_us);
  out.memory_bytes = static_cast<int64_t>(reply.memory_bytes);
  const std::pair<std::string*, uint64_t> parts[] = {
      {&out.out, reply.stdout_bytes}, {&out.err, reply.stderr_bytes}, {&out.result, reply.result_bytes}};
  for (const auto& [text, size] : parts) {
    if (size > jail::kLargestPart) return false;
    text->resize(size);
    if (!read_all(control_, text->data(), size, deadline)) return false;
  }
  return true;
}

void JailWorker::begin(const JailOrder& order) {
  trouble_.clear();
  wall_us_ = order.limits.wall_us;
  try {
    if (control_ < 0) start();
    send_order(order);
  } catch (const Error& e) {
    trouble_ = e.what();
  }
  if (order.channel >= 0) close(order.channel);
}

JailResult JailWorker::finish() {
  JailResult out;
  if (trouble_.empty() && read_reply(out)) return out;
  out = {};
  out.err = trouble_.empty() ? "the jail ended or did not answer" : trouble_;
  if (const std::string why = complaints(); !why.empty()) out.err += ": " + why;
  stop();
  return out;
}

JailResult JailWorker::run(const JailOrder& order) {
  begin(order);
  return finish();
}

}  // namespace r1
