#!/bin/bash
# tests/sim/fleet/test_speculative.sh - speculative decoding against speculative_model.py; a refused draft that comes out is found;
# threads change nothing; a draft model costs steps and KV cache; what is told of it, and that a result keeps it.
cd "$(dirname "$0")/../../.." || exit 1
. tests/checks.bash

if command -v h5dump >/dev/null; then
    exits "as the model has it" 0 python3 "$repo/tests/sim/fleet/speculative_model.py" "$work" 12
    exits "refused tokens that come out" 1 python3 "$repo/tests/sim/fleet/speculative_model.py" "$work" 2 --break
else
    skipped=$((skipped + 2))
fi

awk 'BEGIN { print "arrival,prompt,output"
    for (i = 0; i < 200; i++) printf "%.2f,%d,%d\n", i * 0.21, 100 + i * 7 % 900, 20 + i * 13 % 190 }' >t.csv
drafts() { # SPECULATIVE
    cat <<END
{ "keepwarm": 1, "trace": { "file": "t.csv" }, "model": "llama-3.1-70b", "replications": 4, "seed": 3,
  "deployments": [ { "name": "main", "platform": "crusoe", "gpu": "H100-80GB", "precision": "fp8", "tp": 2, "replicas": 1$1 } ] }
END
}
figure() { tr '\t\n' '  ' <"$2" | grep -o "\"$1\": *[^,]*" | head -1 | grep -o '[0-9.e-]*$'; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a + 0 < b + 0) }'; }
drafts '' >plain.json
drafts ', "speculative": { "tokens": 3, "acceptance": "0.7", "draft": "ngram" }' >ngram.json
drafts ', "speculative": { "tokens": 3, "acceptance": ["0.8", "0.6", 0.5], "draft": "llama-3.2-1b" }' >model.json
drafts ', "speculative": { "tokens": 3, "acceptance": 0, "draft": "ngram" }' >none.json
for f in plain ngram model none; do
    exits "$f" 0 keepwarm run $f.json -q --json
    cp out $f.out
done
tpot() { figure tpot_p50_s "$1.out"; }
less "$(tpot ngram)" "$(tpot model)" && ok || bad "a draft model takes no time: TPOT $(tpot ngram), with it $(tpot model)"
less "$(tpot model)" "$(tpot plain)" && ok || bad "drafts do not help: TPOT $(tpot model), without $(tpot plain)"
less "$(tpot plain)" "$(tpot none)" && ok || bad "drafts that are never right cost nothing: TPOT $(tpot none), without $(tpot plain)"
tokens=$(figure tokens_per_step ngram.out)
less 2.4 "$tokens" && less "$tokens" 2.65 && ok || bad "$tokens tokens a step, want about (1 - 0.7^4) / 0.3 = 2.533"
[ "$(figure tokens_per_step none.out)" = 1 ] && ok || bad "drafts never right bring $(figure tokens_per_step none.out) tokens a step"
grep -q tokens_per_step plain.out && [ "$(figure tokens_per_step plain.out)" != "" ] && bad "tokens a step without drafts" || ok
exits "one thread" 0 keepwarm run model.json -q --json -j 1
cmp -s out model.out && ok || bad "one thread and several differ"
exits "each step" 0 keepwarm run model.json -q --json --set stepping=each
cmp -s <(sed '/stepping/d;/command/d' out) <(sed '/stepping/d;/command/d' model.out) && ok || bad "stepping changes something"
exits "swept" 0 keepwarm sweep ngram.json -q --csv --set 'sweep={"deployments[main].speculative.acceptance": ["0", "0.5", "1"], "deployments[main].speculative.draft": ["ngram", "llama-3.2-3b"]}'
[ "$(grep -c '^' out)" = 7 ] && ok || bad "a sweep of acceptance and draft has $(grep -c '^' out) lines, want 7"
exits "told" 0 keepwarm run model.json -q -o model.h5
says "told" out "3 tokens a"
says "told" out "drafted by llama-3.2-1b (steps estimated), right with probability 0.8, 0.6, 0.5 (2.52"
says "told" out "assumed main: that drafted tokens are right so often"
exits "a page" 0 keepwarm report model.h5 -o page.html
says "a page" page.html "right so often"
exits "made again" 0 keepwarm rerun model.h5 -q
says "made again" out "drafted by llama-3.2-1b"
exits "priced anew" 0 keepwarm reprice model.h5
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
