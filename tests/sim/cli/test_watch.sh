#!/bin/bash
# keepwarm watch: logs as they are, what they cost by whom, and what is refused.
cd "$(dirname "$0")/../../.." || exit 1
keepwarm=${KEEPWARM:-build/keepwarm}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0
ok() { # ok NAME COMMAND...: the command succeeds
    local name=$1
    shift
    if "$@" >"$tmp/out" 2>"$tmp/err"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL $name: $*" && head -5 "$tmp/out" "$tmp/err"
    fi
}
holds() { # holds NAME COMMAND...: the same, of what the command before printed
    local name=$1
    shift
    if "$@" >"$tmp/check" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL $name: $*" && head -5 "$tmp/check"
    fi
}
refused() { # refused WORDS COMMAND...: exit 2, one line with the words
    local words=$1
    shift
    "$@" >"$tmp/out" 2>"$tmp/err"
    if [ $? = 2 ] && [ "$(wc -l <"$tmp/err")" = 1 ] && grep -qF -- "$words" "$tmp/err"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL refused '$words': $*" && head -3 "$tmp/err"
    fi
}
json() { # json FILE EXPRESSION: true of the answer a
    holds "$2" python3 -c 'import json, sys; a = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$1" "$2"
}
watch() { "$keepwarm" watch "$@"; }

cat >"$tmp/spend.csv" <<'EOF'
request_id,call_type,api_key,spend,total_tokens,prompt_tokens,completion_tokens,startTime,endTime,model,metadata,cache_hit,request_tags,team_id,status
r1,acompletion,k1,0.5,1100,1000,100,2026-05-11 09:00:00.000,2026-05-11 09:00:02.000,gpt-4o,{},False,"[""prod""]",red,success
r2,acompletion,k2,0.25,2200,2000,200,2026-05-11 09:30:00.000,2026-05-11 09:30:04.000,gpt-4o,{},False,[],blue,success
r3,acompletion,k2,0.125,300,200,100,2026-05-12 10:00:00.000,2026-05-12 10:00:01.000,house-model,{},False,[],blue,success
EOF
watch "$tmp/spend.csv" --platform openai --json -q >"$tmp/a.json" || failed=$((failed + 1))
json "$tmp/a.json" 'a["total"]["requests"] == 3 and a["total"]["tokens"]["input"] == 3200 and a["window"]["from"] == "2026-05-11 09:00"'
json "$tmp/a.json" '{x["name"]: x["requests"] for x in a["by_team"]} == {"red": 1, "blue": 2}'
json "$tmp/a.json" '{x["name"]: x["requests"] for x in a["by_key"]} == {"k1": 1, "k2": 2}'
json "$tmp/a.json" '{x["name"] for x in a["by_tag"]} == {"", "[\"prod\"]"} or [x["name"] for x in a["by_tag"]]'
json "$tmp/a.json" '{x["name"]: x["usd"] for x in a["by_source"]}[""] == "0.125"'
json "$tmp/a.json" 'len(a["hours"]) == 26 and a["hours"][0]["weekday"] == "Mon" and a["hours"][25]["requests"] == 1'
# What `bill` says of the same tokens is what is counted here.
"$keepwarm" bill "$tmp/spend.csv" --platform openai --json -q >"$tmp/b.json"
holds 'as bill' python3 -c 'import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:])
sys.exit({x["name"]: x["usd"] for x in a["by_source"]}["openai"] != b["priced"]["usd"])' "$tmp/a.json" "$tmp/b.json"
watch "$tmp/spend.csv" --json -q >"$tmp/a.json" # no platform: the log's own cost
json "$tmp/a.json" 'a["total"]["usd"] == "0.875" and a["total"]["unpriced_requests"] == 0'
ok tables watch "$tmp/spend.csv" --platform openai -q
holds 'no line is wider than 100' python3 -c 'import sys; sys.exit(max(len(l.rstrip("\n")) for l in open(sys.argv[1])) > 100)' "$tmp/out"

cat >"$tmp/jobs.jsonl" <<'EOF'
{"ts":"2026-06-01T08:00:00Z","model":"llama","input_tokens":100,"output_tokens":50,"executionTime":2000,"delayTime":0,"team":"a"}
{"ts":"2026-06-01T09:10:00Z","model":"llama","input_tokens":100,"output_tokens":50,"executionTime":2000,"delayTime":30000,"team":"b"}
EOF
watch "$tmp/jobs.jsonl=runpod:H100" --columns gpu=executionTime:ms,start=delayTime:ms --json -q >"$tmp/a.json"
json "$tmp/a.json" 'a["total"]["cold_starts"]["fraction"] == 0.5 and a["total"]["cold_starts"]["flagged"] and a["total"]["cold_starts"]["mean_s"] == 30'
json "$tmp/a.json" 'a["by_source"][0]["kind"] == "serverless" and float(a["total"]["usd"]) > float(a["total"]["cold_starts"]["usd"]) > 0'
# Three platforms in one table.
watch "$tmp/spend.csv" "$tmp/jobs.jsonl=lambda:H100x2" --platform openai --json -q >"$tmp/a.json"
json "$tmp/a.json" 'sorted(x["name"] for x in a["by_source"]) == ["", "lambda:H100x2", "openai"]'
json "$tmp/a.json" 'abs(sum(float(x["usd"]) for x in a["by_source"]) - float(a["total"]["usd"])) < 1e-9'
# A GPU service at what a FOCUS export charged, beside an API: its days' charges by the days' tokens, the rest is said.
cat >"$tmp/focus.csv" <<'EOF'
BilledCost,EffectiveCost,BillingCurrency,ServiceName,ProviderName,ChargePeriodStart,ChargePeriodEnd
0,24,USD,Amazon SageMaker,AWS,2026-06-01T00:00:00Z,2026-06-02T00:00:00Z
0,24,USD,Amazon SageMaker,AWS,2026-06-02T00:00:00Z,2026-06-03T00:00:00Z
0,7,USD,Amazon S3,AWS,2026-06-01T00:00:00Z,2026-06-02T00:00:00Z
EOF
watch "$tmp/spend.csv" "$tmp/jobs.jsonl=costs:sagemaker" -p openai --costs "$tmp/focus.csv" --json -q >"$tmp/a.json"
json "$tmp/a.json" '[(x["kind"], x["usd"], round(x["usd_per_mtok"], 6)) for x in a["by_source"] if x["name"] == "costs:sagemaker"] == [("charged", "2", 6666.666667)]'
json "$tmp/a.json" 'a["charges"] == [{"name": "costs:sagemaker", "usd": "2", "outside_usd": "46", "from": "2026-06-01 00:00", "to": "2026-06-03 00:00"}]'
json "$tmp/a.json" 'a["export"]["unclaimed"] == {"Amazon S3": "7"} and a["export"]["cost"] == "EffectiveCost" and a["export"]["rows_taken"] == 2'
watch "$tmp/jobs.jsonl=costs:sagemaker" --costs "$tmp/focus.csv" -q >"$tmp/out"
holds 'what is of nobody is told' grep -qF '$7.00 of the export is of no log here: Amazon S3 $7.00' "$tmp/out"
holds 'and what no log tells of' grep -qF 'costs:sagemaker: $46.00 more at hours of which no log tells' "$tmp/out"
# Kept: the log first, its charges another night, then corrected.
ok 'charges are to come' watch "$tmp/jobs.jsonl=costs:sagemaker" --state "$tmp/c.h5" -q --json
json "$tmp/out" 'a["total"]["waiting_requests"] == 2 and a["total"]["usd_per_mtok"] is None'
ok 'charges came' watch --state "$tmp/c.h5" --costs "$tmp/focus.csv" -q --json
json "$tmp/out" 'a["total"]["usd"] == "2" and "waiting_requests" not in a["total"]'
sed 's/24,USD,Amazon Sage/48,USD,Amazon Sage/' "$tmp/focus.csv" >"$tmp/focus2.csv"
ok 'corrected' watch --state "$tmp/c.h5" --costs "$tmp/focus2.csv" -q --json
ok 'kept' watch --state "$tmp/c.h5" -q --json
json "$tmp/out" 'a["total"]["usd"] == "4" and a["charges"][0]["outside_usd"] == "92" and "export" not in a'
refused 'in which export? say --costs FILE' watch "$tmp/jobs.jsonl=costs:modal"
refused "no charge of 'modal'" watch "$tmp/jobs.jsonl=costs:modal" --costs "$tmp/focus.csv" -q
refused "no log's cost is in it: say LOG=costs:NAME" watch "$tmp/jobs.jsonl" --costs "$tmp/focus.csv" -q
refused 'is given twice' watch "$tmp/jobs.jsonl=costs:s3" --costs "$tmp/focus.csv" --costs "$tmp/focus.csv" -q
refused 'want LOG=costs:NAME' watch "$tmp/jobs.jsonl=costs:" --costs "$tmp/focus.csv" -q
printf 'arrival_s,input_tokens,output_tokens\n0,10,10\n90000,10,10\n' >"$tmp/relative.csv"
watch "$tmp/relative.csv" --date 2026-03-02 --json -q >"$tmp/a.json"
json "$tmp/a.json" 'a["window"] == {"from": "2026-03-02 00:00", "to": "2026-03-03 02:00"} and a["total"]["unpriced_requests"] == 2 and a["total"]["usd_per_mtok"] is None'

# What is counted once is kept: in parts, twice over, and killed at any moment, it comes to what one reading of all finds.
python3 - "$tmp" <<'EOF'
import sys
for day in range(1, 6):
    with open("%s/day%d.jsonl" % (sys.argv[1], day), "w") as f:
        for i in range(4000):
            f.write('{"id":"r%d-%d","ts":"2026-06-%02dT%02d:%02d:%02dZ","model":"m%d","input_tokens":%d,"output_tokens":%d,"team":"t%d","cost":%g}\n'
                    % (day, i, day, i // 180, i // 3 % 60, i % 3 * 20, i % 3, 1 + i % 977, 1 + i % 89, i % 7, 0.001 * (i % 13)))
EOF
watch "$tmp"/day?.jsonl --json -q >"$tmp/whole.json"
for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
    "$keepwarm" watch "$tmp"/day?.jsonl --state "$tmp/killed.h5" -q >/dev/null 2>&1 & # itself, not a shell around it
    sleep "0.0$((try * 7 % 10))"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
done
ok 'killed, then whole' watch "$tmp"/day?.jsonl --state "$tmp/killed.h5" --json -q
holds 'the same as never killed' cmp "$tmp/out" "$tmp/whole.json"
head -c 100000 "$tmp/day1.jsonl" >"$tmp/grows.jsonl"
ok 'a part' watch "$tmp/grows.jsonl" --state "$tmp/parts.h5"
holds 'what is not over waits' grep -q 'left for the next time' "$tmp/err"
cp "$tmp/day1.jsonl" "$tmp/grows.jsonl"
ok 'the rest' watch "$tmp/grows.jsonl" "$tmp"/day[2-5].jsonl --state "$tmp/parts.h5" -q
ok 'the state alone' watch --state "$tmp/parts.h5" --json
holds 'parts are the whole' cmp "$tmp/out" "$tmp/whole.json"
ok 'again' watch "$tmp"/day?.jsonl --state "$tmp/parts.h5" --json
holds 'nothing twice' cmp "$tmp/out" "$tmp/whole.json"
holds 'said' [ "$(grep -c 'read before, nothing is new' "$tmp/err")" = 5 ]
# Exports that overlap, a file that is another one each time: each request once, and told how many came again.
python3 - "$tmp" <<'EOF'
import sys
rows = [line for day in range(1, 6) for line in open("%s/day%d.jsonl" % (sys.argv[1], day))]
for k in range(5):
    open("%s/export%d" % (sys.argv[1], k), "w").writelines(rows[max(0, k * 4000 - 1500):k * 4000 + 4000])
EOF
for k in 0 1 2 3 4; do
    cp "$tmp/export$k" "$tmp/export.jsonl"
    ok "export $k" watch "$tmp/export.jsonl" --state "$tmp/again.h5" --json
done
holds 'told again' grep -q 'export.jsonl: 1500 of its 5500 requests had been counted, by their ids, and are left out' "$tmp/err"
json "$tmp/out" 'a["left_out_again"] == 6000'
sed 's/"left_out_again": 6000/"left_out_again": 0/' "$tmp/out" >"$tmp/once.json"
holds 'each request once' cmp "$tmp/once.json" "$tmp/whole.json"
ok 'at once, without a state' watch "$tmp"/export? --json -q
sed 's/"left_out_again": 6000/"left_out_again": 0/' "$tmp/out" >"$tmp/once.json"
holds 'each request once, too' cmp "$tmp/once.json" "$tmp/whole.json"
python3 -c 'import fcntl, sys, time
f = open(sys.argv[1], "w")
fcntl.lockf(f, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)' "$tmp/parts.h5.lock" >"$tmp/locked" &
while [ ! -s "$tmp/locked" ]; do sleep 0.05; done
refused "is in use by another watch (process $!)" watch "$tmp"/day1.jsonl --state "$tmp/parts.h5" -q
ok 'to look is always allowed' watch --state "$tmp/parts.h5" --json
kill $!
wait $! 2>/dev/null
ok 'free again' watch "$tmp"/day?.jsonl --state "$tmp/parts.h5" --json -q
# Three weeks, the last day dearer for four hours: told, and nothing else.
python3 - "$tmp/weeks.csv" <<'EOF'
import math, random, sys
random.seed(5)
with open(sys.argv[1], "w") as f:
    f.write("ts,model,input_tokens,output_tokens,cost\n")
    for h in range(21 * 24):
        n = round(40 * (1.5 + math.sin((h % 24 - 9) / 12 * math.pi)) * (0.4 if h // 24 % 7 >= 5 else 1))
        each = 0.01 * random.uniform(0.9, 1.1) * (3 if h // 24 == 20 and 8 <= h % 24 < 12 else 1)
        for i in range(n):
            f.write("2026-06-%02dT%02d:%02d:%02dZ,m,100,10,%.6f\n" % (1 + h // 24, h % 24, i * 60 // n, 7, each))
EOF
watch "$tmp/weeks.csv" --json -q >"$tmp/a.json"
json "$tmp/a.json" '{x["signal"] for x in a["anomalies"]["alarms"]} == {"hour", "request"} and a["anomalies"]["hours_judged"] > 250'
json "$tmp/a.json" '{x["hour"] for x in a["anomalies"]["alarms"]} == {"2026-06-21 08:00"} and a["anomalies"]["of"] == "usd"'
json "$tmp/a.json" 'all(2 < x["value"] / x["expected"] < 4 for x in a["anomalies"]["alarms"])'
watch "$tmp/weeks.csv" -q >"$tmp/out"
json "$tmp/a.json" '0 < a["anomalies"]["doubled_requests_told_share"] <= a["anomalies"]["doubled_cost_of_each_told_share"] <= 1'
holds 'anomalies are told' grep -q '2026-06-21 08:00 UTC, [34] h: an hour cost' "$tmp/out"
# 21 days of June for $252: $3,000 are kept, $320 may be, $300 are not (exit 4), $200 are spent already.
for budget in 3000:kept:0 300:lost:4 200:over:4; do
    IFS=: read -r usd state rc <<<"$budget"
    watch "$tmp/weeks.csv" --budget "$usd" --json -q >"$tmp/a.json"
    holds "exit $rc of $usd" [ $? = "$rc" ]
    json "$tmp/a.json" 'a["budget"]["state"] == "'"$state"'" and a["budget"]["month"] == "2026-06" and a["budget"]["forecast_usd_lo"] < a["budget"]["forecast_usd"] < a["budget"]["forecast_usd_hi"]'
done
json "$tmp/a.json" '0 <= float(a["total"]["usd"]) - a["budget"]["spent_usd"] < 1 and a["budget"]["crossed"].startswith("2026-06-1")'
watch "$tmp/weeks.csv" --budget 300 -q >"$tmp/out"
holds 'the budget is told' grep -q 'NOT KEPT by this forecast' "$tmp/out"
refused "--budget: want dollars a month, more than 0; got '0'" watch "$tmp/weeks.csv" --budget 0
refused "--budget: want dollars a month, more than 0; got '5k'" watch "$tmp/weeks.csv" --budget 5k
# Savings are what plans of the same requests find, by kind.
python3 - "$tmp/chat.csv" <<'EOF'
import random, sys
random.seed(3)
with open(sys.argv[1], "w") as f:
    f.write("ts,model,input_tokens,output_tokens,team\n")
    for i in range(2000):
        f.write("2026-06-%02dT%02d:%02d:%02dZ,gpt-4o,%d,%d,a\n" % (1 + i // 1000, i % 1000 * 24 // 1000, i % 60, i % 59, random.randint(200, 3000), random.randint(50, 500)))
EOF
watch "$tmp/chat.csv" --columns team=team --platform openai --savings llama-3.1-8b --slo ttft_p95=2s --json -q >"$tmp/a.json"
json "$tmp/a.json" 'a["savings"]["model"] == "gpt-4o" and a["savings"]["source"] == "openai" and a["savings"]["usd"] == a["total"]["usd"]'
json "$tmp/a.json" 'abs(a["savings"]["usd_month"] / (float(a["total"]["usd"]) * 365 / 24) - 1) < 0.02'
for kind in serverless dedicated; do
    "$keepwarm" plan --trace "$tmp/chat.csv" --model llama-3.1-8b --slo ttft_p95=2s -p $kind --json -q >"$tmp/b.json"
    holds "as planned, $kind" python3 -c 'import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:3])
best = min(p["cost_usd_month"] for p in b["points"] if p["feasible"])
sys.exit(abs(a["savings"]["plan"][sys.argv[3]]["usd_month"] / float(best) - 1) > 0.02)' "$tmp/a.json" "$tmp/b.json" $kind
done
watch "$tmp/chat.csv" --platform openai --savings llama-3.1-8b --slo ttft_p95=2s -q >"$tmp/out"
holds 'in a sentence' grep -q 'gpt-4o at openai processed .* tokens at \$' "$tmp/out"
refused '--slo is for --savings' watch "$tmp/chat.csv" --slo ttft_p95=2s
refused 'plans the requests of one log' watch "$tmp/chat.csv" "$tmp/spend.csv" --savings llama-3.1-8b
refused 'no model of the log is priced by the token' watch "$tmp/relative.csv" --date 2026-01-01 --savings llama-3.1-8b
refused 'llama-3.1-9b' watch "$tmp/chat.csv" --platform openai --savings llama-3.1-9b -q
# The metrics are Prometheus' text; each is shown by the dashboard, which asks for no other.
watch "$tmp/weeks.csv" "$tmp/jobs.jsonl=lambda:H100x2" --budget 3000 --metrics "$tmp/k.prom" -q --json >"$tmp/a.json"
cat >"$tmp/metrics.py" <<'EOF'
import json, re, sys
typed, values = {}, {}
for line in open(sys.argv[1]):
    if line.startswith("# TYPE "):
        name, kind = line.split()[2:]
        assert name not in typed and kind in ("counter", "gauge"), line
        assert (kind == "counter") == name.endswith("_total"), line
        typed[name] = kind
    elif not line.startswith("# HELP "):
        m = re.fullmatch(r'(keepwarm_[a-z0-9_]+)(\{([a-z]+="([^"\\]|\\.)*",?)*\})? (\S+)\n', line)
        assert m and m[1] in typed, line
        assert (m[1], m[2]) not in values, line
        values[m[1], m[2]] = float(m[5])
dashboard = json.load(open(sys.argv[2]))
variables = [v for v in dashboard["templating"]["list"] if v["type"] == "query"]
asked = [t["expr"] for p in dashboard["panels"] for t in p["targets"]] + [v["query"]["query"] for v in variables]
names = {n for e in asked for n in re.findall(r"keepwarm_[a-z0-9_]+", e)}
assert names == set(typed), names ^ set(typed)
ids = [p["id"] for p in dashboard["panels"]]
assert len(set(ids)) == len(ids) and all(p["datasource"]["uid"] == "${datasource}" for p in dashboard["panels"])
labels = {l for e in asked for g in re.findall(r"by \((\w+)\)|\{(\w+)=~", e) for l in g if l}
assert labels <= set(re.findall(r'(\w+)="', " ".join(k[1] or "" for k in values))), labels
cells = [(p["gridPos"]["x"] + x, p["gridPos"]["y"] + y) for p in dashboard["panels"]
         for x in range(p["gridPos"]["w"]) for y in range(p["gridPos"]["h"])]
assert len(set(cells)) == len(cells) and max(x for x, y in cells) < 24  # no panel lies on another
a = json.load(open(sys.argv[3]))
cost = sum(v for k, v in values.items() if k[0] == "keepwarm_cost_usd_total")
assert abs(cost - float(a["total"]["usd"])) < 1e-6, cost
assert sum(v for k, v in values.items() if k[0] == "keepwarm_requests_total") == a["total"]["requests"]
assert values["keepwarm_budget_usd", None] == 3000
EOF
holds 'metrics and dashboard' python3 "$tmp/metrics.py" "$tmp/k.prom" sim/watch/grafana.json "$tmp/a.json"
into_nowhere() {
    watch "$tmp/weeks.csv" --metrics "$tmp/no/k.prom" -q >/dev/null 2>"$tmp/err"
    [ $? = 1 ] && grep -q "$tmp/no/k.prom" "$tmp/err"
}
holds 'metrics into no folder' into_nowhere
refused 'which logs?' watch
refused 'nothing was counted in' watch --state "$tmp/none.h5"
refused 'is no file' watch /dev/stdin --state "$tmp/none.h5"
refused 'spend.csv' watch "$tmp/relative.csv" --date 2026-01-01 --state "$tmp/spend.csv"

refused 'say on which day it began, --date' watch "$tmp/relative.csv"
refused 'has dates of its own' watch "$tmp/spend.csv" --date 2026-03-02
refused "want YYYY-MM-DD, got 'x'" watch "$tmp/relative.csv" --date x
refused 'say --columns gpu=NAME:ms' watch "$tmp/jobs.jsonl=runpod:H100" -q
refused 'has no GPU H101' watch "$tmp/jobs.jsonl=runpod:H101"
refused 'sells tokens, not GPUs' watch "$tmp/jobs.jsonl=openai:H100"
refused 'on which GPU?' watch "$tmp/jobs.jsonl=lambda"
refused 'sells no tokens' watch "$tmp/spend.csv" --platform lambda
refused 'No such file' watch "$tmp/none.csv"
refused 'want LOG=PLATFORM' watch "$tmp/jobs.jsonl=lambda:"
refused 'only `keepwarm watch` asks' "$keepwarm" trace info "$tmp/jobs.jsonl" --columns team=team
refused 'cost: want dollars' watch "$tmp/jobs.jsonl" --columns cost=ts
echo "$passed passed, $failed failed"
[ $failed = 0 ]
