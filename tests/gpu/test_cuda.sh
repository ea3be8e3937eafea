#!/bin/bash
# The CUDA backend on a machine without a GPU: its source emulated thread by thread against the CPU reference, and the
# plugin compiled for every target, opened, installed, packed, refusing in a sentence. Adds all counts up.
cd "$(dirname "$0")/../.." || exit 1
B=$(dirname "${KEEPWARM:-build/keepwarm}")
passed=0 failed=0 skipped=0
count() { # program and arguments
    local last
    "$@" | tee /dev/stderr | tail -n 1 >"$B/tests/gpu/last" 2>/dev/null
    read -r last <"$B/tests/gpu/last"
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
    else
        failed=$((failed + 1))
        echo "FAIL $1: no closing line"
    fi
}
check() { # what, and 0 when it is so
    if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "FAIL $1"; fi
}
skip() { skipped=$((skipped + 1)) && echo "skip $1"; }
mk() { make --no-print-directory -s B="$B" "$@" >&2; }

# The installed program finds the plugin beside it, KEEPWARM_CUDA comes first; both ends in one line, exit 1 (or a GPU answers).
installed() {
    local root=$B/tests/gpu/root said
    rm -rf "$root"
    mk install DESTDIR="$PWD/$root" PREFIX=/usr && [ -x "$root/usr/lib/keepwarm/libkeepwarm_cuda.so" ]
    check "make install brings the plugin" $?
    said=$(env -u KEEPWARM_CUDA "$root/usr/bin/keepwarm" engine generate --model tiny --backend cuda --ids 1 --max-tokens 2 -q 2>&1)
    [ $? = 0 ] || [[ $said == *driver* && $said == *"--backend cpu"* && $said != *$'\n'* ]]
    check "the installed program opens its plugin: $said" $?
    said=$(KEEPWARM_CUDA=/nonexistent/x.so "$root/usr/bin/keepwarm" engine generate --model tiny --backend cuda --ids 1 --max-tokens 2 -q 2>&1)
    [ $? = 1 ] && [[ $said == *"no CUDA backend"*/nonexistent/x.so* && $said != *$'\n'* ]]
    check "KEEPWARM_CUDA comes first: $said" $?
    rm -rf "$root"
}

# What tests/gpu.sh carries needs nothing of a bare machine but glibc, and fits; its steps refuse where there is no GPU.
packed() {
    local pack=$B/tests/gpu/pack said
    B=$B PACK=$pack tests/gpu.sh pack >/dev/null
    check "gpu.sh pack" $?
    said=$(for f in "$pack"/{keepwarm.bin,test_gpu,bench_gpu,logits,libkeepwarm_cuda.so} "$pack"/lib/*; do LD_LIBRARY_PATH=$PWD/$pack/lib ldd "$f"; done |
        awk '/=>/ { print $1, $3 }' | grep -vE "^(libc|libm|libdl|libpthread|librt)\.so|$PWD/$pack/lib/" | sort -u)
    [ -z "$said" ]
    check "gpu.sh pack carries all libraries but glibc; left: $said" $?
    [ "$(du -sm "$pack" | cut -f1)" -lt 48 ]
    check "the pack leaves room within 64 MiB" $?
    "$pack/keepwarm" engine generate --model tiny --backend cpu --ids 1,2 --max-tokens 3 -q | grep -qE '^[0-9]+,[0-9]+,[0-9]+$'
    check "the packed program runs" $?
    command -v nvidia-smi >/dev/null && return
    said=$(PACK=$pack RESULTS=$B/tests/gpu/results tests/gpu.sh 1 2>&1)
    [ $? = 1 ] && [[ $said == "no GPU here: "* ]]
    check "gpu.sh 1 says that there is no GPU: $said" $?
    # With a device that is none every item runs to its own refusal, none counts as done, and results are named and brought back.
    mkdir -p "$B/tests/gpu/fake" "$B/tests/gpu/out" && printf '#!/bin/sh\necho "none, 0, 0 MiB"\n' >"$B/tests/gpu/fake/nvidia-smi"
    chmod +x "$B/tests/gpu/fake/nvidia-smi"
    for step in 1 2 3; do
        said+=$(PATH=$PWD/$B/tests/gpu/fake:$PATH PACK=$pack RESULTS=$B/tests/gpu/results OUT=$PWD/$B/tests/gpu/out tests/gpu.sh $step 2>&1)
    done
    for item in gpu-test without-overlap calibrate-bf16 ahead load transformers sanitizer calibrate-8b-fp8 calibrate-70b-fp8 calibrate-qwen calibrate-mistral; do
        [[ $said == *"== $item: exit status "* ]] && head -n 1 "$B/tests/gpu/results/$item.txt" | grep -q "^# none, 0, 0 MiB | commit .* | 20"
        check "gpu.sh: $item refuses" $?
    done
    [ ! -e "$B/tests/gpu/results/done.txt" ] && ! grep -q "failed to run command" "$B"/tests/gpu/results/*.txt &&
        tar -tzf "$B/tests/gpu/out/results.tar.gz" | grep -q calibrate-bf16.txt
    check "gpu.sh: nothing is done, everything is brought back" $?
    said=$(PATH=$PWD/$B/tests/gpu/fake:$PATH PACK=$pack RESULTS=$B/tests/gpu/results LIMIT=5 tests/gpu.sh 2 2>&1 | grep -c "left for another run")
    [ "$said" = 6 ]
    check "gpu.sh: what has no time left waits for another run ($said of 6)" $?
}

mkdir -p "$B/tests/gpu"
if command -v "${CXX:-g++}" >/dev/null; then
    if mk CXX="${CXX:-g++}" "$B/tests/gpu/test_emulated"; then
        count "$B/tests/gpu/test_emulated"
    else
        check "the CUDA backend compiles for the host" 1
    fi
else
    skip "emulated CUDA: no C++ compiler (install g++)"
fi
if ! command -v "${NVCC:-nvcc}" >/dev/null; then
    skip "CUDA plugin: no nvcc (install the CUDA toolkit 12.9 or newer, or set NVCC)"
elif ! mk plugin; then
    check "the CUDA plugin compiles" 1
elif [ ! -e "$B/libkeepwarm_cuda.so" ]; then
    skip "CUDA plugin: nvcc is older than 12.9 or lacks cublasLt.h"
elif mk "$B/tests/gpu/test_plugin" "$B/tests/gpu/no_plugin.so" "$B/tests/gpu/other_abi.so"; then
    count "$B/tests/gpu/test_plugin" "$B/libkeepwarm_cuda.so" "$B/tests/gpu/no_plugin.so" "$B/tests/gpu/other_abi.so"
    installed
    packed
else
    check "the plugin's test compiles" 1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
