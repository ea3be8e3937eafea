"""tests/sim/watch/alarms.py - hours of traffic for tests/sim/watch/alarms.c: lines "NAME FIRST_HOUR VALUE REQUESTS VALUE ...".
Of public traces in $KEEPWARM_DATA/traces, and of weeks that `keepwarm trace synth` draws from models fitted to such."""
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile

data = os.environ.get("KEEPWARM_DATA", "../shared/data") + "/traces"
keepwarm = os.environ.get("KEEPWARM", "build/keepwarm")
MONDAY = 24 * 4  # 1970-01-05 00:00


def show(name, hours):
    print(name, MONDAY, " ".join("%.9g %d" % h for h in hours))


def of_requests(rows, n):
    """rows: (arrival in s, prompt, output); an output token costs four times as much as one of input."""
    cost, count = [0.0] * n, [0] * n
    for at, prompt, output in rows:
        h = int(at // 3600)
        if h < n:
            cost[h] += (prompt + 4 * output) * 1e-6
            count[h] += 1
    return list(zip(cost, count))


def per_request(hours):
    last = 0.0
    for cost, n in hours:
        last = cost / n if n else last
        yield last, n


rates = {}
with gzip.open(data + "/servegen_m-large_rates.csv.gz", "rt") as f:
    for r in csv.DictReader(f):
        hours = rates.setdefault(int(r["client_id"]), [0.0] * 336)
        hours[int(r["window_start_s"]) // 3600] += float(r["rate_per_s"]) * 600
groups = [("servegen-all", list(rates))] + [("servegen-group%d" % k, [c for c in rates if c % 10 == k]) for k in range(10)]
for name, clients in groups:
    total = [sum(rates[c][h] for c in clients) for h in range(336)]
    show(name, [(v * 1e-3, int(v)) for v in total])
with gzip.open(data + "/derived_servegen_m-large_c92_14d.csv.gz", "rt") as f:
    rows = [(float(r["arrival_s"]), int(r["input_tokens"]), int(r["output_tokens"])) for r in csv.DictReader(f)]
hours = of_requests(rows, 336)
show("servegen-c92", hours)
show("servegen-c92/request", per_request(hours))
for name in sys.argv[1:]:
    rows = []
    with tempfile.TemporaryDirectory() as tmp:
        for k in range(int(os.environ.get("WEEKS", "8"))):
            subprocess.run([keepwarm, "trace", "synth", "workloads/models/%s.json" % name, "--seed", str(100 + k), "-o", tmp + "/t.h5"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            answer = subprocess.run([keepwarm, "watch", tmp + "/t.h5", "--json", "-q"], check=True,
                                    capture_output=True, text=True).stdout
            hours = json.loads(answer)["hours"][:168]
            rows += [(h["tokens"] * 1e-6, h["requests"]) for h in hours] + [(0.0, 0)] * (168 - len(hours))
    show(name, rows)
    show(name + "/request", per_request(rows))
