"""regions.py - regions from the outside; test_regions.sh runs it."""
import copy
import csv
import json
import os
import random
import subprocess
import tempfile

KW = os.path.abspath(os.environ.get("KEEPWARM", "build/keepwarm"))
HOME = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
os.chdir(tempfile.mkdtemp())
os.environ["KEEPWARM_TODAY"] = "2026-11-29"
passed = failed = 0


def check(name, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAIL", name, str(said)[:600])


def keepwarm(*words):
    p = subprocess.run([KW, *words], capture_output=True, text=True)
    return p.returncode, p.stdout, p.stderr


def scenario(name, doc):
    json.dump(doc, open(name, "w"))
    return name


def run(doc, *more, command="run"):
    code, out, err = keepwarm(command, scenario("s.json", doc), "-q", "--json", *more)
    return code, json.loads(out) if out else None, err.strip()


r = random.Random(5)
rows, t = [], 0
for i in range(600):
    t += r.expovariate(0.5)
    rows.append((round(t, 3), 200 + r.randrange(400), 20 + r.randrange(80), ("eu-west-1", "us-east-1", "us-east-1")[i % 3]))
with open("t.csv", "w", newline="") as f:
    csv.writer(f).writerows([("arrival", "prompt", "output", "region")] + rows)
COLUMNS = "arrival=arrival,prompt=prompt,output=output,unit=s"
TRACE = {"file": "t.csv", "format": "generic", "columns": COLUMNS + ",region=region"}
L4 = {"platform": "modal", "gpu": "L4", "precision": "fp8", "keep_warm": 1, "max_replicas": 1}
ONE = {"keepwarm": 1, "trace": TRACE, "model": "llama-3.1-8b", "replications": 1, "deployments": [L4]}
TWO = dict(ONE, deployments=[dict(L4, name="us", region="us-east"), dict(L4, name="eu", region="eu-west")], routing={"policy": "region"})


def change(doc, **top):
    return dict(copy.deepcopy(doc), **top)


def at(doc, **key):
    d = copy.deepcopy(doc)
    d["deployments"][0].update(key)
    return d


def group(result, **key):
    return next(g for g in result["points"][0]["groups"] if all(g.get(k) == v for k, v in key.items()))


def nano(text):
    whole, _, rest = text.partition(".")
    return int(whole + (rest + "000000000")[:9]) if not whole.startswith("-") else -nano(text[1:])


# ---- prices: the same use, times the multiplier, rounded once

code, base, err = run(ONE)
check("a deployment without a region", code == 0 and base["points"][0]["deployments"][0].get("region") is None, err)
bill = base["points"][0]["bill_usd_month"]
window = {k: nano(v) for k, v in bill.items()}
for region, ppm in (("us-east", 1750000), ("eu", 1150000), ("uk", 1150000)):
    code, there, err = run(at(ONE, region=region))
    lines = {k: nano(v) for k, v in there["points"][0]["bill_usd_month"].items()}
    check("billed in %s" % region, code == 0 and all(abs(lines[k] - window[k] * ppm // 1000000) <= 1 for k in ("active", "keep_warm", "cpu", "memory")), (lines, window))
    check("credit in %s" % region, lines["credit"] == window["credit"])
code, plain, err = run(at(change(ONE, deployments=[{"platform": "lambda", "gpu": "H100", "precision": "fp8"}]), region="eu-central"))
code2, same, err = run(change(ONE, deployments=[{"platform": "lambda", "gpu": "H100", "precision": "fp8"}]))
check("a region at one price", code == code2 == 0 and plain["points"][0]["bill_usd_month"] == same["points"][0]["bill_usd_month"], err)

A10G = change(ONE, deployments=[{"platform": "aws", "gpu": "A10G", "precision": "bf16", "replicas": 1, "tp": 1}])
code, there, err = run(at(A10G, region="eu-central"))
code2, here, err2 = run(at(A10G, region="us-east"))
code3, nowhere, err3 = run(A10G)
rent = [x["points"][0]["cost_usd_month"] for x in (there, here, nowhere)]
check("a price of its own", abs(rent[0] - 1.258 * 730) < 1e-6 and rent[1] == rent[2] and abs(rent[2] - 1.01 * 730) < 1e-6, (rent, err, err2, err3))

# ---- distances: once in TTFT and E2E, of each region its own

code, two, err = run(TWO)
check("routing by region", code == 0 and group(two, deployment="eu")["requests"] == 200 and group(two, deployment="us")["requests"] == 400, err)
code, far, err = run(change(TWO, rtt_s={"eu-west": {"eu-west": "0.52"}}))
for figure in ("ttft_p50_s", "ttft_p95_s", "e2e_p50_s", "e2e_p95_s"):
    eu, us = (group(far, region=x)[figure] - group(two, region=x)[figure] for x in ("eu-west", "us-east"))
    check("the way in " + figure, abs(eu - 0.5) < 2e-3 * (1 + group(far, region="eu-west")[figure]) and us == 0, (eu, us))
check("the bill is of the same use", far["points"][0]["bill_usd_month"] == two["points"][0]["bill_usd_month"])
code, both, err = run(at(change(TWO, rtt_s={"us-east": {"us-east": "0.1"}}), network_rtt_s="0.3"))
us = group(both, region="us-east")["ttft_p50_s"] - group(two, region="us-east")["ttft_p50_s"]
check("network_rtt_s and the way add up", abs(us - (0.3 + 0.1 - 0.011)) < 2e-3, us)
code, via, err = run(at(TWO, via="us-west"))
us = group(via, region="us-east")["ttft_p50_s"] - group(two, region="us-east")["ttft_p50_s"]
check("by another gateway", abs(us - (0.074 + 0.074 - 0.011)) < 2e-3, us)

# ---- objectives hold for each region by itself

code, tight, err = run(change(TWO, rtt_s={"eu-west": {"eu-west": "3"}}, slo={"ttft_p50_s": "1"}))
p = tight["points"][0]
check("a region misses what all together meet", code == 3 and p["ttft_p50_s"] < 1 and not p["feasible"] and "region eu-west" in p["miss"], p["miss"])

# ---- spill: past what is cold, in the order of distance

cold = change(TWO)
for d in cold["deployments"]:
    d["keep_warm"], d["idle_timeout_s"] = 0, "2"
cold["deployments"][0]["keep_warm"] = 1
code, spilled, err = run(change(cold, routing={"policy": "region", "spill": "cold"}))
code2, waits, err = run(cold)
check("a cold region's requests go to the next", group(spilled, region="eu-west")["cold_fraction"] == 0 < group(waits, region="eu-west")["cold_fraction"] and
      group(spilled, deployment="us")["requests"] > 400, err)

# ---- a region that has none: the nearest takes it, wherever it stands in the list

for names in (("us-west", "us-east", "eu-west"), ("eu-west", "us-east", "us-west")):
    near = change(TWO, trace=dict(TRACE, columns=COLUMNS), regions={"ca": 0.5, "us-west": 0.25, "eu-west": 0.25}, deployments=[dict(L4, name=x, region=x) for x in names])
    code, went, err = run(near)
    check("the nearest", code == 0 and group(went, deployment="us-east")["requests"] == group(went, region="ca")["requests"], (names, err))

# ---- shares: drawn once, from the seed

SHARED = change(TWO, trace=dict(TRACE, columns=COLUMNS), regions={"eu-west": "0.4", "us-east": "0.6"})
code, a, err = run(SHARED)
check("shares", code == 0 and abs(group(a, region="eu-west")["requests"] / 600 - 0.4) < 0.08, err)
check("the same seed, the same bytes", keepwarm("run", "s.json", "--json", "-j", "1")[1] == keepwarm("run", "s.json", "--json", "-j", "2")[1])
code, b, err = run(change(SHARED, seed=2))
check("another seed, other requests", group(a, region="eu-west")["requests"] != group(b, region="eu-west")["requests"])
code, c, err = run(change(SHARED, regions={"europe-west4": 0.4, "us-east-1": 0.6}))
check("by a provider's name", c["points"] == a["points"], err)

# ---- a result opened again

keepwarm("run", scenario("s.json", TWO), "-q", "-o", "r.h5")
again = json.loads(keepwarm("reprice", "r.h5", "--json")[1])["points"][0]
figures = {k for k, v in two["points"][0].items() if isinstance(v, float)} | {"label", "bill_usd_month", "groups", "feasible"}
check("priced again the same", all(again[k] == two["points"][0][k] for k in figures), [k for k in figures if again[k] != two["points"][0][k]])
check("and its regions", [d["region"] for d in again["deployments"]] == ["us-east", "eu-west"])
rows = list(csv.DictReader(keepwarm("run", "s.json", "-q", "--csv")[1].splitlines()))
check("CSV", rows[0]["region"] == "us-east + eu-west" and [x["of_region"] for x in rows] == ["", "eu-west", "us-east", "", ""], rows[0])
keepwarm("rerun", "r.h5", "-q", "-o", "again.h5")
check("run again the same", json.loads(keepwarm("rerun", "r.h5", "-q", "--json")[1])["points"] == two["points"])

# ---- what is refused, in one line

lambda_mx = json.load(open(HOME + "/platforms/lambda.json"))
lambda_mx["regions"]["list"] = [{"name": "mx"}]
json.dump(lambda_mx, open("mx.json", "w"))
MEXICO = change(ONE, trace=dict(TRACE, columns=COLUMNS), regions={"mx": 1}, deployments=[{"platform": "./mx.json", "gpu": "H100", "precision": "fp8", "region": "mx"}])

for name, doc, want in (
        ("a region it has not", at(ONE, region="eu-central"), "deployments[0].region: Modal cannot be asked to run in 'eu-central'"),
        ("a misspelt region", at(ONE, region="us-esat"), "(did you mean 'us-east'?)"),
        ("a platform of no known region", at(change(ONE, deployments=[{"platform": "baseten", "gpu": "A100-80"}]), region="eu-west"),
         "deployments[0].region: in which regions Baseten dedicated deployment can be asked to run was not found"),
        ("an offer that is not sold there", at(change(ONE, deployments=[{"platform": "nebius", "gpu": "H100", "precision": "fp8"}]), region="eu-west"),
         "deployments[0].region: Nebius AI Cloud does not sell HGX H100 in eu-west"),
        ("a way that nobody knows", MEXICO, "deployments[0].region: how long requests from mx take to Lambda on-demand cloud in mx is not known: state it in \"rtt_s\""),
        ("requests from nowhere known", at(change(ONE, trace=dict(TRACE, columns=COLUMNS + ",region=output")), region="us-east"),
         "deployments[0].region: the trace names"),
        ("requests from a name of the user's", change(MEXICO, regions={"office": 1}), "how long requests from office take to Lambda on-demand cloud in mx is not known"),
        ("a gateway that is none", at(TWO, via="ca"), "deployments[0].via: requests to Modal enter by us-east, us-west, eu-west, ap-south, not by 'ca'"),
        ("a gateway where there are none", at(change(ONE, deployments=[{"platform": "lambda", "gpu": "H100"}]), region="us-east", via="us-east"), "deployments[0].via"),
        ("no region to route by", change(ONE, deployments=[dict(L4, name="a", region="us-east"), dict(L4, name="b")], routing={"policy": "region"}),
         "routing: deployment 'b' has no \"region\" to route by"),
        ("nobody says where requests come from", change(TWO, trace=dict(TRACE, columns=COLUMNS)), "routing: nobody says where requests come from"),
        ("a deployment that gets nothing", change(TWO, deployments=TWO["deployments"] + [dict(L4, name="far", region="au")]), "requests of no region go to deployment 'far'"),
        ("shares beside a region column", change(TWO, regions={"eu-west": 1}), "regions: {...} has no meaning: the trace says"),
        ("shares that do not add up", change(SHARED, regions={"eu-west": "0.4", "us-east": "0.5"}), "regions: shares must add up to 1; they add up to 0.9"),
        ("a share of nothing", change(SHARED, regions={"eu-west": 0, "us-east": 1}), "regions.eu-west: want a share above 0"),
        ("one region twice", change(SHARED, regions={"eu-west": "0.4", "IE": "0.6"}), "regions.IE: is 'eu-west', which has a share already"),
        ("times that differ by direction", change(TWO, rtt_s={"eu-west": {"us-east": "0.1"}, "us-east": {"eu-west": "0.2"}}), "is stated already, as another one"),
        ("a time of more than a minute", change(TWO, rtt_s={"eu-west": {"us-east": "61"}}), "rtt_s.eu-west.us-east"),
        ("a time of a region that is none", change(TWO, rtt_s={"eu-west": {"us-esat": "0.1"}}), "rtt_s: no request comes from 'us-esat', nor is it a region known here (did you mean 'us-east'?)"),
        ("times where nobody comes from anywhere", change(ONE, trace=dict(TRACE, columns=COLUMNS), rtt_s={"eu-west": {"us-east": "0.1"}}), "rtt_s: {...} has no meaning"),
        ("spill of another policy", change(TWO, routing={"policy": "split", "shares": [1, 0], "spill": "cold"}), "routing.spill")):
    code, out, err = run(doc)
    check(name, code == 2 and want in err and "\n" not in err, (code, err))
code, out, err = run(change(MEXICO, rtt_s={"mx": {"mx": "0.01"}}))
check("a way that the user states", code == 0, err)
code, out, err = run(change(MEXICO, regions={"office": 1}, rtt_s={"mx": {"office": "0.01"}}))
check("of a place of the user's own", code == 0, err)

# ---- a plan: each place, and one deployment a region of the traffic; pruned as exhaustive

PLAN = {"keepwarm": 1, "trace": TRACE, "model": "llama-3.1-8b", "replications": 2, "slo": {"ttft_p95_s": "1"},
        "candidates": {"platforms": ["modal", "lambda", "nebius", "huggingface"], "regions": ["us-east", "us", "eu"], "precisions": ["fp8"], "gpus": ["L4", "H100", "L40S"],
                       "keep_warm": [0, 1]}}


def deployed(point):
    return [(d["platform"], d["region"]) for d in point["deployments"]]


def best(doc, **candidates):
    d = copy.deepcopy(doc)
    d["candidates"].update(candidates)
    return run(d, command="plan")


for slo in ({"ttft_p95_s": "1"}, {"ttft_p95_s": "0.17"}, {"ttft_p95_s": "0.05"}):
    code, quick, err = best(dict(PLAN, slo=slo))
    code2, all_of_it, err2 = best(dict(PLAN, slo=slo), exhaustive=True)
    names = [[p["points"][p[k]]["label"] if p[k] >= 0 else None for k in ("best", "runner_up")] for p in (quick, all_of_it)]
    costs = [[p["points"][p[k]]["cost_usd_month"] if p[k] >= 0 else None for k in ("best", "runner_up")] for p in (quick, all_of_it)]
    check("pruned as exhaustive, %s" % slo, code == code2 and names[0] == names[1] and costs[0] == costs[1], (code, code2, names, costs, err, err2))
    check("more was looked at, %s" % slo, len(all_of_it["points"]) >= len(quick["points"]) > 4)
code, plan, err = best(PLAN)
places = [deployed(p) for p in plan["points"]]
check("only where it may", all(region == "us-east" or region == "us" or region.startswith("us-") or region.startswith("eu") for p in places for _, region in p), places)
splits = [p for p in places if len(p) == 2 and p[0][0] == p[1][0]]
check("several serverless regions are contenders", ("modal", "us-east") in [x for p in splits for x in p] and any("eu" in x[1] for p in splits for x in p), splits)
check("broad regions too, which are cheaper", any({x[1] for x in p} == {"us", "eu"} for p in splits), splits)
check("and one dedicated region", [("lambda", "us-east")] in places or [("lambda", "us-west")] in places or [("nebius", "eu-north")] in places, places)
check("TTFT by region", all({g.get("region") for g in p["groups"]} >= {"eu-west", "us-east"} for p in plan["points"]))
check("left out with its reason", any(x["what"] == "huggingface" and "was not found" in x["why"] for x in plan["left_out"]), plan["left_out"])
check("not sold there", any(x["what"].startswith("nebius HGX H100 in eu-west") for x in plan["left_out"]), plan["left_out"])
# The way decides: both regions within 0.17 s only where each has its own.
code, near, err = best(dict(PLAN, slo={"ttft_p95_s": "0.17"}), platforms=["modal"], gpus=["L4"])
winner = near["points"][near["best"]]
check("two places where one is too far", len(winner["deployments"]) == 2 and all(g["ttft_p95_s"] <= 0.17 for g in winner["groups"] if g.get("region")), winner["label"])
# The user's rate of interruptions holds wherever spot machines lie, in one place and in several.
code, taken, err = run(dict(PLAN, slo={"error_fraction": "1"}, candidates={"platforms": ["aws"], "gpus": ["A10G"], "terms": ["spot"], "regions": ["us-east", "eu"],
                            "spot": {"interruptions_per_hour": "12", "notice_s": "120", "restart_s": "300", "on_demand_fallback": True, "fallback_start_s": "60"}}), command="plan")
spots = [p for p in taken["points"] if len(p["deployments"]) == 2 and p["replications"]] if taken else []
check("interrupted in two places, too", spots and all(p["interruptions"] > 0 for p in spots) and not any("spot" in x for x in taken["not_known"]), (code, err, [(p["label"], p["interruptions"]) for p in spots], taken and taken["not_known"]))
code, text, err = keepwarm("plan", "s.json", "-q", "--all")
check("what stands in is told", " spot+fallback " in text and " spot " in text, text)
code, out, err = run(dict(PLAN, candidates=dict(PLAN["candidates"], regions=["eu-wset"])), command="plan")
check("a misspelt region of a plan", code == 2 and "candidates.regions[0]: no region or area is called 'eu-wset' (did you mean 'eu-west'?)" in err, err)
code, nowhere, err = run(dict(PLAN, candidates={"platforms": ["nebius"], "regions": ["au"], "precisions": ["fp8"]}), command="plan")
check("nothing is there", code == 2 and "cannot be asked to run in any of the regions asked for" in err, err)
os.environ["COLUMNS"] = "100"
code, out, err = keepwarm("run", scenario("s.json", at(change(ONE, trace=dict(TRACE, columns=COLUMNS)), region="us-east")), "-q")
check("no way where nobody says from where", code == 0 and "nobody says where requests come from" in " ".join(out.split()), out)
code, out, err = keepwarm("run", scenario("s.json", ONE), "-q")
check("no way where nobody says where to", code == 0 and "it is not said where every deployment lies" in " ".join(out.split()), out)
code, text, err = keepwarm("plan", scenario("s.json", PLAN), "-q")
check("which is said where it is so", "not said where every" not in text, text)
check("a table by region", "By where requests come from: TTFT p95" in text and "in 2 places" in text and max(map(len, text.splitlines())) <= 100, text)

print("%d passed, %d failed" % (passed, failed))
raise SystemExit(failed > 0)
