#!/bin/bash
# tests/sim/cli/test_faults.sh - what outlives a kill -9, a Ctrl-C, a closed pipe and an allocation that fails: a result file is
# there whole or not at all, an older one of its name stays as it was, and keepwarm ends with a message, never a crash.
# SEED=n repeats the random times of an earlier run.
cd "$(dirname "$0")/../../.." || exit 1
KEEPWARM=$(realpath "${KEEPWARM:-build/keepwarm}") || exit 1
RANDOM=${SEED:-$$}
here=$PWD/tests
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C
passed=0 failed=0 skipped=0
python=/usr/bin/python3
[ -x $python ] || python=python3

ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL (SEED=${SEED:-$$}) $*"; }

cp "$here/sim/cli/bad_input/base.json" small.json
awk 'BEGIN { print "TIMESTAMP,ContextTokens,GeneratedTokens"
    for (i = 0; i < 60; i++) printf "2023-11-16 18:17:%02d.5000000,%d,%d\n", i, 100 + i * 7 % 300, 20 + i * 13 % 90 }' >t.csv
# 20,000 requests over 40 minutes: long enough to be killed in, short enough to do it often.
awk 'BEGIN { print "arrived_at,num_prefill_tokens,num_decode_tokens"
    for (i = 0; i < 20000; i++) printf "%.3f,%d,%d\n", i * 0.12, 100 + i * 7919 % 1300, 20 + i * 104729 % 290 }' >long.csv
sed 's/"seed": 1/"seed": 1, "sweep": { "deployments[main].keep_warm": [0, 1] }/' small.json >two.json
sed 's/t.csv/long.csv/; s/"seed": 1/"seed": 1, "sweep": { "deployments[main].keep_warm": [0, 1, 2, 3] }/' small.json >sweep.json
sed 's/t.csv/long.csv/; s/"seed": 1/"seed": 1, "candidates": { "platforms": ["modal"], "gpus": ["H100"], "keep_warm": [0, 1] }/' \
    small.json >plan.json

# same A B: two results say the same, created_utc aside.
same() {
    $python - "$1" "$2" <<'PY'
import sys, h5py
def content(path):
    seen = {}
    with h5py.File(path) as f:
        def visit(name, o):
            seen[name] = (repr(o[()].tobytes() if o.dtype != object else list(o[()].ravel())) if isinstance(o, h5py.Dataset) else "",
                          sorted((k, repr(v)) for k, v in o.attrs.items() if not k.endswith("_LIST")))
        f.visititems(visit)
        seen["/"] = sorted((k, repr(v)) for k, v in f.attrs.items() if k != "created_utc")
    return seen
sys.exit(content(sys.argv[1]) != content(sys.argv[2]))
PY
}
$python -c 'import h5py' 2>/dev/null || same() { h5diff "$1" "$2" >/dev/null; }

# ---- kill -9: at random times, and as soon as the result is being written

for command in sweep plan; do
    began=$(date +%s%N)
    $KEEPWARM $command $command.json -q -j1 -o good.h5 >/dev/null 2>&1 || bad "$command $command.json fails"
    took=$((($(date +%s%N) - began) / 1000000)) # ms
    for try in 1 2 3 4 5 6 7 8 9 10; do
        old='' when=$((RANDOM * took / 32768))
        rm -f out.h5*
        if [ $((try % 2)) = 0 ]; then cp small.json out.h5 && old=yes; fi
        $KEEPWARM $command $command.json -q -j1 -o out.h5 >/dev/null 2>&1 &
        pid=$!
        if [ $try -le 5 ]; then
            sleep "$((when / 1000)).$(printf %03d $((when % 1000)))"
        else # the temporary file appears when the simulation is over
            for _ in {1..3000}; do
                compgen -G 'out.h5.tmp.*' >/dev/null && break
                kill -0 $pid 2>/dev/null || break
                sleep 0.002
            done
            sleep 0.00$((RANDOM % 10))
        fi
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        if [ -n "$old" ] && cmp -s small.json out.h5; then
            ok
        elif [ ! -e out.h5 ]; then
            [ -z "$old" ] && ok || bad "$command killed after $when ms (try $try): the old out.h5 is gone"
        else
            same out.h5 good.h5 && ok || bad "$command killed after $when ms (try $try): out.h5 is neither old nor whole"
        fi
    done
    cp good.h5 "$command.h5"
done

# ---- Ctrl-C and SIGTERM: code 130 and 143, one line, nothing left

sed -i 's/"replications": 2/"replications": 64/' sweep.json plan.json
for command in sweep plan; do
    for signal in INT TERM; do
        rm -f out.h5*
        # A shell's background jobs ignore SIGINT; python gives the default back.
        $python -c 'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])' \
            "$KEEPWARM" $command $command.json -q -o out.h5 >stdout 2>stderr &
        pid=$!
        for _ in {1..600}; do # the handler is there once signals are caught
            grep -q '^SigCgt:.*[0-9a-f]*4[0-9a-f]\{3\}$' /proc/$pid/status 2>/dev/null && break
            sleep 0.01
        done
        began=$(date +%s%N)
        kill -$signal $pid
        wait $pid
        code=$? took=$((($(date +%s%N) - began) / 1000000))
        want=$((128 + $(kill -l $signal)))
        [ $code = $want ] && ok || bad "$command, SIG$signal: exit $code, want $want"
        [ "$(wc -l <stderr)" = 1 ] && grep -q '^keepwarm: ' stderr && ok || bad "$command, SIG$signal: says $(head -3 stderr)"
        [ ! -s stdout ] && [ -z "$(compgen -G 'out.h5*')" ] && ok || bad "$command, SIG$signal: leaves $(echo out.h5*)"
        [ $took -lt 3000 ] && ok || bad "$command, SIG$signal: goes on for $took ms"
    done
done

# ---- a closed pipe

while read -r command; do
    eval "$KEEPWARM $command" 2>stderr | head -1 >/dev/null
    code=${PIPESTATUS[0]}
    if [ "$code" = 0 ]; then
        [ ! -s stderr ] && ok || bad "$command | head -1: exit 0 and $(head -1 stderr)"
    else
        [ "$code" = 1 ] && [ "$(cat stderr)" = "keepwarm: standard output: Broken pipe" ] && ok ||
            bad "$command | head -1: exit $code, $(head -1 stderr)"
    fi
    eval "$KEEPWARM $command" 2>stderr | true
    code=${PIPESTATUS[0]}
    [ "$code" -lt 2 ] && ok || bad "$command | true: exit $code"
done <<'E2'
--help
man
calibrate show
plan small.json -q --json
run small.json -q --csv
trace info t.csv
platforms show modal
reprice plan.h5 --json
E2

# ---- an allocation that fails

if ! ${CC:-cc} -O2 -shared -fPIC "$here/failmalloc_preload.c" -o "$work/failmalloc.so" 2>cc.err; then
    echo "skip failed allocations: failmalloc_preload.c does not compile here: $(head -1 cc.err)"
    skipped=$((skipped + 1))
elif [ -n "$(LD_PRELOAD=$work/failmalloc.so $KEEPWARM --version 2>&1 >/dev/null)" ]; then
    echo "skip failed allocations: LD_PRELOAD does not work with this keepwarm"
    skipped=$((skipped + 1))
else
    # one SITE DIR ARGUMENT...: 0 when keepwarm, its SITE-th allocation failing, ends as it should: with code 1 and one
    # line about memory, or (where it can do without) just as it ends without a failure. libgomp ends the program itself.
    # Not in HDF5, which does not survive failed allocations of its own (sim/core/files/h5.h): no part of a result is left.
    one() {
        local site=$1 dir=$2
        shift 2
        FAILMALLOC_AT=$site LD_PRELOAD=$work/failmalloc.so timeout 60 "$KEEPWARM" "$@" >"$dir/$site.out" 2>"$dir/$site.err"
        local code=$?
        if [ $code = 0 ]; then
            cmp -s "$dir/$site.out" "$dir/out" || echo "allocation $site of keepwarm $*: exit 0, another output"
        elif [ $code != 1 ] || [ "$(grep -c . "$dir/$site.err")" != 1 ] ||
            ! grep -Eq '^keepwarm: .*memory|^libgomp: Out of memory' "$dir/$site.err"; then
            echo "allocation $site of keepwarm $*: exit $code: $(head -2 "$dir/$site.err" | tr '\n' '|')"
        fi
        rm -f "$dir/$site.out" "$dir/$site.err"
    }
    export -f one
    export work KEEPWARM
    while read -r every command; do
        dir=$work/sites && rm -rf "$dir" && mkdir "$dir"
        # shellcheck disable=SC2086
        FAILMALLOC_SITES=$dir/sites LD_PRELOAD=$work/failmalloc.so $KEEPWARM $command >"$dir/out" 2>/dev/null
        n=$(awk -v k="$every" 'NR % k == 0' "$dir/sites" | tee "$dir/some" | wc -l)
        [ "$n" -gt 3 ] || bad "no allocations counted in keepwarm $command"
        xargs -P2 -I{} bash -c "one {} '$dir' $command" <"$dir/some" >"$dir/wrong"
        failed=$((failed + $(wc -l <"$dir/wrong"))) passed=$((passed + n - $(wc -l <"$dir/wrong")))
        sed 's/^/FAIL /' "$dir/wrong"
    done <<'E2'
1 trace info t.csv
2 run small.json -q -j1
4 sweep two.json -q -j1 --json
4 plan small.json -q -j1 --platform modal --platform groq --platform lambda
2 platforms show modal
E2
    FAILMALLOC_SITES=$work/sites.h5 LD_PRELOAD=$work/failmalloc.so $KEEPWARM run small.json -q -j1 -o whole.h5 >/dev/null
    ulimit -c 0
    for site in $(awk -v from=$((RANDOM % 60)) 'NR % 60 == from' "$work/sites.h5"); do
        rm -f part.h5*
        FAILMALLOC_AT=$site LD_PRELOAD=$work/failmalloc.so timeout 60 $KEEPWARM run small.json -q -j1 -o part.h5 >/dev/null 2>&1
        { [ ! -e part.h5 ] || same part.h5 whole.h5; } && ok || bad "allocation $site of run -o: part of a result is left"
    done 2>/dev/null
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
