#!/usr/bin/python3
"""exact.py SEED N [KEEPWARM]: N random plans, and each example that is shipped, by the search and with --exhaustive. They have
to agree on the recommendation, the runner-up, the nearest miss and why, on each figure of these with its interval, and on the
cost and objectives of every configuration that the search shows; and the counts of the search have to add up."""
import json
import os
import random
import re
import subprocess
import sys
import tempfile

try:
    import h5py
except ImportError:
    h5py = None

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(HERE, "..", "..", "sim", "io", "scenario", "scenario.example.json")
SERVERLESS = ("modal", "runpod", "replicate", "huggingface", "baseten", "cloud-run", "beam", "fal")
DEDICATED = ("lambda", "runpod-secure", "runpod-community", "crusoe", "nebius")
APIS = ("together-api", "groq", "bedrock")


def some(rng, values, least=1, most=3):
    return sorted(rng.sample(values, rng.randint(least, min(most, len(values)))))


def arrivals(rng, path):
    """A few days of bursts and silence, so that starts, queues and days all count."""
    days, t, rows = 4 if rng.random() < 0.9 else 0.1, 0.0, [] # a short window is replayed until its state is steady
    end, n = days * 86400, rng.randint(80, 400)
    while t < end and len(rows) < n:
        for _ in range(rng.choice((1, 1, 2, 5, 30))):
            rows.append((t, 1 + int(rng.expovariate(1 / 700)), 1 + int(rng.expovariate(1 / 150))))
            t += rng.expovariate(1 / 2)
        t += rng.expovariate(n / end / 4)
    with open(path, "w") as f:
        f.write("arrival_s,prompt_tokens,output_tokens\n" + "".join("%.3f,%d,%d\n" % r for r in rows if r[0] < end))
    return "%d" % end


def scenario(rng, folder):
    """Lists that a key is refused for are left out: a key without use is no plan."""
    csv = os.path.join(folder, "trace.csv")
    span = arrivals(rng, csv)
    serverless, dedicated = some(rng, SERVERLESS, 1, 2), some(rng, DEDICATED, 0, 2)
    c = {"platforms": serverless + dedicated + some(rng, APIS, 0, 1), "hybrids": rng.random() < 0.4,
         "precisions": some(rng, ["bf16", "fp8"]), "gpus": some(rng, ["L4", "L40S", "H100", "RTX4090", "A100-80"], 2)}
    if not dedicated and len(c["platforms"]) == len(serverless):
        c["keep_warm"] = some(rng, [0, 1, 2, 3])
        if rng.random() < 0.5:
            c["idle_timeout_s"] = [str(s) for s in some(rng, [60, 120, 180])]
        if rng.random() < 0.4:
            c["max_replicas"] = some(rng, [3, 4, 9])
    if len(c["platforms"]) == len(serverless) + len(dedicated):
        if rng.random() < 0.4:
            c["max_num_seqs"] = some(rng, [8, 64, 256])
        if rng.random() < 0.4:
            c["max_num_batched_tokens"] = some(rng, [512, 4096, 8192])
    slo = {"ttft_p95_s": str(rng.choice((0.3, 1, 2, 5, 20, 60)))}
    if rng.random() < 0.3:
        slo["cold_fraction"] = str(rng.choice((0.01, 0.05, 0.2)))
    return {"keepwarm": 1, "trace": {"file": csv, "from_s": "0", "to_s": span}, "model": "llama-3.1-8b", "slo": slo,
            "replications": rng.choice((1, 3, 6)), "seed": rng.randint(1, 999), "candidates": c}


def plan(keepwarm, path, *options):
    run = subprocess.run([keepwarm, "plan", path, "--json", "-q", *options], capture_output=True, text=True)
    return run.returncode, run.stderr, json.loads(run.stdout) if run.returncode in (0, 3, 4) and run.stdout else None


def plain(text):
    """What tells twins apart is of those shown, and an exhaustive plan shows more."""
    return re.sub(r" \[[^]]*\]", "", text or "")


FIGURES = re.compile(r"_(s|p50|p95|p99|lo|hi|month|mtok|fraction|window|rps)$|^(cost|utilisation|attainment|feasible$|miss$|starts)")


def figures(point, intervals):
    return {k: v for k, v in point.items() if FIGURES.search(k) and (intervals or not k.endswith(("_lo", "_hi")))}


def whole(point):
    return json.dumps([point["deployments"], point.get("routing"), plain(point["label"])], sort_keys=True)


def named(answer, which):
    return answer["points"][answer[which]] if answer[which] >= 0 else None


def differences(a, b):
    """Of the search's answer a and the exhaustive one b, in words."""
    wrong = []
    for key in ("recommendation", "why", "tie", "thin"):
        if plain(str(a[key])) != plain(str(b[key])):
            wrong.append((key, a[key], b[key]))
    for which in ("best", "runner_up", "nearest_miss"):
        x, y = named(a, which), named(b, which)
        if (x is None) != (y is None) or (x and (plain(x["label"]), figures(x, True)) != (plain(y["label"]), figures(y, True))):
            wrong.append((which, x and x["label"], y and y["label"],
                          x and y and {k: (x[k], y[k]) for k in figures(x, True) if x[k] != y.get(k)}))
    full = {whole(p): p for p in b["points"]}
    for p in a["points"]:
        q = full.get(whole(p))
        if q and figures(p, False) != figures(q, False):
            wrong.append(("point", p["label"], {k: (v, q[k]) for k, v in figures(p, False).items() if v != q[k]}))
    for answer in (a, b):
        n = answer["search"]
        if n["bounded"] + n["stopped"] + n["simulated"] != n["candidates"] or n["raced"] > n["simulated"]:
            wrong.append(("counts", n))
    if b["search"]["simulated"] != b["search"]["candidates"] or a["search"]["candidates"] != b["search"]["candidates"]:
        wrong.append(("candidates", a["search"], b["search"]))
    return wrong


def in_result(path):
    """The counts that the HDF5 file keeps; {} without h5py."""
    if not h5py:
        return {}
    with h5py.File(path) as f:
        kept = {k[len("search_"):]: int(v) for k, v in f.attrs.items() if k.startswith("search_")}
    return kept or {"none": True}


def main():
    seed, n = sys.argv[1], int(sys.argv[2])
    keepwarm = sys.argv[3] if len(sys.argv) > 3 else os.environ.get("KEEPWARM", "build/keepwarm")
    passed = failed = refused = infeasible = 0
    spared = total = 0
    with tempfile.TemporaryDirectory() as folder:
        path, result = os.path.join(folder, "scenario.json"), os.path.join(folder, "result.h5")
        i = -1
        while passed + failed < n + 1:
            rng = random.Random("%s/%d" % (seed, i))
            if i < 0:
                with open(EXAMPLE) as f:
                    s = json.load(f)
                s["trace"].update({"from_s": "36000", "to_s": "36600"})
                s["replications"] = 1
                s.pop("sweep")
                if n < 100:
                    s["candidates"] = {"platforms": ["modal", "lambda", "bedrock"], "gpus": ["L4", "H100"], "keep_warm": [0, 1]}
            else:
                s = scenario(rng, folder)
            with open(path, "w") as f:
                json.dump(s, f)
            code, err, a = plan(keepwarm, path, "-o", result)
            what = "the example" if i < 0 else "scenario %s/%d" % (seed, i)
            i += 1
            if code == 2 and i > 0:
                refused += 1
                continue
            code2, err2, b = plan(keepwarm, path, "--exhaustive")
            wrong = [("exit status", code, code2, err, err2)] if code != code2 or not a or not b else differences(a, b)
            if not wrong and (kept := in_result(result)) != {k: a["search"].get(k) for k in kept}:
                wrong = [("counts in the result", kept, a["search"])]
            if wrong:
                failed += 1
                print("FAIL %s: %s" % (what, json.dumps(s)))
                for w in wrong[:5]:
                    print("    ", *w)
                continue
            passed += 1
            infeasible += a["best"] < 0
            spared += b["search"]["runs"] - a["search"]["runs"]
            total += b["search"]["runs"]
    print("%d plans, %d where nothing meets the objectives, %d drawn and refused; %d of %d runs spared" %
          (passed + failed, infeasible, refused, spared, total))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
