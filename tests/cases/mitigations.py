"""mitigations.py [--quick] [week|public] - what each way against cold starts does to one deployment, on the embedded week of chat and on a public
trace (a week of RAGPulse's, under $KEEPWARM_DATA; left out where that is absent): cost a month, cold requests, TTFT, and how far the
cost is from the bound that no schedule by the hour is expected to go below (`plan`, sim/plan/schedule/bound.h) at the objective of TTFT p95 <= 2 s.

The bound is of the first row's offer: a regret below 0 is that of another offer, precision or model, or of an API beside it.
Each row is one `keepwarm run` of the deployment of the first row with the keys that the row names. `make mitigations` prints it;
tests/cases/mitigations.txt keeps what it printed last. --quick takes the first two days of each.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import h5py
except ImportError:
    sys.exit("skip: h5py is not installed (Debian: python3-h5py, for /usr/bin/python3)")

KW = os.path.abspath(os.environ.get("KEEPWARM", "build/keepwarm"))
DATA = os.path.abspath(os.environ.get("KEEPWARM_DATA", "../shared/data"))
QUICK = "--quick" in sys.argv
WEEK = "workloads/chat-week.json"  # compiled in
PUBLIC = os.path.join(DATA, "traces/ragpulse_week1.jsonl")
MONDAY = 1772409600  # 2026-03-02 00:00 UTC: the embedded week begins on a Monday
WEDNESDAY = 1757476800  # 2025-09-10 12:00 in China, where RAGPulse's week begins
SLO = {"ttft_p95_s": "2"}
BASE = {"name": "main", "platform": "modal", "gpu": "L4", "precision": "bf16", "keep_warm": 0, "max_replicas": 6}
API = {"name": "api", "platform": "bedrock"}
JOBS = {"e2e_p95_s": "90000", "ttft_p95_s": "90000"}


def keepwarm(command, scenario, *more):
    with open("s.json", "w") as f:
        json.dump(dict(scenario, keepwarm=1, replications=1, as_of="2026-11-01"), f)
    p = subprocess.run([KW, command, "s.json", "-q", "--json", *more], capture_output=True, text=True)
    if p.returncode not in (0, 3):
        sys.exit("%s: exit %d: %s" % (json.dumps(scenario), p.returncode, p.stderr.strip()))
    return json.loads(p.stdout)


def convert(source, begins, name):
    """The trace's own arrivals and lengths with a date, and labels for the rows that need some: two of five requests are jobs that
    may wait, a quarter each is for one of three fine-tunes and the base."""
    p = subprocess.run([KW, "trace", "convert", source, "-o", "raw.h5"], capture_output=True, text=True)
    if p.returncode:
        sys.exit("%s: %s" % (source, p.stderr.strip()))
    with h5py.File("raw.h5") as f, open(name, "w") as out:
        out.write("arrival,prompt,output,class,model\n")
        rows = [f["arrival"][:], f["prompt"][:], f["output"][:]]
        rows = list(zip(*rows))
        for i, (at, prompt, output) in enumerate(rows):
            out.write("%d.%09d,%d,%d,%s,%s\n" % (begins + at // 10**9, at % 10**9, prompt, output, "jobs" if i % 5 in (1, 3) else "chat",
                                                ("llama-3.1-8b", "tune-1", "tune-2", "tune-3")[i * 7 % 4]))
    return {"file": name, "format": "generic", "from_s": str(begins), "to_s": str(begins + 86400 * (2 if QUICK else 7))}, len(rows)


def trace(t, *columns):
    return dict(t, columns=",".join("%s=%s" % (c, c) for c in ("arrival", "prompt", "output") + columns))


class Rows:
    """The rows of a trace: each says which keys it sets over the first one's."""

    def __init__(self, t, zone):
        self.t, self.plain, self.zone = t, dict(trace=trace(t), model="llama-3.1-8b", slo=SLO, deployments=[BASE]), zone

    def main(self, **keys):
        return dict(self.plain, deployments=[dict(BASE, **keys)])

    def pair(self, routing, *deployments, **more):
        return dict(self.plain, deployments=list(deployments), routing=routing, **more)

    def classes(self, *deployments):
        """Jobs to the second deployment; their objective is theirs, that of the others stays."""
        return self.pair({"policy": "class", "classes": {"jobs": deployments[1]["name"]}}, *deployments,
                         ) | {"trace": trace(self.t, "class"), "slo": dict(SLO, classes={"jobs": JOBS})}

    def tunes(self, **more):
        return {"trace": trace(self.t, "model"), **more}

    def all(self):
        jobs = dict(BASE, name="jobs")
        adapters = [{"models": "tune-*", "base": "llama-3.1-8b", "rank": 16}]
        office = {"timezone": self.zone, "rules": [{"days": "mon-sun", "from": "08:00", "to": "24:00", "keep_warm": 1}]}
        yield "none: modal L4 bf16, to zero after 60 s", self.plain
        yield "constant: keep_warm 1", self.main(keep_warm=1)
        yield "constant: keep_warm 2", self.main(keep_warm=2)
        yield "idle timeout 300 s", self.main(idle_timeout_s="300")
        yield "schedule: one from 8 to 24 h, local", self.main(schedule=office)
        yield "schedule: the best by the hour", "plan"
        yield "pre-warm: seasonal forecast, by day", self.main(prewarm={"forecast": "seasonal", "season": "day"})
        yield "pre-warm: oracle, as if it were known", self.main(prewarm={"forecast": "oracle"})
        yield "quantised: fp8", self.main(precision="fp8")
        yield "smaller: llama-3.2-3b", dict(self.plain, model="llama-3.2-3b")
        yield "hold: jobs wait, an hour at most", dict(self.main(hold={"classes": ["jobs"], "max_wait_s": "3600"}), trace=trace(self.t, "class"),
                                                      slo=dict(SLO, classes={"jobs": JOBS}))
        yield "hybrid: API while cold (bedrock)", self.pair({"policy": "fallback"}, BASE, API)
        yield "hybrid: API while cold or busy", self.pair({"policy": "overflow"}, BASE, API)
        yield "class split: chat warm, jobs to zero", self.classes(dict(BASE, keep_warm=1), jobs)
        yield "batch: jobs by the API's batch", self.classes(dict(BASE, keep_warm=1), {"name": "jobs", "platform": "bedrock", "term": "batch"})
        yield "pings every 59 s", self.main(ping={"every_s": "59"})
        yield "snapshot: every start restores one", self.main(snapshot=True)
        yield "RunPod, weights over the network", self.main(platform="runpod", weights_from="network")
        yield "RunPod, weights on the node's disk", self.main(platform="runpod", weights_from="node")
        l40s = {"platform": "replicate", "gpu": "L40S"}
        yield "Replicate L40S, a deployment", self.main(**l40s)
        yield "public model: others ask 20 times an hour", self.main(pooled={"others_per_hour": "20"}, **l40s)
        yield "fine-tunes: a pool for each of 4", self.tunes(slo=SLO, routing={
            "policy": "model", "models": {"tune-%d" % i: "tune-%d" % i for i in (1, 2, 3)}}, deployments=[BASE | {"model": "llama-3.1-8b"}] + [
                BASE | {"name": "tune-%d" % i, "model": "tune-%d" % i} for i in (1, 2, 3)], adapters=adapters)
        yield "fine-tunes: LoRA beside the base", self.tunes(model="llama-3.1-8b", slo=SLO, deployments=[dict(BASE, lora={
            "max_loras": 4, "load": {"constant": "1"}, "activate": {"constant": "0.05"}})], adapters=adapters)
        yield "dedicated: crusoe L40S, always on", dict(self.plain, deployments=[{"name": "main", "platform": "crusoe", "gpu": "L40S", "precision": "bf16"}])


def best_schedule(plain, zone):
    """(its point, the bound) of the best schedule by the hour for the deployment's offer, as a plan finds them."""
    scenario = {k: v for k, v in plain.items() if k != "deployments"}
    scenario["candidates"] = {"platforms": [BASE["platform"]], "gpus": [BASE["gpu"]], "precisions": [BASE["precision"]],
                              "timezone": zone, "max_replicas": [BASE["max_replicas"]], "idle_timeout_s": ["60"], "hybrids": False}
    answer = keepwarm("plan", scenario)
    found = [x for x in answer.get("schedules", []) if x.get("bound_usd_month")]
    if not found:
        return None, None
    best = min(found, key=lambda x: x.get("usd_month") or float("inf"))
    return (answer["points"][int(best["point"])] if best.get("point") is not None else None), min(x["bound_usd_month"] for x in found)


def figure(v, scale=1, digits=2):
    return "-" if v is None else "%.*f" % (digits, v * scale)


def verdict(p):
    """An API's latency is known for prompts up to some length; beyond it an objective of time is neither met nor missed."""
    return "meets" if p["feasible"] else "not known" if "not known" in p.get("miss", "") else "misses"


def table(title, t, zone):
    rows = Rows(t, zone)
    schedule, bound = best_schedule(rows.plain, zone)
    print("\n%s%s" % (title, "" if bound is None else "; the bound: $%.2f a month" % bound))
    print("  %-42s %9s %7s %8s %8s %7s  %s" % ("", "$/month", "cold %", "p95 s", "p99 s", "regret", "TTFT p95 <= 2 s"))
    for name, scenario in rows.all():
        p = schedule if scenario == "plan" else keepwarm("run", scenario)["points"][0]
        if p is None:
            print("  %-42s none is better than a constant" % name)
            continue
        cost = float(p["bill_usd_month"]["total"])
        chat = next((g for g in p.get("groups", []) if g.get("class") == "chat" and not g.get("deployment")), p)
        regret = "-" if not bound or not p["feasible"] else "%.1f %%" % (100 * (cost / bound - 1))
        print("  %-42s %9.2f %7s %8s %8s %7s  %s" % (name, cost, figure(chat.get("cold_fraction"), 100), figure(chat.get("ttft_p95_s")),
                                                    figure(chat.get("ttft_p99_s")), regret, verdict(p)), flush=True)


def main():
    os.chdir(tempfile.mkdtemp())
    if "public" not in sys.argv:
        t, n = convert(WEEK, MONDAY, "week.csv")
        table("The embedded week: %d requests%s" % (n, ", the first two days of them" if QUICK else ""), t, "UTC")
    if "week" in sys.argv:
        return
    if not os.path.exists(PUBLIC):
        print("\nskip the public trace: %s is not there" % PUBLIC)
        return
    t, n = convert(PUBLIC, WEDNESDAY, "public.csv")
    table("RAGPulse, a week of a university's assistant: %d requests%s" % (n, ", the first two days of them" if QUICK else ""), t, "Asia/Shanghai")


if __name__ == "__main__":
    main()
