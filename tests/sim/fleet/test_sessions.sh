#!/bin/bash
# tests/sim/fleet/test_sessions.sh - closed-loop sessions against sessions_model.py; answers that are not in the cache are found;
# stepping, threads, sweeps and files change nothing; turns that are lost are followed all the same; who cannot replay them says so.
cd "$(dirname "$0")/../../.." || exit 1
. tests/checks.bash

if command -v h5dump >/dev/null; then
    exits "as the model has it" 0 python3 "$repo/tests/sim/fleet/sessions_model.py" "$work" 14
    exits "answers that nobody keeps" 1 python3 "$repo/tests/sim/fleet/sessions_model.py" "$work" 2 --break
else
    skipped=$((skipped + 2))
fi

cat >w.json <<'END'
{ "keepwarm_workload": 1, "name": "chats", "duration_s": "1800", "seed": 1, "arrivals": { "law": "poisson", "rate_per_s": 0.4 },
  "tokens": { "p": [0, 0.5, 1], "prompt": [5, 60, 400], "output": [10, 250, 900] },
  "sessions": { "turns": { "quantiles": { "0.1": "1", "0.5": "3", "0.99": "12" } }, "think_s": { "lognormal": { "p50": "20", "p95": "90" } },
                "shared_tokens": 1000, "most_tokens": 8000 } }
END
cat >s.json <<'END'
{ "keepwarm": 1, "trace": { "file": "w.json" }, "model": "llama-3.1-8b", "replications": 1, "seed": 3,
  "deployments": [ { "name": "main", "platform": "crusoe", "gpu": "H100-80GB", "precision": "bf16", "tp": 1, "replicas": 3 } ] }
END
figure() { tr '\t\n' '  ' <"$2" | grep -o "\"$1\": *[^,]*" | head -1 | grep -o '[0-9.e-]*$'; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a + 0 < b + 0) }'; }
exits "told of the trace" 0 keepwarm trace info w.json
says "told of the trace" out "turns each; a turn comes"
exits "kept" 0 keepwarm trace convert w.json -o w.h5
exits "run" 0 keepwarm run s.json -q --json
cp out run.out
exits "each step" 0 keepwarm run s.json -q --json --set stepping=each
cmp -s <(sed '/stepping/d;/command/d' out) <(sed '/stepping/d;/command/d' run.out) && ok || bad "stepping changes something"
exits "one thread" 0 keepwarm run s.json -q --json -j 1
cmp -s out run.out && ok || bad "one thread and several differ"
exits "from HDF5" 0 keepwarm run s.json -q --json --set trace.file=w.h5
[ "$(figure ttft_p95_s out)" = "$(figure ttft_p95_s run.out)" ] && ok || bad "the file of the trace tells another TTFT"
exits "by prefix" 0 keepwarm run s.json -q --json --set 'deployments[main].balance=prefix'
less "$(figure prefix_hit run.out)" "$(figure prefix_hit out)" && ok || bad "routing by prefix finds less: $(figure prefix_hit run.out) to $(figure prefix_hit out)"
exits "swept" 0 keepwarm sweep s.json -q --csv --set 'sweep={"deployments[main].balance": ["prefix", "round_robin"]}'
[ "$(grep -c '^' out)" = 3 ] && ok || bad "a sweep has $(grep -c '^' out) lines, want 3"
# Turns that are lost, on an API, and of a queue that nothing will ever serve: conservation is checked in every run.
exits "in part lost" 3 keepwarm run s.json -q --json --set 'deployments[main].replicas=1' --set 'deployments[main].request_timeout_s="3"'
[ "$(figure error_fraction out)" != 0 ] && ok || bad "nobody was lost"
exits "an API" 0 keepwarm run s.json -q --json --set 'deployments=[{"platform": "groq"}]'
exits "stopped" 3 keepwarm run s.json -q --json --set start=empty --set 'deployments=[{"platform": "together-dedicated", "gpu": "H100-80GB", "precision": "bf16", "keep_warm": 0, "max_replicas": 1}]'
says "stopped" err "not one of 2907 requests completes: 2907 rejected"
exits "no plan" 2 keepwarm plan s.json -q
says "no plan" err "turns come when the answers before them end (run and sweep replay such)"
exits "no prewarm" 2 keepwarm run s.json -q --set 'deployments=[{"platform": "modal", "gpu": "H100-80GB", "precision": "bf16", "prewarm": {"forecast": "oracle"}}]'
says "no prewarm" err "prewarm: the trace is of sessions"
exits "no fit" 2 keepwarm trace fit w.json -o f.json
exits "made again" 0 keepwarm run s.json -q -o r.h5
exits "made again" 0 keepwarm rerun r.h5 -q
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
