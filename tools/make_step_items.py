#!/usr/bin/env python3
"""Thoughts with certain labels as a file of ProcessBench's form, so that another model can be asked about them.

    r1 eval --model mini --data world:reasoning --limit 1400 --temperature 1 --top-p 1 --max-tokens 160 --samples draws.jsonl
    r1 trace --model mini --data world:reasoning --limit 1400 --set methods=exact --set repair_attempts=0 \\
      --set max_completion_length=160 --json > traces.jsonl
    tools/make_step_items.py draws.jsonl traces.jsonl > items.jsonl

Both commands draw the same thoughts (same seed). Kept are right answers without a wrong step (label -1), and wrong ones
whose first wrong step is exact, every step before it being right.
"""
import json
import sys

BEFORE = "The Assistant thinks in <think> </think>, then gives the answer in <answer> </answer>.\nUser: "
BEHIND = "\nAssistant:"


def item(number, draw, trace):
    if draw["completion"] != trace["completion"]:
        return None
    if not (draw["prompt"].startswith(BEFORE) and draw["prompt"].endswith(BEHIND)):
        sys.exit(f"draw {number}: its prompt is not in the embedded world's frame")
    exact = [step["exact"] for step in trace["steps"]]
    right, first = draw["outcome"] == "correct", trace["first_error"]
    if ("wrong" in exact) if right else (not first or any(e != "right" for e in exact[: first["step"]])):
        return None
    return {
        "id": f"w{number}",
        "problem": draw["prompt"][len(BEFORE) : -len(BEHIND)],
        "steps": [step["text"] for step in trace["steps"]],
        "final_answer_correct": right,
        "label": -1 if right else first["step"],
    }


def main():
    draws, traces = ([json.loads(line) for line in open(path)] for path in sys.argv[1:3])
    if len(draws) != len(traces):
        sys.exit(f"{sys.argv[1]} has {len(draws)} lines, {sys.argv[2]} has {len(traces)}")
    for number, (draw, trace) in enumerate(zip(draws, traces)):
        if (kept := item(number, draw, trace)) is not None:
            print(json.dumps(kept, ensure_ascii=False))


main()
