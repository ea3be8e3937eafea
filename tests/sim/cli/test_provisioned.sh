#!/bin/sh
# Capacity of an API bought ahead in units: what is carried, spilled and refused, and bills to the nano-dollar, by a model of the three
# rules in Python that works in fractions; what the scenario refuses; how a plan chooses the number of units.
# usage: KEEPWARM=path/to/keepwarm test_provisioned.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import heapq, json, os, random, subprocess
from fractions import Fraction as F
from tests.checks import KW, check, own_folder, report

own_folder()
os.environ["KEEPWARM_TODAY"] = "2026-11-29"

def keepwarm(*args, expect=0):
    p = subprocess.run([KW, *args], capture_output=True, text=True)
    check("exit %d of %s" % (expect, args[0]), p.returncode == expect, (p.returncode, p.stderr))
    return p.stderr if expect else p.stdout

def run(scenario, command="run", *more, expect=0):
    json.dump(dict({"keepwarm": 1, "replications": 1, "start": "empty", "slo": {"error_fraction": "1"}}, **scenario), open("s.json", "w"))
    said = keepwarm(command, "s.json", *([] if expect else ["--json"]), *more, expect=expect)
    return said if expect else json.loads(said)

def bill(answer, i=0):
    return {k: F(v) for k, v in answer["points"][i]["bill_usd_month"].items()}

def nano(x): # a line of a bill: rounded once, half up
    return F((x * 10**9 * 2 + 1).__floor__() // 2, 10**9)

HOUR, MONTH = 3600, 730 * 3600
FAST = {"ttft": {"constant": "0.4"}, "output_rate": {"constant": "100"}}

def trace(name, rows, seconds):
    with open(name, "w") as f:
        f.write("arrival,prompt,output\n" + "".join("%s,%d,%d\n" % row for row in rows))
    return {"file": name, "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output", "from_s": "0", "to_s": str(seconds)}

def busy(seed, n, seconds):
    r = random.Random(seed)
    quarters = [r.choice([1, 1, 2, 6]) for _ in range(4)]
    at = sorted(F(int((q + r.random()) * seconds / 4 * 1000), 1000) for q in r.choices(range(4), quarters, k=n))
    return [(str(float(a)), r.randrange(200, 4000), r.randrange(10, 600)) for a in at]

# ---- the model: which requests units carry

def carried(rows, rule, capacity, window, weight=1):
    """capacity: tokens a second of all units, of the rule split a pair. By row whether units carry it."""
    out, used, used_out, last, running = [], F(0), F(0), F(0), []
    for a, prompt, output in rows:
        a, w = F(a), prompt + weight * output
        if rule == "window":
            if a // window != last // window:
                used = F(0)
            good = w <= capacity * window - used
            used += w * good
        elif rule == "utilisation":
            used = max(F(0), used - capacity * (a - last))
            good = used < capacity * window
            used += w * good
        else:
            def drain(to):
                nonlocal used, used_out, last
                used, used_out = max(F(0), used - capacity[0] * (to - last)), max(F(0), used_out - capacity[1] * (to - last))
                last = to
            while running and running[0][0] <= a: # output counts when it is there
                end, done = heapq.heappop(running)
                drain(end)
                used_out += done
            drain(a)
            good = prompt <= capacity[0] * window - used and used_out < capacity[1] * window
            used += prompt * good
            if good:
                heapq.heappush(running, (a + F(4, 10) + F(output - 1, 100), output))
        last = a
        out.append(good)
    return out

PRICES = {"azure-openai": ("1.75", "14"), "vertex-api": ("1.50", "7.50")} # gpt-5.2, gemini-3.6-flash: in, out
def bought(platform, model, units, **more):
    return {"deployments": [dict({"platform": platform, "model": model, "retry": {"max_attempts": 1}}, provisioned=dict({"units": units}, **more), **FAST)]}

def expected(platform, rows, good, seconds, units_usd, spills):
    i, o = map(F, PRICES.get(platform, ("0", "0")))
    left = [row for row, g in zip(rows, good) if not g and spills]
    lines = {"provisioned": nano(units_usd), "tokens_in": nano(i * sum(r[1] for r in left) / 10**6 * MONTH / seconds),
             "tokens_out": nano(o * sum(r[2] for r in left) / 10**6 * MONTH / seconds)}
    lines["total"] = sum(lines.values())
    return {k: v for k, v in lines.items() if v}

def compare(name, answer, platform, rows, good, seconds, units_usd, spills, i=0):
    p, want = answer["points"][i], expected(platform, rows, good, seconds, units_usd, spills)
    check(name + " bill", bill(answer, i) == want, ({k: str(v) for k, v in bill(answer, i).items()}, {k: str(v) for k, v in want.items()}))
    tokens, lost = sum(r[1] + r[2] for r in rows), sum(r[1] + r[2] for r, g in zip(rows, good) if not g)
    check(name + " spilled", abs(p["spilled_fraction"] - (lost / tokens if spills else 0)) < 1e-12, (p["spilled_fraction"], lost / tokens))
    check(name + " refused", abs(p["error_fraction"] - (0 if spills else 1 - sum(good) / len(good))) < 1e-12, p["error_fraction"])

# PTU: 600 input tokens a minute each, an output token counts eight; 100 % is a minute of tokens
mixed = 0
for seed in range(4):
    rows = busy(seed, 300, HOUR)
    t = trace("t%d.csv" % seed, rows, HOUR)
    for units in (15, 20, 35):
        good = carried(rows, "utilisation", F(units * 600, 60), 60, 8)
        mixed += 0 < sum(good) < len(good)
        for spill in (True, False):
            a = run(dict(bought("azure-openai", "gpt-5.2", units, spill=spill, tpm=600, output_weight="8"), trace=t))
            compare("PTU %d %d %s" % (seed, units, spill), a, "azure-openai", rows, good, HOUR, units * F(260), spill)
            if spill: # what they carried, as a share of what they could
                w = sum(r[1] + 8 * r[2] for r, g in zip(rows, good) if g)
                check("PTU used", abs(a["points"][0]["units_used"] - w / (units * 600 * 60)) < 1e-6, (a["points"][0]["units_used"], w / (units * 600 * 60)))
check("PTU both", mixed > 6, mixed)

# GSU: 675 tokens a second each by 40 s up to 3 units and by 5 s up to 49, an output token counts five
mixed = 0
for seed in range(4):
    rows = busy(seed + 10, 2500, HOUR)
    t = trace("t%d.csv" % seed, rows, HOUR)
    for units, window in ((1, 40), (3, 40), (4, 5)):
        good = carried(rows, "window", F(units * 675), window, 5)
        mixed += 0 < sum(good) < len(good)
        for spill, term, usd in ((True, "week", F(1200) * 730 / 168), (False, "month", F(2700)), (True, "3_months", F(2400)), (False, "year", F(2000))):
            a = run(dict(bought("vertex-api", "gemini-3.6-flash", units, spill=spill, term=term), trace=t))
            compare("GSU %d %d %s" % (seed, units, term), a, "vertex-api", rows, good, HOUR, units * usd, spill)
            d = a["points"][0]["deployments"][0]["provisioned"]
            months = {"week": F(168, 730), "month": 1, "3_months": 3, "year": 12}[term]
            check("committed", F(d["committed_usd"]) == units * usd * months and d["units"] == units and d["spill"] == spill and d["term"] == term, d)
check("GSU both", mixed > 6, mixed)

# which window of the range that is stated holds, nobody says: both are simulated, and the user settles it
rows = busy(10, 300, HOUR)
t = trace("t0.csv", rows, HOUR)
a = run(dict(bought("vertex-api", "gemini-3.6-flash", 1, term="week", price_usd="0.5"), trace=t))
for window in (40, 120):
    want = expected("vertex-api", rows, carried(rows, "window", F(675), window, 5), HOUR, F(365), True)["total"]
    got = [r["longest_usd_month" if window > 40 else "shortest_usd_month"] for r in a["ranges"]]
    check("GSU range", len(got) == 1 and abs(got[0] - float(want)) < 1e-6, (got, float(want)))
    settled = run(dict(bought("vertex-api", "gemini-3.6-flash", 1, term="week", price_usd="0.5", window_s=str(window)), trace=t))
    check("GSU settled", settled["ranges"] == [] and bill(settled)["total"] == want, settled["ranges"])

# MU: what one carries and costs is not published; input and output apart, what does not fit is refused
mixed = 0
for seed in range(4):
    rows = busy(seed + 20, 300, HOUR)
    t = trace("t%d.csv" % seed, rows, HOUR)
    for units, itpm, otpm in ((2, 4000, 90000), (2, 90000, 600), (3, 4000, 600)):
        good = carried(rows, "split", (F(units * itpm, 60), F(units * otpm, 60)), 60)
        mixed += 0 < sum(good) < len(good)
        a = run(dict(bought("bedrock", "llama-3.1-8b", units, itpm=itpm, otpm=otpm, price_usd="24", term="6_months"), trace=t))
        compare("MU %d %d %d" % (seed, itpm, otpm), a, "bedrock", rows, good, HOUR, units * F(24) * 730, False)
check("MU both", mixed > 6, mixed)

# ---- a client that is refused asks again, and is served later; nothing is lost or counted twice
rows = busy(31, 200, HOUR)
t = trace("t.csv", rows, HOUR)
d = bought("azure-openai", "gpt-5.2", 15, spill=False, tpm=1500, output_weight="8")
once = run(dict(d, trace=t))["points"][0]
d["deployments"][0]["retry"] = {"max_attempts": 30, "base_s": "5", "cap_s": "60"}
again = run(dict(d, trace=t))["points"][0]
check("again", once["error_fraction"] > 0.05 and again["error_fraction"] < once["error_fraction"] / 2 and again["units_used"] > once["units_used"] and
      again["e2e_p99_s"] > once["e2e_p99_s"], (once["error_fraction"], again["error_fraction"]))

# ---- a sweep over the number, from a result back, in tables
s = dict(bought("azure-openai", "gpt-5.2", 15, spill=True, tpm=600, output_weight="8"), trace=t, sweep={"deployments[0].provisioned.units": [15, 20, 25]})
a = run(s, "sweep", "-o", "r.h5")
for i, units in enumerate((15, 20, 25)):
    compare("sweep", a, "azure-openai", rows, carried(rows, "utilisation", F(units * 600, 60), 60, 8), HOUR, units * F(260), True, i)
back = json.loads(keepwarm("reprice", "r.h5", "--json"))
check("reprice", [bill(back, i) for i in range(3)] == [bill(a, i) for i in range(3)])

# ---- what cannot be bought is said in one line
def refused(want, platform, model, units, **more):
    said = run(dict(bought(platform, model, units, **more), trace=t), expect=2)
    check("refused", want in said.splitlines()[-1] and said.count("\n") == 2, said) # after what the trace was read as

refused("azure-openai sells 15 PTU of gpt-5.2 at the least and in steps of 5 above: 16 is none of these counts, 20 the next", "azure-openai", "gpt-5.2", 16)
refused("azure-openai sells 15 PTU of gpt-5.2 at the least and in steps of 5 above: 14 is none of these counts, 15 the next", "azure-openai", "gpt-5.2", 14)
refused("sells 100 PTU of gpt-5.2 at the least and in steps of 50 above: 120 is none of these counts, 150 the next", "azure-openai", "gpt-5.2", 120, min_units=100,
        increment=50)
run(dict(bought("azure-openai", "gpt-5.2", 16, min_units=1, increment=1), trace=t)) # a custom offer
refused("what a MU carries was not found: state provisioned.itpm", "bedrock", "llama-3.1-8b", 1)
refused("what a MU carries was not found: state provisioned.otpm", "bedrock", "llama-3.1-8b", 1, itpm=1000)
refused("the price of a MU by the term month was not found: state provisioned.price_usd", "bedrock", "llama-3.1-8b", 1, itpm=1000, otpm=100)
refused("the price of a PTU by the term week was not found: state provisioned.price_usd", "azure-openai", "gpt-5.2", 15, term="week")
refused("sells no provisioned capacity", "openai", "gpt-4o", 1)

# ---- a plan: the cheapest number of those a sweep goes through, and whether units pay at all
chosen = set()
for price, wins in (("0.01", True), ("0.03", True), ("0.06", True), ("9", False)):
    s = dict(bought("azure-openai", "gpt-5.2", 15, tpm=1000, output_weight="8", price_usd=price, price_per="hour", term="hour"), trace=t, slo={"error_fraction": "0.01"})
    counts = list(range(15, 200, 5))
    best = []
    for spill in (True, False):
        s["deployments"][0]["provisioned"]["spill"] = spill
        a = run(dict(s, sweep={"deployments[0].provisioned.units": counts}), "sweep")
        best += [(F(sum(map(F, p["bill_usd_month"].values())), 2), counts[i], spill) for i, p in enumerate(a["points"]) if p["error_fraction"] <= 0.01]
    on_demand = bill(run({"trace": t, "deployments": [dict({"platform": "azure-openai", "model": "gpt-5.2"}, **FAST)]}))["total"]
    best = min(best)
    check("the case", (best[0] < on_demand) == wins, (best, on_demand))
    plan = dict(s, model="gpt-5.2", candidates={"platforms": ["azure-openai"], "terms": ["on_demand", "provisioned"]})
    for more in ({}, {"exhaustive": True}):
        p = run(dict(plan, candidates=dict(plan["candidates"], **more)), "plan")
        top = min(p["points"], key=lambda x: x["rank"])
        check("plan " + price, F(top["bill_usd_month"]["total"]) == min(best[0], on_demand), (top["label"], best, on_demand))
        if wins:
            chosen.add(best[1])
            u = top["deployments"][0]["provisioned"]
            check("plan " + price, (u["units"], u["spill"]) == best[1:] or best[0] == F(top["bill_usd_month"]["total"]), (u, best))
        else:
            check("plan " + price, top["deployments"][0]["term"] == "on_demand", top["label"])
check("other numbers", len(chosen) > 1, chosen)
text = keepwarm("plan", "s.json")
check("text", "bought" not in text, text)

# what a plan tries: the counts, terms and rule asked for, and no others
s = dict(bought("azure-openai", "gpt-5.2", 15, tpm=1000, output_weight="8", spill=True), model="gpt-5.2", trace=t)
s["candidates"] = {"platforms": ["azure-openai"], "terms": ["provisioned"], "exhaustive": True, "provisioned": {"units": [15, 17, 40], "terms": ["year", "hour"], "spill": True}}
p = run(s, "plan", "--all")
tried = sorted((u["term"], u["units"], u["spill"]) for x in p["points"] if not x.get("as_written") for u in [x["deployments"][0]["provisioned"]])
check("tried", tried == [("hour", 15, True), ("hour", 40, True), ("year", 15, True), ("year", 40, True)], tried)
check("17", "17 is none of these counts" in json.dumps(p), "")
del s["candidates"]["provisioned"]
s["candidates"]["platforms"] = ["bedrock", "openai", "azure-openai"]
p = run(s, "plan", "--all")
rows_of = [l.split("API", 1)[1].split("  ")[0] for l in keepwarm("plan", "s.json", "--all").split("Every configuration")[1].splitlines() if " API" in l]
check("each row says what is bought", len(rows_of) == len(set(rows_of)) > 2 and " 15 PTU hour spill" in rows_of, rows_of)
check("a month at the most", {x["deployments"][0]["provisioned"]["term"] for x in p["points"]} == {"hour", "month"}, "")

# another volume, too large for one replay: pools side by side, of the number of units that is the cheapest for one
s = dict(bought("azure-openai", "gpt-5.2", 15, tpm=1000, output_weight="8", price_usd="0.02", price_per="hour", term="hour", spill=True), model="gpt-5.2", trace=t,
         slo={"error_fraction": "0.01"}, candidates={"platforms": ["azure-openai"], "terms": ["on_demand", "provisioned"]})
tokens = sum(r[1] + r[2] for r in rows) * 730
p = run(s, "plan", "--volume", "%d,%d" % (tokens * 100, tokens * 400))
one, four = [v["api"] for v in p["volumes"]["volumes"]]
check("pools", p["volumes"]["volumes"][1]["pools"] > 1.5 and "PTU hour" in one["label"] and "PTU hour" in four["label"], p["volumes"])
check("pools", 3.6 < four["cost_usd_month"] / one["cost_usd_month"] < 4.2, (one, four))

report()
PY
