#!/bin/bash
# tests/sim/cli/test_fit_requests.sh - calibrate fit --requests: keepwarm serves a load from a known profile, writes down what clients would have
# seen, as a log and as the result files of three load tests have it, and finds the profile's steps in it again.
cd "$(dirname "$0")/../../.." || exit 1
. tests/checks.bash
unset KEEPWARM_PROFILES

cat >s.json <<'J'
{ "keepwarm": 1, "trace": { "file": "t.csv" }, "model": "llama-3.1-8b",
  "deployments": [ { "name": "main", "platform": "runpod-secure", "gpu": "H100", "precision": "bf16", "tp": 1, "replicas": 1 } ] }
J
/usr/bin/python3 - <<'PY' || exit 1
import math, random
random.seed(3)
t = 0
with open("t.csv", "w") as f: # a load that grows to 15 requests a second and falls
    f.write("at,in,out\n")
    while t < 160:
        t += random.expovariate(1 + 14 * math.sin(math.pi * t / 160))
        f.write(f"{t:.6f},{int(64 * math.exp(3 * random.random()))},{int(20 * math.exp(3 * random.random()))}\n")
PY
sed -i 's/"t.csv"/"t.csv", "columns": "arrival=at,prompt=in,output=out,unit=s"/' s.json
exits "the known profile serves" 0 keepwarm run s.json -q --records -o r.h5
keepwarm run s.json -q --json >known.json || exit 1
/usr/bin/python3 - <<'PY' || exit 1
import h5py, json
r = {k: v[:] for k, v in h5py.File("r.h5")["requests"].items()}
assert (r["status"] == 0).all()
n = len(r["ttft_ns"])
a, first, e2e = r["arrival_ns"] / 1e9, r["ttft_ns"] / 1e9, r["e2e_ns"] / 1e9
p, o = r["prompt_tokens"].tolist(), r["output_tokens"].tolist()
with open("log.csv", "w") as f:
    f.write("arrival,prompt_tokens,completion_tokens,ttft,e2e\n")
    for i in range(n): f.write(f"{a[i]:.6f},{p[i]},{o[i]},{first[i]:.6f},{e2e[i]:.6f}\n")
gap = [(e2e[i] - first[i]) / max(1, o[i] - 1) for i in range(n)]
json.dump({"start_times": a.tolist(), "input_lens": p, "output_lens": o, "ttfts": first.tolist(), "errors": [""] * n,
           "itls": [[g] * (k - 1) for g, k in zip(gap, o)]}, open("vllm.json", "w"))
json.dump({"benchmarks": [{"requests": {"successful": [
    {"request_start_time": 1e9 + a[i], "time_to_first_token_ms": 1e3 * first[i], "request_latency": e2e[i], "prompt_tokens": p[i],
     "output_tokens": o[i]} for i in range(n)], "errored": []}}]}, open("guidellm.json", "w"))
with open("aiperf.jsonl", "w") as f:
    for i in range(n):
        at = int((1e9 + a[i]) * 1e9)
        f.write(json.dumps({"metadata": {"request_start_ns": at, "request_end_ns": at + int(1e9 * e2e[i]), "benchmark_phase": "profiling"},
                            "metrics": {"time_to_first_token": {"value": 1e3 * first[i], "unit": "ms"},
                                        "input_sequence_length": {"value": p[i], "unit": "tokens"},
                                        "output_sequence_length": {"value": o[i], "unit": "tokens"}}}) + "\n")
PY

: >laws
fitted() { # NAME FILE OPTION...
    name=$1 file=$2
    shift 2
    exits "$name" 0 keepwarm calibrate fit --requests "$file" --gpu H100 --model llama-3.1-8b -q -o "fit-$name.json" "$@"
    cp out "$name.report"
    says "$name: the law" out "a step takes (95 %)"
    says "$name: the other half" out "TPOT of the other half: off by"
    grep 'by itself' out >>laws
}
fitted log log.csv --columns arrival=arrival,ttft=ttft:s,e2e=e2e:s,prompt=prompt_tokens,output=completion_tokens,unit=s
fitted vllm vllm.json
fitted guidellm guidellm.json
fitted aiperf aiperf.jsonl
/usr/bin/python3 - <<'PY' && ok || bad "the four forms give one law: $(cat laws)"
v = [float(line.split()[2]) for line in open("laws")]
assert len(v) == 4 and max(v) < 1.002 * min(v), v
PY

# What it says of a step is what the server took: the same load, simulated from it, ends alike.
exits "it serves" 0 keepwarm run s.json -q --profile fit-log.json --json
/usr/bin/python3 - <<'PY' && ok || bad "a load served from the fitted profile is the known one's"
import json
known, ours = (json.load(open(f))["points"][0] for f in ("known.json", "out"))
for key in ("tpot_p50_s", "tpot_p95_s", "e2e_p50_s", "e2e_p95_s"):
    assert abs(ours[key] / known[key] - 1) < 0.03, (key, ours[key], known[key])
PY
exits "shown" 0 keepwarm calibrate show fit-log.json
says "shown as measured" out "step times measured"
says "shown with its file" out "log.csv (sha256"
exits "as a base" 0 keepwarm calibrate fit --requests vllm.json --profile fit-log.json -q -o again.json
says "as a base, KV cache and limits stay" out "KV cache, limits and loading are as of"

refused() { # NAME TEXT ARGUMENT...
    name=$1 text=$2
    shift 2
    exits "$name" 2 keepwarm calibrate fit "$@" -o no.json
    says "$name" err "$text"
    [ ! -e no.json ] && ok || bad "$name: something was written"
}
refused "no GPU" "wants --gpu and --model, or --profile" --requests log.csv
refused "a profile and a GPU" "give it or them" --requests log.csv --profile fit-log.json --gpu H100
refused "points and requests" "give one" --requests log.csv points.jsonl
refused "neither" "calibrate fit wants POINTS.jsonl" --gpu H100
refused "a model without requests" "calibrate fit wants POINTS.jsonl" points.jsonl --model llama-3.1-8b
head -30 log.csv >few.csv
columns="arrival=arrival,ttft=ttft:s,e2e=e2e:s,prompt=prompt_tokens,output=completion_tokens,unit=s"
refused "a few" "few.csv: 29 answers of 8 tokens" --requests few.csv --columns "$columns" --gpu H100 --model llama-3.1-8b -q
cut -d, -f1-3 log.csv >untold.csv
refused "no times" "untold.csv: 0 answers of 8 tokens" --requests untold.csv --gpu H100 --model llama-3.1-8b -q
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
