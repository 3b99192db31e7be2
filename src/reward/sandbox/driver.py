# The warm interpreter inside the jail. It loads the stage as a library and hands it the control socket; the stage forks
# for every program and returns here, in the program's own process, with all locks on. What follows then is the guest's:
# it may read and change anything of this file's, and finds no expected value and no verdict in it.
import ctypes
import sys

# loaded once, for every program: what programs ask for most, and what this file needs
import abc, array, ast, atexit, base64, bisect, collections, contextlib, copy, csv, dataclasses, datetime, decimal, enum
import fractions, functools, gc, hashlib, heapq, inspect, io, itertools, json, keyword, linecache, math, numbers
import operator, os, random, re, statistics, string, struct, textwrap, threading, time, tokenize, traceback, types
import typing, unicodedata, warnings, weakref, zlib
import encodings.idna, encodings.latin_1, encodings.ascii

MOST_DEPTH = 60
MOST_BYTES = 1 << 23


class NotPlain(Exception):
    pass


# ---- plain data over a wire: tagged JSON. Types are matched exactly, so nothing with a method of its own crosses.


def encode(x, depth=0):
    t = type(x)
    if x is None or t is bool:
        return x
    if t is int:
        return x if -(2**53) < x < 2**53 else ["i", hex(x)]
    if t is str:
        return x
    if t is float:
        return ["f", float.hex(x) if x - x == 0 else repr(x)]
    if depth >= MOST_DEPTH:
        raise NotPlain("nested deeper than %d" % MOST_DEPTH)
    if t is list or t is tuple:
        return ["l" if t is list else "t"] + [encode(v, depth + 1) for v in x]
    if t is dict or t is collections.defaultdict or t is collections.OrderedDict or t is collections.Counter:
        return ["d"] + [[encode(k, depth + 1), encode(v, depth + 1)] for k, v in dict.items(x)]
    if t is set or t is frozenset:
        items = [encode(v, depth + 1) for v in x]
        return ["s" if t is set else "z"] + sorted(items, key=json.dumps)
    if t is bytes or t is bytearray:
        return ["b" if t is bytes else "y", x.hex()]
    if t is complex:
        return ["c", encode(x.real), encode(x.imag)]
    if t is range:
        return ["r", encode(x.start), encode(x.stop), encode(x.step)]
    raise NotPlain("an object of type %s" % t.__name__[:80])


def decode(j):
    if type(j) is not list:
        if type(j) in (str, int, bool) or j is None:
            return j
        raise NotPlain("an untagged value")
    tag, rest = j[0], j[1:]
    if tag == "i":
        return int(rest[0], 16)
    if tag == "f":
        return float.fromhex(rest[0])
    if tag == "l":
        return [decode(v) for v in rest]
    if tag == "t":
        return tuple(decode(v) for v in rest)
    if tag == "d":
        return {decode(k): decode(v) for k, v in rest}
    if tag == "s":
        return {decode(v) for v in rest}
    if tag == "z":
        return frozenset(decode(v) for v in rest)
    if tag == "b":
        return bytes.fromhex(rest[0])
    if tag == "y":
        return bytearray.fromhex(rest[0])
    if tag == "c":
        return complex(decode(rest[0]), decode(rest[1]))
    if tag == "r":
        return range(*[decode(v) for v in rest])
    raise NotPlain("an unknown tag")


def send(fd, value):
    body = json.dumps(value, separators=(",", ":")).encode()
    if len(body) > MOST_BYTES:
        raise NotPlain("more than %d bytes" % MOST_BYTES)
    data = len(body).to_bytes(8, "little") + body
    while data:
        data = data[os.write(fd, data):]


def read_exactly(fd, size):
    parts = []
    while size > 0:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def receive(fd):
    size = int.from_bytes(read_exactly(fd, 8), "little")
    if size > MOST_BYTES:
        raise ValueError("a message of %d bytes" % size)
    return json.loads(read_exactly(fd, size))


# ---- the guest's side


def leave(code):
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        code = code or 1
    try:
        sys.stderr.flush()
    finally:
        os._exit(code)


# As the interpreter ends a script: exit codes of SystemExit, tracebacks to standard error.
def guarded(action):
    try:
        action()
        return 0
    except SystemExit as e:
        if e.code is None or type(e.code) is int:
            return (e.code or 0) & 0xFF
        print(e.code, file=sys.stderr)
        return 1
    except BaseException as e:
        e.__traceback__ = e.__traceback__ and e.__traceback__.tb_next
        traceback.print_exception(e)
        return 1


# The first of the sources that is Python; the error of the first when none is.
def compiled(sources):
    error = None
    for source in sources:
        linecache.cache["main.py"] = (len(source), None, source.splitlines(True), "main.py")
        try:
            return compile(source, "main.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, MemoryError, RecursionError) as e:
            error = error or e
    raise error


def fresh_main():
    module = types.ModuleType("__main__")
    module.__builtins__ = __builtins__
    sys.modules["__main__"] = module
    return module.__dict__


# A global function, or a method of the class that some data sets put solutions into.
def find_function(space, name):
    if callable(space.get(name)):
        return space[name]
    solution = space.get("Solution")
    if isinstance(solution, type) and callable(getattr(solution, name, None)):
        return getattr(solution(), name)
    raise NameError("the program defines no function %s" % name)


def run_program(order):
    exec(compiled(order["sources"]), fresh_main())


def run_function(order):
    space = fresh_main()
    exec(compiled(order["sources"]), space)
    function = find_function(space, order["entry_point"])
    send(3, encode(function(*[decode(a) for a in order["args"]])))


# Answers calls until the other side has no more: the candidate of run_check.
def run_candidate(order):
    space = fresh_main()
    exec(compiled(order["sources"]), space)
    function = find_function(space, order["entry_point"])
    send(4, {"ready": True})
    while True:
        try:
            call = receive(4)
        except EOFError:
            return
        try:
            args = [decode(a) for a in call["args"]]
            kwargs = {k: decode(v) for k, v in call["kwargs"].items()}
            reply = {"value": encode(function(*args, **kwargs))}
        except Exception as e:
            reply = {"raised": type(e).__name__[:80], "message": str(e)[:1000]}
        send(4, reply)


# ---- the tests' side, when they are Python: another process in another jail than the candidate's, joined to it by a
# pipe that carries plain data. Its answer goes to r1 alone.


class CandidateGone(BaseException):
    pass


class TestsCannotCross(BaseException):
    pass


class Candidate:
    def __init__(self):
        self.calls = 0
        self.gone = None

    def lose(self, why):
        self.gone = self.gone or why
        raise CandidateGone(self.gone)

    def message(self):
        try:
            reply = receive(4)
        except (EOFError, OSError):
            self.lose("the program ended")
        except (ValueError, RecursionError):
            self.lose("the program's answer is no message")
        return reply if type(reply) is dict else self.lose("the program's answer is no message")

    def call(self, args, kwargs):
        if self.gone:
            raise CandidateGone(self.gone)
        try:
            call = {"args": [encode(a) for a in args], "kwargs": {k: encode(v) for k, v in kwargs.items()}}
        except NotPlain as e:
            raise TestsCannotCross(str(e))
        try:
            send(4, call)
        except OSError:
            self.lose("the program ended")
        self.calls += 1
        if self.calls == 1:
            send(3, {"called": True})  # from here on, what goes wrong may be the program's doing
        reply = self.message()
        if "raised" in reply:
            self.raise_again(reply)
        if "value" not in reply:
            self.lose("the program's answer is no message")
        try:
            return decode(reply["value"])
        except Exception:
            self.lose("the program's answer is no plain value")

    def raise_again(self, reply):
        name, message = str(reply["raised"]), str(reply.get("message", ""))
        kind = getattr(__import__("builtins"), name, None)
        if name == "NotPlain":
            self.lose("the function returned " + message)
        if not (isinstance(kind, type) and issubclass(kind, Exception)) or issubclass(kind, UnicodeError):
            kind, message = Exception, name + ": " + message
        raise kind(message)


def run_check(order):
    candidate = Candidate()

    def stub(*args, **kwargs):
        return candidate.call(args, kwargs)

    name = order["entry_point"]
    stub.__name__ = name
    space = fresh_main()
    answer = {"passed": False, "calls": 0, "why": "", "harness": False}
    started = False
    try:
        if not candidate.message().get("ready"):
            candidate.lose("the program's answer is no message")
        started = True
        for source in order["sources"]:  # what the task itself defines; it need not be Python
            try:
                exec(compile(source, "prompt.py", "exec"), space)
            except Exception:
                pass
        space[name] = space["candidate"] = stub
        exec(compile(order["check"], "check.py", "exec"), space)
        if callable(space.get("check")):
            space["check"](stub)
        answer["passed"] = candidate.gone is None and candidate.calls > 0
        answer["why"] = candidate.gone or ("" if candidate.calls else "the tests never called the function")
        answer["harness"] = candidate.gone is None and candidate.calls == 0
    except CandidateGone as e:
        answer["why"] = str(e)
    except TestsCannotCross as e:
        answer["why"], answer["harness"] = "the tests pass " + str(e) + ", which cannot cross to the program", True
    except BaseException as e:
        last = traceback.extract_tb(e.__traceback__)[-1] if e.__traceback__ else None
        where = " at line %s of %s" % (last.lineno, last.filename) if last else ""
        answer["why"] = candidate.gone or "%s%s: %s" % (type(e).__name__, where, str(e)[:300])
        answer["harness"] = started and candidate.calls == 0
    answer["calls"] = candidate.calls
    answer["why"] = answer["why"].encode("utf-8", "replace").decode()
    send(3, answer)


RUNS = {"program": run_program, "function": run_function, "candidate": run_candidate, "check": run_check}


def main():
    library = ctypes.PyDLL(sys.argv[1])
    control = int(sys.argv[2])
    library.r1_jail_program.restype = ctypes.c_void_p
    library.r1_jail_program_size.restype = ctypes.c_size_t
    del sys.path[0]
    sys.argv = ["main.py"]
    sys.dont_write_bytecode = True
    gc.collect()
    gc.freeze()  # a fork's collections leave these pages shared
    library.r1_jail_serve(control)
    # only in a program's process
    order = json.loads(ctypes.string_at(library.r1_jail_program(), library.r1_jail_program_size()))
    random.seed(0)
    leave(guarded(lambda: RUNS[order["run"]](order)))


main()
