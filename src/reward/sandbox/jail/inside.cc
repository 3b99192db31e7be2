#include "reward/sandbox/jail/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace r1::jail {

int check_from_inside() {
  if (socket(AF_INET, SOCK_STREAM, 0) >= 0) return 1;
  if (open("/etc/passwd", O_RDONLY) >= 0) return 2;
  if (open("/proc/self/status", O_RDONLY) >= 0) return 3;
  if (mount("tmpfs", "/tmp", "tmpfs", 0, nullptr) == 0) return 4;
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0) return 5;
  if (setuid(0) == 0 || geteuid() == 0) return 6;
  rlimit limit = {};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 7;
  if (fcntl(4, F_GETFD) >= 0 || fcntl(5, F_GETFD) >= 0) return 8;
  if (open("/usr/lib/r1_probe", O_WRONLY | O_CREAT, 0600) >= 0) return 9;
  if (getppid() > 1 && kill(getppid(), 0) == 0) return 10;  // with namespaces the parent is their first process
  return 0;
}

}  // namespace r1::jail
