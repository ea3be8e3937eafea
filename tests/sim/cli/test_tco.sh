#!/bin/sh
# Total cost of ownership: what the user pays beside the platforms' bills, by hand, once a kind, in text, JSON and HDF5, with other
# prices and again; and what of it is refused.
# usage: KEEPWARM=path/to/keepwarm test_tco.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec /usr/bin/python3 - <<'PY'
import copy, json, re, subprocess
from tests.checks import KW, check, own_folder, report, skip

own_folder()

def keepwarm(*args):
    return subprocess.run([KW, *args], capture_output=True, text=True)

def run(scenario, command="run", *more):
    json.dump(scenario, open("s.json", "w"))
    p = keepwarm(command, "s.json", "-q", "--json", *more)
    check("runs", p.returncode == 0, (p.returncode, p.stderr))
    return json.loads(p.stdout) if p.returncode == 0 else {"points": [{"bill_usd_month": {"total": "0"}}]}

def bill(answer, i=0):
    return {k: float(v) for k, v in answer["points"][i]["bill_usd_month"].items()}

# a day of 24 requests, on two H100 rented by the hour
with open("t.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join("%d,600,100\n" % (3600 * i + 60) for i in range(24)))
TRACE = {"file": "t.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output", "from_s": "0", "to_s": "86400"}
RENTED = {"name": "rented", "platform": "lambda", "gpu": "H100", "precision": "bf16", "replicas": 2}
POOL = {"name": "pool", "platform": "modal", "gpu": "L4", "precision": "fp8", "keep_warm": 1, "max_replicas": 1}
API = {"name": "api", "platform": "groq", "ttft": {"constant": "0.4"}, "output_rate": {"constant": "90"}}
TCO = {"engineer": {"usd_month": "9000", "share": {"dedicated": "0.5", "serverless": "0.1", "api": "0"}},
       "monitoring": {"usd_per_replica_month": "15", "usd_per_gpu_month": "2", "usd_per_mrequests": "1000"}}
BASE = {"keepwarm": 1, "trace": TRACE, "model": "llama-3.1-8b", "replications": 1, "as_of": "2026-05-01", "deployments": [RENTED]}
MREQUESTS = 24 * 730 / 24 / 1e6  # of a month

plain, own = bill(run(BASE)), bill(run(dict(BASE, tco=TCO), "run", "-o", "own.h5"))
check("off by default", "operations" not in plain and "monitoring" not in plain, plain)
check("engineer", own.get("operations") == 4500, own)
check("monitoring", abs(own.get("monitoring", 0) - (2 * 15 + 2 * 2 + 1000 * MREQUESTS)) < 2e-9, own)
check("beside the rent", abs(own["total"] - plain["total"] - own["operations"] - own["monitoring"]) < 1e-6, (own, plain))

# serverless: one replica kept, on one GPU; of several deployments the engineer of a kind counts once
one = bill(run(dict(BASE, deployments=[POOL], tco=TCO)))
check("a kept replica", one.get("operations") == 900 and abs(one["monitoring"] - (15 + 2 + 1000 * MREQUESTS)) < 1e-6, one)
two = bill(run(dict(BASE, deployments=[POOL, dict(POOL, name="other")], routing={"policy": "split", "shares": [0.5, 0.5]}, tco=TCO)))
check("two pools, one engineer", two.get("operations") == 900 and abs(two["monitoring"] - (30 + 4 + 1000 * MREQUESTS)) < 1e-6, two)
both = bill(run(dict(BASE, deployments=[RENTED, POOL, API], routing={"policy": "split", "shares": [0.5, 0.25, 0.25]}, tco=TCO)))
check("each kind once", both.get("operations") == 5400, both)
api = bill(run(dict(BASE, deployments=[API], tco={"monitoring": {"usd_per_mrequests": "1000"}})))
check("an API by requests", abs(api["monitoring"] - 1000 * MREQUESTS) < 2e-9, api)
idle = bill(run(dict(BASE, deployments=[dict(POOL, keep_warm=0, idle_timeout_s="60")], tco=TCO)))
check("a pool at zero is watched while it lives", 1000 * MREQUESTS < idle["monitoring"] < 3, idle)

# egress in its place: above the 100 GB a month that AWS sends for nothing
with open("long.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join("%d,600,1000\n" % (3600 * i + 60) for i in range(24)))
aws = dict(RENTED, platform="aws", replicas=8)
LONG = dict(BASE, trace=dict(TRACE, file="long.csv"))
out = [bill(run(dict(LONG, deployments=[dict(aws, **more)], tco=tco))).get("egress", 0)
       for more, tco in (({}, {"egress_bytes_per_token": 1000000}), ({"egress_bytes_per_token": 500000}, {"egress_bytes_per_token": 1000000}), ({}, {}))]
price = 0.09  # USD a GB above those
check("egress", abs(out[0] - (730 - 100) * price) < 0.01 and abs(out[1] - (365 - 100) * price) < 0.01 and out[2] == 0, out)

# again, with this build's prices, and as HDF5
again = keepwarm("reprice", "own.h5", "--json")
check("reprice", again.returncode == 0 and bill(json.loads(again.stdout)) == own, again.stderr or again.stdout[:300])
p = keepwarm("rerun", "own.h5", "-q", "--json")
check("rerun", p.returncode == 0 and bill(json.loads(p.stdout)) == own, p.stderr)
try:
    import h5py
    with h5py.File("own.h5") as h:
        names = [x.decode() if isinstance(x, bytes) else x for x in h["bill/item_name"][:]]
        v = dict(zip(names, h["bill/usd_month"][0]))
        check("hdf5", v.get("operations") == 4500 and abs(v["monitoring"] - own["monitoring"]) < 1e-9, v)
        d = h["deployments"]
        check("hdf5 terms", d["engineer_nusd_month"][0, 0] == 4500 * 10**9 and d["monitoring_nusd_replica_month"][0, 0] == 15 * 10**9)
except ImportError:
    skip("hdf5: h5py is not installed")
json.dump(dict(BASE, tco=TCO), open("s.json", "w"))
text = keepwarm("run", "s.json", "-q").stdout
check("text", "own costs   an engineer at $9000 a month: 0.5 for dedicated, 0.1 for serverless; monitoring" in text and
      re.search(r"operations +4,500", text) and re.search(r"monitoring +34.73", text), text[:900])

# a plan counts it: what is cheapest by the bill alone is not with half an engineer
PLAN = {k: v for k, v in BASE.items() if k != "deployments"} | {
    "slo": {"ttft_p95_s": "90"}, "candidates": {"platforms": ["modal", "lambda"], "gpus": ["L4", "H100"], "hybrids": False}}
kinds = []
for tco in ({}, {"engineer": {"usd_month": "9000", "share": {"serverless": "0.5"}}}):
    a = run(dict(PLAN, tco=tco), "plan")
    best = a["points"][a["best"]]
    kinds.append(best["deployments"][0]["platform"])
    found = best["bill_usd_month"].get("operations", "0")
    check("a plan's bills", float(found) == (4500 if best["deployments"][0]["platform"] == "modal" and tco else 0), best)
check("the answer turns", kinds[0] != kinds[1], kinds)

# refused
def refused(what, scenario, *words, command="run"):
    json.dump(scenario, open("s.json", "w"))
    p = keepwarm(command, "s.json", "-q")
    said = p.stderr.strip()
    check(what, p.returncode == 2 and "\n" not in said and all(w in said for w in words), (p.returncode, said or p.stdout[:300]))

E = TCO["engineer"]
refused("no share", dict(BASE, tco={"engineer": {"usd_month": "9000"}}), "tco.engineer.share", "0.5")
refused("empty share", dict(BASE, tco={"engineer": {"usd_month": "9000", "share": {}}}), "tco.engineer.share")
refused("no salary", dict(BASE, tco={"engineer": {"share": {"api": "1"}}}), "tco.engineer", "usd_month")
refused("a salary of 0", dict(BASE, tco={"engineer": {"usd_month": "0", "share": {"dedicated": "1"}}}), "tco.engineer.usd_month", "0")
refused("an unknown kind", dict(BASE, tco={"engineer": {"usd_month": "9", "share": {"dedicatd": "1"}}}), "dedicatd", "dedicated")
refused("a share below 0", dict(BASE, tco={"engineer": {"usd_month": "9", "share": {"dedicated": "-1"}}}), "tco.engineer.share.dedicated", "-1")
refused("an unknown key", dict(BASE, tco={"monitoring": {"usd_per_month": "1"}}), "usd_per_month")
refused("a share of what is not there", dict(BASE, tco={"engineer": {"usd_month": "9", "share": {"api": "1"}}}), "tco.engineer", "has no meaning")
refused("replicas of an API", dict(BASE, deployments=[API], tco=TCO | {"engineer": {"usd_month": "9", "share": {"api": "1"}}}),
        "tco.monitoring.usd_per_replica_month", "has no meaning")
refused("said twice", dict(BASE, deployments=[dict(RENTED, operations_usd_month="5")], tco=TCO), "deployments[0].operations_usd_month", "tco.engineer")
refused("said twice, plan", dict(PLAN, candidates=dict(PLAN["candidates"], operations_usd_month="5"), tco=TCO),
        "candidates.operations_usd_month", "tco.engineer", command="plan")
report()
PY
