#!/bin/bash
# A golden text per command, the same bytes on every machine. `make golden` rewrites them; read the change as a diff.
cd "$(dirname "$0")/../../.." || exit 1
keepwarm=${KEEPWARM:-build/keepwarm}
export KEEPWARM_TODAY=2026-11-29
passed=0 failed=0
while IFS= read -r line; do
    name=${line%%:*} command=${line#*: }
    read -ra words <<<"$command"
    got=$("$keepwarm" "${words[@]}" 2>&1; echo "exit $?")
    if [ "$1" = --rewrite ]; then
        printf '%s\n' "$got" >"tests/sim/cli/golden/$name.txt"
    elif diff <(printf '%s\n' "$got") "tests/sim/cli/golden/$name.txt" >/tmp/golden.$$ 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL golden $name (< now, > golden):"
        head -20 /tmp/golden.$$
    fi
done <tests/sim/cli/golden/commands.txt
rm -f /tmp/golden.$$
[ "$1" = --rewrite ] && exit 0
echo "$passed passed, $failed failed"
[ $failed = 0 ]
