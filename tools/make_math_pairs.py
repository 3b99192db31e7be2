#!/usr/bin/env python3
"""Writes pairs of mathematical answers that sympy calls equal or different, as JSON lines: the test data of the maths
verifier (src/reward/math_pairs_test.cc).

    tools/make_math_pairs.py [NUMBER] > src/reward/testdata/math_pairs.jsonl

Needs sympy (1.13.3 made the committed file) and no other part of this project. Every line is
{"answer", "completion", "equal", "kind"}. An equal pair is one expression written in two ways: expanded, factored,
simplified, as LaTeX or as plain text. A different pair has a number, a sign, a bound or a member changed, and sympy shows
the difference to be another number than zero at places (300 digits). The seed is fixed.
"""
import json
import random
import sys

import sympy as sp

RANDOM = random.Random(20240923)
X, Y, Z = sp.symbols("x y z")
PLACES = [{X: sp.Rational(7, 5), Y: sp.Rational(-11, 3), Z: sp.Rational(13, 7)},
          {X: sp.Rational(5, 2), Y: sp.Rational(9, 4), Z: sp.Rational(-3, 8)}]


def whole(low=-9, high=9):
    n = 0
    while n == 0:
        n = RANDOM.randint(low, high)
    return sp.Integer(n)


def rational():
    return sp.Rational(whole(-40, 40), whole(1, 30))


def polynomial(variables):
    return sum(whole() * sp.prod([v ** RANDOM.randint(0, 2) for v in variables]) for _ in range(RANDOM.randint(2, 4)))


def constant():
    kind = RANDOM.randrange(8)
    if kind == 0:
        return rational()
    if kind == 1:
        return rational() * sp.sqrt(RANDOM.randint(2, 90))
    if kind == 2:
        return rational() + whole() * sp.sqrt(RANDOM.choice([2, 3, 5, 7, 12, 50]))
    if kind == 3:
        return rational() * sp.pi + RANDOM.choice([0, 1]) * whole()
    if kind == 4:
        return whole() * sp.E ** RANDOM.randint(1, 4) + whole()
    if kind == 5:
        return whole() * sp.sin(sp.pi * sp.Rational(RANDOM.randint(1, 11), 12))
    if kind == 6:
        return 1 / (whole(1, 9) + sp.sqrt(RANDOM.choice([2, 3, 5, 6])))
    return whole() + whole() * sp.I * RANDOM.choice([1, sp.sqrt(2)])


def formula():
    kind = RANDOM.randrange(6)
    if kind == 0:
        return polynomial([X])
    if kind == 1:
        return polynomial([X, Y]) * (X + whole())
    if kind == 2:
        return polynomial([X]) / (X + whole())
    if kind == 3:
        return (X + whole()) ** RANDOM.randint(2, 4) - whole()
    if kind == 4:
        return whole() * sp.sin(X) * sp.cos(X) + whole() * X
    return sp.exp(whole(1, 3) * X) * (X + whole()) + whole()


def forms(e):
    """The expression in other shapes, equal by sympy's own rules."""
    out = [e]
    for change in (sp.expand, sp.factor, sp.simplify, sp.together, sp.radsimp, sp.nsimplify, sp.cancel):
        try:
            out.append(change(e))
        except Exception:  # a rule that does not apply
            pass
    return [f for f in out if not f.has(sp.log, sp.re, sp.im, sp.arg)]


def written(e):
    kind = RANDOM.randrange(4)
    if kind == 0:
        return str(e)
    if kind == 1:
        return sp.latex(e, mul_symbol="dot")
    if kind == 2:
        return sp.latex(e, fold_short_frac=True, inv_trig_style="power")
    return sp.latex(e).replace("\\frac", RANDOM.choice(["\\frac", "\\dfrac", "\\tfrac"]))


def differs(a, b):
    return any(abs(sp.N((a - b).subs(place), 300)) > sp.Float("1e-200") for place in PLACES)


def perturbed(e):
    kind = RANDOM.randrange(5)
    if kind == 0:
        return e + sp.Rational(1, RANDOM.choice([1, 7, 1000, 10 ** 12, 10 ** 40]))
    if kind == 1:
        return -e
    if kind == 2:
        return e * (1 + sp.Rational(1, RANDOM.choice([2, 99, 10 ** 9])))
    numbers = sorted(e.atoms(sp.Integer), key=str)
    if numbers and kind == 3:
        n = RANDOM.choice(numbers)
        return e.xreplace({n: n + 1})
    return e + (X if e.free_symbols else sp.sqrt(2))


def scalar_pair():
    e = RANDOM.choice([constant, formula])()
    a, b = (RANDOM.choice(forms(e)) for _ in range(2))
    equal = RANDOM.random() < 0.5
    if not equal:
        b = RANDOM.choice(forms(perturbed(b)))
        if b.has(sp.zoo, sp.nan) or not differs(a, b):
            return None
    elif any(differs(a, b) for _ in range(1)):
        raise SystemExit(f"sympy changed a value: {a} and {b}")
    return written(a), written(b), equal, "formula" if e.free_symbols else "constant"


def group_pair():
    items = [sp.Rational(whole(-20, 20), RANDOM.choice([1, 1, 2, 3])) for _ in range(RANDOM.randint(2, 4))]
    if len(set(items)) < len(items):
        return None
    kind = RANDOM.choice(["set", "tuple", "interval", "matrix", "list"])
    other = list(items)
    equal = RANDOM.random() < 0.5
    if kind in ("set", "list"):
        RANDOM.shuffle(other)
    if not equal:
        i = RANDOM.randrange(len(items))
        other[i] += sp.Rational(1, RANDOM.choice([1, 2, 100]))
        if other[i] in items:
            return None
    if kind == "interval":
        low, high = sorted(items[:2])
        low2, high2 = (low, high) if equal else RANDOM.choice([(low, high + 1), (low - 1, high)])
        marks = RANDOM.choice(["()", "[]", "(]", "[)"])
        ops = {"(": "<", "[": "\\le", ")": "<", "]": "\\le"}
        a = f"{marks[0]}{written(low)}, {written(high)}{marks[1]}"
        b = RANDOM.choice([f"\\left{marks[0]}{written(low2)},{written(high2)}\\right{marks[1]}",
                           f"{sp.latex(low2)} {ops[marks[0]]} x {ops[marks[1]]} {sp.latex(high2)}"])
        return a, b, equal, kind
    texts = [[written(e) for e in each] for each in (items, other)]
    if kind == "matrix":
        rows = [" \\\\ ".join(each) if len(items) != 4 else f"{each[0]} & {each[1]} \\\\ {each[2]} & {each[3]}"
                for each in texts]
        return (f"\\begin{{pmatrix}} {rows[0]} \\end{{pmatrix}}", f"\\begin{{bmatrix}}{rows[1]}\\end{{bmatrix}}", equal,
                kind)
    marks = {"set": ("\\{", "\\}"), "tuple": ("(", ")"), "list": ("", "")}[kind]
    a, b = (marks[0] + ", ".join(each) + marks[1] for each in texts)
    return a, b, equal, kind


def main():
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    done = 0
    while done < number:
        pair = scalar_pair() if RANDOM.random() < 0.8 else group_pair()
        if pair is None or max(len(pair[0]), len(pair[1])) > 200:
            continue
        answer, completion, equal, kind = pair
        print(json.dumps({"answer": answer, "completion": completion, "equal": equal, "kind": kind}))
        done += 1


if __name__ == "__main__":
    main()
