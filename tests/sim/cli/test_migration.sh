#!/bin/sh
# Migration: each step's figures are those of a run with that split, to the nano-dollar, on both sides; going back by hand; a plan's
# migration to what it recommends; JSON, HDF5 and rerun; what is refused.
# usage: KEEPWARM=path/to/keepwarm test_migration.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec /usr/bin/python3 - <<'PY'
import copy, json, random, subprocess
from tests.checks import KW, check, own_folder, report, skip

own_folder()

def keepwarm(*args):
    return subprocess.run([KW, *args], capture_output=True, text=True)

def answer(scenario, command="run", *more):
    json.dump(scenario, open("s.json", "w"))
    p = keepwarm(command, "s.json", "-q", "--json", *more)
    check("%s answers" % command, p.returncode in (0, 3), (p.returncode, p.stderr))
    return json.loads(p.stdout) if p.stdout else {}

def total(point):
    return point["bill_usd_month"]["total"]

def of(point, name):
    return next(g for g in point["groups"] if g.get("deployment") == name)

def trace(name, rows, hours):
    with open(name, "w") as f:
        f.write("arrival,prompt,output\n" + "".join("%.3f,%d,%d\n" % row for row in rows))
    return {"file": name, "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output", "from_s": "0", "to_s": str(3600 * hours)}

r = random.Random(5)
rows = sorted((r.random() * 7200 if i % 3 else 4000 + r.random() * 600, 200 + r.randrange(300), 20 + r.randrange(60)) for i in range(400))
TWO_HOURS = trace("two_hours.csv", rows, 2)
API = {"name": "api", "platform": "groq", "ttft": {"lognormal": {"p50": "0.3", "p95": "0.9"}}, "output_rate": {"constant": "90"}}
GPU = {"name": "gpu", "platform": "modal", "gpu": "L4", "precision": "fp8", "keep_warm": 0, "max_replicas": 3, "idle_timeout_s": "60"}
BASE = {"keepwarm": 1, "trace": TWO_HOURS, "model": "llama-3.1-8b", "replications": 1, "as_of": "2026-05-01", "slo": {"ttft_p95_s": "5"},
        "deployments": [API, GPU]}
SIDES = {"from": "api", "to": "gpu"}

# ---- each step is a run of that split

for sides, order in ((SIDES, ["api", "gpu"]), ({"from": "gpu", "to": "api"}, ["gpu", "api"])):
    moved = answer(dict(BASE, migration=dict(sides, steps=["0.05", 0.25, "0.5", 1])))
    m = moved["migration"]
    check("four steps", [s["share"] for s in m["steps"]] == [0.05, 0.25, 0.5, 1], m)
    for i, step in enumerate(m["steps"]):
        new = step["share"]
        share = {sides["from"]: "%g" % (1 - new), sides["to"]: "%g" % new}
        one = answer(dict(BASE, routing={"policy": "split", "shares": [share["api"], share["gpu"]]}))["points"][0]
        check("cost of a step is the run's", step["cost_usd_month"] == total(one), (step, total(one)))
        check("its point is the run's", total(moved["points"][i]) == total(one) and moved["points"][i]["ttft_p95_s"] == one["ttft_p95_s"], one)
        check("feasible as the run", step["feasible"] == one["feasible"], (step, one["feasible"]))
        for side, name in zip(("old", "new"), order):
            g = of(one, name)
            check("a side's cost is its bill", abs(float(step[side]["cost_usd_month"]) - g["cost_usd_month"]) < 1e-6, (step[side], g))
            if new == 1 and side == "old":
                check("nobody on the old side", set(step[side]) == {"cost_usd_month"}, step[side])
                continue
            for key in ("ttft_p95_s", "ttft_p99_s", "cold_fraction", "error_fraction"):
                check("a side's " + key, step[side][key] == g[key], (step[side], g))
            check("a side is judged by itself", step[side]["feasible"] == (g["ttft_p95_s"] <= 5), (step[side], g))
        check("the sides make the whole", abs(float(step["old"]["cost_usd_month"]) + float(step["new"]["cost_usd_month"]) - float(step["cost_usd_month"])) < 1e-8, step)

# ---- going back by hand: a request every 10 s, a busy hour of one every 5 s from 3600 s on; the old side is at zero and starts in 40 s

BY_HAND = trace("by_hand.csv", sorted([(10.0 * i, 100, 11) for i in range(1080)] + [(3605.0 + 10 * i, 100, 11) for i in range(360)]), 3)
STARTS = {"provision": {"constant": "10"}, "pull": {"constant": "0"}, "load": {"constant": "20"}, "init": {"constant": "10"}}
OLD = dict(GPU, name="old", cold_start=STARTS)
NEW = {"name": "new", "platform": "groq", "ttft": {"constant": "2"}, "output_rate": {"constant": "1"}} # an answer takes 2 + 10 s
HAND = dict(BASE, trace=BY_HAND, deployments=[OLD, NEW], migration={"from": "old", "to": "new", "steps": ["1"]})
m = answer(HAND)["migration"]
back = m["steps"][0]["back"]
check("the busiest hour", m["failure_from_s"] == 3600 and m["failure_s"] == 3600, m)
check("who arrives in it", back["arrived"] == 720 and back["failed"] == 0, back)
check("who was under way is cut off", back["cut_off"] == 1, back) # came at 3590; the one of 3580 is done at 3592
check("errors", abs(back["error_fraction"] - 1 / 721) < 1e-12, back)
check("the first answer waits for a start", 40 < back["first_token_s"] < 41, back)
check("and starts it", back["more_starts"] >= 1, back)
check("which costs", 0 < back["more_cost_usd"] < 5, back)
short = answer(dict(HAND, migration=dict(HAND["migration"], failure_s="30")))["migration"]
check("a short failure", short["steps"][0]["back"]["arrived"] == 6, short)
full = answer(dict(HAND, deployments=[dict(OLD, queue_limit=1, retry={"max_attempts": 1}), NEW]))["migration"]["steps"][0]["back"]
check("an old side that cannot queue refuses", full["failed"] > 3 and full["arrived"] == 720, full)
warm = answer(dict(HAND, deployments=[dict(OLD, keep_warm=1), NEW]))["migration"]["steps"][0]["back"]
check("a warm old side answers at once", warm["first_token_s"] < 1 and abs(warm["more_starts"]) < 1, warm)

# ---- a plan migrates to what it recommends

PLAN = {k: v for k, v in BASE.items() if k != "deployments"}
PLAN.update(deployments=[dict(GPU, keep_warm=2)], migration={"steps": ["0.25", "1"]}, candidates={"platforms": ["crusoe"], "gpus": ["L40S"], "precisions": ["fp8"]})
plan = answer(PLAN, "plan", "-o", "plan.h5")
m = plan["migration"]
check("from what stands there", m["from"].startswith("modal L4") and m["to"].startswith("crusoe 1 x L40S"), m)
rented = {"name": "crusoe", "platform": "crusoe", "gpu": "L40S", "precision": "fp8", "replicas": 1}
for step in m["steps"]:
    one = answer(dict(BASE, deployments=[PLAN["deployments"][0], rented],
                      routing={"policy": "split", "shares": ["%g" % (1 - step["share"]), "%g" % step["share"]]}))["points"][0]
    check("a plan's step is a run's", step["cost_usd_month"] == total(one), (step, total(one)))
same = answer(dict(PLAN, deployments=[rented]), "plan")
check("nothing to migrate to", "migration" not in same, same.get("migration"))
text = keepwarm("plan", "s.json", "-q").stdout
check("which is said", "Migration: none" in text, text[-400:])

# ---- text, HDF5, rerun

json.dump(dict(BASE, migration=SIDES), open("s.json", "w"))
p = keepwarm("run", "s.json", "-q", "-o", "moved.h5")
check("100 columns", all(len(line) <= 100 for line in p.stdout.splitlines()), p.stdout)
for words in ("Migration", "Going back", "on new", "cut off", "leaving"):
    check("the text says " + words, words in p.stdout, p.stdout)
again = keepwarm("rerun", "moved.h5", "-q")
check("rerun says the same", again.stdout == p.stdout and again.returncode == p.returncode, again.stderr)
many = keepwarm("run", "s.json", "-q", "-j", "2").stdout
check("any number of threads", many == p.stdout)
page = keepwarm("report", "moved.h5", "-o", "moved.html")
check("the page says it", page.returncode == 0 and "Going back" in open("moved.html").read(), page.stderr)
try:
    import h5py
    with h5py.File("moved.h5") as h:
        g = h["migration"]
        check("shares kept", list(g["share"][:]) == [0.05, 0.25, 0.5, 1], list(g["share"][:]))
        check("costs kept", list(g["nusd_month"][:]) == [o + n for o, n in zip(g["old_nusd_month"][:], g["new_nusd_month"][:])], list(g["nusd_month"][:]))
        check("points kept", len(h["points/label"]) == 4 and len(g["back_ttft_p95_s"]) == 4, list(h["points"]))
    with h5py.File("plan.h5") as h:
        check("of a plan too", len(h["migration/share"]) == 2, list(h))
except ImportError:
    skip("h5py is not installed")

# ---- refused: exit 2, one line, the path

def refused(name, scenario, command, *words):
    json.dump(scenario, open("s.json", "w"))
    p = keepwarm(command, "s.json", "-q")
    check(name, p.returncode == 2 and p.stderr.count("\n") == 1 and all(w in p.stderr for w in words), (p.returncode, p.stderr, p.stdout[:200]))

def with_(**keys):
    return dict(BASE, migration=dict(SIDES, **keys))

refused("a descending step", with_(steps=["0.5", "0.25"]), "run", "migration.steps[1]", "more than the step before")
refused("no step", with_(steps=[]), "run", "migration.steps", "list of shares")
refused("a step of 0", with_(steps=["0"]), "run", "migration.steps[0]")
refused("a step above all", with_(steps=["1.5"]), "run", "migration.steps[0]")
refused("too many steps", with_(steps=[(i + 1) / 17 for i in range(17)]), "run", "migration.steps", "at most 16")
refused("an unknown name", with_(to="gpus"), "run", "migration.to", "no deployment named 'gpus'")
refused("to itself", with_(to="api"), "run", "migration.to", "what it comes from")
refused("an unknown key", with_(step=["0.5"]), "run", "migration", "steps")
refused("no side", dict(BASE, migration={}), "run", "migration", "from")
refused("one side", dict(BASE, migration={"from": "api"}), "run", "migration", '"to"')
refused("three deployments", dict(with_(), deployments=[API, GPU, dict(GPU, name="third")]), "run", "migration", "there are 3")
refused("routing beside it", dict(with_(), routing={"policy": "split", "shares": [0.5, 0.5]}), "run", "routing", "migration")
refused("a sweep", with_(), "sweep", "migration", "run")
refused("a grid beside it", dict(with_(), sweep={"deployments[gpu].keep_warm": [0, 1]}), "sweep", "migration", "sweep")
refused("sides of a plan", dict(PLAN, migration={"to": "gpu"}), "plan", "migration.to", "recommends")
refused("a plan from nowhere", {k: v for k, v in PLAN.items() if k != "deployments"}, "plan", "migration", "state one deployment")
refused("a failure of no time", with_(failure_s="0"), "run", "migration.failure_s")

report()
PY
