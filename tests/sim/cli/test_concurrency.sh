#!/bin/sh
# A plan searches how many requests a replica is to take on every platform that lets its user say so, by one rule.
# usage: KEEPWARM=path/to/keepwarm test_concurrency.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import json, random, subprocess
from tests.checks import KW, check, own_folder, report

own_folder()

def traffic(rate, seconds):
    r, at, rows = random.Random(4), 0, []
    while at < seconds:
        rows.append("%.3f,%d,%d" % (at, r.randint(200, 900), r.randint(60, 240)))
        at += r.expovariate(rate)
    with open("t.csv", "w") as f:
        f.write("arrival,prompt,output\n" + "\n".join(rows) + "\n")

def keepwarm(command, **top):
    s = {"keepwarm": 1, "trace": {"file": "t.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output"},
         "model": "llama-3.1-8b", "replications": 1, "slo": {"ttft_p95_s": "2"}}
    s.update(top)
    json.dump(s, open("s.json", "w"))
    a = subprocess.run([KW, command, "s.json", "--json"] + (["--all"] if command == "plan" else []), capture_output=True, text=True)
    if a.returncode not in (0, 3):
        check(command, False, a.stderr)
        return None
    return json.loads(a.stdout)

def cost(platform, gpu, precision, **more):
    d = dict({"name": "m", "platform": platform, "gpu": gpu, "precision": precision, "tp": 1, "keep_warm": 1, "max_replicas": 4}, **more)
    return keepwarm("run", deployments=[d])["points"][0]["cost_usd_month"]

def plan(platform, gpu, precision, **more):
    return keepwarm("plan", candidates=dict({"platforms": [platform], "gpus": [gpu], "precisions": [precision], "tp": [1], "mitigations": []}, **more))

traffic(1, 600)
# --- defaults made for one request at a time are several times dearer, and the plan finds that
for platform, gpu, precision in (("huggingface", "L4", "fp8"), ("baseten", "A10G", "bf16")):
    default, sixty_four = cost(platform, gpu, precision), cost(platform, gpu, precision, target=64)
    p = plan(platform, gpu, precision)
    best = min(p["points"], key=lambda x: x["rank"])
    check(platform + " default", default > 3 * sixty_four, (default, sixty_four))
    check(platform + " plan", best["feasible"] and best["cost_usd_month"] <= sixty_four * 1.001, (best["cost_usd_month"], sixty_four))
    labels = [x["label"] for x in p["points"]]
    check(platform + " labels", len(labels) == len(set(labels)), labels)
    check(platform + " settings", all("=" in x["deployments"][0]["settings"].split()[-1] for x in p["points"]), labels)

traffic(5, 120)
# --- every platform that has such a setting: others than the file's are tried, and what was asked for alone is
for platform, gpu, precision in (("modal", "L4", "fp8"), ("runpod", "L4", "fp8"), ("replicate", "L40S", "fp8"), ("huggingface", "L4", "fp8"),
                                 ("baseten", "A10G", "bf16"), ("fireworks", "H100", "fp8"), ("together-dedicated", "H100", "fp8")):
    p = plan(platform, gpu, precision, exhaustive=True)
    words = {x["deployments"][0]["settings"].split()[-1] for x in p["points"]}
    # An H100 never has enough of this traffic at once for another setting to show, and what does not show is left out.
    check(platform + " searched", len(words) > 1 or gpu == "H100", words)
    p = plan(platform, gpu, precision, concurrency=[16], keep_warm=[1])
    said = {x["deployments"][0]["settings"].split()[-1].split("=")[1] for x in p["points"]}
    check(platform + " asked", said == {"0.015625" if platform == "fireworks" else "16"}, said)  # 16 of 1024

report()
PY
