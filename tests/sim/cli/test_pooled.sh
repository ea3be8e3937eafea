#!/bin/sh
# Public models, as users meet them: how often others' replicas are found, what is billed, what a plan tries and what it says that it did
# not, and what is refused. Three days of lone requests, each after its own replica is gone.
# usage: KEEPWARM=path/to/keepwarm test_pooled.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import json, math, subprocess
from tests.checks import KW, check, own_folder, report

own_folder()

def kw(*args, code=0):
    p = subprocess.run([KW, *args, "-j", "1"], capture_output=True, text=True)
    check("exit %d" % code, p.returncode == code, (args, p.returncode, p.stdout[-300:], p.stderr))
    return p.stdout if code == 0 else p.stderr

N, APART, TIMEOUT = 864, 300, 180
with open("t.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join("%d,300,30\n" % (1 + i * APART) for i in range(N)))
TRACE = {"file": "t.csv", "columns": "arrival=arrival,prompt=prompt,output=output", "from_s": "0", "to_s": str(N * APART)}
OWN = {"platform": "replicate", "gpu": "L40S", "precision": "bf16"}

def write(**top):
    with open("s.json", "w") as f:
        json.dump(dict({"keepwarm": 1, "model": "llama-3.1-8b", "trace": TRACE, "replications": 1, "as_of": "2026-11-01"}, **top), f)
    return "s.json"

def run(**keys):
    return json.loads(kw("run", write(deployments=[dict(OWN, **keys)]), "--json"))["points"][0]

# The closed form; who is found waits for nothing; nothing but the work is billed, in whole seconds a replica as the meter has it.
def others(rate):
    return run(pooled={"others_per_hour": rate})
alone, none, some, many = run(), others("0"), others("20"), others("100000")
cold = math.exp(-20 * TIMEOUT / 3600)
check("as often as the closed form", abs(some["cold_fraction"] - cold) < 3 * math.sqrt(cold * (1 - cold) / N), (some["cold_fraction"], cold))
check("each is found or started", some["found_warm"] + some["cold_starts"] == N and some["cold_starts"] == round(some["cold_fraction"] * N), some)
check("never cold", many["cold_fraction"] == 0 and many["found_warm"] == N and many["cold_starts"] == 0, many)
times = [k for k in none if k.startswith(("ttft", "tpot", "e2e", "cold_start", "cold_fraction")) and not k.endswith("usd")]
check("a rate of 0 pools nothing, to the bit", none["found_warm"] == 0 and all(none[k] == alone[k] for k in times), [(k, none[k], alone[k]) for k in times if none[k] != alone[k]])
check("nothing found without", alone["found_warm"] is None)
bill = lambda p: {k: float(v) for k, v in p["bill_usd_month"].items() if float(v)}
check("the work alone is billed", set(bill(none)) <= {"active", "rounding", "total"} and {"active", "load", "idle"} <= set(bill(alone)), (bill(none), bill(alone)))
check("and others change no bill", bill(none) == bill(some) == bill(many), (bill(none), bill(some)))
month = 0.000975 * math.ceil(none["e2e_p50_s"] - none["ttft_p50_s"] + many["ttft_p50_s"]) * N * 730 * 3600 / (N * APART)
check("whole seconds a request", abs(bill(none)["total"] / month - 1) < 1e-6, (bill(none), month))
check("what it is called", "pooled=20/h" in some["label"] and "63.2 %" in kw("run", write(deployments=[dict(OWN, pooled={"others_per_hour": "20"})])), some["label"])

# A sweep of it; pings wake no more than they find.
swept = json.loads(kw("sweep", write(deployments=[dict(OWN, pooled={"others_per_hour": "0"})], sweep={"deployments[0].pooled.others_per_hour": ["0", "5", "20", "80"]}), "--json"))["points"]
check("more others, fewer cold", [p["cold_starts"] for p in swept] == sorted({p["cold_starts"] for p in swept}, reverse=True) and swept[2]["cold_starts"] == some["cold_starts"], swept)

# A plan says what it did not look at, and tries it where the rate is stated: what it finds, a run finds.
BASE = {"platforms": ["replicate", "modal"], "gpus": ["L40S", "L4"], "precisions": ["bf16"], "keep_warm": [0, 1], "max_replicas": [2], "schedules": False, "hybrids": False}
def plan(slo={"ttft_p95_s": "100"}, **candidates):
    return json.loads(kw("plan", write(slo=slo, candidates=dict(BASE, **candidates)), "--json"))
silent = plan()
check("not tried, and said", "replicate" in silent["not_tried"] and "candidates.pooled.others_per_hour" in silent["not_tried"] and not any("pooled" in p["label"] for p in silent["points"]), silent.get("not_tried"))
check("in the text", "not tried" in kw("plan", write(slo={"ttft_p95_s": "100"}, candidates=BASE)))
check("nothing to say", all("not_tried" not in x for x in (plan(mitigations=["ping"]), plan(platforms=["modal"]), plan(require=["custom_weights"]))))
tried = plan(pooled={"others_per_hour": "20"})
pooled = [p for p in tried["points"] if "pooled=20/h" in p["label"]]
check("tried", len(pooled) == 1 and "not_tried" not in tried and pooled[0]["label"].startswith("replicate L40S"), [p["label"] for p in tried["points"]])
got = run(pooled={"others_per_hour": "20"}, max_replicas=2)
check("a run says the same", all(got[k] == pooled[0][k] for k in times + ["cost_usd_month", "found_warm"]), (got, pooled[0]))
check("and it is the cheapest", pooled[0]["rank"] == 1 and tried["recommendation"].startswith("Replicate"), (pooled[0]["rank"], tried["recommendation"]))
whole = plan(pooled={"others_per_hour": "20"}, exhaustive=True)
check("as without pruning", [p["label"] for p in whole["points"] if p["rank"] == 1] == [pooled[0]["label"]])
check("not for weights of one's own", not any("pooled" in p["label"] for p in plan(pooled={"others_per_hour": "20"}, require=["custom_weights"])["points"]))

# What is refused, in one line each with path and wish.
def refused(name, wants, deployment=None, **candidates):
    s = write(deployments=[dict(OWN, **deployment)]) if deployment else write(candidates=dict(BASE, **candidates))
    said = kw("run" if deployment else "plan", s, code=2)
    check(name, all(w in said for w in wants), said)
RATE = {"others_per_hour": "20"}
refused("no rate", ("deployments[0].pooled", "others_per_hour", "yours to say"), {"pooled": {}})
refused("below 0", ("deployments[0].pooled.others_per_hour", "-1"), {"pooled": {"others_per_hour": "-1"}})
refused("too many", ("deployments[0].pooled.others_per_hour",), {"pooled": {"others_per_hour": "3600001"}})
refused("a word", ("deployments[0].pooled.others_per_hour",), {"pooled": {"others_per_hour": "many"}})
refused("another key", ("deployments[0].pooled", "others_per_day"), {"pooled": {"others_per_day": "20"}})
refused("kept warm", ("public model", "keep_warm"), {"pooled": RATE, "keep_warm": 1})
refused("a forecast", ("public model", "prewarm"), {"pooled": RATE, "prewarm": {"forecast": "oracle"}})
refused("not known there", ("deployments[0].pooled", "modal", "was not found"), {"pooled": RATE, "platform": "modal", "gpu": "L4"})
two = [dict(OWN, name="own", pooled=RATE), {"name": "api", "platform": "bedrock"}]
for policy in ("fallback", "overflow"):
    said = kw("run", write(deployments=two, routing={"policy": policy}), code=2)
    check("who cannot see it cold: " + policy, "deployments[0].pooled" in said and "only the platform knows" in said, said)
halves = json.loads(kw("run", write(deployments=two, routing={"policy": "split", "shares": ["0.5", "0.5"]}), "--json"))["points"][0]
check("a share goes there", halves["found_warm"] > 0, halves["found_warm"])
refused("by the hour", ("deployments[0].pooled", "has no meaning"), {"pooled": RATE, "platform": "lambda", "gpu": "H100"})
refused("named without a rate", ("candidates.mitigations[1]", "candidates.pooled"), mitigations=["ping", "pooled"])
refused("a rate and not tried", ("candidates.pooled", "has no meaning"), pooled=RATE, mitigations=["ping"])
refused("nobody shares", ("candidates.pooled", "no platform considered"), pooled=RATE, platforms=["modal"])
refused("a plan's word", ("candidates.pooled.others_per_hour",), pooled={"others_per_hour": "many"})

report()
PY
