#!/bin/sh
# Prices that depend on something: on how long a prompt is. Bills to the nano-dollar, by a
# model of them in Python that works in fractions; `bill` on a log and `reprice` on a result must say the same.
# usage: KEEPWARM=path/to/keepwarm test_prices.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import json, os, random, subprocess, tempfile
from fractions import Fraction as F

KW, PLATFORMS = os.path.abspath(os.environ["KEEPWARM"]), os.path.abspath("platforms")
os.chdir(tempfile.mkdtemp())
os.environ["KEEPWARM_TODAY"] = "2026-11-29"
passed = failed = 0

def check(name, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAIL", name, str(said)[:600])

def keepwarm(*args, expect=0):
    p = subprocess.run([KW, *args], capture_output=True, text=True)
    check("exit %d of %s" % (expect, args[0]), p.returncode == expect, (p.returncode, p.stderr))
    return p.stderr if expect else p.stdout

def run(scenario, command="run", *more, expect=0):
    json.dump(dict({"keepwarm": 1, "replications": 1}, **scenario), open("s.json", "w"))
    said = keepwarm(command, "s.json", *([] if expect else ["--json"]), *more, expect=expect)
    return said if expect else json.loads(said)

def bill(answer, i=0):
    return {k: F(v) for k, v in answer["points"][i]["bill_usd_month"].items()}

def nano(x): # a line of a bill: rounded once, half up
    return F((x * 10**9 * 2 + 1).__floor__() // 2, 10**9)

def same(name, got, want):
    got, want = dict(got), {k: v for k, v in want.items() if v}
    want["total"] = sum(want.values())
    got = {k: v for k, v in got.items() if v}
    check(name, got == {k: v for k, v in want.items() if v}, ({k: str(v) for k, v in got.items()}, {k: str(v) for k, v in want.items()}))

r = random.Random(5)
FAST = {"ttft": {"constant": "0.4"}, "output_rate": {"constant": "90"}}
MONTH = 730 * 3600

def trace(name, rows, seconds, columns=("arrival", "prompt", "output")):
    with open(name, "w") as f:
        f.write("\n".join(",".join(map(str, row)) for row in [columns] + rows) + "\n")
    return {"file": name, "format": "generic", "columns": ",".join("%s=%s" % (c, c) for c in columns), "from_s": "0", "to_s": str(seconds)}

# ---- prices by prompt length: claude-haiku-5.5 above 100,000 tokens, gemini-2.5-pro above 200,000, gpt-6.1-terra above 272,000
PRICES = { # in, out, and above what: in, out
    ("anthropic", "claude-haiku-5.5"): ("0.10", "0.50", 100000, "0.50", "2.50"),
    ("gemini", "gemini-2.5-pro"): ("1.25", "10", 200000, "2.50", "15"),
    ("openai", "gpt-6.1-terra"): ("1", "5", 272000, "2", "7.50"),
}
for (platform, model), (i, o, limit, long_i, long_o) in PRICES.items():
    rows = [(60 * k, limit + d, r.randrange(1, 900)) for k, d in enumerate([0, 1, -1, 0, 1] + [r.randrange(-9000, 9000) for _ in range(40)])]
    t = trace("t.csv", rows, 3600)
    want = {}
    for _, prompt, output in rows:
        above = prompt > limit
        for item, tokens in (("long_in" if above else "tokens_in", prompt), ("long_out" if above else "tokens_out", output)):
            want[item] = want.get(item, 0) + tokens
    price = {"tokens_in": i, "tokens_out": o, "long_in": long_i, "long_out": long_o}
    month = {k: nano(F(n) * F(price[k]) / 10**6 * MONTH / 3600) for k, n in want.items()}
    d = dict(FAST, name="api", platform=platform, model=model)
    a = run({"trace": t, "deployments": [d], "as_of": "2026-11-01"}, "run", "-o", "r.h5")
    same("%s by length" % model, bill(a), month)
    same("%s priced again" % model, bill(json.loads(keepwarm("reprice", "r.h5", "--json"))), month)
    half = run({"trace": t, "deployments": [dict(d, term="batch", ttft={"constant": "60"})] if platform == "gemini" else [{"name": "api", "platform": platform, "model": model, "term": "batch"}]})
    same("%s by the batch" % model, bill(half), {k: nano(F(n) * F(price[k]) / 2 / 10**6 * MONTH / 3600) for k, n in want.items()})
    log = json.loads(keepwarm("bill", "t.csv", "--format", "generic", "--columns", t["columns"], "-p", platform, "--model", model, "--json"))
    whole = {k: nano(F(n) * F(price[k]) / 10**6) for k, n in want.items()}
    check("%s on a log" % model, F(log["priced"]["usd"]) == sum(whole.values()) and
          log["models"][0]["requests_with_long_prompts"] == sum(p > limit for _, p, _ in rows), log)
    text = keepwarm("bill", "t.csv", "--format", "generic", "--columns", t["columns"], "-p", platform, "--model", model)
    check("%s told" % model, "input, long prompts" in text and "more than %d tokens" % limit in text, text)

# what a service tier asks for long prompts where its prices do not say is not known
p = json.load(open(PLATFORMS + "/openai.json"))
for o in p["apis"]:
    if o["model"] == "gpt-6.1-terra":
        o["priority"] = {"src": "terra-6.1", "in_mtok": "2", "out_mtok": "10"}
json.dump(dict(p, name="tiers"), open("tiers.json", "w"))
tier = dict(FAST, platform="./tiers.json", model="gpt-6.1-terra", term="priority")
said = run({"trace": trace("t.csv", [(0, 272001, 5), (60, 9, 5)], 3600), "deployments": [tier]}, expect=2)
check("priority has no price of them", "the price of tokens of long prompts is not known" in said, said)
run({"trace": trace("t.csv", [(0, 272000, 5), (60, 9, 5)], 3600), "deployments": [tier]})

print("%d passed, %d failed" % (passed, failed))
raise SystemExit(failed > 0)
PY
