#!/bin/bash
# tests/sim/cli/test_cli.sh - every command from end to end on small inputs made here: rerun gives the same bytes, threads and
# stepping change nothing, JSON, CSV and HDF5 hold the same numbers, the JSON Schema and the reader agree on every key,
# help and tables stay within 100 columns, man page and completions are sound, a bar is drawn on terminals only.
cd "$(dirname "$0")/../../.." || exit 1
KEEPWARM=$(realpath "${KEEPWARM:-build/keepwarm}") || exit 1
repo=$PWD data=$(realpath "${KEEPWARM_DATA:-../shared/data}" 2>/dev/null)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" && ln -s "$KEEPWARM" "$work/bin/keepwarm" && cd "$work" || exit 1
PATH=$work/bin:$PATH
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
passed=0 failed=0 skipped=0
python=/usr/bin/python3
[ -x $python ] || python=python3

ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
skip() { skipped=$((skipped + 1)); echo "skip $*"; }
holds() { # WHAT COMMAND...: passes when the command exits with 0
    local what=$1
    shift
    if "$@" >holds.out 2>&1; then ok; else bad "$what: $(tail -1 holds.out)"; fi
}

cp "$repo/tests/sim/cli/bad_input/base.json" base.json
awk 'BEGIN { print "TIMESTAMP,ContextTokens,GeneratedTokens"
    for (i = 0; i < 600; i++) printf "2023-11-16 %02d:%02d:%02d.5000000,%d,%d\n", 18 + int(i / 360), int(i / 6) % 60,
        i % 6 * 10 + i % 7, 100 + i * 7919 % 2300, 20 + i * 104729 % 290 }' >t.csv
awk 'BEGIN { print "TIMESTAMP,ContextTokens,GeneratedTokens"
    for (i = 0; i < 600; i++) printf "2023-11-%02d %02d:%02d:%02d.5000000,%d,%d\n", 13 + int(i / 120), 8 + int(i % 120 / 12),
        i % 12 * 5, int(i / 120) * (i % 7), 100 + i * 7919 % 2300, 20 + i * 104729 % 290 }' >days.csv
sed 's/"single" }/"single" }, "sweep": { "deployments[main].keep_warm": [0, 1, 2],\n "deployments[main].idle_timeout_s": ["30", "300"] }/' \
    base.json >sweep.json
sed 's/"single" }/"single" }, "candidates": { "platforms": ["modal", "groq", "lambda"], "keep_warm": [0, 1] }/;
    s/t[.]csv/days.csv/; s/"replications": 2/"replications": 4/' base.json >plan.json
sed 's/t[.]csv/days.csv/; s/"replications": 2/"replications": 4/' base.json >days.json

cat >same.py <<'PY'
"""same.py A B [GROUP]: every dataset and attribute of A is in B with the same value, and the reverse; under GROUP alone
when one is given. created_utc is not looked at."""
import sys
import h5py
def content(path, group):
    seen = {}
    with h5py.File(path) as f:
        def visit(name, o):
            if isinstance(o, h5py.Dataset):
                v = o[()]
                seen[name] = (o.shape, list(v.ravel()) if v.dtype == object else v.tobytes())
            for k, a in o.attrs.items():
                if k not in ("created_utc", "DIMENSION_LIST", "REFERENCE_LIST"):
                    seen[name, k] = repr(a)
        root = f[group] if group else f
        root.visititems(visit)
        if not group:
            visit("/", f)
    return seen
a, b = (content(p, sys.argv[3] if len(sys.argv) > 3 else "") for p in sys.argv[1:3])
for k in sorted(map(str, set(a) ^ set(b))):
    print("only in one:", k)
wrong = [str(k) for k in set(a) & set(b) if a[k] != b[k]]
print(len(a), "values;", "differ:" if wrong else "all the same", *sorted(wrong))
sys.exit(bool(wrong) or set(a) != set(b) or not a)
PY
cat >bytes.py <<'PY'
"""bytes.py A B: the files are the same to the byte, but for the time in created_utc and the checksum of the seal, which
that time changes."""
import re
import sys
a, b = (re.sub(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ|(?<=\nkeepwarm seal: crc32 )[0-9a-f]{8}", b"", open(p, "rb").read()) for p in sys.argv[1:])
at = next((i for i in range(min(len(a), len(b))) if a[i] != b[i]), None)
print(len(a), len(b), "first difference at", at)
sys.exit(a != b)
PY
h5py=$($python -c 'import h5py' 2>/dev/null && echo yes)
[ -n "$h5py" ] || skip "comparison of results by dataset: python3-h5py is not installed"
same() { # WHAT A B [GROUP]
    [ -z "$h5py" ] || holds "$1" $python same.py "${@:2}"
    [ -n "$4" ] || holds "$1, bytes" $python bytes.py "$2" "$3"
}

# ---- a result again: by rerun, with other thread counts, by the other way of stepping

for command in run sweep plan; do
    case $command in run) file=base.json ;; *) file=$command.json ;; esac
    keepwarm $command $file -q -j1 -o $command.h5 >$command.out || bad "$command $file: exit $?"
    keepwarm $command $file -q -j2 -o two.h5 >two.out || bad "$command -j2: exit $?"
    holds "$command: -j2 prints as -j1" cmp $command.out two.out
    same "$command: -j2 as -j1" $command.h5 two.h5
    keepwarm rerun $command.h5 -q -j2 -o again.h5 >again.out || bad "rerun $command.h5: exit $?"
    holds "rerun of $command prints the same" cmp $command.out again.out
    same "rerun of $command" $command.h5 again.h5
    keepwarm rerun again.h5 -q -o third.h5 >/dev/null || bad "rerun of a rerun: exit $?"
    same "rerun of a rerun of $command" $command.h5 third.h5
    keepwarm $command $file -q --set stepping=each -o each.h5 >/dev/null || bad "$command --set stepping=each: exit $?"
    [ -z "$h5py" ] || for group in points bill usage samples hist series; do
        holds "$command: stepping each as jump, /$group" $python same.py $command.h5 each.h5 $group
    done
done
keepwarm sweep sweep.json -q --records -o s.h5 >/dev/null 2>&1 # --records is run's alone
[ $? = 2 ] && ok || bad "sweep takes --records"
keepwarm run days.json -q -o days.h5 >/dev/null
keepwarm run days.json -q --seed 2 -o seed.h5 >/dev/null
if [ -n "$h5py" ]; then
    $python same.py days.h5 seed.h5 points >/dev/null && bad "another seed gives the same points" || ok
fi
mkdir away && cp base.json t.csv away
keepwarm run away/base.json -q -o run2.h5 >/dev/null || bad "a trace beside the scenario is not found"
same "scenario and trace in another folder" run.h5 run2.h5
(cd away && keepwarm run base.json -q -o kept.h5 >/dev/null) || bad "run in another folder: exit $?"
mv t.csv gone.csv
keepwarm rerun away/kept.h5 -q -o run5.h5 >/dev/null || bad "a trace beside the result is not found"
mv away/t.csv away/gone.csv
keepwarm rerun away/kept.h5 -q 2>rerun.err
[ $? = 2 ] && grep -q '^keepwarm: t.csv: No such file or directory (nor is there away/t.csv)$' rerun.err && ok ||
    bad "rerun without its trace: $(cat rerun.err)"
mv gone.csv t.csv
same "rerun of a result in another folder" run.h5 run5.h5
keepwarm run - -q -o run3.h5 <base.json >run3.out || bad "scenario from stdin"
same "scenario from stdin" run.h5 run3.h5
sed 's/t.csv/-/' base.json >stdin.json
keepwarm run stdin.json -q <t.csv >run4.out || bad "trace from stdin"
holds "trace from stdin gives the same figures" diff <(tail -n +4 run.out) <(tail -n +4 run4.out)
sed 's/$/\r/' base.json >crlf.json
{ printf '\357\273\277'; cat base.json; } >bom.json
{ printf '\357\273\277'; sed 's/$/\r/' t.csv; } >crlf.csv
for variant in "crlf.json" "bom.json" "base.json --set trace.file=crlf.csv"; do
    keepwarm run $variant -q --csv >variant.out || bad "run $variant: exit $?"
    holds "$variant gives the same figures" cmp variant.out <(keepwarm run base.json -q --csv)
done

# ---- numbers: JSON, CSV and HDF5 hold the same

cat >figures.py <<'PY'
"""figures.py JSON CSV [H5]: the three say the same of every point."""
import csv
import json
import sys
points = json.load(open(sys.argv[1]))["points"]
rows = list(csv.DictReader(open(sys.argv[2])))
groups = [r for r in rows if r["of_class"] or r["of_model"] or r["of_region"] or r["of_deployment"]]
rows = [r for r in rows if r not in groups]
assert len(points) == len(rows) > 0, (len(points), len(rows))
h5 = None
if len(sys.argv) > 3:
    import h5py
    h5 = h5py.File(sys.argv[3])["points"]
    assert len(h5["label"]) == len(points)
checked = 0
for i, (p, r) in enumerate(zip(points, rows)):
    assert r["label"] == p["label"] and int(r["rank"]) == p["rank"] and r["miss"] == p["miss"], (i, r["label"], p["label"])
    assert r["grade"] == p["grade"] and int(r["replications"]) == p["replications"]
    assert bool(int(r["feasible"])) == p["feasible"] and bool(int(r["pruned"])) == p["pruned"]
    for k in r:
        if k.endswith(("_lo", "_hi")) or k + "_lo" in r:
            want = p[k]
            assert (r[k] == "") == (want is None), (i, k, r[k], want)
            if want is not None:
                assert float(r[k]) == want, (i, k, r[k], want)
            if h5:
                have = float(h5[k][i])
                assert have == want or (have != have and want is None), (i, k, have, want)
            checked += 1
    deployments = p["deployments"] # a row names what its step times rest on
    assert r["profile"] == " + ".join(d.get("profile", "-") for d in deployments), (i, r["profile"])
    assert r["profile_grade"] == " + ".join(d.get("profile_grade", "-") for d in deployments), (i, r["profile_grade"])
    assert r["settings"] == " + ".join(d["settings"] for d in deployments), (i, r["settings"])
    assert not h5 or (h5["profile"].asstr()[i], h5["profile_grade"].asstr()[i]) == (r["profile"], r["profile_grade"])
    total = p["bill_usd_month"]["total"]
    lines = sum(round(float(v) * 1e9) for k, v in p["bill_usd_month"].items() if k != "total")
    assert abs(lines - round(float(total) * 1e9)) <= 1 + 1e-9 * abs(lines), (i, lines, total)
print(checked)
assert checked >= 50
assert list(rows[0])[-9:] == ["profile", "profile_grade", "model", "quality", "of_class", "of_model", "of_region", "of_deployment", "part"]
told = [g for p in points for g in p["groups"]]
if groups and told: # the same of every class, model and deployment
    assert len(told) == len(groups)
    for g, r in zip(told, groups):
        assert (r["of_class"], r["of_model"], r["of_region"], r["of_deployment"]) == tuple(g.get(k, "") for k in ("class", "model", "region", "deployment"))
        assert all(float(r[k]) == v for k, v in g.items() if k.endswith(("_s", "_fraction", "_month")) and r[k])
PY
keepwarm run base.json -q --set 'deployments[1]={"name":"api","platform":"together-api"}' --set 'routing={"policy":"fallback"}' -o two.h5 --csv >two.csv
keepwarm rerun two.h5 -q --json >two.json
# shellcheck disable=SC2046
holds "two deployments: --json, --csv and -o agree" $python figures.py two.json two.csv $([ -z "$h5py" ] || echo two.h5)
holds "two deployments: the row names both" grep -q ',H100-llama-3.1-8b-bf16-tp1 + -,published + -,' two.csv
for command in run sweep plan; do
    case $command in run) file=base.json ;; *) file=$command.json ;; esac
    keepwarm $command $file -q --json >a.json || bad "$command --json: exit $?"
    keepwarm $command $file -q --csv >a.csv || bad "$command --csv: exit $?"
    holds "$command --json is JSON" $python -m json.tool a.json
    # shellcheck disable=SC2046
    holds "$command: --json, --csv and -o agree" $python figures.py a.json a.csv $([ -z "$h5py" ] || echo $command.h5)
    keepwarm reprice $command.h5 --json >b.json || bad "reprice $command.h5 --json: exit $?"
    keepwarm reprice $command.h5 --csv >b.csv || bad "reprice $command.h5 --csv: exit $?"
    # shellcheck disable=SC2046
    holds "reprice of $command: with the same prices the same figures" $python figures.py b.json a.csv $([ -z "$h5py" ] || echo $command.h5)
    holds "reprice of $command: --json and --csv agree" $python figures.py b.json b.csv
done
sed 's/"usd_per_second": "0.001097"/"usd_per_second": "0.002194"/' "$repo/platforms/modal.json" >dear.json
if cmp -s dear.json "$repo/platforms/modal.json"; then
    bad "modal.json has no H100 at 0.001097 to double"
else
    keepwarm reprice run.h5 --json >b0.json
    keepwarm reprice run.h5 --platform dear.json --json >dear.out || bad "reprice --platform: exit $?"
    holds "twice the price a second is twice the bill of GPU seconds" $python -c '
import json
a, b = (json.load(open(f))["points"][0]["bill_usd_month"] for f in ("b0.json", "dear.out"))
for k in ("active", "keep_warm"):
    assert abs(float(b[k]) - 2 * float(a[k])) < 1e-8, (k, a[k], b[k])'
fi

# What a result was simulated with may have been the user's own: a profile, or the latency of an API.
sed 's/"model": "llama-3.1-8b"/"model": "mine"/' "$repo/calibrate/data/profiles/H100-llama-3.1-8b-bf16-tp1.json" >profile.json
reprices() { # OPTIONS...: a run with them reprices to its own figures
    keepwarm run base.json -q "$@" -o own.h5 --csv >own.csv || bad "run $*: exit $?"
    keepwarm reprice own.h5 --csv >again.csv || bad "reprice of run $*: exit $?"
    holds "reprice of run $*" cmp own.csv again.csv
}
reprices --set model=mine --set 'deployments[main].profile=profile.json'
reprices --set model=claude-haiku-4.5 --set \
    'deployments=[{"platform": "anthropic", "ttft": {"constant": "0.5"}, "output_rate": {"constant": "50"}}]'

# ---- the other commands

holds "compare with itself" bash -c 'keepwarm compare plan.h5 plan.h5 | grep -q " = .* = .* ="'
holds "compare of two" keepwarm compare run.h5 plan.h5
for h5 in run sweep plan; do
    keepwarm report $h5.h5 -o $h5.html 2>report.err && grep -q '<svg' $h5.html && grep -q '</html>' $h5.html && ok ||
        bad "report $h5.h5: $(head -1 report.err)"
    for fact in "<dt>model</dt><dd>llama-3.1-8b</dd>" "<dt>objectives</dt><dd>TTFT p95 &lt;= 600 s, errors &lt;= 0.1 %</dd>" ": base</h1>"; do
        grep -qF "$fact" $h5.html && ok || bad "report of $h5: no $fact"
    done
    holds "report of $h5 is well formed" $python -c '
import sys
from html.parser import HTMLParser
class P(HTMLParser):
    void, open = {"meta", "br", "hr", "img", "link", "input"}, []
    def handle_starttag(self, tag, attrs):
        assert not any(k in ("src", "href") and "//" in (v or "") for k, v in attrs), attrs
        if tag not in self.void: self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open, self.getpos())
        self.open.pop()
p = P()
p.feed(open(sys.argv[1], encoding="utf-8").read())
assert not p.open, p.open' $h5.html
done
grep -qE "[$][0-9.]+ a month \(95 %: [0-9.]+ to [0-9.]+\)" plan.html && ok || bad "report of plan: no cost beside the recommendation"
values() { seq -s, "$@"; }
keepwarm sweep base.json -q --set replications=1 --set 'deployments[main].max_replicas=64' --set \
    "sweep={\"deployments[main].keep_warm\":[$(values 40 -1 0)],\"deployments[main].idle_timeout_s\":[$(values 35 -1 10 | sed -E 's/[0-9]+/"&"/g')]}" >large.out
grep -qE '^ +1 +0 +10 ' large.out && ok || bad "the best of 1,066 points, the last, is not the first row: $(sed -n 10p large.out)"
holds "trace formats" keepwarm trace formats
holds "trace info" keepwarm trace info t.csv
keepwarm trace convert t.csv -o t.h5 2>/dev/null || bad "trace convert: exit $?"
gzip -nc t.csv >t.csv.gz
for trace in t.h5 t.csv.gz; do
    keepwarm run base.json -q --csv --set trace.file=$trace >variant.out || bad "run with $trace: exit $?"
    holds "$trace gives the same figures" cmp variant.out <(keepwarm run base.json -q --csv)
done
holds "gzip from stdin" keepwarm trace info - <t.csv.gz
keepwarm trace fit t.csv -o fit.json 2>/dev/null && keepwarm trace synth fit.json -o synth.h5 2>/dev/null &&
    keepwarm trace info synth.h5 >synth.out && ok || bad "trace fit, synth, info: exit $?"
keepwarm trace synth fit.json -o synth2.h5 2>/dev/null
same "trace synth twice" synth.h5 synth2.h5
keepwarm trace synth fit.json --seed 5 -o synth3.h5 2>/dev/null
cmp -s synth.h5 synth3.h5 && bad "another seed draws the same trace" || ok
holds "platforms list" keepwarm platforms list
for name in $(basename -s .json "$repo"/platforms/*.json | grep -v '[.]'); do
    holds "platforms show $name" keepwarm platforms show "$name"
    holds "platforms check $name" keepwarm platforms check "$repo/platforms/$name.json"
done
holds "plan with a platform file" bash -c "keepwarm plan base.json -q --platform ./dear.json --csv | grep -q '^[0-9]*,modal'"
for name in mine yours; do sed "s/\"name\": \"modal\"/\"name\": \"$name\"/" dear.json >$name.json; done
keepwarm plan base.json -q -p ./mine.json -p modal -p yours.json -o files.h5 --csv >files.csv || bad "plan with three platforms: exit $?"
holds "plan with two platform files" bash -c 'for p in mine modal yours; do grep -q "^[0-9]*,$p" files.csv || exit 1; done'
keepwarm reprice files.h5 -p mine.json -p yours.json --csv >again.csv || bad "reprice with two platform files: exit $?"
holds "reprice with the same platform files" cmp files.csv again.csv
holds "calibrate show" keepwarm calibrate show
holds "calibrate show of one" keepwarm calibrate show H100-llama-3.1-8b-bf16-tp1
if [ -d "$data/published" ]; then
    holds "calibrate import" keepwarm calibrate import --gpu H100 --model llama-3.1-8b --source "$data" -o imported.json
    keepwarm run base.json -q --csv --set 'deployments[main].profile=imported.json' >variant.out || bad "run with an imported profile"
    figures() { cut -d, -f10- | sed -E 's/(,[^,]*){9}$//'; } # without the profile's name
    holds "the imported profile is the one shipped" cmp <(figures <variant.out) <(keepwarm run base.json -q --csv | figures)
else
    skip "calibrate import: $data/published is not there (set KEEPWARM_DATA)"
fi

# ---- the JSON Schema and the reader

cat >schema.py <<'PY'
"""schema.py REPO: the schema knows the keys that the reader knows, and both judge a list of documents alike."""
import copy
import json
import re
import subprocess
import sys
repo = sys.argv[1]
schema = json.load(open(repo + "/sim/io/scenario/scenario.schema.json"))
source = open(repo + "/sim/io/scenario/scenario.c").read()
top, dep = schema["properties"], schema["$defs"]["deployment"]["properties"]
def words(text):
    return set(re.findall(r'"([a-z0-9_]+)"', text))
def compare(what, reader, obj):
    known = set(obj["properties"])
    assert reader == known, f"{what}: reader alone {sorted(reader - known)}, schema alone {sorted(known - reader)}"
    assert obj["additionalProperties"] is False, what
for name, obj in (("read_objectives", top["slo"]), ("read_limits", dep["limits"])): # with a list of their own
    body = re.search(r"^(?:static )?enum kw_status " + name + r"\(.*?^\}", source, re.S | re.M).group(0)
    compare(name, words(re.search(r"known\[\] = \{(.*?)\}", body, re.S).group(1)), obj)
table = re.findall(r'^    \{ "([^"]+)", ', open(repo + "/sim/io/scenario/key_use.c").read(), re.M)
for path, obj in [("", schema), ("trace", top["trace"]), ("routing", top["routing"]), ("candidates", top["candidates"]),
                  ("candidates.spot", top["candidates"]["properties"]["spot"]), ("deployments[]", schema["$defs"]["deployment"])] + [
                      ("deployments[]." + k, dep[k]) for k in ("spot", "retry", "scheduler", "cold_start", "cache")]:
    compare("the rows of '%s' in key_use.c" % path, {p.rpartition(".")[2] for p in table if p.rpartition(".")[0] == path}, obj)

def target(ref):
    at = schema
    for step in ref.lstrip("#/").split("/"):
        at = at[step]
    return at
def described(at, path): # every key says what it is for, itself or where it refers to a key
    for key, value in at.get("properties", {}).items():
        said = value.get("description") or ("/properties/" in value.get("$ref", "") and target(value["$ref"]).get("description"))
        assert said and len(said) > 3, "no description of " + path + key
        described(value, path + key + ".")
        if isinstance(value.get("additionalProperties"), dict):
            described(value["additionalProperties"], path + key + ".*.")
described(schema, "")
for name, law in schema["$defs"].items():
    assert law.get("description"), "no description of $defs." + name
    described(law, name + ".")

base = json.load(open("base.json"))
law = {"constant": "3"}
full = copy.deepcopy(base)
full.update(stepping="jump", start="empty", month_hours="720", series_step_s="5", slo={"classes": {}} | {k: "900" for k in top["slo"]["properties"] if k.endswith("_s")} |
            {"cold_fraction": 1, "error_fraction": "0.5", "attainment": 0, "budget_usd_month": "1000000"})
full["trace"] = {"file": "t.csv", "format": "azure", "speed": "1.5", "from_s": 0, "to_s": "4000"}
full["deployments"][0].update(
    model="llama-3.1-8b", buffer_replicas=0, zero_timeout_s="60", hard_concurrency=0, queue_limit=1000, queue_timeout_s="900",
    request_timeout_s="900", stockout_probability=0, stockout_retry_s="30", start_failure_probability="0.01", balance="round_robin",
    network_rtt_s="0.01", term="on_demand", retry={"max_attempts": 3, "base_s": "1", "cap_s": "9"}, operations_usd_month="5",
    scheduler={"policy": "vllm", "max_num_batched_tokens": 4096, "max_num_seqs": 64, "max_model_len": 8192, "block_size": 16,
               "num_blocks": 5000, "prefix_caching": True, "reserve_full_prompt": False},
    cold_start={k: law for k in dep["cold_start"]["properties"] if k not in ("cache_hit", "snapshot_probability", "storage", "load_rate",
                "cached_load_rate")} | {"cache_hit": 0.5, "snapshot_probability": "0", "load_rate": {"constant": "1000000000"},
                "cached_load_rate": {"lognormal": {"p50": "2000000000", "p95": "2000000000"}, "source": "me", "grade": "user",
                                     "date": "2026"}})
documents = []
def doc(valid, what, path=(), value=None, start=base, drop=False):
    d = copy.deepcopy(start)
    at = d
    for k in path[:-1]:
        at = at[k]
    if drop:
        del at[path[-1]]
    elif path:
        at[path[-1]] = value
    documents.append((what, d, valid))
main = ("deployments", 0)
doc(True, "base")
doc(True, "every key", start=full)
gpu = {"gpu": "A100-80", "precision": "bf16", "tp": 1}
doc(True, "averaged", ("deployments",), [dict(gpu, platform="baseten", target=2, utilisation="0.9", scale_up_window_s="30", scale_down_delay_s="600")])
doc(True, "by delay", ("deployments",), [dict(gpu, platform="runpod", target_delay_s="4")])
doc(True, "an API", ("deployments",), [{"platform": "groq", "limits": {"rpm": 100, "rpd": 0, "tpm": 0, "itpm": 0, "otpm": 0, "tpd": 0},
    "ttft": law, "ttft_per_ktok": {"quantiles": {"0.5": "0.1", "0.9": "0.2"}}, "output_rate": {"constant": "200"}}])
doc(True, "an API that counts what clients state", ("deployments",), [{"platform": "bedrock", "limits": {"tpm": 10000000}, "max_tokens": 500}])
doc(True, "dedicated", ("deployments",), [{"platform": "lambda", "gpu": "H100", "replicas": 2}])
doc(True, "no class has its own objectives", ("slo", "classes"), {})
doc(True, "time as a whole number", ("slo", "ttft_p95_s"), 600)
two = [dict(base["deployments"][0], name=n) for n in "ab"]
doc(True, "split", start=dict(base, deployments=two, routing={"policy": "split", "shares": [0.5, "0.5"]}))
doc(True, "overflow", start=dict(base, deployments=two, routing={"policy": "overflow", "overflow_at": 3}))
for path in [("zzz",), ("trace", "zzz"), ("slo", "zzz"), ("routing", "zzz"), main + ("zzz",)]:
    doc(False, "unknown " + str(path), path, 1)
for sub in ("retry", "scheduler", "limits", "cold_start"):
    doc(False, "unknown in " + sub, main + (sub,), {"zzz": 1})
for classes in [{"c": {"zzz": 1}}, {"c": {"budget_usd_month": "1"}}, {"c": 1}, ["c"]]:
    doc(False, f"classes {classes}", ("slo", "classes"), classes)
doc(False, "unknown in candidates", ("candidates",), {"zzz": 1})
for path in [("keepwarm",), ("trace",), ("trace", "file"), main + ("platform",)]:
    doc(False, "missing " + str(path), path, drop=True)
for path, value in [(("keepwarm",), 2), (("trace", "file"), ""), (("trace", "file"), 3), (("slo", "ttft_p95_s"), 0.5),
                    (("slo", "ttft_p95_s"), "2s"), (("replications",), 0), (("replications",), 257), (("replications",), "8"),
                    (("seed",), -1), (("stepping",), "both"), (("deployments",), []), (("deployments",), {}),
                    (main + ("tp",), 0), (main + ("tp",), 65), (main + ("keep_warm",), -1), (main + ("keep_warm",), 1.5),
                    (main + ("max_replicas",), 0), (main + ("term",), "weekly"), (main + ("name",), ""),
                    (main + ("name",), "x" * 32), (main + ("name",), "a[0]"), (main + ("balance",), "at_random"),
                    (main + ("scheduler",), {"policy": "fifo"}), (main + ("scheduler",), {"max_num_seqs": 0}),
                    (main + ("scheduler",), {"prefix_caching": 1}), (main + ("cold_start",), {"init": {}}),
                    (main + ("cold_start",), {"init": {"constant": "1", "lognormal": {"p50": "1", "p95": "2"}}}),
                    (main + ("cold_start",), {"init": {"constant": 1}}), (main + ("cold_start",), {"init": {"exponential": "1"}}),
                    (main + ("cold_start",), {"init": {"constant": "1", "source": "me"}}),
                    (main + ("retry",), {"max_attempts": 0}), (("routing", "policy"), "all"), (("routing", "overflow_at"), 0),
                    (("sweep",), []), (("sweep",), {"seed": [1]}), (("sweep",), {"deployments[main].keep_warm": []}),
                    (("sweep",), {"deployments[main].keep_warm": 1})]:
    doc(False, f"{path} = {value}", path, value)
for c in [{"kinds": "api"}, {"kinds": ["apis"]}, {"kinds": []}, {"tp": [0]}, {"keep_warm": 3}, {"keep_warm": [-1]}, {"terms": ["weekly"]},
          {"exhaustive": 1}, {"platforms": "modal"}, {"max_replicas": -1}]:
    doc(False, f"candidates {c}", ("candidates",), c)

try:
    import jsonschema
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    example = json.load(open(repo + "/sim/io/scenario/scenario.example.json"))
    for e in validator.iter_errors(example):
        raise AssertionError(f"scenario.example.json: {e.message}")
except ImportError:
    validator = None
wrong = 0
for what, d, valid in documents:
    json.dump(d, open("d.json", "w"))
    command = "plan" if "candidates" in d else "sweep" if "sweep" in d else "run"
    r = subprocess.run(["keepwarm", command, "d.json", "-q"], capture_output=True, text=True)
    if (r.returncode == 0) != valid or r.returncode not in (0, 2):
        wrong += 1
        print(f"{what}: the reader's exit code is {r.returncode}: {r.stderr.strip()}")
    if validator and validator.is_valid(d) != valid:
        wrong += 1
        print(f"{what}: the schema says {not valid}", *[e.message for e in validator.iter_errors(d)][:1])
print(len(documents) * (2 if validator else 1) - wrong, wrong, 0 if validator else 1)
PY
if out=$($python schema.py "$repo" 2>&1); then
    read -r good wrong none <<<"$(tail -1 <<<"$out")"
    passed=$((passed + good)) failed=$((failed + wrong)) skipped=$((skipped + none))
    [ "$wrong" = 0 ] || sed '$d; s/^/FAIL schema: /' <<<"$out"
    [ "$none" = 0 ] || echo "skip scenario schema: python3-jsonschema is not installed"
else
    bad "schema: $(tail -1 <<<"$out")"
fi
# init, schema, models
keepwarm init --trace 'a "b".csv' | $python -c 'import json, sys; assert json.load(sys.stdin)["trace"]["file"] == "a \"b\".csv"' && ok ||
    bad "init does not quote a file name"
keepwarm init --trace t.csv --model llama-3.1-8b -o init.json && keepwarm run init.json -q -r1 >/dev/null && ok || bad "what init writes does not run"
keepwarm sweep init.json -q -r1 --set 'sweep={"deployments[main].keep_warm": [0, 1]}' >/dev/null && ok || bad "what init writes does not sweep"
before=$(cat init.json)
keepwarm init -o init.json 2>init.err; [ $? = 2 ] && [ "$(cat init.json)" = "$before" ] && grep -q 'overwrites nothing' init.err && ok ||
    bad "init overwrites a file"
keepwarm schema | cmp -s - "$repo/sim/io/scenario/scenario.schema.json" && ok || bad "schema is not the file"
if $python -c 'import jsonschema' 2>/dev/null; then
    $python -c 'import json, jsonschema; jsonschema.validate(json.load(open("init.json")), json.load(open("'"$repo"'/sim/io/scenario/scenario.schema.json")))' && ok ||
        bad "what init writes is not what the schema says"
fi
keepwarm models >models.txt && grep -q 'llama-3.1-8b .* 8.03 .* 7.50 .* 16.1  bf16 .* 131.1 ' models.txt && grep -q 'gpt-oss-120b .* 116.83 .* 5.13 .* 65.2  mxfp4 .* 73.7 ' models.txt && ok || bad "models"
$python -c 'assert max(map(len, open("models.txt", encoding="utf-8").read().split("\n"))) <= 100'  && ok || bad "models is wider than 100 columns"
sed 's/"keepwarm": 1,/"keepwarm": 1, "\/\/": ["why", 3],/' base.json >comment.json
keepwarm run comment.json -q -r1 >/dev/null && ok || bad "a // key is no comment"
for section in EXAMPLES ENVIRONMENT FILES; do
    keepwarm man | grep -q "^.SH $section" && ok || bad "the man page has no $section"
done
for variable in $(grep -rhoE 'getenv\("KEEPWARM_[A-Z]+"' "$repo"/sim "$repo"/engine "$repo"/calibrate --include=*.c | grep -oE 'KEEPWARM_[A-Z]+' | sort -u); do
    [ "$variable" = KEEPWARM_EXEC ] || keepwarm man | grep -q "$variable" && ok || bad "the man page does not tell of $variable"
done
keepwarm sweep "$repo/sim/io/scenario/scenario.example.json" -q -r1 --set 'trace.file=t.csv' --set 'slo={}' >/dev/null && ok || bad "the example does not sweep"

# ---- what is printed: help, man page, completions, 100 columns

cat >columns.py <<'PY'
"""columns.py: stdin has no line of more than 100 characters, none that ends in a blank, no escape sequence."""
import sys
for i, line in enumerate(sys.stdin, 1):
    line = line.rstrip("\n")
    assert len(line) <= 100, f"line {i} has {len(line)} characters: {line}"
    assert line == line.rstrip(), f"line {i} ends in blanks: '{line}'"
    assert "\x1b" not in line and "\r" not in line and "\t" not in line, f"line {i} holds a control character"
PY
commands=$(keepwarm --help | sed -n '/^commands:/,/^$/s/^  \([a-z]* \?[a-z-]*\)  .*/\1/p' | sed 's/ *$//')
[ "$(wc -l <<<"$commands")" -ge 17 ] && ok || bad "--help lists $(wc -l <<<"$commands") commands"
while read -r command; do
    keepwarm $command --help >help.out 2>&1 && grep -q "^usage: keepwarm $command" help.out && ok || bad "$command --help"
    holds "$command --help" $python columns.py <help.out
    holds "help $command is the same" cmp help.out <(keepwarm help $command)
    grep -q "keepwarm $command" <(keepwarm man | sed 's/\\-/-/g') && ok || bad "the man page lacks $command"
done <<<"$commands"
groups=$(sed -n 's/^\([a-z]*\) .*/\1/p' <<<"$commands" | sort -u) # of commands of two words
[ "$(wc -l <<<"$groups")" -ge 4 ] && ok || bad "--help lists $(wc -l <<<"$groups") groups"
for group in $groups; do
    keepwarm $group --help >help.out 2>&1 && ok || bad "$group --help: exit $?"
    holds "$group --help lists its commands" cmp <(sed -n '/^commands:/,/^$/p' help.out) \
        <(echo commands: && keepwarm --help | grep "^  $group " && echo)
    holds "$group --help" $python columns.py <help.out
    holds "help $group is the same" cmp help.out <(keepwarm help $group)
    keepwarm $group >group.out 2>group.err
    [ $? = 2 ] && [ ! -s group.out ] && cmp -s group.err help.out && ok || bad "$group alone: want its list on stderr and exit 2"
    grep -q "keepwarm $group COMMAND" <(keepwarm man) && ok || bad "the man page lacks the group $group"
done
keepwarm >none.out 2>none.err
[ $? = 2 ] && [ ! -s none.out ] && cmp -s none.err <(keepwarm --help) && ok || bad "no command: want help on stderr and exit 2"
keepwarm trace info t.csv >info.out
keepwarm plan base.json -q --all >all.out
for printed in "--help" "--version" "trace formats" "platforms list" "platforms show modal" "platforms show groq" \
    "platforms check $repo/platforms/lambda.json" "calibrate show" "calibrate show H100-llama-3.1-8b-bf16-tp1" "reprice plan.h5" \
    "compare plan.h5 plan.h5"; do
    holds "columns of keepwarm $printed" bash -c "set -o pipefail; keepwarm $printed | $python columns.py"
done
for printed in run sweep plan all info; do holds "columns of $printed" $python columns.py <$printed.out; done
if command -v mandoc >/dev/null; then
    holds "man page" bash -c "keepwarm man | mandoc -T lint -W error"
else
    skip "man page: mandoc is not installed"
fi
keepwarm completion bash >complete.bash
holds "bash completion" bash -c '
source ./complete.bash || exit 1
complete -p keepwarm || exit 1
check() { # WORDS... = WANT: completing the last word offers WANT
    local want=${*: -1} n=$(($# - 2))
    COMP_WORDS=(keepwarm "${@:1:$n}") COMP_CWORD=$n
    COMPREPLY=()
    _keepwarm
    [[ " ${COMPREPLY[*]} " == *" $want "* ]] || { echo "keepwarm ${*:1:$n}: offers ${COMPREPLY[*]}, want $want"; exit 1; }
}
check sw = sweep
check trace sy = synth
check eng = engine
check engine ser = serve-trace
check calibrate --h = --help
check plan --tr = --trace
check trace info --fo = --format
check run base = base.json'
if command -v zsh >/dev/null; then
    keepwarm completion zsh >_keepwarm
    holds "zsh completion" zsh -f -n _keepwarm
    sed '/^_keepwarm /d' _keepwarm >functions.zsh # without the call
    holds "zsh completion of commands" zsh -f -c '
source ./functions.zsh
_describe() { offered=("${(P@)2}") }
check() { # WORDS... = NAME: after these words NAME is among those offered
    words=(keepwarm "${@[1,-3]}" "") CURRENT=$#
    _keepwarm
    [[ -n ${offered[(r)${@[-1]}:*]} ]] || { print -r -- "$words: offers $offered, want ${@[-1]}"; exit 1 }
}
check = reprice
check = engine
check engine = serve
check trace = formats'
else
    skip "zsh completion: zsh is not installed"
fi

# ---- the progress bar: on a terminal alone

keepwarm sweep sweep.json >/dev/null 2>bar.err
[ ! -s bar.err ] && ok || bad "a bar in a pipe: $(head -c 100 bar.err)"
cat >terminal.py <<'PY'
"""terminal.py COMMAND...: what the command writes to a terminal as stderr."""
import os
import pty
import subprocess
import sys
master, slave = pty.openpty()
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=slave, env=dict(os.environ, TERM="xterm"))
os.close(slave)
out = b""
try:
    while chunk := os.read(master, 65536):
        out += chunk
except OSError:
    pass
p.wait()
sys.stdout.buffer.write(out)
PY
$python terminal.py keepwarm sweep sweep.json >bar.out
grep -q 'simulating.*100 %' bar.out && ok || bad "no bar on a terminal: $(head -c 200 bar.out)"
[ "$(tail -c 4 bar.out)" = "$(printf '\r\033[K')" ] && ok || bad "the bar is left on the terminal"
$python terminal.py keepwarm sweep sweep.json -q >bar.out
[ ! -s bar.out ] && ok || bad "a bar although quiet"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
