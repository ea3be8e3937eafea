#!/bin/bash
# The page of a result says all that the terminal says: each section, label, cell and sentence. Beside it: whole labels,
# ranges and verdicts of the ranking, both colour schemes with contrast enough, phones, no script, nothing fetched, and
# nothing that a user named reaching it as anything but text.
cd "$(dirname "$0")/../../.." || exit 1
keepwarm=$(realpath "${KEEPWARM:-build/keepwarm}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trace=$PWD/tests/sim/cli/golden/trace.csv
plan=("$keepwarm" plan -q --trace "$trace" --format servegen --model llama-3.1-8b -r 1)
"${plan[@]}" --slo ttft_p95=0.65s -o "$work/tight.h5" --csv >"$work/tight.csv" || exit 1
"${plan[@]}" --slo ttft_p95=0.65s >"$work/tight.txt" || exit 1
"${plan[@]}" --slo ttft_p95=5s -o "$work/api.h5" >"$work/api.txt" || exit 1
"${plan[@]}" --slo ttft_p95=5s -p api -p dedicated --break-even -o "$work/volumes.h5" >"$work/volumes.txt" || exit 1
"${plan[@]}" --slo ttft_p95=1ms -p api -o "$work/none.h5" >"$work/none.txt" 2>/dev/null
# Two weeks of office hours, which a schedule fits.
/usr/bin/awk 'BEGIN { print "TIMESTAMP,ContextTokens,GeneratedTokens"
    for (d = 1; d <= 12; d++) for (h = 8; h < 18 && d % 7 != 6 && d % 7 != 0; h++) for (k = 0; k < 6; k++)
        printf "2024-01-%02d %02d:%02d:%02d.0000000,300,80\n", d, h, 10 * k, (k * 7 + h * 3) % 50 }' >"$work/office.csv"
"$keepwarm" plan -q --trace "$work/office.csv" --model llama-3.1-8b --slo ttft_p95=2s -p modal -p crusoe -p bedrock -p groq -r 3 --curves -o "$work/office.h5" >"$work/office.txt" || exit 1
grep -v '^#' tests/sim/cli/golden/commands.txt | while IFS= read -r line; do
    case $line in run:*|sweep:*|fallback:*)
        read -ra words <<<"${line#*: }"
        "$keepwarm" "${words[@]}" -o "$work/${line%%:*}.h5" >"$work/${line%%:*}.txt" 2>/dev/null ;;
    esac
done
for name in tight api volumes none office run sweep fallback; do
    "$keepwarm" report "$work/$name.h5" -o "$work/$name.html" 2>/dev/null || exit 1
done
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
    del f["document"]
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
import html.parser
import os
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
cells = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr[^>]*>(<td>.*?)</tr>", tight[tight.index("id='ranking'"):])]
check("60 rows", len(cells) == 60 and all(len(c) == 13 for c in cells), len(cells))
for c, r in zip(cells, ranked):
    text = html.unescape(c[1].split("<br>")[0])
    verdict = c[12].split("<br>")[0]
    want = ", ".join(w for w in ("thin", "tie") if r[w] == "1") or "meets"
    check("row " + r["rank"], text == r["label"] and verdict == want and float(c[2]) == round(float(r["cost_usd_month"]), 2)
          and abs(float(c[10]) / float(r["goodput_rps"]) - 1) < 0.01, (text, verdict, c, r["label"], want))
check("thin and tie are told", any("thin" in c[12] for c in cells) and "<p>thin:" in tight and "<p>tie:" in tight)

# ---- the page says what the terminal says

class Page(html.parser.HTMLParser):
    """Its text, and what no browser should have to mend: tags that do not match, names twice, references to nothing."""
    VOID = {"meta", "br", "input", "img", "hr", "link"}

    def __init__(self, source):
        super().__init__()
        self.open, self.wrong, self.text, self.ids, self.refs, self.of = [], [], [], [], [], {"h2": [], "h1": []}
        self.feed(source)
        self.wrong += ["<%s> stays open" % t for t in self.open]
        self.wrong += ["id twice: " + i for i in set(self.ids) if self.ids.count(i) > 1]
        self.wrong += ["nothing has the id " + r for r in self.refs if r not in self.ids]
        self.words = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if "id" in a:
            self.ids.append(a["id"])
        self.refs += a.get("aria-labelledby", "").split() + ([a["href"][1:]] if "href" in a else [])
        self.wrong += ["fetches: %s %s" % (tag, attrs) for k, v in attrs if k in ("src", "srcset", "action") or k.startswith("on")]
        if tag in ("script", "iframe", "link", "object") or ("href" in a and a["href"][0] != "#"):
            self.wrong.append("fetches or runs: %s %s" % (tag, attrs))
        if tag == "svg" and a.get("role") != "img" and a.get("aria-hidden") != "true":
            self.wrong.append("a picture without words: %s" % attrs)
        if tag in self.of:
            self.of[tag].append("")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.wrong.append("</%s> within %s" % (tag, self.open[-3:]))
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.text.append(data)
        if self.open and self.open[-1] in self.of and self.of[self.open[-1]]:
            self.of[self.open[-1]][-1] += data

for name in ("tight", "api", "volumes", "none", "office", "run", "sweep", "fallback"):
    page = Page(open(name + ".html", encoding="utf-8").read())
    check(name + ": is well-formed and fetches nothing", not page.wrong, page.wrong[:5])
    lines = open(name + ".txt", encoding="utf-8").read().splitlines()
    missing, titles = [], []
    for k, line in enumerate(lines):
        if line[:1].strip():  # a title; a long one goes on in the next line
            more = lines[k + 1] if k + 1 < len(lines) and line[:1].strip() and lines[k + 1][:1].strip() else ""
            titles += [] if k and lines[k - 1][:1].strip() else [line + (" " + more if more else "")]
        missing += [c for c in re.split(r" {2,}", line.strip()) if c.strip("─") and " ".join(c.split()) not in page.words]
    check(name + ": all that the terminal says", len(lines) > 5 and not missing, missing[:8])
    # A line as a whole stands there, too: rows with their cells in order, facts behind their labels. But for rules and heads
    # of tables, which have two lines, and for names too long for a cell, which go on below.
    said = [" ".join(x.split()) for x in lines if x.strip() and "─" not in x]
    apart = [x for x in said if x not in page.words]
    check(name + ": whole lines", len(apart) < 0.2 * len(said), (len(apart), len(said), apart[:8]))
    wrong = [t for t in titles[1:] if t not in page.of["h2"]]
    check(name + ": its sections", titles and titles[0] in page.of["h1"] and not wrong, (wrong, page.of["h1"], page.of["h2"]))

# ---- what must be there by name: a section or a label that went missing from terminal and page alike is missed here

office = Page(open("office.html", encoding="utf-8").read())
for title in ("Recommendation", "The best of each kind", "What keeping replicas warm buys", "Keep-warm curve of modal", "Schedules: ", "What would flip the answer",
              "The best configuration of each platform", "What this rests on", "Cost against latency", "What a month pays for", "Ranking"):
    check("the page has " + title, sum(h.startswith(title) for h in office.of["h2"]) == 1, office.of["h2"])
labels = [t.strip() for t in re.findall(r"<dt>(.*?)</dt>", open("office.html", encoding="utf-8").read())]
for label in ("objectives", "rent", "keep warm", "cost", "users see", "how surely", "why", "if worse", "assumed", "left out", "window", "month", "schedule"):
    check("the page has a fact named " + label, label in labels, labels)
check("the page tells p99", re.search(r"within [\d.]+ s for 99 %", office.words) and "TTFT p99 s" in office.words)

# ---- both schemes: text at 4.5 to 1 and what pictures are drawn with at 3 to 1 (WCAG 2.2, 1.4.3 and 1.4.11)

def light_of(colour):
    c = colour.lstrip("#")
    c = "".join(2 * x for x in c) if len(c) == 3 else c
    parts = [int(c[i:i + 2], 16) / 255 for i in (0, 2, 4)]
    return sum(w * (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4) for w, p in zip((0.2126, 0.7152, 0.0722), parts))

def contrast(a, b):
    high, low = sorted((light_of(a), light_of(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)

check("the measure itself", abs(contrast("#000", "#fff") - 21) < 1e-9 and abs(contrast("#777", "#fff") - 4.48) < 0.01)
schemes = [dict(re.findall(r"--(\w+):(#[0-9a-f]+)", x)) for x in re.findall(r":root\{(.*?)\}", api)]
check("two schemes with the same names", len(schemes) == 2 and schemes[0].keys() == schemes[1].keys() and len(schemes[0]) >= 13, schemes)
check("every colour asked for is there", set(re.findall(r"var\(--(\w+)\)", api)) <= set(schemes[0]), set(re.findall(r"var\(--(\w+)\)", api)))
for name, c in zip(("light", "dark"), schemes):
    for ink in ("text", "soft", "link"):
        for ground in ("page", "box"):
            check(f"{name}: {ink} on {ground}", contrast(c[ink], c[ground]) >= 4.5, contrast(c[ink], c[ground]))
    for ink in ("api", "serverless", "dedicated", "busy", "ready", "starting", "soft"): # soft: the edge of a bill's parts
        check(f"{name}: {ink} in pictures", contrast(c[ink], c["page"]) >= 3, contrast(c[ink], c["page"]))
check("phones, both schemes, paper", "name='viewport'" in api and "(prefers-color-scheme:dark)" in api and "@media print" in api)
older = open("older.html").read() if os.path.exists("older.html") else None
if older:
    check("an older result has its recommendation", "class='box'" in older and "<dt>why</dt>" in older and not Page(older).wrong, Page(older).wrong)
check("names are text", not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]|<b>\ufffd|m<b>", evil) and "a\ufffd31m&lt;b&gt;" in html.unescape(evil).replace("<b>", "&lt;b&gt;"),
      re.search("<h1>.*?</h1>", evil).group(0))
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
PY
