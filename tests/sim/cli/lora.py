"""lora.py - plans of traffic that asks for LoRA adapters: beside their base, in pools of their own, from an API at the base's price,
by what each platform says; what is left out and why; what a result says of it; what is off in a line."""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KW = os.path.abspath(os.environ.get("KEEPWARM", "build/keepwarm"))
os.chdir(tempfile.mkdtemp())
os.environ["KEEPWARM_TODAY"] = "2026-05-01"
passed = failed = skipped = 0


def check(name, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAIL", name, str(said)[:600])


def trace(name, models):
    with open(name, "w") as f:
        f.write("arrival,prompt,output,model\n")
        for i in range(600):
            f.write("%d,%d,%d,%s\n" % (6 * i, 200 + 37 * i % 400, 20 + 11 * i % 90, models[i % len(models)]))
    return {"file": name, "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output,model=model"}


BASE = "llama-3.1-8b"
T = trace("t.csv", [BASE, "x-1", "x-2", "x-3"])
TUNES = [{"models": "x-*", "base": BASE, "rank": 16}]
PLAN = {"keepwarm": 1, "trace": T, "replications": 1, "slo": {"ttft_p95_s": "20"}, "as_of": "2026-05-01"}
API = {"gpus": None, "precisions": None, "keep_warm": None}
ON = {"gpus": ["L4", "L40S", "H100"], "precisions": ["fp8"], "keep_warm": [1], "hybrids": False, "exhaustive": True}


def keepwarm(doc, *options, command="plan"):
    json.dump(doc, open("s.json", "w"))
    return subprocess.run([KW, command, "s.json", "-q", *options], capture_output=True, text=True)


def plan(platforms, *options, adapters=TUNES, candidates={}, **top):
    on = {k: v for k, v in {**ON, "platforms": platforms, **candidates}.items() if v is not None}
    doc = dict(PLAN, **top)
    doc["candidates"] = on
    if adapters:
        doc["adapters"] = adapters
    p = keepwarm(doc, "--json", *options)
    return json.loads(p.stdout) if p.stdout else {"error": p.stderr, "points": [], "left_out": []}


def out(result):
    return {x["what"]: x["why"] for x in result["left_out"]}


# ---- one base beside a pool for each: a pool of four that keeps one replica warm costs four of it, the base with its adapters one

alone = plan(["runpod"], adapters=None, model=BASE)
both = plan(["runpod"], candidates={"adapter_pools": ["shared", "apart"]})
cost = {p["label"]: p["cost_usd_month"] for p in both["points"]}
shared = [k for k in cost if " pools of " not in k]
check("there", len(shared) == 3 and len(cost) == 6 and set(shared) == {p["label"] for p in alone["points"]}, list(cost))
for p in alone["points"]:
    k, one = p["label"], p["cost_usd_month"]
    check("shared costs what the base costs: " + k, cost.get(k) == one, (cost.get(k), one))
    check("a pool each costs four times: " + k, abs(cost.get("4 pools of " + k, 0) - 4 * one) < 1e-6 * one, (cost.get("4 pools of " + k), one))
by = {p["label"]: p for p in both["points"]}
check("settings", all("max_loras=3 max_cpu_loras=3 max_lora_rank=16" in by[k]["deployments"][0]["settings"] for k in shared), by[shared[0]]["deployments"])
check("merged weights have no slots", all("max_loras" not in d["settings"] for p in both["points"] if p["label"] not in shared for d in p["deployments"]))
check("figures", all((p["adapter_cold_fraction"] is None) == (p["label"] not in shared) for p in both["points"]))
check("kept, so none waits in the window", all(by[k]["adapter_cold_fraction"] == 0 and by[k]["adapter_loads"] == 0 for k in shared))

# ---- where one goes to sleep every adapter waits once a wake

cold = [p for p in plan(["runpod"], candidates={"keep_warm": [0], "gpus": ["L40S"]}, trace=dict(T, speed="0.05"))["points"] if " concurrency" not in p["label"]]
check("asleep between requests", cold and cold[0]["cold_fraction"] == 1 and cold[0]["adapter_cold_fraction"] == 1 and cold[0]["adapter_loads"] == 450, [(p["cold_fraction"], p["adapter_cold_fraction"], p["adapter_loads"]) for p in cold])

# ---- each platform's rule

r = plan(["replicate", "modal", "lambda", "fireworks", "together-api", "fireworks-api", "groq", "bedrock", "bedrock-import", "vertex-api"])
where = {p["label"].split()[0] for p in r["points"] if " pools of " not in p["label"]}, {p["label"].split()[3] for p in r["points"] if " pools of " in p["label"]}
check("beside their base", where[0] == {"modal", "lambda", "fireworks"}, where)
check("in pools alone", where[1] == {"replicate"}, where)
why = out(r)
check("together-api", why.get("together-api llama-3.1-8b") == "it does not serve LoRA adapters", why)
check("groq: at what price", why.get("groq llama-3.1-8b") == "what it takes for LoRA adapters was not found", why)
r = plan(["replicate"], candidates={"adapter_pools": ["shared"], "gpus": ["L40S"]})
check("replicate, shared alone", not r["points"] and "replicate: it serves each fine-tune in a pool of its own" in r["error"], r.get("error"))

# ---- an API that takes as much for adapters as for their base costs what it costs without; one with prices of its own is left out

for n, price in enumerate(("base", "own")):
    doc = json.load(open(os.path.join(HERE, "../../../platforms/groq.json")))
    doc["lora"] = {"src": "lora", "served": "base_replica", "price": price, "max_adapters": 3}
    os.mkdir(price)
    json.dump(doc, open(price + "/groq.json", "w"))
    r = plan(["groq"], "--platforms", price, candidates=API)
    if price == "base":
        without = plan(["groq"], "--platforms", price, adapters=None, model=BASE, candidates=API)
        bill = [[p["bill_usd_month"] for p in x["points"]] for x in (r, without)]
        check("an API at the base's price", bill[0] and bill[0] == bill[1], bill)
    else:
        check("an API at prices of its own", not r["points"] and "what it takes for LoRA adapters is not the base's price, and was not found" in r["error"], r.get("error"))
many = dict(trace=trace("many.csv", [BASE] + ["x-%d" % i for i in range(17)]))
r = plan(["groq", "runpod"], "--platforms", "base", candidates={"adapter_pools": ["shared", "apart"], "gpus": ["L40S"]}, **many)
why = out(r)
check("more than it takes", why.get("groq llama-3.1-8b") == "it serves 3 LoRA adapters on a deployment, and there are 17", why)
check("more pools than are simulated", why.get("runpod, a pool a model") == "there are 18 models, and at most 16 pools are simulated together", why)
check("more adapters than slots", ["max_loras=16 max_cpu_loras=17" in p["deployments"][0]["settings"] for p in r["points"]] == [True], r["points"])

# ---- slots: as many as asked for; what they take is not the KV cache's

r = plan(["runpod"], candidates={"max_loras": [1, 3], "gpus": ["L40S"]})
labels = [p["label"] for p in r["points"]]
check("a candidate for each", [("[max_loras=%d]" % n in " ".join(labels)) for n in (1, 3)] == [True, True], labels)
r = plan(["runpod"], candidates={"gpus": ["L4"]}, **many, adapters=[{"models": "x-*", "base": BASE, "rank": 512, "targets": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]}])
check("no room", not r["points"] and "16 slots of rank 512 take 47.3 GB of each GPU, more than the 12.9 GB of its KV cache" in r["error"], r.get("error"))

# ---- who else: several bases, a base that is not the model's, other models in its place

two = trace("two.csv", [BASE, "x-1", "llama-3.1-70b", "y-1"])
r = plan(["runpod"], trace=two, adapters=TUNES + [{"models": "y-*", "base": "llama-3.1-70b", "rank": 8}], candidates={"gpus": ["H100"]})
parts = {p["model"]: p["points"] for p in r.get("parts", [])}
check("two bases", set(parts) == {BASE, "llama-3.1-70b"} and all("max_loras=1 " in p["deployments"][0]["settings"] for x in parts.values() for p in x), r.get("error") or list(parts))
r = plan(["runpod"], model="llama-3.2-3b", candidates={"gpus": ["L40S"]})
check("another base", "'x-1' is an adapter of llama-3.1-8b, and all requests are planned as llama-3.2-3b" in r.get("error", ""), r.get("error"))
r = plan(["runpod"], candidates={"gpus": ["L40S"], "substitutes": {"llama-3.2-3b": 0.8}})
check("no substitutes", out(r).get("llama-3.2-3b") == "LoRA adapters are of one base, and no other model stands in for it", out(r))

# ---- other volumes

p = keepwarm(dict(PLAN, adapters=TUNES, candidates=dict(ON, platforms=["runpod", "replicate"], gpus=["L40S"])), "--volume", "500M,1B")
text = " ".join(p.stdout.split())
check("volumes", "LoRA adapters beside their base, never in a pool for each" in text and "serverless runpod L40S fp8 tp1" in text, p.stdout[-900:])
r = plan(["runpod"], "--volume", "500M", candidates={"gpus": ["L40S"], "adapter_pools": ["apart"]})
check("volumes: apart", r.get("error") == "keepwarm: s.json:1: candidates.adapter_pools: other volumes are planned with adapters beside their base alone\n", r.get("error"))

# ---- pruned as exhaustive

for slo in ({"ttft_p95_s": "0.3"}, {"ttft_p95_s": "20"}):
    for pools in (["shared"], ["apart"], ["shared", "apart"]):
        wide = dict(candidates={"adapter_pools": pools, "keep_warm": [0, 1, 2], "exhaustive": None, "gpus": ["L4", "L40S"]}, slo=slo, trace=dict(T, speed="0.2"))
        a, b = (plan(["runpod", "modal", "lambda"], *o, **wide) for o in ((), ("--exhaustive",)))
        check("exhaustive %s %s" % (slo, pools), a["points"] and a["recommendation"] == b["recommendation"] and a["why"] == b["why"], (a.get("recommendation"), b.get("recommendation"), a.get("error")))

# ---- words, HDF5

p = keepwarm(dict(PLAN, adapters=TUNES, candidates=dict(ON, platforms=["runpod", "replicate"], gpus=["L40S"])), "-o", "o.h5")
text = " ".join(p.stdout.split())
check("text: waits", "adapters 0.00 % of the LoRA requests waited for their adapter; 0.00 loads in the window; steps with adapters may take up to 31.4 % longer than without" in text, p.stdout)
check("text: ways", "beside their base: $1,393 (runpod L40S fp8 tp1 keep_warm=1 idle=5s); in a pool for each model: $" in text, p.stdout)
check("text: models", "The trace names 4 models, 3 of them LoRA adapters of llama-3.1-8b, and all is planned as it" in text, p.stdout)
check("text: row", "replicate L40S fp8, 4 pools" in text and "4 pools of replicate L40S fp8 tp1 keep_warm=1 idle=180s, one for each model" in text, p.stdout)
check("text: width", max(len(line) for line in p.stdout.splitlines()) <= 100, max(p.stdout.splitlines(), key=len))
check("text: no nan", "nan" not in p.stdout, p.stdout)
try:
    import h5py
    again = subprocess.run([KW, "rerun", "o.h5", "-q", "-o", "again.h5"], capture_output=True, text=True)
    with h5py.File("o.h5") as a, h5py.File("again.h5") as b:
        rows = list(zip(a["points/label"], a["points/adapter_cold_fraction"], a["points/adapter_loads"]))
        check("hdf5", [(c, n) for label, c, n in rows if b" pools of " not in label] == [(0, 0)] and all(c != c for label, c, n in rows if b" pools of " in label), rows)
        check("hdf5: the other end", max(a["beyond/adapter_overhead"]) > 0.31, list(a["beyond/adapter_overhead"]))
        check("rerun", all(list(a["points/" + k]) == list(b["points/" + k]) for k in ("label", "settings", "cost_usd_month", "ttft_p95_s")), again.stderr)
except ImportError:
    print("skip hdf5: h5py is not installed")
    skipped += 1
print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
sys.exit(failed > 0)
