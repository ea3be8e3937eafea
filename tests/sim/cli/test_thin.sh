#!/bin/sh
# What a plan says where the objectives are met by less than the step law errs.
# usage: KEEPWARM=path/to/keepwarm test_thin.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import json, random, re, subprocess
from tests.checks import KW, check, own_folder, report

own_folder()

def plan(s, *more):
    json.dump(s, open("s.json", "w"))
    r = subprocess.run([KW, "plan", "s.json", "-q", *more], capture_output=True, text=True)
    check("exit", r.returncode == 0, r.stderr)
    return json.loads(r.stdout) if "--json" in more else r.stdout

r = random.Random(7)
with open("week.csv", "w") as f: # 8 days, busier on some
    f.write("arrival,prompt,output\n")
    for day in range(8):
        for t in sorted(r.random() * 86400 for _ in range(r.randrange(20, 60))):
            f.write("%.3f,500,100\n" % (day * 86400 + t))
def scenario(platforms, **slo):
    return {"keepwarm": 1, "name": "thin", "model": "llama-3.1-8b", "replications": 8, "slo": slo,
            "trace": {"file": "week.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output"},
            "candidates": {"platforms": platforms, "gpus": ["L40S", "H100", "A100-80"], "keep_warm": [1], "hybrids": False}}

s = scenario(["modal"], ttft_p95_s="60")
p = plan(s, "--json")
best = p["points"][int(p["best"])]
check("a wide margin is not thin", p["thin"] is False and p["margin_left"] > 100 and p["p_feasible_with_step_error"] == 7.5 / 8, p["p_feasible_with_step_error"])
check("nor does its text say so", "thin:" not in plan(s))
s["slo"]["ttft_p95_s"] = "%.9f" % (best["ttft_p95_s"] * 1.01)
p = plan(s, "--json")
check("1 % is", p["thin"] is True and abs(p["margin_left"] - 0.01) < 1e-6 and 0.5 < p["p_feasible_with_step_error"] < 0.85, p["margin_left"])
text = plan(s)
said = re.search(r"margin +thin: 1\.0 % are left .* probability (\d+) %", " ".join(text.split()))
check("with its probability", said and int(said.group(1)) == round(100 * p["p_feasible_with_step_error"]), text)
report()
PY
