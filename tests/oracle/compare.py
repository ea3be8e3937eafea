#!/usr/bin/python3
"""compare.py SEED N [KEEPWARM]: N random scenarios through the program and through oracle.py. They have to agree on
starts, on billed time by phase, on each request's latency, and on the cost of window and month to the nano-dollar.

Not judged, each for its reason:
- fleets whose use does not come back after a few windows, or to something else from one replica or a full start (a second that
  only the launch needed may stay for ever): no document says which is right. Control loops tick with the window;
- pools of more than one replica at Hugging Face, Baseten, Fireworks and Together, whose scalers follow a mean: which
  surplus replica goes first, and how the mean is taken, is told nowhere;
- spot instances, whose interruptions are drawn at random;
- the month of an overloaded run, which is not scaled.
"""
import copy
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import h5py

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oracle
from oracle import NS, ns

PLATFORMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "platforms")
# GPUs of each platform that llama-3.1-8b has a profile of in bf16
SERVERLESS = {"modal": ("L4", "A10G", "L40S", "H100", "H200"), "runpod": ("L4", "L40S", "H100", "RTX4090"),
              "replicate": ("L40S", "A100-80", "H100"), "huggingface": ("L4", "L40S", "H100"),
              "baseten": ("A10G", "A100-80"), "fireworks": ("H100",), "together-dedicated": ("H100", "H200")}
DEDICATED = {"lambda": ("A100-40", "H100"), "aws": ("A10G", "H100", "A100-80"), "gcp": ("A100-40", "H100"),
             "crusoe": ("A40", "L40S", "H100"), "nebius": ("L40S", "H100", "H200"),
             "runpod-community": ("RTX4090", "L40S"), "runpod-secure": ("RTX4090", "A40", "L40S")}
APIS = {"together-api": ("llama-3.1-8b", "llama-3.1-70b"), "groq": ("llama-3.1-8b",), "bedrock": ("llama-3.1-8b",),
        "fireworks-api": ("llama-3.1-8b",), "openai": ("gpt-4o", "gpt-5"), "anthropic": ("claude-haiku-4.5",),
        "gemini": ("gemini-2.0-flash",)}
ONE_REPLICA = ("huggingface", "baseten", "fireworks", "together-dedicated")
SHAPES = ((100, 1), (300, 1), (200, 40), (500, 200), (800, 900))


class Program:
    def __init__(self, keepwarm, folder):
        self.keepwarm, self.folder = keepwarm, folder
        self.services, self.fronts = {}, {}
        self.one_probe = threading.Lock()

    def run(self, name, scenario, rows, platform=None):
        if platform:
            path = os.path.join(self.folder, name + ".platform.json")
            with open(path, "w") as f:
                json.dump(platform, f)
            scenario = copy.deepcopy(scenario)
            scenario["deployments"][0]["platform"] = path
        trace = os.path.join(self.folder, name + ".csv")
        with open(trace, "w") as f:
            f.write("arrival,prompt,output\n")
            for t, prompt, output in rows:
                f.write(f"{t // NS}.{t % NS:09d},{prompt},{output}\n")
        scenario = copy.deepcopy(scenario)
        scenario["trace"].update(file=trace, columns="arrival=arrival,prompt=prompt,output=output")
        path = os.path.join(self.folder, name + ".json")
        with open(path, "w") as f:
            json.dump(scenario, f, indent=1)
        out = os.path.join(self.folder, name + ".h5")
        p = subprocess.run([self.keepwarm, "run", path, "-q", "-j", "1", "-o", out], capture_output=True, text=True)
        if p.returncode not in (0, 3):
            raise RuntimeError(f"{path}: exit {p.returncode}: {p.stderr.strip()}")
        return h5py.File(out, "r")

    def service(self, model, d):
        """Of each shape alone: its time on a replica and before it, ns; the one thing taken from the engine."""
        key = (model, d["gpu"], d["precision"], d["tp"])
        with self.one_probe:
            return self.probe(key, model, d)

    def probe(self, key, model, d):
        if key not in self.services:
            probe = {"keepwarm": 1, "trace": {"from_s": "0", "to_s": str(100 * len(SHAPES) + 100)}, "model": model,
                     "replications": 1, "start": "empty",
                     "deployments": [{"platform": "modal" if d["gpu"] in SERVERLESS["modal"] else "runpod",
                                      "gpu": d["gpu"], "precision": d["precision"], "tp": d["tp"], "keep_warm": 1,
                                      "max_replicas": 1, "hard_concurrency": 1}]}
            rows = [(100 * (i + 1) * NS, p, o) for i, (p, o) in enumerate(SHAPES)]
            with self.run("probe", probe, rows) as f:
                self.services[key] = dict(zip(SHAPES, (int(x) for x in f["requests/e2e_ns"][()])))
            front, token = self.front(model, d)
            self.fronts[key] = {s: front + token * s[0] for s in SHAPES}
            for s in SHAPES:
                self.services[key][s] -= self.fronts[key][s]
        return self.services[key], self.fronts[key]

    def front(self, model, d):
        """What a request and a token of its prompt take before an engine, ns: no replica is at work on it."""
        name = f"{d['gpu']}-{model}-{d['precision']}-tp{d['tp']}"
        p = subprocess.run([self.keepwarm, "calibrate", "show", name, "--json"], capture_output=True, text=True, check=True)
        profile = json.loads(p.stdout)
        return round(profile["front_s"] * NS), round(profile["front_token_s"] * NS)


def arrivals(r, span):
    """Request times in [0, span) ns: sparse, steady, bursts, all at one time, or a few."""
    kind = r.choice(("sparse", "steady", "bursts", "pair", "few"))
    if kind == "few":
        return [r.randrange(span) for _ in range(r.randint(1, 5))]
    if kind == "pair":
        t = r.randrange(span)
        return [min(span - 1, t + r.randrange(12 * NS)) for _ in range(2)]
    if kind == "bursts":
        out = []
        for _ in range(r.randint(1, 6)):
            t = r.randrange(span)
            out += [min(span - 1, t + r.randrange(8 * NS)) for _ in range(r.randint(1, 9))]
        return out
    n = r.randint(5, 25) if kind == "sparse" else r.randint(20, 120)
    return [r.randrange(span) for _ in range(n)]


def other_meter(r, meter):
    """Another vendor's rules in the place of this one's."""
    meter["granularity_s"] = r.choice(("0", "0.1", "1", "7", "60", "300"))
    meter["min_charge_s"] = r.choice(("0", "0", "30", "60", "600"))
    meter["multiplier"] = r.choice(("1", "1.15", "3"))
    meter["monthly_fee_usd"], meter["monthly_credit_usd"] = r.choice(
        (("0", "0"), ("250", "0"), ("19.99", "30"), ("0", "30"), ("250", "100"), ("0", "1000")))
    for phase in oracle.PHASES + ("waiting",):
        says = r.choice(("yes", "inferred yes", "no", "assumed no"))
        for p in ("idle", "keep_warm") if phase == "waiting" else (phase,):
            meter["bills"][p] = says


def seconds(t):
    return f"{t // NS}.{t % NS:09d}"


def draw(seed, i):
    """Scenario i of this seed, its rows, and the platform as the oracle reads it."""
    r = random.Random(f"{seed}/{i}")
    kind = r.choice(("serverless",) * 6 + ("dedicated", "api"))
    window = r.choice((90, 600, 600, 1800, 3600, 7200, 86400, r.randint(30, 20000))) * NS
    if r.random() < 0.3:
        window += r.randrange(NS)
    begin = r.choice((0, 0, r.randrange(1000) * NS))
    span = begin + window + r.choice((0, 0, window // 3))
    if kind != "api":
        span = min(span, 86400 * NS)
    times = sorted(set(arrivals(r, max(span, 1))))
    shapes = r.choice((SHAPES[:1], SHAPES[:3], SHAPES))
    rows = [(t, *r.choice(shapes)) for t in times]
    scenario = {"keepwarm": 1, "trace": {"from_s": seconds(begin), "to_s": seconds(begin + window)},
                "replications": 1, "seed": 1, "start": r.choice(("steady", "steady", "empty")),
                "month_hours": r.choice((730, 730, 720, 744))}
    if kind == "api":
        name = r.choice(sorted(APIS))
        model = r.choice(APIS[name])
        d = {"platform": name, "model": model, "ttft": {"constant": "0.4"}, "output_rate": {"constant": "80"},
             "limits": {k: 0 for k in ("rpm", "rpd", "tpm", "itpm", "otpm", "tpd")}}
        scenario["model"] = model
    elif kind == "dedicated":
        name = r.choice(sorted(DEDICATED))
        d = {"platform": name, "gpu": r.choice(DEDICATED[name]), "precision": "bf16", "tp": 1,
             "replicas": r.randint(1, 9)}
        if name == "gcp" and d["gpu"] == "A100-40" and r.random() < 0.5:
            d["term"] = r.choice(("1_year", "3_years"))
        scenario["model"] = "llama-3.1-8b"
    else:
        name = r.choice(sorted(SERVERLESS))
        d = {"platform": name, "gpu": r.choice(SERVERLESS[name]), "precision": "bf16", "tp": 1,
             "hard_concurrency": 1, "max_replicas": 1 if name in ONE_REPLICA else r.randint(1, 6),
             "idle_timeout_s": str(r.choice((2, 5, 30, 60, 300, 1200, r.randint(2, 1200)))),
             "retry": {"max_attempts": 1},
             "cold_start": {p: {"constant": f"{r.randint(0, 20)}.{r.randrange(1000):03d}"} for p in oracle.PHASES}}
        d["keep_warm"] = r.randint(0, min(3, d["max_replicas"])) if r.random() < 0.5 else 0
        if name == "together-dedicated":  # no request wakes it
            d["keep_warm"] = 1
        if r.random() < 0.2:
            d["zero_timeout_s"] = str(r.choice((60, 300, 900, 3600)))
        if r.random() < 0.3:
            del d["idle_timeout_s"]
        if name == "runpod" and r.random() < 0.5:
            d["target_delay_from"] = "arrival"
        scenario["model"] = "llama-3.1-8b"
    platform = oracle.load(os.path.join(PLATFORMS, name + ".json"))
    if name in ONE_REPLICA and scenario["start"] == "steady":  # else its ticks fall on other moments of each window
        period = oracle.facts_of(platform, d)["period"]
        scenario["trace"]["to_s"] = seconds(begin + -(-window // period) * period)
    altered = kind == "serverless" and r.random() < 0.4
    if altered:
        other_meter(r, platform["meter"])
    scenario["deployments"] = [d]
    return scenario, rows, platform, kind, altered


def compare(program, seed, i):
    scenario, rows, platform, kind, altered = draw(seed, i)
    d = scenario["deployments"][0]
    begin, end = (ns(scenario["trace"][k]) for k in ("from_s", "to_s"))
    if not any(begin <= t < end for t, _, _ in rows):
        return None
    month = scenario["month_hours"]
    scale = Fraction(month * 3600 * NS, end - begin)
    inside = [(t, p, o) for t, p, o in rows if begin <= t < end]
    want, windows, latencies = {}, 1, []
    if kind == "serverless":
        service, front = program.service(scenario["model"], d)
        reqs = [(t, service[p, o], n) for n, (t, p, o) in enumerate(inside)]
        uses = oracle.pool_usage(platform, d, reqs, begin, end, scenario["start"] == "steady")
        if uses is None:
            return None
        use = {k: sum(u[k] for u in uses) for k in uses[0] if k != "latency"}
        windows = len(uses)
        lines = lambda x: oracle.serverless_lines(platform, d, use, Fraction(x) / windows)
        for p in oracle.PHASES + ("active", "keep_warm", "idle"):
            want["gpu_" + p] = use[p]
        want.update(rounding_gpu_ns=use["rounding"], minimum_gpu_ns=use["minimum"], unbilled_gpu_ns=use["unbilled"])
        for k, counted in (("starts", "starts"), ("rejected", "failed"), ("cold", "cold")):  # of one window, rounded
            want[k] = (use[counted] + windows // 2) // windows
        want["completed"] = len(inside) - want["rejected"]
        before = [front[p, o] for _, p, o in inside]
        latencies = [[x and x[0] + b for x, b in zip(u["latency"], before)] for u in uses]
        want["latency"] = latencies[0]
    elif kind == "dedicated":
        lines = lambda x: oracle.dedicated_lines(platform, d, begin, end, x)
    else:
        lines = lambda x: oracle.api_lines(platform, d, sum(p for _, p, _ in inside), sum(o for _, _, o in inside), x)
    bill = oracle.total(lines(scale), platform, 1)
    want["month"] = sum(bill.values())
    want["window"] = sum(oracle.total(lines(1), platform, 1 / scale).values())
    with program.run(f"{seed}-{i}", scenario, rows, platform if altered else None) as f:
        got = {"month": int(f["bill/nusd_month"][0].sum()),
               "window": round(float(f["points/cost_usd_window"][0]) * 1e9)}
        items = {a.decode(): int(x) for a, x in zip(f["bill/item_name"][()], f["bill/nusd_month"][0]) if x}
        for k in want:
            if k in ("starts", "completed", "rejected", "cold"):
                got[k] = int(f["points/" + k][0])
            elif k.startswith("gpu_") or k.endswith("_ns"):
                got[k] = Fraction(int(f["usage/" + k][0, 0, 0]) * windows, int(f["usage/passes"][0, 0, 0]))
            elif k == "latency":
                got[k] = [int(e) if s == 0 else None for e, s in
                          zip(f["requests/e2e_ns"][()], f["requests/status"][()])]
                if got[k] in latencies:  # of any of the windows after which the state comes back
                    want[k] = got[k]
        if f["points/overloaded"][0]:  # not scaled to a month
            del want["month"]
    wrong = {k: (got[k], want[k]) for k in want if got[k] != want[k]}
    if wrong:
        wrong["bill"] = (items, {k: v for k, v in bill.items() if v})
    return wrong


def main():
    seed, n = sys.argv[1], int(sys.argv[2])
    keepwarm = sys.argv[3] if len(sys.argv) > 3 else os.environ.get("KEEPWARM", "build/keepwarm")
    passed = failed = left_out = i = 0
    with tempfile.TemporaryDirectory() as folder:
        program = Program(os.path.abspath(keepwarm), folder)
        pool = ThreadPoolExecutor(os.cpu_count())
        answers = iter(())
        while passed + failed < n:
            wrong = next(answers, "more")
            if wrong == "more":
                answers = pool.map(lambda k: compare(program, seed, k), range(i, i + n - passed - failed))
                continue
            if wrong is None:
                left_out += 1
            elif wrong:
                failed += 1
                scenario, rows, platform, _, altered = draw(seed, i)
                print(f"scenario {seed}/{i}: {json.dumps(scenario)}")
                if altered:
                    print(f"    with the meter {json.dumps(platform['meter'])}")
                print("    requests (s, prompt, output): " + " ".join(f"{t / NS},{p},{o}" for t, p, o in rows))
                for k, (got, want) in wrong.items():
                    print(f"    {k}: keepwarm {got}, oracle {want}")
            else:
                passed += 1
            i += 1
    print(f"{left_out} drawn but not judged: no request in the window, or a fleet that had not come to rest")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
