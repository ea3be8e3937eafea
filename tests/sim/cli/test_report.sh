#!/bin/bash
# The page of a result: whole labels, ranges and verdicts of the ranking, what stands beside the recommendation, both colour
# schemes and phones, and nothing that a user named reaching it as anything but text.
cd "$(dirname "$0")/../../.." || exit 1
keepwarm=$(realpath "${KEEPWARM:-build/keepwarm}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trace=$PWD/tests/sim/cli/golden/trace.csv
"$keepwarm" plan -q --trace "$trace" --format servegen --model llama-3.1-8b --slo ttft_p95=0.6s -r 1 -o "$work/tight.h5" \
    --csv >"$work/tight.csv" || exit 1
"$keepwarm" plan -q --trace "$trace" --format servegen --model llama-3.1-8b --slo ttft_p95=5s -r 1 -o "$work/api.h5" \
    >"$work/api.txt" || exit 1
for name in tight api; do "$keepwarm" report "$work/$name.h5" -o "$work/$name.html" 2>/dev/null || exit 1; done
sed "s/\"golden\"/\"a\\\\u009b31m<b>\\\\u001b[2J\"/; s|tests/sim/cli/golden/||" tests/sim/cli/golden/run.json >"$work/evil.json"
cp "$trace" "$work/trace.csv"
"$keepwarm" run "$work/evil.json" -q -o "$work/evil.h5" >/dev/null
"$keepwarm" report "$work/evil.h5" -o "$work/evil.html" 2>/dev/null || exit 1
# As an older keepwarm wrote it: without what came later.
if /usr/bin/python3 - "$work/tight.h5" "$work/older.h5" <<'PY' 2>/dev/null
import shutil
import sys
import h5py
shutil.copy(*sys.argv[1:])
with h5py.File(sys.argv[2], "a") as f:
    for name in ("points/best_in", "points/feasible_in", "points/thin", "points/tie", "points/margin_left", "points/margin_error",
                 "points/p_feasible_with_step_error", "deployments/max_num_seqs"):
        if name in f:
            del f[name]
    for name in ("margin", "flips_if", "if_worse", "assumed", "window"):
        if name in f.attrs:
            del f.attrs[name]
PY
then
    cd "$work" || exit 1
    for line in "report older.h5 -o older.html" "reprice older.h5" "compare older.h5 tight.h5"; do
        "$keepwarm" $line >out 2>err || { echo "FAIL of an older result: $line: $(cat err)"; echo "0 passed, 1 failed"; exit 1; }
    done
fi
cd "$work" && exec python3 - <<'PY'
import csv
import html
import re
import sys

passed = failed = 0

def check(name, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAIL", name, said)

tight, api, evil = (open(n + ".html", encoding="utf-8", errors="strict").read() for n in ("tight", "api", "evil"))
rows = [r for r in csv.DictReader(open("tight.csv")) if not (r["of_class"] or r["of_model"] or r["of_region"] or r["of_deployment"])]
ranked = sorted(rows, key=lambda r: int(r["rank"]))
bars = [html.unescape(x) for x in re.findall(r"<div class='l'>(.*?)</div>", tight)]
check("a bar for the best of each platform", len(bars) > 10 and len(set(bars)) == len(bars), bars)
check("labels are whole", set(bars) <= {r["label"] for r in rows} and "…" not in tight)
cells = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr[^>]*>(<td>.*?)</tr>", tight)]
check("60 rows", len(cells) == 60 and all(len(c) == 13 for c in cells), len(cells))
for c, r in zip(cells, ranked):
    text = html.unescape(c[1].split("<br>")[0])
    verdict = c[12].split("<br>")[0]
    want = ", ".join(w for w in ("thin", "tie") if r[w] == "1") or "meets"
    check("row " + r["rank"], text == r["label"] and verdict == want and float(c[2]) == round(float(r["cost_usd_month"]), 2)
          and abs(float(c[10]) / float(r["goodput_rps"]) - 1) < 0.01, (text, verdict, c, r["label"], want))
check("thin and tie are told", any("thin" in c[12] for c in cells) and "<p>thin:" in tight and "<p>tie:" in tight)
box = api[api.index("class='box'"):api.index("</dl></div>")]
check("the range stands beside the recommendation", re.search(r"TTFT p95 0\.\d+ to \d\.\d+ s, p99 0\.\d+ to \d\.\d+ s", box), box)
check("failures and goodput", re.search(r"0\.00 % of the requests fail, goodput 0\.0\d+ requests/s", box), box)
for fact in ("why", "not known", "if worse", "flips if", "assumed"):
    check(fact, "<dt>%s</dt><dd>" % fact in box, box)
said = " ".join(open("api.txt").read().split())
worse = html.unescape(re.search(r"<dt>if worse</dt><dd>(.*?)</dd>", box).group(1))
check("as the text says it", worse in said, worse)
check("phones and both schemes", "name='viewport'" in api and "prefers-color-scheme:dark" in api and "#fff'" not in api)
check("names are text", not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]|<b>\ufffd|m<b>", evil) and "a\ufffd31m&lt;b&gt;" in html.unescape(evil).replace("<b>", "&lt;b&gt;"),
      re.search("<h1>.*?</h1>", evil).group(0))
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
PY
