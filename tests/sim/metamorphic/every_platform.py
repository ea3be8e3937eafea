"""every_platform.py KEEPWARM - laws of change (metamorphic.py) on every platform file, with small random traffic of a fixed seed:
what a replica always on costs, what a bill cannot pass, and what no change of the question may change.
Prints the closing line "N passed, N failed"."""
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

KEEPWARM = os.path.abspath(sys.argv[1])
PLATFORMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "platforms")
MODEL = "llama-3.1-8b"
MONTH = 730
CANNOT_RUN = set()  # names of platforms of which too little is known
NANO = 1e-9
UNITS = tempfile.mkdtemp()  # a profile of Bedrock's model unit: nobody published one, and the laws hold with any
passed = failed = 0


def check(what, ok, *seen):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAIL", what, *seen)


def value(x):
    return x["value"] if isinstance(x, dict) else x


def read(name):
    with open(os.path.join(PLATFORMS, name + ".json")) as f:
        return json.load(f)


def without_luck(d, p):
    """What is drawn anew is no matter of the question."""
    cold = {k: {"constant": s} for k, s in (("provision", "3.5"), ("pull", "13.9"), ("load", "4.9"), ("init", "19.8"))}
    if "restore" in p.get("cold", {}):
        cold["snapshot_probability"] = 0
    return dict(d, cold_start=cold, retry={"max_attempts": 1})


def idle(name, r, choices):
    least, most = value(read(name)["scaling"].get("idle_timeout_range_s", [0, 86400]))
    return str(min(max(r.choice(choices), least), most))


def run(rows, deployments, window, folder, command="run", **top):
    """rows: (s, prompt, output[, class]); window: seconds, or (from, to). Points of the answer, or the message."""
    trace, scenario = os.path.join(folder, "t.csv"), os.path.join(folder, "s.json")
    classes = any(len(r) > 3 for r in rows)
    with open(trace, "w") as f:
        f.write("arrival,prompt,output" + (",class" if classes else "") + "\n")
        for at, *rest in rows:
            f.write(",".join(["%.9f" % at, *map(str, rest)]) + "\n")
    begin, end = window if isinstance(window, tuple) else (0, window)
    s = {"keepwarm": 1, "trace": {"file": trace, "format": "generic", "from_s": str(begin), "to_s": str(end),
         "columns": "arrival=arrival,prompt=prompt,output=output" + (",class=class" if classes else "")}, "model": MODEL,
         "replications": 1, "slo": {"error_fraction": "1"}, "deployments": deployments}
    s.update(top)
    with open(scenario, "w") as f:
        json.dump(s, f)
    r = subprocess.run([KEEPWARM, command, scenario, "-q", "--json", "-j", "1"], capture_output=True, text=True,
                       env=dict(os.environ, KEEPWARM_PROFILES=UNITS))
    if r.returncode not in (0, 3):
        return r.stderr.strip()
    return json.loads(r.stdout)["points"]


def total(point):
    return float(point["bill_usd_month"]["total"])


class Offers:
    """What the platform files offer that serves the model: tried, not listed here."""

    def __init__(self, folder):
        self.replica, self.api, self.left_out = {}, {}, {}
        with open(os.path.join(PLATFORMS, "..", "calibrate", "data", "profiles", f"H100-{MODEL}-bf16-tp1.json")) as f:
            unit = dict(json.load(f), gpu="CMU")
        with open(os.path.join(UNITS, f"CMU-{MODEL}-bf16-tp1.json"), "w") as f:
            json.dump(unit, f)
        for path in sorted(glob.glob(os.path.join(PLATFORMS, "*.json"))):
            name = os.path.basename(path)[:-5]
            if name == "platform.schema":
                continue
            p = read(name)
            if p["kind"] == "api":
                self.try_api(name, p, folder)
            else:
                self.try_gpus(name, p, folder)

    def try_api(self, name, p, folder):
        laws = {"ttft": {"constant": "0.4"}, "output_rate": {"constant": "80"},
                "limits": {k: 0 for k in ("rpm", "rpd", "tpm", "itpm", "otpm", "tpd")}}
        for api in p["apis"]:
            d = dict(laws, platform=name, model=api["model"])
            if not isinstance(run([(1, 100, 1)], [d], 60, folder, model=api["model"]), str):
                self.api[name] = d
                return
        self.left_out[name] = "no model"

    def try_gpus(self, name, p, folder):
        count = "replicas" if p["kind"] == "dedicated" else "max_replicas"
        seen = {}
        for g in p.get("gpus", []):
            for precision in ("bf16", "fp8"):
                d = {"platform": name, "gpu": g["gpu"], "precision": precision, "tp": 1, count: 1}
                if g["gpu"] not in seen and not isinstance(run([(1, 100, 1)], [d], 60, folder), str):
                    seen[g["gpu"]] = d
        if seen:
            self.replica[name] = seen
        else:
            self.left_out[name] = str(run([(1, 100, 1)], [{"platform": name, count: 1}], 60, folder))[:100]

    def pools(self):
        """One serverless offer a platform, without luck."""
        for name, seen in self.replica.items():
            d = next(iter(seen.values()))
            if "max_replicas" in d:
                yield name, without_luck(d, read(name))


def hourly(price):
    if not isinstance(price, dict):
        return Fraction(price)
    return Fraction(price["usd_per_second"]) * 3600 if "usd_per_second" in price else Fraction(price["usd"])


def hour_price(name, d):
    """Dollars an hour for one replica always on, from the platform file; None where the file has no plain price."""
    p = read(name)
    found = [g for g in p["gpus"] if g["gpu"] == d["gpu"] and "hour" in g]
    least = [g for g in found if value(g["count"])[0] == min(value(x["count"])[0] for x in found)]
    if not least or "window_s" in p["meter"]:
        return None
    price = hourly(least[0]["hour"]) * value(least[0]["count"])[0]
    host = p.get("host")
    if host:
        for rate, amount in (("cpu_core_hour", "cpu_cores"), ("memory_gib_hour", "memory_gib")):
            price += hourly(host[rate]) * Fraction(str(value(host[amount])))
    return price * Fraction(value(p["meter"].get("multiplier", "1")))


def always_on(offers, folder):
    """The same month from every length of trace, on every offer and meter, and by hand where the price is plain."""
    for name, seen in offers.replica.items():
        on = {gpu: [] for gpu in seen}
        for seconds in (30, 100, 600, 3600, 86400):
            for precision in {d["precision"] for d in seen.values()}:
                gpus = [gpu for gpu, d in seen.items() if d["precision"] == precision]
                d = dict(seen[gpus[0]], name="main")
                if "replicas" not in d:
                    d.update(max_replicas=1, **({} if name == "bedrock-import" else {"keep_warm": 1}))
                rows = [(k, 64, 2) for k in range(seconds % 60 % 20, seconds, 100 if seconds < 3600 else 290)]  # none waits out its idle timeout
                x = run(rows, [d], seconds, folder, "sweep", sweep={"deployments[main].gpu": gpus})
                for i, gpu in enumerate(gpus):
                    on[gpu].append(x if isinstance(x, str) else total(x[i]))
        for gpu, costs in on.items():
            good = not any(isinstance(c, str) for c in costs)
            # Lines are rounded one by one: a nano-dollar each.
            check(f"{name} {gpu}: always on, the same month from 30 s and from a day",
                  good and max(costs) - min(costs) <= 4 * NANO + 1e-15 * max(costs), costs)
            price = hour_price(name, seen[gpu])
            if good and price is not None:
                fee, credit = (Fraction(value(read(name)["meter"].get(k, "0"))) for k in ("monthly_fee_usd", "monthly_credit_usd"))
                want = float(max(price * MONTH - credit, 0) + fee)
                check(f"{name} {gpu}: {MONTH} h at the price of the file", abs(costs[0] - want) < 1e-6, costs[0], want)


def pattern(r, seconds):
    kind = r.choice(("sparse", "burst", "lone", "mixed"))
    n = {"sparse": r.randint(2, 6), "burst": r.randint(4, 12), "lone": 1, "mixed": r.randint(4, 20)}[kind]
    at = r.uniform(0, seconds - 40)
    times = [at + r.uniform(0, 20) if kind == "burst" else r.uniform(0, seconds - 1) for _ in range(n)]
    return [(round(t, 9), r.choice((100, 800)), r.choice((1, 40, 200))) for t in sorted(times)]


def kept_alive(r, seconds):
    """A few at once, and then just as many as keep some of the replicas alive, and not others."""
    at = r.uniform(0, seconds / 2)
    times = [at + r.uniform(0, 3) for _ in range(r.randint(2, 4))] + [r.uniform(at, seconds - 1) for _ in range(r.randint(1, 4))]
    return [(round(t, 9), 100, 1) for t in sorted(times)]


def longer_windows(offers, folder):
    """The same pattern again and again: once and seven times are one month within 0.5 %, at any setting."""
    r = random.Random("longer")
    for name, base in offers.pools():
        for trial in range(4):
            seconds = r.choice((600, 900, 1234, 1800.5))
            d = dict(base, name="main", max_replicas=r.randint(1, 4), idle_timeout_s=idle(name, r, (30, seconds // 3, 377, 700)),
                     keep_warm=1 if name == "together-dedicated" else r.choice((0, 0, 1)))
            if trial % 2:
                d.update(hard_concurrency=1, max_replicas=4, idle_timeout_s=idle(name, r, (0.5 * seconds // 1, 0.6 * seconds // 1)))
            rows = (kept_alive if trial % 2 else pattern)(r, seconds)
            costs = []
            for times in (1, 7):
                x = run([(round(at + k * seconds, 9), p, o) for k in range(times) for at, p, o in rows], [d], times * seconds, folder)
                costs.append(x if isinstance(x, str) else x[0]["cost_usd_month"])
            if None in costs and costs[0] == costs[1]:
                continue  # overloaded
            check(f"{name}: one month from once and seven times a pattern of {seconds} s",
                  all(isinstance(c, (int, float)) for c in costs) and max(costs) - min(costs) <= 0.005 * max(costs) + 1e-6,
                  costs, json.dumps(d), rows)


def bound(offers, folder):
    """No bill passes that of all replicas always on, whatever the window cuts."""
    r = random.Random("bound")
    for name, base in offers.pools():
        d = {k: base[k] for k in ("platform", "gpu", "precision", "tp")}
        on = run([(1, 64, 2)], [dict(d, keep_warm=1, max_replicas=1)], 3600, folder)
        if isinstance(on, str):
            check(f"{name}: always on", False, on)
            continue
        credit = Fraction(value(read(name)["meter"].get("monthly_credit_usd", "0")))
        for trial in range(2):
            seconds, most = r.choice((2, 31, 100, 777, 3601)), r.randint(1, 5)
            rows = sorted((round(r.uniform(0, seconds), 9), r.choice((64, 2000)), r.choice((1, 300))) for _ in range(r.randint(1, 60)))
            warm = r.randint(1 if name == "together-dedicated" else 0, most)
            x = run(rows, [dict(d, keep_warm=warm, max_replicas=most, idle_timeout_s=idle(name, r, (45,)))], seconds + 1, folder,
                    start=r.choice(("steady", "empty")))
            ok = not isinstance(x, str)
            # Draining replicas stand beside their successors: a moment each.
            check(f"{name}: no more than {most} always on", ok and x[0]["cost_usd_window"] * MONTH * 3600 / (seconds + 1) <=
                  most * (total(on[0]) + float(credit)) * 1.001 + 1e-6, x if not ok else x[0]["cost_usd_window"], total(on[0]), seconds, warm)


def same(a, b):
    keep = ("cost_usd_month", "cost_usd_window", "cold_fraction", "error_fraction", "ttft_p95_s", "e2e_p99_s", "bill_usd_month")
    return not isinstance(a, str) and not isinstance(b, str) and all(a[0][k] == b[0][k] for k in keep)


def moved_and_permuted(offers, folder):
    """Another week, and equal times in another order: the same answer."""
    r = random.Random("moved")
    targets = list(offers.pools()) + list(offers.api.items()) + [
        (n, next(iter(s.values()))) for n, s in offers.replica.items() if "replicas" in next(iter(s.values()))]
    for name, d in targets:
        top = {"model": d["model"]} if name in offers.api else {}
        rows = [(t, 800, 60) for t, _, _ in pattern(r, 3600)]
        week = 7 * 86400
        a = run(rows, [d], 3600, folder, **top)
        b = run([(t + week, p, o) for t, p, o in rows], [d], (week, week + 3600), folder, **top)
        check(f"{name}: a week later", same(a, b), a if isinstance(a, str) else "", b if isinstance(b, str) else "")
        pairs = [(t, p, o) for t, _, _ in rows for p, o in ((800, 60),) * 2]
        a, b = run(pairs, [d], 3600, folder, **top), run(pairs[::-1], [d], 3600, folder, **top)
        check(f"{name}: equal times in another order", same(a, b), a if isinstance(a, str) else "", b if isinstance(b, str) else "")


def a_dummy_before(offers, folder):
    """A small request before the first one changes next to nothing, and less than its own cold start."""
    r = random.Random("dummy")
    for name, d in offers.pools():
        rows = pattern(r, 3600)
        day = [(t + 3600 * h, p, o) for h in range(24) for t, p, o in rows]
        a, b = run(day, [d], 86400, folder), run([(max(0, day[0][0] - 30), 10, 1)] + day, [d], 86400, folder)
        ok = not isinstance(a, str) and not isinstance(b, str)
        if ok and a[0]["error_fraction"] == 1:
            continue  # every request is turned away by an empty pool, and the dummy wakes it
        check(f"{name}: a dummy before", ok and abs(a[0]["cost_usd_month"] - b[0]["cost_usd_month"]) <= 0.03 * a[0]["cost_usd_month"] + 1e-6,
              a if not ok else (a[0]["cost_usd_month"], b[0]["cost_usd_month"]))


def lone_at_any_maximum(offers, folder):
    rows = [(1800 * k + 7, 800, 60) for k in range(12)]
    for name, d in offers.pools():
        costs = [run(rows, [dict(d, max_replicas=most)], 21600, folder) for most in (1, 2, 10)]
        costs = [x if isinstance(x, str) else x[0]["cost_usd_month"] for x in costs]
        check(f"{name}: a lone request at max_replicas 1, 2, 10", len(set(costs)) == 1 and not isinstance(costs[0], str), costs)


def cold_never_rises(offers, folder):
    r = random.Random("cold")
    for name, base in offers.pools():
        rows, cold = pattern(r, 3600) + [], []
        for warm in range(4):
            x = run(rows, [dict(base, keep_warm=warm, max_replicas=4)], 3600, folder)
            cold.append(x if isinstance(x, str) else x[0]["cold_fraction"])
        good = not any(isinstance(c, str) for c in cold) or name == "together-dedicated"
        cold = [c for c in cold if not isinstance(c, str)]
        check(f"{name}: the cold fraction never rises with keep_warm", good and cold == sorted(cold, reverse=True), cold)


def split_in_two(offers, folder):
    """Two classes on two deployments of their own cost what the two cost alone, but for what an account shares."""
    r = random.Random("split")
    for name, base in offers.pools():
        d = dict(base, keep_warm=1, max_replicas=2) if name == "together-dedicated" else dict(base, max_replicas=2)
        one, two = pattern(r, 3600), pattern(r, 3600)
        both = run(sorted([(*x, "a") for x in one] + [(*x, "b") for x in two]), [dict(d, name="one"), dict(d, name="two")], 3600, folder,
                   routing={"policy": "class", "classes": {"a": "one", "b": "two"}})
        alone = [run(x, [dict(d, name="one")], 3600, folder) for x in (one, two)]
        bad = [x for x in (both, *alone) if isinstance(x, str)]
        shared = ("credit", "fee", "total")
        use = lambda x: sum(float(v) for k, v in x[0]["bill_usd_month"].items() if k not in shared)
        check(f"{name}: two deployments cost what each costs alone", not bad and abs(use(both) - sum(map(use, alone))) <= 0.006 * use(both) + 1e-6,
              bad or (use(both), [use(x) for x in alone]))


def main():
    laws = (always_on, longer_windows, bound, moved_and_permuted, a_dummy_before, lone_at_any_maximum, cold_never_rises, split_in_two)
    with tempfile.TemporaryDirectory() as folder:
        offers = Offers(folder)
        check("every platform file has an offer that runs", set(offers.left_out) == CANNOT_RUN, offers.left_out)
        def work(law):
            own = os.path.join(folder, law.__name__)
            os.mkdir(own)
            law(offers, own)
        if len(sys.argv) > 2:
            laws = [l for l in laws if l.__name__ in sys.argv[2:]]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done in [pool.submit(work, law) for law in laws]:
                done.result()
    print(f"{len(offers.replica)} platforms with replicas, {len(offers.api)} APIs")
    shutil.rmtree(UNITS)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
