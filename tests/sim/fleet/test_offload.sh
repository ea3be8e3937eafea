#!/bin/bash
# tests/sim/fleet/test_offload.sh - kv_offload of a scenario: hits by tier are told and kept, single steps agree, a tier of nothing is
# no tier, one that holds all finds what a cache that holds all finds, and what makes no sense is refused in a line.
cd "$(dirname "$0")/../../.." || exit 1
. tests/checks.bash

# Three prompts of 4,096 tokens in turn, more than the GPU's 300 blocks of 16 hold.
for i in $(seq 0 29); do
    echo "{\"timestamp\": $((i * 3000)), \"input_length\": 4096, \"output_length\": 20, \"hash_ids\": [$(seq -s', ' $((i % 3 * 8)) $((i % 3 * 8 + 7)))]}"
done >turns.jsonl
cat >s.json <<'END'
{ "keepwarm": 1, "trace": { "file": "turns.jsonl", "format": "mooncake" }, "model": "llama-3.1-8b", "start": "empty", "replications": 1,
  "deployments": [ { "name": "main", "platform": "lambda", "gpu": "1x H100 SXM", "precision": "fp8", "tp": 1, "replicas": 1,
                     "scheduler": { "num_blocks": 300 } } ] }
END
with() { # FILE TIER [SCHEDULER]
    python3 - "$@" <<'END'
import json, sys
s = json.load(open("s.json"))
s["deployments"][0]["kv_offload"] = json.loads(sys.argv[2])
s["deployments"][0]["scheduler"].update(json.loads(sys.argv[3]) if len(sys.argv) > 3 else {})
json.dump(s, open(sys.argv[1], "w"))
END
}
figure() { tr '\t\n' '  ' <"$2" | grep -o "\"$1\": *[0-9.e-]*" | head -1 | sed 's/.*: *//'; }
less() { awk -v a="$2" -v b="$3" 'BEGIN { exit !(a != "" && b != "" && a + 0 < b + 0) }' && ok || bad "$1: $2, want less than $3"; }
same() { [ -n "$2" ] && [ "$2" = "$3" ] && ok || bad "$1: $2, want $3"; }

exits "no tier" 0 keepwarm run s.json -q --json
cp out none
with h.json '{"host_gib": 20, "gb_per_s": "50", "latency_us": 20}'
exits "a tier" 0 keepwarm run h.json -q --json -o h.h5
cp out host
# 27 of 30 prompts find all their blocks but the last, 255 of 256, in the host's memory: 110,160 of 122,880 tokens.
same "tokens loaded" "$(figure host_tokens host)" 110160
same "host hits are all hits" "$(figure host_hit host)" "$(figure prefix_hit host)"
less "TTFT p50" "$(figure ttft_p50_s host)" "$(figure ttft_p50_s none)"
exits "in words" 0 keepwarm run h.json -q
says "in words" out "prompt tokens loaded from the host's memory"
says "in words" out "KV blocks in 20 GiB of the host"
cp out jump
exits "single steps" 0 keepwarm run h.json -q --set stepping=each
cmp -s out jump && ok || bad "single steps give other figures: $(diff out jump | head -3)"
exits "no tier, in words" 0 keepwarm run s.json -q
grep -q "host's memory" out && bad "without a tier one is told" || ok

with zero.json '{"host_gib": 0, "gb_per_s": 50}'
exits "a tier of nothing" 0 keepwarm run zero.json -q --json
for f in ttft_p50_s ttft_p95_s e2e_p99_s; do same "a tier of nothing, $f" "$(figure $f out)" "$(figure $f none)"; done
with all.json '{"host_gib": 100000, "gb_per_s": 50}'
exits "a tier without end" 0 keepwarm run all.json -q --json
hit=$(figure prefix_hit out)
exits "a cache without end" 0 keepwarm run s.json -q --json --set 'deployments[main].scheduler.num_blocks=1000000'
same "hits of both" "$hit" "$(figure prefix_hit out)"

refused() { # WHAT TEXT TIER [SCHEDULER]
    with bad.json "$3" "${4:-{\}}"
    exits "$1" 2 keepwarm run bad.json -q
    says "$1" err "$2"
    [ "$(wc -l <err)" = 1 ] && ok || bad "$1: more than a line"
}
refused "no size" "deployments[0].kv_offload: state host_gib" '{"gb_per_s": 50}'
refused "no speed" "deployments[0].kv_offload: state gb_per_s" '{"host_gib": 20}'
refused "a negative size" "kv_offload.host_gib" '{"host_gib": -1, "gb_per_s": 50}'
refused "no bandwidth" "kv_offload.gb_per_s" '{"host_gib": 20, "gb_per_s": 0}'
refused "a word" "kv_offload.latency_us" '{"host_gib": 20, "gb_per_s": 50, "latency_us": "soon"}'
refused "an unknown key" "kv_offload.disk_gib: unknown key" '{"host_gib": 20, "gb_per_s": 50, "disk_gib": 5}'
refused "prefix caching off" "the prefix cache, which is off" '{"host_gib": 20, "gb_per_s": 50}' '{"prefix_caching": false}'
refused "another scheduler" "only the schedulers vllm and sarathi" '{"host_gib": 20, "gb_per_s": 50}' '{"policy": "static"}'
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
