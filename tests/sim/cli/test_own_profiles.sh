#!/bin/bash
# tests/sim/cli/test_own_profiles.sh - profiles of the user's: a folder, $KEEPWARM_PROFILES and --profile; the best grade is taken and
# named in the table, the JSON, the HDF5 and the page; a result made with them is made again, and is known when they changed.
cd "$(dirname "$0")/../../.." || exit 1
. tests/checks.bash
unset KEEPWARM_PROFILES
mkdir mine
silent() { if grep -qF -- "$3" "$2"; then bad "$1: '$3' is said"; else ok; fi; }

cp "$repo/tests/sim/cli/bad_input/base.json" s.json
awk 'BEGIN { print "TIMESTAMP,ContextTokens,GeneratedTokens"
    for (i = 0; i < 60; i++) printf "2023-11-16 18:17:%02d.5000000,%d,%d\n", i, 100 + i * 7 % 300, 20 + i * 13 % 90 }' >t.csv
# A measured one, half as fast as the published one in dense layers, so that figures tell them apart.
/usr/bin/python3 - "$repo/calibrate/data/profiles/H100-llama-3.1-8b-bf16-tp1.json" <<'PY' || exit 1
import json, sys
p = json.load(open(sys.argv[1]))
p["device"], p["engine"] = "NVIDIA H100 80GB HBM3", "keepwarm cuda abcdef"
p["steps"].update(grade="measured", date="2026-11-24", source="keepwarm calibrate measure")
p["steps"]["dense"]["us"] = [2 * x for x in p["steps"]["dense"]["us"]]
json.dump(p, open("mine/h100.json", "w"))
p["steps"].update(drift=0.07, steady=False)
json.dump(p, open("drifted.json", "w"))
p["steps"].update(grade="estimated")
json.dump(p, open("guess.json", "w"))
PY
line="measured on NVIDIA H100 80GB HBM3, 2026-11-24 (published set aside)"

exits "without one" 0 keepwarm run s.json -q
says "without one" out "step times published, vllm 0.24.0 operator tables, 2026-11-30"
before=$(grep "TPOT p50" out)
exits "--profile" 0 keepwarm run s.json -q --profile mine/h100.json
says "--profile" out "step times $line;"
[ "$(grep "TPOT p50" out)" != "$before" ] && ok || bad "--profile changes no figure"
KEEPWARM_PROFILES=mine exits "the variable" 0 keepwarm run s.json -q -o r.h5
says "the variable" out "$line; mine/h100.json"
ln -s mine profiles
exits "./profiles" 0 keepwarm run s.json -q
says "./profiles" out "$line; profiles/h100.json"
KEEPWARM_PROFILES='' exits "an empty variable" 0 keepwarm run s.json -q
silent "an empty variable" out "measured"
exits "a plan" 0 keepwarm plan s.json -q --platform modal -o p.h5
says "a plan" out "$line; profiles/h100.json"
exits "a plan as JSON" 0 keepwarm plan s.json -q --platform modal --json
says "a plan as JSON" out '"profile":	"profiles/h100.json"'
says "a plan as JSON" out '"profile_grade":	"measured"'
says "a plan as JSON" out '"profile_grade":	"published"'
exits "platforms show" 0 keepwarm platforms show modal --model llama-3.1-8b
says "platforms show" out "$line"
says "platforms show" out "published, vllm 0.24.0 operator tables"
says "platforms show names the file" out "$line profiles/h100.json" # whole, on a line of its own
says "platforms show, in order" out "H100 bf16 1 measured on"       # the user's stands where the built-in one would
[ "$(wc -L <out)" -le 100 ] && ok || bad "platforms show is wider than 100 columns"
exits "platforms show of nobody's model" 2 keepwarm platforms show modal --model nosuch
exits "calibrate show by name" 0 keepwarm calibrate show H100-llama-3.1-8b-bf16-tp1
says "calibrate show by name" out "measured on NVIDIA H100 80GB HBM3"
rm profiles

# A table of one's own: 12 ms a step and no more, on a GPU whose published profile takes half of that.
awk 'BEGIN { print "batch,context,ms"; for (b = 1; b <= 64; b *= 8) for (c = 128; c < 9000; c *= 4) print b "," c "," 12 + b / 100 + b * c / 1e5 }' >steps.csv
exits "calibrate import of an own table" 0 keepwarm calibrate import steps.csv --gpu 'NVIDIA H100 80GB HBM3' --model llama-3.1-8b -o steps.json
says "an own table's errors" out "decode: left out, median"
says "an own table without prompts" out "prefill: NOT IN THE FILES; by published"
exits "an own table's profile" 0 keepwarm run s.json -q --profile steps.json --json
/usr/bin/python3 -c 'import json; p = json.load(open("out"))["points"][0]; assert 0.012 < p["tpot_p50_s"] < 0.013, p' && ok || bad "steps of an own table are served as such"

exits "not steady" 0 keepwarm run s.json -q --profile drifted.json
says "not steady" out "NOT A STEADY DEVICE (drift 7 %)"
exits "a weaker one" 0 keepwarm run s.json --profile guess.json
says "a weaker one" err "guess.json is estimated and is set aside: H100-llama-3.1-8b-bf16-tp1 is published"
says "a weaker one" out "(estimated set aside)"
exits "the last of equals" 0 keepwarm run s.json -q --profile mine/h100.json --profile drifted.json
says "the last of equals" out "(measured and published set aside); drifted.json"

# One clear line names the file.
mkdir broken && head -c 300 mine/h100.json >broken/half.json
KEEPWARM_PROFILES=broken exits "a broken one" 2 keepwarm plan s.json -q --platform modal
says "a broken one" err "broken/half.json"
[ "$(wc -l <err)" = 1 ] && ok || bad "a broken one: $(wc -l <err) lines"
KEEPWARM_PROFILES=nowhere exits "no folder" 2 keepwarm run s.json -q
says "no folder" err "nowhere: No such file or directory"
exits "no file" 2 keepwarm run s.json -q --profile nowhere.json
says "no file" err "nowhere.json: No such file or directory"

# A result knows its profiles: made again without naming them, repriced without them, refused when they changed.
exits "rerun" 0 keepwarm rerun r.h5 -q -o again.h5
says "rerun" out "$line; mine/h100.json"
exits "page" 0 keepwarm report r.h5 -o r.html
says "page" r.html "mine/h100.json (measured)"
if /usr/bin/python3 -c 'import h5py' 2>/dev/null; then
    exits "HDF5" 0 /usr/bin/python3 -c '
import h5py, hashlib, sys
a, b = (h5py.File(n) for n in ("r.h5", "again.h5"))
assert a["points/profile"].asstr()[0] == "mine/h100.json" and a["points/profile_grade"].asstr()[0] == "measured"
sha = hashlib.sha256(open("mine/h100.json", "rb").read()).hexdigest()
assert a["deployments/profile_sha256"].asstr()[0, 0] == sha and a.attrs["profiles"] == sha + " offered mine/h100.json\n", a.attrs["profiles"]
assert a.attrs["profiles"] == b.attrs["profiles"]
for k in a["points"]:
    x, y = a["points"][k][()], b["points"][k][()] # to the byte: a NAN is none of its own equals
    assert (list(x.ravel()) == list(y.ravel()) if x.dtype == object else x.tobytes() == y.tobytes()), k
p = h5py.File("p.h5")["points"]
grades = set(p["profile_grade"].asstr()[:])
assert {"measured", "published"} <= grades, grades'
else
    skipped=$((skipped + 1))
    echo "skip HDF5: no h5py"
fi
exits "reprice" 0 keepwarm reprice r.h5 --json
says "reprice" out '"profile":	"mine/h100.json"'
cp mine/h100.json kept.json
sed -i 's/2026-11-24/2026-11-25/' mine/h100.json
exits "rerun with another one" 2 keepwarm rerun r.h5 -q
says "rerun with another one" err "mine/h100.json: the result was made with a profile of sha256"
exits "and forced" 0 keepwarm rerun r.h5 -q --force
cp kept.json mine/h100.json
rm -r mine
exits "reprice without it" 0 keepwarm reprice r.h5
exits "rerun without it" 2 keepwarm rerun r.h5 -q
says "rerun without it" err "mine/h100.json: No such file or directory"

# A profile that the scenario itself names is pinned, too.
exits "named" 0 keepwarm run s.json -q --set 'deployments[main].profile=kept.json' -o n.h5
says "named" out "$line; kept.json"
sed -i 's/2026-11-24/2026-11-25/' kept.json
exits "named, changed" 2 keepwarm rerun n.h5 -q
says "named, changed" err "kept.json: the result was made with"

# Files that a scenario names lie beside it, whatever lies in the working folder; a result elsewhere knows where they were.
mkdir -p deep/sc results
cp "$repo/platforms/modal.json" deep/sc/mine.json
sed -i 's/"name": "modal"/"name": "mine"/; s/"title": "[^"]*"/"title": "My own cloud"/' deep/sc/mine.json
sed 's/2026-11-25/2026-11-20/' kept.json >deep/sc/named.json
sed 's/"gpu": "H100"/"gpu": "H100", "profile": "named.json"/; s/"platform": "modal"/"platform": "mine.json"/' s.json >deep/sc/s.json
mv t.csv deep/sc/
echo '{ "not": "this one" }' | tee named.json mine.json >t.csv
exits "files beside the scenario" 0 keepwarm run deep/sc/s.json -q -o results/b.h5
says "files beside the scenario" out "measured on NVIDIA H100 80GB HBM3, 2026-11-20 (published set aside); named.json"
says "files beside the scenario" out "mine H100 bf16 tp1"
exits "and again from the result" 0 keepwarm rerun results/b.h5 -q -o results/c.h5
says "and again from the result" out "2026-11-20 (published set aside); named.json"
dump() { h5dump -a /folder -a /profiles -g /points "$1" | tail -n +2; }
if command -v h5dump >/dev/null; then
    dump results/b.h5 | grep -qF '"deep/sc"' && ok || bad "the result does not tell its scenario's folder"
    cmp <(dump results/b.h5) <(dump results/c.h5) && ok || bad "rerun of a result whose files lay beside the scenario"
else
    skipped=$((skipped + 1))
    echo "skip HDF5 of files beside the scenario: no h5dump"
fi
exits "a plan with a platform beside the scenario" 0 keepwarm plan deep/sc/s.json -q --set 'candidates={"platforms":["mine.json"]}'
says "a plan with a platform beside the scenario" out "mine"
exits "--platform is the working folder's" 2 keepwarm plan deep/sc/s.json -q --platform ./mine.json
says "--platform is the working folder's" err "mine.json:1:"
(cd deep/sc && keepwarm run s.json -q >here.out) && tail -n +3 deep/sc/here.out | cmp -s - <(keepwarm run deep/sc/s.json -q | tail -n +3) && ok ||
    bad "run in the scenario's own folder"
mv deep/sc/t.csv t.csv
mv deep/sc/named.json named.json
exits "else in the working folder" 0 keepwarm run deep/sc/s.json -q
says "else in the working folder" out "2026-11-20 (published set aside); named.json"
rm named.json
exits "in neither" 2 keepwarm run deep/sc/s.json -q
says "in neither" err "named.json: No such file or directory (nor is there deep/sc/named.json)"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
