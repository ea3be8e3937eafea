#!/bin/bash
# tests/sim/cli/test_fit_api.sh - calibrate fit-api from a log to a plan: a log drawn from a law that is known; the plan made with
# the fit, by a platform file and by a deployment, gives the log's own percentiles; what the log does not tell is counted.
cd "$(dirname "$0")/../../.." || exit 1
KEEPWARM=$(realpath "${KEEPWARM:-build/keepwarm}") || exit 1
repo=$PWD work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 KEEPWARM_TODAY=2026-11-29
python=/usr/bin/python3
[ -x $python ] || python=python3
exec $python - "$KEEPWARM" "$repo" <<'PY'
import json, math, random, subprocess, sys
K, repo = sys.argv[1:]
passed = failed = 0


def check(what, ok, more=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print(f"FAIL {what}: {more}")


def run(*words, code=0):
    p = subprocess.run([K, *words], capture_output=True, text=True)
    check(" ".join(words[:3]), p.returncode == code, f"exit {p.returncode}, want {code}: {p.stderr[:300]}")
    return p


# ---- a log: 3,000 requests of one model over two days, and some of another
random.seed(11)
rows, at = [], 1790812800.25
for i in range(3000):
    at += random.expovariate(1 / 58)
    prompt, output = int(math.exp(random.gauss(6.8, 0.9))) + 5, int(random.expovariate(1 / 150)) + 2
    ttft = 0.5 * math.exp(random.gauss(0, 0.3)) + 0.03 * prompt / 1000
    e2e = ttft + (output - 1) / (70 * math.exp(random.gauss(0, 0.15)))
    model = "gpt-4.1-mini" if i % 50 == 7 else "openai/gpt-4.1-2025-04-14"
    told = "" if i % 40 == 3 else f"{e2e if i % 60 == 5 else ttft:.6f}"  # not said; not streamed
    rows.append(f"{at:.6f},{model},{prompt},{output},{64 if i % 25 == 1 and prompt > 64 else 0},{told},{e2e:.6f},{500 if i % 100 == 9 else 200}")
with open("log.csv", "w") as f:
    f.write("created,model,prompt_tokens,completion_tokens,cached_tokens,ttft,took,status\n" + "\n".join(rows) + "\n")
MAP = "arrival=created,ttft=ttft:s,e2e=took:s"
FIT = ("calibrate", "fit-api", "log.csv", "--columns", MAP, "-q", "-p", "openai", "-m", "gpt-4.1")

text = run(*FIT, "-o", "mine.json").stdout
for line in ("left out    60 of other models", "say no first token", "came all at once (not streamed)", "with a cached prompt (TTFT only)",
             "mine.json is openai with this law: plan --platform mine.json", '"ttft_per_ktok": {'):
    check("the summary", line in text, f"'{line}' is not in it: {text[:600]}")
check("its width", all(len(x) <= 100 for x in text.splitlines()))
fit = json.loads(run(*FIT, "--json").stdout)
check("the same bytes again", run(*FIT).stdout == run(*FIT).stdout)
slope = fit["ttft_per_ktok_s"]
check("the slope", slope["low"] <= 0.03 <= slope["high"] and abs(slope["value"] - 0.03) < 0.008, slope)
check("TTFT of no prompt", fit["ttft_p50_s"]["low"] <= 0.5 <= fit["ttft_p50_s"]["high"], fit["ttft_p50_s"])
check("the rate", fit["output_rate_p50"]["low"] <= 70 <= fit["output_rate_p50"]["high"], fit["output_rate_p50"])
check("what is left out adds up", fit["requests"] == fit["ttft_requests"] + fit["no_first_token"] + fit["at_once"] + fit["cached"], fit)
run("platforms", "check", "mine.json")

# ---- planned with it, the log's own percentiles come out
near = {k: (fit[f"observed_{k}"]["low"], fit[f"observed_{k}"]["high"]) for k in ("ttft_p50_s", "ttft_p95_s", "e2e_p50_s", "e2e_p95_s")}
def within(what, point):
    for k, (low, high) in near.items():
        check(f"{what}: {k}", low <= point[k] <= high, f"{point[k]} is not in {low}..{high}")


only = MAP + ",where=model:openai/gpt-4.1-2025-04-14"
plan = json.loads(run("plan", "--trace", "log.csv", "--columns", only, "-m", "gpt-4.1", "-p", "mine.json", "--slo", "ttft_p95=2s", "--json", "-q").stdout)
points = plan["points"] if "points" in plan else plan["configurations"]
within("a plan with the platform file", points[0])
deployment = dict(fit["deployment"], platform="openai", model="gpt-4.1")
scenario = {"keepwarm": 1, "trace": {"file": "log.csv", "columns": only}, "replications": 1, "deployments": [deployment]}
json.dump(scenario, open("s.json", "w"))
out = json.loads(run("run", "s.json", "--json", "-q").stdout)
point = (out.get("points") or out.get("configurations") or [out])[0]
within("a run with the deployment", point)
check("nothing lies beyond it", "if_longer_prompts_wait_in_proportion" not in point, point)
check("no stand-in is named", "stands in" not in run("run", "s.json", "-q").stdout)

# ---- prompts far beyond what was measured are not known to be fast: 12,000 tokens on a law of 550
with open("long.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join(f"{60 * i}.5,12000,50\n" for i in range(300)))
short = dict(deployment, ttft={"constant": "0.5"}, ttft_known_to=550, output_rate={"constant": "70"}, output_rate_known_to=700)
del short["ttft_per_ktok"]
for name, d in (("a law of 550 tokens", short), ("the same without a limit", {k: v for k, v in short.items() if "known_to" not in k})):
    json.dump(dict(scenario, trace={"file": "long.csv"}, slo={"ttft_p95_s": "2"}, deployments=[d]), open("long.json", "w"))
    p = json.loads(run("run", "long.json", "--json", "-q", code=3 if "550" in name else 0).stdout)
    p = (p.get("points") or p.get("configurations") or [p])[0]
    far = p.get("if_longer_prompts_wait_in_proportion", {})
    check(name, ("measured_to_tokens" in far) == ("550" in name) and p["feasible"] == ("550" not in name), p)
    if far:
        check("its far end", abs(far["ttft_p95_s"] - 0.5 * 12000 / 550) < 0.1, far)

# ---- beside the law of a platform
info = run("trace", "info", "log.csv", "--columns", MAP, "-p", "mine.json", "-m", "gpt-4.1").stdout
for line in ("as observed", "TTFT, s", "output, tokens/s", "by the law of openai gpt-4.1 (measured, 2026-10-0"):
    check("trace info", line in info, f"'{line}' is not in it")
law = json.loads(run("trace", "info", "log.csv", "--columns", MAP, "-p", "mine.json", "-m", "gpt-4.1", "--json").stdout)
check("trace info as JSON", law["law"]["ttft_p50_s"] > 0.4 and law["observed_ttft_s"]["requests"] > 2000)
run("trace", "convert", "log.csv", "--columns", MAP, "-o", "log.h5")
again = json.loads(run("calibrate", "fit-api", "log.h5", "-q", "-p", "openai", "-m", "gpt-4.1", "--json").stdout)
check("HDF5 keeps it", again["ttft_p95_s"] == fit["ttft_p95_s"] and again["output_rate_p05"] == fit["output_rate_p05"])

# ---- what cannot be done says why, in a line
for words, says in (((*FIT[:3], "-q", "-p", "openai", "-m", "gpt-4.1", "--columns", "arrival=created"), "say no first token (--columns ttft=NAME:ms or"),
                    ((*FIT[:3], "-p", "openai"), "say which API it is"), ((*FIT[:3], "-p", "modal", "-m", "x"), "modal is no per-token API"),
                    ((*FIT[:3], "-p", "openai", "-m", "gpt-4.1-x9"), "openai sells no model 'gpt-4.1-x9'"),
                    ((*FIT[:6], "-p", "anthropic", "-m", "claude-opus-5"), "no request is of claude-opus-5: the log has"),
                    ((*FIT[:3], "-p", "openai", "-m", "gpt-4.1", "--columns", "arrival=created,ttft=ttft"), "in which unit? say ttft=ttft:ms"),
                    (("trace", "info", "log.csv", "--columns", MAP, "-p", "openai"), "say which API it is")):
    p = run(*words, code=2)
    check(says, says in p.stderr and p.stderr.count("\n") == 1, p.stderr)
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed != 0)
PY
