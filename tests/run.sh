#!/bin/bash
# tests/run.sh PROGRAM... - runs test programs, two at a time (TEST_JOBS says another number), and adds up their closing
# lines; those that measure this machine run first and each alone. A program that crashes, hangs for ten minutes or prints
# no closing line counts as one failed test; a shell test that is not executable is left out. The output of what failed,
# and why something was skipped, follows its line. Last line: "N passed, N failed[, N skipped]".
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1} ASAN_OPTIONS=${ASAN_OPTIONS-allocator_may_return_null=1}
export KEEPWARM_TODAY=${KEEPWARM_TODAY-2026-11-29} # the day by which offers are judged: plans are the same on any day
[ -n "$OMP_WAIT_POLICY" ] || export GOMP_SPINCOUNT=${GOMP_SPINCOUNT-1000} # sim/cli/exec_self.h says why
jobs=${TEST_JOBS:-2}
measures='/(engine|calibrate)/test_(measure|cpu_contention|calibrate|engine_cli|async|serve|http|load)(\.sh)?$'
log=$(mktemp -d) || exit 1
trap 'rm -rf "$log"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; exit 1' INT TERM
closing='^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$'
passed=0 failed=0 skipped=0

# run N PROGRAM: leaves out, err, rc and the hundredths of a second that it took in $log/N
run() {
    local began
    mkdir "$log/$1"
    began=$(date +%s%N)
    timeout -k 5 600 "$2" >"$log/$1/out" 2>"$log/$1/err"
    echo $? >"$log/$1/rc"
    echo $((($(date +%s%N) - began) / 10000000)) >"$log/$1/took"
    mv "$log/$1" "$log/done.$1"
}

# tell N: the line of the Nth program, which is done
tell() {
    local at=$log/done.$1 rc took p=0 f=0 s=0 why=
    rc=$(<"$at/rc") took=$(<"$at/took")
    if [[ $(tail -n 1 "$at/out") =~ $closing ]]; then
        p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[4]:-0}
        [ "$rc" = 0 ] || [ "$f" != 0 ] || { f=1 why="exit status $rc after its closing line"; }
    else
        f=1 why="no closing line, exit status $rc"
        [ "$rc" = 124 ] && why="still running after 600 s"
    fi
    printf '%-28s %5d passed %4d failed %4d skipped %5d.%02d s\n' "$(basename "${programs[$1]}")" "$p" "$f" "$s" \
        $((took / 100)) $((took % 100))
    if [ "$f" != 0 ]; then
        [ -z "$why" ] || echo "    $why"
        sed 's/^/    /' "$at/out" "$at/err"
    elif [ "$s" != 0 ]; then
        grep '^skip ' "$at/out" | sed 's/^/    /'
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    rm -r "$at"
}

tell_done() {
    local at
    for at in "$log"/done.*; do [ ! -d "$at" ] || tell "${at##*.}"; done
}

programs=() alone=0
for when in first later; do
    for program; do
        case $program in *.sh) [ -x "$program" ] || continue ;; esac
        case $program in */*) ;; *) program=./$program ;; esac
        if [[ $program =~ $measures ]]; then measured=first; else measured=later; fi
        [ $measured = $when ] && programs+=("$program")
    done
    [ $when = first ] && alone=${#programs[@]}
done
for n in "${!programs[@]}"; do
    run "$n" "${programs[n]}" &
    [ "$n" -lt "$alone" ] && wait
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    tell_done
done
wait
tell_done
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
