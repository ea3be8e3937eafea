"""metamorphic.py KEEPWARM - what must follow when a question is changed in a way whose answer is known: no oracle needed, only
two runs of the program side by side. Prints the closing line "N passed, N failed".

Chen, Cheung, Yiu, Metamorphic testing, HKUST-CS98-01, 1998."""
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile

KEEPWARM = os.path.abspath(sys.argv[1])
REPO = os.getcwd()
MONDAY = datetime.datetime(2026, 3, 2)
passed = failed = 0


def check(what, ok, *seen):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAIL", what, *seen)


def trace(name, rows):
    """rows: (seconds after Monday 00:00, prompt, output[, class])."""
    classes = any(len(r) > 3 for r in rows)
    with open(name, "w") as f:
        f.write("arrival,prompt,output" + (",class" if classes else "") + "\n")
        for at, *rest in rows:
            when = (MONDAY + datetime.timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            f.write(",".join([when, *map(str, rest)]) + "\n")
    columns = "arrival=arrival,prompt=prompt,output=output" + (",class=class" if classes else "")
    return {"file": name, "format": "generic", "columns": columns}


def scenario(t, **more):
    d = {"platform": "runpod", "gpu": "L4", "precision": "fp8", "keep_warm": 0, "max_replicas": 3, "idle_timeout_s": "300"}
    d.update(more.pop("deployment", {}))
    return dict({"keepwarm": 1, "trace": t, "model": "llama-3.1-8b", "replications": 1,
                 "deployments": [dict({"name": "main"}, **d)]}, **more)


def run(s, ok=(0, 3)):
    with open("s.json", "w") as f:
        json.dump(s, f)
    r = subprocess.run([KEEPWARM, "run", "s.json", "-q", "--json"], capture_output=True, text=True)
    if r.returncode not in ok:
        print("FAIL run", r.returncode, r.stderr.strip(), json.dumps(s)[:300])
        return None
    return json.loads(r.stdout)["points"][0] if r.returncode != 2 else None


def figures(p):
    """What a run says of the service and its cost, without what names the question."""
    keep = ("cost_usd_month", "cost_usd_window", "cold_fraction", "error_fraction", "goodput_rps", "bill_usd_month")
    return {k: v for k, v in p.items() if k in keep or re.match(r"(ttft|tpot|e2e)_p\d\d_s$", k)}


def office(days, first=0):
    """The same working hours every day, a request every ten minutes, in pairs now and then."""
    rows = []
    for d in range(first, first + days):
        for k in range(54):
            at = d * 86400 + 8 * 3600 + k * 600
            rows.append((at, 800, 60))
            if k % 5 == 0:
                rows.append((at + 2, 800, 60))
    return rows


def doubled_prices():
    """Twice every price of the platform file: twice the bill, to the nano-dollar's rounding of each line."""
    name = "lambda"
    text = open(f"{REPO}/platforms/{name}.json").read()
    double = re.sub(r'("hour": "|"usd": ")([0-9.]+)(")',
                    lambda m: m[1] + format(2 * float(m[2]), ".10f").rstrip("0").rstrip(".") + m[3], text)
    check("prices were found to double", double != text)
    with open("double.json", "w") as f:
        f.write(double)
    t = trace("price.csv", office(1))
    gpu = {"platform": name, "gpu": "A100-40", "precision": "bf16", "replicas": 1}
    d = scenario(t)
    d["deployments"] = [dict(gpu, name="main")]
    a = run(d)
    d["deployments"] = [dict(gpu, name="main", platform="double.json")]
    b = run(d)
    check("prices doubled, bill doubled", a and b and abs(b["cost_usd_month"] - 2 * a["cost_usd_month"]) <= 1e-8,
          a and a["cost_usd_month"], b and b["cost_usd_month"])


def shifted_by_a_week():
    a, b = run(scenario(trace("a.csv", office(2)))), run(scenario(trace("b.csv", [(x + 7 * 86400, *r) for x, *r in office(2)])))
    check("a week later, the same answer", a and b and figures(a) == figures(b))


def speed():
    """trace.speed 2 is the trace with every distance halved, its window too."""
    rows = office(1)
    base = rows[0][0]
    a = run(scenario(dict(trace("a.csv", rows), speed="2", from_s="0", to_s="20000")))
    b = run(scenario(dict(trace("b.csv", [(base + (x - base) / 2, *r) for x, *r in rows]), from_s="0", to_s="10000")))
    check("speed 2 halves the distances", a and b and figures(a) == figures(b), a and figures(a), b and figures(b))


def equal_times_in_any_order():
    rows = [(8 * 3600 + 60 * (k // 4), 800, 60) for k in range(80)]
    a, b = run(scenario(trace("a.csv", rows))), run(scenario(trace("b.csv", rows[:40][::-1] + rows[40:])))
    check("equal times in another order", a and b and a["cost_usd_month"] == b["cost_usd_month"])


def split_in_two():
    """Two classes on two deployments of their own cost what the two cost alone."""
    one = [(x, 800, 60) for x, *_ in office(1)]
    two = [(x + 1800, 300, 20) for x, *_ in office(1)]
    window = {"from_s": "2026-03-02T00:00:00Z", "to_s": "2026-03-03T00:00:00Z"}
    cold = {k: {"constant": "7"} for k in ("provision", "pull", "load", "init")} | {"snapshot_probability": 0}
    both = scenario(dict(trace("both.csv", sorted([(*r, "a") for r in one] + [(*r, "b") for r in two])), **window),
                    deployment={"cold_start": cold}) # no luck, which each deployment has its own
    both["deployments"].append(dict(both["deployments"][0], name="second"))
    both["routing"] = {"policy": "class", "classes": {"a": "main", "b": "second"}}
    alone = [run(scenario(dict(trace("one.csv", r), **window), deployment={"cold_start": cold})) for r in (one, two)]
    p = run(both)
    check("two deployments cost what each costs alone",
          p and all(alone) and abs(p["cost_usd_month"] - sum(x["cost_usd_month"] for x in alone)) < 1e-6,
          p and p["cost_usd_month"], [x and x["cost_usd_month"] for x in alone])


def longer_window():
    """The same day again and again: a month costs the same from two days and from four, where all starts take the same."""
    for platform, gpu in (("runpod", "L4"), ("modal", "L4"), ("huggingface", "L4"), ("replicate", "L40S")):
        start = {phase: {"constant": s} for phase, s in (("provision", "2"), ("load", "10"), ("init", "20"))}
        d = {"platform": platform, "gpu": gpu, "precision": "fp8", "cold_start": start}
        a, b = (run(scenario(trace(f"{n}.csv", office(n)), deployment=d)) for n in (2, 4))
        check(f"{platform}: the same month from 2 days and from 4",
              a and b and abs(a["cost_usd_month"] / b["cost_usd_month"] - 1) < 0.005, a and a["cost_usd_month"], b and b["cost_usd_month"])


def a_dummy_before():
    """One small request before the first changes next to nothing."""
    rows = office(2)
    window = {"from_s": "2026-03-02T00:00:00Z", "to_s": "2026-03-04T00:00:00Z"}
    a = run(scenario(dict(trace("a.csv", rows), **window)))
    b = run(scenario(dict(trace("b.csv", [(rows[0][0] - 60, 10, 1)] + rows), **window)))
    check("a request before the first", a and b and abs(a["cost_usd_month"] / b["cost_usd_month"] - 1) < 0.02,
          a and a["cost_usd_month"], b and b["cost_usd_month"])


def more_replicas_for_a_lone_request():
    rows = [(3600 * k, 800, 60) for k in range(24)]
    for platform, gpu in (("runpod", "L4"), ("modal", "L4"), ("replicate", "L40S"), ("baseten", "A10G"), ("fireworks", "H100"), ("huggingface", "L4")):
        costs = []
        for most in (1, 2, 10):
            p = run(scenario(trace("lone.csv", rows), deployment={"platform": platform, "gpu": gpu, "precision": "bf16", "max_replicas": most}))
            costs.append(p and p["cost_usd_month"])
        check(f"{platform}: a lone request at max_replicas 1, 2, 10", None not in costs and len(set(costs)) == 1, costs)


def more_kept_warm_fewer_cold():
    cold = []
    for warm in range(4):
        p = run(scenario(trace("a.csv", office(1)), deployment={"keep_warm": warm, "max_replicas": 4}))
        cold.append(p["cold_fraction"] if p else None)
    check("the cold fraction never rises with keep_warm", None not in cold and cold == sorted(cold, reverse=True) and cold[0] > cold[-1], cold)


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        for law in (doubled_prices, shifted_by_a_week, speed, equal_times_in_any_order, split_in_two, longer_window, a_dummy_before,
                    more_replicas_for_a_lone_request, more_kept_warm_fewer_cold):
            law()
        os.chdir(REPO)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
