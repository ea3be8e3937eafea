"""keys.py [PREFIX] - goes through the JSON Schema that `keepwarm schema` prints: each of its keys (that begin with PREFIX) must have
a row in KEYS below, and each row must be true:

    "path": does(BASE, A, B, edits..., wrong=(OTHER, VALUE, ...))

In the scenario BASE (with the edits) the values A and B of the key give different figures, messages or exit codes; UNSET leaves
the key out. What the user reads of the key itself (a label, a setting) does not count as different. In the scenario OTHER
the key with VALUE (A when left out) is refused: exit 2 and a line that holds its path and "has no meaning". A key that does
nothing anywhere, by its nature, is label(WHY).

A new key of the schema: add its row here, and one to the table of sim/io/scenario/key_use.c, which says where it has a meaning.
"""
import copy
import csv
import json
import math
import os
import random
import subprocess
import sys
import tempfile

KW = os.path.abspath(os.environ.get("KEEPWARM", "build/keepwarm"))
os.chdir(tempfile.mkdtemp())
UNSET = ("leave the key out",)
passed = failed = skipped = 0


def check(name, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAIL", name, said)


# ---- traces: bursts with a calm stretch between, so that replicas start, queue, idle and stop

def trace(name, columns, rows):
    with open(name, "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(columns)
        w.writerows(rows)
    return {"file": name, "format": "generic", "columns": ",".join(c + "=" + c for c in columns), "from_s": "0", "to_s": "3600"}


r = random.Random(3)
rows = sorted((round(b * 600 + r.random() * 20, 3), 200 + r.randrange(400), 20 + r.randrange(80)) for b in range(6) for _ in range(30))
BURSTS = trace("bursts.csv", ["arrival", "prompt", "output"], rows)
CLASSES = trace("classes.csv", ["arrival", "prompt", "output", "class"], [row + (("chat", "batch")[i % 3 == 0],) for i, row in enumerate(rows)])
MODELS = trace("models.csv", ["arrival", "prompt", "output", "model"], [row + (("a", "b")[i % 3 == 0],) for i, row in enumerate(rows)])
REGIONS = trace("regions.csv", ["arrival", "prompt", "output", "region"], [row + (("eu-west", "us-east")[i % 3 == 0],) for i, row in enumerate(rows)])
TUNED = trace("tuned.csv", ["arrival", "prompt", "output", "model"], [row + (("llama-3.1-8b", "x-1", "x-2", "x-3")[i % 4],) for i, row in enumerate(rows)])
DAYS = trace("days.csv", ["arrival", "prompt", "output"], [(day * 86400 + 32400 + i * 40, 300, 30) for day in range(9) for i in range(20 if day % 7 else 200)])
DAYS["to_s"] = str(9 * 86400)
DATED = trace("dated.csv", ["arrival", "prompt", "output"], [("2026-03-%02dT%02d:%02d:%02dZ" % (2 + day, 9 + i // 90, i % 90 * 40 // 60, i * 40 % 60), 300, 30)
                                                              for day in range(14) for i in range(20 if day % 7 > 4 else 200)])
DATED["to_s"] = str(14 * 86400 - 9 * 3600)
CACHED = trace("cached.csv", ["arrival", "prompt", "output", "cached"], [row + (row[1] // 2,) for row in rows])
with open("prefix.jsonl", "w") as f: # Mooncake's format: hashes of blocks of 512 tokens
    for i, (at, prompt, output) in enumerate(rows):
        hashes = [i % 3 * 100 + k for k in range(5)] + [1000 + 10 * i]
        f.write(json.dumps({"timestamp": int(at * 1000), "input_length": 512 * 6, "output_length": output, "hash_ids": hashes}) + "\n")
PREFIX = {"file": "prefix.jsonl", "format": "mooncake"}
long_prompts = [(round(i * 0.05, 3), 6000 + 37 * (i % 9), 200) for i in range(120)]
LONG = trace("long.csv", ["arrival", "prompt", "output"], long_prompts)


# ---- scenarios to begin with

def one(deployment, of=BURSTS, **top):
    return dict({"keepwarm": 1, "trace": dict(of), "model": "llama-3.1-8b", "replications": 1, "deployments": [dict(deployment)]}, **top)


GPU = {"gpu": "H100", "precision": "bf16", "tp": 1}
SMALL = {"max_num_seqs": 4, "max_num_batched_tokens": 512}
MODAL = one(dict(GPU, platform="modal", gpu="L4", keep_warm=0, max_replicas=4, hard_concurrency=4))
AHEAD_OF = one(dict(GPU, platform="modal", gpu="L4", keep_warm=0, max_replicas=4, hard_concurrency=4, prewarm={"forecast": "seasonal"}), of=DAYS)
NOT_AHEAD = dict(AHEAD_OF, deployments=[dict(AHEAD_OF["deployments"][0], prewarm={"forecast": "none"})])
HOURS = one(dict(GPU, platform="modal", gpu="L4", max_replicas=4, hard_concurrency=4, schedule={"rules": [{"days": "mon-fri", "from": "09:00", "to": "11:00", "keep_warm": 1}]}), of=DATED)
PUBLIC = one(dict(GPU, platform="replicate", gpu="L40S", pooled={"others_per_hour": "2"}))
PATIENT = one(dict(MODAL["deployments"][0], hold={"classes": ["batch"], "max_wait_s": "600"}), of=CLASSES)
QUEUES = one(dict(GPU, platform="modal", gpu="L4", keep_warm=0, max_replicas=1, hard_concurrency=4))
BASETEN = one(dict(GPU, platform="baseten", gpu="A100-80", max_replicas=6), dict(BURSTS, speed=4))
RUNPOD = one(dict(GPU, platform="runpod", gpu="L4", max_replicas=6, hard_concurrency=4))
FIREWORKS = one(dict(GPU, platform="fireworks", gpu="H100", max_replicas=6, hard_concurrency=2))
LAMBDA = one(dict(GPU, platform="lambda", replicas=1))
KEDA = one(dict(GPU, platform="lambda", autoscaler="keda", max_replicas=4, autoscaling={"triggers": [{"metric": "num_requests", "threshold": 2}]},
                node={"provision_s": "20", "pull_s": "5", "idle_s": "30"}))
ENGINE = one(dict(GPU, platform="lambda", gpu="A100-40", replicas=1), of=LONG)
CRUSOE = {"platform": "crusoe", "gpu": "L40S", "precision": "fp8", "term": "spot"}
RATE = {"interruptions_per_hour": "20", "notice_s": "10", "restart_s": "60"}
SPOT = one(dict(CRUSOE, spot=RATE))
FALLS = one(dict(CRUSOE, spot=dict(RATE, restart_s="900", on_demand_fallback=True, fallback_start_s="20")))
ADAPTED = one(dict(GPU, platform="lambda", replicas=1, lora={"max_loras": 2, "max_cpu_loras": 2, "load_rate": {"constant": "1000000000"}}),
              of=TUNED, adapters=[{"models": ["x-*"], "base": "llama-3.1-8b", "rank": 16}])
TWO_BASES = dict(one({}, TUNED), adapters=[{"models": "x-" + k, "base": base, "rank": 16} for k, base in (("1", ""), ("2", "llama-3.1-8b"), ("3", "llama-3.2-3b"))],
                 deployments=[dict(GPU, platform="lambda", replicas=1, name=m, model=m) for m in ("llama-3.1-8b", "llama-3.2-3b")], routing={"policy": "model"})
LAW = {"constant": "3"}
LATENCY = {"ttft": {"constant": "0.4"}, "output_rate": {"constant": "90"}}
PAIR = one(dict(GPU, platform="modal", gpu="L4", tp=2, keep_warm=1, max_replicas=1))
DRAFTS = one(dict(GPU, platform="lambda", replicas=1, speculative={"tokens": 2, "acceptance": "0.6", "draft": "ngram"}))
OFFLOADS = one(dict(GPU, platform="lambda", replicas=1, scheduler={"num_blocks": 230},
                    kv_offload={"host_gib": 20, "gb_per_s": 50, "latency_us": 20}), of=PREFIX)
APART = one(dict(GPU, platform="modal", keep_warm=1, max_replicas=1, disaggregated={"prefill": {"engines": 1}, "decode": {"engines": 1}, "link": "nvlink-4"}))
MOE = dict(one(dict(GPU, platform="modal", keep_warm=1, max_replicas=1)), model="qwen3-30b-a3b")
GROQ = one(dict({"platform": "groq"}, **LATENCY))
OPENAI = one(dict({"platform": "openai", "model": "gpt-4o"}, **LATENCY))
del OPENAI["model"]
MEMORY = dict(OPENAI, trace=PREFIX)
BY_BATCH = dict(OPENAI, deployments=[{"platform": "openai", "model": "gpt-4o", "term": "batch", "batch": {}}])
BATCH = dict(OPENAI, deployments=[dict(OPENAI["deployments"][0], term="batch")])
BEDROCK = one(dict({"platform": "bedrock", "retry": {"max_attempts": 1}}, **LATENCY))
PTU = one(dict({"platform": "azure-openai", "model": "gpt-5.2", "retry": {"max_attempts": 1},
                "provisioned": {"units": 15, "tpm": 300, "spill": True}}, **LATENCY))
MU = one(dict({"platform": "bedrock", "retry": {"max_attempts": 1},
               "provisioned": {"units": 2, "itpm": 3000, "otpm": 900, "price_usd": "20"}}, **LATENCY))
for s in (PTU, MU):
    del s["model"]
MU["model"] = "llama-3.1-8b"
CACHED_PTU = dict(PTU, trace=CACHED)
TWO = [dict(GPU, platform="modal", name="gpu", gpu="L4", keep_warm=0, max_replicas=1), dict({"platform": "groq", "name": "api"}, **LATENCY)]
OVERFLOW = dict(one({}), deployments=TWO, routing={"policy": "overflow"})
BY_CLASS = dict(one({}, CLASSES), deployments=TWO, routing={"policy": "class", "classes": {"chat": "gpu", "batch": "api"}})
BY_MODEL = dict(one({}, MODELS), deployments=TWO, routing={"policy": "model", "models": {"a": "gpu", "b": "api"}})
PLACES = [dict(GPU, platform="modal", name=name, gpu="L4", region=name, keep_warm=0, max_replicas=1) for name in ("eu-west", "us-east")]
BY_REGION = dict(one({}, REGIONS), deployments=PLACES, routing={"policy": "region"})
SHARED = dict(one({}), deployments=PLACES, routing={"policy": "region"}, regions={"eu-west": "0.5", "us-east": "0.5"})
SPLIT = dict(one({}), deployments=TWO, routing={"policy": "split", "shares": [0.5, 0.5]})
GOING = dict(one({}), deployments=TWO, migration={"from": "gpu", "to": "api"})
COLD = {"provision": {"constant": "5"}, "pull": {"constant": "2"}, "load": {"constant": "9"}, "init": {"constant": "4"}}
CHOICE = {"keepwarm": 1, "trace": dict(BURSTS), "model": "llama-3.1-8b", "replications": 1, "slo": {"ttft_p95_s": "60"}, "as_of": "2026-05-01",
          "candidates": {"platforms": ["modal", "groq", "lambda"], "gpus": ["L4", "H100"], "precisions": ["fp8"], "keep_warm": [0, 1]}}
WEEKLY = dict(CHOICE, trace=dict(DATED), slo={"cold_fraction": "0.001"}, candidates={"platforms": ["modal"], "gpus": ["L4"], "precisions": ["fp8"], "keep_warm": [0, 1], "hybrids": False})
HYPERSCALE = dict(CHOICE, candidates={"platforms": ["aws"], "gpus": ["H100"], "precisions": ["fp8"], "terms": ["spot"]})
SPOTS = dict(CHOICE, candidates={"platforms": ["crusoe"], "gpus": ["L40S"], "precisions": ["fp8"], "terms": ["spot", "on_demand"]})
PLACED = dict(CHOICE, trace=dict(REGIONS), candidates={"platforms": ["modal", "lambda"], "gpus": ["L4", "H100"], "precisions": ["fp8"], "keep_warm": [0, 1]})
APIS = dict(CHOICE, candidates={"kinds": ["api"]})
ASKED = dict(CHOICE, model="gpt-4o", slo={}, candidates={"platforms": ["openai", "bedrock"]})
OWN = dict(CHOICE, candidates={"platforms": ["modal", "aws"], "keep_warm": [1]})
BATCHES = dict(CHOICE, model="gpt-4o", slo={"e2e_p95_s": "100000"}, candidates={"platforms": ["openai"], "terms": ["batch"], "batch": {}})
AHEAD = dict(CHOICE, model="gpt-5.2", slo={"error_fraction": "1"}, candidates={"platforms": ["azure-openai"], "terms": ["provisioned"], "provisioned": {}})
KEDAS = dict(CHOICE, candidates={"platforms": ["lambda"], "gpus": ["H100"], "precisions": ["fp8"], "keep_warm": [0], "node": {"provision_s": "20", "pull_s": "5", "idle_s": "0"},
                                  "autoscalers": [{"autoscaler": "keda", "autoscaling": {"triggers": [{"metric": "num_requests", "threshold": 2}]}}]})
RENTED = dict(CHOICE, candidates={"kinds": ["dedicated"], "platforms": ["lambda"]})
TUNES = dict(CHOICE, trace=TUNED, adapters=ADAPTED["adapters"],
             candidates={"platforms": ["modal"], "gpus": ["L4"], "precisions": ["fp8"], "keep_warm": [1], "idle_timeout_s": ["60"]})


# ---- rows

class does:
    def __init__(self, base, a, b, *edits, wrong=None, command="run", file=False):
        self.base, self.a, self.b, self.edits, self.wrong, self.command, self.file = base, a, b, edits, wrong, command, file


class label:
    def __init__(self, why):
        self.why = why


def plans(base, a, b, *edits, **more):
    return does(base, a, b, *edits, command="plan", **more)


D = "deployments[0]."
BUSY = ((D + "keep_warm", 1), (D + "hard_concurrency", 1))
REFUSES = ((D + "queue_limit", 2), (D + "retry", {"base_s": "30", "cap_s": "300"}))
KEYS = {
    "keepwarm": does(MODAL, 1, 2),
    "name": label("the title of a result"),
    "trace.file": does(MODAL, "bursts.csv", "long.csv"),
    "trace.format": does(MODAL, "generic", "azure"),
    "trace.columns": does(MODAL, BURSTS["columns"], BURSTS["columns"].replace("prompt=prompt", "prompt=output")),
    "trace.speed": does(MODAL, 1, 2),
    "trace.from_s": does(MODAL, "0", "600"),
    "trace.to_s": does(MODAL, "3600", "1800"),
    "candidates.regions[]": plans(PLACED, ["eu"], ["us-east", "eu-west"]),
    "regions.*": does(SHARED, {"eu-west": "0.5", "us-east": "0.5"}, {"eu-west": "0.1", "us-east": "0.9"}, wrong=(BY_REGION,)),
    "rtt_s.*.*": does(BY_REGION, {"eu-west": {"eu-west": "0.5"}}, {"eu-west": {"eu-west": "0.9"}}, wrong=(MODAL,)),
    "deployments[].region": does(LAMBDA, "us-east", "ap-south", ("trace", REGIONS)),
    "deployments[].via": does(BY_REGION, "us-west", UNSET, wrong=(LAMBDA,)),
    "model": does(LAMBDA, "llama-3.1-8b", "llama-3.1-70b", wrong=(OPENAI, "llama-3.1-8b")),
    "adapters[].models": does(ADAPTED, ["x-*"], ["x-1", "x-2"]),
    "adapters[].base": does(TWO_BASES, "llama-3.1-8b", "llama-3.2-3b"),
    "adapters[].rank": does(ADAPTED, 1, 16),
    "adapters[].targets[]": does(ADAPTED, ["q_proj"], ["q_proj", "down_proj"]),
    "deployments[].name": does(OVERFLOW, "gpu", "api"),
    "deployments[].platform": does(MODAL, "modal", "replicate", (D + "gpu", "L40S")),
    "deployments[].model": does(OPENAI, "gpt-4o", "gpt-4o-mini"),
    "deployments[].gpu": does(MODAL, "L4", "H100", wrong=(GROQ,)),
    "deployments[].precision": does(MODAL, "bf16", "fp8", wrong=(GROQ,)),
    "deployments[].tp": does(one(dict(GPU, platform="modal", keep_warm=1, max_replicas=1)), 1, 2, wrong=(GROQ,)),
    "expert_routing": does(MOE, "power_law_1.2", "balanced", wrong=(MODAL, "balanced")),
    "deployments[].dp": does(MOE, 1, 2, wrong=(GROQ,)),
    "deployments[].ep": does(dict(MOE, deployments=[dict(MOE["deployments"][0], dp=2)]), 1, 2, wrong=(GROQ,)),
    "deployments[].link": does(PAIR, "pcie-5-peer", {"bandwidth_gb_s": "1", "latency_us": "50"}, wrong=(GROQ,)),
    "deployments[].speculative.tokens": does(DRAFTS, 1, 4, wrong=(GROQ,)),
    "deployments[].speculative.acceptance": does(DRAFTS, "0.2", ["0.9", "0.8"]),
    "deployments[].speculative.draft": does(DRAFTS, {"ms": "3"}, "llama-3.2-1b"),
    "deployments[].kv_offload.host_gib": does(OFFLOADS, 0, 20, wrong=(GROQ,)),
    "deployments[].kv_offload.gb_per_s": does(OFFLOADS, "1", 50),
    "deployments[].kv_offload.latency_us": does(OFFLOADS, 0, 200000),
    "deployments[].disaggregated.prefill.engines": does(APART, 1, 2, wrong=(GROQ,)),
    "deployments[].disaggregated.prefill.tp": does(APART, 1, 2),
    "deployments[].disaggregated.decode.engines": does(APART, 1, 2),
    "deployments[].disaggregated.link": does(APART, "nvlink-4", {"bandwidth_gb_s": "0.1", "latency_us": "100"}),
    "deployments[].profile": does(LAMBDA, "slow.json", UNSET, wrong=(GROQ,)),
    "deployments[].term": does(OPENAI, "on_demand", "batch"),
    "deployments[].spot.interruptions_per_hour": does(SPOT, "1", "30", wrong=(one(dict(CRUSOE, term="on_demand", spot={})),)),
    "deployments[].spot.notice_s": does(SPOT, "0", "120"),
    "deployments[].spot.restart_s": does(SPOT, "30", "900"),
    "deployments[].spot.on_demand_fallback": does(one(dict(CRUSOE, cold_start={"provision": {"constant": "300"}}, spot={"interruptions_per_hour": "20", "notice_s": "9"})), True, False, wrong=(one(dict(CRUSOE, spot={"interruptions_per_hour": "0", "on_demand_fallback": True})),)),
    "deployments[].spot.fallback_start_s": does(FALLS, "10", "900", wrong=(one(dict(CRUSOE, spot=dict(RATE, fallback_start_s="9"))),)),
    "deployments[].replicas": does(LAMBDA, 1, 2, wrong=(MODAL,)),
    "deployments[].keep_warm": does(MODAL, 0, 1, wrong=(LAMBDA,)),
    "deployments[].max_replicas": does(MODAL, 1, 4, wrong=(LAMBDA,)),
    "deployments[].autoscaler": does(one(dict(GPU, platform="lambda", max_replicas=4, node={"provision_s": "20", "pull_s": "5"})), "kpa", "ray_serve", wrong=(MODAL, "kpa")),
    "deployments[].autoscaling.*": does(KEDA, {"triggers": [{"metric": "num_requests", "threshold": 2}]}, {"triggers": [{"metric": "num_requests", "threshold": 200}]}, wrong=(LAMBDA,)),
    "deployments[].node.provision_s": does(KEDA, "20", {"constant": "200"}, wrong=(LAMBDA,)),
    "deployments[].node.pull_s": does(KEDA, "5", "50"),
    "deployments[].node.idle_s": does(KEDA, "0", "900"),
    "deployments[].buffer_replicas": does(MODAL, 0, 1, wrong=(LAMBDA,)),
    "deployments[].idle_timeout_s": does(MODAL, "30", "300", wrong=(LAMBDA,)),
    "deployments[].idle_release": does(MODAL, "timeout", "early", ("trace.speed", 20), wrong=(BASETEN,)),
    "deployments[].zero_timeout_s": does(MODAL, "30", "300", wrong=(LAMBDA,)),
    "deployments[].hard_concurrency": does(MODAL, 1, 8, wrong=(GROQ,)),
    "deployments[].target": does(BASETEN, "0.1", 4, ("start", "empty"), wrong=(MODAL,)),
    "deployments[].utilisation": does(BASETEN, "0.3", "0.9", wrong=(FIREWORKS,)),
    "deployments[].target_delay_s": does(RUNPOD, "1", "60", wrong=(MODAL,)),
    "deployments[].target_delay_from": does(RUNPOD, "last_start", "arrival", wrong=(MODAL,)),
    "deployments[].scale_up_window_s": does(BASETEN, "10", "120", wrong=(MODAL,)),
    "deployments[].scale_down_delay_s": does(BASETEN, "60", "1200", (D + "target", "0.1"), ("start", "empty"), wrong=(MODAL,)),
    "deployments[].queue_limit": does(QUEUES, 2, 100, wrong=(LAMBDA,)),
    "deployments[].queue_timeout_s": does(QUEUES, "5", "500", wrong=(LAMBDA,)),
    "deployments[].request_timeout_s": does(QUEUES, "5", "500", wrong=(GROQ,)),
    "deployments[].stockout_probability": does(MODAL, "0.9", "0", (D + "stockout_retry_s", "100"), wrong=(MODAL,)),
    "deployments[].stockout_retry_s": does(MODAL, "100", "1", (D + "stockout_probability", "0.9"), wrong=(MODAL,)),
    "deployments[].start_failure_probability": does(MODAL, "0.9", "0", wrong=(LAMBDA,)),
    "deployments[].balance": does(LAMBDA, "round_robin", "pack", (D + "replicas", 3), wrong=(GROQ,)),
    "deployments[].prefix_min_match": does(dict(LAMBDA, trace=dict(PREFIX, speed=40)), 1, 10000000, (D + "replicas", 3), (D + "balance", "prefix"), wrong=(LAMBDA,)),
    "deployments[].packing": does(LAMBDA, "spread", "pack", (D + "replicas", 3), ("trace.speed", 20), wrong=(GROQ,)),
    "deployments[].prewarm.forecast": does(AHEAD_OF, "none", "seasonal", wrong=(GROQ, "seasonal")),
    "deployments[].prewarm.season": does(AHEAD_OF, "day", "week", wrong=(dict(AHEAD_OF, deployments=[dict(AHEAD_OF["deployments"][0], prewarm={"forecast": "oracle"})]), "day")),
    "deployments[].prewarm.step_s": does(AHEAD_OF, "300", "3600", wrong=(NOT_AHEAD, "300")),
    "deployments[].prewarm.lead_s": does(AHEAD_OF, "auto", "1800", wrong=(NOT_AHEAD, "auto")),
    "deployments[].schedule.timezone": does(HOURS, "UTC", "Asia/Tokyo", wrong=(LAMBDA, "UTC")),
    "deployments[].schedule.rules[].days": does(HOURS, "mon-fri", "sat,sun"),
    "deployments[].schedule.rules[].from": does(HOURS, "08:00", "10:30"),
    "deployments[].schedule.rules[].to": does(HOURS, "11:00", "18:00"),
    "deployments[].schedule.rules[].keep_warm": does(HOURS, 1, 2),
    "deployments[].schedule.otherwise": does(HOURS, 0, 1),
    "deployments[].schedule.lead_s": does(HOURS, "auto", "0"),
    "deployments[].prewarm.least_requests": does(AHEAD_OF, "1", "30", wrong=(NOT_AHEAD, "1")),
    "deployments[].weights_from": does(RUNPOD, "network", "node", wrong=(LAMBDA, "network")),
    "deployments[].snapshot": does(MODAL, False, True, wrong=(LAMBDA, True)),
    "deployments[].pooled.others_per_hour": does(PUBLIC, "0", "2000", wrong=(LAMBDA, "2")),
    "deployments[].hold.max_wait_s": does(PATIENT, "0", "600", wrong=(GROQ, "600")),
    "deployments[].hold.classes[]": does(PATIENT, ["batch"], ["chat"]),
    "deployments[].hold.every_s": does(PATIENT, "7", "300"),
    "deployments[].ping.every_s": does(MODAL, "50", "500", wrong=(BATCH, "50")),
    "deployments[].ping.prompt_tokens": does(dict(GROQ, deployments=[dict(GROQ["deployments"][0], ping={"every_s": "1"})]), 1, 9000),
    "deployments[].network_rtt_s": does(LAMBDA, "0", "1"),
    "deployments[].retry.max_attempts": does(QUEUES, 1, 9, *REFUSES),
    "deployments[].retry.base_s": does(QUEUES, "1", "60", *REFUSES, (D + "retry.max_attempts", 9), wrong=("once",)),
    "deployments[].retry.cap_s": does(QUEUES, "1", "600", *REFUSES, (D + "retry.max_attempts", 9), wrong=("once",)),
    "deployments[].lora.max_loras": does(ADAPTED, 1, 2, wrong=(LAMBDA,)),
    "deployments[].lora.max_cpu_loras": does(ADAPTED, 2, 3, wrong=(GROQ,)),
    "deployments[].lora.max_lora_rank": does(ADAPTED, 16, 512, (D + "gpu", "A100-40"), (D + "lora.max_loras", 4), (D + "lora.max_cpu_loras", 4)),
    "deployments[].lora.load": does(ADAPTED, {"constant": "1"}, {"constant": "3"}, (D + "lora.load_rate", UNSET)),
    "deployments[].lora.load_rate": does(ADAPTED, {"constant": "100000000"}, {"constant": "1000000000"}, wrong=("both loads", {"constant": "1"})),
    "deployments[].lora.activate": does(ADAPTED, {"constant": "0.1"}, {"constant": "0.5"}),
    "deployments[].lora.step_overhead": does(ADAPTED, 0, "0.5"),
    "deployments[].scheduler.policy": does(ENGINE, "vllm", "static", wrong=(GROQ,)),
    "deployments[].scheduler.max_num_batched_tokens": does(ENGINE, 512, 8192),
    "deployments[].scheduler.max_num_seqs": does(ENGINE, 4, 64),
    "deployments[].scheduler.max_model_len": does(ENGINE, 6100, 8192),
    "deployments[].scheduler.block_size": does(ENGINE, 16, 32),
    "deployments[].scheduler.num_blocks": does(ENGINE, 1000, 9000),
    "deployments[].scheduler.prefix_caching": does(LAMBDA, True, False, ("trace", PREFIX)),
    "deployments[].scheduler.reserve_full_prompt": does(ENGINE, True, False, (D + "scheduler.num_blocks", 800),
                                                        wrong=(one(dict(GPU, platform="lambda", scheduler={"policy": "static"})),)),
    "deployments[].scheduler.async_scheduling": does(ENGINE, True, False),
    "deployments[].cold_start.provision": does(MODAL, LAW, UNSET, wrong=(SPOT,)),
    "deployments[].cold_start.pull": does(MODAL, LAW, {"constant": "30"}, wrong=(LAMBDA,)),
    "deployments[].cold_start.load": does(MODAL, LAW, {"constant": "30"}),
    "deployments[].cold_start.load_rate": does(MODAL, {"constant": "1000000000"}, {"constant": "3000000000"}),
    "deployments[].cold_start.cached_load_rate": does(MODAL, {"constant": "1000000000"}, {"constant": "3000000000"},
                                                      (D + "cold_start.load_rate", {"constant": "500000000"}), (D + "cold_start.cache_hit", "0.9"),
                                                      wrong=("no cache",)),
    "deployments[].cold_start.cache_hit": does(MODAL, "0", "1", (D + "cold_start.load_rate", {"constant": "500000000"}),
                                               (D + "cold_start.cached_load_rate", {"constant": "5000000000"}), wrong=("no cache",)),
    "deployments[].cold_start.init": does(MODAL, LAW, {"constant": "30"}),
    "deployments[].cold_start.engine_start": does(MODAL, LAW, {"constant": "300"}),
    "deployments[].cold_start.storage": does(MODAL, "network_disk", "page_cache"),
    "deployments[].cold_start.restore": does(MODAL, LAW, {"constant": "30"}, (D + "cold_start.snapshot_probability", "1"), wrong=("no snapshot",)),
    "deployments[].cold_start.snapshot_probability": does(MODAL, "0", "1", (D + "cold_start.restore", LAW), wrong=("no restore",)),
    "deployments[].limits.rpm": does(GROQ, 5, 100, wrong=(MODAL,)),
    "deployments[].limits.rpd": does(GROQ, 50, 10000),
    "deployments[].limits.tpm": does(GROQ, 2000, 100000),
    "deployments[].limits.itpm": does(GROQ, 2000, 100000),
    "deployments[].limits.otpm": does(GROQ, 200, 100000),
    "deployments[].limits.tpd": does(GROQ, 5000, 1000000),
    "deployments[].account": does(dict(OVERFLOW, deployments=[dict(TWO[0], name=n) for n in "ab"]), "mine", UNSET),
    "deployments[].tier": does(one(dict({"platform": "anthropic", "model": "claude-sonnet-4.5", "retry": {"max_attempts": 1}}, **LATENCY)),
                               "Tier 1", "Tier 4", ("trace.speed", 20), ("model", UNSET), wrong=("no limits",)),
    "deployments[].cache.use": does(MEMORY, True, False, wrong=(OPENAI,)),
    "deployments[].cache.min_tokens": does(MEMORY, 1, 3000, wrong=("no memory",)),
    "deployments[].cache.step_tokens": does(MEMORY, 1, 3000),
    "deployments[].cache.lifetime_s": does(MEMORY, "1", "3600"),
    "deployments[].batch.latency": does(BY_BATCH, "promised", "observed", wrong=(BATCH, "observed")),
    "deployments[].batch.collect_s": does(BY_BATCH, "60", "3600", wrong=(OPENAI, "60")),
    "deployments[].batch.requests": does(BY_BATCH, 2, 30, (D + "batch.collect_s", "3600")),
    "deployments[].provisioned.units": does(PTU, 15, 20, wrong=(MODAL, 15)),
    "deployments[].provisioned.term": does(PTU, "month", "year"),
    "deployments[].provisioned.spill": does(PTU, True, False),
    "deployments[].provisioned.tpm": does(PTU, 200, 900, wrong=(MU, 200)),
    "deployments[].provisioned.itpm": does(MU, 2000, 90000, wrong=(PTU, 200)),
    "deployments[].provisioned.otpm": does(MU, 200, 90000, wrong=(PTU, 200)),
    "deployments[].provisioned.output_weight": does(PTU, "1", "20", wrong=(MU, "2")),
    "deployments[].provisioned.cached_weight": does(CACHED_PTU, "0", "1"),
    "deployments[].provisioned.window_s": does(PTU, "10", "120"),
    "deployments[].provisioned.min_units": label("a count that is not sold is refused: tests/sim/cli/test_provisioned.sh"),
    "deployments[].provisioned.increment": label("the same"),
    "deployments[].provisioned.price_usd": does(PTU, "1", "2"),
    "deployments[].provisioned.price_per": does(PTU, "hour", "month", (D + "provisioned.price_usd", "2"), wrong=(PTU, "hour")),
    "deployments[].ttft": does(GROQ, LAW, {"constant": "9"}, wrong=(MODAL,)),
    "deployments[].ttft_known_to": does(GROQ, 2, 100000, wrong=(one({"platform": "groq", "output_rate": {"constant": "90"}}),)),
    "deployments[].output_rate_known_to": does(GROQ, 2, 100000, wrong=(one({"platform": "groq", "ttft": {"constant": "1"}}),)),
    "deployments[].ttft_per_ktok": does(GROQ, LAW, {"constant": "9"}, wrong=(MODAL,)),
    "deployments[].output_rate": does(GROQ, LAW, {"constant": "9"}, wrong=(MODAL,)),
    "deployments[].max_tokens": does(BEDROCK, 100, 4000, (D + "limits", {"tpm": 20000}), wrong=(GROQ,)),
    "deployments[].egress_bytes_per_token": does(one(dict(GPU, platform="aws", replicas=8)), 0, 1000000, wrong=(GROQ, 300)),
    "deployments[].operations_usd_month": does(GROQ, "0", "9"),
    "routing.policy": does(OVERFLOW, "overflow", "fallback", *BUSY),
    "routing.spill": does(BY_REGION, "cold", "never", wrong=(SPLIT,)),
    "routing.overflow_at": does(OVERFLOW, 1, 1000, *BUSY, wrong=(SPLIT,)),
    "routing.classes.*": does(BY_CLASS, {"batch": "api", "chat": "gpu"}, {"batch": "gpu", "chat": "api"}, wrong=(SPLIT,)),
    "routing.models.*": does(BY_MODEL, {"b": "api", "a": "gpu"}, {"b": "gpu", "a": "api"}, wrong=(SPLIT,)),
    "routing.shares[]": does(SPLIT, [0.5, 0.5], [0.1, 0.9], wrong=(OVERFLOW, [0.5, 0.5])),
    "migration.from": does(GOING, "gpu", "api"),
    "migration.to": does(GOING, "gpu", "api"),
    "migration.steps[]": does(GOING, ["0.5", "1"], ["0.1"]),
    "migration.failure_s": does(GOING, "5", "900"),
    "replications": does(one(MODAL["deployments"][0], dict(BURSTS, file="workloads/chat-week.json", format="auto", columns=UNSET, from_s=UNSET,
                                                            to_s=UNSET, speed=UNSET)), 1, 3),
    "seed": does(SPLIT, 1, 2),
    "stepping": label("both give the same figures to the bit: tests/sim/fleet holds that"),
    "start": does(MODAL, "steady", "empty", (D + "idle_timeout_s", "900")),
    "month_hours": does(MODAL, 730, 720),
    "series_step_s": does(MODAL, "60", "600", file=True),
    "as_of": plans(CHOICE, "2026-05-01", "2026-11-29"), # Groq's ended between
    "sweep.*": does(MODAL, [1, 2], [3, 4], command="sweep"),
    "candidates.kinds[]": plans(CHOICE, ["serverless", "dedicated", "api"], ["serverless", "api"], ("candidates.platforms", UNSET),
                                ("candidates.gpus", ["H100"])),
    "candidates.platforms[]": plans(CHOICE, ["modal", "groq"], ["modal"]),
    "candidates.gpus[]": plans(CHOICE, ["L4"], ["H100"], wrong=(APIS, ["L4"])),
    "candidates.precisions[]": plans(CHOICE, ["fp8"], ["bf16"], wrong=(APIS, ["fp8"])),
    "candidates.dp[]": plans(dict(RENTED, model="qwen3-30b-a3b"), [1], [2], wrong=(APIS, [1])),
    "candidates.ep[]": plans(dict(RENTED, model="qwen3-30b-a3b", candidates=dict(RENTED["candidates"], dp=[2])), [1], [2], wrong=(APIS, [1])),
    "candidates.tp[]": plans(RENTED, [1], [2], wrong=(APIS, [1])),
    "candidates.substitutes.*": plans(ASKED, {"gpt-oss-120b": 0.9}, {"llama-3.3-70b": 0.9}),
    "candidates.quality_at_least": plans(ASKED, "0.8", "0.95", ("candidates.substitutes", {"llama-3.3-70b": 0.9}), wrong=(CHOICE, "0.9")),
    "candidates.keep_warm[]": plans(CHOICE, [0], [1], wrong=(APIS, [0])),
    "candidates.idle_timeout_s[]": plans(CHOICE, ["30"], ["300"], wrong=(APIS, ["30"])),
    "candidates.concurrency[]": plans(CHOICE, [4], [64], wrong=(APIS, [4])),
    "candidates.max_replicas": plans(CHOICE, 2, 9, ("candidates.concurrency", [1]), wrong=(APIS, 2)),
    "candidates.max_num_seqs[]": plans(CHOICE, [1], [64], wrong=(APIS, [4])),
    "candidates.max_num_batched_tokens[]": plans(CHOICE, [256], [8192], ("candidates.max_num_seqs", [32]), wrong=(APIS, [2048])),
    "candidates.autoscalers[]": plans(KEDAS, ["kpa"], ["ray_serve"], wrong=(APIS, ["kpa"])),
    "candidates.node.provision_s": plans(KEDAS, "20", "200", wrong=(RENTED, "20")),
    "candidates.node.pull_s": plans(KEDAS, "5", "50"),
    "candidates.node.idle_s": plans(KEDAS, "0", "900"),
    "candidates.replicas_extra": plans(RENTED, 1, 9, ("candidates.exhaustive", True), wrong=(APIS, 1)),
    "candidates.terms[]": plans(SPOTS, ["on_demand"], ["on_demand", "spot"], ("candidates.allow_unknown", UNSET), ("candidates.spot", UNSET)),
    "candidates.batch.latency": plans(BATCHES, "promised", "observed", wrong=(dict(APIS, candidates={"kinds": ["api"], "terms": ["on_demand"]}), "observed")),
    "candidates.batch.collect_s": plans(BATCHES, "60", "3600", wrong=(dict(APIS, candidates={"kinds": ["api"]}), "60")),
    "candidates.batch.requests": plans(BATCHES, 2, 30, ("candidates.batch.collect_s", "3600")),
    "candidates.provisioned.units[]": plans(AHEAD, [15], [20], wrong=(dict(AHEAD, candidates={"kinds": ["api"]}), [15])),
    "candidates.provisioned.terms[]": plans(AHEAD, ["month"], ["hour"]),
    "candidates.provisioned.spill": plans(AHEAD, True, False),
    "candidates.spot.interruptions_per_hour": plans(SPOTS, "1", "30", ("candidates.spot.restart_s", "60"), wrong=(RENTED, "1")),
    "candidates.spot.notice_s": plans(SPOTS, "0", "120", ("candidates.spot.restart_s", "60"), ("candidates.spot.interruptions_per_hour", "20")),
    "candidates.spot.restart_s": plans(SPOTS, "0", "900", ("candidates.spot.interruptions_per_hour", "20")),
    "candidates.spot.on_demand_fallback": plans(HYPERSCALE, True, False, ("candidates.spot", RATE)),
    "candidates.spot.fallback_start_s": plans(SPOTS, "0", "900", ("candidates.spot", dict(RATE, on_demand_fallback=True))),
    "candidates.allow_unknown": plans(SPOTS, True, False, wrong=(RENTED, True)),
    "candidates.mitigations[]": plans(CHOICE, ["snapshot"], ["ping"], wrong=(APIS, ["ping"])),
    "candidates.pooled.others_per_hour": plans(dict(CHOICE, candidates={"platforms": ["replicate"], "gpus": ["L40S"], "precisions": ["fp8"]}), "0", "2000", wrong=(APIS, "2")),
    "candidates.schedules": plans(WEEKLY, True, False, wrong=(APIS, False)),
    "candidates.timezone": plans(WEEKLY, "UTC", "Asia/Tokyo", wrong=(dict(WEEKLY, candidates=dict(WEEKLY["candidates"], schedules=False)), "UTC")),
    "candidates.hybrids": plans(CHOICE, True, False, ("candidates.gpus", ["L4"])),
    "candidates.mixes": plans(dict(CHOICE, replications=1, candidates={"platforms": ["lambda", "modal"], "gpus": ["H100"], "hybrids": False}), True, False, wrong=(APIS, True)),
    "candidates.break_even": plans(dict(CHOICE, replications=1, candidates={"platforms": ["lambda", "groq"], "gpus": ["H100"]}), True, False),
    "candidates.curves": plans(dict(CHOICE, replications=1, candidates={"platforms": ["modal", "runpod"], "gpus": ["L4"]}), True, False, wrong=(RENTED, True)),
    "candidates.pareto": plans(dict(CHOICE, replications=1, candidates={"platforms": ["modal", "lambda"], "gpus": ["H100"]}), True, False),
    "candidates.volumes[]": plans(dict(CHOICE, replications=1, candidates={"platforms": ["lambda"], "gpus": ["H100"]}), ["500M"], ["700M", "1B"]),
    "candidates.exhaustive": plans(dict(CHOICE, replications=1, candidates={"platforms": ["modal", "lambda"]}), True, False),
    "candidates.require[]": plans(CHOICE, ["soc2"], ["soc2?"]),
    "candidates.egress_bytes_per_token": plans(dict(CHOICE, candidates={"kinds": ["dedicated"], "platforms": ["aws"]}), 0, 1000000, wrong=(APIS, 300)),
    "candidates.max_loras[]": plans(TUNES, [1], [3], wrong=(RENTED, [1])),
    "candidates.adapter_pools[]": plans(TUNES, ["shared"], ["apart"], wrong=(RENTED, ["apart"])),
    "candidates.operations_usd_month": plans(RENTED, "0", "99", wrong=(APIS, "9")),
}
for name in ("data_in_account", "no_training", "zero_retention", "hipaa", "soc2", "iso27001", "custom_weights", "lora"):
    KEYS["candidates.attributes.*." + name] = plans(OWN, True, False, ("candidates.require", [name + "?"]), wrong=(OWN, True))
for name, tight, loose in (("ttft", "0.001", "500"), ("tpot", "0.0001", "50"), ("e2e", "0.001", "900")):
    for p in ("p50", "p95", "p99"):
        KEYS["slo.%s_%s_s" % (name, p)] = does(MODAL, tight, loose)
        KEYS["slo.classes.*.%s_%s_s" % (name, p)] = does(BY_CLASS, tight, loose)
    KEYS["slo.%s_s" % name] = does(MODAL, tight, loose)
    KEYS["slo.classes.*.%s_s" % name] = does(BY_CLASS, tight, loose)
for name, tight, loose, also in (("cold_fraction", "0", "1", ()), ("error_fraction", "0", "1", (D + "queue_limit", 2)),
                                 ("attainment", "1", "0", ("slo.ttft_s", "0.001"))):
    base = QUEUES if name == "error_fraction" else MODAL
    KEYS["slo." + name] = does(base, tight, loose, *([also] if also else []))
    KEYS["slo.classes.*." + name] = does(BY_CLASS, tight, loose, *([also] if also else []))
ENGINEER = ("tco.engineer", {"usd_month": "100", "share": {"serverless": "0.5", "dedicated": "0.5", "api": "0.1"}})
for kind, base in (("api", GROQ), ("serverless", MODAL), ("dedicated", LAMBDA)):
    KEYS["tco.engineer.share." + kind] = does(base, "0.5", "1", ENGINEER)
KEYS["tco.engineer.usd_month"] = does(MODAL, "100", "200", ENGINEER, wrong=(dict(GROQ, tco={"engineer": {"share": {"serverless": "1"}}}), "9"))
KEYS["tco.monitoring.usd_per_replica_month"] = does(MODAL, "0", "9", wrong=(GROQ, "9"))
KEYS["tco.monitoring.usd_per_gpu_month"] = does(MODAL, "0", "9", wrong=(GROQ, "9"))
KEYS["tco.monitoring.usd_per_mrequests"] = does(GROQ, "0", "9")
KEYS["tco.egress_bytes_per_token"] = does(one(dict(GPU, platform="aws", replicas=8)), 0, 1000000, wrong=(GROQ, 300))
KEYS["slo.budget_usd_month"] = does(MODAL, "1", "100000")
# A law stands wherever $defs/law does; these are its own keys, at one such place.
KEYS["law.constant"] = does(GROQ, {"constant": "1"}, {"constant": "9"})
KEYS["law.lognormal.p50"] = does(GROQ, {"lognormal": {"p50": "1", "p95": "9"}}, {"lognormal": {"p50": "2", "p95": "9"}})
KEYS["law.lognormal.p95"] = does(GROQ, {"lognormal": {"p50": "1", "p95": "9"}}, {"lognormal": {"p50": "1", "p95": "5"}})
KEYS["law.quantiles.*"] = does(GROQ, {"quantiles": {"0.5": "1", "0.9": "2"}}, {"quantiles": {"0.5": "1", "0.9": "3"}})
for name in ("source", "date", "evidence", "grade"):
    KEYS["law." + name] = label("says where a law comes from")

OTHER = {  # scenarios that a key is refused in because of a setting of theirs
    "once": one(dict(GPU, platform="file.json", gpu="L4")),
    "no cache": one(dict(GPU, platform="lambda", gpu="H100")),
    "no snapshot": one(dict(GPU, platform="replicate", gpu="L40S")),
    "no restore": one(dict(GPU, platform="replicate", gpu="L40S")),
    "no limits": {k: v for k, v in one({"platform": "anthropic", "model": "claude-sonnet-4.5", "term": "batch"}).items() if k != "model"},
    "no memory": dict(OPENAI, trace=CACHED),
    "both loads": dict(ADAPTED, deployments=[dict(ADAPTED["deployments"][0], lora={"load": {"constant": "1"}})]),
}


# ---- the schema's keys

def walk(node, path, defs, out):
    ref = node.get("$ref", "")
    if ref == "#/$defs/law":
        out.append(path)
        return
    if ref.startswith("#/$defs/"):
        node = defs[ref[len("#/$defs/"):]]
    elif ref:
        out.append(path)  # an objective of a class, described by that of all
        return
    if "properties" in node:
        for k, v in node["properties"].items():
            walk(v, path + ("." if path else "") + k, defs, out)
    extra = node.get("additionalProperties")
    if isinstance(extra, dict):
        walk(extra, path + ".*", defs, out)
    if "items" in node:
        walk(node["items"], path + "[]", defs, out)
    if "properties" not in node and not isinstance(extra, dict) and "items" not in node:
        out.append(path)


schema = json.loads(subprocess.run([KW, "schema"], capture_output=True, text=True).stdout)
paths = []
walk(schema, "", schema["$defs"], paths)
law = []
walk({k: v for k, v in schema["$defs"]["law"].items()}, "law", schema["$defs"], law)
paths += law
paths = [p[:-2] + "[]" if p.endswith("[]") else p for p in paths]
wanted = sys.argv[1] if len(sys.argv) > 1 else ""
for p in paths:
    check("row", p in KEYS, "the key '%s' of the schema has no row in tests/sim/cli/keys.py; its head says how to add one" % p)
for p in KEYS:
    check("key", p in paths, "the row '%s' of tests/sim/cli/keys.py is of no key of the schema" % p)


# ---- one row

def put(scenario, path, value):
    at, steps = scenario, [s for s in path.replace("[", ".[").split(".") if s]
    for i, s in enumerate(steps):
        key = int(s[1:-1]) if s.startswith("[") else s
        if i + 1 == len(steps):
            if value == UNSET:
                at.pop(key, None)
            else:
                at[key] = value
            return
        if isinstance(key, str):
            at = at.setdefault(key, {})
        else:
            at = at[key]


def clean(x):
    if isinstance(x, dict):
        return {k: clean(v) for k, v in x.items() if v != UNSET}
    return [clean(v) for v in x] if isinstance(x, list) else x


WORDS = {"label", "settings", "name", "keep_warm", "max_replicas", "idle_timeout_s", "tp", "gpu", "precision", "deployments", "routing", "text",
         "profile"}


def figures(x):
    """What a result says but for the words of its settings."""
    if isinstance(x, dict):
        return {k: figures(v) for k, v in x.items() if k not in WORDS}
    return [figures(v) for v in x] if isinstance(x, list) else x


def place(path):
    """Where the value stands in a scenario, from the schema's path."""
    if path.startswith("law."):
        return D + "ttft"
    names = {"candidates.substitutes.*": "candidates.substitutes", "candidates.attributes.*": "candidates.attributes.modal",
             "slo.classes.*": "slo.classes.chat", "routing.classes.*": "routing.classes", "routing.models.*": "routing.models",
             "deployments[].autoscaling.*": D + "autoscaling",
             "regions.*": "regions", "rtt_s.*.*": "rtt_s"}
    for k, v in names.items():
        if path.startswith(k):
            path = v + path[len(k):]
    return path.replace("deployments[].", D).replace("adapters[].", "adapters[0].").replace("rules[].", "rules[0].").removesuffix("[]")


def scenario(row, path, value):
    s = copy.deepcopy(row.base)
    for e in row.edits:
        put(s, *copy.deepcopy(e))
    if path == "sweep.*":
        s["sweep"] = {D + "max_replicas": value}
    else:
        put(s, place(path), value)
    return clean(s)


def keepwarm(command, s, *options):
    json.dump(s, open("s.json", "w"))
    return subprocess.run([KW, command, "s.json", "-q", *options], capture_output=True, text=True)


def outcome(row, path, value):
    s = scenario(row, path, value)
    p = keepwarm(row.command, s, "--json", *(["-o", "out.h5"] if row.file else []))
    if row.file:
        import h5py
        with h5py.File("out.h5") as h:
            return p.returncode, {k: list(v[:]) for k, v in h["series"].items() if k == "time"}
    return p.returncode, figures(json.loads(p.stdout)) if p.stdout else p.stderr


def refused(path, row):
    base = row.wrong[0]
    s = copy.deepcopy(OTHER[base] if isinstance(base, str) else base)
    where = place(path)
    value = row.wrong[1] if len(row.wrong) > 1 else row.a
    put(s, where, copy.deepcopy(value))
    p = keepwarm(row.command, clean(s))
    said = p.stderr.strip()
    known = "has no meaning" in said and ".".join(where.split(".")[:2]) in said
    check(path + " refused", p.returncode == 2 and known, (p.returncode, said or p.stdout[:200]))


slow = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../calibrate/data/profiles/H100-llama-3.1-8b-bf16-tp1.json")))
slow["limits"]["max_num_seqs"] = 1
json.dump(slow, open("slow.json", "w"))
once = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../platforms/modal.json")))
once["retry"]["max_attempts"] = 1
json.dump(once, open("file.json", "w"))

for path in paths:
    row = KEYS.get(path)
    if not path.startswith(wanted) or not isinstance(row, does):
        continue
    if row.file:
        try:
            import h5py
        except ImportError:
            print("skip %s: h5py is not installed" % path)
            skipped += 1
            continue
    a, b = outcome(row, path, row.a), outcome(row, path, row.b)
    check(path + " does something", a != b, "%r and %r give the same: %s" % (row.a, row.b, str(a)[:300]))
    check(path + " is read", 2 not in (a[0], b[0]) or path in ("keepwarm", "trace.format", "deployments[].name", "model", "migration.from", "migration.to"), (a, b))
    if row.wrong:
        refused(path, row)

print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
sys.exit(failed > 0)
