#!/bin/bash
# Executes every notebook headless on a plan made here, and counts its pictures. Skips without Debian's jupyter.
cd "$(dirname "$0")/.." || exit 1
keepwarm=$(realpath "${KEEPWARM:-build/keepwarm}")
if ! /usr/bin/python3 -c 'import nbconvert, ipykernel, xarray, h5py, matplotlib' 2>/dev/null; then
    echo "skip notebooks: install jupyter-nbconvert python3-ipykernel python3-xarray python3-h5py python3-matplotlib"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0
"$keepwarm" plan --trace workloads/ragpulse-week1.json --model llama-3.1-8b --slo ttft_p95=2s --platform modal --platform lambda \
    --platform together-api -q -o "$tmp/plan.h5" >"$tmp/out" || { cat "$tmp/out"; echo "0 passed, 1 failed"; exit 1; }
for notebook in notebooks/*.ipynb; do
    name=$(basename "$notebook")
    (cd notebooks && KEEPWARM_RESULT=$tmp/plan.h5 /usr/bin/python3 -W ignore -m jupyter nbconvert --log-level=ERROR --to notebook \
        --execute --output-dir "$tmp" --output "$name" "$name") >"$tmp/log" 2>&1
    pictures=$(grep -c '"image/png"' "$tmp/$name" 2>/dev/null)
    if [ "${pictures:-0}" -ge 4 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $notebook: ${pictures:-0} pictures, want at least 4"
        tail -15 "$tmp/log"
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
