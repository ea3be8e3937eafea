#!/usr/bin/python3
"""make bench: every speed of DESIGN section 10 in one run on this machine, beside the peers' figures and the marks.

Peers' figures are those of PEERS.md (measured side by side on another 2-core machine, or claimed by their authors): they
give the scale, the ratios within this run are what to trust. Usage: bench.py BUILD_DIR"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

build = sys.argv[1] if len(sys.argv) > 1 else "build"
rows = []


def row(what, ours, peer, mark):
    rows.append((what, ours, peer, mark))
    print(f"  {what:<44} {ours:>17}  {peer:<24} {mark}", flush=True)


def out(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wall(*command):
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


print(f"  {'what':<44} {'ours':>17}  {'peer':<24} mark")
print("  " + "-" * 97)

mm1 = float(re.search(r"([\d.]+) M customers/s", out(f"{build}/tests/bench/bench_mm1", "20"))[1])
row("M/M/1 on the event queue", f"{mm1:.1f} M cust/s", "cimba 5.65 M", ">= 15 M a core")
try:
    simpy = float(re.search(r"([\d.]+) M customers/s", out("/usr/bin/python3", "tests/bench/bench_mm1_simpy.py"))[1])
    row("  the same in SimPy, this run", f"{simpy:.2f} M cust/s", "", f"ratio {mm1 / simpy:.0f} x")
except subprocess.CalledProcessError:
    row("  the same in SimPy", "not installed", "python3-simpy", "")

fleet = out(f"{build}/tests/bench/bench_fleet", "full")
line = re.compile(r"^(.*?)\s{2,}(\d+) requests\s+(\d+) iterations.*?([\d.]+) M requests/s\s+([\d.]+) M iterations/s"
                  r"\s+(\d+) ns/request\s+(\d+) ns/event", re.M)
runs = {m[1].strip(): m for m in line.finditer(fleet)}
jump, each = runs["4 replicas, round robin, jump"], runs["4 replicas, round robin, each"]
row("Azure conversation hour, 4 replicas", f"{float(jump[4]):.2f} M req/s", "splitwise-sim 1,002 req/s", ">= 3 M a core")
row("  least outstanding", f"{float(runs['4 replicas, least outstanding, jump'][4]):.2f} M req/s", "BLIS 224, Vidur 147", "")
row("  engine iterations, jumps", f"{float(jump[5]):.0f} M it/s", "Vidur 7.9 k", "")
row("  every step through the scheduler", f"{float(each[5]):.0f} M it/s", "prototype 210 M", f"jump {float(jump[4]) / float(each[4]):.0f} x faster")
for n in ("4", "64", "1000"):
    m = runs[f"{n} replicas, least outstanding"]
    row(f"cost of an event at {n} replicas", f"{m[7]} ns", "SimFaaS 71k -> 20k req/s" if n == "1000" else "",
        "independent of replicas" if n == "1000" else "")
m = re.search(r"^(10 M requests.*?)\s{2,}(\d+) requests.*?([\d.]+) M requests/s", fleet, re.M)
memory = re.search(r"peak memory (\d+) MiB", fleet)
if m and memory:
    row("10 million requests in one run", f"{float(m[3]):.2f} M req/s", "", "")
    row("  peak memory", f"{memory[1]} MiB", "", "100 M within 4 GiB")

with tempfile.TemporaryDirectory() as tmp:
    scenario = os.path.join(tmp, "sweep.json")
    with open(scenario, "w") as f:
        f.write('{"keepwarm": 1, "trace": {"file": "workloads/azure-conv.json"}, "model": "llama-3.1-8b", "replications": 8,'
                ' "slo": {"ttft_p95_s": "2"}, "deployments": [{"name": "main", "platform": "modal", "gpu": "H100",'
                ' "max_replicas": 8}], "sweep": {"deployments[main].keep_warm": [0, 1, 2, 3, 4],'
                ' "deployments[main].idle_timeout_s": ["30", "60", "120", "300"]}}')
    command = [f"{build}/keepwarm", "sweep", scenario, "-q"]
    info = out(f"{build}/keepwarm", "trace", "info", "workloads/azure-conv.json")
    requests = int(re.search(r"requests\s+([\d,]+)", info)[1].replace(",", "")) * 8 * 20
    one, two = (min(wall(*command, "-j", str(j)) for _ in range(3)) for j in (1, 2))
    row("sweep, 20 configurations x 8 replications", f"{requests / one / 1e6:.2f} M req/s", "", ">= 1 M candidate-req/s")
    row("  2 threads against 1", f"{one / two:.2f} x", "", "efficiency >= 95 %")

read = out(f"{build}/tests/bench/bench_read", "1000000")
logs = re.findall(r"^(\w.*?)\s{2,}(\d+) rows of (\d+) bytes\s+(\d+) MB/s.*?peak (\d+) MiB\n.*?copying (\d+) MB/s, +counting lines (\d+)", read, re.M)
marks = {"JSON lines, nested usage": ">= 300 MB/s a core", "LiteLLM CSV": ">= 500 MB/s a core"}
for name, n, size, rate, peak, copy, lines in logs:
    row(f"log read: {name}", f"{rate} MB/s", f"as wc -l: {lines} MB/s", marks[name])
    row(f"  {int(n):,} rows of {size} bytes, peak memory", f"{peak} MiB", f"copying: {copy} MB/s", "")

# Settings of every serverless offer and the engine's limits; the pairs and other settings that the search adds count too.
began = time.monotonic()
searched = json.loads(out(f"{build}/keepwarm", "plan", "tests/bench/wide.json", "--json", "-q", "-j", "2"))["search"]
took = time.monotonic() - began
row(f"plan of {searched['candidates']:,} candidates, embedded week", f"{searched['candidates'] / took:.0f} cand/s", "",
    f">= 167 on 2 cores ({took:.0f} s, {searched['runs']} runs)")
