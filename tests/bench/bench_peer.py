#!/usr/bin/python3
"""bench_peer.py BUILD_DIR - the CPU backend beside llama.cpp on this machine, in turns, on the very same random weights.

Nothing is fetched or built here. LLAMA_BENCH names a llama-bench that somebody built (llama-batched-bench beside it is used
where it is there); without it one line says that this is skipped. The model's files are made once in PEER_DIR (default
/tmp/keepwarm-peer; about 2.5 GB a precision for llama-3.2-1b). Also: PEER_MODEL, PEER_PRECISIONS ("bf16 fp16"), PEER_ROUNDS,
PEER_THREADS, PEER_BATCHES ("4 8"). Each figure is the median of the rounds."""
import json
import os
import re
import statistics
import subprocess
import sys

build = sys.argv[1] if len(sys.argv) > 1 else "build"
bench = os.environ.get("LLAMA_BENCH", "")
folder = os.environ.get("PEER_DIR", "/tmp/keepwarm-peer")
model = os.environ.get("PEER_MODEL", "llama-3.2-1b")
threads = os.environ.get("PEER_THREADS", str(os.cpu_count()))
rounds = int(os.environ.get("PEER_ROUNDS", "3"))
batches = os.environ.get("PEER_BATCHES", "4 8").split()
PAST, STEPS = 16, 32  # of the batched rows: tokens in each sequence's cache, decode steps
GGUF = {"bf16": "bf16", "fp16": "f16"}


def run(*command):
    r = subprocess.run(command, capture_output=True, text=True)
    if r.returncode:
        sys.exit(f"bench_peer.py: {' '.join(command)} failed:\n{r.stderr[-2000:]}")
    return r.stdout


def files():
    """The checkpoint, and the GGUF of each precision."""
    checkpoint = f"{folder}/{model}"
    os.makedirs(folder, exist_ok=True)
    if not os.path.exists(f"{checkpoint}/config.json"):
        run(f"{build}/keepwarm", "engine", "synth-weights", "--model", model, "-o", checkpoint, "-q")
    gguf = {}
    for p in os.environ.get("PEER_PRECISIONS", "bf16 fp16").split():
        gguf[p] = f"{folder}/{model}-{p}.gguf"
        if not os.path.exists(gguf[p]):
            run(sys.executable, os.path.join(os.path.dirname(__file__), "../engine/make_peer_model.py"), checkpoint, gguf[p] + ".part", GGUF[p])
            os.rename(gguf[p] + ".part", gguf[p])
    return checkpoint, gguf


def ours(checkpoint, precision):
    """{row: (tokens a second, bytes a step)} and the machine's bandwidth."""
    common = (f"{build}/keepwarm", "engine", "bench", "--model", checkpoint, "--backend", "cpu", "--precision", precision, "-q", "--json",
              "-j", threads, "--max-model-len", "1024", "--max-num-seqs", "64")
    out, bandwidth = {}, 0
    for name, options in (("pp512", ("--prefill", "512", "--batch", "1", "--context", "0", "--repeat", "128")),
                          ("batch", ("--prefill", "1", "--batch", ",".join(batches), "--context", str(PAST + STEPS // 2), "--repeat", str(STEPS)))):
        r = json.loads(run(*common, *options))
        bandwidth = max(bandwidth, r["bandwidth"])
        for row in r["rows"]:
            key = row["test"] if row["test"].startswith("pp") else "tg" if name == "pp512" else f"tg x{row['batch']}"
            out[key] = (row["tokens_per_s"], row["bytes"])
    return out, bandwidth


def theirs(gguf):
    out = {}
    r = run(bench, "-m", gguf, "-t", threads, "-p", "512", "-n", "128", "-r", "1", "-o", "json")
    for row in json.loads(r):
        out["pp512" if row["n_prompt"] else "tg"] = row["avg_ts"]
    commit = json.loads(r)[0]["build_commit"]
    batched = os.path.join(os.path.dirname(bench), "llama-batched-bench")
    if os.path.exists(batched):
        r = run(batched, "-m", gguf, "-t", threads, "-c", "2048", "-npp", str(PAST), "-ntg", str(STEPS), "-npl", ",".join(batches),
                "--output-format", "jsonl")
        for line in re.findall(r"\{.*\}", r):
            row = json.loads(line)
            out[f"tg x{row['pl']}"] = row["speed_tg"]
    return out, commit


def main():
    if not os.access(bench, os.X_OK):
        print("  llama.cpp: skipped (LLAMA_BENCH=/path/to/llama-bench names none)")
        return
    checkpoint, gguf = files()
    for p in gguf:  # a precision is printed when it is done
        got, bandwidth, commit = {}, [], "?"
        for _ in range(rounds):
            a, rate = ours(checkpoint, p)
            b, commit = theirs(gguf[p])
            bandwidth.append(rate)
            for key in a.keys() & b.keys():
                got.setdefault(key, []).append((a[key][0], b[key], a[key][1]))
        print(f"  {model} in {p}, {threads} threads, {rounds} rounds in turns, llama.cpp {commit}; memory reads at "
              f"{statistics.median(bandwidth) / 1e9:.1f} GB/s")
        print(f"  {'':<8} {'ours tok/s':>11} {'GB/s':>6} {'llama.cpp':>11} {'GB/s':>6} {'ratio':>6}   spread of the ratio")
        for key, v in sorted(got.items(), key=lambda kv: (len(kv[0]), kv[0])):
            x, y = (statistics.median(r[i] for r in v) for i in (0, 1))
            ratios = [r[0] / r[1] for r in v]
            n = int(key.split("x")[1]) if "x" in key else 1
            rate = ["" if key == "pp512" else f"{t / n * v[0][2] / 1e9:.1f}" for t in (x, y)]
            print(f"  {'tg128' if key == 'tg' else key:<8} {x:>11.2f} {rate[0]:>6} {y:>11.2f} {rate[1]:>6} {statistics.median(ratios):>6.2f}   "
                  f"{min(ratios):.2f} to {max(ratios):.2f}", flush=True)


if __name__ == "__main__":
    main()
