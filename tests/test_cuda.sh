#!/bin/bash
# The CUDA backend on a machine without a GPU: its source emulated thread by thread against the CPU reference, and the
# plugin compiled for every target, opened, refusing in a sentence. Adds the counts of both programs up.
cd "$(dirname "$0")/.." || exit 1
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
mk() { make --no-print-directory -s B="$B" "$@" >&2; }
mkdir -p "$B/tests/gpu"
if command -v "${CXX:-g++}" >/dev/null; then
    if mk CXX="${CXX:-g++}" "$B/tests/gpu/test_emulated"; then
        count "$B/tests/gpu/test_emulated"
    else
        failed=$((failed + 1))
        echo "FAIL the CUDA backend does not compile for the host"
    fi
else
    skipped=$((skipped + 1))
    echo "skip emulated CUDA: no C++ compiler (install g++)"
fi
if command -v "${NVCC:-nvcc}" >/dev/null; then
    if mk "$B/libkeepwarm_cuda.so" && mk "$B/tests/gpu/test_plugin" "$B/tests/gpu/no_plugin.so" "$B/tests/gpu/other_abi.so"; then
        count "$B/tests/gpu/test_plugin" "$B/libkeepwarm_cuda.so" "$B/tests/gpu/no_plugin.so" "$B/tests/gpu/other_abi.so"
    else
        failed=$((failed + 1))
        echo "FAIL the CUDA plugin does not compile"
    fi
else
    skipped=$((skipped + 1))
    echo "skip CUDA plugin: no nvcc (install the CUDA toolkit 12.9 or newer, or set NVCC)"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
