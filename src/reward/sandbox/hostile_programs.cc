#include "reward/sandbox/hostile_programs.h"

namespace r1 {
namespace {

constexpr Guest kPy = Guest::python, kCpp = Guest::cpp, kCompile = Guest::compile;

// For the Python ones: tries one thing after the other, and says which of them worked.
const std::string kTry = R"py(
import os, sys, signal, ctypes, time, errno
libc = ctypes.CDLL(None, use_errno=True)
def sys_call(n, *a):
    r = libc.syscall(ctypes.c_long(n), *[ctypes.c_long(x) if isinstance(x, int) else x for x in a])
    if r < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return r
def attempt(what, f):
    sys.stdout.flush()
    try: r = f()
    except Exception: return
    print("ESCAPED", what, repr(r)[:80])
# for what may end the process: in a child, where there can be one
def in_child(what, f):
    sys.stdout.flush()
    try: pid = os.fork()
    except OSError: return
    if pid == 0:
        attempt(what, f)
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(pid, 0)
)py";

std::vector<HostileProgram> with_helpers(std::vector<HostileProgram> all) {
  for (HostileProgram& p : all)
    if (p.guest == kPy) p.code = kTry + p.code;
  return all;
}

std::vector<HostileProgram> exhaustion() {
  return {
      {1, "fork bomb", kPy, kAny & ~kDone, "while True:\n    try: os.fork()\n    except OSError: pass\n"},
      {2, "thread bomb", kPy, kAny,
       "import threading\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()\n"},
      {3, "fork, each child allocates", kPy, kAny & ~kDone,
       "try:\n    for i in range(8):\n        if os.fork() == 0: break\nexcept OSError: pass\n"
       "b = bytearray(60 << 20)\nfor i in range(0, len(b), 4096): b[i] = 1\ntime.sleep(99)\n"},
      {4, "vfork and clone", kCpp, kAny & ~kDone,
       "#include <unistd.h>\n#include <sched.h>\n#include <sys/syscall.h>\nint main() {\n"
       "  for (;;) { if (vfork() == 0) _exit(0); syscall(SYS_clone, 17, 0, 0, 0, 0); syscall(SYS_clone, 17 | "
       "CLONE_PARENT, 0, 0, 0, 0); }\n}\n"},
      {5, "memory touched", kPy, kError | kSignal | kMemory,
       "x = []\nwhile True: x.append(bytearray(b'x' * (1 << 20)))\n"},
      {6, "address space", kPy, kError, "import mmap\nx = [mmap.mmap(-1, 1 << 30) for i in range(100000)]\n"},
      {7, "memory in tmpfs", kPy, kError,
       "for i in range(99):\n    with open(f'/tmp/{i}', 'wb') as f: f.write(bytes(1 << 20))\n"},
      {8, "memfd", kPy, kError, "fd = os.memfd_create('x')\nwhile True: os.write(fd, bytes(1 << 20))\n"},
      {9, "deep recursion", kCpp, kSignal,
       "#include <cstdio>\nint f(int n) { volatile char a[4096]; a[0] = 1; return f(n + 1) + a[0]; }\n"
       "int main() { std::printf(\"%d\", f(0)); }\n"},
      {10, "one large file", kPy, kError | kSignal, "f = open('/tmp/x', 'wb')\nwhile True: f.write(bytes(1 << 20))\n"},
      {11, "a million files", kPy, kError, "for i in range(10**6): open(f'/tmp/{i}', 'w').close()\n"},
      {12, "sparse file of 1 TB", kPy, kError | kSignal, "f = open('/tmp/x', 'wb')\nf.truncate(1 << 40)\n"},
      {13, "descriptors", kPy, kError, "x = []\nwhile True: x.append(os.dup(0))\n"},
      {14, "busy loop", kPy, kCpu, "while True: pass\n"},
      {15, "sleep", kPy, kIdle, "time.sleep(10**6)\n"},
      {16, "all signals blocked", kPy, kCpu,
       "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nfor s in range(1, 65):\n    try: signal.signal(s, "
       "signal.SIG_IGN)\n"
       "    except (OSError, ValueError): pass\nwhile True: pass\n"},
      {17, "stops itself", kPy, kIdle | kError, "os.kill(os.getpid(), signal.SIGSTOP)\n"},
      {18, "endless stdout", kPy, kOutput | kCpu, "while True: sys.stdout.write('x' * 65536)\n"},
      {19, "endless stderr", kPy, kOutput | kCpu, "while True: sys.stderr.write('x' * 65536)\n"},
      {20, "stdout closed", kPy, kIdle, "os.write(1, b'x' * 1000)\nos.close(1)\ntime.sleep(99)\n"},
      {21, "a byte now and then", kPy, kIdle, "while True:\n    os.write(1, b'.')\n    time.sleep(0.1)\n"},
      {22, "big integers", kPy, kCpu | kError | kMemory, "x = 3\nwhile True: x = x * x\n"},
      {22, "a regular expression", kPy, kCpu, "import re\nre.match('(a+)+$', 'a' * 60 + 'b')\n"},
      {23, "templates", kCompile, kAny & ~kDone,
       "template <int N> struct F { typedef typename F<N - 1>::T A; typedef typename F<N - 2>::T B; struct T : A, B { "
       "char x[N]; }; };\n"
       "template <long N> constexpr long g() { return g<N - 1>() + g<N - 1>(); }\n"
       "template <int... I> struct S {};\ntemplate <int N, int... I> struct M : M<N - 1, N, I...> {};\nint main() { "
       "M<800000> m; return g<100000>(); }\n"},
      {23, "an endless constant", kCompile, kAny & ~kDone,
       "constexpr long f() { long s = 0; for (long i = 0; i < 1L << 60; i++) s += i; return s; }\nconstexpr long x = "
       "f();\nint main() {}\n"},
      {23, "include of /dev/zero", kCompile, kAny & ~kDone, "#include \"/dev/zero\"\nint main() {}\n"},
      {23, "a huge array", kCompile, kAny & ~kDone, "int a[1 << 28] = {1};\nint main() { return a[5]; }\n"},
      {23, "macros", kCompile, kAny & ~kDone,
       "#define A(x) x x x x x x x x x x\n#define B(x) A(A(A(A(x))))\n#define C(x) B(B(x))\nint main() { int x = 0; "
       "C(x++;) }\n"},
      {23, "include of a host file", kCompile, kError,
       "#include \"/etc/passwd\"\n#include \"$CANARY/file\"\nint main() {}\n"},
      {24, "decompression", kPy, kError | kMemory | kCpu,
       "import zlib\nc = zlib.compressobj(9)\n"
       "d = b''.join(c.compress(bytes(1 << 20)) for i in range(300)) + c.flush()\nx = "
       "zlib.decompress(d)\nsys.exit(1)\n"},
  };
}

std::vector<HostileProgram> outliving() {
  const std::string stay = "open('/tmp/daemon', 'w').close()\n    while True: time.sleep(1)\n";
  return {
      {25, "daemon", kPy, kDone | kError,
       "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.chdir('/tmp')\n        for i in "
       "range(3): os.close(i)\n"
       "        while True: time.sleep(1)\n    os._exit(0)\n"},
      {26, "orphan with stdout open", kPy, kDone | kError,
       "if os.fork() == 0:\n    while True: time.sleep(1)\nos._exit(0)\n"},
      {27, "zombies", kPy, kAny & ~kDone,
       "while True:\n    try:\n        if os.fork() == 0: os._exit(0)\n    except OSError: pass\n"},
      {28, "child ignores SIGTERM", kPy, kDone | kError,
       "if os.fork() == 0:\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    signal.signal(signal.SIGHUP, "
       "signal.SIG_IGN)\n    " +
           stay + "os._exit(0)\n"},
      {29, "exec of itself", kPy, kCpu | kIdle | kError,
       "os.environ['C'] = 'import os, sys\\nos.execve(sys.executable, [\"p\", \"-c\", os.environ[\"C\"]], "
       "os.environ)'\nexec(os.environ['C'])\n"},
      {30, "fork to lose its time", kPy, kCpu | kIdle | kError,
       "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\nwhile True:\n    if os.fork() == 0: t = time.time()\n    else: "
       "os._exit(0) if os.getpid() > 9 else time.sleep(99)\n"
       "    while time.time() < t + 0.3: pass\n"},
      {31, "timers", kPy, kCpu,
       "signal.signal(signal.SIGALRM, lambda *a: signal.alarm(1))\nsignal.signal(signal.SIGXCPU, lambda *a: "
       "None)\nsignal.alarm(1)\n"
       "signal.setitimer(signal.ITIMER_PROF, 0)\nwhile True: pass\n"},
      {32, "new session and group", kPy, kDone | kError,
       "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: os.setpgid(0, 0)\n    " + stay + "os._exit(0)\n"},
  };
}

std::vector<HostileProgram> reading() {
  return {
      {33, "passwords and keys", kPy, kAny,
       "for p in ('/etc/passwd', '/etc/shadow', '/root', '/home', '/root/.ssh/id_rsa', '/etc', '/var', "
       "'/etc/hostname'):\n"
       "    attempt(p, lambda: open(p).read())\n    attempt(p, lambda: os.listdir(p))\n"},
      {34, "data by guess", kPy, kAny,
       "for p in ('$CANARY', '$CANARY/file', '/work', '/mnt', '/data', '/workspace', '/tmp/../$CANARY/file', "
       "'/var/tmp'):\n"
       "    attempt(p, lambda: open(p).read())\n    attempt(p, lambda: os.listdir(p))\n"
       "attempt('write', lambda: open('$CANARY/new', 'w').write('x'))\nattempt('remove', lambda: "
       "os.unlink('$CANARY/file'))\n"
       "attempt('chmod', lambda: os.chmod('$CANARY/file', 0o777))\nattempt('/tmp', lambda: open('/tmp/' + "
       "os.listdir('/tmp')[0]))\n"},
      {35, "/proc", kPy, kAny,
       "for p in ('1', 'self', str(os.getppid()), '$PARENT', '2', '3', 'self/task/1', 'thread-self'):\n"
       "    for f in ('environ', 'cmdline', 'maps', 'mem', 'status', 'root/etc/passwd', 'cwd/x', 'fd/100'):\n"
       "        attempt(p + f, lambda: open(f'/proc/{p}/{f}', 'rb').read(10))\n    attempt(p, lambda: "
       "os.listdir(f'/proc/{p}/fd'))\n"},
      {36, "inherited descriptors", kPy, kAny, "for i in range(4, 1024): attempt(i, lambda: os.fstat(i))\n"},
      {37, "environment", kPy, kAny,
       "if any('$SECRET' in v for v in os.environ.values()): print('ESCAPED')\n"
       "if '$SECRET' in str(dict(os.environ)) or 'R1_SECRET' in os.environ: print('ESCAPED')\n"},
      {38, "other programs' files", kPy, kAny,
       "for p in ('/tmp', '/dev/shm', '/var/tmp', '/run', '/dev/mqueue'):\n    try:\n        if os.listdir(p): "
       "print('ESCAPED', p, os.listdir(p))\n"
       "    except OSError: pass\nopen('/tmp/left', 'w').write('for the next one')\n"
       "attempt('shmget', lambda: sys_call(29, 7, 4096, 0o1666))\nattempt('semget', lambda: sys_call(64, 7, 1, "
       "0o1666))\n"
       "attempt('msgget', lambda: sys_call(68, 7, 0o1666))\nattempt('mq_open', lambda: sys_call(240, b'q', 0o102, "
       "0o666, 0))\n"},
      {39, "link as output", kPy, kAny,
       "os.symlink('$CANARY/file', '/tmp/out')\nattempt('read', lambda: open('/tmp/out').read())\nattempt('write', "
       "lambda: open('/tmp/out', 'w'))\n"},
      {39, "link as the compiler's output", kCompile, kAny & ~kDone,
       "__asm__(\".incbin \\\"$CANARY/file\\\"\\n.incbin \\\"/etc/passwd\\\"\");\nint main() {}\n"},
      {40, "links and /dev/fd", kPy, kAny,
       "attempt('link', lambda: os.link('$CANARY/file', '/tmp/l'))\nattempt('etc', lambda: os.link('/etc/passwd', "
       "'/tmp/p'))\n"
       "for p in ('/dev/fd', '/proc/self/fd', '/proc/self/exe', '/dev/tty'): attempt(p, lambda: os.open(p, "
       "os.O_RDWR))\n"},
      {41, "mounts", kPy, kAny,
       "for a in ((b'/', b'/tmp', b'', 4096, 0), (b'tmpfs', b'/tmp', b'tmpfs', 0, 0), (b'', b'/', b'', 32, 0), "
       "(b'proc', b'/tmp', b'proc', 0, 0)):\n"
       "    in_child('mount', lambda: sys_call(165, *a))\nfor p in (b'/tmp', b'/proc'): in_child('umount', lambda: "
       "sys_call(166, p, 2))\n"
       "in_child('open_tree', lambda: sys_call(428, -100, b'/', 1))\nin_child('fsopen', lambda: sys_call(430, "
       "b'tmpfs', 0))\n"},
      {42, "out of the root", kPy, kAny,
       "for n in range(20): attempt('..', lambda: open('../' * n + 'etc/passwd').read())\n"
       "in_child('chroot', lambda: os.chroot('/tmp'))\nin_child('pivot_root', lambda: sys_call(155, b'/tmp', "
       "b'/tmp'))\n"
       "in_child('open_by_handle_at', lambda: sys_call(304, -100, ctypes.create_string_buffer(64), 0))\n"
       "in_child('name_to_handle_at', lambda: sys_call(303, -100, b'/', ctypes.create_string_buffer(256), "
       "ctypes.create_string_buffer(8), 0))\n"},
      {43, "kernel log, perf, keys", kPy, kAny,
       "in_child('syslog', lambda: sys_call(103, 3, ctypes.create_string_buffer(99), 99))\n"
       "in_child('perf', lambda: sys_call(298, ctypes.create_string_buffer(128), 0, -1, -1, 0))\n"
       "in_child('add_key', lambda: sys_call(248, b'user', b'x', b'y', 1, -3))\nin_child('keyctl', lambda: "
       "sys_call(250, 0, -3, 1))\n"
       "attempt('kmsg', lambda: open('/dev/kmsg').read(1))\n"},
      {44, "device nodes", kPy, kAny,
       "in_child('mknod', lambda: os.mknod('/tmp/sda', 0o60666, os.makedev(8, 0)))\nin_child('null', lambda: "
       "os.mknod('/tmp/n', 0o20666, os.makedev(1, 3)))\n"
       "for d in ('mem', 'sda', 'kvm', 'fuse', 'net/tun', 'vda'): attempt(d, lambda: os.open('/dev/' + d, "
       "os.O_RDONLY))\n"},
      {45, "core dumps", kPy, kAny,
       "attempt('pattern', lambda: open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x'))\n"
       "import resource\nif resource.getrlimit(resource.RLIMIT_CORE) != (0, 0): print('ESCAPED')\n"
       "attempt('limit', lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)))\nattempt('sysrq', lambda: "
       "open('/proc/sysrq-trigger', 'w'))\n"},
  };
}

std::vector<HostileProgram> reaching_out() {
  const std::string sockets = "import socket\nS = socket\n";
  return {
      {46, "TCP, UDP, raw, DNS", kPy, kAny,
       sockets + "for f in (S.AF_INET, S.AF_INET6):\n    for t in (S.SOCK_STREAM, S.SOCK_DGRAM, S.SOCK_RAW): "
                 "attempt((f, t), lambda: S.socket(f, t))\n"
                 "attempt('dns', lambda: S.getaddrinfo('example.com', 80))\nattempt('packet', lambda: S.socket(17, "
                 "S.SOCK_RAW))\n"},
      {47, "metadata address", kPy, kAny,
       sockets + "attempt('metadata', lambda: S.create_connection(('169.254.169.254', 80), 1))\n"},
      {48, "the host's servers", kPy, kAny,
       sockets + "attempt('server', lambda: S.create_connection(('127.0.0.1', $PORT), 1))\nattempt('v6', lambda: "
                 "S.create_connection(('::1', $PORT), 1))\n"
                 "attempt('send', lambda: sys_call(44, 3, b'x', 1, 0, 0, 0))\n"},
      {49, "Unix sockets", kPy, kAny,
       sockets + "for a in ('\\0r1-hostile-$PORT', '/run/dbus/system_bus_socket', '/var/run/docker.sock'):\n"
                 "    def go():\n        s = S.socket(S.AF_UNIX)\n        s.connect(a)\n    attempt(a, go)\n"
                 "a, b = S.socketpair()\nattempt('connect', lambda: "
                 "a.connect('\\0r1-hostile-$PORT'))\nattempt('sendmsg', lambda: a.sendmsg([b'x']))\n"
                 "attempt('bind', lambda: S.socketpair(S.AF_UNIX, S.SOCK_DGRAM)[0].bind('/tmp/s'))\n"
                 "d, e = S.socketpair(S.AF_UNIX, S.SOCK_DGRAM)\nattempt('sendto', lambda: d.sendto(b'x', "
                 "'\\0r1-hostile-dgram-$PORT'))\n"},
      {50, "netlink, vsock", kPy, kAny,
       sockets + "attempt('netlink', lambda: S.socket(16, S.SOCK_RAW, 0))\nattempt('vsock', lambda: S.socket(40, "
                 "S.SOCK_STREAM))\n"
                 "attempt('alg', lambda: S.socket(38, S.SOCK_SEQPACKET))\nattempt('bluetooth', lambda: S.socket(31, "
                 "S.SOCK_RAW))\n"},
  };
}

std::vector<HostileProgram> attacking() {
  return {
      {51, "signals", kPy, kAny,
       "for p in (os.getppid(), $PARENT, 1):\n    for s in (9, 19, 15, 2):\n        try: os.kill(p, s)\n        except "
       "OSError: pass\n"
       "attempt('parent', lambda: os.kill($PARENT, 0))\n"
       "def descriptor():\n    fd = os.pidfd_open($PARENT)\n    return signal.pidfd_send_signal(fd, "
       "0)\nattempt('pidfd', descriptor)\n"
       "attempt('tgkill', lambda: sys_call(234, $PARENT, $PARENT, 0))\ntry: os.kill(-1, 9)\nexcept OSError: pass\n"},
      {52, "ptrace and memory", kPy, kAny,
       "for p in (os.getppid(), 1, $PARENT):\n    in_child('ptrace', lambda: sys_call(101, 16, p, 0, 0))\n"
       "    b = ctypes.create_string_buffer(16)\n    in_child('readv', lambda: sys_call(310, p, b, 1, b, 1, 0))\n    "
       "in_child('writev', lambda: sys_call(311, p, b, 1, b, 1, 0))\n"
       "    in_child('getfd', lambda: sys_call(438, os.pidfd_open(p), 0, 0))\n    in_child('madvise', lambda: "
       "sys_call(440, os.pidfd_open(p), b, 1, 4, 0))\n"},
      {53, "typing into the terminal", kPy, kAny,
       "import fcntl\nfor fd in (0, 1, 2):\n    in_child('TIOCSTI', lambda: fcntl.ioctl(fd, 0x5412, b'x'))\n    "
       "in_child('TIOCLINUX', lambda: fcntl.ioctl(fd, 0x541C, b'\\2'))\n"
       "attempt('tty', lambda: os.open('/dev/tty', os.O_RDWR))\n"},
      {54, "escape sequences", kPy, kAny,
       "print('\\x1b]0;x\\x07\\x1b[2J\\x1b[31m\\x9b2J')\nsys.stderr.write('\\x1b[2J\\x1b]52;c;eA==\\x07')\nsys.exit('"
       "\\x1b[2J')\n"},
      {55, "more rights", kPy, kAny,
       "in_child('setuid', lambda: os.setuid(0))\nin_child('setresuid', lambda: os.setresuid(0, 0, "
       "0))\nin_child('setgroups', lambda: os.setgroups([0]))\n"
       "for p in ('/usr/bin/sudo', '/usr/bin/su', '/bin/su', '/usr/bin/passwd', '/bin/sh'):\n    in_child(p, lambda: "
       "os.execv(p, [p]))\n"
       "in_child('capset', lambda: sys_call(126, ctypes.create_string_buffer(b'\\x22\\x05\\x08\\x20' + bytes(4)), "
       "ctypes.create_string_buffer(b'\\xff' * 24)))\n"
       "if os.geteuid() == 0: print('ESCAPED')\n"},
      {56, "namespaces in namespaces", kPy, kAny,
       "for f in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x8000000, 0x4000000, 0x2000000, 0x80):\n"
       "    in_child('unshare', lambda: sys_call(272, f))\n    in_child('clone', lambda: sys_call(56, f | 17, 0, 0, 0, "
       "0))\n"
       "in_child('clone3', lambda: sys_call(435, ctypes.create_string_buffer((0x10000000).to_bytes(8, 'little') + "
       "bytes(80)), 88))\nin_child('setns', lambda: sys_call(308, 0, 0))\n"},
      {57, "kernel interfaces by number", kPy, kAny,
       "b = ctypes.create_string_buffer(256)\n"
       "for n, a in ((425, (8, b)), (321, (0, b, 64)), (323, (0,)), (250, (0, -3, 1)), (246, (0, 0, 0, 0)), (175, (b, "
       "9, b)), (313, (0, b, 0)), (135, (0xffffffff,)),\n"
       "             (169, (1, 2, 3, 0)), (153, ()), (163, (b,)), (167, (b, 0)), (172, (3,)), (173, (0, 1, 1)), (133, "
       "(b, 0o60666, 0x800)), (446, (0, 0)), (317, (1, 0, b)), (424, (0, 0, 0, 0))):\n"
       "    in_child(n, lambda: sys_call(n, *a))\nin_child('x32', lambda: sys_call(0x40000000 + 39))\n"},
      {57, "calls of another architecture", kCpp, kAny,
       "#include <cstdio>\nint main() { long r = -1;\n#ifdef __x86_64__\n  __asm__ volatile(\"int $0x80\" : \"=a\"(r) "
       ": \"a\"(20L) : \"memory\");\n#endif\n"
       "  if (r > 0) std::puts(\"ESCAPED i386\"); }\n"},
      {58, "race of links", kPy, kAny & ~kDone,
       "import threading\ndef flip():\n    while True:\n        try:\n            os.symlink('$CANARY/file', "
       "'/tmp/a'); os.rename('/tmp/a', '/tmp/out')\n            open('/tmp/b', 'w').close(); os.rename('/tmp/b', "
       "'/tmp/out')\n"
       "        except OSError: time.sleep(0.001)\nthreading.Thread(target=flip, daemon=True).start()\nend = "
       "time.time() + 0.5\n"
       "while time.time() < end:\n    try:\n        if open('/tmp/out').read(): print('ESCAPED')\n    except OSError: "
       "pass\n    try: open('/tmp/out', 'r+').write('')\n    except OSError: pass\nos._exit(3)\n"},
      {59, "standard input", kPy, kAny,
       "attempt('write', lambda: os.write(0, b'x'))\nattempt('seek', lambda: os.lseek(0, 0, 0))\nos.read(0, 1 << "
       "20)\nif os.read(0, 1 << 20): print('ESCAPED')\nos.close(0)\n"
       "for fd in (1, 2, 3): attempt('read', lambda: os.read(fd, 1))\n"},
  };
}

// Messages to the descriptor that carries a function's result.
const std::string kSend =
    "import os, json\ndef say(body, size=None):\n    try: os.write(3, (len(body) if size is None else "
    "size).to_bytes(8, 'little', signed=True) + body)\n"
    "    except OSError: pass\n";

std::vector<HostileProgram> forging() {
  std::vector<HostileProgram> out = {
      {60, "markers", kPy, kAny,
       kSend + "for fd in (1, 2, 3):\n    for t in (b'OK', b'passed', b'{\"verdict\": \"correct\", \"score\": 1}', "
               "b'All tests passed'):\n        try: os.write(fd, t + b'\\n')\n"
               "        except OSError: pass\nf = lambda x: 'OK'\n"},
      {61, "os._exit at import", kPy, kAny, "import os\nos._exit(0)\n"},
      {61, "sys.exit in the call", kPy, kAny, "import sys\ndef f(x): sys.exit(0)\nf(1)\n"},
      {61, "SystemExit", kPy, kAny, "raise SystemExit\n"},
      {61, "kills itself", kPy, kAny, "import os\ndef f(x): os.kill(os.getpid(), 9)\nf(1)\n"},
      {62, "always equal", kPy, kAny,
       "class E:\n    __class__ = list\n    def __eq__(s, o): return True\n    def __repr__(s): return \"[12345, "
       "'alpha']\"\n    def __hash__(s): return 0\n    def __len__(s): return 2\n"
       "    def tolist(s): return s\n    def __float__(s): return 1.0\n    def __array__(s): return s\ndef f(x): "
       "return E()\nprint(E())\n"},
      {62, "always equal list", kPy, kAny,
       "class L(list):\n    def __eq__(s, o): return True\ndef f(x): return L([1])\nprint(L())\n"},
      {62, "always equal inside", kPy, kAny,
       "class I(int):\n    def __eq__(s, o): return True\ndef f(x): return [I(1), I(2)]\nprint(I())\n"},
      {63, "frames and objects", kPy, kAny,
       "import sys, gc, inspect\ndef f(x):\n    seen = []\n    for o in gc.get_objects():\n        if isinstance(o, "
       "dict) and ('result' in o or 'expected' in o or 'stdout' in o): seen.append(o.get('result', o.get('expected', "
       "o.get('stdout'))))\n"
       "    fr = sys._getframe()\n    while fr:\n        for v in fr.f_locals.values():\n            if isinstance(v, "
       "dict): seen += [v.get('result'), v.get('stdout'), v.get('tests')]\n        fr = fr.f_back\n"
       "    seen = [s for s in seen if s]\n    return seen[0] if seen else None\nprint(f(3))\n"},
      {64, "builtins", kPy, kAny,
       "import builtins, sys, json, io\nbuiltins.len = lambda x: 2\nbuiltins.print = lambda *a, **k: "
       "None\nbuiltins.open = lambda *a, **k: io.StringIO('')\n"
       "json.dumps = lambda *a, **k: '[]'\nsys.modules['json'] = None\nsys.stdout = io.StringIO()\nsys.settrace(lambda "
       "*a: None)\ndef f(x): return 1\n"},
      {64, "start-up files", kPy, kAny,
       "import os\nfor n in ('sitecustomize.py', 'usercustomize.py', 'x.pth', 'conftest.py', 'json.pyc', "
       "'.pythonrc'):\n    try: open('/tmp/' + n, 'w').write('print(\"alpha 12345\")')\n    except OSError: pass\n"
       "os.environ['PYTHONSTARTUP'] = '/tmp/.pythonrc'\nos.environ['PYTHONPATH'] = '/tmp'\nimport unittest\ndef f(x): "
       "raise unittest.SkipTest\nf(1)\n"},
      {65, "shadowed modules", kPy, kAny,
       "import sys\nfor n in ('json', 'ctypes', 'traceback', 'threading', 'atexit'):\n    try: open(n + '.py', "
       "'w').write('dumps = lambda *a: \"[1]\"')\n    except OSError: pass\n"
       "sys.path.insert(0, '.')\nfor n in list(sys.modules): sys.modules.pop(n, None)\ndef f(x): return 1\n"},
      {66, "two results", kPy, kAny, kSend + "say(b'1')\nsay(b'2')\ndef f(x): return 3\n"},
      {66, "sizes that are not", kPy, kAny, kSend + "say(b'', -1)\nsay(b'x', 1 << 60)\nos._exit(0)\n"},
      {66, "no JSON", kPy, kAny, kSend + "def f(x):\n    say(b'\\xff\\xfe\\x00')\n    os._exit(0)\n"},
      {66, "NaN", kPy, kAny, kSend + "def f(x):\n    say(b'[\"l\", NaN, 1e400]')\n    os._exit(0)\n"},
      {66, "deep nesting", kPy, kAny, kSend + "def f(x):\n    say(b'[' * 900000 + b']' * 900000)\n    os._exit(0)\n"},
      {66, "deep lists", kPy, kAny,
       kSend + "def f(x):\n    say(b'[\"l\",' * 200000 + b'1' + b']' * 200000)\n    os._exit(0)\n"},
      {66, "cycles", kPy, kAny, "def f(x):\n    a = []\n    a.append(a)\n    return a\n"},
      {67, "a prefix", kPy, kAny, "print('alpha 12345')\ndef f(x): return [12345]\n"},
      {67, "more than asked", kPy, kAny,
       "print('alpha 12345\\nbeta 67890\\ngamma')\ndef f(x): return [12345, 'alpha', None]\n"},
      {67, "another order", kPy, kAny, "print('beta 67890\\nalpha 12345')\ndef f(x): return ['alpha', 12345]\n"},
      {67, "zero bytes and spaces", kPy, kAny,
       "print('alpha  12345\\0\\n beta 67890')\ndef f(x): return [12345, 'alpha\\0']\n"},
      {67, "other types", kPy, kAny, "print('alpha 12345.0\\nbeta 67890')\ndef f(x): return ['12345', 'alpha']\n"},
      {68, "a second run", kPy, kAny,
       "import os\ntry: first = not os.path.exists('/tmp/seen')\nexcept OSError: first = True\ntry: open('/tmp/seen', "
       "'w').close()\nexcept OSError: pass\nif not first: print('alpha 12345\\nbeta 67890')\n"
       "def f(x): return 0 if first else [12345, 'alpha']\n"},
      {69, "by time and number", kPy, kAny,
       "import os, time\nprint('alpha', os.getpid() % 2, time.time_ns() % 3)\ndef f(x): return [os.getpid(), "
       "time.time_ns()]\n"},
      {70, "constant answers", kPy, kAny, "print('YES')\ndef f(x): return True\n"},
  };
  return out;
}

}  // namespace

const std::vector<HostileProgram>& hostile_programs() {
  static const std::vector<HostileProgram> all = [] {
    std::vector<HostileProgram> out;
    for (const auto& part : {exhaustion(), outliving(), reading(), reaching_out(), attacking()})
      out.insert(out.end(), part.begin(), part.end());
    return with_helpers(out);
  }();
  return all;
}

const std::vector<HostileProgram>& forging_programs() {
  static const std::vector<HostileProgram> all = forging();
  return all;
}

}  // namespace r1
