#!/bin/sh
# Every shipped platform file against platforms/platform.schema.json, the schema against JSON Schema itself, and the API
# latency laws against the data they were fitted on. The schema must also refuse what the reader refuses in structure.
cd "$(dirname "$0")/../.." || exit 1
data=${KEEPWARM_DATA:-../shared/data}
passed=0 failed=0 skipped=0
python=/usr/bin/python3
[ -x $python ] || python=python3
if $python -c 'import jsonschema' 2>/dev/null; then
    out=$($python - <<'PY'
import copy, glob, json, sys
import jsonschema
schema = json.load(open("platforms/platform.schema.json"))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
files = [f for f in sorted(glob.glob("platforms/*.json")) if not f.endswith(".schema.json")]
bad = 0
for f in files:
    for e in validator.iter_errors(json.load(open(f))):
        bad += 1
        print(f"{f}: {'.'.join(map(str, e.absolute_path))}: {e.message[:200]}", file=sys.stderr)
modal = json.load(open("platforms/modal.json"))
def broken(path, value):
    d = copy.deepcopy(modal)
    at = d
    for k in path[:-1]:
        at = at[k]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return d
wrong = [broken(["kind"], "serverles"), broken(["keepwarm_platform"], 2), broken(["wrods"], {}), broken(["sources"], None),
         broken(["gpus", 0, "hour"], 3.95), broken(["gpus", 0, "count"], [0, 8]), broken(["gpus", 0, "hour"], {"usd": "-1"}),
         broken(["meter", "bills", "active"], "maybe"), broken(["meter", "bills", "idle"], None),
         broken(["scaling", "scaler"], "magic"), broken(["scaling", "keep_warm"], -1),
         broken(["cold", "provision"], {"median": "1"})]
accepted = sum(validator.is_valid(d) for d in wrong)
if accepted:
    print(f"{accepted} broken documents pass the schema", file=sys.stderr)
print(len(files) + len(wrong) - bad - accepted, bad + accepted)
PY
) || exit 1
    passed=$((passed + ${out% *})) failed=$((failed + ${out#* }))
else
    echo "skip platform schema: python3-jsonschema is not installed"
    skipped=$((skipped + 1))
fi
csv=$data/calibration/llmperf_api_latency_2023-12.csv
if [ -r "$csv" ]; then
    if $python platforms/fit_api_latency.py "$csv" --check >/dev/null; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
else
    echo "skip API latency fit: $csv is not there (set KEEPWARM_DATA)"
    skipped=$((skipped + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
