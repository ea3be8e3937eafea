#!/bin/bash
# A plan's first screen of 40 lines is its answer: what to rent, how many replicas to keep warm, the cost, each objective beside
# its figure, how surely, why, and the best of each kind; each figure is that of --json. Where nothing meets, the nearest.
cd "$(dirname "$0")/../../.." || exit 1
export KW="${KEEPWARM:-build/keepwarm}"
exec python3 - <<'PY'
import json
import os
import re
import subprocess
import sys
import tempfile

passed = failed = 0
TRACE = ["--trace", "tests/sim/cli/golden/trace.csv", "--format", "servegen"]

def check(name, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAIL", name, said)

def plan(*words):
    """The text, and the document behind it, of one plan."""
    run = lambda *more: subprocess.run([os.environ["KW"], "plan", "-q", *TRACE, "-r", "1", *words, *more], capture_output=True, text=True)
    text, data = run(), run("--json")
    check("plan %s leaves alike" % (words,), text.returncode == data.returncode in (0, 3), (text.returncode, text.stderr[-200:]))
    return text.stdout.splitlines(), json.loads(data.stdout)

def facts(lines):
    """label -> text of the first section, continued lines joined; several of one label in a list."""
    out, label = {}, None
    for line in lines[lines.index(next(x for x in lines if x.startswith(("Recommendation", "Nothing meets")))) + 1:]:
        if not line.strip():
            break
        label = line[2:14].strip() or label
        if line[2:14].strip():
            out[label] = line[14:]
        else:
            out[label] += " " + line.strip()
    return out

def answer(name, want, *words):
    lines, data = plan(*words)
    screen = lines[:40]
    best = data["points"][[p["rank"] for p in data["points"]].index(1)]
    said = facts(screen)
    check(name + ": no line is wider than 100", max(map(len, lines)) <= 100)
    labels = list(said)
    check(name + ": the answer comes first", labels[:4] == ["rent", "keep warm", "cost", "credit" if "credit" in said else "objectives"]
          and {"users see", "how surely", "why", "run"} <= set(labels) and said["inputs"].startswith(best["grade"]), labels)
    check(name + ": the cost", float(re.match(r"\$([\d,.]+) a month", said["cost"]).group(1).replace(",", "")) ==
          round(best["cost_usd_month"], 2 if best["cost_usd_month"] < 1000 else 0), said["cost"])
    for pattern, text in want.items():
        check("%s: %s" % (name, pattern), re.search(pattern, said[text]), said[text])
    at = next((k for k, x in enumerate(screen) if x.startswith("The best of each kind")), None)
    return lines, data, best, said, screen[at:] if at else []

kinds = ("API", "serverless", "dedicated", "hybrid")
lines, data, best, said, table = answer("rented", {r"^1 x RTX 4090 \(1 GPU\) on RunPod Pods.*, on demand: llama-3.1-8b in bf16$": "rent", r"^1 replica, at all times": "keep warm",
    r"^met: TTFT p95 455 ms \(at most 600\), errors 0.00 % \(at most 0.1\)$": "objectives", r"bf16 tp1: 1 x RTX 4090": "run"},
    "--model", "llama-3.1-8b", "--slo", "ttft_p95=0.6s")
rows = {m.group(1): (int(m.group(2)), x) for x in table if (m := re.match(r"  (API|serverless|dedicated|hybrid) +(\d+)  ", x))}
check("each kind has its best row", sorted(rows) == sorted(kinds), (rows, table))
kind_of = lambda p: "hybrid" if len(p["deployments"]) > 1 else {"api": "API"}.get(p["deployments"][0]["kind"], p["deployments"][0]["kind"])
first = {}
for p in sorted(data["points"], key=lambda p: p["rank"]):
    first.setdefault(kind_of(p), p["rank"])
check("... by rank", {k: r for k, (r, _) in rows.items()} == first, (rows, first))
check("... at its verdict", all(("misses" in x or "unknown" in x) == (not data["points"][[p["rank"] for p in data["points"]].index(r)]["feasible"]) for r, x in rows.values()), rows)
figure = lambda m: best[m]
check("what users see is what was simulated", "within %.3g s for 95 %%" % figure("ttft_p95_s") in said["users see"] and
      "within %.3g s for 99 %%" % figure("ttft_p99_s") in said["users see"], said["users see"])
answer("by the token", {r"^nothing: llama-3.1-8b by the token from Amazon Bedrock": "rent", r"^nothing": "keep warm", r"TTFT p95 2\.59 s \(at most 5\)": "objectives",
    r"rate limits that were not found": "how surely", r"meta.llama3": "run"}, "--model", "llama-3.1-8b", "--slo", "ttft_p95=5s")
answer("serverless", {r"^L4 on Modal, up to \d+ replicas as they are needed: llama-3.1-8b in fp8$": "rent", r"^1 replica at all times; each further one stops after \d+ s idle$": "keep warm",
    r"min_containers=1": "run"}, "--model", "llama-3.1-8b", "--slo", "ttft_p95=2s", "-p", "modal")
answer("serverless from zero", {r"^none: the last replica stops after \d+ s idle": "keep warm", "min_containers=0": "run",
    r"TTFT p95 [\d.]+ s \(at most 300\)": "objectives"}, "--model", "llama-3.1-8b", "--slo", "ttft_p95=300s", "-p", "modal")
_, _, best, said, _ = answer("hybrid", {"^modal: L4 on Modal.*bedrock: nothing: llama-3.1-8b by the token": "rent", "^modal: .* bedrock: nothing": "keep warm"},
    "--model", "llama-3.1-8b", "--slo", "ttft_p95=2s", "-p", "modal", "-p", "bedrock")
with tempfile.NamedTemporaryFile("w", suffix=".csv") as office: # two weeks of office hours, which a schedule fits
    office.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
    for d in range(1, 13):
        office.writelines("2024-01-%02d %02d:%02d:%02d.0000000,300,80\n" % (d, h, 10 * k, (7 * k + 3 * h) % 50)
                          for h in range(8, 18) for k in range(6) if d % 7 not in (0, 6))
    office.flush()
    TRACE = ["--trace", office.name]
    answer("a schedule", {"^0 to 1 by the hour of the week .run says when.; each further one stops after 5 s idle$": "keep warm", "schedule=0-1": "run"},
           "--model", "llama-3.1-8b", "--slo", "ttft_p95=2s", "-p", "modal")
TRACE = ["--trace", "tests/sim/cli/golden/trace.csv", "--format", "servegen"]
answer("a budget", {r"the budget of \$500": "objectives"}, "--model", "llama-3.1-8b", "--slo", "ttft_p95=0.6s,budget=500")
lines, data = plan("--model", "llama-3.1-8b", "--slo", "ttft_p95=1ms")
said = facts(lines[:40])
check("nothing meets: the nearest", "ttft_p95_s" in said.get("nearest", "") and "rent" not in said, said)
for name in ("window", "month", "searched"):
    check("what it rests on comes last: " + name, any(x.startswith("  " + name) for x in lines[lines.index("What this rests on"):]), "")
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
PY
