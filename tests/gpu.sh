#!/bin/bash
# tests/gpu.sh - everything that needs a GPU, most valuable first, in two steps of under ten minutes each.
#   tests/gpu.sh pack   on a machine with the libraries: builds and puts programs and libraries into .gpu/
#   tests/gpu.sh 1      on the GPU machine: correctness, the marks of 8B in bf16 and fp8
#   tests/gpu.sh 2      transformers, compute-sanitizer, loading, the calibration of a profile, 70B fp8
# The GPU machine may be bare: with .gpu/ beside the tree nothing is built there; without, `make gpu-programs` needs nvcc,
# cJSON and GSL. Results go to $RESULTS (results/gpu) as each is made, with device, driver, commit and date; done.txt names what
# is complete for a commit, so a second run goes on where the first ended. Where $OUT is set they are copied there too.
cd "$(dirname "$0")/.." || exit 1
R=${RESULTS:-results/gpu}
B=${B:-build}

pack() {
    make -j2 -s lib && make -s gpu-programs build/keepwarm || exit 1
    rm -rf .gpu && mkdir -p .gpu/lib
    cp "$B/keepwarm" "$B/libkeepwarm_cuda.so" "$B"/tests/gpu/{test_gpu,bench_gpu,logits} .gpu/
    # What a bare machine lacks; libc and its like are its own.
    ldd "$B/keepwarm" | awk '$3 ~ /^\// { print $3 }' | grep -vE '/(libc|libm|libdl|libpthread|librt|libgcc_s|libstdc\+\+|libgomp)\.so' |
        xargs -I{} cp -L {} .gpu/lib/
    # keepwarm gets its libraries by a wrapper: on the path of everything else they would meet PyTorch's own.
    mv .gpu/keepwarm .gpu/keepwarm.bin
    printf '#!/bin/sh\nd=$(dirname "$0")\nLD_LIBRARY_PATH=$d/lib:$LD_LIBRARY_PATH exec "$d/keepwarm.bin" "$@"\n' >.gpu/keepwarm
    chmod +x .gpu/keepwarm
    strip .gpu/keepwarm.bin .gpu/test_gpu .gpu/bench_gpu .gpu/logits
    git describe --always --dirty --abbrev=12 >.gpu/commit
    du -sh .gpu
    echo "carry .gpu to the GPU machine, then run tests/gpu.sh 1 and tests/gpu.sh 2 there"
}

# Programs: packed ones, else built here.
programs() {
    if [ -x .gpu/test_gpu ]; then
        P=$PWD/.gpu commit=$(cat .gpu/commit)
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

copy_out() { [ -z "$OUT" ] || cp -r "$R"/. "$OUT"/; }

# item NAME SECONDS COMMAND...: once per commit; its output to NAME.txt, its end noted in done.txt.
item() {
    local name=$1 seconds=$2 rc
    shift 2
    grep -qx "$name $commit" "$R/done.txt" 2>/dev/null && { echo "== $name: done before"; return 0; }
    echo "== $name ($(date -u +%T))"
    { echo "# $(cat "$R/device.txt") | commit $commit | $(date -u +%FT%TZ) | $*"; timeout "$seconds" "$@" 2>&1; } | tee "$R/$name.txt.new" | tail -n 25
    rc=${PIPESTATUS[0]}
    tail -n 1 "$R/$name.txt.new" | grep -qE '^0 passed|[1-9][0-9]* failed' && rc=1
    mv "$R/$name.txt.new" "$R/$name.txt"
    [ "$rc" = 0 ] && echo "$name $commit" >>"$R/done.txt" || echo "== $name: exit status $rc"
    copy_out
    return 0
}

rows() { # model precision seconds row...: bench_gpu keeps its own record of rows
    local model=$1 precision=$2 seconds=$3
    shift 3
    echo "== $model $precision ($(date -u +%T))"
    timeout $((seconds + 30)) "$P/bench_gpu" "$R/bench.jsonl" "$model" "$precision" "$seconds" "$commit" "$@" 2>&1 | tail -n 40
    copy_out
}

sanitize() {
    local tool
    for tool in memcheck racecheck synccheck; do
        echo "-- $tool"
        timeout 50 compute-sanitizer --tool $tool --error-exitcode 9 "$P/test_gpu" "$KEEPWARM_CUDA" small | tail -n 12 || return 1
    done
}

checkpoint() { # the checkpoint of 8B in this folder; 1 where there is no room
    [ -e "$1/kw-8b/config.json" ] && return
    [ "$(df --output=avail -BG "$1" | tail -n 1 | tr -dc 0-9)" -gt 20 ] || { echo "$1: no room for 17 GB"; return 1; }
    "$P/keepwarm" engine synth-weights --model llama-3.1-8b -o "$1/kw-8b"
}

load() { # from tmpfs and from disk: weights, process to ready; then cold starts in processes of their own
    local where
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

case $1 in
pack) pack; exit ;;
1 | 2) ;;
*) sed -n '2,9s/^# //p' "$0"; exit 2 ;;
esac
programs
mkdir -p "$R"
nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.mem --format=csv,noheader >"$R/device.txt" 2>/dev/null ||
    { echo "no GPU here: nvidia-smi does not answer"; exit 1; }
cat "$R/device.txt"
if [ "$1" = 1 ]; then
    item gpu-test 200 "$P/test_gpu" "$KEEPWARM_CUDA"
    rows llama-3.1-8b bf16 100 tg1@1024 pp2048 tg256@1024 tg64@1024 tg1@128 tg8@1024 start tg2@1024 tg4@1024 tg16@1024 tg32@1024 tg128@1024 pp512 tg1@8192 tg1@16384 tg64@8192
    rows llama-3.1-8b fp8 90 tg1@1024 pp2048 tg256@1024 tg64@1024 start tg8@1024 tg1@128 pp512
    item without-overlap 60 env KEEPWARM_CUDA_OVERLAP=0 "$P/bench_gpu" "$R/bench-without-overlap.jsonl" llama-3.1-8b bf16 30 "$commit" tg1@1024 tg8@1024
else
    item transformers 100 python3 tests/gpu/check_transformers.py "$P/logits" "$(mktemp -d)"
    item sanitizer 120 sanitize
    item calibrate-bf16 140 calibrate llama-3.1-8b bf16 100s
    item load 130 load
    rows llama-3.1-70b fp8 60 tg1@1024 pp2048 tg64@1024 start
fi
copy_out
