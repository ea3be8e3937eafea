"""schedules.py [CASE...] - how far the best schedule by the hour that a plan finds is from the best there is, and what it does on weeks that
it has not seen.

Each row is one deployment (Modal L4 bf16 to zero after 60 s, 128 requests a replica, six of them at most, TTFT p95 <= 2 s) on one trace: the plan's schedule, its
distance to the bound of its kind (sim/plan/schedule/bound.h), what knowing each hour ahead would save at the most, and the schedule that fits
the replayed days best. Both are then run, as they are, on weeks that neither was fitted to: further weeks of the same law where the trace is
drawn from one, the later weeks where it has several (fitted to the first alone). A week of RAGPulse has no other one beside it.
`make schedules` prints it; tests/cases/schedules.txt keeps what it printed last.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mitigations import BASE, DATA, KW, MONDAY, SLO, WEDNESDAY, WEEK, h5py, keepwarm, trace  # noqa: F401,E402

DAY = 86400
LATER = 5  # further weeks of the embedded week's law
TOGETHER = 128  # requests a replica


def dated(source, begins, name, seed=None):
    """The trace with a date; of a law that traces are drawn from, the one with this seed."""
    command = [KW, "trace", "convert", source] if seed is None else [KW, "trace", "synth", source, "--seed", str(seed)]
    p = subprocess.run(command + ["-o", "raw.h5"], capture_output=True, text=True)
    if p.returncode:
        sys.exit("%s: %s" % (source, p.stderr.strip()))
    with h5py.File("raw.h5") as f, open(name, "w") as out:
        out.write("arrival,prompt,output\n")
        out.writelines("%d.%09d,%d,%d\n" % (begins + a // 10**9, a % 10**9, b, c) for a, b, c in zip(f["arrival"][:], f["prompt"][:], f["output"][:]))
    return name


def window(name, begins, days):
    return trace({"file": name, "format": "generic", "from_s": str(begins), "to_s": str(begins + DAY * days)})


def scenario(t, **keys):
    return dict({"trace": t, "model": "llama-3.1-8b", "slo": SLO}, **keys)


def plan(t, zone):
    answer = keepwarm("plan", scenario(t, candidates={
        "platforms": [BASE["platform"]], "gpus": [BASE["gpu"]], "precisions": [BASE["precision"]], "timezone": zone, "keep_warm": [0, 1, 2, 3], "concurrency": [TOGETHER],
        "max_replicas": [BASE["max_replicas"]], "idle_timeout_s": ["60"], "hybrids": False, "mitigations": []}))
    found = [x for x in answer.get("schedules", []) if x.get("usd_month") is not None]
    return found[0] if found else None


def judge(t, zone, found):
    """(USD a month, whether it meets) of a schedule as the plan printed it, on another trace."""
    rules = {"timezone": zone, "rules": found["rules"], "otherwise": found["otherwise"]}
    p = keepwarm("run", scenario(t, deployments=[dict({k: v for k, v in BASE.items() if k != "keep_warm"}, hard_concurrency=TOGETHER, schedule=rules)]))["points"][0]
    return float(p["bill_usd_month"]["total"]), p["feasible"]


def share(x):
    return "-" if x is None else "%.1f" % (100 * x)


def others(kind, found, weeks, zone):
    runs = [judge(t, zone, found) for t in weeks]
    if runs:
        print("      %-24s on weeks not seen: $%s a month; meets in %d of %d" % (
            kind, " ".join("%.2f" % usd for usd, _ in runs), sum(met for _, met in runs), len(runs)), flush=True)


def row(name, t, zone, weeks):
    found = plan(t, zone)
    if not found:
        print("  %-34s none is better than a constant" % name)
        return
    fitted, cost = found["fitted_to_replayed_days"], found["usd_month"]
    bound, ahead = found.get("bound_usd_month"), found.get("foresight_usd_month")
    print("  %-34s %9.2f %7d %7s %9s %8s %8s   %9.2f %7s  %d / %d of %d" % (
        name, cost, found["hours"], "half" if found["share_of_late"] < 1 else "all", "-" if not bound else "%.2f" % bound,
        share(bound and cost / bound - 1), share(ahead and 1 - ahead / cost), fitted["usd_month"],
        share(fitted.get("bound_usd_month") and fitted["usd_month"] / fitted["bound_usd_month"] - 1), found["met"], fitted["met"], found["drawn"]), flush=True)
    others("the plan's", found, weeks, zone)
    others("fitted to these days", fitted, weeks, zone)


def cases():
    """Name, trace to plan on, zone, weeks that it has not seen."""
    yield "week", "the embedded week", lambda: (
        window(dated(WEEK, MONDAY, "week.csv"), MONDAY, 7), "UTC",
        [window(dated(WEEK, MONDAY, "week%d.csv" % k, k), MONDAY, 7) for k in range(101, 101 + LATER)])
    yield "ragpulse", "RAGPulse, a week", lambda: (
        window(dated(os.path.join(DATA, "traces/ragpulse_week1.jsonl"), WEDNESDAY, "ragpulse.csv"), WEDNESDAY, 7), "Asia/Shanghai", [])
    name = "traces/derived_servegen_m-large_c92_14d.csv.gz"
    yield "servegen", "ServeGen client 92, 14 days", lambda: (
        window(dated(os.path.join(DATA, name), MONDAY, "c92.csv"), MONDAY, 14), "UTC", [])
    yield "servegen1", "  its first week alone", lambda: (
        window(dated(os.path.join(DATA, name), MONDAY, "c92.csv"), MONDAY, 7), "UTC", [window("c92.csv", MONDAY + 7 * DAY, 7)])


def main():
    os.chdir(tempfile.mkdtemp())
    print("  %-34s %9s %7s %7s %9s %8s %8s   %9s %7s  %s" % (
        "", "$/month", "levels", "late", "no less", "regret %", "ahead %", "fitted $", "regret %", "drawings met: plan's / fitted"))
    for key, name, make in cases():
        if len(sys.argv) > 1 and key not in sys.argv[1:]:
            continue
        if key != "week" and not os.path.isdir(os.path.join(DATA, "traces")):
            print("  skip %s: %s is not there" % (name, DATA))
            continue
        row(name, *make())


if __name__ == "__main__":
    main()
