#!/bin/bash
# tests/run.sh PROGRAM... - runs test programs one after another and adds up their closing lines. A program that crashes,
# hangs for ten minutes or prints no closing line counts as one failed test; a shell test that is not executable is left
# out. The output of what failed, and why something was skipped, follows its line. Last line: "N passed, N failed[, N skipped]".
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1} ASAN_OPTIONS=${ASAN_OPTIONS-allocator_may_return_null=1}
export KEEPWARM_TODAY=${KEEPWARM_TODAY-2026-11-29} # the day by which offers are judged: plans are the same on any day
[ -n "$OMP_WAIT_POLICY" ] || export GOMP_SPINCOUNT=${GOMP_SPINCOUNT-1000} # sim/cli/exec_self.h says why
log=$(mktemp -d) || exit 1
trap 'rm -rf "$log"' EXIT
closing='^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$'
passed=0 failed=0 skipped=0
for program; do
    case $program in *.sh) [ -x "$program" ] || continue ;; esac
    case $program in */*) ;; *) program=./$program ;; esac
    began=$(date +%s%N)
    timeout -k 5 600 "$program" >"$log/out" 2>"$log/err"
    rc=$?
    took=$((($(date +%s%N) - began) / 10000000))
    p=0 f=0 s=0 why=
    if [[ $(tail -n 1 "$log/out") =~ $closing ]]; then
        p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[4]:-0}
        [ "$rc" = 0 ] || [ "$f" != 0 ] || { f=1 why="exit status $rc after its closing line"; }
    else
        f=1 why="no closing line, exit status $rc"
        [ "$rc" = 124 ] && why="still running after 600 s"
    fi
    printf '%-28s %5d passed %4d failed %4d skipped %5d.%02d s\n' "$(basename "$program")" "$p" "$f" "$s" \
        $((took / 100)) $((took % 100))
    if [ "$f" != 0 ]; then
        [ -z "$why" ] || echo "    $why"
        sed 's/^/    /' "$log/out" "$log/err"
    elif [ "$s" != 0 ]; then
        grep '^skip ' "$log/out" | sed 's/^/    /'
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
