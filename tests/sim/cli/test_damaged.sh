#!/bin/bash
# Results with bytes flipped, zeroed, doubled or cut off: every command that opens one ends at once with exit 2 and one line,
# or, where the damage lies in nothing that is read, as ever. usage: [SEED=n] test_damaged.sh
cd "$(dirname "$0")/../../.." || exit 1
keepwarm=$(realpath "${KEEPWARM:-build/keepwarm}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run=tests/sim/cli/golden/run.json
trace=$PWD/tests/sim/cli/golden/trace.csv
set -- -q -r 1 --set trace.file="$trace"
"$keepwarm" run $run "$@" --records -o "$work/run.h5" >/dev/null 2>&1
"$keepwarm" sweep $run "$@" --set 'sweep={"deployments[main].keep_warm":[0,1,2]}' -o "$work/sweep.h5" >/dev/null 2>&1
"$keepwarm" plan -q -r 1 --trace "$trace" --format servegen --model llama-3.1-8b -p lambda -p bedrock -o "$work/plan.h5" >/dev/null 2>&1
"$keepwarm" trace convert "$trace" --format servegen -o "$work/trace.h5" >/dev/null 2>&1
cd "$work" && KEEPWARM=$keepwarm SEED=${SEED:-1} exec python3 - <<'PY'
import os
import random
import subprocess
import sys

draw, passed, failed = random.Random(int(os.environ["SEED"])), 0, 0

def damaged(whole):
    b = bytearray(whole)
    at = draw.randrange(len(b))
    kind = draw.choice(("flip", "flip", "bytes", "zero", "ones", "copy", "cut"))
    if kind == "flip":
        b[at] ^= 1 << draw.randrange(8)
    elif kind == "bytes":
        for _ in range(draw.randrange(2, 40)):
            b[draw.randrange(len(b))] = draw.randrange(256)
    elif kind == "cut":
        del b[at:]
    else:
        n = min(draw.choice((1, 4, 8, 64, 512, 4096)), len(b) - at)
        other = draw.randrange(len(b) - n + 1)
        b[at:at + n] = {"zero": bytes(n), "ones": b"\xff" * n, "copy": b[other:other + n]}[kind]
    return kind, at, bytes(b)

def ends_well(command, what, may_pass):
    global passed, failed
    try:
        r = subprocess.run([os.environ["KEEPWARM"], *command], capture_output=True, text=True, errors="replace", timeout=60)
        good = r.returncode == 2 and len(r.stderr.splitlines()) == 1 and r.stderr.startswith("keepwarm: ")
        good = good or (may_pass and r.returncode in (0, 3))
        said = f"exit {r.returncode}: {r.stderr[:200]}"
    except subprocess.TimeoutExpired:
        good, said = False, "still running after 60 s"
    passed, failed = passed + good, failed + (not good)
    if not good:
        print("FAIL", *command, what, said)

commands = {"run.h5": ("rerun @ -q", "reprice @"), "sweep.h5": ("reprice @", "report @ -o o.html"),
            "plan.h5": ("compare @ plan.h5", "compare plan.h5 @", "report @ -o o.html"), "trace.h5": ("trace info @",)}
for name, lines in commands.items():
    whole = open(name, "rb").read()
    for i in range(24):
        kind, at, b = damaged(whole)
        open("x.h5", "wb").write(b)
        for line in lines: # some bytes of a file are read by nobody, and some damage changes none
            ends_well([w.replace("@", "x.h5") for w in line.split()], f"of {name}: {kind} at {at}", b == whole or name == "trace.h5")
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
PY
