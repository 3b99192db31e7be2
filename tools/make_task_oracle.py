#!/usr/bin/env python3
"""Expected answers of generated tasks from independent programs: tests/golden/tasks.jsonl.

usage: tools/make_task_oracle.py build/release/r1 > tests/golden/tasks.jsonl

Every item is solved again from the text of its prompt alone, by other means than the program's own: Python's datetime,
int(x, base), fractions, exec and eval, and by trying everything out. Nothing of the program's answers is written.
A line: {"family","seed","index","dials","held_out","prompt","answer","wrong"}; "answer" must be judged correct,
each of "wrong" wrong. Python 3.9 or newer, no packages.
"""
import contextlib
import datetime
import io
import itertools
import json
import random
import re
import subprocess
import sys
from collections import deque
from fractions import Fraction

ITEMS = 6
SEED = 20
DIALS = {
    "arithmetic": [{}, {"operands": "2-5", "digits": "1-3", "operators": "+-*/"}],
    "countdown": [{}, {"numbers": "4", "largest": "50", "target": "500"}],
    "linear_equations": [{}, {"unknowns": "2", "size": "30"}],
    "base_conversion": [{}, {"digits": "1-9", "base": "36"}],
    "sequences": [{}, {"size": "60", "terms": "8"}],
    "sorting": [{"kind": "numbers", "digits": "1-4"}, {"kind": "words", "items": "8"}],
    "string_edits": [{"ask": "text", "edits": "1-6"}, {"ask": "count", "length": "20"}],
    "calendar": [{"kind": "weekday", "years": "400"}, {"kind": "between", "years": "200"}, {"kind": "later", "years": "90"}],
    "knights_and_knaves": [{}, {"people": "5"}],
    "truth_tables": [{}, {"variables": "4", "connectives": "7"}],
    "mazes": [{}, {"size": "9", "walls": "35"}],
    "word_problems": [{"language": "en", "events": "1-6"}, {"language": "zh", "size": "300"}],
    "programs": [{}, {"statements": "8", "loops": "2", "size": "60"}],
}
rng = random.Random(7)


def value_of(expression):
    """Exact: every number becomes a Fraction."""
    return eval(re.sub(r"\d+", r"Fraction(\g<0>)", expression))


def arithmetic(prompt):
    v = value_of(re.fullmatch(r"What is (.*)\?", prompt)[1])
    assert v.denominator == 1
    return str(v), [str(v + 1), str(-v if v else 5)]


def all_values(numbers):
    """value -> expression, over all ways to use all of the numbers."""
    if len(numbers) == 1:
        return {Fraction(numbers[0]): str(numbers[0])}
    out = {}
    for k in range(1, len(numbers)):
        for left in itertools.combinations(range(len(numbers)), k):
            a = all_values([numbers[i] for i in left])
            b = all_values([numbers[i] for i in range(len(numbers)) if i not in left])
            for (x, ex), (y, ey) in itertools.product(a.items(), b.items()):
                out.setdefault(x + y, f"({ex} + {ey})")
                out.setdefault(x - y, f"({ex} - {ey})")
                out.setdefault(x * y, f"({ex} * {ey})")
                if y != 0:
                    out.setdefault(x / y, f"({ex} / {ey})")
    return out


def countdown(prompt):
    m = re.match(r"Use the numbers ([\d, ]+) and the operations .* to make (\d+)\.", prompt)
    numbers, target = [int(n) for n in m[1].split(", ")], int(m[2])
    found, wrong = None, []
    for k in range(2, len(numbers) + 1):
        for some in itertools.combinations(numbers, k):
            values = all_values(list(some))
            found = found or values.get(Fraction(target))
            wrong += [e for v, e in rng.sample(sorted(values.items()), 2) if v != target]
    assert found, "no solution"
    return found, rng.sample(wrong, 3)


def equation_sides(text, names):
    """An equation as factors of the names and a constant, all on the left, read off at points."""
    left, right = text.split("=")

    def at(**values):
        python = [re.sub(r"(\d)([xy])", r"\1*\2", side) for side in (left, right)]
        return Fraction(eval(python[0], {}, values)) - eval(python[1], {}, values)

    zero = at(**{n: 0 for n in names})
    return [at(**{m: int(m == n) for m in names}) - zero for n in names], zero


def linear_equations(prompt):
    m = re.fullmatch(r"Solve for x( and y)?: (.*)", prompt)
    if not m[1]:
        (a,), c = equation_sides(m[2], "x")
        x = -c / a
        return f"x = {x}", [f"x = {x + 1}"]
    first, second = m[2].split(" and ")
    ((a, b), e), ((c, d), f) = equation_sides(first, "xy"), equation_sides(second, "xy")
    det = a * d - b * c
    x, y = (-e * d + b * f) / det, (-a * f + c * e) / det
    return f"x = {x}, y = {y}", [f"x = {x}, y = {y + 1}", f"x = {x - 1}, y = {y}"]


def base_conversion(prompt):
    m = re.match(r"Convert (\w+) from base (\d+) to base (\d+)\.", prompt)
    value, base, digits = int(m[1], int(m[2])), int(m[3]), ""
    rest = value
    while rest or not digits:
        rest, digit = divmod(rest, base)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    assert int(digits, base) == value
    return digits, [digits + "0", "1" + digits]


def sequences(prompt):
    """The rules fitted as linear recurrences, not by differences."""
    t = [int(x) for x in re.match(r"What is the next number in the sequence ([-\d, ]+)\?", prompt)[1].split(", ")]
    rules = [(2, -1), (3, -3, 1), (1, 1), (0, 2, 0, -1)] + [(r,) for r in range(-9, 10)]
    says = set()
    for rule in rules:
        k = len(rule)
        if all(t[i] == sum(f * t[i - 1 - j] for j, f in enumerate(rule)) for i in range(k, len(t))):
            says.add(sum(f * t[-1 - j] for j, f in enumerate(rule)))
    assert len(says) == 1, (t, says)
    next_one = says.pop()
    return str(next_one), [str(n) for n in (next_one + 1, t[-1]) if n != next_one]


def sorting(prompt):
    m = re.fullmatch(r"Sort these (\w+) (.*): (.*)", prompt)
    items = m[3].split(", ")
    key = int if m[1] == "numbers" else str
    done = sorted(items, key=key, reverse="reverse" in m[2] or "from the largest" in m[2])
    return ", ".join(done), [", ".join(reversed(done))] if done != done[::-1] else []


def string_edits(prompt):
    lines = prompt.split("\n")
    text = re.search(r'"(\w+)"', lines[0])[1]
    for line in lines[1:-1]:
        edit = line.split(". ", 1)[1]
        if edit == "Reverse the text.":
            text = text[::-1]
        elif m := re.fullmatch(r"Replace every (\w) by (\w)\.", edit):
            text = text.replace(m[1], m[2])
        elif m := re.fullmatch(r"Remove every (\w)\.", edit):
            text = text.replace(m[1], "")
        elif m := re.match(r"Move every letter (\d+) places", edit):
            text = "".join(chr((ord(c) - 97 + int(m[1])) % 26 + 97) for c in text)
        elif m := re.match(r"Move the first (\d+) letters", edit):
            text = text[int(m[1]):] + text[: int(m[1])]
        else:
            assert edit == "Write the text twice in a row.", edit
            text *= 2
    if m := re.match(r"How many times does the letter (\w)", lines[-1]):
        return str(text.count(m[1])), [str(text.count(m[1]) + 1)]
    return text, [text + "a", text[1:] + "!"]


def calendar(prompt):
    days = [datetime.date.fromisoformat(d) for d in re.findall(r"\d{4}-\d\d-\d\d", prompt)]
    if prompt.startswith("What day"):
        day = days[0].strftime("%A")
        return day, [(days[0] + datetime.timedelta(1)).strftime("%A")]
    if prompt.startswith("How many"):
        n = (days[1] - days[0]).days
        return str(n), [str(n + 1), str(n - 1)]
    day = days[0] + datetime.timedelta(int(re.search(r"(\d+) days after", prompt)[1]))
    return day.isoformat(), [(day + datetime.timedelta(1)).isoformat()]


def knights_and_knaves(prompt):
    says = re.findall(r'^(\w+) says: "(.*)"$', prompt, re.M)
    names = [name for name, _ in says]

    def true(said, w):
        if m := re.fullmatch(r"(\w+) is a (knight|knave)\.", said):
            return w[m[1]] == (m[2] == "knight")
        if m := re.fullmatch(r"(\w+) and (\w+) are of the same kind\.", said):
            return w[m[1]] == w[m[2]]
        if m := re.fullmatch(r"(\w+) and (\w+) are of different kinds\.", said):
            return w[m[1]] != w[m[2]]
        if m := re.fullmatch(r"(\w+) and (\w+) are both knights\.", said):
            return w[m[1]] and w[m[2]]
        if m := re.fullmatch(r"At least one of (\w+) and (\w+) is a knight\.", said):
            return w[m[1]] or w[m[2]]
        return sum(w.values()) == int(re.fullmatch(r"The number of knights among us is (\d+)\.", said)[1])

    def text(w):
        return ", ".join(f"{n} is a {'knight' if w[n] else 'knave'}" for n in names)

    worlds = [dict(zip(names, kinds)) for kinds in itertools.product([True, False], repeat=len(names))]
    fit = [w for w in worlds if all(bool(true(said, w)) == w[name] for name, said in says)]
    assert len(fit) == 1, (prompt, fit)
    return text(fit[0]), [text(w) for w in rng.sample(worlds, 2) if w != fit[0]]


class Truth:
    """A truth value with the prompt's connectives as operators of falling tightness (all are in brackets)."""

    def __init__(self, value):
        self.value = value

    __and__ = lambda a, b: Truth(a.value and b.value)
    __or__ = lambda a, b: Truth(a.value or b.value)
    __rshift__ = lambda a, b: Truth(b.value if a.value else True)
    __xor__ = lambda a, b: Truth(a.value is b.value)
    __invert__ = lambda a: Truth(not a.value)


def truth_tables(prompt):
    m = re.fullmatch(r"For how many of the \d+ assignments of true and false to ([a-z, ]+) is (.*) true\?", prompt)
    names, python = m[1].split(", "), m[2]
    for word, sign in (("and", "&"), ("or", "|"), ("implies", ">>"), ("iff", "^"), ("not", "~")):
        python = re.sub(rf"\b{word}\b", sign, python)
    count = sum(
        eval(python, {}, {n: Truth(v) for n, v in zip(names, row)}).value
        for row in itertools.product([True, False], repeat=len(names))
    )
    return str(count), [str(count + 1)]


def mazes(prompt):
    rows = prompt.split("\n")[1:-1]
    moves = {"L": (0, -1), "U": (-1, 0), "R": (0, 1), "D": (1, 0)}
    seen, queue = {(0, 0)}, deque([((0, 0), "")])
    while queue:
        (r, c), way = queue.popleft()
        if rows[r][c] == "G":
            return way, [way + "LR", way[:-1]]
        for move, (dr, dc) in moves.items():
            to = (r + dr, c + dc)
            if 0 <= to[0] < len(rows) and 0 <= to[1] < len(rows[0]) and rows[to[0]][to[1]] != "#" and to not in seen:
                seen.add(to)
                queue.append((to, way + move))
    raise AssertionError("no way")


def word_problems(prompt):
    patterns = [  # what happens, by the words alone
        (r"buys (\d+) more|gives \w+ (\d+) more|又买了(\d+)|朋友送给小\w(\d+)", lambda a, n: a + n),
        (r"gives away (\d+)|loses (\d+)|送出去(\d+)|弄丢了(\d+)", lambda a, n: a - n),
        (r"has (\d+) times|原来的(\d+)倍", lambda a, n: a * n),
        (r"into (\d+) equal|装进(\d+)个", lambda a, n: Fraction(a, n)),
    ]
    sentences = [s for s in re.split(r"[.。] ?", prompt) if s]
    total = int(re.search(r"\d+", sentences[0])[0])
    for sentence in sentences[1:-1]:
        (how, n), = [(f, next(g for g in m.groups() if g)) for p, f in patterns if (m := re.search(p, sentence))]
        total = how(total, int(n))
    assert Fraction(total).denominator == 1
    return str(total), [str(total + 1)]


def programs(prompt):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(re.search(r"```python\n(.*)\n```", prompt, re.S)[1], {})
    value = int(out.getvalue())
    return str(value), [str(value + 1)]


def main():
    program = sys.argv[1]
    for family, settings in DIALS.items():
        for number, dials in enumerate(settings):
            held_out = number % 2 == 1
            words = [program, "tasks", "sample", family, "--n", str(ITEMS), "--seed", str(SEED)]
            words += [w for k, v in dials.items() for w in ("--set", f"{k}={v}")] + ["--held-out"] * held_out
            lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
            for index, line in enumerate(lines):
                prompt = json.loads(line)["prompt"]
                answer, wrong = globals()[family](prompt)
                row = {"family": family, "seed": SEED, "index": index, "dials": dials, "held_out": held_out}
                print(json.dumps({**row, "prompt": prompt, "answer": answer, "wrong": wrong}, ensure_ascii=False))


main()
