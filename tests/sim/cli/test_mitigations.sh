#!/bin/sh
# What a plan tries against cold starts: where each has a meaning, what it costs, that a run of it says the same; and requests that may
# wait, in a run and a sweep. Two days of office traffic, a class of which may wait for an hour.
# usage: KEEPWARM=path/to/keepwarm test_mitigations.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import json, random, subprocess
from tests.checks import KW, check, own_folder, report

own_folder()

def kw(*args, code=0):
    p = subprocess.run([KW, *args, "-j", "1"], capture_output=True, text=True)
    check("exit %d" % code, p.returncode == code, (args, p.returncode, p.stdout[-300:], p.stderr))
    return p.stdout if code == 0 else p.stderr

random.seed(1)
with open("t.csv", "w") as f:
    f.write("arrival,prompt,output,class\n")
    for at in sorted(random.uniform(day * 86400 + 28800, day * 86400 + 64800) for day in range(2) for _ in range(60)):
        f.write("%.3f,300,30,%s\n" % (at, "chat" if random.random() < 0.3 else "nightly"))
TRACE = {"file": "t.csv", "columns": "arrival=arrival,prompt=prompt,output=output,class=class", "to_s": "172800"}
SLO = {"classes": {"nightly": {"e2e_p95_s": "3600"}, "chat": {"ttft_p95_s": "200"}}}
GPU = {"platform": "runpod", "gpu": "L4", "precision": "bf16", "tp": 1}

def write(name="s.json", **top):
    with open(name, "w") as f:
        json.dump(dict({"keepwarm": 1, "model": "llama-3.1-8b", "trace": TRACE, "replications": 1, "slo": SLO, "as_of": "2026-05-01"}, **top), f)
    return name

def one(deployment, command="run", **top):
    return json.loads(kw(command, write(deployments=[deployment], **top), "--json"))["points"]

def plan(**candidates):
    base = {"platforms": ["modal", "runpod"], "gpus": ["L4"], "precisions": ["bf16"], "keep_warm": [0, 1], "max_replicas": [3], "schedules": False}
    return json.loads(kw("plan", write(candidates=dict(base, **candidates)), "--json"))["points"]

# Each where it has a meaning, and no other.
points = plan()
tried = {p["label"]: p for p in points}
words = lambda platform: {w.split("=")[0] for label in tried for w in label.split() if label.startswith(platform) and "+" not in label}
check("modal", {"hold", "ping", "snapshot", "prewarm"} <= words("modal") and "weights_from" not in words("modal"), sorted(tried))
check("runpod", {"hold", "ping", "weights_from", "prewarm"} <= words("runpod") and "snapshot" not in words("runpod"), sorted(tried))

# Pings cost what a replica kept warm costs.
def cost(*words):
    found = [p["cost_usd_month"] for label, p in tried.items() if label.startswith("runpod L4") and "+" not in label and all(w in label for w in words)]
    check("one of %s" % (words,), len(found) == 1, found)
    return found[0]
check("pings are no cheaper", abs(cost("ping=") / cost("keep_warm=1") - 1) < 0.01, (cost("ping="), cost("keep_warm=1")))

# A run of each says the same.
KEYS = {"hold": lambda v: {"hold": {"max_wait_s": v[:-1]}}, "ping": lambda v: {"ping": {"every_s": v[:-1]}}, "prewarm": lambda v: {"prewarm": {"forecast": v}},
        "weights_from": lambda v: {"weights_from": v}, "snapshot": lambda v: {"snapshot": True}}
for label, p in tried.items():
    key, _, value = label.split()[-1].partition("=")
    if "+" in label or key not in KEYS:
        continue
    platform, idle = label.split()[0], [w for w in label.split() if w.startswith("idle=")][0][5:-1]
    got = one(dict(GPU, platform=platform, keep_warm=0, max_replicas=3, idle_timeout_s=idle, **KEYS[key](value)))[0]
    same = [k for k in got if k.endswith("usd_month") or k.startswith("ttft") or k in ("cold_fraction", "held_requests", "pings")]
    check("a run of " + label, all(got[k] == p[k] for k in same), [(k, got[k], p[k]) for k in same if got[k] != p[k]])
check("the class is in time", all(p["feasible"] for label, p in tried.items() if "hold=" in label))
held = [p for label, p in tried.items() if "hold=" in label and label.startswith("runpod")][0]
check("and starts are saved", held["held_requests"] > 10 and held["cold_starts"] < 0.7 * tried["runpod L4 bf16 tp1 keep_warm=0 idle=5s"]["cold_starts"], held)

# The list says which; the answer is that of a plan that prunes nothing.
check("none", not any(w in p["label"] for p in plan(mitigations=[]) for w in ("hold=", "ping=", "snapshot", "weights_from", "prewarm")))
only = {p["label"].split()[-1].split("=")[0] for p in plan(mitigations=["hold"])}
check("only one", "hold" in only and not only & {"ping", "snapshot", "weights_from", "prewarm"}, only)
all_of = {p["label"]: p["cost_usd_month"] for p in plan(exhaustive=True)}
best = min(points, key=lambda p: p["rank"])
check("as without pruning", all_of.get(best["label"]) == best["cost_usd_month"] and min(p["rank"] for p in points) == 1)
said = kw("plan", write(candidates={"mitigations": ["prayer"]}), code=2)
check("a wrong name", "candidates.mitigations[0]" in said and "weights_from" in said, said)

# The switch of a sweep, as long as the objective lets, and who may not wait.
swept = one(dict(GPU, keep_warm=0, max_replicas=3, hold={}), "sweep", sweep={"deployments[0].hold.max_wait_s": ["0", "600", "auto"]})
check("longer holds start less", [p["cold_starts"] for p in swept] == sorted((p["cold_starts"] for p in swept), reverse=True) and swept[0]["held_requests"] is None, swept)
own = dict(GPU, keep_warm=0, max_replicas=3)
for name, deployment, slo, wants in (
        ("no class may wait", dict(own, hold={}), {}, "no class may wait"),
        ("no objective", dict(own, hold={"classes": ["chat"]}), {}, "no objective (e2e) says how long requests of class 'chat' may wait"),
        ("no time", dict(own, hold={}), {"classes": {"nightly": {"e2e_p95_s": "5"}}}, "leave no time to hold them"),
        ("no such class", dict(own, hold={"classes": ["daily"]}), SLO, "the trace has no class 'daily'"),
        ("always warm", dict(own, keep_warm=1, hold={}), SLO, "keep_warm 0"),
        ("no snapshots", dict(own, snapshot=True), SLO, "state cold_start.restore"),
        ("said twice", dict(own, platform="modal", snapshot=True, cold_start={"snapshot_probability": 1}), SLO, "want one of the two"),
        ("no disks", dict(own, platform="modal", weights_from="node"), SLO, "state cold_start.cache_hit")):
    said = kw("run", write(deployments=[deployment], slo=slo), code=2)
    check(name, wants in said and said.count("\n") == 2, said) # after the line on how the log was read

report()
PY
