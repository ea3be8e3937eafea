#!/bin/sh
# Laws outside of what they were measured at: the figures are a range, what only its near end meets is not known to meet, and says so; an
# API's first token and output rate, an engine's steps.
# usage: KEEPWARM=path/to/keepwarm test_outside.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import json, os, subprocess
from tests.checks import KW, check, own_folder, report

PROFILES = os.path.abspath("calibrate/data/profiles")
own_folder()

def run(deployment, expect=0, prompt=2800, output=200, command="run", text=False, **more):
    with open("t.csv", "w") as f:
        f.write("arrival,prompt,output\n" + "".join("%.1f,%d,%d\n" % (i * 2.5, prompt, output) for i in range(400)))
    with open("s.json", "w") as f:
        json.dump(dict({"keepwarm": 1, "trace": {"file": "t.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output"},
                        "model": "llama-3.1-8b", "replications": 1, "deployments": [dict(deployment, name="d")]}, **more), f)
    p = subprocess.run([KW, command, "s.json", "-o", "r.h5"] + ([] if text else ["--json"]), capture_output=True, text=True)
    check("exit %d" % expect, p.returncode == expect, (p.returncode, p.stderr))
    return p.stdout if text else json.loads(p.stdout)["points"][0]

RANGE = "if_longer_prompts_wait_in_proportion"
groq = {"platform": "groq"}
p = run(groq)
x = p[RANGE]
check("both laws of an API", x["measured_to_tokens"] == 550 and x["rate_measured_to_tokens"] == 700, x)
check("in proportion", abs(x["ttft_p95_s"] / p["ttft_p95_s"] - 2800 / 550) < 0.02 and abs(x["tpot_p95_s"] / p["tpot_p95_s"] - 3000 / 700) < 0.02, x)
check("through the result", json.loads(subprocess.run([KW, "reprice", "r.h5", "--json"], capture_output=True, text=True).stdout)["points"][0][RANGE] == x)
check("inside there is none", RANGE not in run(groq, prompt=500, output=100))
p = run(groq, prompt=500, output=900)
check("long answers alone", "measured_to_tokens" not in p[RANGE] and p[RANGE]["rate_measured_to_tokens"] == 700 and p[RANGE]["ttft_p95_s"] == p["ttft_p95_s"], p[RANGE])
tight = {"tpot_p95_s": "0.008"}
p = run(groq, expect=3, prompt=500, output=900, slo=tight)
check("what is not known to meet does not", not p["feasible"] and p["miss"].startswith("not known beyond 700 tokens: tpot_p95_s"), p["miss"])
p = run(groq, prompt=500, output=900, slo={"tpot_p95_s": "0.02"})
check("what both ends meet does", p["feasible"])
p = run(dict(groq, output_rate={"constant": "200"}), slo=tight, prompt=500, output=900)
check("the user's own rate is of the user's own traffic", p["feasible"] and RANGE not in p)
said = run(groq, text=True)
check("said", "the output rate was measured with up to 700 tokens" in said and "longer ones may wait in proportion" in said and "in proportion it would be" in said, said[-600:])

# An engine measured up to a batch of 2 and 2,048 tokens of context, and the whole of the same tables.
whole = json.load(open(os.path.join(PROFILES, "H100-llama-3.1-8b-bf16-tp1.json")))
small = json.loads(json.dumps(whole))
rows = [r for r in small["steps"]["decode"] if r["batch"] <= 2]
for r in rows:
    n = len([c for c in r["context"] if c <= 2048])
    r["context"], r["us"] = r["context"][:n], r["us"][:n]
small["steps"]["decode"] = rows
for name, profile in (("whole", whole), ("small", small)):
    json.dump(profile, open(name + ".json", "w"))
gpu = {"platform": "lambda", "gpu": "H100", "precision": "bf16", "replicas": 1}
p = run(dict(gpu, profile="whole.json"))
check("inside its tables: no range", RANGE not in p, p.get(RANGE))
p = run(dict(gpu, profile="small.json"))
x = p[RANGE]
check("steps outside", 0.3 < x["steps_outside"] <= 1 and x["tpot_p95_s"] > 1.2 * p["tpot_p95_s"], (x, p["tpot_p95_s"]))
check("through the result, too", json.loads(subprocess.run([KW, "reprice", "r.h5", "--json"], capture_output=True, text=True).stdout)["points"][0][RANGE] == x)
check("few are few", RANGE not in run(dict(gpu, profile="small.json"), prompt=200, output=50))
between = "%.6f" % ((x["tpot_p95_s"] + p["tpot_p95_s"]) / 2)
p = run(dict(gpu, profile="small.json"), expect=3, slo={"tpot_p95_s": between})
check("not known to meet", p["miss"].startswith("not known beyond measured steps: tpot_p95_s"), p["miss"])
said = run(dict(gpu, profile="small.json"), text=True)
check("said, too", "of the engines' steps lie beyond what their times were measured at" in said, said[-600:])
one = run(dict(gpu, profile="small.json"), stepping="each")
check("jumps and steps alike", one[RANGE] == x, (one[RANGE], x))

report()
PY
