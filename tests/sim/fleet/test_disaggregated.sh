#!/bin/bash
# tests/sim/fleet/test_disaggregated.sh - engines that prefill and engines that decode against disaggregated_model.py; a link that carries
# everything at once is found; what such a replica is billed, told and kept in results as; what it does to TTFT and TPOT.
cd "$(dirname "$0")/../../.." || exit 1
. tests/checks.bash

if command -v h5dump >/dev/null; then
    exits "as the model has it" 0 python3 "$repo/tests/sim/fleet/disaggregated_model.py" "$work" 12
    exits "prompts that move all at once" 1 python3 "$repo/tests/sim/fleet/disaggregated_model.py" "$work" 3 --break
else
    skipped=$((skipped + 2))
fi

awk 'BEGIN { print "arrival,prompt,output"
    for (i = 0; i < 300; i++) printf "%.2f,%d,%d\n", i * 0.17, 300 + i * 7 % 1900, 20 + i * 13 % 190 }' >t.csv
apart() { # REPLICAS DISAGGREGATED
    cat <<END
{ "keepwarm": 1, "trace": { "file": "t.csv" }, "model": "llama-3.1-8b", "replications": 4, "seed": 3,
  "deployments": [ { "name": "main", "platform": "crusoe", "gpu": "H100-80GB", "precision": "bf16", "tp": 1, "replicas": $1$2 } ] }
END
}
figure() { tr '\t\n' '  ' <"$2" | grep -o "\"$1\": *[^,]*" | head -1 | grep -o '[0-9.e-]*$'; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a + 0 < b + 0) }'; }
apart 2 '' >two.json
apart 1 ', "disaggregated": { "prefill": {}, "decode": {}, "link": "nvlink-4" }' >pd.json
apart 1 ', "disaggregated": { "prefill": {}, "decode": {}, "link": { "bandwidth_gb_s": "3", "latency_us": "100" } }' >slow.json
apart 1 ', "disaggregated": { "prefill": { "engines": 2, "tp": 2 }, "decode": { "engines": 3 }, "link": "nvlink-4" }' >more.json
for f in two pd slow more; do
    exits "$f" 0 keepwarm run $f.json -q --json
    cp out $f.out
done
[ -n "$(figure cost_usd_month pd.out)" ] && [ "$(figure cost_usd_month pd.out)" = "$(figure cost_usd_month two.out)" ] && ok ||
    bad "one engine of each kind is billed as $(figure cost_usd_month pd.out), two replicas as $(figure cost_usd_month two.out)"
[ "$(figure cost_usd_month more.out)" = "$(awk -v a="$(figure cost_usd_month pd.out)" 'BEGIN { print 3.5 * a }')" ] && ok ||
    bad "7 GPUs are billed as $(figure cost_usd_month more.out), 2 as $(figure cost_usd_month pd.out)"
less "$(figure tpot_p95_s pd.out)" "$(figure tpot_p95_s two.out)" && ok || bad "prompts stand in the way of tokens: TPOT $(figure tpot_p95_s pd.out), together $(figure tpot_p95_s two.out)"
less "$(figure ttft_p50_s two.out)" "$(figure ttft_p50_s pd.out)" && ok || bad "the way to the other engine takes no time"
less "$(figure ttft_p50_s pd.out)" "$(figure ttft_p50_s slow.out)" && ok || bad "a slow link changes nothing"
less "$(figure ttft_p50_s more.out)" "$(figure ttft_p50_s pd.out)" && ok || bad "two engines of two GPUs prefill no faster than one of one"
exits "one thread" 0 keepwarm run pd.json -q --json -j 1
cmp -s out pd.out && ok || bad "one thread and several differ"
exits "each step" 0 keepwarm run pd.json -q --json --set stepping=each
cmp -s <(sed '/stepping/d;/command/d' out) <(sed '/stepping/d;/command/d' pd.out) && ok || bad "stepping changes something"
exits "swept" 0 keepwarm sweep pd.json -q --csv --set 'sweep={"deployments[main].disaggregated.prefill.engines": [1, 2], "deployments[main].disaggregated.decode.engines": [1, 2, 3]}'
[ "$(grep -c '^' out)" = 7 ] && ok || bad "a sweep of engines has $(grep -c '^' out) lines, want 7"
exits "told" 0 keepwarm run more.json -q -o more.h5
says "told" out "1 replica of 2P3D tp 2+1"
says "told" out "2 engines of tp 2 prefill, 3 of tp 1 decode, KV cache at"
says "told" out "assumed main: the KV cache moves over NVLink 4"
tr '\t' ' ' <more.out >flat
says "told" flat '"tp": 1, "prefill_engines": 2, "prefill_tp": 2, "decode_engines": 3'
exits "a page" 0 keepwarm report more.h5 -o page.html
says "a page" page.html "the KV cache moves over"
exits "made again" 0 keepwarm rerun more.h5 -q
says "made again" out "2P3D"
exits "priced anew" 0 keepwarm reprice more.h5 --json
[ "$(figure cost_usd_month out)" = "$(figure cost_usd_month more.out)" ] && ok || bad "priced anew: $(figure cost_usd_month out), was $(figure cost_usd_month more.out)"
apart 1 ', "disaggregated": { "prefill": {}, "decode": {}, "link": "nvlink-4" }' | sed 's/"platform": "crusoe", "gpu": "H100-80GB"/"platform": "modal", "gpu": "H100"/; s/"replicas": 1/"keep_warm": 0, "max_replicas": 2/' >serverless.json
exits "serverless" 0 keepwarm run serverless.json -q
says "serverless" out "1P1D tp1+1"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
