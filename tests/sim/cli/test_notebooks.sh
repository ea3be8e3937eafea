#!/bin/bash
# Executes every notebook headless on files made here - a plan, a trace, a validation of the tiny model, the small file of
# test_real_servers - and counts its pictures; and without the last two, which draws none but does not fail. Skips without
# Debian's jupyter.
cd "$(dirname "$0")/../../.." || exit 1
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
    --platform together-api --volume 100M,1B -q -o "$tmp/plan.h5" >"$tmp/out" || { cat "$tmp/out"; echo "0 passed, 1 failed"; exit 1; }
"$keepwarm" trace convert workloads/ragpulse-week1.json -o "$tmp/trace.h5" 2>"$tmp/out" || { cat "$tmp/out"; echo "0 passed, 1 failed"; exit 1; }
measured() { # budget: goes on with what was measured before
    "$keepwarm" calibrate measure --model tiny --synthetic -q --max-model-len 256 --max-num-seqs 8 --budget "$1" -o "$tmp/points.jsonl" &&
        "$keepwarm" calibrate fit "$tmp/points.jsonl" -o "$tmp/tiny.json"
}
{ measured 8s || measured 60s; } >"$tmp/out" 2>&1 && # longer only where others hold the machine
    "$keepwarm" calibrate validate "$tmp/tiny.json" --model tiny --synthetic -q --max-model-len 256 --max-num-seqs 8 --requests 20 \
        --runs 2 --loads 0.3,0.6 -o "$tmp/validate.h5" >"$tmp/out" 2>&1 || { cat "$tmp/out"; echo "0 passed, 1 failed"; exit 1; }
"$(dirname "$keepwarm")/tests/fidelity/test_real_servers" "$tmp/fidelity.h5" >"$tmp/out" || { cat "$tmp/out"; echo "0 passed, 1 failed"; exit 1; }

run() { # notebook pictures_wanted what, with the environment of the caller
    local name pictures
    name=$(basename "$1")
    if (cd notebooks && /usr/bin/python3 -W ignore -m jupyter nbconvert --log-level=ERROR --to notebook --execute --output-dir "$tmp" \
        --output "$name" "$name") >"$tmp/log" 2>&1 && pictures=$(grep -c '"image/png"' "$tmp/$name"); [ "${pictures:-none}" = "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $1 $3: ${pictures:-no} pictures, want $2"
        tail -15 "$tmp/log"
    fi
}
# The first three are committed as executed, small: whoever looks at them where they are kept sees the pictures.
for notebook in notebooks/0[123]_*.ipynb; do
    if /usr/bin/python3 - "$notebook" >"$tmp/log" 2>&1 <<'PY'
import json
import os
import sys
name = sys.argv[1]
code = [c for c in json.load(open(name))["cells"] if c["cell_type"] == "code"]
kinds = [k for c in code for o in c["outputs"] for k in o.get("data", {"text": 0})]
assert os.path.getsize(name) < 100000, os.path.getsize(name)
assert [c["execution_count"] for c in code] == list(range(1, len(code) + 1)), [c["execution_count"] for c in code]
assert all(c["outputs"] for c in code) and not any(o["output_type"] == "error" for c in code for o in c["outputs"])
assert kinds.count("image/png") == (5 if "/02_" in name else 4), kinds # the demo's winner stays on: no keep-warm curve
PY
    then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL $notebook as committed: $(tail -1 "$tmp/log")"
    fi
done
export KEEPWARM_RESULT=$tmp/plan.h5 KEEPWARM_TRACE=$tmp/trace.h5
KEEPWARM_FIDELITY=$tmp/fidelity.h5 KEEPWARM_VALIDATED=$tmp/validate.h5 run notebooks/04_fidelity.ipynb 6 "with both files"
KEEPWARM_FIDELITY=$tmp/absent.h5 KEEPWARM_VALIDATED=$tmp/validate.h5 run notebooks/04_fidelity.ipynb 3 "without the servers"
for notebook in notebooks/*.ipynb; do
    case $notebook in
        */04_fidelity.ipynb) ;;
        */02_keep_warm.ipynb) run "$notebook" 6 "on a plan" ;; # what would flip the answer, and the recommended one's curve
        *) run "$notebook" 4 "on a plan" ;;
    esac
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
