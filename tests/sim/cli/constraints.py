"""constraints.py - what a plan requires of platforms: each attribute filters as the platform files say, three-valued; what is left
out is told with its source; a contract of the user's stands in a file's place; names that nobody has are told with the nearest."""
import glob
import json
import os
import subprocess
import sys
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


with open("t.csv", "w") as f:
    f.write("arrival,prompt,output\n")
    f.writelines("%d,%d,%d\n" % (20 * i, 200 + 37 * i % 400, 20 + 11 * i % 90) for i in range(300))
GENERIC = {"file": "t.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output"}
PLAN = {"keepwarm": 1, "trace": GENERIC, "model": "llama-3.1-8b", "replications": 1, "slo": {"ttft_p95_s": "60"}}
ATTRIBUTES = ["data_in_account", "no_training", "zero_retention", "hipaa", "soc2", "iso27001", "custom_weights", "lora"]
FILES = {}
for name in glob.glob(HOME + "/platforms/*.json"):
    if not name.endswith(".schema.json"):
        FILES[os.path.basename(name)[:-5]] = json.load(open(name))


def answer(platform, attribute):
    """True, False or None, read here from the file itself."""
    if attribute == "lora":
        served = FILES[platform].get("lora", {}).get("served")
        return None if served is None else (served["value"] if isinstance(served, dict) else served) != "no"
    said = FILES[platform].get("attributes", {}).get(attribute)
    return said["value"] if isinstance(said, dict) else said


def keepwarm(*args, doc=None):
    if doc is not None:
        json.dump(doc, open("s.json", "w"))
    return subprocess.run([KW, *args], capture_output=True, text=True)


def plan(candidates, *options):
    p = keepwarm("plan", "s.json", "-q", "--json", *options, doc=dict(PLAN, candidates=candidates))
    return json.loads(p.stdout) if p.stdout else p.stderr.strip()


def on(result):
    return {d["platform"] for p in result["points"] for d in p["deployments"]}


# ---- each attribute, on every shipped platform that serves the model

# keep_warm 1 alone: which platforms are candidates is the question
SMALL = {"keep_warm": [1], "hybrids": False, "replicas_extra": 1}
everywhere = plan(SMALL)
check("without requirements", on(everywhere) and everywhere["required"] == [], everywhere)
for a in ATTRIBUTES:
    for word, takes in ((a, (True,)), (a + "?", (True, None))):
        r = plan(dict(SMALL, require=[word]))
        want = {p for p in on(everywhere) if answer(p, a) in takes}
        if not want:
            check(word + ": nothing", r.startswith("keepwarm: nothing can serve 'llama-3.1-8b' here") and a in r, r)
            continue
        check(word, on(r) == want, (on(r) ^ want, r if isinstance(r, str) else ""))
        out = {x["what"]: x for x in r["left_out"] if x.get("attribute")}
        check(word + ": left out", {p for p in out if p in on(everywhere)} == on(everywhere) - want, out.keys())
        for p, x in out.items():
            said = answer(p, a)
            check(word + ": " + p, x["attribute"] == a and x["value"] is said, x)
            if said is None:
                check(word + ": why", (a == "lora" or x["note"] == FILES[p]["attributes"]["not_known"][a]) and "source" not in x, x)
            else:
                check(word + ": source", x["source"] and x["date"] and x["grade"] in ("published", "estimated"), x)
        check(word + ": required", {(x["attribute"], x["value"]) for x in r["required"]} <= {(a, v) for v in takes}, r["required"])
        rest, before = [x for x in r["left_out"] if not x.get("attribute")], [x for x in everywhere["left_out"] if x["what"].split()[0] not in out]
        check(word + ": nothing else", sorted(map(str, rest)) == sorted(map(str, before)), [x for x in rest + before if x not in rest or x not in before])

# pruned as exhaustive
both = dict(SMALL, require=["hipaa", "soc2"])
a, b = plan(both), plan(both, "--exhaustive")
check("exhaustive", (a["recommendation"], a["why"], a["left_out"], a["required"]) == (b["recommendation"], b["why"], b["left_out"], b["required"]))

# ---- words

p = keepwarm("plan", "s.json", "-q", "--require", "zero_retention", doc=dict(PLAN, candidates=dict(SMALL, require=["soc2"])))
check("text: no, with note and source", "zero_retention: no at modal (inputs and outputs of functions" in " ".join(p.stdout.split()) and "modal.com/docs/guide/security" in " ".join(p.stdout.split()), p.stdout)
check("text: not known, told apart", "soc2: not known of beam," in p.stdout, p.stdout)
check("text: required", "required" in p.stdout and "soc2: yes" in p.stdout and "zero_retention: yes" in p.stdout, p.stdout)
check("--require adds to the scenario's", "soc2: not known of" in p.stdout and "zero_retention: no at" in p.stdout)
p = keepwarm("plan", "s.json", "-q", "-p", "modal", "--require", "hipaa", doc=PLAN)
check("the plan it takes is printed with it", "comes with the Enterprise plan alone" in " ".join(p.stdout.split()), p.stdout)

# ---- a contract of the user's

r = plan({"platforms": ["modal", "lambda"], "require": ["iso27001"], "attributes": {"modal": {"iso27001": True}, "lambda": {"iso27001": False}}})
check("stated", on(r) == {"modal"}, r)
check("stated: graded user", r["required"][0]["grade"] == "user" and r["required"][0]["source"] == "stated by the user", r["required"])
out = [x for x in r["left_out"] if x.get("attribute")]
check("stated: no", len(out) == 1 and out[0]["what"] == "lambda" and out[0]["value"] is False and out[0]["grade"] == "user", out)
p = keepwarm("plan", "s.json", "-q", "--json", "--set", "candidates.attributes.beam.soc2=true", doc=dict(PLAN, candidates={"platforms": ["beam"], "require": ["soc2"]}))
check("--set", p.returncode == 0 and on(json.loads(p.stdout)) == {"beam"}, p.stderr)

# what the user wrote is left out too
WRITTEN = dict(PLAN, deployments=[{"platform": "beam", "gpu": "RTX4090", "precision": "fp8", "keep_warm": 1}], candidates={"keep_warm": [1], "platforms": ["huggingface"], "require": ["soc2"]})
p = keepwarm("plan", "s.json", "-q", "--json", doc=WRITTEN)
r = json.loads(p.stdout) if p.stdout else {"points": [], "left_out": []}
check("as written", on(r) == {"huggingface"} and any(x["what"] == "beam" and x.get("attribute") == "soc2" for x in r["left_out"]), p.stderr)

# ---- what is off, a line each

# where: as "regions" has it
a, b = (plan(dict(SMALL, **how)) for how in ({"require": ["region:eu", "soc2"]}, {"regions": ["eu"], "require": ["soc2"]}))
check("region", a["points"] == b["points"] and on(a) and on(a) < on(everywhere), on(a))
check("region: not found where", any("in which regions it can be asked to run was not found" in x["why"] for x in a["left_out"]), a["left_out"][:5])

for what, candidates, message in (
    ("a region", {"require": ["region:eurpe"]}, "candidates.require[0]: no region or area is called 'eurpe'"),
    ("a region or not", {"require": ["region:eu?"]}, "candidates.require[0]: a platform of which no region is known lies nowhere"),
    ("two regions", {"regions": ["us"], "require": ["region:eu"]}, "candidates.require[0]: where deployments may lie is said already"),
    ("a name", {"require": ["hippa"]}, "candidates.require[0]: no attribute of a platform is called 'hippa' (did you mean 'hipaa'?)"),
    ("twice", {"require": ["soc2", "soc2?"]}, "candidates.require[1]: candidates.require[0] is of the same attribute"),
    ("a number", {"require": [3]}, "candidates.require[0]: want a string"),
    ("none", {"require": []}, "candidates.require: the list is empty"),
    ("a platform", {"require": ["soc2"], "attributes": {"modale": {"soc2": True}}}, "candidates.attributes.modale: there is no platform 'modale' (did you mean 'modal'?)"),
    ("an attribute", {"require": ["soc2"], "attributes": {"modal": {"soc": True}}}, "candidates.attributes.modal.soc: unknown key; did you mean 'soc2'?"),
    ("a word", {"require": ["soc2"], "attributes": {"modal": {"soc2": "yes"}}}, "candidates.attributes.modal.soc2: want true or false"),
    ("for nothing", {"attributes": {"modal": {"soc2": True}}}, "candidates.attributes: {...} has no meaning for these candidates"),
    ("nothing left", {"platforms": ["beam"], "require": ["soc2"]}, "nothing can serve 'llama-3.1-8b' here; for example beam: soc2: not known: no page found"),
):
    p = keepwarm("plan", "s.json", "-q", doc=dict(PLAN, candidates=candidates))
    check("off: " + what, p.returncode == 2 and message in p.stderr and p.stderr.count("\n") == 1, p.stderr)
p = keepwarm("plan", "s.json", "-q", "--require", "iso", doc=PLAN)
check("off: option", p.returncode == 2 and "no attribute of a platform is called 'iso'" in p.stderr and p.stderr.count("\n") == 1, p.stderr)
p = keepwarm("run", "s.json", "-q", "--require", "hipaa", doc=PLAN)
check("off: run", p.returncode == 2 and "no option '--require'" in p.stderr, p.stderr)

# ---- platforms list --require

p = keepwarm("platforms", "list", "--require", "hipaa", "--require", "soc2")
listed = {line.split()[0].rstrip("*~") for line in p.stdout.split("\n\n")[0].splitlines()[1:]}
want = {f for f in FILES if answer(f, "hipaa") and answer(f, "soc2")}
check("list", p.returncode == 0 and listed == want, listed ^ want)
check("list: left out", "hipaa: not known of" in p.stdout and "soc2: not known of groq" in p.stdout, p.stdout)
check("list: each once", p.stdout.count("runpod-community") == 1, p.stdout)
p = keepwarm("platforms", "list", "--require", "hippa")
check("list: a name", p.returncode == 2 and "did you mean 'hipaa'?" in p.stderr, p.stderr)

print("%d passed, %d failed" % (passed, failed))
sys.exit(failed > 0)
