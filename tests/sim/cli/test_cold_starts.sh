#!/bin/sh
# How long cold starts take: the table of their phases with sources and grades, and what a run measured of them, in text, JSON, CSV and
# the result. Times of the scenario's own say what is right.
# usage: KEEPWARM=path/to/keepwarm test_cold_starts.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import csv, io, json, subprocess
from tests.checks import KW, check, own_folder, report

own_folder()

def kw(*args):
    p = subprocess.run([KW, *args], capture_output=True, text=True)
    check("exit 0", p.returncode == 0, (args, p.returncode, p.stderr))
    return p.stdout

def rows(text, head):
    """Lines of the table under this head, to the blank line behind it."""
    lines = text.split("\n")
    at = next(i for i, l in enumerate(lines) if l.startswith("  " + head))
    out = []
    while at < len(lines) and lines[at].strip():
        out.append(lines[at])
        at += 1
    return out

# A request every ten minutes for a day: each meets an empty pool.
with open("t.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join("%d,600,100\n" % (600 * i + 5) for i in range(144)))
pool = {"name": "pool", "platform": "modal", "gpu": "L4", "precision": "fp8",
        "cold_start": {"provision": {"constant": "5"}, "pull": {"constant": "2"}, "load": {"constant": "40"}, "init": {"quantiles": {"0.5": "10", "1": "10"}}}}
def scenario(*deployments, **more):
    with open("s.json", "w") as f:
        json.dump(dict({"keepwarm": 1, "trace": {"file": "t.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output", "from_s": "0", "to_s": "86400"},
                        "model": "llama-3.1-8b", "replications": 1, "deployments": list(deployments)}, **more), f)
    return "s.json"
text = kw("run", scenario(pool), "-o", "r.h5")
p = json.loads(kw("run", "s.json", "--json"))["points"][0]
check("one start a request", p["cold_starts"] == 144, p["cold_starts"])
check("as long as its phases", abs(p["cold_start_p50_s"] - 57) < 0.06 and abs(p["cold_start_p95_s"] - 57) < 0.06, (p["cold_start_p50_s"], p["cold_start_p95_s"]))
check("cost each, times their number, is the cost of starts", abs(p["cold_start_usd"] * 144 * p["cost_usd_month"] / p["cost_usd_window"] / p["cold_cost_usd_month"] - 1) < 0.2 and
      abs(p["cold_start_usd"] - 50 / 3600 * 0.7992) < 1e-6, (p["cold_start_usd"], p["cold_cost_usd_month"]))
row = next(csv.DictReader(io.StringIO(kw("run", "s.json", "--csv"))))
check("in CSV", float(row["cold_starts"]) == 144 and float(row["cold_start_p95_s"]) == p["cold_start_p95_s"] and float(row["cold_start_usd"]) == p["cold_start_usd"], row)
again = json.loads(kw("reprice", "r.h5", "--json"))["points"][0]
check("in the result", all(again[k] == p[k] for k in ("cold_starts", "cold_start_p50_s", "cold_start_p95_s", "cold_start_usd")), again)
check("in the figures", "cold starts in the window" in text and "cost of a cold start" in text)
table = rows(text, "a cold start")
check("a row a phase, as the user said", [l.split()[:3] for l in table[3:8]] == [["provision", "5.00", "5.00"], ["pull", "2.00", "2.00"], ["load", "40.0", "40.0"],
      ["init", "10.0", "10.0"], ["a", "whole", "start"]], table)
check("by grade and source", all("user" in l and "scenario" in l for l in table[3:7]) and "57.0  57.0" in table[7], table)

slow = {"constant": "90"}
p = json.loads(kw("run", scenario(pool, dict(pool, name="other", cold_start=dict(pool["cold_start"], init=slow)), routing={"policy": "split", "shares": [0.5, 0.5]}), "--json"))["points"][0]
by = {g["deployment"]: g for g in p["groups"] if "deployment" in g}
check("by deployment", abs(by["pool"]["cold_start_p50_s"] - 57) < 0.06 and abs(by["other"]["cold_start_p50_s"] - 137) < 0.14 and
      by["pool"]["cold_starts"] + by["other"]["cold_starts"] == p["cold_starts"] > 120, (by, p["cold_starts"]))
text = kw("run", "s.json")
check("a table of both", any(l.startswith("  init") and "other" in l and "90.0" in l for l in rows(text, "a cold start")) and
      any(l.startswith("  provision") and " all " in l for l in rows(text, "a cold start")), rows(text, "a cold start"))

p = json.loads(kw("run", scenario(dict(pool, keep_warm=1, max_replicas=1)), "--json"))["points"][0]
check("none where a replica is kept", p["cold_starts"] == 0 and p["cold_start_p50_s"] is None and p["cold_start_usd"] is None, p["cold_starts"])
api = {"name": "a", "platform": "groq"}
text, p = kw("run", scenario(api)), json.loads(kw("run", "s.json", "--json"))["points"][0]
check("an API has none", p["cold_starts"] is None and "\n  a cold start" not in text, p["cold_starts"])

# A quarter of the starts fail and are made again: each that comes up pays for those that did not.
p = json.loads(kw("run", scenario(dict(pool, start_failure_probability=0.25)), "--json"))["points"][0]
check("failed ones are paid for by the others", p["cold_start_usd"] > 1.15 * 50 / 3600 * 0.7992 and abs(p["cold_start_p50_s"] - 57) < 0.06, p["cold_start_usd"])

for platform in ("modal", "runpod", "huggingface", "aws"):
    shown = kw("platforms", "show", platform, "--model", "llama-3.1-8b")
    table = rows(shown, "a cold start")
    check(platform + ": phases with their grades", any(l.startswith("  init") and "estimated" in l for l in table) and any(l.startswith("  load of 16.1 GB") for l in table) and
          any(l.startswith("  a whole start") for l in table), table)
    check(platform + ": in 100 columns, nothing cut", all(len(l) <= 100 and "…" not in l for l in table), [l for l in table if len(l) > 100 or "…" in l])

report()
PY
