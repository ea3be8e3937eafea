#!/bin/bash
# Drawings of the days as users see them: their number changes no judgement, few of them are no certainty, and too few
# days give no interval and say so.
cd "$(dirname "$0")/../../.." || exit 1
exec python3 - "${KEEPWARM:-build/keepwarm}" <<'PY'
import json, math, os, random, subprocess, sys, tempfile
KW = os.path.abspath(sys.argv[1])
passed = failed = 0
def check(what, ok, got=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok: print("FAIL", what, got)
os.chdir(tempfile.mkdtemp())
def keepwarm(command, *more):
    r = subprocess.run([KW, command, *more], capture_output=True, text=True)
    check("exit of " + " ".join((command,) + more), r.returncode in (0, 3), r.stderr)
    return json.loads(r.stdout) if "--json" in more else " ".join(r.stdout.split())

def trace(name, hours, busy=()):
    r = random.Random(5)
    with open(name, "w") as f:
        f.write("arrival,prompt,output\n")
        for hour in range(hours):
            n = 600 if hour in busy else 20 + 12 * (hour // 24 % 3)
            for t in sorted(r.random() for _ in range(n)): f.write("%.3f,500,100\n" % (3600 * (hour + t)))
def scenario(name, file, span, **more):
    json.dump({"keepwarm": 1, "name": name, "model": "llama-3.1-8b",
               "trace": {"file": file, "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output",
                         "from_s": "0", "to_s": str(span)},
               **more}, open(name + ".json", "w"))
one = [{"name": "main", "platform": "modal", "gpu": "L4", "precision": "fp8", "keep_warm": 0, "max_replicas": 4,
        "idle_timeout_s": "300"}]

# A busy stretch among quiet hours: what the trace meets it meets whatever -r, and no hour is drawn out of its day.
for hours in (10, 30, 60):
    trace("short.csv", hours, busy=range(2, 8))
    scenario("short", "short.csv", hours * 3600, deployments=one, slo={"ttft_p95_s": "80"})
    a, b = [keepwarm("run", "short.json", "-r", n, "--json")["points"][0] for n in ("1", "32")]
    check("%d h: -r 32 says what -r 1 says" % hours, all(a[k] == b[k] for k in ("ttft_p99_s", "cost_usd_month", "feasible")))
    check("%d h: no interval" % hours, b["drawings"] == 0 and b["ttft_p95_s_lo"] is None and b["p_feasible"] is None, b)
    check("%d h: said" % hours, "variation cannot be estimated: no intervals, the trace itself decides" in keepwarm("run", "short.json", "-r", "8"))

# 84 hours: three whole days are drawn, the rest stays.
trace("days.csv", 84)
scenario("days", "days.csv", 84 * 3600, deployments=one)
check("84 h: three days", "7 drawings of its 3 whole days give intervals" in keepwarm("run", "days.json", "-r", "8"))

# A week: intervals, and no probability of 0 or 1 from seven drawings.
trace("week.csv", 168)
scenario("week", "week.csv", 604800, deployments=one, slo={"ttft_p95_s": "600"})
p = keepwarm("run", "week.json", "-r", "8", "-o", "week.h5", "--json")["points"][0]
check("met in each drawing", p["drawings"] == 7 and p["feasible_in"] == 7 and p["p_feasible"] == 7.5 / 8, p)
check("best in each", p["best_in"] == 7 and p["p_best"] == 7.5 / 8, p["p_best"])
check("an interval around it", p["ttft_p95_s_lo"] < p["ttft_p95_s"] < p["ttft_p95_s_hi"], p)
q = keepwarm("reprice", "week.h5", "--json")["points"][0]
same = [k for k in p if k.endswith(("_lo", "_hi"))]
check("reprice tells the same intervals", same and all(p[k] == q[k] for k in same), [(k, p[k], q[k]) for k in same if p[k] != q[k]])
two = one + [dict(one[0], name="other", keep_warm=1)]
scenario("split", "week.csv", 604800, deployments=two, routing={"policy": "split", "shares": [0.5, 0.5]})
p = keepwarm("run", "split.json", "-r", "8", "-o", "split.h5", "--json")["points"][0]["groups"]
q = keepwarm("reprice", "split.h5", "--json")["points"][0]["groups"]
check("a deployment's percentiles have intervals", len(p) == 2 and p[0]["ttft_p95_s_lo"] < p[0]["ttft_p95_s_hi"], p)
check("and keep them when repriced", p == q, [(k, x[k], y[k]) for x, y in zip(p, q) for k in x if x[k] != y[k]])
wide = {n: keepwarm("run", "week.json", "-r", n, "--json")["points"][0] for n in ("8", "32", "64")}
for m in ("cost_usd_month", "ttft_p95_s", "cold_fraction"):
    w = [wide[n][m + "_hi"] - wide[n][m + "_lo"] for n in wide]
    check(m + ": -r shrinks no interval by its root", w[2] > 0.5 * w[0], w)

# Whoever ties or wins: never a certainty, and over all that are ranked no more than 1.
scenario("plan", "week.csv", 604800, slo={"ttft_p95_s": "2"},
         candidates={"platforms": ["modal", "runpod"], "gpus": ["L4", "L40S"], "hybrids": False})
d = keepwarm("plan", "plan.json", "--json")
best = [p["p_best"] for p in d["points"] if p["p_best"] is not None]
check("no p_best of 0 or 1", best and all(0 < x < 1 for x in best), best)
check("they sum to at most 1", math.fsum(best) < 1, math.fsum(best))
check("no p_feasible of 0 or 1", all(p["p_feasible"] is None or 0 < p["p_feasible"] < 1 for p in d["points"]))
text = keepwarm("plan", "plan.json")
check("no 100 % in words", "probability 100" not in text and "100 % of" not in text)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
PY
