#!/usr/bin/env python3
"""Step advantages as NumPy computes them: process supervision and Monte-Carlo values, with both kinds of blame.

    make_step_goldens.py > tests/golden/step_advantages.json

Written apart from src/train/step_advantages.cc, token by token from the formulas: DeepSeekMath (arXiv 2402.03300) 4.1.3,
VinePPO (arXiv 2410.01679); intervals are SciPy's Wilson intervals. Needs numpy and scipy; r1 itself needs neither.

A case: groups of answers; of an answer the truth of each step, `ends` (tokens up to and with each step), the outcome with
its reward, and `prefixes` (steps, continuations counted, right ones, sum of their rewards). Expected: an advantage a token.
"""
import json

import numpy as np
from scipy.stats import binomtest

EPS = 1e-4


def counts(answer):
    return answer["outcome"] != "failed"


def spread_of(values):
    return len(values) > 1 and np.ptp(values) > 0


def step_rewards(answer):
    """(end in tokens, reward) of the steps that have one."""
    if not counts(answer):
        return []
    last = len(answer["truths"]) - 1
    out = []
    for k, truth in enumerate(answer["truths"]):
        if k == last:
            out.append((answer["ends"][k], answer["reward"]))
        elif truth != "none":
            out.append((answer["ends"][k], float(truth == "right")))
    return out


def step_of(answer, token):
    return next(k for k, end in enumerate(answer["ends"]) if token < end)


def process(groups, scale):
    everything = [r for g in groups for a in g for _, r in step_rewards(a)]
    out = []
    for g in groups:
        values = np.array([r for a in g for _, r in step_rewards(a)])
        result = []
        for a in g:
            n = a["ends"][-1]
            advantage = np.zeros(n)
            if spread_of(values):
                divisor = {"group": np.std(values, ddof=1) + EPS if len(values) > 1 else 1,
                           "batch": np.std(everything, ddof=1) + EPS if len(everything) > 1 else 1, "none": 1}[scale]
                for token in range(n):
                    # steps that end at or behind the token's own step's end
                    own = a["ends"][step_of(a, token)]
                    advantage[token] = sum((r - values.mean()) / divisor for end, r in step_rewards(a) if end >= own)
            result.append(advantage)
        out.append(result)
    return out


def step_mc(groups, scale):
    everything = [a["reward"] for g in groups for a in g if counts(a)]
    out = []
    for g in groups:
        values = np.array([a["reward"] for a in g if counts(a)])
        result = []
        for i, a in enumerate(g):
            n = a["ends"][-1]
            advantage = np.zeros(n)
            if spread_of(values) and counts(a):
                divisor = {"group": np.std(values, ddof=1) + EPS, "batch": np.std(everything, ddof=1) + EPS,
                           "none": 1}[scale]
                others = [b["reward"] for j, b in enumerate(g) if j != i and counts(b)]
                known = {0: np.mean(others), len(a["truths"]): a["reward"]}
                known.update({s: total / counted for s, counted, _, total in a["prefixes"] if counted})
                for token in range(n):
                    k = step_of(a, token)
                    before = max(s for s in known if s <= k)
                    behind = min(s for s in known if s > k)
                    advantage[token] = (known[behind] - known[before]) / divisor
            result.append(advantage)
        out.append(result)
    return out


def wilson(right, n):
    if n == 0:
        return 0.0, 1.0
    ci = binomtest(right, n).proportion_ci(confidence_level=0.95, method="wilson")
    return ci.low, ci.high


def first_error(group, i):
    a = group[i]
    if a["outcome"] != "wrong":
        return None
    if "wrong" in a["truths"]:
        return a["truths"].index("wrong")
    others = [b for j, b in enumerate(group) if j != i and counts(b)]
    # prefixes as (steps, right, n), the prompt first
    points = [(0, sum(b["outcome"] == "right" for b in others), len(others))]
    points += [(s, right, n) for s, n, right, _ in a["prefixes"] if n]
    for j in range(1, len(points)):
        if any(wilson(*points[j][1:])[1] < wilson(*earlier[1:])[0] for earlier in points[:j]):
            return points[j - 1][0]
    if len(points) > 1 and points[-1][1] > 0:
        return points[-1][0]
    return None


def blamed(groups, advantages):
    out = []
    for g, group in zip(advantages, groups):
        result = []
        for i, (advantage, a) in enumerate(zip(g, group)):
            advantage = advantage.copy()
            error = first_error(group, i)
            if error is not None:
                for token in range(a["ends"][-1]):
                    if step_of(a, token) < error:
                        advantage[token] = max(advantage[token], 0)
            result.append(advantage)
        out.append(result)
    return out


def answer(truths, lengths, outcome, reward=None, prefixes=()):
    names = {"+": "right", "-": "wrong", ".": "none"}
    if reward is None:
        reward = 1.0 if outcome == "right" else 0.0
    return {"truths": [names[t] for t in truths], "ends": [int(e) for e in np.cumsum(lengths)], "outcome": outcome,
            "reward": reward, "prefixes": [list(p) for p in prefixes]}


def by_hand():
    empty = answer(".", [1], "no_answer")
    yield "uneven", "group", [[
        answer("+++.", [3, 2, 4, 1], "right", 1.2, [(1, 4, 3, 3.4), (2, 4, 4, 4.8), (3, 4, 4, 4.6)]),
        answer("+-", [2, 3], "wrong", 0.2, [(1, 4, 2, 2.2)]),
        answer(".-+++.", [1, 1, 1, 2, 1, 5], "wrong", 0.0, [(2, 4, 1, 1.0), (4, 4, 0, 0.2)]),
        empty]]
    yield "no_spread", "group", [
        [answer("..", [2, 2], "wrong", 0.0), answer("...", [1, 2, 1], "wrong", 0.0)],
        [answer("++", [2, 2], "right"), answer("+", [3], "right")],
        # outcomes alike, steps not
        [answer("+-.", [1, 1, 1], "wrong", 0.0), answer("..", [1, 4], "wrong", 0.0)]]
    yield "no_evidence", "group", [[
        answer("....", [2, 1, 1, 2], "right", 1.0, [(1, 8, 8, 8.0), (2, 8, 7, 7.0), (3, 0, 0, 0.0)]),
        answer("....", [1, 1, 3, 1], "wrong", 0.0, [(1, 8, 8, 8.0), (2, 8, 1, 1.0), (3, 8, 0, 0.0)]),
        answer("...", [1, 1, 1], "wrong", 0.0, [(1, 8, 0, 0.0), (2, 8, 0, 0.0)]),
        answer("...", [2, 2, 2], "wrong", 0.0, [(1, 8, 5, 5.0), (2, 8, 4, 4.0)]),
        answer("...", [2, 1, 2], "wrong", 0.0, [(1, 0, 0, 0.0), (2, 0, 0, 0.0)])]]
    yield "empty_answers", "group", [[empty, empty, answer("+.", [2, 2], "right", 1.0, [(1, 2, 1, 1.0)])], [empty, empty]]
    yield "failed_and_unanswered", "batch", [
        [answer("+-+", [1, 1, 1], "failed"), answer("-.", [2, 2], "no_answer", 0.2, [(1, 2, 0, 0.2)]),
         answer("+.", [1, 3], "right", 1.2, [(1, 2, 2, 2.4)])],
        [answer("-+.", [1, 2, 2], "wrong", 0.2, [(1, 3, 0, 0.0), (2, 3, 1, 1.2)]), answer(".", [4], "right", 1.0),
         answer("+.", [2, 2], "failed")]]
    yield "step_without_tokens", "none", [[
        answer("+.-.", [2, 0, 3, 1], "wrong", 0.0, [(1, 4, 3, 3.0), (3, 4, 1, 1.0)]),
        answer("+.", [1, 1], "right", 1.0, [(1, 4, 4, 4.0)])]]


def drawn(seed):
    rng = np.random.default_rng(seed)
    groups = []
    for _ in range(3):
        group = []
        for _ in range(int(rng.integers(2, 6))):
            steps = int(rng.integers(1, 8))
            outcome = str(rng.choice(["right", "wrong", "wrong", "no_answer", "failed"], p=[.4, .2, .2, .1, .1]))
            prefixes = []
            for s in range(1, steps):
                if rng.random() < 0.6:
                    n = int(rng.choice([0, 4, 9]))
                    right = int(rng.integers(0, n + 1))
                    prefixes.append((s, n, right, round(float(right + 0.2 * rng.integers(0, n + 1)), 1)))
            group.append(answer("".join(rng.choice(list("+-..+"), steps)), rng.integers(1, 6, steps), outcome,
                                round(float(outcome == "right") + 0.2 * float(rng.integers(0, 2)), 1), prefixes))
        groups.append(group)
    return groups


def main():
    cases = list(by_hand())
    cases += [(f"drawn_{seed}", ["group", "batch", "none"][seed % 3], drawn(seed)) for seed in range(6)]
    print("[")
    for i, (name, scale, groups) in enumerate(cases):
        expected = {}
        for kind, advantages in (("process", process(groups, scale)), ("step_mc", step_mc(groups, scale))):
            for blame, values in (("all", advantages), ("from_error", blamed(groups, advantages))):
                expected[f"{kind}/{blame}"] = [[[round(float(x), 8) for x in a] for a in g] for g in values]
        case = {"name": name, "scale": scale, "groups": groups, "expected": expected}
        print(json.dumps(case), end=",\n" if i + 1 < len(cases) else "\n")
    print("]")


if __name__ == "__main__":
    main()
