#!/usr/bin/env python3
"""Five ways to improve one model for the same number of sampled tokens: by outcomes, by steps, and by texts.

    tools/compare_steps.py --r1 build/release/r1 --model assets/mini --out runs/steps --tokens 1500000 --seeds 1,2,3

First R1-Zero for a few steps (the common checkpoint), then from it, each way with each seed:
  outcome        GRPO, one advantage an answer
  process        GRPO, advantage=process blame=from_error: checked steps
  step_mc        GRPO, advantage=step_mc: values of prefixes; their continuations are paid from the same tokens
  reject         rejection sampling (r1 reject), then SFT on what was right
  repair         thoughts traced and repaired (r1 trace --repairs), then SFT on what follows the prefix that was right
Each is evaluated on held-out questions, and its wrong answers are traced by exact checkers: where is the first error?
The questions are world:reasoning in R1-Zero's frame. Sampled tokens are counted from what the program wrote:
sampled_tokens of metrics.jsonl, tokens of r1 reject's progress.jsonl, thoughts and `tokens` of r1 trace.

Prints a Markdown table, also written to OUT/table.md; OUT/results.json has the figures. Killed, it goes on where it was
when it is called again. Needs r1 and Python's own library. With the embedded model a step of GRPO (256 answers, 10 to 17
thousand tokens) is 7.7 seconds of one slow core, so that 1.5 million tokens take a way some 15 minutes of it.
"""
import argparse
import json
import math
import os
import subprocess
import sys

PREFIX = "The Assistant thinks in <think> </think>, then gives the answer in <answer> </answer>.\nUser: "
SUFFIX = "\nAssistant:"
LENGTH = 160
WAYS = ["outcome", "process", "step_mc", "reject", "repair"]
GRPO = {"data": "world:reasoning", "reward": "world+format*0.2", "task_rows": 20000, "num_generations": 16,
        "per_device_train_batch_size": 256, "max_completion_length": LENGTH, "save_steps": 5, "save_total_limit": 2,
        "logging_steps": 10}
KEYS = {
    "outcome": {},
    "process": {"advantage": "process", "blame": "from_error"},
    # half the answers an update, or there were few updates left of the tokens
    "step_mc": {"advantage": "step_mc", "step_mc_rollouts": 2, "step_mc_max_steps": 4,
                "per_device_train_batch_size": 128},
}
SFT = {"num_train_epochs": 2, "per_device_train_batch_size": 16, "lr_scheduler_type": "cosine", "min_lr_rate": 0.1,
       "warmup_steps": 5, "save_steps": 50, "save_total_limit": 1, "logging_steps": 50}


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


def write(path, text):
    with open(path + ".part", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".part", path)


class Comparison:
    def __init__(self, a):
        self.a = a
        os.makedirs(a.out, exist_ok=True)

    def at(self, *names):
        return os.path.join(self.a.out, *names)

    def r1(self, verb, keys, flags=(), stdin=None):
        keys = {"prompt_template": "none", "prompt_prefix": PREFIX, "prompt_suffix": SUFFIX, "threads": self.a.threads,
                **keys}
        command = [self.a.r1, *verb.split(), *flags]
        for key, value in keys.items():
            command += ["--set", f"{key}={value}"]
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stderr[-2000:]}\nexit code {done.returncode}")
        return done.stdout

    def run(self, verb, name, keys):
        """A training run in OUT/name; its model's folder."""
        folder = self.at(name)
        if not os.path.exists(self.at(name + ".done")):
            print(f"{name}: r1 {verb}", file=sys.stderr, flush=True)
            self.r1(verb, {"out": folder, **keys}, ["--resume"] if os.path.isdir(folder) else [])
            write(self.at(name + ".done"), "")
        return os.path.join(folder, "model")

    def warm(self):
        return self.run("grpo", "warm", {**GRPO, "model": self.a.model, "seed": 1, "learning_rate": 1.5e-4,
                                         "warmup_steps": 5, "max_steps": self.a.warm_steps})

    # ---- the ways; each returns the model's folder, the tokens sampled, and updates

    def grpo(self, way, seed, start):
        name = f"{way}-{seed}"
        model = self.run("grpo", name, {**GRPO, "model": start, "seed": seed, "learning_rate": 1e-4, "warmup_steps": 5,
                                        "max_steps": 100000, "max_sampled_tokens": self.a.tokens, **KEYS[way]})
        last = [m for m in lines(self.at(name, "metrics.jsonl")) if "sampled_tokens" in m][-1]
        return model, last["sampled_tokens"], last["step"]

    def sft(self, name, seed, start, data):
        model = self.run("sft", name, {**SFT, "model": start, "seed": seed, "data": data, "max_length": 512,
                                       "learning_rate": self.a.sft_rate})
        return model, [m for m in lines(self.at(name, "metrics.jsonl")) if "step" in m][-1]["step"]

    def mean_length(self):
        return [m for m in lines(self.at("warm", "metrics.jsonl")) if "completions/mean_length" in m][-1][
            "completions/mean_length"]

    def reject(self, seed, start):
        each, name = 4, f"reject-{seed}-traces"
        rows = round(self.a.tokens / each / self.mean_length())
        self.run("reject", name, {"model": start, "data": f"world:reasoning?seed={100 + seed}", "task_rows": rows,
                                  "reward": "world+format*0.2", "num_generations": each, "keep_per_prompt": each,
                                  "max_completion_length": LENGTH, "seed": seed, "filters": "none"})
        tokens = sum(p["tokens"] for p in lines(self.at(name, "progress.jsonl")) if "tokens" in p)
        model, steps = self.sft(f"reject-{seed}", seed, start, self.at(name, "accepted.jsonl"))
        return model, tokens, steps

    def repair(self, seed, start):
        """Chunks of thoughts until the tokens are spent; only finished ones count."""
        os.makedirs(self.at(f"repair-{seed}-traces"), exist_ok=True)
        spent, chunk = 0, 0
        while spent < self.a.tokens:
            base = self.at(f"repair-{seed}-traces", f"{chunk}")
            if not os.path.exists(base + ".tokens"):
                print(f"repair-{seed}: {spent} tokens", file=sys.stderr, flush=True)
                out = self.r1("trace", {"methods": "exact", "rollouts": 8, "repair_attempts": 16, "seed": seed},
                              ["--model", start, "--data",
                               f"world:reasoning?held_out=0&rows={self.a.chunk}&seed={1000 * seed + chunk}", "--json",
                               "--repairs", base + ".jsonl", "--max-tokens", str(LENGTH)])
                traced = [json.loads(line) for line in out.splitlines()]
                texts = "".join(json.dumps({"text": t["completion"]}) + "\n" for t in traced)
                ids = subprocess.run([self.a.r1, "tokenize", "--model", start], input=texts, stdout=subprocess.PIPE,
                                     encoding="utf-8", check=True).stdout
                own = sum(len(json.loads(line)["ids"]) + 1 for line in ids.splitlines())  # and the end token
                write(base + ".tokens", json.dumps(own + sum(t["tokens"] for t in traced)))
            with open(base + ".tokens", encoding="utf-8") as f:
                spent += json.load(f)
            chunk += 1
        rows = ""
        for i in range(chunk):
            with open(self.at(f"repair-{seed}-traces", f"{i}.continue.jsonl"), encoding="utf-8") as f:
                rows += f.read()
        write(self.at(f"repair-{seed}.jsonl"), rows)
        model, steps = self.sft(f"repair-{seed}", seed, start, self.at(f"repair-{seed}.jsonl"))
        return model, spent, steps

    # ---- what came out

    def evaluate(self, name, model):
        out = self.at(name + ".eval.json")
        if not os.path.exists(out):
            samples = self.at(name + ".samples.jsonl")
            shared = ["--model", model, "--data", "world:reasoning", "--limit", str(self.a.questions), "--seed", "7",
                      "--max-tokens", str(LENGTH), "--json"]
            result = json.loads(self.r1("eval", {}, [*shared, "--n", "4", "--temperature", "1", "--top-p", "1",
                                                   "--samples", samples]))
            # the same draws again: the first sample of each question, now step by step
            traced = self.r1("trace", {"methods": "exact", "repair_attempts": 0, "temperature": 1}, shared)
            outcome = {(i // 4, s["completion"]): s["outcome"] for i, s in enumerate(lines(samples)) if i % 4 == 0}
            first = []
            for i, line in enumerate(traced.splitlines()):
                t = json.loads(line)
                verdict = outcome[(i, t["completion"])]
                if verdict == "wrong":
                    first.append([t["first_error"]["step"] if t["first_error"] else None, len(t["steps"])])
            result["first_errors"] = first
            write(out, json.dumps(result))
        with open(out, encoding="utf-8") as f:
            return json.load(f)

    def way(self, way, seed, start):
        model, tokens, steps = (self.reject(seed, start) if way == "reject" else self.repair(seed, start)
                                if way == "repair" else self.grpo(way, seed, start))
        return {"way": way, "seed": seed, "tokens": tokens, "updates": steps,
                **self.evaluate(f"{way}-{seed}", model)}

    def go(self):
        start = self.warm()
        before = {"way": "checkpoint", "seed": None, "tokens": 0, "updates": self.a.warm_steps,
                  **self.evaluate("warm", start)}
        results = [before]
        for seed in self.a.seeds:
            for way in self.a.ways:
                results.append(self.way(way, seed, start))
                write(self.at("results.json"), json.dumps(results, indent=1))
                write(self.at("table.md"), table(results))
        print(table(results))


def share(part, n):
    return f"{100 * part / n:.0f} %" if n else "-"


def row_of(way, rs):
    n = sum(r["n"] for r in rs)
    right = sum(r["pass@1"] * r["n"] for r in rs) / n
    # questions are what is drawn: an interval over them, however many samples each
    half = 1.96 * math.sqrt(max(right * (1 - right), 0) / n)
    errors = [e for r in rs for e in r["first_errors"]]
    places = [e[0] for e in errors if e[0] is not None]
    counts = [sum(p == k for p in places) for k in range(3)] + [sum(p >= 3 for p in places)]
    seeds = " ".join(f"{100 * r['pass@1']:.1f}" for r in rs)
    return (f"| {way} | {sum(r['tokens'] for r in rs) / len(rs):,.0f} | {sum(r['updates'] for r in rs) / len(rs):.0f} "
            f"| {100 * right:.1f} ± {100 * half:.1f} | {seeds} | {sum(r['mean_length'] for r in rs) / len(rs):.0f} "
            f"| {len(errors)} | {share(len(places), len(errors))} | "
            + " | ".join(share(c, len(places)) for c in counts) + " |\n")


def table(results):
    out = ("| way | tokens sampled | updates | held out, % | by seed | tokens an answer | wrong | located | "
           "first error in step 0 | 1 | 2 | 3 or later |\n|---|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|\n")
    for way in dict.fromkeys(r["way"] for r in results):
        out += row_of(way, [r for r in results if r["way"] == way])
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--r1", default="build/release/r1", help="the program")
    p.add_argument("--model", required=True, help="folder of the base model")
    p.add_argument("--out", required=True, help="folder for everything")
    p.add_argument("--tokens", type=int, default=1500000, help="sampled a way and seed")
    p.add_argument("--seeds", default="1", type=lambda s: [int(x) for x in s.split(",")], help="e.g. 1,2,3")
    p.add_argument("--ways", default=WAYS, type=lambda s: s.split(","), help=",".join(WAYS))
    p.add_argument("--warm-steps", type=int, default=25, help="of R1-Zero, to the common checkpoint")
    p.add_argument("--questions", type=int, default=500, help="held out")
    p.add_argument("--chunk", type=int, default=400, help="thoughts traced at once")
    p.add_argument("--sft-rate", type=float, default=3e-4, help="learning rate of the two ways by SFT")
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    for way in a.ways:
        if way not in WAYS:
            p.error(f"--ways: {way} is none of {', '.join(WAYS)}")
    Comparison(a).go()


if __name__ == "__main__":
    main()
