#!/bin/bash
# test_fetch.sh: workloads/fetch.sh against a curl of ours that serves files from a folder: right, cut and wrong content,
# a missing file, a second call. No network.
set -u
cd "$(dirname "$0")/../.." || exit 1
data=${KEEPWARM_DATA:-../shared/data}/traces
passed=0 failed=0 skipped=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/bin" "$tmp/up"
cat >"$tmp/bin/curl" <<'CURL'
#!/bin/bash
while [ $# -gt 1 ]; do
    [ "$1" = -o ] && out=$2
    shift
done
[ -f "$FAKE_UP/${1##*/}" ] || exit 22
cat "$FAKE_UP/${1##*/}" >"$out"
echo "$1" >>"$FAKE_UP/asked"
CURL
chmod +x "$tmp/bin/curl"
export FAKE_UP=$tmp/up PATH=$tmp/bin:$PATH

check() { # WHAT WANTED_STATUS GOT_STATUS
    if [ "$2" = "$3" ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL $1: status $3, want $2"
        sed 's/^/    /' "$tmp/log"
    fi
}
run() {
    workloads/fetch.sh -d "$tmp/out" "$@" >"$tmp/log" 2>&1
    status=$?
}

run nope
check "unknown name" 2 $status
workloads/fetch.sh -x >"$tmp/log" 2>&1
check "unknown option" 2 $?
run azure-conv
check "missing upstream" 1 $status
echo wrong >"$tmp/up/AzureLLMInferenceTrace_conv.csv"
run azure-conv
check "wrong checksum" 1 $status
[ ! -e "$tmp/out/azure_llm_2023_conv.csv" ] && [ -z "$(ls "$tmp/out")" ]
check "nothing left of a wrong file" 0 $?
if [ -r "$data/ragpulse_week1.jsonl" ]; then
    cp "$data/azure_llm_2023_conv.csv" "$tmp/up/AzureLLMInferenceTrace_conv.csv"
    cat "$data/ragpulse_week1.jsonl" "$data/ragpulse_week1.jsonl" >"$tmp/up/0_trace.jsonl"
    run azure-conv ragpulse-week1
    check "right files" 0 $status
    cmp -s "$data/ragpulse_week1.jsonl" "$tmp/out/ragpulse_week1.jsonl"
    check "first week alone" 0 $?
    asked=$(wc -l <"$tmp/up/asked")
    run azure-conv
    check "kept file" 0 $status
    [ "$asked" = "$(wc -l <"$tmp/up/asked")" ]
    check "kept file is not asked for" 0 $?
else
    skipped=$((skipped + 4))
    echo "skip right files: no public traces (KEEPWARM_DATA)"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
