"""regret.py [--all] [--seed N] [CASE...] - how far what `keepwarm plan` recommends is from the cheapest that brute force finds.

Brute force is outside of the plan's code: `keepwarm sweep` over every value of each setting, on every platform of the case and on
every pair of deployments that a router can make of them. The plan gets the platforms and GPUs of the case and no more. Both are
judged by the same objectives on the same traffic; regret is the plan's cost over the cheapest point that meets them, less 1.
At most 3 % (MARK) is asserted. --seed draws other traffic of each kind, --all the whole grids instead of the small ones.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time

KW = os.path.abspath(os.environ.get("KEEPWARM", "build/keepwarm"))
MARK = 0.03
DAY = 86400


# ---- traffic: seconds within days, drawn by the case's own generator

def poisson(r, rate_at, days):
    """Arrivals of a Poisson process whose rate (a second) at time t is rate_at(t), by thinning."""
    most = max(rate_at(60 * m) for m in range(days * 1440))
    t, out = 0.0, []
    while True:
        t += r.expovariate(most)
        if t >= days * DAY:
            return out
        if r.random() * most < rate_at(t):
            out.append(t)


def hour(t):
    return t % DAY / 3600


def lengths(r):
    return max(16, int(r.lognormvariate(5.8, 0.7))), max(4, int(r.lognormvariate(4.6, 0.6)))


def office(r):
    """A few requests an hour from nine to five, none at night."""
    return poisson(r, lambda t: 8 / 3600 if 9 <= hour(t) < 17 else 0, 2), 2


def nine(r):
    """Next to nothing at night, much from 9:00 on, half of it after noon."""
    return poisson(r, lambda t: 0.3 if 9 <= hour(t) < 12 else 0.15 if 12 <= hour(t) < 18 else 0.002, 2), 2


def burst(r):
    """One burst a day: 240 requests within four minutes at half past one."""
    return sorted(d * DAY + 13.5 * 3600 + 240 * r.random() for d in range(2) for _ in range(240)), 2


def two(r):
    """People by day, and jobs that may wait, half at night."""
    return poisson(r, lambda t: 0.08 if 8 <= hour(t) < 20 else 0.02, 2), 2


# ---- cases: traffic, objectives, and the offers to choose from

MODAL = {"platform": "modal", "gpu": "L4", "precision": "fp8"}
RUNPOD = {"platform": "runpod", "gpu": "L4", "precision": "fp8"}
RENTED = {"platform": "crusoe", "gpu": "L40S", "precision": "fp8"}
API = {"platform": "bedrock"}
BY_CLASS = {"classes": {"chat": {"ttft_p95_s": "2"}, "jobs": {"ttft_p95_s": "600"}}}
CASES = {
    "sparse office": dict(traffic=office, slo={"ttft_p95_s": "240"}, offers=[RUNPOD, RENTED]),
    "sparse office, warm": dict(traffic=office, slo={"ttft_p95_s": "2"}, offers=[MODAL, RUNPOD]),
    "nine o'clock": dict(traffic=nine, slo={"ttft_p95_s": "2"}, offers=[MODAL, RENTED]),
    "nine o'clock, lenient": dict(traffic=nine, slo={"ttft_p95_s": "60"}, offers=[RUNPOD, RENTED]),
    "one burst": dict(traffic=burst, slo={"ttft_p95_s": "240"}, offers=[RUNPOD]),
    "one burst, API": dict(traffic=burst, slo={"ttft_p95_s": "5"}, offers=[MODAL, API]),
    "two classes": dict(traffic=two, slo=BY_CLASS, offers=[MODAL, RENTED], of=("class", {"chat": None, "jobs": None})),
    "two classes, API": dict(traffic=two, slo=BY_CLASS, offers=[RUNPOD, API], of=("class", {"chat": None, "jobs": None})),
    "two classes, three kinds": dict(traffic=two, slo={"classes": {"chat": {"ttft_p95_s": "0.5"}, "jobs": {"ttft_p95_s": "120"}}},
                                     offers=[RUNPOD, RENTED, API], of=("class", {"chat": None, "jobs": None})),
    "two models": dict(traffic=two, slo={"ttft_p95_s": "60"}, offers=[dict(MODAL, precision="bf16")],
                       of=("model", {"llama-3.1-8b": "llama-3.1-8b", "qwen2.5-7b": "qwen2.5-7b"})),
}
QUICK = ("sparse office", "nine o'clock", "one burst", "two classes", "two models")
# small grids, and all of --all
WARM = [0, 1, 2], [0, 1, 2, 3, 4]
IDLE = ["15", "60", "300"], ["5", "15", "30", "60", "120", "300", "600", "900", "1200"]
CEILING = [1, 2, 4], [1, 2, 3, 4, 5, 6, 8, 12]
TOGETHER = [16, 64], [8, 16, 32, 64, 128]
RENT = [1, 2, 3], [1, 2, 3, 4, 5, 6]


def keepwarm(command, scenario, path):
    scenario = dict(scenario, keepwarm=1, replications=1, as_of="2026-11-01")
    with open(path, "w") as f:
        json.dump(scenario, f)
    p = subprocess.run([KW, command, path, "-q", "--json", "-j", JOBS], capture_output=True, text=True)
    if p.returncode not in (0, 3):
        sys.exit("%s %s: exit %d: %s" % (command, path, p.returncode, p.stderr.strip()))
    return json.loads(p.stdout)


def cost(point):
    return float(point["bill_usd_month"]["total"])


class Case:
    def __init__(self, name, spec, seed, whole):
        self.name, self.spec, self.whole, self.runs = name, spec, whole, 0
        r = random.Random("%s %d" % (name, seed))
        arrivals, days = spec["traffic"](r)
        self.column, groups = spec.get("of", (None, {}))
        names = list(groups)
        self.rows = [(t, *lengths(r), names[r.random() < 0.4] if names else "") for t in arrivals]
        self.span = days * DAY
        self.model_of = groups

    def trace(self, only=None):
        path = "%s %s.csv" % (self.name.replace(",", "").replace("'", ""), only or "all")
        with open(path, "w") as f:
            f.write("arrival,prompt,output,%s\n" % (self.column or "unused"))
            f.writelines("%.3f,%d,%d,%s\n" % row for row in self.rows if only in (None, row[3]))
        columns = "arrival=arrival,prompt=prompt,output=output" + (",%s=%s" % (self.column, self.column) if self.column and not only else "")
        return {"file": path, "format": "generic", "columns": columns, "from_s": "0", "to_s": str(self.span)}

    def slo(self, only=None):
        slo = self.spec["slo"]
        return dict(slo["classes"][only]) if only and "classes" in slo else slo

    def scenario(self, only=None, **keys):
        model = self.model_of.get(only) or "llama-3.1-8b"
        return dict({"trace": self.trace(only), "model": model, "slo": self.slo(only)}, **keys)

    def grids(self, offer):
        """Deployments of one offer with the axes to sweep, each combination once."""
        k = self.whole
        kind = KINDS[offer["platform"]]
        if kind == "api":
            yield dict(offer, name="a"), {}
        elif kind == "dedicated":
            yield dict(offer, name="a"), {"deployments[a].replicas": RENT[k]}
        else:
            for warm in WARM[k]:
                yield dict(offer, name="a", keep_warm=warm), {
                    "deployments[a].idle_timeout_s": IDLE[k], "deployments[a].hard_concurrency": TOGETHER[k],
                    "deployments[a].max_replicas": [n for n in CEILING[k] if n >= max(1, warm)]}

    def alone(self, offer, only=None):
        """(cost, deployment) of every setting of the offer that meets the objectives, on all requests or those of one class or model."""
        for deployment, axes in self.grids(offer):
            scenario = self.scenario(only, deployments=[deployment])
            points = keepwarm("sweep", dict(scenario, sweep=axes), "grid.json")["points"] if axes else keepwarm("run", scenario, "grid.json")["points"]
            self.runs += len(points)
            values = [{}]
            for path, list_ in axes.items():
                values = [dict(v, **{path.split(".")[1]: x}) for v in values for x in list_]
            for point, v in zip(points, values):
                if point["feasible"]:
                    yield cost(point), dict(deployment, **v)

    def spilled(self):
        """The same of one deployment with another behind it, for what comes while the first is cold, or busy."""
        k = self.whole
        for first in self.spec["offers"]:
            if KINDS[first["platform"]] == "api":
                continue
            for behind in self.spec["offers"]:
                b = KINDS[behind["platform"]]
                if behind is first or b == "dedicated":
                    continue
                second = dict(behind, name="b", **({} if b == "api" else {"keep_warm": 0}))
                for deployment, axes in self.grids(first):
                    axes = {p: v for p, v in axes.items() if "concurrency" not in p}
                    deployments = [deployment, second]
                    axes["routing"] = [{"policy": "fallback"}, {"policy": "overflow", "overflow_at": 1}]
                    points = keepwarm("sweep", self.scenario(deployments=deployments, routing={"policy": "fallback"}, sweep=axes), "grid.json")["points"]
                    self.runs += len(points)
                    for point in points:
                        if point["feasible"]:
                            yield cost(point), point["label"]

    def by_group(self):
        """Each class, or model, on the cheapest deployment for it alone; run together, since fees and credits are an account's."""
        chosen = []
        for name in self.model_of:
            best = min(((c, d) for offer in self.spec["offers"] for c, d in self.alone(offer, name)), key=lambda x: x[0], default=None)
            if not best:
                return
            chosen.append(dict(best[1], name=name.replace(".", "-"), **({"model": self.model_of[name]} if self.model_of[name] else {})))
        routing = {"policy": self.column, {"class": "classes", "model": "models"}[self.column]: {n: n.replace(".", "-") for n in self.model_of}}
        point = keepwarm("run", self.scenario(deployments=chosen, routing=routing), "together.json")["points"][0]
        if point["feasible"]:
            yield cost(point), " + ".join(d["platform"] + str({k: v for k, v in d.items() if k not in ("name", "platform")}) for d in chosen)

    def brute_force(self):
        found = list(self.by_group()) if self.model_of else []
        if self.column != "model":
            for offer in self.spec["offers"]:
                found += list(self.alone(offer))
            found += list(self.spilled())
        return min(found, key=lambda x: x[0], default=None)

    def plan(self):
        offers = self.spec["offers"]
        candidates = {"platforms": [o["platform"] for o in offers]}
        for key, name in (("gpus", "gpu"), ("precisions", "precision")):
            values = sorted({o[name] for o in offers if name in o})
            if values:
                candidates[key] = values
        scenario = self.scenario(candidates=candidates)
        if self.column == "model":
            del scenario["model"]
        answer = keepwarm("plan", scenario, "plan.json")
        if "parts" in answer:
            return float(answer["whole"]["cost_usd_month"]), " | ".join(p["recommendation"] for p in answer["parts"])
        best = [p for p in answer["points"] if p["rank"] == 1 and p["feasible"]]
        return (cost(answer["points"][answer["best"]]), answer["points"][answer["best"]]["label"]) if best else None


KINDS = {"modal": "serverless", "runpod": "serverless", "crusoe": "dedicated", "bedrock": "api"}


def main():
    global JOBS
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--all", action="store_true", help="every case, on the whole grids")
    a.add_argument("--seed", type=int, default=1, help="of the traffic (default 1)")
    a.add_argument("-j", default="2", help="threads of each simulation (default 2)")
    a.add_argument("case", nargs="*", help="cases by name (default a few, on small grids)")
    o = a.parse_args()
    JOBS = o.j
    os.chdir(tempfile.mkdtemp())
    passed = failed = 0
    for name in o.case or (CASES if o.all else QUICK):
        began = time.time()
        case = Case(name, CASES[name], o.seed, o.all)
        best, plan = case.brute_force(), case.plan()
        regret = 0 if not best else float("inf") if not plan else (plan[0] - best[0]) / best[0] if best[0] else 100.0 * (plan[0] > 0)
        good = regret <= MARK
        passed, failed = passed + good, failed + (not good)
        print("%-24s %6d requests %6d points: brute force $%8.2f, plan $%8.2f, regret %6.2f %%, %5.1f s%s" % (
            name, len(case.rows), case.runs, best[0] if best else float("nan"), plan[0] if plan else float("nan"), 100 * regret,
            time.time() - began, "" if good else "\n  FAIL brute force: %s\n       plan: %s" % (best and best[1], plan and plan[1])), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
