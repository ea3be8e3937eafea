#!/bin/bash
# tests/gpu.sh - everything that needs a GPU, most valuable first, in three steps of under ten minutes each.
#   tests/gpu.sh pack   on a machine with the libraries: builds and puts programs and libraries into .gpu/
#   tests/gpu.sh 1      on the GPU machine: correctness, the marks of 8B in bf16 and fp8
#   tests/gpu.sh 2      the calibration of a profile, steps ahead, loading, transformers, 70B fp8, compute-sanitizer
#   tests/gpu.sh 3      the other profiles to ship: 8B and 70B in fp8, Qwen2.5 and Mistral 7B
# The GPU machine may be bare: with .gpu/ beside the tree nothing is built there; without, `make gpu-programs` needs nvcc,
# cJSON and GSL. Results go to $RESULTS (results/gpu) as each is made, with device, driver, commit and date; done.txt names what
# is complete for a commit, so a second run goes on where the first ended. What would not end within $LIMIT seconds (580) of
# the start is left for it. Where $OUT is set, results.tar.gz there holds them all: unpack it in $RESULTS before going on.
cd "$(dirname "$0")/.." || exit 1
R=${RESULTS:-results/gpu}
B=${B:-build}
K=${PACK:-.gpu}
LIMIT=${LIMIT:-580}

pack() {
    local all=("$B/keepwarm" "$B"/tests/gpu/{test_gpu,bench_gpu,logits})
    make -j2 -s B="$B" lib && make -j2 -s B="$B" gpu-programs "$B/keepwarm" || exit 1
    rm -rf "$K" && mkdir -p "$K/lib"
    cp "${all[@]}" "$B/libkeepwarm_cuda.so" "$K/"
    # What a bare machine lacks: all but glibc.
    ldd "${all[@]}" "$B/libkeepwarm_cuda.so" | awk '$3 ~ /^\// { print $3 }' | sort -u |
        grep -vE '/(libc|libm|libdl|libpthread|librt)\.so' | xargs -I{} cp -L {} "$K/lib/"
    # keepwarm gets its libraries by a wrapper: on the path of everything else they would meet PyTorch's own.
    mv "$K/keepwarm" "$K/keepwarm.bin"
    printf '#!/bin/sh\nd=$(dirname "$0")\nLD_LIBRARY_PATH=$d/lib:$LD_LIBRARY_PATH exec "$d/keepwarm.bin" "$@"\n' >"$K/keepwarm"
    chmod +x "$K/keepwarm"
    strip "$K"/keepwarm.bin "$K"/test_gpu "$K"/bench_gpu "$K"/logits
    git describe --always --dirty --abbrev=12 >"$K/commit"
    du -sh "$K"
    echo "carry $K to the GPU machine, then run tests/gpu.sh 1 and tests/gpu.sh 2 there"
}

# Programs: packed ones, else built here.
programs() {
    if [ -x "$K/test_gpu" ]; then
        P=$(cd "$K" && pwd) commit=$(cat "$K/commit")
    else
        make -s -j"$(nproc)" gpu-programs || exit 1
        P=$PWD/$B/tests/gpu commit=$(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
        cp -u "$B/libkeepwarm_cuda.so" "$P/"
        make -s -j"$(nproc)" "$B/keepwarm" 2>/dev/null && cp -u "$B/keepwarm" "$P/"
    fi
    export KEEPWARM_CUDA=$P/libkeepwarm_cuda.so KEEPWARM_BACKEND=cuda
    # cuBLASLt lies in the toolkit, or in PyTorch's wheels
    for d in /usr/local/cuda/lib64 "$(python3 -c 'import nvidia.cu13, os; print(os.path.join(list(nvidia.cu13.__path__)[0], "lib"))' 2>/dev/null)"; do
        [ -e "$d/libcublasLt.so.13" ] && export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$d && break
    done
}

# One file: what comes back from a lent machine is counted in files.
copy_out() { [ -z "$OUT" ] || tar -C "$R" -czf "$OUT/results.tar.gz" .; }

room() { # name seconds: true when that long is left
    [ $((SECONDS + $2)) -le "$LIMIT" ] && return
    echo "== $1: left for another run, it may take $2 s"
    return 1
}

# item NAME SECONDS COMMAND...: once per commit; its output to NAME.txt, its end noted in done.txt. A command that is a
# function of this file runs in a shell of its own, which timeout can end.
item() {
    local name=$1 seconds=$2 rc
    shift 2
    grep -qx "$name $commit" "$R/done.txt" 2>/dev/null && { echo "== $name: done before"; return 0; }
    room "$name" "$seconds" || return 0
    echo "== $name ($(date -u +%T))"
    { echo "# $(cat "$R/device.txt") | commit $commit | $(date -u +%FT%TZ) | $*"; timeout -k 5 "$seconds" "$@" 2>&1; } | tee "$R/$name.txt.new" | tail -n 25
    rc=${PIPESTATUS[0]}
    tail -n 1 "$R/$name.txt.new" | grep -qE '^0 passed|[1-9][0-9]* failed' && rc=1
    mv "$R/$name.txt.new" "$R/$name.txt"
    [ "$rc" = 0 ] && echo "$name $commit" >>"$R/done.txt" || echo "== $name: exit status $rc"
    copy_out
    return 0
}
own() { item "$1" "$2" "$BASH" tests/gpu.sh call "${@:3}"; } # a function

rows() { # model precision seconds row...: bench_gpu keeps its own record of rows
    local model=$1 precision=$2 seconds=$3
    shift 3
    room "$model $precision" $((seconds + 30)) || return 0
    echo "== $model $precision ($(date -u +%T))"
    timeout -k 5 $((seconds + 30)) "$P/bench_gpu" "$R/bench.jsonl" "$model" "$precision" "$seconds" "$commit" "$@" 2>&1 | tail -n 40
    copy_out
}

sanitize() {
    local tool
    command -v compute-sanitizer >/dev/null || { echo "no compute-sanitizer here"; return 1; }
    for tool in memcheck racecheck synccheck; do
        echo "-- $tool"
        timeout 50 compute-sanitizer --tool $tool --error-exitcode 9 "$P/test_gpu" "$KEEPWARM_CUDA" small | tail -n 12
        [ "${PIPESTATUS[0]}" = 0 ] || return 1
    done
}

checkpoint() { # the checkpoint of 8B in this folder; 1 where there is no room
    [ -e "$1/kw-8b/config.json" ] && return
    [ "$(df --output=avail -BG "$1" | tail -n 1 | tr -dc 0-9)" -gt 20 ] || { echo "$1: no room for 17 GB"; return 1; }
    "$P/keepwarm" engine synth-weights --model llama-3.1-8b -o "$1/kw-8b"
}

load() { # from tmpfs and from disk: weights, process to ready; then cold starts in processes of their own
    local where
    "$P/keepwarm" engine generate --model tiny --backend cuda --ids 1 --max-tokens 1 -q || return 1 # before 17 GB are written
    for where in /dev/shm "${TMPDIR:-/tmp}"; do
        checkpoint "$where" || continue
        "$P/bench_gpu" "$R/load.jsonl" "$where/kw-8b" bf16 60 "$commit" start || return 1
        tail -n 1 "$R/load.jsonl"
    done
    [ -e "/dev/shm/kw-8b" ] || return 1
    "$P/keepwarm" calibrate measure --model /dev/shm/kw-8b --backend cuda --precision bf16 --budget 40s --starts 3 -o "$R/starts-8b-bf16.jsonl"
}

calibrate() { # model precision budget
    [ -x "$P/keepwarm" ] || { echo "no keepwarm here: tests/gpu.sh pack carries it"; return 1; }
    "$P/keepwarm" calibrate measure --model "$1" --precision "$2" --backend cuda --budget "$3" -o "$R/points-$1-$2.jsonl" &&
        "$P/keepwarm" calibrate fit "$R/points-$1-$2.jsonl" -o "$R/profile-$1-$2.json"
}

ahead() { # the same 25 s of requests with and without a step ahead: what the host's work costs, and that nothing is lost
    local how
    awk 'BEGIN { print "arrival,prompt,output"; for (i = 0; i < 300; i++) printf "%.3f,%d,%d\n", i / 12, 100 + i * 37 % 900, 30 + i * 53 % 200 }' >"$R/ahead.csv"
    for how in on off; do
        "$P/keepwarm" engine serve-trace "$R/ahead.csv" --format generic --columns arrival=arrival,prompt=prompt,output=output \
            --model llama-3.1-8b --precision bf16 --backend cuda --async-scheduling $how -o "$R/ahead-$how.jsonl" -q || return 1
    done
}

case $1 in
pack) pack; exit ;;
call) programs; shift; "$@"; exit ;;
1 | 2 | 3) ;;
*) sed -n '2,11s/^# //p' "$0"; exit 2 ;;
esac
programs
mkdir -p "$R"
nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.mem --format=csv,noheader >"$R/device.txt" 2>/dev/null ||
    { echo "no GPU here: nvidia-smi does not answer"; rm -f "$R/device.txt"; exit 1; }
cat "$R/device.txt"
if [ "$1" = 1 ]; then
    item gpu-test 200 "$P/test_gpu" "$KEEPWARM_CUDA"
    rows llama-3.1-8b bf16 100 tg1@1024 pp2048 tg256@1024 tg64@1024 tg1@128 tg8@1024 start tg2@1024 tg4@1024 tg16@1024 tg32@1024 tg128@1024 pp512 tg1@8192 tg1@16384 tg64@8192
    rows llama-3.1-8b fp8 90 tg1@1024 pp2048 tg256@1024 tg64@1024 start tg8@1024 tg1@128 pp512
    item without-overlap 60 env KEEPWARM_CUDA_OVERLAP=0 "$P/bench_gpu" "$R/bench-without-overlap.jsonl" llama-3.1-8b bf16 30 "$commit" tg1@1024 tg8@1024
elif [ "$1" = 2 ]; then
    own calibrate-bf16 140 calibrate llama-3.1-8b bf16 100s
    own ahead 110 ahead
    own load 130 load
    item transformers 100 python3 tests/gpu/check_transformers.py "$P/logits" "$(mktemp -d)"
    rows llama-3.1-70b fp8 60 tg1@1024 pp2048 tg64@1024 start
    own sanitizer 155 sanitize
else
    own calibrate-8b-fp8 130 calibrate llama-3.1-8b fp8 90s
    own calibrate-70b-fp8 150 calibrate llama-3.1-70b fp8 90s
    own calibrate-qwen 130 calibrate qwen2.5-7b bf16 90s
    own calibrate-mistral 130 calibrate mistral-7b bf16 90s
fi
copy_out
