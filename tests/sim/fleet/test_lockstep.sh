#!/bin/bash
# tests/sim/fleet/test_lockstep.sh - ranks that step together against lockstep_model.py; a rank that does not wait is found; what
# a group of ranks is billed, told and kept in results as.
cd "$(dirname "$0")/../../.." || exit 1
. tests/checks.bash

if command -v h5dump >/dev/null; then
    exits "as the model has it" 0 python3 "$repo/tests/sim/fleet/lockstep_model.py" "$work" 12
    exits "a rank that waits for nobody" 1 python3 "$repo/tests/sim/fleet/lockstep_model.py" "$work" 2 --break
else
    skipped=$((skipped + 2))
fi

awk 'BEGIN { print "arrival,prompt,output"
    for (i = 0; i < 200; i++) printf "%.2f,%d,%d\n", i * 0.21, 100 + i * 7 % 900, 20 + i * 13 % 90 }' >t.csv
moe() { # TP DP EP REPLICAS
    cat <<END
{ "keepwarm": 1, "trace": { "file": "t.csv" }, "model": "qwen3-30b-a3b", "replications": 1,
  "deployments": [ { "name": "main", "platform": "crusoe", "gpu": "H100-80GB", "tp": $1, "dp": $2, "ep": $3, "replicas": $4 } ] }
END
}
moe 1 1 1 2 >two.json
moe 1 2 2 1 >dp.json
moe 1 2 1 1 >sliced.json
moe 2 1 2 1 >whole.json
cost() { tr '\t\n' '  ' <"$1" | grep -o '"cost_usd_month":[^,]*' | head -1; }
exits "two replicas" 0 keepwarm run two.json -q --json
cp out two.out
exits "two ranks" 0 keepwarm run dp.json -q --json -o dp.h5
[ -n "$(cost out)" ] && [ "$(cost out)" = "$(cost two.out)" ] && ok || bad "two ranks are billed as $(cost out), two replicas as $(cost two.out)"
tr '\t' ' ' <out >flat
says "two ranks" flat '"tp": 1, "dp": 2, "ep": 2'
exits "priced anew" 0 keepwarm reprice dp.h5 --json
tr '\t' ' ' <out >flat
says "priced anew" flat '"tp": 1, "dp": 2, "ep": 2'
exits "made again" 0 keepwarm rerun dp.h5 -q
says "made again" out "1 replica of tp 1 dp 2 ep 2"
tpot() { tr '\t\n' '  ' <out | grep -o '"tpot_p50_s":[^,]*' | head -1; }
exits "whole" 0 keepwarm run dp.json -q --json
whole=$(tpot)
exits "sliced" 0 keepwarm run sliced.json -q --json
[ -n "$whole" ] && [ "$(tpot)" != "$whole" ] && ok || bad "experts sliced take what whole ones take"
exits "whole experts without ranks" 0 keepwarm run whole.json -q
says "whole experts" out "1 replica of tp 2 ep 2"
sed 's/"replicas"/"link": "pcie-5-host", "replicas"/' dp.json >slow.json
exits "over another link" 0 keepwarm run slow.json -q
says "over another link" out "link 2 x H100 over pcie-5-host"
exits "over another link" 0 keepwarm run slow.json -q --json
[ "$(tpot)" != "$whole" ] && ok || bad "a slow link changes nothing"
cat >plan.json <<END
{ "keepwarm": 1, "trace": { "file": "t.csv" }, "model": "qwen3-30b-a3b", "replications": 1, "slo": { "tpot_p95_s": "1" },
  "candidates": { "platforms": ["crusoe"], "gpus": ["H100"], "precisions": ["bf16"], "dp": [1, 2], "ep": [1, 2] } }
END
exits "a plan" 0 keepwarm plan plan.json -q --csv
for split in bf16,1,1,1 bf16,1,2,1 bf16,1,2,2; do
    grep -q ",$split," out && ok || bad "a plan does not try precision,tp,dp,ep $split"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
