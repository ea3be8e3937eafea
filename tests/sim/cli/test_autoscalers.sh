#!/bin/sh
# Autoscalers that users run on rented machines, from a scenario to the bill: one request by hand, nodes of 8 GPUs, both ways to
# step, a result opened again, a plan that tries them beside fixed counts.
# usage: KEEPWARM=path/to/keepwarm test_autoscalers.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import json, random, subprocess
from tests.checks import KW, check, own_folder, report

own_folder()

def trace(name, rows):
    with open(name, "w") as f:
        f.write("arrival,prompt,output\n" + "\n".join("%.3f,%d,%d" % r for r in rows) + "\n")
    return {"file": name, "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output", "from_s": "0", "to_s": "7200"}

def keepwarm(command, s, *options):
    json.dump(s, open("s.json", "w"))
    return subprocess.run([KW, command, "s.json", *options], capture_output=True, text=True)

def run(deployment, of, **more):
    s = dict({"keepwarm": 1, "trace": of, "model": "llama-3.1-8b", "replications": 1, "deployments": [deployment]}, **more)
    a = keepwarm("run", s, "--json")
    check("runs", a.returncode in (0, 3), a.stderr)
    return json.loads(a.stdout)["points"][0]

TRIGGER = {"triggers": [{"metric": "num_requests", "threshold": 4}]}
QUICK = {"load": {"constant": "30"}, "init": {"constant": "10"}}
one = trace("one.csv", [(1000, 100, 10)])
r = random.Random(5)
many = trace("many.csv", sorted((b * 1800 + r.random() * 300, 100 + r.randrange(900), 20 + r.randrange(200)) for b in range(4) for _ in range(400)))

# One request at 1000 s. KEDA polls every 30 s: 1020 active, a node is ordered, there at 1120; image 1140, model 1170, engine 1180.
# Its last poll with the request in sight is 1170; more than 300 s later, at 1500, the replica goes, 60 s later the node: 440 s, by the minute 480.
keda = {"platform": "lambda", "gpu": "H100", "precision": "bf16", "autoscaler": "keda", "max_replicas": 2, "autoscaling": TRIGGER,
        "node": {"provision_s": "100", "pull_s": "20", "idle_s": "60"}, "cold_start": QUICK}
p = run(keda, one, start="empty")
hour = run({"platform": "lambda", "gpu": "H100", "precision": "bf16", "replicas": 1}, one, start="empty")["cost_usd_window"] / 2
check("one request: 440 s of a node, by the minute", abs(p["cost_usd_window"] - hour * 480 / 3600) < 1e-6, (p["cost_usd_window"], hour * 480 / 3600))
check("one request: waited for its start", 180 < p["ttft_p50_s"] < 181 and p["cold_starts"] == 1, p["ttft_p50_s"])

# 70B on 4 GPUs each, on nodes of 8: the second replica costs nothing, the third another node.
sold = {"platform": "aws", "gpu": "H100", "precision": "bf16", "tp": 4, "autoscaler": "ray_serve", "max_replicas": 3,
        "autoscaling": {"max_ongoing_requests": 64, "target_ongoing_requests": 1000}, "node": {"provision_s": "100", "pull_s": "20"}}
cost = [run(dict(sold, keep_warm=k), one, model="llama-3.1-70b")["cost_usd_month"] for k in (1, 2, 3)]
fixed = [run({"platform": "aws", "gpu": "H100", "precision": "bf16", "tp": 4, "replicas": n}, one, model="llama-3.1-70b")["cost_usd_month"] for n in (1, 2, 3)]
check("8-GPU nodes hold two of tp 4", cost == fixed and cost[0] == cost[1] and abs(cost[2] - 2 * cost[1]) < 1e-6, (cost, fixed))

# Each autoscaler: every step by itself gives the same, and its result opened again is priced the same and called the same.
own = {"keda": TRIGGER, "kpa": {"containerConcurrency": 8}, "ray_serve": {"max_ongoing_requests": 32, "target_ongoing_requests": 4},
       "skyserve": {"target_qps_per_replica": 0.5, "upscale_delay_seconds": 60, "downscale_delay_seconds": 200}, "dynamo": {"optimization_target": "latency"}}
for name, parameters in own.items():
    d = dict(keda, autoscaler=name, autoscaling=parameters, max_replicas=6)
    a, b = run(d, many), run(d, many, stepping="each")
    check(name + ": jumping is stepping", a == b and a["cost_usd_month"] > 0)
    check(name + ": scales", name == "dynamo" or a["cold_starts"] > 1, a["cold_starts"])
    s = {"keepwarm": 1, "trace": many, "model": "llama-3.1-8b", "replications": 1, "deployments": [d]}
    check(name + ": is saved", keepwarm("run", s, "-q", "-o", name + ".h5").returncode in (0, 3))
    again = subprocess.run([KW, "reprice", name + ".h5", "--json"], capture_output=True, text=True)
    x = json.loads(again.stdout)["points"][0] if again.returncode in (0, 3) else {}
    check(name + ": opened again", x.get("cost_usd_month") == a["cost_usd_month"] and x.get("label") == a["label"], (x.get("label"), again.stderr))

# A plan tries them beside fixed counts; nothing is left out in silence where nobody knows how long a node takes.
choice = {"platforms": ["lambda"], "gpus": ["H100"], "precisions": ["fp8"], "keep_warm": [0, 1], "node": {"provision_s": "100", "pull_s": "20"},
          "autoscalers": ["kpa", {"autoscaler": "keda", "autoscaling": TRIGGER}, "dynamo"]}
s = {"keepwarm": 1, "trace": many, "model": "llama-3.1-8b", "replications": 2, "slo": {"ttft_p95_s": "300"}, "candidates": choice}
a = keepwarm("plan", s, "--json", "--all")
labels = [x["label"] for x in json.loads(a.stdout)["points"]] if a.returncode in (0, 3) else []
for word in ("kpa keep_warm=0", "kpa keep_warm=1", "keda keep_warm=0", "dynamo keep_warm=1", "1 x H100"):
    check("plan: " + word, any(word in x for x in labels), a.stderr or labels)
check("plan: dynamo keeps one", not any("dynamo keep_warm=0" in x for x in labels) and "dynamo with keep_warm 0" in keepwarm("plan", s).stdout)
said = json.loads(keepwarm("plan", dict(s, replications=1, candidates=dict(choice, platforms=["aws"], gpus=["A10G"], precisions=["bf16"], terms=["spot"], spot={"interruptions_per_hour": "0.1", "notice_s": "5", "restart_s": "300"})), "--json").stdout)
check("plan: terms without on demand have none", any(x["what"] == "autoscalers" and "rented on demand" in x["why"] for x in said["left_out"]), said["left_out"])
choice.update(platforms=["runpod-secure"], gpus=["A40"], precisions=["bf16"])
said = " ".join(keepwarm("plan", dict(s, replications=1)).stdout.split())
check("plan: what a meter of machines may not count is no replica's life", "meter.bills.provision assumed no" in said and "(at most $" not in said, said[-900:])
del choice["node"]
check("plan: unknown nodes are told", "state candidates.node.provision_s" in keepwarm("plan", s).stdout.replace("\n              ", " "))

report()
PY
