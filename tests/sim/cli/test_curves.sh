#!/bin/bash
# Keep-warm curves and the frontier as users get them: the words, JSON, CSV and the result tell the same figures, asking for
# them changes nothing of the answer, and a rerun finds them again.
cd "$(dirname "$0")/../../.." || exit 1
PATH=/usr/bin:$PATH exec python3 - "$(realpath "${KEEPWARM:-build/keepwarm}")" <<'PY'
import csv, io, json, math, os, random, re, subprocess, sys, tempfile
KW = sys.argv[1]
passed = failed = 0
def check(what, ok, got=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok: print("FAIL", what, got)
os.chdir(tempfile.mkdtemp())
r = random.Random(7)
with open("week.csv", "w") as f:
    f.write("arrival,prompt,output\n")
    for day in range(7):
        for t in sorted(r.random() for _ in range(r.randrange(60, 260))): f.write("%.3f,%d,100\n" % (86400 * (day + t), r.randrange(50, 900)))
def keepwarm(*words, want=0):
    x = subprocess.run([KW, *words], capture_output=True, text=True, env=dict(os.environ, COLUMNS="100"))
    check("exit of " + " ".join(words), x.returncode == want, x.stderr)
    return x.stdout if want == 0 else x.stderr
plan = ["plan", "-q", "--trace", "week.csv", "--model", "llama-3.1-8b", "--slo", "ttft_p95=20s",
        "-p", "modal", "-p", "huggingface", "-p", "runpod-community", "-p", "together-dedicated"]
plain = json.loads(keepwarm(*plan, "--json"))
asked = json.loads(keepwarm(*plan, "--curves", "--pareto", "-o", "asked.h5", "--json"))
alone = json.loads(keepwarm(*plan, "--curves", "--json"))

curves = alone["keep_warm_curves"]
check("one curve unless asked, of the recommended platform", plain["recommendation"].startswith("Modal ") and plain["frontier"] == [] and
      plain["keep_warm_curves"] == [c for c in curves if c["platform"] == "modal"], plain["recommendation"])
stays = json.loads(keepwarm(*plan[:plan.index("-p")], "-p", "runpod-community", "-p", "together-dedicated", "--json"))
check("none of machines that stay", "Community" in stays["recommendation"] and stays["keep_warm_curves"] == [], stays["recommendation"])
check("a curve of each platform whose replicas come and go",
      [c["platform"] for c in curves] == ["huggingface", "modal", "together-dedicated"], [c["platform"] for c in curves])
check("asking changes no other figure", {k: v for k, v in plain.items() if k != "keep_warm_curves"} ==
      {k: v for k, v in alone.items() if k != "keep_warm_curves"})
for k in ("recommendation", "runner_up", "tie"):
    a, b = plain[k], asked[k]
    check("the frontier changes no " + k, a == b if k != "runner_up" else plain["points"][a]["label"] == asked["points"][b]["label"])
for c in curves:
    p = c["points"]
    check(c["platform"] + ": every count", [x["keep_warm"] for x in p] == ([1, 2, 3, 4] if c["platform"] == "together-dedicated" else [0, 1, 2, 3, 4]))
    check(c["platform"] + ": more kept is no colder", all(a["cold_fraction"] >= b["cold_fraction"] for a, b in zip(p, p[1:])))
    check(c["platform"] + ": and no cheaper", all(a["cost_usd_month"] <= b["cost_usd_month"] for a, b in zip(p, p[1:])))
    for x in p:
        ends = [(m, x[m + "_lo"], x[m], x[m + "_hi"]) for m in ("cost_usd_month", "cold_fraction", "ttft_p95_s", "attainment")]
        check("%s, %d kept: intervals" % (c["platform"], x["keep_warm"]), x["drawings"] == 7 and all(lo <= v <= hi for _, lo, v, hi in ends), ends)
    best = alone["points"][c["best_point"]]
    mine = [x for x in p if x["keep_warm"] == best["deployments"][0]["keep_warm"]]
    check(c["platform"] + ": its best is on it", len(mine) == 1 and mine[0]["cost_usd_month"] == best["cost_usd_month"], best["label"])
check("cold starts have a width", curves[1]["points"][0]["cold_fraction_lo"] < curves[1]["points"][0]["cold_fraction_hi"])

front = asked["frontier"]
check("a frontier", len(front) > 3 and all(a["cost_usd_month"] < b["cost_usd_month"] and a["ttft_p95_s"] > b["ttft_p95_s"]
                                          for a, b in zip(front, front[1:])), front)
check("with intervals", all(x["drawings"] == 7 and x["ttft_p95_s_lo"] <= x["ttft_p95_s"] <= x["ttft_p95_s_hi"] for x in front))
on = {x["point"] for x in front}
for i, p in enumerate(asked["points"]):
    if p["ttft_p95_s"] is None or p["error_fraction"] > 0.001 or p["overloaded"]: continue
    beaten = any(x["cost_usd_month"] <= p["cost_usd_month"] and x["ttft_p95_s"] <= p["ttft_p95_s"] for x in front)
    check("beaten or on it: " + p["label"], beaten, p["ttft_p95_s"])
check("what is too dear to be the best may be on it", len(asked["points"]) > len(plain["points"]) and
      max(x["cost_usd_month"] for x in front) > 2 * asked["points"][asked["best"]]["cost_usd_month"])

# The same in words, of each curve by its rows, and as CSV.
text = keepwarm(*plan, "--curves", "--pareto")
check("no line over 100 columns", all(len(line) <= 100 for line in text.splitlines()))
check("a section a curve", text.count("Keep-warm curve of ") == 3 and text.count("the Pareto frontier") + text.count("cheaper and faster than these") == 1)
section = text.split("Keep-warm curve of modal ")[1].split("\n\n")[0].splitlines()
rows = [line.split() for line in section if re.match(r"^ +\d ", line)]
check("its rows", len(rows) == 5 and all(float(r[1].replace(",", "")) == round(x["cost_usd_month"], 2 if x["cost_usd_month"] < 1000 else 0)
                                         for r, x in zip(rows, curves[1]["points"])), rows)
check("its verdicts", [" ".join(r[-2:]) for r in rows] == ["%s %d/7" % ("meets" if x["feasible"] else "misses", x["feasible_in"]) for x in curves[1]["points"]])
table = list(csv.DictReader(io.StringIO(keepwarm(*plan, "--curves", "--pareto", "--csv"))))
check("CSV", [(r["of"], r["platform"]) for r in table] == [("curve", c["platform"]) for c in asked["keep_warm_curves"] for _ in c["points"]] +
      [("frontier", asked["points"][x["point"]]["deployments"][0]["platform"]) for x in front])
want = [x for c in asked["keep_warm_curves"] for x in c["points"]] + front
keys = [m + e for m in ("cost_usd_month", "cold_fraction", "ttft_p95_s", "attainment") for e in ("", "_lo", "_hi")]
check("CSV has the figures of JSON", all(float(r[k]) == x[k] for r, x in zip(table, want) for k in keys))
check("one table at a time", "one table" in keepwarm(*plan, "--curves", "--break-even", "--csv", want=2))
check("a stray --curves", "has no meaning for these candidates" in keepwarm("plan", "-q", "--trace", "week.csv", "--model", "llama-3.1-8b", "-p", "lambda", "--curves", want=2))
check("too few days", "no intervals" in keepwarm(*plan, "-r", "1"))

# Below which use of what is rented serverless is cheaper: with an interval, and beside it what prices alone would say.
few = ["plan", "-q", "--trace", "week.csv", "--model", "llama-3.1-8b", "--slo", "ttft_p95=300s", "-p", "modal", "-p", "runpod-community",
       "--set", 'candidates.gpus=["L4","RTX4090"]', "--set", "candidates.hybrids=false", "-r", "4", "--break-even"]
b = json.loads(keepwarm(*few, "-o", "used.h5", "--json"))["break_even"]["serverless_cheaper_below"]
used = [b["capacity_used" + e] for e in ("_lo", "", "_hi")]
check("the share that is used, with its interval", 0 < used[0] < used[1] < used[2] < 1, used)
check("it moves as the volume does", abs(used[2] / used[1] / (b["tokens_month_hi"] / b["tokens_month"]) - 1) < 0.1, b)
check("what prices alone say", abs(b["price_ratio"] - b["above"]["replica_usd_hour"] / b["below"]["replica_usd_hour"]) < 1e-12 and
      abs(b["above"]["replica_usd_hour"] * 730 - b["above"]["cost_usd_month"]) < 0.01, b)
words = " ".join(keepwarm(*few).split())
check("said", "%.2f %% (95 %%:" % (100 * used[1]) in words and "the rule of thumb, 40 %, is a quotient of two prices" in words,
      words[words.find("used below"):][:500])

# The page and the result, by a reader that is not ours; found again by a rerun.
keepwarm("report", "asked.h5", "-o", "page.html")
page = open("page.html").read()
check("the page has the curves and the frontier", page.count("Keep-warm curve of ") >= 3 and "cheaper and faster than these" in page)
keepwarm("rerun", "-q", "asked.h5", "-o", "again.h5")
try:
    import h5py
except ImportError:
    print("skip h5py is not here")
else:
    with h5py.File("asked.h5") as f, h5py.File("again.h5") as g:
        for group, rows in (("keep_warm_curve", want[:-len(front)]), ("frontier", front)):
            for k in keys:
                d = f[group][k]
                check(group + "/" + k, d[()].tolist() == [x[k] for x in rows] and d.attrs["units"] is not None and d.attrs["description"], d)
                check(group + "/" + k + " has its scale", d.dims[0].keys() == ["row"] or len(d.dims[0]) == 1, list(d.dims[0].keys()))
                check(group + "/" + k + " again", (d[()] == g[group][k][()]).all())
            check(group + ": counts", f[group]["keep_warm"][()].tolist() == [x["keep_warm"] for x in rows])
        with h5py.File("used.h5") as h:
            t = h["serverless_cheaper_below"]
            check("the threshold is kept", [t["capacity_used" + e][0] for e in ("_lo", "", "_hi")] == used and t["price_ratio"][0] == b["price_ratio"])
        check("curves by number", f["keep_warm_curve/curve"][()].tolist() == [i for i, c in enumerate(asked["keep_warm_curves"]) for _ in c["points"]])
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
PY
