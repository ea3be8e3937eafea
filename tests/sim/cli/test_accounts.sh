#!/bin/sh
# What belongs to an account at a provider: credit and fee once, the prompts it remembers, tiers, batches; and spot machines. Traces are made
# here; a small model in Python says what is right.
# usage: KEEPWARM=path/to/keepwarm test_accounts.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import json, os, random, subprocess
from tests.checks import KW, check, own_folder, report

PLATFORMS = os.path.abspath("platforms")
own_folder()

GENERIC = {"file": "t.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output"}

def run(scenario, command="run", expect=0, *more):
    with open("s.json", "w") as f:
        json.dump(dict({"keepwarm": 1, "replications": 1}, **scenario), f)
    p = subprocess.run([KW, command, "s.json", "--json", *more], capture_output=True, text=True)
    check("exit %d" % expect, p.returncode == expect, (p.returncode, p.stderr))
    if p.returncode != expect or expect:
        return p.stderr
    answer = json.loads(p.stdout)
    if "not_known" in answer: # that rate limits are unknown, too, is said and tested elsewhere
        answer["not_known"] = [x for x in answer["not_known"] if "rate limits" not in x]
    return answer

def bill(answer, i=0):
    return {k: float(v) for k, v in answer["points"][i]["bill_usd_month"].items()}

# ---- a credit is the account's
with open("t.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join("%d,600,100\n" % (180 * i) for i in range(480)))
L4 = {"platform": "modal", "gpu": "L4", "precision": "fp8", "tp": 1}
for n in (1, 4, 8):
    a = run({"trace": GENERIC, "model": "llama-3.1-8b", "routing": {"policy": "split", "shares": [1 / n] * n} if n > 1 else {},
             "deployments": [dict(L4, name="d%d" % i) for i in range(n)]})
    check("credit of %d deployments" % n, -30.000001 < bill(a).get("credit", 0) < 0, bill(a))
check("all of it", abs(bill(a)["credit"] + 30) < 1e-6, bill(a))
fewer = run({"trace": GENERIC, "model": "llama-3.1-8b", "routing": {"policy": "split", "shares": [0.5, 0.5]},
             "deployments": [dict(L4, name="a"), dict(L4, name="b", account="team b")]}, "run", 0, "-o", "accounts.h5")
check("two accounts, two credits", abs(bill(fewer)["credit"] + 60) < 1e-6, bill(fewer))
again = json.loads(subprocess.run([KW, "reprice", "accounts.h5", "--json"], capture_output=True, text=True).stdout)
check("priced again they are two", bill(again) == bill(fewer), bill(again))

# ---- a credit pays for use and not for the plan's fee; a sign-up credit pays once
def meter_of(name, to, **meter):
    p = json.load(open(os.path.join(PLATFORMS, name + ".json")))
    p["name"] = p["name"] + "-mine"
    p.setdefault("meter", {}).update(meter)
    json.dump(p, open(to, "w"))
    return to
team = meter_of("modal", "team.json", monthly_fee_usd={"value": "250", "src": "S52"}, monthly_credit_usd={"value": "1000", "src": "S52"})
b = bill(run({"trace": GENERIC, "model": "llama-3.1-8b", "deployments": [dict(L4, platform="./team.json")]}))
check("the fee is paid", b["fee"] == 250 and abs(b["total"] - 250) < 1e-9 and -1000 < b["credit"] < 0, b)
meter_of("modal", "both.json", monthly_fee_usd={"value": "250", "src": "S52"}, monthly_credit_usd={"value": "1000", "src": "S52"}, credit_covers={"value": "use and fee", "src": "S52"})
b = bill(run({"trace": GENERIC, "model": "llama-3.1-8b", "deployments": [dict(L4, platform="./both.json")]}))
check("where the platform says so the credit pays it too", b["total"] == 0, b)
meter_of("modal", "welcome.json", one_off_credit_usd={"value": "40", "src": "S52"})
a = run({"trace": GENERIC, "model": "llama-3.1-8b", "deployments": [dict(L4, platform="./welcome.json")]}, "run", 0, "-o", "once.h5")
plain = run({"trace": GENERIC, "model": "llama-3.1-8b", "deployments": [L4]})
check("once, and no part of the month", bill(a) == bill(plain) and float(a["points"][0]["one_off_credit_usd"]) == 40, (bill(a), a["points"][0]))
check("else nothing is said", "one_off_credit_usd" not in plain["points"][0])
text = subprocess.run([KW, "run", "s.json", "--set", "deployments[0].platform=./welcome.json"], capture_output=True, text=True).stdout
check("told in words", "the first month costs $%.2f: a sign-up credit pays $40.00 of it, once" % (bill(plain)["total"] - 40) in text, text)
p = run({"trace": GENERIC, "model": "llama-3.1-8b", "candidates": {"platforms": ["modal"], "gpus": ["L4"], "precisions": ["fp8"], "keep_warm": [0], "idle_timeout_s": ["60"], "mitigations": []}}, "plan")
b, text = bill(p), subprocess.run([KW, "plan", "s.json", "-q"], capture_output=True, text=True).stdout
check("a plan says what the credit pays", b["credit"] < 0 and "credit      $%.2f a month before the platform's monthly credit, which pays $%.2f of it" %
      (b["total"] - b["credit"], -b["credit"]) in " ".join(text.split("\n")), (b, text))
again = json.loads(subprocess.run([KW, "reprice", "once.h5", "--platform", "welcome.json", "--json"], capture_output=True, text=True).stdout)
check("priced again, too", float(again["points"][0]["one_off_credit_usd"]) == 40, again["points"][0])

# ---- prompts remembered: conversations that come back, every block named as Mooncake does
random.seed(5)
turns, block = [], 0
for talk in range(300):
    at, ids = random.uniform(0, 3600), list(range(10**6, 10**6 + random.choice([0, 1, 3])))  # shared system prompts
    for turn in range(random.randint(1, 6)):
        for _ in range(random.randint(1, 4)):
            block += 1
            ids = ids + [block]
        turns.append((int(at * 1000), len(ids) * 512 - random.randint(0, 511), random.randint(20, 200), ids))
        at += random.expovariate(1 / 200)
turns.sort(key=lambda t: t[0])
with open("m.jsonl", "w") as f:
    for at, prompt, output, ids in turns:
        f.write(json.dumps({"timestamp": at, "input_length": prompt, "output_length": output, "hash_ids": ids}) + "\n")

def tokens(least, step, life, explicit, ttft=0.5):
    """Fresh, read, written by the rule, in whole milliseconds; the window begins with an empty cache."""
    known, total = {}, [0, 0, 0]
    for at, prompt, output, ids in turns:
        n = 0
        for h in ids:
            if h not in known or not known[h][0] <= at < known[h][1]:
                break
            n += 512
        n = min(n, prompt)
        n -= n % step
        read = n if n >= least else 0
        write = prompt - read if explicit and prompt >= least else 0
        total = [total[0] + prompt - read - write, total[1] + read, total[2] + write]
        if prompt < least:
            continue
        ready = at + ttft * 1000
        for h in ids:
            if h in known and known[h][1] > at:
                begin, end = known[h]
                known[h] = (min(begin, ready), max(end, (at if begin <= at else ready) + life * 1000))
            else:
                known[h] = (ready, ready + life * 1000)
    return total

def api(platform, model, **more):
    return {"trace": {"file": "m.jsonl"}, "model": model, "start": "empty", "month_hours": 730,
            "deployments": [dict({"name": "a", "platform": platform, "ttft": {"constant": "0.5"}, "output_rate": {"constant": "50"}}, **more)]}

def priced(answer, prices):
    """Tokens by kind from the bill of a month, at these prices a million."""
    span = (turns[-1][0] - turns[0][0]) / 1000.0
    month = 730 * 3600 / span
    items = bill(answer)
    return [round(items.get(k, 0) / p / month * 1e6) for k, p in zip(("tokens_in", "tokens_cached", "tokens_cache_write"), prices)]

def same(name, got, want):
    check(name, all(abs(g - w) <= 1 + 1e-6 * w for g, w in zip(got, want)), (got, want))

base = turns[0][0]
turns = [(at - base, p, o, h) for at, p, o, h in turns]
want = tokens(1024, 128, 300, False)
check("something is read", want[1] > 0.2 * sum(want), want)
same("gpt-4o", priced(run(api("openai", "gpt-4o")), (2.5, 1.25, 1)), want)
same("claude-sonnet-4.5", priced(run(api("anthropic", "claude-sonnet-4.5")), (3, 0.3, 3.75)), tokens(1024, 1, 300, True))
same("claude-haiku-4.5, least 4,096", priced(run(api("anthropic", "claude-haiku-4.5")), (1, 0.1, 1.25)), tokens(4096, 1, 300, True))
same("bedrock", priced(run(api("bedrock", "claude-sonnet-4.5")), (3, 0.3, 3.75)), tokens(1024, 1, 300, True))
same("the user's own rule", priced(run(api("openai", "gpt-4o", cache={"min_tokens": 2048, "step_tokens": 1000, "lifetime_s": "60"})), (2.5, 1.25, 1)),
     tokens(2048, 1000, 60, False))
a = run(api("openai", "gpt-4o", cache={"use": False}))
same("off", priced(a, (2.5, 1.25, 1)), [sum(want), 0, 0])
check("off says nothing", a["not_known"] == [], a["not_known"])
a = run(api("gemini", "gemini-2.5-flash"))
same("a rule that was not found", priced(a, (0.3, 0.03, 1)), [sum(want), 0, 0])
check("and says so", len(a["not_known"]) == 1 and "was not found" in a["not_known"][0], a["not_known"])
a = run(api("gemini", "gemini-2.5-flash", cache={"step_tokens": 1, "lifetime_s": "300"}))
same("completed by the user", priced(a, (0.3, 0.03, 1)), tokens(2048, 1, 300, False))

# Two deployments on one account remember together, on two accounts apart.
def split(*platforms):
    s = api("openai", "gpt-4o")
    s["deployments"] = [dict(s["deployments"][0], name="d%d" % i, platform=p, model=m) for i, (p, m) in enumerate(platforms)]
    s["routing"] = {"policy": "split", "shares": [0.5, 0.5]}
    return s
same("one account", priced(run(split(("openai", "gpt-4o"), ("openai", "gpt-4o"))), (2.5, 1.25, 1)), want)
apart = run(split(("openai", "gpt-4o"), ("openai", "gpt-4.1")))
check("two models", 0 < bill(apart)["tokens_cached"], bill(apart))

# ---- rate limits are the account's: two deployments of a model draw on the same ones
with open("t.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join("%.1f,600,100\n" % (0.6 * i) for i in range(1000)))  # 100 a minute
def limited(*more, rpm=(50, 50)):
    s = dict(api("openai", "gpt-4o"), trace=GENERIC, slo={"error_fraction": "1"}, routing={"policy": "split", "shares": [0.5, 0.5]})
    s["deployments"] = [dict(s["deployments"][0], name="d%d" % i, limits={"rpm": rpm[i]}, retry={"max_attempts": 1}, **(more[i] if i < len(more) else {}))
                        for i in range(2)]
    return s
def failing(s, **more):
    return run(s, **more)["points"][0]["error_fraction"]
check("one account, one limit", 0.4 < failing(limited()) < 0.55, failing(limited()))
check("two accounts, two limits", failing(limited({}, {"account": "b"})) < 0.2, failing(limited({}, {"account": "b"})))
check("two models, two limits", failing(limited({}, {"model": "gpt-4.1"})) < 0.2, failing(limited({}, {"model": "gpt-4.1"})))
check("a batch apart", failing(limited({}, {"term": "batch"})) < 0.2, failing(limited({}, {"term": "batch"})))
check("not two at once", "deployments[1]: its rate limits differ" in run(limited(rpm=(50, 60)), expect=2), run(limited(rpm=(50, 60)), expect=2))
failing(limited({}, {"account": "b"}, rpm=(50, 60)))

# No hashes: nothing is known, and that is said.
with open("t.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join("%d,6000,100\n" % i for i in range(600)))
a = run(dict(api("openai", "gpt-4o"), trace=GENERIC))
check("no hashes: none cached", "tokens_cached" not in bill(a) or bill(a)["tokens_cached"] == 0, bill(a))
check("no hashes: said", len(a["not_known"]) == 1 and "neither which prompts share a prefix" in a["not_known"][0], a["not_known"])

# ---- a log that says what was cached
with open("c.csv", "w") as f:
    f.write("arrival,prompt,output,hit\n" + "".join("%d,600,100,%d\n" % (180 * i, i % 500) for i in reversed(range(480))))  # sorted by the reader
LOGGED = {"file": "c.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output,cached=hit"}
def logged(platform, model, trace=LOGGED, **more):
    return {"trace": trace, "model": model, "deployments": [dict({"name": "a", "platform": platform, "ttft": {"constant": "0.5"}, "output_rate": {"constant": "50"}}, **more)]}
hits = sum(i % 500 for i in range(480))
def read_of(a, price):
    return bill(a).get("tokens_cached", 0) / price * 1e6 / 730 * a["window"]["hours"]
a = run(logged("openai", "gpt-4o"))
check("as logged", abs(read_of(a, 1.25) - hits) < 1 and a["not_known"] == [], (read_of(a, 1.25), hits, a["not_known"]))
a = run(logged("gemini", "gemini-2.5-flash"))
check("whatever the rule", abs(read_of(a, 0.03) - hits) < 1, read_of(a, 0.03))
a = run(logged("anthropic", "claude-sonnet-4.5"))
check("writes are not known", len(a["not_known"]) == 1 and "not what was written" in a["not_known"][0], a["not_known"])
check("off holds", read_of(run(logged("openai", "gpt-4o", cache={"use": False})), 1.25) == 0)
subprocess.run([KW, "trace", "convert", "c.csv", "--format", "generic", "--columns", LOGGED["columns"], "-o", "c.h5"], capture_output=True)
first = dict(LOGGED, from_s="0", to_s="18000")
a = run(logged("openai", "gpt-4o", trace=first))
check("sorted and cut with their requests", abs(read_of(a, 1.25) - sum(range(100))) < 1, read_of(a, 1.25))
a = run(logged("openai", "gpt-4o", trace={"file": "c.h5"}))
check("through HDF5", abs(read_of(a, 1.25) - hits) < 1, read_of(a, 1.25))
with open("c.csv", "a") as f:
    f.write("90000,600,100,601\n")
check("more than there was", "601 cached tokens of 600" in run(logged("openai", "gpt-4o"), expect=2))

# ---- the batch: its price, its window, and nothing of the rate limits
with open("t.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join("%d,600,100\n" % (180 * i) for i in range(480)))
def one(platform, model, **more):
    return {"trace": GENERIC, "model": model, "deployments": [dict({"name": "a", "platform": platform}, **more)]}
now = {"ttft": {"constant": "0.5"}, "output_rate": {"constant": "50"}}
dear = run(one("openai", "gpt-4o", **now))
half = run(one("openai", "gpt-4o", term="batch"), "run", 0, "-o", "batch.h5")
check("half the price", all(abs(2 * bill(half)[k] - bill(dear)[k]) < 1e-8 for k in ("tokens_in", "tokens_out", "total")), (bill(half), bill(dear)))
check("answers come within a day", half["points"][0]["e2e_p99_s"] == half["points"][0]["ttft_p50_s"] == 86400, half["points"][0]["e2e_p99_s"])
check("and all the day through", half["points"][0]["carried_rps"] > 0.005, half["points"][0]["carried_rps"])
again = json.loads(subprocess.run([KW, "reprice", "batch.h5", "--json"], capture_output=True, text=True).stdout)
check("priced again it is a batch still", bill(again) == bill(half), bill(again))
check("its term", half["points"][0]["deployments"][0]["term"] == "batch" and half["points"][0]["label"].endswith(" batch"), half["points"][0]["label"])
run(dict(one("openai", "gpt-4o", term="batch"), slo={"e2e_p95_s": "3600"}), expect=3)
own = run(dict(one("openai", "gpt-4o", term="batch", ttft={"constant": "1800"}), slo={"e2e_p95_s": "3600"}))
check("the user's own turn-around", own["points"][0]["e2e_p95_s"] == 1800 and bill(own) == bill(half), own["points"][0]["e2e_p95_s"])
no_window = json.load(open(os.path.join(PLATFORMS, "gemini.json")))
del no_window["batch"]
json.dump(dict(no_window, name="no-window"), open("no-window.json", "w"))
check("no window, no batch", "how long a batch takes was not found" in run(one("./no-window.json", "gemini-2.5-flash", term="batch"), expect=2))
run(one("openai", "gpt-4o", term="spot"), expect=2)
run({"trace": GENERIC, "model": "llama-3.1-8b", "deployments": [dict(L4, term="batch")]}, expect=2)
a = run({"trace": GENERIC, "model": "llama-3.1-8b", "as_of": "2026-05-01",
         "candidates": {"platforms": ["groq"], "terms": ["batch", "on_demand"]}}, "plan")
check("a plan's candidate", [p["label"] for p in a["points"]] == ["groq llama-3.1-8b", "groq llama-3.1-8b batch"], [p["label"] for p in a["points"]])
# ---- service tiers: prices of their own, and a latency nobody has told
flex, priority = (run(one("openai", "gpt-5", term=t, **now), "run", 0, "-o", t + ".h5") for t in ("flex", "priority"))
base = bill(run(one("openai", "gpt-5", **now)))
check("flex is half", all(abs(2 * bill(flex)[k] - base[k]) < 1e-8 for k in ("tokens_in", "tokens_out", "total")), bill(flex))
check("priority is twice", all(abs(bill(priority)[k] - 2 * base[k]) < 1e-8 for k in ("tokens_in", "tokens_out", "total")), bill(priority))
check("its service tier", flex["points"][0]["label"] == "openai gpt-5 flex" and "service_tier=flex" in flex["points"][0]["deployments"][0]["settings"])
again = json.loads(subprocess.run([KW, "reprice", "flex.h5", "--json"], capture_output=True, text=True).stdout)
check("priced again it is flex still", bill(again) == bill(flex), bill(again))
check("no such price", "a price of gpt-4o by the service tier flex was not found" in run(one("openai", "gpt-4o", term="flex"), expect=2))
run({"trace": GENERIC, "model": "llama-3.1-8b", "deployments": [dict(L4, term="flex")]}, expect=2)
a = run({"trace": GENERIC, "model": "gpt-5", "candidates": {"platforms": ["openai"], "terms": ["flex", "on_demand", "priority"]}}, "plan", 0)
check("tiers are candidates", sorted(p["label"] for p in a["points"]) == ["openai gpt-5", "openai gpt-5 flex", "openai gpt-5 priority"], [p["label"] for p in a["points"]])
check("cached input has its tier's price", "at the cached price of $0.0625" in " ".join(flex["not_known"]), flex["not_known"])

# ---- a tier's limits
def tier(name):
    return run(dict(one("anthropic", "claude-sonnet-4.5", tier=name, retry={"max_attempts": 1}, **now), slo={"error_fraction": "1"}))["points"][0]["error_fraction"]
with open("t.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join("%.1f,600,100\n" % (0.6 * i) for i in range(1000)))  # 100 a minute
check("within the default tier's limits", tier("Start") == 0, tier("Start"))
check("twice the lowest one's", 0.4 < tier("Tier 1") < 0.6, tier("Tier 1"))
check("a tier that is none", "Tier 3" in run(one("anthropic", "claude-sonnet-4.5", tier="Tier3", **now), expect=2))

# ---- spot machines: interrupted at a rate that somebody states, or not ranked
with open("t.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join("%d,600,100\n" % (180 * i) for i in range(480)))
def spot(**candidates):
    return {"trace": GENERIC, "model": "llama-3.1-8b", "slo": {"ttft_p95_s": "5"},
            "candidates": dict({"kinds": ["dedicated"], "platforms": ["crusoe"], "gpus": ["L40S"], "terms": ["spot", "on_demand"]}, **candidates)}
def terms(answer):
    return {d["term"] for p in answer["points"] for d in p["deployments"]}
a = run(spot(), "plan")
check("spot is left out", terms(a) == {"on_demand"}, terms(a))
check("and why", any("spot" in x["what"] and "interrupted was not found" in x["why"] for x in a["left_out"]), a["left_out"])
check("every label tells the term", all(p["label"].endswith(" on_demand") for p in a["points"]))
a = run(spot(terms=["on_demand", "monthly", "1_year", "3_years"]), "plan")
check("terms nobody has a price of are told", {"what": "crusoe L40S", "why": "no price was found of the term monthly, 1_year, 3_years", "not_on_sale": False} in a["left_out"], a["left_out"])
a = run(spot(), "plan", 0, "--allow-unknown")
check("ranked when allowed", terms(a) == {"on_demand", "spot"}, terms(a))
check("said to be unknown", any("interrupted was not found" in x for x in a["not_known"]), a["not_known"])
a = run(spot(spot={"interruptions_per_hour": "1", "notice_s": "30", "restart_s": "600"}, terms=["spot"]), "plan")
check("a rate of the user's", terms(a) == {"spot"} and a["not_known"] == [], (terms(a), a["not_known"]))
check("interrupted", all(p["interruptions"] > 0 for p in a["points"]), a["points"])
alone = {"name": "d", "platform": "crusoe", "gpu": "L40S", "precision": "fp8", "term": "spot"}
rate = {"interruptions_per_hour": "2", "notice_s": "0", "restart_s": "900"}
calm, rough = (run({"trace": GENERIC, "model": "llama-3.1-8b", "deployments": [dict(alone, spot=dict(rate, interruptions_per_hour=x))]})["points"][0]
               for x in ("0", "2"))
check("never interrupted, always paid for", abs(calm["cost_usd_month"] - 365) < 1e-6 and calm["interruptions"] == 0, calm["cost_usd_month"])
check("not paid for while it is gone", 0.55 * 365 < rough["cost_usd_month"] < 0.85 * 365, rough["cost_usd_month"])
run({"trace": GENERIC, "model": "llama-3.1-8b", "deployments": [dict(alone, term="on_demand", spot=rate)]}, expect=2)

report()
PY
