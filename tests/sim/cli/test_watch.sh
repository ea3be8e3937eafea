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
    ok "$2" python3 -c 'import json, sys; a = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$1" "$2"
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
ok 'as bill' python3 -c 'import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:])
sys.exit({x["name"]: x["usd"] for x in a["by_source"]}["openai"] != b["priced"]["usd"])' "$tmp/a.json" "$tmp/b.json"
watch "$tmp/spend.csv" --json -q >"$tmp/a.json" # no platform: the log's own cost
json "$tmp/a.json" 'a["total"]["usd"] == "0.875" and a["total"]["unpriced_requests"] == 0'
ok tables watch "$tmp/spend.csv" --platform openai -q
cp "$tmp/out" "$tmp/tables"
ok 'no line is wider than 100' python3 -c 'import sys; sys.exit(max(len(l.rstrip("\n")) for l in open(sys.argv[1])) > 100)' "$tmp/tables"

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
printf 'arrival_s,input_tokens,output_tokens\n0,10,10\n90000,10,10\n' >"$tmp/relative.csv"
watch "$tmp/relative.csv" --date 2026-03-02 --json -q >"$tmp/a.json"
json "$tmp/a.json" 'a["window"] == {"from": "2026-03-02 00:00", "to": "2026-03-03 02:00"} and a["total"]["unpriced_requests"] == 2 and a["total"]["usd_per_mtok"] is None'

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
