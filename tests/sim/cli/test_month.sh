#!/bin/sh
# What a month costs must not depend on where a log begins and ends. Traces are made here; each case says what is right.
# usage: KEEPWARM=path/to/keepwarm test_month.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import datetime, json, random, subprocess
from tests.checks import KW, check, own_folder, report

own_folder()

COLS = "arrival=arrival,prompt=prompt,output=output"
L4 = {"platform": "modal", "gpu": "L4", "precision": "fp8", "tp": 1}
HF = {"name": "main", "platform": "huggingface", "gpu": "L40S", "precision": "bf16", "tp": 1, "keep_warm": 1, "max_replicas": 1}
API = {"name": "g", "platform": "together-api"}

def near(a, b, rel=1e-9):
    return a is not None and abs(a - b) <= rel * abs(b)

def poisson(seed, rate, begin, end, prompt=(400, 900), output=(60, 200)):
    r, at, rows = random.Random(seed), begin, []
    while True:
        at += r.expovariate(rate)
        if at >= end:
            return rows
        rows.append((round(at, 3), r.randint(*prompt), r.randint(*output)))

def dated(rows, day="2026-03-02"):
    zero = datetime.datetime.fromisoformat(day)
    return [((zero + datetime.timedelta(seconds=a)).isoformat(timespec="milliseconds"), p, o) for a, p, o in rows]

def run(rows, deployment, command="run", trace={}, expect=0, out=None, **top):
    with open("t.csv", "w") as f:
        f.write("arrival,prompt,output\n" + "".join("%s,%d,%d\n" % r for r in rows))
    s = {"keepwarm": 1, "trace": dict({"file": "t.csv", "format": "generic", "columns": COLS}, **trace), "model": "llama-3.1-8b",
         "replications": 1, "deployments": deployment if isinstance(deployment, list) else [deployment]}
    s["slo"] = {"error_fraction": "1"} # what fails is no matter here
    s.update(top)
    if not deployment:
        del s["deployments"]
    json.dump(s, open("s.json", "w"))
    a = [KW, command, "s.json", "--json"] + (["-o", out] if out else [])
    r = subprocess.run(a, capture_output=True, text=True)
    if r.returncode != expect:
        check("exit %s" % (top or trace), False, "%d, want %d: %s" % (r.returncode, expect, r.stderr))
    return json.loads(r.stdout) if r.stdout and expect in (0, 3) else r.stderr

def first(rows, *a, **k):
    r = run(rows, *a, **k)
    return r["points"][0], r["window"], r

# --- one working day, with and without its date, is a day; stated windows bound it
office = poisson(1, 0.05, 9 * 3600, 17 * 3600)
whole = first(office, API)
check("office day", whole[1]["chosen"] == "days" and whole[1]["hours"] == 24 and "trace.from_s" in whole[1]["text"], whole[1])
for name, rows, trace in (("dated", dated(office), {}), ("stated", office, {"from_s": "0", "to_s": "86400"}),
                          ("stated by date", dated(office), {"from_s": "2026-03-02", "to_s": "2026-03-03"}),
                          ("stated by time", dated(office), {"from_s": "2026-03-02T00:00:00", "to_s": "2026-03-02T23:00:00-01:00"})):
    p, w, _ = first(rows, API, trace=trace)
    check("office day " + name, near(p["cost_usd_month"], whole[0]["cost_usd_month"]) and w["hours"] == 24, (p["cost_usd_month"], w))
p, w, _ = first(office, API, trace={"from_s": "32400", "to_s": "61200"})
check("eight hours stated", near(p["cost_usd_month"], 3 * whole[0]["cost_usd_month"]) and w["chosen"] == "stated", p["cost_usd_month"])
check("the window itself", near(p["cost_usd_window"] * 730 / 8, p["cost_usd_month"], 1e-6) and
      near(p["cost_usd_window"], whole[0]["cost_usd_window"]), p["cost_usd_window"])

# --- Monday to Friday is a week, at any month
week = [r for d in range(5) for r in poisson(10 + d, 0.05, d * 86400 + 9 * 3600, d * 86400 + 17 * 3600)]
p, w, r = first(dated(week), API)
check("working week", w["chosen"] == "weeks" and w["hours"] == 168 and near(p["cost_usd_month"], p["cost_usd_window"] * 730 / 168, 1e-6), w)
check("730 hours unless said", r["month_hours"] == 730)
for hours in (720, "744", 100.5):
    q, _, r = first(dated(week), API, month_hours=hours)
    check("month of %s hours" % hours, near(q["cost_usd_month"], p["cost_usd_month"] * float(hours) / 730, 1e-6) and
          r["month_hours"] == float(hours) and q["cost_usd_window"] == p["cost_usd_window"], q["cost_usd_month"])
for hours in (0, 745, "0.5"):
    check("no month of %s hours" % hours, "month_hours" in run(week, API, month_hours=hours, expect=2))
for trace, hours, words in (({"from_s": "2026-03-01"}, 192, "its end assumed"), ({"to_s": "2026-03-09"}, 168, "its begin assumed"),
                            ({"from_s": "2026-03-03T12:00:00"}, 132, "its end assumed")):
    _, w, _ = first(dated(week), API, trace=trace)
    check("one side stated: %s" % trace, w["hours"] == hours and words in w["text"], w)
check("begins after all", "no request arrives after 2" in run(dated(week), API, trace={"from_s": "2026-04-01"}, expect=2))
check("ends before all", "no request arrives before -" in run(dated(week), API, trace={"to_s": "2026-01-01"}, expect=2))
check("no date in this trace", "trace.from_s is a date" in run(week, API, trace={"from_s": "2026-03-02"}, expect=2))
check("not a date", "2026-13-02" in run(dated(week), API, trace={"from_s": "2026-13-02"}, expect=2))
check("backwards", "later than from_s" in run(dated(week), API, trace={"from_s": "2026-03-03", "to_s": "2026-03-02"}, expect=2))
check("nothing in it", "no request arrives" in run(dated(week), API, trace={"from_s": "2026-04-01", "to_s": "2026-04-02"}, expect=2))

# --- a replica always on costs the same month from every length of trace, on every platform and meter
for seconds in (30, 100, 600, 3601):
    p = first([(0, 64, 2), (seconds, 64, 2)], HF)[0]
    check("always on, %d s" % seconds, near(p["cost_usd_month"], 730 * 1.8, 1e-6), p["cost_usd_month"])
for platform, gpu, precision in (("modal", "L4", "fp8"), ("runpod", "L4", "fp8"), ("baseten", "A10G", "bf16"), ("replicate", "L40S", "bf16"),
                                 ("huggingface", "L4", "fp8"), ("fireworks", "H100", "bf16"), ("together-dedicated", "H100", "bf16")):
    d = {"name": "m", "platform": platform, "gpu": gpu, "precision": precision, "keep_warm": 1, "max_replicas": 1}
    costs = [first([(0, 64, 2), (seconds, 64, 2)], d)[0]["cost_usd_month"] for seconds in (37, 400, 3601)]
    check("always on, %s" % platform, max(costs) - min(costs) <= 1e-6 * max(costs), costs)
p = first([(0, 1000, 100), (3600, 1000, 100)], {"name": "r", "platform": "huggingface", "gpu": "H100", "keep_warm": 0, "max_replicas": 1})[0]
check("two an hour apart cost no more than the GPU", p["cost_usd_month"] <= 730 * 10 * (1 + 1e-9), p["cost_usd_month"])
p = first(poisson(3, 0.5, 0, 600), dict(L4, name="m", keep_warm=1, max_replicas=1))[0]
d = first(poisson(3, 0.5, 0, 600), {"name": "m", "platform": "lambda", "gpu": "H100", "replicas": 1})[0]
check("no more than always on", p["cost_usd_month"] <= 730 * 0.85, p["cost_usd_month"])
check("dedicated for the whole window", near(float(d["bill_usd_month"]["total"]), d["cost_usd_month"], 1e-6))

# --- the start: one request earlier changes nothing, the launch is there for who asks
steady = poisson(2, 12, 0, 3600)
ramp = [(0, 400, 60)] + [(round(a + 120, 3), p, o) for a, p, o in steady]
main = dict(L4, name="main", keep_warm=0)
a, b = first(steady, main)[0], first(ramp, main)[0]
check("steady", near(a["cost_usd_month"], b["cost_usd_month"], 0.05), (a["cost_usd_month"], b["cost_usd_month"]))
for rows in (steady, ramp): # which replica gets the next request is not published: both readings, as a range
    p, _, r = first(rows, main)
    spread, pack = (first(rows, dict(main, packing=x), )[0] for x in ("spread", "pack"))
    x = r["ranges"][0]
    check("range", near(x["spread_usd_month"], spread["cost_usd_month"]) and near(x["pack_usd_month"], pack["cost_usd_month"]) and
          x["grade"] == "unknown" and near(p["cost_usd_month"], spread["cost_usd_month"]) and
          pack["cost_usd_month"] < 0.5 * spread["cost_usd_month"], x)
# Whether a queue that waits too long adds one replica a delay or one for each that waits is not published either.
bursts = [(round(1200 * k + 0.01 * i, 3), 2000, 300) for k in range(12) for i in range(12)]
slow = {"name": "main", "platform": "runpod", "gpu": "L4", "precision": "fp8", "hard_concurrency": 1, "max_replicas": 12, "packing": "spread",
        "cold_start": {"provision": {"constant": "30"}, "load": {"constant": "0"}, "init": {"constant": "0"}}}
p, _, r = first(bursts, slow)
spaced, each = (first(bursts, dict(slow, target_delay_from=x)) for x in ("last_start", "arrival"))
x = [x for x in r["ranges"] if "arrival_usd_month" in x]
check("a range of the delay", len(x) == 1 and near(x[0]["last_start_usd_month"], spaced[0]["cost_usd_month"]) and
      near(x[0]["arrival_usd_month"], each[0]["cost_usd_month"]) and near(p["cost_usd_month"], spaced[0]["cost_usd_month"]), r["ranges"])
check("sooner, and more of them", each[0]["ttft_p95_s"] < spaced[0]["ttft_p95_s"] - 1 and each[0]["cold_starts"] > spaced[0]["cold_starts"],
      (each[0]["ttft_p95_s"], spaced[0]["ttft_p95_s"], each[0]["cold_starts"], spaced[0]["cold_starts"]))
check("said: no range", spaced[2]["ranges"] == [] and each[2]["ranges"] == [], (spaced[2]["ranges"], each[2]["ranges"]))
check("of queue delays alone", "it is for the autoscaler queue_delay" in run(bursts, dict(slow, platform="modal", target_delay_from="arrival"), expect=2))
d = p["deployments"][0]
check("balancing is told with its grade", (d["balance"], d["balance_grade"]) == ("least_outstanding", "user"), d)
d = first(steady[:50], main)[0]["deployments"][0]
check("an assumed one by its own", (d["balance"], d["balance_grade"]) == ("least_outstanding", "estimated"), d)
check("who says which gets no range", first(steady, dict(main, packing="pack", idle_release="timeout"))[2]["ranges"] == [])
# Modal calls its window a maximum: what stops earlier idles less and starts more often, told as a range of its own.
modal = dict(main, platform="modal")
p, _, r = first(steady, modal)
late, early = (first(steady, dict(modal, packing="pack", idle_release=x))[0] for x in ("timeout", "early"))
x = [x for x in r["ranges"] if "early_usd_month" in x]
check("a range of early release", len(x) == 1 and near(x[0]["timeout_usd_month"], p["cost_usd_month"]) and
      near(x[0]["early_usd_month"], early["cost_usd_month"]) and
      early["idle_cost_usd_month"] < 0.5 * late["idle_cost_usd_month"] and early["cold_starts"] > late["cold_starts"],
      (x, early["idle_cost_usd_month"], late["idle_cost_usd_month"]))
# plan reads all that contend otherwise, and the best of other platforms: it names whom the other reading makes the cheapest.
r = run(steady, None, "plan", candidates={"platforms": ["modal", "aws"], "gpus": ["L4", "A10G"], "keep_warm": [0], "precisions": ["fp8", "bf16"],
                                            "max_replicas": [10], "mitigations": []},
        slo={"ttft_p95_s": "16"})
best = r["points"][r["best"]]
x = [x for x in r["ranges"] if x["other_wins"]]
check("a plan names who would win under the other reading", "aws" in best["label"] and x and all("modal" in y["label"] and
      min(y.get("pack_usd_month", 1e9), y.get("early_usd_month", 1e9)) < best["cost_usd_month"] and y["other_feasible"]
      for y in x), (best["label"], best["cost_usd_month"], r["ranges"], [(p["label"], p["cost_usd_month"], p["feasible"]) for p in r["points"]]))
# The same among what would flip the answer, first of all: no move is needed, only to know. What flips nothing is told, too.
x = [f for f in r["flips"] if f["kind"] == "reading" and f["sought"]]
pack = [f for f in x if f["fact"] == "modal: which replica takes the next request (packing)"]
check("the other reading is a lever", r["flips"][:1] == pack and pack[0]["move"] == 0 and (pack[0]["reading"], pack[0]["other_reading"]) == ("spread", "pack") and
      pack[0]["grade"] == "unknown" and pack[0]["age_days"] > 0 and not pack[0]["misses"], pack)
check("what to take then", any(near(pack[0]["cost_usd_month"], y.get("pack_usd_month", 0)) and y["label"] == pack[0]["then"] for y in r["ranges"]), pack)
early = [f for f in x if f["fact"] == "modal: when idle surplus stops (idle_release)"]
check("one that misses flips nothing", len(early) == 1 and early[0]["move"] is None and any("early_usd_month" in y and not y["other_feasible"] for y in r["ranges"]), early)
check("one replica has no range", first(steady[:2000], dict(main, max_replicas=1, keep_warm=1))[2]["ranges"] == [])
check("packing or balance", "packing" in run(steady[:99], dict(main, packing="pack", balance="prefix"), expect=2))
e = first(steady, main, start="empty")[0]
check("the launch", e["cold_fraction"] > 0 and a["cold_fraction"] == 0, (e["cold_fraction"], a["cold_fraction"]))
lone = [(i * 600, 1000, 200) for i in range(101)]
p = first(lone, {"name": "r", "platform": "runpod", "gpu": "H100", "keep_warm": 0, "max_replicas": 1})[0]
check("each lone request is cold", p["cold_fraction"] == 1, p["cold_fraction"])

# --- a short window is cyclic: requests spread over replicas keep them alive for many passes, and one pass says $1,790 for $1,399
three = (317.368424291, 344.672443983, 542.401283197)
spread = {"platform": "modal", "gpu": "L40S", "precision": "bf16", "tp": 1, "hard_concurrency": 1, "max_replicas": 4, "keep_warm": 0,
          "idle_timeout_s": "377", "cold_start": {k: {"constant": v} for k, v in (("provision", "3.581"), ("pull", "13.906"),
                                                                                  ("load", "4.943"), ("init", "19.765"))}}
for times in (1, 2, 20):
    rows = [(at + 600 * k, 100, 1) for k in range(times) for at in three]
    p = first(rows, spread, trace={"from_s": "0", "to_s": str(600 * times)})[0]
    check("cyclic, %d times" % times, near(p["cost_usd_month"], 1399.41, 0.0005) and p["steady_state"] == "repeats" and p["windows"] == 1, p["cost_usd_month"])
p = first([(300, 100, 1)], dict(spread, cold_start={}), trace={"from_s": "0", "to_s": "600"})[0]
check("luck is averaged", p["steady_state"] in ("mean", "unsettled") and p["windows"] > 100 and p["steady_error"] < 0.02, p["steady_state"])
p = first([(300, 100, 1)], dict(spread, cold_start={}), trace={"from_s": "0", "to_s": "600"}, start="empty")[0]
check("the launch is one window", p["steady_state"] == "one_pass" and p["windows"] == 1 and p["steady_error"] is None, p["steady_state"])

# --- overload never meets, even without objectives, and is not scaled to a month
flood = poisson(4, 80, 0, 300)
one = {"name": "m", "platform": "lambda", "gpu": "H100", "precision": "bf16", "replicas": 1}
for start in ("steady", "empty"):
    p = first(flood, one, expect=3, start=start)[0]
    check("overload, %s" % start, p["overloaded"] and not p["feasible"] and p["miss"].startswith("overloaded: carries") and
          40 < p["carried_rps"] < 65 and near(p["overload"], len(flood) / 300 / p["carried_rps"], 0.01), (p["miss"], p["overload"]))
    check("no month of an overload, %s" % start, p["cost_usd_month"] is None and p["usd_per_mtok"] is None and
          float(p["bill_usd_month"]["total"]) == 0 and p["cost_usd_window"] > 0)
# 3 % too much for it, told from the trace at its capacity: a slow queue is one all the same
p = first(poisson(4, 54, 0, 900), one, expect=3)[0]
check("slow overload", p["overloaded"], (p["overload"], p["carried_rps"]))
for name, rows, d in (("a third of it", poisson(4, 15, 0, 300), one), ("bursts", [(h * 3600 + i * 0.5, 600, 100) for h in range(12)
                      for i in range(40)], dict(L4, name="b", keep_warm=0)), ("a burst at the end", poisson(5, 1, 0, 1800) +
                      [(1799 + i * 0.01, 600, 100) for i in range(60)], dict(L4, name="e", keep_warm=0))):
    for start in ("steady", "empty"):
        p = first(rows, d, start=start)[0]
        check("no overload: %s, %s" % (name, start), not p["overloaded"] and p["cost_usd_month"] is not None, p["overload"])

report()
PY
