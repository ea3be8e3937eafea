#!/bin/bash
# tests/sim/fleet/test_prefix_routing.sh - prefix-aware balancing at work: the hit rate is told, is above that of round robin, and
# the first token comes no later than with the least outstanding; jumps and single steps agree.
cd "$(dirname "$0")/../../.." || exit 1
data=$(realpath "${KEEPWARM_DATA:-../shared/data}")
. tests/checks.bash

# Conversations of a few turns, the prompt of each holding those before it; a system prompt of 512 tokens that all have.
awk 'BEGIN { srand(7); for (t = 0; t < 900; t++) { c = int(rand() * 60); n = ++turn[c]; if (n > 12) { n = turn[c] = 1; gen[c]++ }
    printf "{\"timestamp\": %d, \"input_length\": %d, \"output_length\": %d, \"hash_ids\": [0", t * 120, 512 * (1 + 3 * n), 30 + t % 50
    for (k = 1; k <= 3 * n; k++) printf ", %d", 1 + (c + 60 * gen[c]) * 1000 + k
    print "]}" } }' >turns.jsonl
scenario() { # TRACE BLOCKS
    local engine=""
    [ -n "${2:-}" ] && engine=", \"scheduler\": { \"num_blocks\": $2 }"
    cat <<END
{ "keepwarm": 1, "trace": { "file": "$1", "format": "mooncake" }, "model": "llama-3.1-8b", "start": "empty", "replications": 1,
  "deployments": [ { "name": "main", "platform": "lambda", "gpu": "1x H100 SXM", "precision": "fp8", "tp": 1, "replicas": 8$engine } ] }
END
}
figure() { tr '\t\n' '  ' <"$2" | grep -o "\"$1\": *[0-9.e-]*" | head -1 | sed 's/.*: *//'; }
less() { awk -v a="$2" -v b="$3" 'BEGIN { exit !(a != "" && b != "" && a + 0 <= b + 0) }' && ok || bad "$1: $2, want at most $3"; }
each_of() { # WHAT
    for b in round_robin least_outstanding prefix; do
        exits "$1, $b" 0 keepwarm run s.json -q --json --set "deployments[main].balance=$b"
        cp out $b.out
    done
    less "$1: TTFT p50" "$(figure ttft_p50_s prefix.out)" "$(figure ttft_p50_s least_outstanding.out)"
    less "$1: TTFT p95" "$(figure ttft_p95_s prefix.out)" "$(figure ttft_p95_s least_outstanding.out)"
}
scenario turns.jsonl >s.json
each_of "turns"
less "turns: cached" "$(awk -v a="$(figure prefix_hit round_robin.out)" 'BEGIN { print 1.5 * a }')" "$(figure prefix_hit prefix.out)"
exits "in words" 0 keepwarm run s.json -q --set 'deployments[main].balance=prefix'
says "in words" out "prompt tokens in the prefix cache"
cp out jump
exits "single steps" 0 keepwarm run s.json -q --set 'deployments[main].balance=prefix' --set stepping=each
cmp -s out jump && ok || bad "single steps give other figures: $(diff out jump | head -3)"
exits "a match that nothing has" 0 keepwarm run s.json -q --json --set 'deployments[main].balance=prefix' --set 'deployments[main].prefix_min_match=10000000'
less "a match that nothing has: cached" "$(figure prefix_hit out)" "$(awk -v a="$(figure prefix_hit prefix.out)" 'BEGIN { print 0.7 * a }')"
if [ -r "$data/traces/mooncake_conversation.jsonl" ]; then
    scenario "$data/traces/mooncake_conversation.jsonl" >s.json
    each_of "Mooncake"
    less "Mooncake: twice the tokens of round robin are cached" "$(awk -v a="$(figure prefix_hit round_robin.out)" 'BEGIN { print 2 * a }')" "$(figure prefix_hit prefix.out)"
    scenario "$data/traces/mooncake_conversation.jsonl" 20000000 >s.json
    each_of "Mooncake, caches that hold all"
    less "Mooncake, caches that hold all" 0.3 "$(figure prefix_hit prefix.out)" # all requests on one replica: 36.6 %
else
    skipped=$((skipped + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
