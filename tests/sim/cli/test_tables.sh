#!/bin/bash
# What tables, CSV and HDF5 say of a configuration: no two rows read the same, every setting is a column, the bill is
# there by deployment.
cd "$(dirname "$0")/../../.." || exit 1
keepwarm=$(realpath "${KEEPWARM:-build/keepwarm}")
python=/usr/bin/python3
[ -x $python ] || python=python3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $1"; }
holds() { local what=$1; shift; if "$@" >"$work/said" 2>&1; then ok; else bad "$what: $(head -5 "$work/said")"; fi; }
kw() { "$keepwarm" "$@"; local rc=$?; [ $rc = 0 ] || [ $rc = 3 ]; }
run=tests/sim/cli/golden/run.json

# ---- rows that print the same label: none, in the sweep itself, from its file, side by side, as CSV and as JSON

cat >"$work/rows.py" <<'PY'
"""rows.py N COLUMNS < table: the first COLUMNS cells of N rows are all different."""
import re
import sys
lines = sys.stdin.read().splitlines()
rule = next(i for i, line in enumerate(lines) if line.strip().startswith("─"))
end = [m.end() for m in re.finditer("─+", lines[rule])][int(sys.argv[2]) - 1]
rows = []
for line in lines[rule + 1:]:
    if not line.strip() or line.startswith(("  step times", "  tie:", "  thin:", "  best/met:")):
        break
    if line.startswith(6 * " "): # the rest of a name that stands above its row, or its figures
        rows[-1] += " " + line.strip()
    else:
        rows.append(line if len(line) > end else line.strip())
rows = [r[:end] if "]" not in r else r[:r.index("]")] for r in rows]
assert len(rows) == int(sys.argv[1]) and len(set(rows)) == len(rows), rows
PY
grid='sweep={"deployments[main].max_replicas":[1,2,3],"deployments[main].idle_timeout_s":["30"],"routing":[{"policy":"split","shares":[0.5,0.5]},{"policy":"split","shares":[0.9,0.1]}],"deployments[main].keep_warm":[0],"deployments[main].gpu":["H100"]}'
api='deployments[1]={"name":"api","platform":"together-api"}'
holds "sweep of five axes" kw sweep $run -q --set "$grid" --set "$api" -o "$work/s.h5" # too many to have columns
kw sweep $run -q --set "$grid" --set "$api" --csv >"$work/s.csv" 2>/dev/null
kw sweep $run -q --set "$grid" --set "$api" 2>/dev/null >"$work/s.txt"
holds "sweep: rows differ" bash -c "$python $work/rows.py 6 2 <$work/s.txt"
holds "reprice: rows differ" bash -c "$keepwarm reprice $work/s.h5 | $python $work/rows.py 6 2"
holds "compare: rows differ" bash -c "$keepwarm compare $work/s.h5 $work/s.h5 | $python $work/rows.py 6 1"
kw reprice "$work/s.h5" --csv >"$work/r.csv"
holds "reprice: the labels, settings and routing of the sweep" cmp <(cut -d, -f2-11 "$work/s.csv" | sort -u) <(cut -d, -f2-11 "$work/r.csv" | sort -u)
kw compare "$work/s.h5" "$work/s.h5" --csv >"$work/c.csv"
kw compare "$work/s.h5" "$work/s.h5" --json >"$work/c.json"
cat >"$work/machine.py" <<'PY'
import csv
import json
import sys
s, c = (list(csv.DictReader(open(sys.argv[i]))) for i in (1, 2))
s = [r for r in s if not (r["of_class"] or r["of_model"] or r["of_region"] or r["of_deployment"])]
j = json.load(open(sys.argv[3]))
assert len({r["label"] for r in s}) == len(s) == 6, [r["label"] for r in s]
assert [r["max_replicas"] for r in s].count("2 + -") == 2 and {r["routing"] for r in s} == {"split 0.5 0.5", "split 0.9 0.1"}
for r in s:
    got = [r[k] for k in "platform kind gpu precision tp keep_warm idle_timeout".split()]
    assert got == ["modal + together-api", "serverless + api", "H100 + -", "bf16 + -", "1 + -", "0 + -", "30 + -"], got
assert len(c) == len(j["points"]) == 6 and (j["only_a"], j["only_b"], j["traces_differ"]) == (0, 0, False)
by_label = {r["label"]: r for r in s}
for r, p in zip(c, j["points"]):
    mine = by_label[r["label"]]
    assert r["label"] == p["label"]
    for m in ("cost_usd_month", "ttft_p95_s", "e2e_p99_s"):
        assert float(r[m + "_a"]) == float(r[m + "_b"]) == p["a"][m] == p["b"][m] == float(mine[m]), (m, r, mine)
    assert int(r["rank_a"]) == int(mine["rank"])
PY
holds "CSV and JSON of sweep and compare" $python "$work/machine.py" "$work/s.csv" "$work/c.csv" "$work/c.json"

lists='sweep={"routing":[{"policy":"split","shares":[0.5,0.5]},{"policy":"split","shares":[0.9,0.1]}],"deployments[main].keep_warm":[0,1]}'
kw sweep $run -q --set "$lists" --set "$api" 2>/dev/null >"$work/lists.txt"
holds "a sweep over lists: rows differ" bash -c "$python $work/rows.py 4 2 <$work/lists.txt"
holds "a sweep over lists: no blank rows, 100 columns" bash -c "sed -n '/───/,\$p' $work/lists.txt | $python -c 'import sys; t = sys.stdin.read().rstrip().splitlines(); assert all(t) and max(map(len, t)) <= 100, t'"

# ---- the bill by deployment sums to the bill

cat >"$work/bill.py" <<'PY'
import sys
import h5py
b = h5py.File(sys.argv[1])["bill"]
total, parts = b["nusd_month"][:], b["deployment_nusd_month"][:]
assert parts.shape == (total.shape[0], 2, total.shape[1]), parts.shape
assert (parts.sum(1) == total).all() and (parts[:, 0].any() and parts[:, 1].any())
assert (abs(b["deployment_usd_month"][:] * 1e9 - parts) < 1).all()
PY
if $python -c 'import h5py' 2>/dev/null; then
    holds "bill by deployment" $python "$work/bill.py" "$work/s.h5"
else
    echo "skip the bill by deployment: python3-h5py is not installed"
fi

# ---- one label, one number: what the ranking and the keep-warm table both show costs the same in both

cat >"$work/one.py" <<'PY'
import re
import sys
lines = sys.stdin.read().splitlines()
def rows(title):
    at = next(i for i, line in enumerate(lines) if line.startswith(title))
    at = next(i for i in range(at, len(lines)) if "───" in lines[i])
    ends = [m.span() for m in re.finditer("─+", lines[at])]
    above = ""
    for line in lines[at + 1:]:
        if not line.strip() or line.startswith(("  #", "  tie:", "  thin:", "  best/met:")) or "more configurations" in line:
            return
        cells = [line[a:b].strip() for a, b in ends]
        name = next(i for i, c in enumerate(cells) if not c.isdigit()) # the second column where the first is the rank
        if len(line) <= ends[-1][0] - 20: # a name of its own line
            above = line[ends[name][0]:].strip()
            continue
        cells[min(name, 1)] = above or cells[min(name, 1)]
        above = ""
        yield cells
ranking = {}
for r in rows("The best"):
    if "/" in r[2]:
        warm, idle = r[2].split("/")
        ranking[r[1], idle, int(warm)] = float(r[4].replace(",", ""))
curves = {}
for r in rows("What keeping"):
    for warm, cell in enumerate(r[2:]):
        if cell not in ("-", "overload"):
            curves[r[0], r[1], warm] = float(cell.split()[0].lstrip("✓").replace(",", ""))
common = [k for k in ranking if k in curves]
assert len(common) >= 3 and len(curves) > len(common), (ranking, curves)
assert all(abs(ranking[k] - curves[k]) <= 0.51 for k in common), [(k, ranking[k], curves[k]) for k in common]
cold = {k[:2]: v for k, v in ranking.items() if k[2] == 0}
serverless = {k[0] for k in curves}
missing = [k for k in ranking if k[0] in serverless and k not in curves]
assert not missing and cold, missing
PY
trace=tests/sim/cli/golden/trace.csv
kw plan -q --trace $trace --format servegen --model llama-3.1-8b --slo e2e_p95=30m -p serverless -r 1 --set candidates.mitigations=[] >"$work/plan.txt"
holds "ranking and keep-warm table" bash -c "$python $work/one.py <$work/plan.txt"
holds "30m is 1800 s" grep -q 'E2E p95 <= 1800 s' "$work/plan.txt"

# ---- nothing is cut, at 100 columns nor on a terminal of 80

cat >"$work/terminal.py" <<'PY'
"""terminal.py COLUMNS COMMAND...: prints what the command writes to a terminal of so many columns."""
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
ours, its = pty.openpty()
fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, int(sys.argv[1]), 0, 0))
p = subprocess.Popen(sys.argv[2:], stdout=its)
os.close(its)
said = b""
while True:
    try:
        more = os.read(ours, 65536)
    except OSError: # the other end is closed
        break
    if not more:
        break
    said += more
sys.stdout.write(said.decode().replace("\r", ""))
sys.exit(p.wait())
PY
cat >"$work/whole.py" <<'PY'
import sys
lines = open(sys.argv[1]).read().splitlines()
assert len(lines) > 40 and not any("…" in line for line in lines), [line for line in lines if "…" in line]
widest = max(lines, key=len)
assert len(widest) <= int(sys.argv[2]), widest
words = {line.split()[-1].rstrip("†") for line in lines if line.split()[:1] and line.split()[0].isdigit()} | {"thin"}
assert "misses" in words and "meets" in words, words
PY
tight="$keepwarm plan -q --trace $trace --format servegen --model llama-3.1-8b --slo ttft_p95=0.35s -r 1"
$tight >"$work/100.txt" 2>&1
holds "100 columns" $python "$work/whole.py" "$work/100.txt" 100
$python "$work/terminal.py" 80 $tight >"$work/80.txt" 2>&1
holds "80 columns" $python "$work/whole.py" "$work/80.txt" 80
$python "$work/terminal.py" 200 $tight >"$work/200.txt" 2>&1
holds "a wide terminal says what a file does" cmp "$work/100.txt" "$work/200.txt"

# ---- each row says whether it meets by little, and so do CSV, JSON and HDF5

cat >"$work/thin.py" <<'PY'
import csv
import json
import sys
text, rows, j = open(sys.argv[1]).read(), list(csv.DictReader(open(sys.argv[2]))), json.load(open(sys.argv[3]))
thin = {r["label"] for r in rows if r["thin"] == "1"}
assert thin and thin == {p["label"] for p in j["points"] if p["thin"]}, thin
assert all(r["feasible"] == "1" for r in rows if r["thin"] == "1" or r["tie"] == "1")
assert {r["label"] for r in rows if r["tie"] == "1"} == {p["label"] for p in j["points"] if p["tie"]} != set()
for p in j["points"]:
    if p["thin"]:
        assert 0 <= p["margin_left"] < p["margin_error"] and p["p_feasible_with_step_error"] < 0.9, p["label"]
    assert (p["thin"] is None) == (not p["feasible"]), p["label"]
assert any(line.rstrip().endswith("thin") for line in text.splitlines()) and "  thin: " in text.replace("\n", " ") + "  thin: "
PY
$tight --csv >"$work/thin.csv" && $tight --json -o "$work/thin.h5" >"$work/thin.json"
holds "thin in every form" $python "$work/thin.py" "$work/100.txt" "$work/thin.csv" "$work/thin.json"
kw reprice "$work/thin.h5" --csv >"$work/again.csv"
kw reprice "$work/thin.h5" --slo ttft_p95=30s --csv >"$work/other.csv"
cat >"$work/again.py" <<'PY'
"""A result repriced says what the plan said: every setting, and what is thin; to other objectives nothing was judged."""
import csv
import sys
plan, again, other = (list(csv.DictReader(open(f))) for f in sys.argv[1:])
words = "of_class of_model of_deployment platform kind gpu precision tp keep_warm idle_timeout max_replicas routing settings feasible miss tie thin cost_usd_month".split()
key = lambda rows: sorted([r["label"]] + [r[w] for w in words] for r in rows)
assert key(plan) == key(again), [(a, b) for a, b in zip(key(plan), key(again)) if a != b][:3]
assert all(r["thin"] == "" for r in other) and any(r["feasible"] == "1" for r in other)
PY
kw plan -q --trace $trace --format servegen --model llama-3.1-8b -p modal -p aws --set 'candidates.max_num_seqs=[16,256]' --slo ttft_p95=5s -r 1 \
    --csv -o "$work/limits.h5" >"$work/limits.csv"
kw reprice "$work/limits.h5" --csv >"$work/limits-again.csv"
holds "... the engine's limits that a plan tries, too" bash -c "grep -q 'max_num_seqs=16' $work/limits.csv && grep -vq ' max_num_seqs=' $work/limits.csv &&
    cmp $work/limits.csv $work/limits-again.csv"
holds "reprice says what the plan said" $python "$work/again.py" "$work/thin.csv" "$work/again.csv" "$work/other.csv"

# ---- -p takes a kind; an id of Hugging Face that is not known is told the nearest name

kw plan -q --trace $trace --format servegen --model llama-3.1-8b -p serverless -p api -r 1 --csv 2>/dev/null | cut -d, -f4 |
    sort -u >"$work/kinds"
holds "two kinds" bash -c "grep -qx serverless $work/kinds && grep -qx api $work/kinds && ! grep -q dedicated $work/kinds"
kw plan -q --trace $trace --format servegen --model meta-lama/Llama-3.1-8B >"$work/hf" 2>&1
kw plan -q --trace $trace --format servegen --model meta-llama/Llama-3.3-70B-Instruct -r 1 --csv >"$work/id.csv"
kw plan -q --trace $trace --format servegen --model llama-3.3-70b -r 1 --csv >"$work/name.csv"
holds "the id of a model known here is that model, APIs and all" bash -c "cmp $work/id.csv $work/name.csv && grep -q ',api,' $work/id.csv"
holds "an unknown Hugging Face id" grep -q "did you mean 'llama-3.1-8b'" "$work/hf"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
