#!/bin/bash
# tests/sim/cli/test_models.sh - a model is its config.json: by path, by Hugging Face id, in run and plan, without a profile; what it rests
# on is said; a key that nobody knows is named; a result made with one is made again.
cd "$(dirname "$0")/../../.." || exit 1
. tests/checks.bash
export KEEPWARM_PROFILES=
mkdir mine

awk 'BEGIN { print "TIMESTAMP,ContextTokens,GeneratedTokens"
    for (i = 0; i < 60; i++) printf "2023-11-16 18:17:%02d.5000000,%d,%d\n", i, 100 + i * 7 % 300, 20 + i * 13 % 90 }' >t.csv
cat >mine/config.json <<'JSON'
{ "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "num_hidden_layers": 24, "hidden_size": 1024,
  "num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": 128, "intermediate_size": 3072, "vocab_size": 64000,
  "max_position_embeddings": 32768, "num_experts": 64, "num_experts_per_tok": 4, "moe_intermediate_size": 512, "bos_token_id": 1,
  "rope_theta": 1000000, "torch_dtype": "bfloat16", "transformers_version": "4.57.1" }
JSON
cat >s.json <<'JSON'
{ "keepwarm": 1, "trace": { "file": "t.csv" }, "model": "mine/config.json", "slo": { "ttft_p95_s": "2" },
  "deployments": [ { "platform": "modal", "gpu": "NVIDIA L4", "keep_warm": 1, "max_replicas": 2 } ] }
JSON

exits "run of a config.json" 0 keepwarm run s.json -q -o r.h5
says "run of a config.json" out "step times estimated, vllm, by the shape alone"
exits "rerun" 0 keepwarm rerun r.h5 -q
keepwarm rerun r.h5 -q >first.txt
cp mine/config.json kept.json
sed -i 's/"intermediate_size": 3072/"intermediate_size": 4096/; s/"moe_intermediate_size": 512/"moe_intermediate_size": 768/' mine/config.json
exits "a result of another config.json" 2 keepwarm rerun r.h5 -q
says "a result of another config.json" err "mine/config.json: the result was made with a model of sha256 "
exits "and forced" 0 keepwarm rerun r.h5 -q --force
cmp -s out first.txt && bad "another shape takes as long" || ok
cp kept.json mine/config.json
exits "and put back" 0 keepwarm rerun r.h5 -q
cmp -s out first.txt && ok || bad "put back it is another"
mkdir elsewhere
(cd elsewhere && keepwarm run ../s.json -q >../out2 2>../err2) && ok || bad "run from another folder: $(cat err2)"
exits "run in fp8" 0 keepwarm run s.json -q --set 'deployments[0].precision=fp8'
exits "run of an id" 0 keepwarm run s.json -q --set model=openai/gpt-oss-20b
says "run of an id in its own precision" out "mxfp4"
exits "run on what it does not fit" 2 keepwarm run s.json -q --set model=openai/gpt-oss-120b
says "run on what it does not fit" err "there is no profile of openai/gpt-oss-120b in mxfp4 on 1 x L4"
exits "plan of a config.json" 0 keepwarm plan --trace t.csv --model mine/config.json --slo ttft_p95=2s --platform modal -q
says "plan of a config.json" out "step times estimated, vllm, by the shape alone"
says "plan of a config.json says what its error is" out "the profile's worst error"
exits "plan of an id" 0 keepwarm plan --trace t.csv --model Qwen/Qwen3-30B-A3B --slo ttft_p95=2s --platform lambda -q
says "plan of an id" out "qwen3-30b-a3b in"
exits "plan of another name" 0 keepwarm plan --trace t.csv --model Qwen/Qwen3-30B-A3B-Instruct-2507 --slo ttft_p95=2s --platform lambda -q
says "plan of another name" out "taken for qwen3-30b-a3b by its name"
exits "platforms show" 0 keepwarm platforms show modal --model mine/config.json
says "platforms show" out "H100 bf16 1 estimated, vllm, by the shape alone"
exits "a substitute" 0 keepwarm plan --trace t.csv --model mine/config.json --slo ttft_p95=2s --platform lambda -q --substitute Qwen/Qwen3-4B
says "a substitute" out "qwen3-4b"

sed 's/qwen3_moe/rwkv7/' mine/config.json >odd.json
exits "another architecture" 2 keepwarm plan --trace t.csv --model odd.json --platform modal -q
says "another architecture" err "model_type"
says "another architecture" err "rwkv7"
sed 's/"bos_token_id"/"num_memory_heads": 4, "bos_token_id"/' mine/config.json >odd.json
exits "a key nobody knows" 2 keepwarm run s.json -q --set model=odd.json
says "a key nobody knows" err "num_memory_heads: what this key does to the model's shape is not known here"
[ "$(wc -l <err)" = 1 ] && ok || bad "a key nobody knows: more than a line"
exits "no such file" 2 keepwarm run s.json -q --set model=nowhere/config.json
says "no such file" err "nowhere/config.json"
exits "no such model" 2 keepwarm plan --trace t.csv --model Qwen/Qwen9-1B --platform modal -q
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
