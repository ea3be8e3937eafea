"""substitutes.py - models that may stand in for the one asked for: they compete in one plan on APIs, serverless and dedicated, with
the quality the user gives them; their own tokenizer's counts; several models each with its own; what is off in a line."""
import copy
import json
import os
import subprocess
import sys
import tempfile

KW = os.path.abspath(os.environ.get("KEEPWARM", "build/keepwarm"))
os.chdir(tempfile.mkdtemp())
os.environ["KEEPWARM_TODAY"] = "2026-11-29"
passed = failed = skipped = 0


def check(name, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAIL", name, str(said)[:600])


def trace(name, times=1, models=None):
    with open(name, "w") as f:
        f.write("arrival,prompt,output%s\n" % (",model" if models else ""))
        for i in range(300):
            f.write("%d,%d,%d%s\n" % (20 * i, times * (200 + 37 * i % 400), times * (20 + 11 * i % 90), "," + models[i % len(models)] if models else ""))
    return {"file": name, "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output" + (",model=model" if models else "")}


T = trace("t.csv")
PLAN = {"keepwarm": 1, "trace": T, "model": "gpt-4o", "replications": 1}
ON = {"platforms": ["openai", "bedrock", "modal", "lambda"], "keep_warm": [0, 1], "hybrids": False}
BOTH = {"llama-3.3-70b": 0.92, "gpt-oss-120b": {"quality": "0.95"}}


def keepwarm(doc, *options, command="plan"):
    json.dump(doc, open("s.json", "w"))
    return subprocess.run([KW, command, "s.json", "-q", *options], capture_output=True, text=True)


def plan(candidates, *options, **top):
    p = keepwarm(dict(PLAN, candidates=candidates, **top), "--json", *options)
    return json.loads(p.stdout) if p.stdout else {"error": p.stderr, "points": [], "left_out": []}


def served(result):
    return {(d["platform"], d["model"]) for p in result["points"] for d in p["deployments"]}


# ---- one plan of all

r = plan(dict(ON, substitutes=BOTH))
check("APIs, serverless, dedicated", {("openai", "gpt-4o"), ("bedrock", "llama-3.3-70b"), ("bedrock", "gpt-oss-120b"), ("modal", "gpt-oss-120b"), ("lambda", "llama-3.3-70b")} <= served(r), served(r))
quality = {"gpt-4o": 1, "llama-3.3-70b": 0.92, "gpt-oss-120b": 0.95}
check("quality", all(p["quality"] == quality[p["deployments"][0]["model"]] for p in r["points"]), [(p["label"], p["quality"]) for p in r["points"]][:9])
check("by cost", [p["cost_usd_month"] for p in sorted(r["points"], key=lambda p: p["rank"]) if p["feasible"]] == sorted(p["cost_usd_month"] for p in r["points"] if p["feasible"]))
check("labels tell the model", all(p["deployments"][0]["model"] in p["label"] for p in r["points"]) and len({p["label"] for p in r["points"]}) == len(r["points"]))
check("listed", r["substitutes"] == [{"model": "llama-3.3-70b", "quality": 0.92, "tokens": None}, {"model": "gpt-oss-120b", "quality": 0.95, "tokens": None}], r["substitutes"])
check("gpt-4o alone ends, and shows so", [d["ends"] for p in r["points"] for d in p["deployments"] if d["model"] == "gpt-4o"] == ["2027-01-14"])
alone = plan(ON)
check("none: as before", served(alone) == {("openai", "gpt-4o")} and "quality" not in alone["points"][0] and alone["substitutes"] == [], served(alone))
check("none: as before, to the bit", [x for x in alone["points"]][0]["cost_usd_month"] == [p for p in r["points"] if p["deployments"][0]["model"] == "gpt-4o"][0]["cost_usd_month"])
lone = plan(ON, model="llama-3.3-70b")
mine = {p["label"].replace(" llama-3.3-70b", ""): p["cost_usd_month"] for p in r["points"] if p["deployments"][0]["model"] == "llama-3.3-70b" and p["deployments"][0]["kind"] != "api" and not p["pruned"]}
other = {p["label"]: p["cost_usd_month"] for p in lone["points"] if not p["pruned"]}
check("a substitute costs what it costs when asked for", set(mine) & set(other) and all(mine[k] == other[k] for k in mine if k in other), (list(mine)[:3], list(other)[:3]))

# pruned as exhaustive
for slo in ({}, {"ttft_p95_s": "2"}):
    a, b = (plan(dict(ON, substitutes=BOTH), *o, slo=slo) for o in ((), ("--exhaustive",)))
    best = [x["points"][x["best"]] if x.get("best", -1) >= 0 else x for x in (a, b)]
    check("exhaustive %s" % slo, a["recommendation"] == b["recommendation"] and a["why"] == b["why"] and best[0].get("cost_usd_month") == best[1].get("cost_usd_month"), (a.get("why"), b.get("why")))
    check("an unknown latency is not known to meet %s" % slo, [p["feasible"] for p in a["points"] if p["deployments"][0]["model"] == "gpt-4o"] == [not slo])

# ---- quality

r = plan(dict(ON, substitutes=dict(BOTH, **{"llama-3.1-8b": {}}), quality_at_least="0.93"))
check("at least", {m for _, m in served(r)} == {"gpt-4o", "gpt-oss-120b"}, served(r))
out = {x["what"]: x["why"] for x in r["left_out"]}
check("below", out.get("llama-3.3-70b") == "a quality of 0.92 is below quality_at_least, 0.93", out)
check("not stated", out.get("llama-3.1-8b") == "its quality is not stated, and quality_at_least asks for 0.93", out)
r = plan(dict(ON, substitutes={"llama-3.1-8b": {}}))
check("not stated is null", [p["quality"] for p in r["points"] if p["deployments"][0]["model"] == "llama-3.1-8b"][0] is None)
r = plan(dict(ON, substitutes={"meta-llama/Llama-3.3-70B-Instruct": 0.9}))
check("by its id", ("bedrock", "llama-3.3-70b") in served(r), served(r))

# ---- another tokenizer: the same as a trace of as many tokens, to the nano-dollar

r = plan(dict(ON, substitutes={"llama-3.3-70b": {"tokens": 2}}, exhaustive=True))
twice = plan(dict(ON, exhaustive=True), model="llama-3.3-70b", trace=trace("t2.csv", 2))
mine = {p["label"].replace(" llama-3.3-70b", ""): p for p in r["points"] if p["deployments"][0]["model"] == "llama-3.3-70b"}
other = {p["label"].replace(" llama-3.3-70b", ""): p for p in twice["points"]}
check("tokens: there", len(set(mine) & set(other)) > 3 and "bedrock" in mine, (list(mine), list(other)))
for k in set(mine) & set(other):
    for figure in ("cost_usd_month", "ttft_p95_s", "tpot_p95_s", "e2e_p99_s", "cold_fraction", "bill_usd_month"):
        check("tokens: %s %s" % (k, figure), mine[k][figure] == other[k][figure], (mine[k][figure], other[k][figure]))
p = [p for p in r["points"] if p["deployments"][0]["model"] == "gpt-4o"][0]
check("tokens: the model's own stay", p["cost_usd_month"] == alone["points"][0]["cost_usd_month"])
check("tokens: told", r["substitutes"][0]["tokens"] == 2)
half = dict(ON, platforms=["modal", "runpod", "replicate"], substitutes={"llama-3.1-8b": {"tokens": "0.5"}, "llama-3.3-70b": {"tokens": "0.25"}})
a, b = (plan(half, *o, slo={"ttft_p95_s": "60"}) for o in ((), ("--exhaustive",)))
check("tokens: exhaustive", (a["recommendation"], a["why"]) == (b["recommendation"], b["why"]) and a["recommendation"], (a["why"], b["why"]))

# ---- what the user wrote stands beside them

doc = dict(PLAN, model="llama-3.3-70b", deployments=[{"platform": "lambda", "gpu": "B200", "precision": "fp8", "tp": 1, "replicas": 1}], candidates={"platforms": ["openai", "bedrock"], "substitutes": {"gpt-4o": 1.1}})
r = json.loads(keepwarm(doc, "--json").stdout)
written = [p for p in r["points"] if p.get("as_written")]
check("as written", len(written) == 1 and written[0]["quality"] == 1 and ("openai", "gpt-4o") in served(r), served(r))

# ---- words, HDF5, HTML, CSV

p = keepwarm(dict(PLAN, candidates=ON), "--substitute", "llama-3.3-70b=0.92", "--substitute", "gpt-oss-120b", "-o", "o.h5")
text = " ".join(p.stdout.split())
check("text: columns", "model quality" in text and "lambda B200 fp8 llama-3.3-70b 0.92" in text and "openai API gpt-4o 1" in text, p.stdout)
check("text: substitutes", "substitutes llama-3.3-70b: quality 0.92, tokens as in the trace: how many its own tokenizer makes is not known" in text and "gpt-oss-120b: quality not stated" in text, p.stdout)
check("text: width", max(len(line) for line in p.stdout.splitlines()) <= 100, max(p.stdout.splitlines(), key=len))
check("text: no nan", "nan" not in p.stdout.replace("finan", ""), p.stdout)
solo = keepwarm(dict(PLAN, candidates=ON)).stdout
check("text: ranked by cost alone", "its latency is not known: ranked by cost alone" in solo and "nan" not in solo and "ends 2027-01-14" in " ".join(solo.split()) and "if worse" not in solo, solo)
subprocess.run([KW, "report", "o.h5", "-o", "o.html"], capture_output=True)
html = open("o.html").read()
check("html", "quality</th>" in html and "<td>0.92" in html and "llama-3.3-70b: quality 0.92" in html and "nan<" not in html)
csv = keepwarm(dict(PLAN, candidates=dict(ON, substitutes=BOTH)), "--csv").stdout.splitlines()
check("csv", ",profile_grade,model,quality," in csv[0] and any(",llama-3.3-70b,0.92," in line for line in csv) and any(",gpt-4o,1," in line for line in csv), csv[:2])
try:
    import h5py
    with h5py.File("o.h5") as h:
        told = dict(zip((m.decode() for m in h["points/model"]), h["points/quality"]))
        check("hdf5", told["llama-3.3-70b"] == 0.92 and told["gpt-4o"] == 1 and told["gpt-oss-120b"] != told["gpt-oss-120b"] and "quality 0.92" in h.attrs["substitutes"], told)
    dear = subprocess.run([KW, "reprice", "o.h5"], capture_output=True, text=True)
    check("reprice", dear.returncode == 0 and "modal A100-80 gpt-oss-120b mxfp4 tp1" in " ".join(dear.stdout.split()), dear.stdout + dear.stderr)
    again = subprocess.run([KW, "rerun", "o.h5", "-q", "-o", "again.h5"], capture_output=True, text=True)
    with h5py.File("o.h5") as a, h5py.File("again.h5") as b:
        check("rerun", list(a["points/label"]) == list(b["points/label"]) and list(a["points/cost_usd_month"]) == list(b["points/cost_usd_month"]), again.stderr)
except ImportError:
    print("skip hdf5: h5py is not installed")
    skipped += 1

# ---- the trace names its models

p = keepwarm(dict(PLAN, trace=trace("m.csv", models=["gpt-4o-mini"]), candidates={"platforms": ["openai"]}), "--json")
check("trace_models", json.loads(p.stdout)["trace_models"] == ["gpt-4o-mini"], p.stdout[:200])
p = keepwarm(dict(PLAN, trace=trace("m.csv", models=["gpt-4o-mini"]), candidates={"platforms": ["openai"]}))
check("another model is told", "the trace's requests name gpt-4o-mini: their tokens are taken as they stand" in p.stdout, p.stdout[:600])
for same in ("gpt-4o", "gpt-4o-2024-08-06"):
    p = keepwarm(dict(PLAN, trace=trace("m.csv", models=[same]), candidates={"platforms": ["openai"]}))
    check("the same is not: " + same, "the trace's requests name" not in p.stdout, p.stdout[:600])

# ---- several models, each with its own

two = {k: v for k, v in PLAN.items() if k != "model"}
two["trace"] = trace("two.csv", models=["gpt-4o", "gpt-4o-mini", "gpt-4o"])
each = {"platforms": ["openai", "bedrock"], "substitutes": {"gpt-4o": {"llama-3.3-70b": 0.92}, "gpt-4o-mini": {"llama-3.1-8b": {"quality": 0.97, "tokens": "1.1"}}}}
r = json.loads(keepwarm(dict(two, candidates=each), "--json").stdout)
parts = {p["model"]: p for p in r["parts"]}
check("parts", {m for _, m in served(parts["gpt-4o"])} == {"gpt-4o", "llama-3.3-70b"} and {m for _, m in served(parts["gpt-4o-mini"])} == {"gpt-4o-mini", "llama-3.1-8b"}, [served(p) for p in parts.values()])
check("parts: their own", parts["gpt-4o-mini"]["substitutes"] == [{"model": "llama-3.1-8b", "quality": 0.97, "tokens": 1.1}], parts["gpt-4o-mini"]["substitutes"])
ex = json.loads(keepwarm(dict(two, candidates=each), "--json", "--exhaustive").stdout)
check("parts: exhaustive", r["whole"] == ex["whole"], (r["whole"], ex["whole"]))

# ---- what is off, a line each

for what, doc, message in (
    ("a name", {"substitutes": {"llama-3.3-7b": 0.9}}, "candidates.substitutes.llama-3.3-7b: no platform considered serves it (did you mean 'llama-3.3-70b'?)"),
    ("no platform", {"platforms": ["openai"], "substitutes": {"llama-3.3-70b": 0.9}}, "candidates.substitutes.llama-3.3-70b: no platform considered serves it"),
    ("itself", {"substitutes": {"gpt-4o": 0.9}}, "candidates.substitutes.gpt-4o: is the model asked for"),
    ("twice", {"substitutes": {"llama-3.3-70b": 0.9, "meta-llama/Llama-3.3-70B-Instruct": 0.8}}, "is the same model as llama-3.3-70b"),
    ("a quality", {"substitutes": {"llama-3.3-70b": 0}}, "candidates.substitutes.llama-3.3-70b: want"),
    ("a word", {"substitutes": {"llama-3.3-70b": "good"}}, "candidates.substitutes.llama-3.3-70b: "),
    ("tokens", {"substitutes": {"llama-3.3-70b": {"tokens": 0.01}}}, "candidates.substitutes.llama-3.3-70b.tokens: want a number from 0.1 to 10; got 0.01"),
    ("none", {"substitutes": {}}, "candidates.substitutes: it is empty"),
    ("a list", {"substitutes": ["llama-3.3-70b"]}, "candidates.substitutes: want an object"),
    ("at least", {"quality_at_least": "0.9"}, "candidates.quality_at_least: \"0.9\" has no meaning for these candidates; it is for plans with \"substitutes\""),
    ("api_models", {"api_models": ["llama-3.3-70b"]}, "candidates.api_models: is candidates.substitutes now, for APIs and GPUs alike"),
    ("of another", {"substitutes": {"gpt-4": {"llama-3.3-70b": 0.9}}}, "candidates.substitutes.gpt-4: the plan is of no model 'gpt-4' (did you mean 'gpt-4o'?)"),
):
    p = keepwarm(dict(PLAN, candidates=doc))
    check("off: " + what, p.returncode == 2 and message in p.stderr and p.stderr.count("\n") == 1, p.stderr or p.stdout[:200])
p = keepwarm(dict(two, candidates=dict(each, substitutes={"llama-3.3-70b": 0.9})))
check("off: of which", p.returncode == 2 and 'for which of the plan\'s 2 models? Say it so: {"gpt-4o": {"llama-3.3-70b": QUALITY}}' in p.stderr, p.stderr)
p = keepwarm(PLAN, "--substitute", "=0.9")
check("off: option", p.returncode == 2 and "'=0.9' is no NAME or NAME=VALUE" in p.stderr, p.stderr)
with open("hashed.jsonl", "w") as f:
    for i in range(60):
        f.write(json.dumps({"timestamp": 20000 * i, "input_length": 1024, "output_length": 50, "hash_ids": [i % 3, 100 + i]}) + "\n")
p = keepwarm(dict(PLAN, trace={"file": "hashed.jsonl", "format": "mooncake"}, candidates=dict(ON, substitutes={"llama-3.3-70b": {"tokens": 1.1}})))
check("off: prefixes", p.returncode == 2 and "which no factor turns into another's" in p.stderr, p.stderr)

print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
sys.exit(failed > 0)
