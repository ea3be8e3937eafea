#!/bin/bash
# --precision as users meet it: it keeps its word and says how, is what -r would have shown, and refuses what it cannot be.
cd "$(dirname "$0")/../../.." || exit 1
PATH=/usr/bin:$PATH exec python3 - "$(realpath "${KEEPWARM:-build/keepwarm}")" <<'PY'
import json, os, random, re, subprocess, sys, tempfile
KW = sys.argv[1]
passed = failed = 0
def check(what, ok, got=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok: print("FAIL", what, got)
os.chdir(tempfile.mkdtemp())
def trace(name, days):
    r = random.Random(3)
    with open(name, "w") as f:
        f.write("arrival,prompt,output\n")
        for day in range(days):
            for t in sorted(r.random() for _ in range(r.randrange(70, 160))): f.write("%.3f,%d,80\n" % (86400 * (day + t), r.randrange(50, 900)))
trace("week.csv", 7)
trace("day.csv", 1)
def keepwarm(*words, want=0):
    x = subprocess.run([KW, *words], capture_output=True, text=True, env=dict(os.environ, COLUMNS="100"))
    check("exit of " + " ".join(words), x.returncode == want, x.stderr)
    return x.stderr if want else x.stdout
one = {"keepwarm": 1, "name": "one", "model": "llama-3.1-8b", "slo": {"ttft_p95_s": "240"},
       "deployments": [{"name": "main", "platform": "modal", "gpu": "L4", "precision": "fp8", "keep_warm": 0, "max_replicas": 3}]}
for name in ("week", "day"):
    json.dump(dict(one, trace={"file": name + ".csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output"}), open(name + ".json", "w"))
run = lambda *more: json.loads(keepwarm("run", "-q", "week.json", "--json", *more))["points"][0]

few, many = run("--precision", "10%", "-o", "ten.h5"), run("--precision", "4%")
for p, share in ((few, 0.10), (many, 0.04)):
    d = p["over_drawings"]
    check("%g: kept" % share, p["drawings"] >= 10 and d["cost_usd_month_within"] <= share and d["ttft_p95_s_within"] <= share, (p["drawings"], d))
    check("%g: the interval of one other week is wider than that of the mean" % share,
          p["cost_usd_month_hi"] / p["cost_usd_month"] - 1 > d["cost_usd_month_within"])
check("half the width takes more drawings", many["drawings"] > 2 * few["drawings"], (few["drawings"], many["drawings"]))
check("more drawings do not narrow the interval by their root", many["cost_usd_month_hi"] - many["cost_usd_month_lo"] >
      0.6 * (few["cost_usd_month_hi"] - few["cost_usd_month_lo"]))
check("it is what -r would have shown", run("-r", str(few["replications"])) == few)
with open("said.json", "w") as f: json.dump(dict(json.load(open("week.json")), replications="10%"), f)
check("the key says the same", json.loads(keepwarm("run", "-q", "said.json", "--json"))["points"][0] == few)
check("any number of threads", run("--precision", "10%", "-j", "1") == run("--precision", "10%", "-j", "3") == few)
text = " ".join(keepwarm("run", "-q", "week.json", "--precision", "10%").split())
said = re.search(r"precision 10 %: (\d+) drawings know the mean over weeks like this one, \$([\d.,]+) a month within ([\d.]+) %", text)
check("in words", said and int(said[1]) == few["drawings"] and float(said[2].replace(",", "")) == round(few["over_drawings"]["cost_usd_month"], 2), text[-600:])
text = " ".join(keepwarm("run", "-q", "week.json", "--precision", "0.1%").split())
check("what is not reached", "0.1 % is not reached: 255 drawings, the most there are," in text)
check("too few days", "no intervals" in keepwarm("run", "-q", "day.json", "--precision", "10%") and "drawings know" not in keepwarm("run", "-q", "day.json", "--precision", "10%"))
check("not asked, not said", "drawings know" not in keepwarm("run", "-q", "week.json", "-r", "12"))
keepwarm("rerun", "-q", "ten.h5", "-o", "again.h5")
try:
    import h5py
except ImportError:
    print("skip h5py is not here")
else:
    with h5py.File("ten.h5") as f, h5py.File("again.h5") as g:
        for name, want in (("cost_usd_month_mean", few["over_drawings"]["cost_usd_month"]), ("cost_usd_month_mean_within", few["over_drawings"]["cost_usd_month_within"]),
                           ("replications", few["replications"])):
            check("kept: " + name, f["points"][name][0] == want == g["points"][name][0], (f["points"][name][0], want))

plan = ["plan", "-q", "--trace", "week.csv", "--model", "llama-3.1-8b", "--slo", "ttft_p95=600s", "-p", "huggingface", "--set", 'candidates.gpus=["L4"]']
d = json.loads(keepwarm(*plan, "--precision", "10%", "--json"))
best = d["points"][d["best"]]
check("of a plan, by its best and runner-up", best["over_drawings"]["cost_usd_month_within"] <= 0.1 and best["drawings"] >= 10, best["drawings"])
check("a keep-warm curve has the same drawings", {x["drawings"] for c in d["keep_warm_curves"] for x in c["points"]} == {best["drawings"]})
check("a plan says it", "precision   10 %%: %d drawings" % best["drawings"] in keepwarm(*plan, "--precision", "10%"))

for word, says in (("1", "wants a share in per cent"), ("0%", '"0.1%" to "50%"'), ("60%", '"0.1%" to "50%"'), ("-1%", '"0.1%" to "50%"'), ("x%", '"0.1%" to "50%"'),
                   ("nan%", '"0.1%" to "50%"'), ("%", '"0.1%" to "50%"'), ("1%%", '"0.1%" to "50%"')):
    err = keepwarm("run", "-q", "week.json", "--precision", word, want=2)
    check("--precision " + word, says in err and err.count("\n") == 1, err)
check("one of the two", "exclude each other" in keepwarm("run", "-q", "week.json", "--precision", "1%", "-r", "8", want=2))
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
PY
