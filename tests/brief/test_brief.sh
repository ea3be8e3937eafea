#!/bin/sh
# The page tests/brief/README.md holds what `keepwarm brief` prints as of the day it names: the same bytes.
set -u
here=$(dirname "$0")
KEEPWARM=${KEEPWARM:-build/keepwarm}
page=$here/README.md
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0
check() { # WHAT CONDITION...
    what=$1
    shift
    if "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL $what"
    fi
}
day=$(sed -n 's/^.*KEEPWARM_TODAY=\([0-9-]*\) .*$/\1/p' "$page" | head -n 1)
KEEPWARM_TODAY=$day "$KEEPWARM" brief -q >"$dir/out" 2>"$dir/err"
check "exit code 0" test $? -eq 0
check "nothing is said beside it" test ! -s "$dir/err"
check "100 columns" awk 'length($0) > 100 && $0 ~ /^[ -~]*$/ { bad = 1 } END { exit bad }' "$dir/out"
sed -n '/^```text$/,/^```$/p' "$page" | sed '1d;$d' >"$dir/page"
check "the page holds figures" test -s "$dir/page"
check "the page is what the program prints (KEEPWARM_TODAY=$day keepwarm brief)" cmp -s "$dir/page" "$dir/out"
cmp -s "$dir/page" "$dir/out" || diff "$dir/page" "$dir/out" | head -n 20
tr -s ' \n' ' ' <"$dir/out" >"$dir/flat"
# To the cent by its own assumptions, where they are consistent.
for figure in 375.00 27.00 54.00 928.80 1857.60 5400.00 '\$252.00, as it says' '\$1728.00 and \$928.80, 46 %'; do
    check "$figure" grep -q -- "$figure" "$dir/flat"
done
# Two A100s do not serve 10 billion tokens a month of a 70B.
gpus=$(sed -n 's/^ *10.0G .* \([0-9]*\) x A100-80 .* tp2 .*$/\1/p' "$dir/out")
check "10 billion tokens take at least ten A100s" test "${gpus:-0}" -ge 5
check "no argument is taken" sh -c '! "$0" brief more >/dev/null 2>&1' "$KEEPWARM"
echo "$passed passed, $failed failed"
test $failed -eq 0
