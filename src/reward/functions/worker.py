# A user's reward function, called as the trainer it was written for calls it. One JSON object a line, requests on
# descriptor 3, replies on 4; what the function prints goes where standard error goes. Standard library only: NumPy and
# torch are used when the user's function brings them along.
#
# -> {"v":1,"op":"init","adapter":"trl","target":"my.py:fn","kwargs":{},"seed":0}
# <- {"op":"ready","name":"fn","params":["completions","**"],"async":false}
# -> {"op":"score","id":1,"step":0,"prompts":[..],"completions":[..],"columns":{"answer":[..]}}
# <- {"id":1,"rewards":[1.0,null],"extra":{"extracted":[..]},"metrics":{"acc":0.5},"ms":3.1}
# <- {"id":1,"error":{"type":"KeyError","message":"..","traceback":".."}}
import importlib
import importlib.util
import inspect
import json
import os
import random
import sys
import time
import traceback


class UsageError(Exception):
    pass


def clean(text, most=2000):
    text = str(text)
    if len(text) > most:
        text = text[: most // 2] + " ... " + text[-most // 2 :]
    return text.encode("utf-8", "replace").decode()


def describe(e):
    try:
        message = clean(e)
    except BaseException:
        message = "an exception that cannot be printed"
    trace = clean("".join(traceback.format_exception(type(e), e, e.__traceback__)[-8:]), 4000)
    return {"type": clean(type(e).__name__, 80), "message": message, "traceback": trace}


def brief(e):
    d = describe(e)
    return d["type"] + ": " + d["message"]


# ---- what functions give: numbers of any library, None


def plain(x):
    return x.tolist() if hasattr(x, "tolist") else x  # NumPy, torch, JAX; scalars too


# A finite float, or None: the function does not apply (NaN means the same in TRL).
def number(x):
    x = plain(x)
    if isinstance(x, (list, tuple)) and len(x) == 1:
        x = plain(x[0])
    if x is None:
        return None
    if isinstance(x, (str, bytes)) or not hasattr(x, "__float__"):
        raise TypeError("a reward of type %s; expected a number or None" % type(x).__name__[:80])
    value = float(x)
    if value != value:
        return None
    if value in (float("inf"), float("-inf")):
        raise ValueError("an infinite reward")
    return value


def entry(x):
    try:
        return number(x)
    except Exception as e:
        return {"error": brief(e)}


def loose_number(x):
    try:
        return number(x)
    except Exception:
        return None


loop = None


# The result of a call, awaited where it has to be.
def settle(x):
    global loop
    if not inspect.isawaitable(x):
        return x
    import asyncio  # slow to load, and most functions are not async

    if loop is None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)

    async def wait():
        return await x

    return loop.run_until_complete(wait())


# ---- finding the function


def load_module(path):
    if not path.endswith(".py"):
        return importlib.import_module(path)
    if not os.path.isfile(path):
        raise UsageError("%s: no such file" % path)
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    name = os.path.basename(path)[:-3]
    if name in sys.modules or not name.isidentifier():
        name = "user_" + "".join(c if c.isalnum() else "_" for c in name)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def load_function(target, default):
    path, name = target, default
    if not target.endswith(".py"):
        path, _, name = target.rpartition(":")
    if not path or not name:
        raise UsageError("%s: expected FILE.py:FUNCTION" % target)
    module = load_module(path)
    function = getattr(module, name, None)
    if not callable(function):
        own = [n for n, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == module.__name__]
        raise UsageError("%s defines no function %s; it has %s" % (path, name, ", ".join(own[:20]) or "none"))
    return function, name


def parameters(function):
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ["**"]
    names = [p.name for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return names + ["**"] * any(p.kind == p.VAR_KEYWORD for p in found)


def is_async(function):
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))


class Function:
    def __init__(self, order, default):
        self.call, self.name = load_function(order["target"], default)
        self.name = getattr(self.call, "__name__", self.name)
        self.params = parameters(self.call)
        self.is_async = is_async(self.call)
        self.kwargs = order.get("kwargs") or {}

    # Without **kwargs a function gets what it names.
    def accepted(self, arguments):
        if "**" in self.params:
            return arguments
        return {k: v for k, v in arguments.items() if k in self.params}


# ---- TRL: f(prompts, completions, completion_ids, trainer_state, log_extra, log_metric, **columns) for a whole batch


class TrainerState:
    def __init__(self, step, max_steps):
        self.global_step, self.max_steps = step, max_steps
        self.epoch = self.best_metric = None
        self.num_train_epochs = self.total_flos = self.num_input_tokens_seen = 0
        self.log_history = []
        self.is_world_process_zero = self.is_local_process_zero = True


class Trl(Function):
    def __init__(self, order):
        super().__init__(order, None)

    def score(self, m):
        n = len(m["completions"])
        extra, metrics = {}, {}
        arguments = dict(m["columns"])
        arguments.update(
            prompts=m["prompts"],
            completions=m["completions"],
            completion_ids=m.get("completion_ids"),
            trainer_state=TrainerState(m.get("step", 0), m.get("max_steps", 0)),
            log_extra=lambda column, values: extra.__setitem__(str(column), list(plain(values))),
            log_metric=lambda name, value: metrics.__setitem__(str(name), loose_number(value)),
        )
        out = plain(settle(self.call(**self.accepted(arguments))))
        if isinstance(out, (str, bytes, dict)) or not hasattr(out, "__len__"):
            raise TypeError("the function returned a %s; expected a list of %d rewards" % (type(out).__name__, n))
        if len(out) != n:
            raise ValueError("the function returned %d rewards for %d completions" % (len(out), n))
        return {"rewards": [entry(x) for x in out], "extra": lists_of(extra, n), "metrics": metrics}


# Columns that a function logs: numbers, and the answer it read.
def lists_of(extra, n):
    out = {}
    for key, values in extra.items():
        if len(values) != n:
            continue
        if key.startswith("extracted"):
            out["extracted"] = ["" if v is None else clean(v, 500) for v in values]
        else:
            numbers = [loose_number(v) for v in values]
            if any(v is not None for v in numbers):
                out[clean(key, 80)] = numbers
    return out


# ---- functions that judge one sample a call


class OnePerCall(Function):
    def score(self, m):
        n = len(m["completions"])
        rows = [{k: v[i] for k, v in m["columns"].items() if v[i] is not None} for i in range(n)]
        calls = [self.accepted(self.arguments(m, i, rows[i])) for i in range(n)]
        if self.is_async:
            results = settle(self.together(calls, m.get("limit", 60)))
        else:
            results = [self.read(settle(self.call(**c))) for c in calls]
        out = {"rewards": [r for r, _ in results], "extra": {}}
        for key in dict.fromkeys(k for _, more in results for k in more):
            out["extra"][key] = [more.get(key) for _, more in results]
        return out

    async def together(self, calls, limit):
        import asyncio

        async def one(arguments):
            try:
                return self.read(await asyncio.wait_for(self.call(**arguments), limit))
            except asyncio.TimeoutError:
                return {"error": "no result within %g s" % limit}, {}
            except Exception as e:
                return {"error": brief(e)}, {}

        return await asyncio.gather(*[one(c) for c in calls])


# verl: compute_score(data_source, solution_str, ground_truth, extra_info, **reward_kwargs)
class Verl(OnePerCall):
    def __init__(self, order):
        super().__init__(order, "compute_score")

    def arguments(self, m, i, row):
        nested = row.get("reward_model")
        truth = nested.get("ground_truth") if isinstance(nested, dict) else None
        for key in ("ground_truth", "answer", "solution", "target"):
            truth = row.get(key) if truth is None else truth
        info = row.get("extra_info")
        info = dict(info) if isinstance(info, dict) else {}
        info.setdefault("num_turns", 1)
        return dict(self.kwargs, data_source=row.get("data_source"), solution_str=m["completions"][i],
                    ground_truth=truth, extra_info=info)

    def read(self, out):
        if not isinstance(out, dict):
            return number(out), {}
        if "score" not in out:
            raise KeyError("the function returned a dict without score")
        reward, more = {"score": number(out["score"])}, {}
        if isinstance(plain(out.get("acc")), bool):
            reward["outcome"] = "correct" if plain(out["acc"]) else "wrong"
        for key in ("pred", "extracted", "extracted_answer"):
            if out.get(key) is not None:
                reward["extracted"] = clean(out[key], 500)
        for key, value in out.items():
            if key != "score" and loose_number(value) is not None:
                more[clean(key, 80)] = loose_number(value)
        return (None if reward["score"] is None else reward), more


# OpenRLHF: reward_func(queries, prompts, labels), lists of one; a query is prompt and response
class OpenRlhf(OnePerCall):
    def __init__(self, order):
        super().__init__(order, "reward_func")

    def arguments(self, m, i, row):
        label = None
        for key in ("label", "labels", "answer", "ground_truth", "solution", "target"):
            label = row.get(key) if label is None else label
        return dict(self.kwargs, queries=[m["prompts"][i] + m["completions"][i]], prompts=[m["prompts"][i]],
                    labels=[label])

    def read(self, out):
        if not isinstance(out, dict):
            return number(out), {}
        if "rewards" not in out:
            raise KeyError("the function returned a dict without rewards")
        reward, more = {"score": number(out["rewards"])}, {}
        if out.get("scores") is not None:
            more["scores"] = number(out["scores"])
            reward["outcome"] = "correct" if (more["scores"] or 0) > 0 else "wrong"
        logs = out.get("extra_logs")
        for key, value in logs.items() if isinstance(logs, dict) else ():
            if loose_number(value) is not None:
                more[clean(key, 80)] = loose_number(value)
        return (None if reward["score"] is None else reward), more


# reasoning-gym: items by create_dataset, scores by the data set's own score_answer
class ReasoningGym:
    params, is_async = [], False

    def __init__(self, order):
        self.name = order["target"]
        try:
            import reasoning_gym
            from reasoning_gym.utils import extract_answer
        except ImportError as e:
            raise UsageError("%s: %s has no reasoning_gym (pip install reasoning-gym, or set reward_python to an "
                             "interpreter that has it)" % (e, sys.executable))
        self.gym, self.extract = reasoning_gym, extract_answer
        kwargs = order.get("kwargs") or {}
        try:
            self.data = reasoning_gym.create_dataset(self.name, **kwargs)
        except (ValueError, TypeError, AssertionError) as e:
            raise UsageError("rg:%s: %s" % (self.name, brief(e)))
        self.scorers = {self.name: self.data.score_answer}

    def items(self, m):
        first = m["first"]
        return {"items": [self.data[i] for i in range(first, min(first + m["count"], len(self.data)))],
                "size": len(self.data)}

    def score(self, m):
        results = [self.judge(m, i) for i in range(len(m["completions"]))]
        return {"rewards": results}

    def judge(self, m, i):
        row = {k: v[i] for k, v in m["columns"].items()}
        metadata = row.get("metadata") or {}
        item = {"question": row.get("question") or m["prompts"][i], "answer": row.get("answer"), "metadata": metadata}
        source = metadata.get("source_dataset", self.name)
        if source not in self.scorers:
            self.scorers[source] = self.gym.get_score_answer_fn(source)
        answer = self.extract(m["completions"][i].rpartition("</think>")[2])
        score = number(self.scorers[source](answer=answer, entry=item))
        if score is None:
            return None
        outcome = "no_answer" if answer is None else "correct" if score >= 1 else "wrong"
        return {"score": score, "outcome": outcome, "extracted": clean(answer or "", 500)}


ADAPTERS = {"trl": Trl, "verl": Verl, "openrlhf": OpenRlhf, "rg": ReasoningGym}


# ---- the wire


def private(fd):
    copy = os.dup(fd)  # closed on exec; the function's own children do not get it
    os.close(fd)
    return copy


def say(out, message):
    out.write(json.dumps(message, allow_nan=False, default=plain) + "\n")
    out.flush()


def answer(adapter, order):
    start = time.perf_counter()
    try:
        reply = adapter.items(order) if order["op"] == "items" else adapter.score(order)
        reply["ms"] = (time.perf_counter() - start) * 1e3
        reply["id"] = order["id"]
        return reply
    except (Exception, SystemExit) as e:
        return {"id": order["id"], "error": describe(e)}


def main():
    requests = open(private(3), encoding="utf-8")
    replies = open(private(4), "w", encoding="utf-8")
    order = json.loads(requests.readline() or "{}")
    random.seed(order.get("seed", 0))
    try:
        adapter = ADAPTERS[order["adapter"]](order)
    except (Exception, SystemExit) as e:
        say(replies, {"op": "error", "usage": isinstance(e, UsageError), "error": describe(e)})
        return
    say(replies, {"op": "ready", "name": adapter.name, "params": adapter.params, "async": adapter.is_async})
    for line in requests:
        order = json.loads(line)
        reply = answer(adapter, order)
        try:
            say(replies, reply)
        except (ValueError, TypeError, RecursionError) as e:
            say(replies, {"id": order["id"], "error": describe(e)})


main()
