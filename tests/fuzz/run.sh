#!/bin/bash
# tests/fuzz/run.sh SECONDS TARGET... - runs each fuzz target that long from tests/fuzz/corpus/<parser>, with the words of
# tests/fuzz/dict/<parser>.dict where there are some, keeping what it finds in TARGET.corpus for the next time. A crash, leak,
# hang (10 s) or 2 GiB of memory fails it; its log is shown.
seconds=$1
shift
passed=0 failed=0
for target; do
    parser=$(basename "$target") && parser=${parser#fuzz_}
    words=tests/fuzz/dict/$parser.dict
    mkdir -p "$target.corpus"
    if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 $([ -f "$words" ] && echo "-dict=$words") \
        -artifact_prefix="$target." "$target.corpus" "tests/fuzz/corpus/$parser" >"$target.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        tail -n 60 "$target.log" | sed 's/^/    /'
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$target.log")
    cover=$(grep -o 'cov: [0-9]*' "$target.log" | tail -n 1)
    printf '%-28s %s runs, %s\n' "$(basename "$target")" "${runs:-?}" "${cover:-cov: ?}"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
