#!/bin/sh
# Prices that depend on something: on how long a prompt is, on how long its answer may take, on how
# long the customer is bound. Bills to the nano-dollar, by a model of
# them in Python that works in fractions; `bill` on a log and `reprice` on a result must say the same. Batches by a queue of its own.
# usage: KEEPWARM=path/to/keepwarm test_prices.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import json, os, random, subprocess
from fractions import Fraction as F
from tests.checks import KW, check, own_folder, report

PLATFORMS = os.path.abspath("platforms")
own_folder()
os.environ["KEEPWARM_TODAY"] = "2026-11-29"

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

# ---- by the batch: Anthropic multiplies both discounts (cache hit at a tenth, half of it again), Google's cache price wins alone
rows = [(30 * k, 6000, 100, r.choice([0, 2048, 4096])) for k in range(100)]
t = trace("cached.csv", rows, 3600, ("arrival", "prompt", "output", "cached"))
for platform, model, i, c, o, cached_half in (("anthropic", "claude-sonnet-5", "2", "0.20", "10", 2), ("gemini", "gemini-2.5-flash", "0.30", "0.03", "2.50", 1)):
    hit, tokens, out = sum(x[3] for x in rows), sum(x[1] for x in rows), sum(x[2] for x in rows)
    d = {"platform": platform, "model": model, "term": "batch"}
    month = lambda n, usd: nano(F(n) * F(usd) / 10**6 * MONTH / 3600)
    a = run({"trace": t, "deployments": [dict(d, cache={"use": True})], "as_of": "2026-11-01"})
    same("%s: batch and cache" % platform, bill(a), {"tokens_in": month(tokens - hit, F(i) / 2), "tokens_cached": month(hit, F(c) / cached_half), "tokens_out": month(out, F(o) / 2)})
    a = run({"trace": t, "deployments": [d], "as_of": "2026-11-01"})
    same("%s: nothing cached unless said" % platform, bill(a), {"tokens_in": month(tokens, F(i) / 2), "tokens_out": month(out, F(o) / 2)})
said = run({"trace": t, "deployments": [{"platform": "groq", "model": "gpt-oss-120b", "term": "batch", "cache": {"use": True}}]}, expect=2)
check("a provider that says nothing of it", "has no meaning" in said, said)
log = json.loads(keepwarm("bill", "cached.csv", "--format", "generic", "--columns", t["columns"], "-p", "anthropic", "--model", "claude-sonnet-5", "--term", "batch", "--json"))
check("a batch's log", F(log["priced"]["usd"]) == nano(F(tokens - hit) / 10**6) + nano(F(hit) / 10**7) + nano(F(out) * 5 / 10**6), log["priced"])

# ---- requests are collected into batches: when each is sent, and so when it is answered
def platform_file(name, **edits):
    p = json.load(open(PLATFORMS + "/openai.json"))
    p["name"] = name
    p["batch"] = dict(p["batch"], **edits)
    json.dump(p, open(name + ".json", "w"))
    return "./" + name + ".json"

def answers(rows, takes, collect=0, full=None, queued=None, tokens=None):
    """end-to-end times, by a queue that is looked at whenever something happens"""
    import heapq
    waiting, under, ends, e2e = [], [], [], {}
    events = [(at, 1, k) for k, (at, _, _) in enumerate(rows)]
    heapq.heapify(events)
    under_requests = under_tokens = 0
    while events:
        now = events[0][0]
        came = [heapq.heappop(events) for _ in range(sum(1 for e in events if e[0] == now))] # what happens at one moment
        def send():
            nonlocal under_requests, under_tokens
            while waiting and ((full and len(waiting) >= full) or now >= rows[waiting[0]][0] + collect):
                batch = []
                while waiting and len(batch) < (full or 10**9):
                    fits = not under_requests or ((not queued or under_requests < queued) and (not tokens or under_tokens + rows[waiting[0]][1] <= tokens))
                    if not fits:
                        break
                    k = waiting.pop(0)
                    batch.append(k)
                    under_requests += 1
                    under_tokens += rows[k][1]
                if not batch:
                    return
                for k in batch:
                    e2e[k] = now + takes - rows[k][0]
                heapq.heappush(events, (now + takes, 0, batch))
        for _, what, x in sorted(c for c in came if c[1] == 1): # arrivals first
            waiting.append(x)
            if collect:
                heapq.heappush(events, (now + collect, 2, 0))
            send()
        for _, what, x in came:
            if what == 0:
                under_requests -= len(x)
                under_tokens -= sum(rows[k][1] for k in x)
        send()
    return e2e

for trial in range(12):
    rows = sorted((r.randrange(0, 4000) + r.randrange(1000) / 1000, 100 + r.randrange(900), 20) for _ in range(60))
    t = trace("b.csv", rows, 4000)
    takes = r.choice([600, 1500])
    how = {"collect": r.choice([0, 100, 900]), "queued": r.choice([None, 1, 7]), "tokens": r.choice([None, 3000, 400])}
    how["full"] = r.choice([None, 3, 5]) if how["collect"] else None
    if trial == 0:
        how = {"collect": 300, "queued": None, "tokens": None, "full": None}
    edits = {"window_s": {"value": str(takes)}, "observed": None}
    file = platform_file("b", **{k: v for k, v in dict(edits, queued_requests=how["queued"], queued_tokens=how["tokens"]).items()})
    p = json.load(open("b.json"))
    p["batch"] = {k: v for k, v in p["batch"].items() if v is not None}
    json.dump(p, open("b.json", "w"))
    b = {k: v for k, v in (("collect_s", str(how["collect"]) if how["collect"] else None), ("requests", how["full"])) if v}
    a = run({"trace": t, "start": "empty", "deployments": [dict({"platform": file, "model": "gpt-4o", "term": "batch"}, **({"batch": b} if b else {}))]}, "run", "-o", "r.h5", "--records")
    want = answers(rows, takes, how["collect"], how["full"], how["queued"], how["tokens"])
    point = a["points"][0]
    check("all answered %s" % how, abs(point["error_fraction"]) == 0 and len(want) == 60, (point["error_fraction"], len(want)))
    try:
        import h5py
        got = list(h5py.File("r.h5")["requests/e2e_ns"])
        check("each in its time %s" % how, all(abs(got[k] / 1e9 - want[k]) < 1e-6 for k in range(60)), [(k, got[k] / 1e9, want[k]) for k in range(60) if abs(got[k] / 1e9 - want[k]) >= 1e-6][:5])
    except ImportError:
        worst = sorted(want.values())[-1]
        check("the last in its time %s" % how, abs(point["e2e_p99_s"] - worst) <= 0.2 * worst, (point["e2e_p99_s"], worst))
bad = {"trace": t, "deployments": [{"platform": "openai", "model": "gpt-4o", "term": "batch", "batch": {"requests": 9}}]}
check("never full", "deployments[0].batch.requests" in run(bad, expect=2), "")
bad["deployments"][0]["batch"] = {"requests": 50001, "collect_s": "60"}
check("more than it takes", "takes at most 50000 in a batch" in run(bad, expect=2), "")

# ---- a class that may wait goes by the batch in a plan, one that may not does not, and one of which nobody says stays
rows = [(round(86400 * k / 2000, 3), 300 + r.randrange(300), 50 + r.randrange(100), ("chat", "nightly")[k % 4 == 0]) for k in range(2000)]
t = trace("c.csv", rows, 86400, ("arrival", "prompt", "output", "class"))
def classes(nightly, **candidates):
    slo = {"ttft_p95_s": "5", "classes": {"nightly": nightly}} if nightly else {"ttft_p95_s": "5"}
    return run({"trace": t, "model": "llama-3.1-8b", "slo": slo, "as_of": "2026-05-01", "candidates": dict({"platforms": ["groq", "modal"], "gpus": ["L4"]}, **candidates)}, "plan")
DAY = {"ttft_p95_s": "86400", "e2e_p99_s": "86400"}
a = classes(DAY)
best = a["points"][a["best"]]
check("by the batch", best["label"] == "groq llama-3.1-8b + groq llama-3.1-8b batch" and [d["name"] for d in best["deployments"]] == ["all but nightly", "nightly"], best["label"])
check("a promise is not stretched", a["thin"] is False and a["margin_left"] >= 0, (a["thin"], a["margin_left"]))
for what, slo in (("an hour", {"ttft_p95_s": "3600", "e2e_p99_s": "3600"}), ("nothing said", None), ("a deadline, and a first token at once", {"e2e_p99_s": "86400"})):
    check(what, not any("batch" in p["label"] for p in classes(slo)["points"]), what)
check("not where terms leave it out", not any("batch" in p["label"] for p in classes(DAY, terms=["on_demand"])["points"]))
check("nor without hybrids", not any("batch" in p["label"] for p in classes(DAY, hybrids=False)["points"]))
check("an hour to collect is an hour too late", not any("batch" in p["label"] for p in classes(DAY, batch={"collect_s": "3600"})["points"]))
check("a day and an hour", "batch" in classes({k: "90000" for k in DAY}, batch={"collect_s": "3600"})["recommendation"])

# promised and observed: both are told, and one is settled by the scenario
day = {"trace": t, "model": "gpt-4o", "slo": {"ttft_p95_s": "5", "classes": {"nightly": DAY}}, "routing": {"policy": "class", "classes": {"nightly": "b"}},
       "deployments": [dict(FAST, name="a", platform="openai"), {"name": "b", "platform": "openai", "term": "batch"}]}
a = run(day)
told = a["ranges"][0] if a.get("ranges") else {}
check("both readings", told.get("promised_e2e_p95_s") == 86400 and 3600 < told.get("observed_e2e_p95_s", 0) < 86400 / 2 and told["grade"] == "estimated", a.get("ranges"))
day["deployments"][1]["batch"] = {"latency": "observed"}
b = run(day, "run", "-o", "o.h5")
group = [g for g in b["points"][0]["groups"] if g.get("deployment") == "b"][0]
check("as others saw", group["e2e_p50_s"] < 1000 and not b.get("ranges") and "batch observed" in b["points"][0]["label"], (group, b.get("ranges")))
check("at the same price", bill(a) == bill(b), "")
again = json.loads(keepwarm("reprice", "o.h5", "--json"))
check("read again", again["points"][0]["label"] == b["points"][0]["label"] and bill(again) == bill(b), again["points"][0]["label"])

# ---- commitments: only where they are asked for, said with how long and how much, billed by the month
gcp = json.load(open(PLATFORMS + "/gcp.json"))
gcp["name"] = "mine"
offer = next(o for o in gcp["gpus"] if o["sku"] == "a2-highgpu-1g")
offer["terms"][0]["upfront"] = "0.5"
json.dump(gcp, open("mine.json", "w"))
t = trace("u.csv", [(3 * k, 300, 60) for k in range(1000)], 3600)
def rent(term, platform="./mine.json", expect=0):
    return run({"trace": t, "model": "llama-3.1-8b", "deployments": [{"name": "d", "platform": platform, "gpu": "A100-40", "precision": "bf16", "tp": 1, "replicas": 3, "term": term}]}, "run", "-o", "r.h5", expect=expect)
for term, months, hour in (("1_year", 12, "2.3121"), ("3_years", 36, "1.2845"), ("on_demand", 0, "3.67")):
    a = rent(term)
    same("%s a month" % term, bill(a), {"reserved": nano(F(hour) * 3 * 730)})
    d = a["points"][0]["deployments"][0]
    check("%s is said" % term, d.get("committed_months", 0) == months and ("committed for %d months: $%.0f in all, used or not" % (months, 3 * float(hour) * 730 * months) in d["settings"]) == bool(months), d["settings"])
    check("%s upfront" % term, ("$%.0f of it upfront" % (3 * 2.3121 * 730 * 6) in d["settings"]) == (term == "1_year"), d["settings"])
    same("%s priced again" % term, bill(json.loads(keepwarm("reprice", "r.h5", "--json", "--platform", "mine.json"))), {"reserved": nano(F(hour) * 3 * 730)})
check("a term it does not sell", "has no 6_months price" in rent("6_months", expect=2))
check("no term of an API", "deployments[0].term" in run({"trace": t, "deployments": [dict(FAST, platform="openai", model="gpt-4o", term="1_year")]}, expect=2))
check("no term of serverless", "deployments[0]" in run({"trace": t, "model": "llama-3.1-8b", "deployments": [{"platform": "modal", "gpu": "L4", "term": "1_year"}]}, expect=2))
def rented(**candidates):
    a = run({"trace": t, "model": "llama-3.1-8b", "slo": {"ttft_p95_s": "5"}, "candidates": dict({"platforms": ["gcp"], "gpus": ["A100-40"], "precisions": ["bf16"]}, **candidates)}, "plan")
    return a, {p["deployments"][0]["term"] for p in a["points"]}
a, terms = rented()
check("nothing that binds unless asked for", terms == {"on_demand"} and "committed" not in a["recommendation"], terms)
a, terms = rented(terms=["on_demand", "1_year"])
check("the one that was asked for", terms == {"on_demand", "1_year"} and "committed for 12 months: $" in a["recommendation"], (terms, a["recommendation"]))
a, terms = rented(terms=["1_year", "3_years"])
check("and no other", terms == {"1_year", "3_years"} and "committed for 36 months: $" in a["recommendation"], (terms, a["recommendation"]))

# ---- prices by the month's volume: of tokens, over deployments that share an account; and of what is sent out
def by_volume(volume, brackets, whole, before=0, of=None):
    """cost of `volume` behind `before`, units of the price"""
    if whole:
        usd = next(u for upto, u in brackets if upto is None or of <= upto)
        return nano(volume * usd)
    cost, low = F(0), F(0)
    for upto, usd in brackets:
        high = upto if upto is not None else before + volume
        cost += nano(max(F(0), min(before + volume, high) - max(before, low)) * usd)
        low = high
    return cost

p = json.load(open(PLATFORMS + "/groq.json"))
def volume_file(brackets, whole, name="volume"):
    q = json.loads(json.dumps(p))
    q["name"] = name
    for o in q["apis"]:
        if o["model"] == "llama-3.1-8b":
            o["in_mtok"] = {"brackets": [dict({"usd": str(float(u))}, **({} if upto is None else {"upto": str(float(upto))})) for upto, u in brackets], "whole_volume": whole}
    json.dump(q, open(name + ".json", "w"))
rows = [(20 * k, r.randrange(100, 3000), r.randrange(1, 300), ("a", "b")[k % 3 == 0]) for k in range(300)]
t = trace("v.csv", rows, 7200, ("arrival", "prompt", "output", "class"))
scale = F(MONTH, 7200)
volumes = {c: sum(x[1] for x in rows if x[3] == c) * scale / 10**6 for c in "ab"}
out = {c: sum(x[2] for x in rows if x[3] == c) * scale / 10**6 for c in "ab"}
out_usd = F(next(o for o in p["apis"] if o["model"] == "llama-3.1-8b")["out_mtok"])
for trial in range(8):
    ends = sorted(F(r.randrange(1, 1200), 8) for _ in range(r.choice([1, 2, 5])))
    if trial == 0:
        ends = [F(1, 8), F(2, 8)]
    ends = sorted(set(ends))
    brackets = [(e, F(r.randrange(0, 40), 8)) for e in ends] + [(None, F(r.randrange(1, 40), 8))]
    whole = trial % 2 == 1
    volume_file(brackets, whole)
    d = [dict(FAST, name=c, platform="./volume.json", model="llama-3.1-8b") for c in "ab"]
    s = {"trace": t, "deployments": d, "routing": {"policy": "class", "classes": {"a": "a", "b": "b"}}}
    together = volumes["a"] + volumes["b"]
    want_in = by_volume(volumes["a"], brackets, whole, F(0), together) + by_volume(volumes["b"], brackets, whole, volumes["a"], together)
    a = run(s, "run", "-o", "r.h5")
    want = {"tokens_in": want_in, "tokens_out": nano(out["a"] * out_usd) + nano(out["b"] * out_usd)}
    same("by volume %s" % (brackets,), bill(a), want)
    same("by volume, priced again", bill(json.loads(keepwarm("reprice", "r.h5", "--json", "--platform", "volume.json"))), want)
    s["deployments"][1]["account"] = "own"
    want["tokens_in"] = sum(by_volume(v, brackets, whole, F(0), v) for v in volumes.values())
    same("each account by itself", bill(run(s)), want)
    log = json.loads(keepwarm("bill", "v.csv", "--format", "generic", "--columns", t["columns"], "-p", "./volume.json", "--model", "llama-3.1-8b", "--json"))
    n = F(sum(x[1] for x in rows), 10**6)
    check("a log's own volume", F(log["priced"]["usd"]) == by_volume(n, brackets, whole, F(0), n) + nano(F(sum(x[2] for x in rows), 10**6) * out_usd), (log["priced"], brackets))

def bad_price(price, what, path="groq", where="in_mtok"):
    q = json.load(open(PLATFORMS + "/%s.json" % path))
    next(iter(q["apis"] if "apis" in q else q["gpus"]))[where] = price
    json.dump(dict(q, name="bad"), open("bad.json", "w"))
    said = keepwarm("platforms", "check", "bad.json", expect=2)
    check("refused: " + what, what in said, said)
bad_price({"brackets": [{"upto": "1", "usd": "1"}, {"upto": "1", "usd": "2"}, {"usd": "1"}]}, "brackets go up")
bad_price({"brackets": [{"upto": "1", "usd": "1"}, {"upto": "2", "usd": "2"}]}, "the last bracket has no end")
bad_price({"brackets": [{"usd": "1"}]}, "want a list of 2 to 8")
bad_price({"brackets": [{"upto": "1", "usd": "1"}, {"usd": "2"}], "usd": "1"}, 'want "usd" or this, not both')
bad_price({"whole_volume": True, "usd": "1"}, "of which brackets?")
bad_price({"brackets": [{"upto": "1", "usd": "1"}, {"usd": "2"}]}, "a GPU-hour has no brackets", "lambda", "hour")

t = trace("e.csv", [(10 * k, 300, 150 + k % 90) for k in range(360)], 3600)
answer = sum(150 + k % 90 for k in range(360))
def sends(platform, bytes_per_token, gpu="H100", expect=0):
    d = {"platform": platform, "gpu": gpu, "precision": "bf16", "tp": 1, "replicas": 8}
    return run({"trace": t, "model": "llama-3.1-8b", "deployments": [dict(d, egress_bytes_per_token=bytes_per_token) if bytes_per_token else d]}, "run", "-o", "r.h5", expect=expect)
AWS = [(F(100), F(0)), (F(10240), F(9, 100)), (F(51200), F(85, 1000)), (F(153600), F(7, 100)), (None, F(5, 100))]
rent = bill(sends("aws", 0))
check("nothing sent out unless said", not rent.get("egress"), rent)
for size in (300, 20000, 500000, 1000000):
    month = F(answer * size, 10**9) * MONTH / 3600
    a = bill(sends("aws", size))
    check("sent out: %d bytes a token" % size, a.get("egress", 0) == by_volume(month, AWS, False) and a["total"] == rent["total"] + a.get("egress", 0), (a, month))
    check("priced again", bill(json.loads(keepwarm("reprice", "r.h5", "--json"))) == a)
d = {"platform": "aws", "gpu": "H100", "precision": "bf16", "tp": 1, "replicas": 8, "egress_bytes_per_token": 300, "region": "us-west"}
json.dump({"keepwarm": 1, "replications": 1, "trace": t, "model": "llama-3.1-8b", "deployments": [d]}, open("s.json", "w"))
check("another region may ask more", "some regions ask more" in " ".join(keepwarm("run", "s.json").split()))
check("Lambda charges nothing", not bill(sends("lambda", 1000)).get("egress"))
check("a platform that does not say", "deployments[0].egress_bytes_per_token" in sends("gcp", 300, "A100-40", expect=2))
a = run({"trace": t, "model": "llama-3.1-8b", "slo": {"ttft_p95_s": "5"}, "candidates": {"platforms": ["aws", "crusoe"], "kinds": ["dedicated"], "precisions": ["bf16"], "egress_bytes_per_token": 20000}}, "plan")
told = {d["platform"] for x in a["points"] for d in x["deployments"]}
check("a plan's", any(F(x["bill_usd_month"].get("egress", 0)) == by_volume(F(answer * 20000, 10**9) * MONTH / 3600, AWS, False) for x in a["points"]) and len(told) == 2, told)

report()
PY
