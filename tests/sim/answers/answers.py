"""answers.py KEEPWARM CASES - the review's cases (CASES/answer of the shared data): what is right, from its README, for each.
Prints the closing line "N passed, N failed, N skipped"."""
import json
import os
import subprocess
import sys

KEEPWARM, CASES = os.path.abspath(sys.argv[1]), sys.argv[2]
HOURS = 730
passed = failed = 0


def check(what, ok, *seen):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAIL", what, *seen)


def keepwarm(*args, limit=300):
    r = subprocess.run([KEEPWARM, *args], capture_output=True, text=True, timeout=limit, stdin=subprocess.DEVNULL)
    return r.returncode, r.stdout, r.stderr


def points(command, name, *more):
    rc, out, err = keepwarm(command, name + ".json", "-q", "--json", *more)
    try:
        d = json.loads(out)
        return rc, dict({"points": []}, **d), err
    except json.JSONDecodeError:
        return rc, {"points": []}, err


def first(name, *more):
    rc, d, err = points("run", name, *more)
    return d["points"][0] if d["points"] else {"failed": err.strip(), "rc": rc}


def cost(name, *more):
    return first(name, *more).get("cost_usd_month")


def month():
    a, b = first("month_office_day"), first("month_office_day_stated")
    check("one office day is scaled from the whole day", a.get("cost_usd_month") and abs(a["cost_usd_month"] / 6.21 - 1) < 0.05, a)
    check("stated limits are kept", a.get("cost_usd_month") == b.get("cost_usd_month"), b.get("cost_usd_month"))
    rc, out, _ = keepwarm("run", "month_office_day_stated.json", "-q")
    check("scaled x30.42", "x30.42" in out)


def start():
    a, b = cost("start_steady"), cost("start_steady_ramp")
    check("a lone request two minutes earlier changes little", a and b and abs(a / b - 1) < 0.05, a, b)
    _, d, _ = points("run", "start_steady")
    check("spread and pack are told apart", any("spread" in json.dumps(r) and "pack" in json.dumps(r) for r in d.get("ranges", [])), d.get("ranges"))


def end():
    always = [cost(f"end_always_on_{n}") for n in (30, 100, 600)]
    check("always on costs 730 h x $1.80 from any length", all(c and abs(c - HOURS * 1.8) < 0.01 for c in always), always)
    # By hand: the endpoint goes to zero an hour after the last answer by default, the next request comes before that, and
    # so it never does; at any shorter time it costs a part of the GPU: at 900 s 15 minutes of each hour, its start of 2 to 5, and the answer.
    two, less = cost("end_two"), cost("end_two", "--set", "deployments[0].zero_timeout_s=900")
    check("two requests an hour apart cost the GPU at most", two and abs(two - HOURS * 10) < 0.01, two)
    check("... and a part of it where it goes to zero between them", less and 17 / 60 < less / (HOURS * 10) < 21 / 60, less)


def lone():
    runs = [first(f"lone_runpod_{n}") for n in (1, 3, 10)]
    check("a lone request costs the same at each maximum", len({r.get("cost_usd_month") for r in runs}) == 1 and runs[0].get("cost_usd_month"),
          [r.get("cost_usd_month") for r in runs])


def targets():
    for platform, right in (("huggingface", 644), ("baseten", 1167)):
        base, wide = cost(f"target_{platform}_default"), cost(f"target_{platform}_64")
        rc, d, err = points("plan", f"target_{platform}_default", "--platform", platform)
        best = min((p["cost_usd_month"] for p in d["points"] if p.get("feasible") and p.get("cost_usd_month")), default=None)
        check(f"plan finds {platform}'s wider target", best and wide and best <= wide * 1.05, base, wide, best, err[:200])


def objectives():
    rc, d, err = points("run", "objective_one_token")
    check("nothing to judge is met", rc == 0, rc, err[:200])
    _, out, _ = keepwarm("run", "objective_one_token.json", "-q")
    check("... and never nan", "nan" not in out.lower())
    rc, d, _ = points("run", "objective_classes")
    check("classes are told apart", "batch" in json.dumps(d), rc)
    rc, d, _ = points("run", "overload")
    p = d["points"][0] if d["points"] else {}
    check("overload is never met", rc == 3 and p.get("overloaded") is True and p.get("cost_usd_month") is None and 40 < p.get("carried_rps", 0) < 60, rc)


def plans():
    rc, d, err = points("plan", "plan_two_models")
    parts = {x["model"]: x for x in d.get("parts", [])}
    check("two models are planned each, and summed", rc == 0 and len(parts) == 2 and all(x["points"] for x in parts.values()) and "whole" in d,
          rc, err[:200])
    rc, d, err = points("plan", "plan_fallback")
    check("what was written is among the candidates", any(len(p.get("deployments", [])) > 1 for p in d["points"]), rc, err[:200])
    rc, d, err = points("plan", "plan_api_latency")
    check("an API with the scenario's latency is planned", rc in (0, 3) and d["points"], rc, err[:200])


def break_even():
    """The same day at three volumes: the API gives way to dedicated GPUs at one volume, whichever is asked."""
    inside, few = [], ("-p", "bedrock", "-p", "runpod-community", "--set", 'candidates.gpus=["H200","B200"]')
    for name, tokens, kind, usd, api in (("800M", 8e8, "api", 576, 576), ("4G", 4.2e9, "dedicated", 2621, 3026),
                                         ("13G", 1.32e10, "dedicated", 4365, None)):
        rc, d, err = points("plan", f"breakeven_volume_{name}", "--break-even", *few)
        b = d.get("break_even", {})
        best = min((p["cost_usd_month"] for p in d["points"]
                    if p.get("feasible") and len(p["deployments"]) == 1 and p["deployments"][0]["kind"] == kind), default=0)
        check(f"a direct plan of {tokens:g} tokens a month", rc == 0 and abs(best / usd - 1) < 0.01, rc, best, err[:200])
        own = [v for v in b.get("volumes", []) if v["factor"] and abs(v["factor"] - 1) < 1e-9]
        check(f"{name}: its own volume is planned as it is", len(own) == 1 and own[0]["cheapest"] == kind
              and abs(own[0][kind]["cost_usd_month"] / usd - 1) < 0.01
              and (api is None or abs(own[0]["api"]["cost_usd_month"] / api - 1) < 0.01), own)
        found = [c for c in b.get("crossings", []) if (c["from"], c["to"]) == ("api", "dedicated")]
        check(f"{name}: one crossing", len(b.get("crossings", [])) == 1 and len(found) == 1, b.get("crossings"))
        inside += [(c["tokens_month_lo"], c["tokens_month"], c["tokens_month_hi"]) for c in found]
    check("all say the same within their intervals", len(inside) == 3 and max(x[0] for x in inside) <= min(x[2] for x in inside)
          and all(abs(x[1] / (2621 / 0.7204e-6) - 1) < 0.01 for x in inside), inside)
    rc, out, err = keepwarm("plan", "breakeven_volume_800M.json", "-q", "--csv", "--volume", "13.2G,800M", *few)
    rows = [line.split(",") for line in out.splitlines()]
    check("--volume plans each volume, ascending", rc == 0 and len(rows) == 7 and [r[3] for r in rows[1:4]] == ["api", "serverless", "dedicated"]
          and abs(float(rows[6][5]) / 4365 - 1) < 0.01 and rows[6][11] == "1" and rows[1][11] == "1", rc, out[:400], err[:200])


def spill():
    for name in ("spill_fallback", "spill_overflow"):
        p = first(name)
        check(f"{name}: nothing is lost", p.get("error_fraction") == 0, p.get("error_fraction"))


def money():
    p = first("credit_four")
    credit = float(p.get("bill_usd_month", {}).get("credit", "nan"))
    check("a credit counts once an account", -30 <= credit <= 0, credit)
    rc, d, err = points("plan", "spot")
    check("spot is not ranked, or interrupted", not any("spot" in p.get("label", "") and p.get("p_best") == 1 for p in d["points"]), rc)


def cold():
    for model in ("8b", "70b"):
        t = first(f"cold_load_llama-3.1-{model}").get("ttft_p95_s")
        check(f"a measured load of 40 s is 40 s ({model})", t and abs(t - 40) < 0.5, t)


def damaged():
    for args in (("reprice", "h5_segv_1byte.h5"), ("compare", "h5_good.h5", "h5_hang.h5")):
        rc, _, err = keepwarm(*args, limit=20)
        check(" ".join(args), rc == 2 and err.startswith("keepwarm: "), rc, err[:100])


def masked():
    rc, out, err = keepwarm("run", "name_escape.json", "-q")
    check("no escape sequence reaches the terminal", "\x1b" not in out + err and "\x07" not in out + err)


def main():
    if not os.path.isdir(os.path.join(CASES, "answer")):
        print(f"skip the review's cases: {CASES}/answer is not there")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    os.chdir(os.path.join(CASES, "answer"))
    for group in (month, start, end, lone, targets, objectives, plans, break_even, spill, money, cold, damaged, masked):
        group()
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
