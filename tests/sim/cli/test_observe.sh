#!/bin/bash
# tests/sim/cli/test_observe.sh - calibrate observe: a server of a known law (fake_server.py) is loaded and its law found; our own engine, too; and
# of a server that is not there, wants a key, does not stream, breaks off or dies one line says so, and nothing is written.
cd "$(dirname "$0")/../../.." || exit 1
. tests/checks.bash
unset KEEPWARM_PROFILES KEEPWARM_API_KEY
server=
trap '[ -z "$server" ] || kill $server 2>/dev/null; rm -rf "$work"' EXIT
begin() { # HOW: sets url
    [ -z "$server" ] || { kill $server 2>/dev/null; wait $server 2>/dev/null; }
    : >port
    /usr/bin/python3 "$repo/tests/sim/cli/fake_server.py" "$1" >port 2>server.err & server=$!
    for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
    url=http://127.0.0.1:$(cat port)
}
H100="--gpu H100 --model llama-3.1-8b"

begin law
# shellcheck disable=SC2086
exits "a known law" 0 keepwarm calibrate observe --url "$url/v1/" $H100 --concurrency 1,4,12 --prompts 16,128,512 --max-tokens 48 --requests 150 -o law.json
cp out law.txt
says "the bound is said first" err "observing $url/v1/: at most 150 requests of 76.8k prompt tokens and 7.20k output tokens in all, 1 to 12 at once, for 120 s"
says "what answered" out 'the "model": 150 answers in'
says "KV cache as it says" out "KV cache: 7777 blocks of 32 tokens, as it says"
says "KV cache in use" out "25 % of the KV cache was in use"
says "intervals" out "a step takes (95 %)"
/usr/bin/python3 - <<'PY' && ok || bad "the law comes back: $(grep -A5 'a step takes' law.txt | tr '\n' ';')"
import json, re
text = open("law.txt").read()
def of(name):
    return float(re.search(name + r" +([0-9.e+-]+) ", text).group(1))
# 10 ms + 0.1 ms a sequence + 0.2 us a token of context; sleeping and a busy machine make it longer, never shorter.
batch, context = 8, 8 * 250
step = of("by itself") + 1e-3 * of("a sequence decoding") * batch + 1e-6 * of("a token of context") * context
want = 10 + 0.1 * batch + 2e-4 * context
assert 0.97 * want < step < 1.35 * want, (step, want)
assert 8 < of("a prompt's token") < 90, of("a prompt's token")
p = json.load(open("law.json"))
assert p["kv"]["num_blocks"] == 7777 and p["kv"]["grade"] == "measured" and p["steps"]["grade"] == "measured", p["kv"]
PY
exits "the time is over" 2 keepwarm calibrate observe --url "$url" $H100 --max-tokens 64 --budget 1s --requests 4000 -q -o over.json
says "the time is over" err "want 40 at least"

refused() { # NAME CODE TEXT URL OPTION...
    local name=$1 code=$2 text=$3 to=$4
    shift 4
    # shellcheck disable=SC2086
    exits "$name" "$code" keepwarm calibrate observe --url "$to" $H100 -q -o no.json "$@"
    says "$name" err "$text"
    [ "$(wc -l <err)" = 1 ] && [ ! -s out ] && ok || bad "$name: more than one line"
    [ -z "$(ls no.json* 2>/dev/null)" ] && ok || bad "$name: something was written"
}
begin key && refused "no key" 1 "wants a key (401): set KEEPWARM_API_KEY; it says: no key, no tokens" "$url"
KEEPWARM_API_KEY=sesame refused "the key is sent" 2 "want 40 at least" "$url" --requests 2
begin whole && refused "not streamed" 2 "the answer was not streamed" "$url"
begin garbage && refused "broken events" 2 "an event of the answer is no JSON" "$url"
begin short && refused "cut short" 1 "an answer ended before its end was told" "$url"
begin lost && refused "an error page" 1 "the server answered 500: <html>oh no</html>" "$url"
begin full && refused "turned away" 1 "turned a request away (429)" "$url" --concurrency 8
begin nameless && refused "no model" 1 "names no model: say with --name" "$url"
begin dies && refused "dies midway" 1 "answers, nothing is kept" "$url" --concurrency 8 --prompts 16 --max-tokens 16
kill $server 2>/dev/null
wait $server 2>/dev/null
server=
refused "no server" 1 "no server answers" "$url"
refused "no URL" 2 "--url: want http://HOST:PORT, got 'ftp://x'" ftp://x
refused "a list that is none" 2 "--concurrency: want up to 32 whole numbers" "$url" --concurrency 1,,4
refused "answers too short" 2 "--max-tokens: want 16 at least" "$url" --max-tokens 2
exits "no output" 2 keepwarm calibrate observe --url "$url" $H100
says "no output" err "wants --url and -o FILE"
exits "an output that cannot be" 1 keepwarm calibrate observe --url "$url" $H100 -q -o none/p.json
says "an output that cannot be" err "none/p.json: No such file"

begin busy
# shellcheck disable=SC2086
exits "it serves others" 0 keepwarm calibrate observe --url "$url" $H100 --concurrency 1,8 --prompts 16 --max-tokens 16 --requests 60 -q -o busy.json
says "it serves others" out "IT SERVED 3 OTHER REQUESTS when this began"

# Our own engine, on the processor; its limits stand in a profile, and no GPU's bounds hold for it.
/usr/bin/python3 - "$repo/calibrate/data/profiles/H100-llama-3.1-8b-bf16-tp1.json" <<'PY' || exit 1
import json, sys
p = json.load(open(sys.argv[1]))
p.update(gpu="this CPU", model="mine", precision="fp32", weight_bytes=8e6, kv_bytes_per_token=2048,
         limits={"max_num_seqs": 16, "max_num_batched_tokens": 256, "max_model_len": 512})
p["kv"]["num_blocks"] = 512
json.dump(p, open("base.json", "w"))
PY
kill $server
wait $server 2>/dev/null
keepwarm engine serve --model tiny -j 1 --max-model-len 512 --max-num-seqs 16 --max-num-batched-tokens 256 --num-blocks 512 -q --port 0 >serve.txt 2>&1 & server=$!
for _ in $(seq 100); do grep -q 'http://' serve.txt && break; sleep 0.1; done
url=$(grep -oE 'http://[0-9.:]+' serve.txt | head -1)
exits "our own engine" 0 keepwarm calibrate observe --url "$url" --profile base.json --concurrency 1,4,12 --prompts 16,64,128 --max-tokens 64 --requests 400 -q -o own.json
says "our own engine" out "tiny: 400 answers in"
says "our own engine has /metrics" out "between the rungs at most 0 waited"
says "our own engine's law" out "TPOT of the other half: off by"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
