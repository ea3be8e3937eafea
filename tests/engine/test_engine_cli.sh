#!/bin/bash
# The engine's commands from end to end on a tiny model: generate, synth-weights, serve-trace, bench.
KEEPWARM=${KEEPWARM:-build/keepwarm}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export OMP_NUM_THREADS=1
passed=0 failed=0 skipped=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)) && echo "FAIL $*"; }
# check WHAT COMMAND...: it succeeds. Its output is in out, once it has read what was there.
check() {
    local what=$1
    shift
    if "$@" >"$dir/new" 2>"$dir/err"; then ok; else bad "$what" && cat "$dir/new" "$dir/err"; fi
    mv "$dir/new" "$dir/out"
}
# refuse CODE WORDS COMMAND...: it exits so, and says so.
refuse() {
    local code=$1 words=$2 got
    shift 2
    "$@" >"$dir/out" 2>"$dir/err"
    got=$?
    if [ $got = "$code" ] && grep -qF -- "$words" "$dir/err"; then ok; else bad "$* (exit $got)"; cat "$dir/err"; fi
}
python() { /usr/bin/python3 -c "$@"; }
E=("$KEEPWARM" engine)
tiny=(--model tiny --backend cpu --num-blocks 512 --max-model-len 512 -q)

# A checkpoint written and read back answers as the shape with the same seed does.
check "synth-weights" "${E[@]}" synth-weights --model tiny --seed 5 -o "$dir/tiny" -q
check "generate" "${E[@]}" generate "${tiny[@]}" --seed 5 --ids 1,2,3 -n 12
cp "$dir/out" "$dir/shape"
check "generate from files" "${E[@]}" generate --model "$dir/tiny" --backend cpu --num-blocks 512 --max-model-len 512 -q --ids 1,2,3 -n 12
check "the same answer" cmp "$dir/out" "$dir/shape"
check "twelve ids" grep -qE '^([0-9]+,){11}[0-9]+$' "$dir/shape"
refuse 2 "--ids" "${E[@]}" generate "${tiny[@]}" --ids 2048
refuse 2 "want --model" "${E[@]}" generate --ids 1
refuse 2 "no model shape is called 'nonesuch'" "${E[@]}" generate --model nonesuch --ids 1

# The engine's commands start again with threads that sleep soon at barriers, unless the user said how they wait; others do not.
spins() { env -u GOMP_SPINCOUNT -u OMP_WAIT_POLICY OMP_DISPLAY_ENV=verbose "$@" 2>&1 >/dev/null | sed -n "s/.*GOMP_SPINCOUNT = '\(.*\)'/\1/p" | tr '\n' ' '; }
same() { if [ "$2" = "$3" ]; then ok; else bad "$1: '$2', not '$3'"; fi; }
default=$(spins "$KEEPWARM" --version)
if [ -z "$default" ]; then
    echo "skip the wait at barriers: this OpenMP is not libgomp" && skipped=$((skipped + 1))
else
    same "engine commands start again" "$(spins "${E[@]}" generate "${tiny[@]}" --ids 1)" "${default}1000 "
    same "not where the user says so" "$(spins env GOMP_SPINCOUNT=77 "${E[@]}" generate "${tiny[@]}" --ids 1)" "77 "
    same "nor for a policy" "$(spins env OMP_WAIT_POLICY=active "${E[@]}" generate "${tiny[@]}" --ids 1 | wc -w)" 1
    same "nor for the simulator" "$(spins "$KEEPWARM" platforms list)" "$default"
fi

# A checkpoint whose config names no model is called as its folder; a folder wins over a shape's name, and that is said.
mkdir "$dir/Mine-1B" && cp "$dir"/tiny/* "$dir/Mine-1B/" && sed -i '/_name_or_path/d' "$dir/Mine-1B/config.json"
check "a checkpoint without a name" "${E[@]}" generate --model "$dir/Mine-1B/" --backend cpu --num-blocks 64 --max-model-len 256 --ids 1 -n 1
cp "$dir/err" "$dir/said"
check "is called as its folder" grep -q 'keepwarm: Mine-1B in ' "$dir/said"
bin=$(realpath "$KEEPWARM")
(cd "$dir" && "$bin" engine generate --model tiny --backend cpu --num-blocks 64 --max-model-len 256 --ids 1 -n 1 >/dev/null 2>"$dir/said")
check "a folder wins and says so" grep -q "'tiny' is a folder here and the name of a shape: the folder is taken" "$dir/said"

# What is wrong with the options is said before the model is loaded: no line says that it is ready.
early() { # WORDS COMMAND...
    refuse 2 "$@"
    if grep -q 'ready after' "$dir/err"; then bad "$* (after the load)"; else ok; fi
}
shape=(--model tiny --backend cpu --num-blocks 64 --max-model-len 256)
early "either --prompt TEXT or --ids" "${E[@]}" generate "${shape[@]}"
early "no tokenizer.json" "${E[@]}" generate "${shape[@]}" --prompt hello
early "--ids" "${E[@]}" generate "${shape[@]}" --ids 1,x
early "--temperature" "${E[@]}" generate "${shape[@]}" --ids 1 --temperature hot
early "top_p" "${E[@]}" generate "${shape[@]}" --ids 1 --top-p 1.5
early "--speed" "${E[@]}" serve-trace "$dir/none.csv" "${shape[@]}" --speed 0
early "--batch" "${E[@]}" bench "${shape[@]}" --batch 0
early "--context" "${E[@]}" bench "${shape[@]}" --context x
early "want an IPv4 address" "${E[@]}" serve "${shape[@]}" --host nowhere
echo '{' >"$dir/Mine-1B/tokenizer.json"
early "tokenizer.json" "${E[@]}" generate --model "$dir/Mine-1B" --backend cpu --num-blocks 64 --max-model-len 256 --ids 1

# A cold start shows its phases, from a stamp before exec on where the launcher left one.
check "start" "${E[@]}" start --model "$dir/tiny" --load direct -j 1 --max-model-len 512 -q
cp "$dir/out" "$dir/out.start"
for words in "^ *exec " "weights .*\*$" "first token .*\*$" "process to ready" "process to first token" "critical path"; do
    check "start shows '$words'" grep -qE -- "$words" "$dir/out.start"
done
check "start counts from the stamp" env KEEPWARM_EXEC_NS=$(($(python 'import time; print(time.monotonic_ns())') - 3000000000)) \
    "${E[@]}" start "${tiny[@]}" --json
check "three seconds ago" python 'import json, sys
s = json.load(open(sys.argv[1]))
assert s["phases"][0]["name"] == "exec" and 3 < s["phases"][0]["s"] < 30 and s["first_token_s"] > s["ready_s"] > 3 and s["mode"] == "synthetic", s' "$dir/out"
check "start over a network" "${E[@]}" start --model "$dir/tiny" --load network --rate 0.05 -j 1 --max-model-len 512 -q --json
check "as slow as asked" python 'import json, sys
s = json.load(open(sys.argv[1]))
assert s["mode"] == "network" and s["load_s"] > 0.15 and s["rate"] == 5e7, s' "$dir/out"
shm=$(mktemp -d /dev/shm/kw-test.XXXXXX 2>/dev/null)
if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && [ -n "$shm" ] && cp -r "$dir/tiny" "$shm/"; then
    check "O_DIRECT from memory" "${E[@]}" start --model "$shm/tiny" --load direct -j 1 --max-model-len 512 -q --json
    cp "$dir/out" "$dir/said"
    check "is no disk" grep -q '"mode":"tmpfs"' "$dir/said"
else
    echo "skip a start from tmpfs: /dev/shm is none" && skipped=$((skipped + 1))
fi
[ -z "$shm" ] || rm -rf "$shm"
refuse 2 "needs a --rate" "${E[@]}" start "${tiny[@]}" --load network

# A trace replayed: both forms of the result say the same of the requests, and it is a trace again.
python 'print("arrival,prompt,output")
for i in range(15): print(f"{i * 0.02:.3f},{5 + i * 7 % 40},{1 + i % 6}")' >"$dir/t.csv"
columns=(--format generic --columns arrival=arrival,prompt=prompt,output=output)
# A result that cannot be written is known before the replay; when it fails all the same, the table is there.
refuse 1 "/none/s.h5" "${E[@]}" serve-trace "$dir/t.csv" "${columns[@]}" "${shape[@]}" -o "$dir/none/s.h5"
if grep -q 'ready after' "$dir/err"; then bad "serve-trace checks -o after the load"; else ok; fi
mkdir "$dir/full"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=4k none "$dir/full" 2>/dev/null; then
    "${E[@]}" serve-trace "$dir/t.csv" "${columns[@]}" "${tiny[@]}" --speed 9 -o "$dir/full/s.h5" >"$dir/out" 2>"$dir/err"
    same "a full disk fails" "$?" 1
    check "and the table is printed" grep -q "15 done" "$dir/out"
    umount "$dir/full"
else
    echo "skip a full disk: cannot mount a tmpfs" && skipped=$((skipped + 1))
fi
check "serve-trace to HDF5" "${E[@]}" serve-trace "$dir/t.csv" "${columns[@]}" "${tiny[@]}" --speed 2 -o "$dir/s.h5" --json
check "its summary" python 'import json, sys
s = json.load(open(sys.argv[1]))
assert s["requests"] == s["done"] == 15 and 0 < s["ttft_p50_s"] <= s["ttft_p99_s"] <= s["e2e_p99_s"] <= s["duration_s"], s' "$dir/out"
check "its file" python 'import h5py, numpy as np, sys
f = h5py.File(sys.argv[1])
r, s = f["requests"], f["steps"]
assert (r["status"][:] == 0).all() and (r["generated_tokens"][:] == r["output_tokens"][:]).all()
assert r["arrival_ns"][14] == 140000000 and (np.diff(r["arrival_ns"][:]) >= 0).all()
assert (r["ttft_ns"][:] > 0).all() and (r["e2e_ns"][:] >= r["ttft_ns"][:]).all() and r["ttft_ns"].attrs["units"] in ("ns", b"ns")
assert s["prefill_tokens"][:].sum() == r["prompt_tokens"][:].sum()
assert s["n_decode"][:].sum() == (r["output_tokens"][:] - 1).sum() == f["hist/itl/count"][:].sum()
assert (s["wall_ns"][:] >= s["device_ns"][:]).all() and f.attrs["backend"] in ("cpu", b"cpu") and len(f.attrs["trace_sha256"]) == 64
names, on, a = [x.decode() for x in f["startup/name"][:]], f["startup/critical"][:], f["startup"].attrs
took = f["startup/end_ns"][:] - f["startup/begin_ns"][:]
assert "first token" in names and on[names.index("first token")] == 1 and (took * on).sum() == a["critical_ns"] <= a["first_token_ns"]
assert took.sum() == a["sum_ns"] and 0 < a["weights_ns"] < a["ready_ns"] < a["first_token_ns"]' "$dir/s.h5"
check "serve-trace to JSON lines" "${E[@]}" serve-trace "$dir/t.csv" "${columns[@]}" "${tiny[@]}" --speed 2 -o "$dir/s.jsonl"
check "a table" grep -q "15 done, 0 refused, 0 cut of 15 requests" "$dir/out"
check "the steps" python 'import json, sys
steps = [json.loads(l) for l in open(sys.argv[1])]
assert sum(s["prefill_tokens"] for s in steps) == sum(5 + i * 7 % 40 for i in range(15)), steps[:2]' "$dir/s.steps.jsonl"
check "a trace again" "$KEEPWARM" trace convert "$dir/s.jsonl" -o "$dir/again.h5"
check "from HDF5 too" "$KEEPWARM" trace convert "$dir/s.h5" -o "$dir/again2.h5"
check "the same requests" python 'import h5py, sys
a, b = h5py.File(sys.argv[1]), h5py.File(sys.argv[2])
assert len(b["arrival"]) == 15 and all((a[k][:] == b[k][:]).all() for k in ("prompt", "output")) and b["arrival"][14] == 140000000, b["arrival"][:]' \
    "$dir/again.h5" "$dir/again2.h5"
refuse 2 "takes options only; got 'hello'" "${E[@]}" generate hello
refuse 2 "wants TRACE" "${E[@]}" serve-trace
refuse 2 "'b.csv' is one too many" "${E[@]}" serve-trace a.csv b.csv
check "a limit" "${E[@]}" serve-trace "$dir/t.csv" "${columns[@]}" "${tiny[@]}" --speed 0.001 --limit 1
check "cut by it" grep -qE "[1-9][0-9]* cut of 15" "$dir/out"
refuse 2 "ends in .h5 or .jsonl" "${E[@]}" serve-trace "$dir/t.csv" "${tiny[@]}" -o "$dir/x.txt"
refuse 2 "did you mean 'sarathi'" "${E[@]}" serve-trace "$dir/t.csv" "${columns[@]}" --policy sarati
refuse 2 "--speed" "${E[@]}" serve-trace "$dir/t.csv" "${tiny[@]}" --speed fast

# Bench: rows of the grid, a row that does not fit, and a share of each limit.
check "bench" "${E[@]}" bench "${tiny[@]}" --prefill 64 --batch 1,4,64 --context 0,200 --repeat 8 --json
check "its rows" python 'import json, sys
b = json.load(open(sys.argv[1]))
rows = b["rows"]
assert b["limits"] == "measured" and b["bandwidth"] > 1e8 and b["model"] == "tiny"
assert [(r["test"], r["batch"], r["context"]) for r in rows] == [("pp64", 1, 0)] + [("tg8", n, c) for c in (0, 200) for n in (1, 4, 64)]
assert "KV blocks" in rows[-1]["skipped"] and all(r["step_lo_s"] <= r["step_s"] <= r["step_hi_s"] for r in rows[:-1])
for r in rows[:-1]:
    memory, compute = r["bytes"] / b["bandwidth"], r["flops"] / b["flop_rate"] if b["flop_rate"] else 0
    assert abs(r["floor_s"] / max(memory, compute) - 1) < 1e-6 and r["limit"] == ("memory" if memory >= compute else "compute")
assert rows[1]["bytes"] < rows[2]["bytes"] and rows[4]["flops"] > rows[1]["flops"]' "$dir/out"
check "a bench table" "${E[@]}" bench "${tiny[@]}" --prefill 64 --batch 1 --context 0 --repeat 8
check "of 100 columns" python 'import sys
assert max(len(l.rstrip("\n")) for l in open(sys.argv[1])) <= 100 and "pp64" in open(sys.argv[1]).read()
assert "of limit" in open(sys.argv[1]).read()' "$dir/out"
refuse 2 "--batch" "${E[@]}" bench "${tiny[@]}" --batch 0
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
