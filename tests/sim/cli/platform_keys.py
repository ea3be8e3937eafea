"""platform_keys.py [PREFIX] - goes through platforms/platform.schema.json: each of its keys (that begin with PREFIX) must have a row
in KEYS below, and each row must be true:

    "path": figure(FILE, A, B, ...)  two values of it in that platform file change the figures of a run
    "path": shown(FILE, A, B)        they change what `platforms show` or `platforms check` says, or whether it is refused

A key that a simulation or a bill rests on is a figure; names, words, notes and where a fact comes from are shown. A new key
of the schema: add its row here.
"""
import copy
import csv
import json
import os
import random
import subprocess
import sys
import tempfile

KW = os.path.abspath(os.environ.get("KEEPWARM", "build/keepwarm"))
HOME = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
os.chdir(tempfile.mkdtemp())
os.environ["KEEPWARM_TODAY"] = "2026-11-29"
UNSET = ("leave the key out",)
SOURCES = ("one", "other")
passed = failed = 0


def check(name, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAIL", name, str(said)[:400])


r = random.Random(3)
rows = sorted((round(b * 600 + r.random() * 20, 3), 200 + r.randrange(400), 20 + r.randrange(80)) for b in range(6) for _ in range(30))
with open("t.csv", "w", newline="") as f:
    csv.writer(f).writerows([("arrival", "prompt", "output")] + rows)
with open("cached.csv", "w", newline="") as f:
    csv.writer(f).writerows([("arrival", "prompt", "output", "cached")] + [row + (row[1] // 2,) for row in rows])
with open("prefix.jsonl", "w") as f:
    for i, (at, prompt, output) in enumerate(rows):
        hashes = [i % 3 * 100 + k for k in range(5)] + [1000 + 10 * i]
        f.write(json.dumps({"timestamp": int(at * 1000), "input_length": 512 * 6, "output_length": output, "hash_ids": hashes}) + "\n")
TRACE = {"file": "t.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output", "from_s": "0", "to_s": "3600"}


def one(trace=TRACE, **deployment):
    top = {"model": deployment.pop("model", "llama-3.1-8b"), "keepwarm": 1, "trace": trace, "replications": 1}
    return dict(top, deployments=[dict(deployment, platform="./p.json")])


def gpu(name, precision="bf16", **more):
    return one(gpu=name, precision=precision, tp=1, **more)


SCENARIO = {
    "modal": gpu("L4", keep_warm=0, max_replicas=4, hard_concurrency=4),
    "runpod": gpu("L4", max_replicas=6, hard_concurrency=4),
    "baseten": gpu("A100-80", max_replicas=6),
    "fireworks": gpu("H100", max_replicas=6),
    "lambda": gpu("H100"),
    "crusoe": gpu("L40S", "fp8", term="spot"),
    "openai": one(model="gpt-4o", ttft={"constant": "0.4"}, output_rate={"constant": "90"}),
    "memory": one({"file": "prefix.jsonl", "format": "mooncake"}, model="gpt-4o", ttft={"constant": "0.4"}, output_rate={"constant": "90"}),
    "batch": one(model="gpt-4o", term="batch"),
    "batched": one({"file": "prefix.jsonl", "format": "mooncake"}, model="gpt-4o", term="batch", cache={"use": True}),
    "anthropic": one({"file": "prefix.jsonl", "format": "mooncake"}, model="claude-sonnet-4.5", ttft={"constant": "0.4"},
                     output_rate={"constant": "90"}),
    "together-api": one(),
    "ptu": one(model="gpt-5.2", ttft={"constant": "0.4"}, output_rate={"constant": "90"}, retry={"max_attempts": 1}, provisioned={"units": 15}),
    "gsu": one(model="gemini-3.6-flash", ttft={"constant": "0.4"}, output_rate={"constant": "90"}, provisioned={"units": 1}),
    "mu": one(ttft={"constant": "0.4"}, output_rate={"constant": "90"}, retry={"max_attempts": 1}, provisioned={"units": 1, "price_usd": "9"}),
}
SCENARIO["cached ptu"] = dict(SCENARIO["ptu"], trace=dict(TRACE, file="cached.csv", columns=TRACE["columns"] + ",cached=cached"))
SCENARIO["placed"] = dict(SCENARIO["baseten"], regions={"us-west": 1})
FILE = {"placed": "baseten", "cached ptu": "azure-openai", "memory": "openai", "batch": "openai", "batched": "openai", "ptu": "azure-openai", "gsu": "vertex-api", "mu": "bedrock"}
FIRST = {"cached ptu": "gpt-5.2", "openai": "gpt-4o", "memory": "gpt-4o", "batch": "gpt-4o", "batched": "gpt-4o", "anthropic": "claude-sonnet-4.5", "together-api": "llama-3.1-8b",
         "ptu": "gpt-5.2", "gsu": "gemini-3.6-flash", "mu": "llama-3.1-8b"}
LIMITED = {"src": "S1", "rule": "reserve_max_tokens", "rpm": 1000, "tpm": 30000}
REFUSES = {"queue_limit": 2, "scaler": "capacity"}


class row:
    def __init__(self, base, a, b, *edits, of=None):
        self.base, self.a, self.b, self.edits, self.of = base, a, b, edits, of or {}


class figure(row):
    pass


class shown(row):
    pass


class told(row):
    """They change the words of a run's settings."""


S, M, T = "scaling.", "meter.", "tiers."
GPU, API = "gpus[L4].", "apis[gpt-4o]."
KPA = ((S + "scaler", "kpa"), (S + "target", 1), (S + "utilisation", 0.7), (S + "scale_up_window_s", "60"), (S + "eval_period_s", "2"),
       (S + "panic_threshold", 2), (S + "panic_window_share", 0.1), (S + "max_up_rate", 1000), (S + "max_down_rate", 2),
       (S + "scale_down_delay_s", "60"))
TIERS = (("tier", "mine"), ("tiers", {"mine": LIMITED}))
MINE = "tiers.mine."
COLD = {"cold_start": {k: {"constant": v} for k, v in (("provision", "5"), ("pull", "5"), ("load", "5"), ("init", "5"))}}
KEYS = {
    "keepwarm_platform": shown("modal", 1, 2),
    "name": shown("modal", "modal", "mine"),
    "title": shown("modal", "Modal", "Mine"),
    "kind": shown("modal", "serverless", "dedicated"),
    "url": shown("modal", "https://a.example", "https://b.example"),
    "tier": figure("openai", "mine", "other", ("tiers", {"mine": LIMITED, "other": dict(LIMITED, rpm=1)}), of={"retry": {"max_attempts": 1}}),
    "cannot_plan": shown("modal", "not yet", UNSET),
    "mend": shown("modal", ["ttft"], UNSET, ("cannot_plan", "not yet")),
    "not_found[]": shown("modal", ["a"], ["b"]),
    "attributes.src": shown("modal", "one", "other", ("attributes.soc2", True)),
    "lora.src": shown("modal", "one", "other", ("lora.served", "base_replica")),
    "lora.served": shown("modal", "own_replica", "base_replica", ("lora.src", "one")),
    "lora.price": shown("openai", "base", "own", ("lora", {"src": "S1", "served": "base_replica"})),
    "lora.max_adapters": shown("modal", 4, 8, ("lora", {"src": "one", "served": "base_replica"})),
    "scheduled.src": shown("modal", "one", "other", ("scheduled.call", "set {n}")),
    "scheduled.own": shown("modal", "no", "yes", ("scheduled", {"src": "one", "call": "set {n}"})),
    "scheduled.call": shown("modal", "set {n}", "keep {n}", ("scheduled.src", "one")),
    "notes": shown("modal", "a", "b"),
}
for k, a, b in (("source", "a", "b"), ("date", "2026-01-01", "2025-01-01"), ("grade", "published", "estimated"), ("evidence", "Q", "P")):
    KEYS["sources.*." + k] = shown("modal", a, b)
for k in ("keep_warm", "max_replicas", "idle_timeout", "buffer", "target"):
    KEYS["words." + k] = told("baseten" if k == "target" else "modal", "one_word", "other_word", of={"buffer_replicas": 1} if k == "buffer" else {})
SECTION = {"host": ("modal", ()), "meter": ("modal", ()), "meter.bills": ("modal", ()), "scaling": ("modal", ()), "retry": ("modal", ()),
           "cold": ("modal", (("cold.pull", {"constant": "3"}),)), "spot": ("crusoe", (("spot.notice_s", "9"),)), "gpus[].spot": ("crusoe", (("gpus[L40S].spot.notice_s", "9"),)), "batch": ("openai", ()), "egress": ("lambda", ()),
           "cache": ("openai", ()), "tiers.*": ("openai", TIERS), "gpus[]": ("modal", ()), "apis[]": ("openai", ())}
for tier in ("flex", "priority"):
    SECTION["apis[]." + tier] = ("openai", ((API + tier, {"in_mtok": "1", "out_mtok": "1", "src": "one"}),))
for k, (base, edits) in SECTION.items():
    KEYS[k + ".src"] = shown(base, "one", "other", *edits)
for k, a, b in (("gpu", "L4", "A10G"), ("sku", "L4", "mine")):
    KEYS["gpus[]." + k] = shown("modal", a, b)
KEYS["gpus[].count"] = shown("modal", [1, 1], [2, 2])
KEYS["gpus[].hour"] = figure("modal", "1", "2")
KEYS["gpus[].month"] = figure("lambda", "100", "200", of={"term": "monthly"})
YEAR = ("gpus[H100].terms", [{"months": 12, "hour": "3", "upfront": "0.5", "src": "S75"}])
KEYS["gpus[].terms[].months"] = shown("lambda", 12, 36, YEAR)
KEYS["gpus[].terms[].hour"] = figure("lambda", "3", "2", YEAR, of={"term": "1_year"})
KEYS["gpus[].terms[].upfront"] = told("lambda", "0.5", "1", YEAR, of={"term": "1_year"})
KEYS["gpus[].terms[].src"] = shown("lambda", "one", "other", YEAR)
KEYS["gpus[].spot_hour"] = figure("crusoe", "1", "2")
for where, base in (("gpus[].", "modal"), ("apis[].", "openai")):
    KEYS[where + "available_from"] = shown(base, "2027-01-01", UNSET)
    KEYS[where + "ends"] = shown(base, "2026-01-01", UNSET)
    KEYS[where + "status"] = shown(base, "deprecated", UNSET)
    KEYS[where + "seen"] = shown(base, "2026-01-01", "2026-11-01")
for k, a, b in (("cpu_core_hour", "0.1", "0.2"), ("memory_gib_hour", "0.1", "0.2"), ("cpu_cores", 1, 9), ("memory_gib", 1, 90)):
    KEYS["host." + k] = figure("modal", a, b)
for k, a, b in (("granularity_s", "1", "600"), ("min_charge_s", "0", "900"), ("multiplier", "1", "2"), ("monthly_fee_usd", "0", "9"),
                ("monthly_credit_usd", "0", "9"), ("one_off_credit_usd", "0", "9")):
    KEYS[M + k] = figure("modal", a, b)
KEYS[M + "window_s"] = figure("modal", "0", "300")
KEYS[M + "credit_covers"] = figure("modal", "use", "use and fee", (M + "monthly_fee_usd", "9"), (M + "monthly_credit_usd", "900"))
for k in ("provision", "pull", "load", "init", "active", "keep_warm", "idle"):
    KEYS[M + "bills." + k] = figure("modal", "yes", "no", of=dict(COLD, keep_warm=1) if k == "keep_warm" else COLD)
KEYS[M + "bills.restore"] = figure("modal", "yes", "no", of={"cold_start": {"restore": {"constant": "9"}, "snapshot_probability": "1"}})
KEYS[M + "bills.failed_start"] = figure("modal", "yes", "no", of=dict(COLD, start_failure_probability="0.5"))
KEYS[M + "bills.drain"] = figure("baseten", "yes", "no", (S + "target", 4), (S + "scale_down_delay_s", "0"), (S + "idle_timeout_s", "0"),
                                 (S + "scale_up_window_s", "1"), (S + "eval_period_s", "1"), (M + "granularity_s", "0.001"),
                                 of={"max_replicas": 9, "hard_concurrency": 1, "scheduler": {"max_num_seqs": 1}})
for k, a, b, base, edits, of in (
        ("scaler", "capacity", "request_count", "modal", ((S + "target", 1),), {}), ("at_zero", "queue", "reject_and_start", "modal", ((S + "reject_code", 503),), {}),
        ("balance", "round_robin", "pack", "lambda", (), {"replicas": 3}), ("buffer_replicas", 0, 2, "modal", (), {}),
        ("target_delay_s", "1", "60", "runpod", (), {}), ("target_delay_from", "last_start", "arrival", "runpod", (), {}),
        ("scale_up_window_s", "10", "120", "baseten", ((S + "target", 0.1),), {}), ("eval_period_s", "1", "60", "baseten", ((S + "target", 0.1),), COLD),
        ("idle_timeout_s", "30", "300", "modal", (), {}), ("idle_release", "timeout", "early", "modal", (), {"keep_warm": 0}), ("zero_timeout_s", "60", "300", "modal", (), {}),
        ("scale_down_delay_s", "60", "1200", "baseten", ((S + "target", 0.1),), {}), ("min_up_s", "0", "900", "modal", (), {}),
        ("target", 0.1, 4, "baseten", (), {}), ("utilisation", 0.1, 1, "baseten", ((S + "target", 0.5),), {}),
        ("hard_concurrency", 1, 9, "replicate", (), {}), ("queue_limit", 2, 90, "modal", (), {"max_replicas": 1}),
        ("no_queue", True, False, "modal", (), {"max_replicas": 1}), ("queue_timeout_s", "5", "500", "modal", (), {"max_replicas": 1}),
        ("request_timeout_s", "5", "500", "modal", (), {"max_replicas": 1}),
        ("stockout_probability", 0.9, 0, "modal", ((S + "stockout_retry_s", "60"),), {}),
        ("stockout_retry_s", "60", "1", "modal", ((S + "stockout_probability", 0.9),), {}),
        ("start_failure_probability", 0.9, 0, "modal", (), {}), ("keep_warm", 0, 1, "replicate", (), {}), ("max_replicas", 1, 4, "replicate", (), {"hard_concurrency": 1})):
    KEYS[S + k] = figure(base, a, b, *edits, of=of)
for k, a, b in (("max_up_rate", 1.5, 1000), ("max_down_rate", 1.1, 1000), ("panic_threshold", 1.1, 1000), ("panic_window_share", 0.1, 1)):
    KEYS[S + k] = figure("modal", a, b, *[e for e in KPA if e[0] != S + k], (S + "target", 0.2), of={"max_replicas": 30, "hard_concurrency": 1})
KEYS[S + "reject_code"] = shown("modal", 503, 429)
KEYS[S + "concurrency_range"] = shown("modal", [1, 9], [1, 99])
KEYS[S + "idle_timeout_range_s"] = shown("modal", [2, 99], [2, 999])
for k in ("provision", "pull", "load", "init"):
    KEYS["cold." + k] = figure("modal", {"constant": "3"}, {"constant": "30"})
KEYS["cold.engine_start"] = figure("modal", {"constant": "3"}, {"constant": "300"})
KEYS["cold.load_rate"] = figure("modal", {"constant": "1000000000"}, {"constant": "3000000000"})
KEYS["cold.cached_load_rate"] = figure("modal", {"constant": "1000000000"}, {"constant": "3000000000"}, ("cold.load_rate", {"constant": "500000000"}),
                                       ("cold.cache_hit", 0.9))
KEYS["cold.cache_hit"] = figure("modal", 0, 1, ("cold.load_rate", {"constant": "500000000"}), ("cold.cached_load_rate", {"constant": "5000000000"}))
KEYS["cold.restore"] = figure("modal", {"constant": "3"}, {"constant": "30"}, ("cold.snapshot_probability", 1))
KEYS["cold.snapshot_probability"] = figure("modal", 0, 1, ("cold.restore", {"constant": "3"}))
KEYS["public_models.src"] = shown("replicate", "one", "other")
KEYS["public_models.bills.src"] = shown("replicate", "one", "other")
POOLED = dict(COLD, pooled={"others_per_hour": "1"})
for k in ("provision", "pull", "load", "init", "active", "idle"):
    KEYS["public_models.bills." + k] = figure("replicate", "yes", "no", of=POOLED)
KEYS["public_models.bills.restore"] = figure("replicate", "yes", "no", of=dict(POOLED, cold_start={"restore": {"constant": "9"}, "snapshot_probability": "1"}))
KEYS["public_models.bills.failed_start"] = figure("replicate", "yes", "no", of=dict(POOLED, start_failure_probability="0.5"))
for k in ("keep_warm", "drain"):  # the customer keeps none, and the platform stops idle ones alone
    KEYS["public_models.bills." + k] = shown("replicate", "yes", "no")
KEYS["cold.node_cache"] = shown("runpod", True, False)
KEYS["cold.snapshot"] = shown("modal", True, UNSET, ("cold.snapshot_gpus_max", UNSET))
KEYS["cold.snapshot_gpus_max"] = shown("modal", 1, 2)
BACK = ("cold.provision", {"constant": "60"})
for k in ("", "gpus[L40S]."):
    KEYS[k.replace("L40S", "") + "spot.interruptions_per_hour"] = figure("crusoe", 1, 30, (k + "spot.notice_s", "10"), BACK)
    KEYS[k.replace("L40S", "") + "spot.interrupted_month"] = shown("crusoe", [0, 0.05], [0.2])
    KEYS[k.replace("L40S", "") + "spot.notice_s"] = figure("crusoe", "0", "120", (k + "spot.interruptions_per_hour", 20), BACK)
for k, x, y in (("interruptions_per_hour", 1, 30), ("interrupted_month", [0, 0.05], [0.2]), ("notice_s", "0", "120"), ("src", "one", "other")):
    KEYS["regions.list[].gpus[].spot." + k] = shown("crusoe", x, y, ("regions", {"src": "one", "list": [{"name": "eu-west", "gpus": [{"sku": "L40S-48GB", "spot": {"src": "one", "notice_s": "9"}}]}]}))
KEYS["batch.window_s"] = figure("batch", "86400", "90000")
SEEN = {"batch": {"latency": "observed"}}
KEYS["batch.observed"] = figure("batch", {"constant": "600"}, {"constant": "1200"}, of=SEEN)
KEYS["batch.max_requests"] = figure("batch", 2, 50, of={"batch": {"collect_s": "30"}})
KEYS["batch.queued_requests"] = figure("batch", 1, 90)
KEYS["batch.queued_tokens"] = figure("batch", 600, 90000)
KEYS["batch.cache"] = figure("batched", "multiplies", "cache_wins")
KEYS["cache.mode"] = figure("anthropic", "automatic", "explicit")
for k, a, b in (("min_tokens", 1, 3000), ("step_tokens", 1, 3000), ("lifetime_s", "1", "3600")):
    KEYS["cache." + k] = figure("memory", a, b)
for k, a, b in (("max_attempts", 1, 9), ("base_s", "1", "60"), ("cap_s", "30", "600")):
    KEYS["retry." + k] = figure("modal", a, b, *[e for e in (("retry.base_s", "30"), ("retry.cap_s", "300"), ("retry.max_attempts", 9)) if e[0] != "retry." + k],
                                (S + "queue_limit", 2), of={"max_replicas": 1})
for k, a, b in (("rpm", 5, 100), ("rpd", 50, 10000), ("tpm", 2000, 1000000), ("itpm", 2000, 100000), ("otpm", 200, 100000), ("tpd", 50000, 1000000),
                ("rule", "reserve_max_tokens", "max_of_max_tokens_and_estimate"), ("output_burndown", 1, 9), ("window_s", "1", "60")):
    KEYS[T + "*." + k] = figure("openai", a, b, *TIERS, *([("tiers.mine.rule", "actual"), ("tiers.mine.tpm", 9000)] if k == "output_burndown" else []),
                                of={"retry": {"max_attempts": 1}, **({"max_tokens": 900} if k == "rule" else {})})
KEYS[T + "*.cache_reads_count"] = figure("memory", True, False, *TIERS, (MINE + "rule", "actual"), of={"retry": {"max_attempts": 1}})
KEYS[T + "*.reject_code"] = shown("openai", 429, 503, *TIERS)
for k in ("in_mtok", "out_mtok"):
    KEYS["apis[]." + k] = figure("openai", "1", "2")
KEYS["apis[].cached_in_mtok"] = figure("memory", "1", "2")
KEYS["apis[].cache_write_mtok"] = figure("anthropic", "1", "20")
KEYS["apis[].cache_min_tokens"] = figure("memory", 1, 3000)
for k, other in (("gb", "gib"), ("gib", "gb")):
    KEYS["egress." + k] = figure("lambda", "1", "2", ("egress." + other, UNSET), of={"egress_bytes_per_token": 300})
KEYS["apis[].batch"] = figure("batch", "0.5", "0.1")
for tier in ("flex", "priority"):
    of = {"term": tier}
    need = {"in_mtok": "1", "out_mtok": "1", "cached_in_mtok": "0.5", "cache_write_mtok": "2", "src": "S1"}
    for k in ("in_mtok", "out_mtok", "cached_in_mtok", "cache_write_mtok"):
        base = "anthropic" if k == "cache_write_mtok" else "memory" if k == "cached_in_mtok" else "openai"
        where = {"anthropic": "apis[claude-sonnet-4.5]."}.get(base, API)
        prices = dict(need, src="p2026-07" if base == "anthropic" else "S1")
        KEYS["apis[].%s.%s" % (tier, k)] = figure(base, "3", "9", (where + tier, prices), of=of)
    KEYS["apis[].above.%s.src" % tier] = shown("openai", "one", "other", (API + tier, need), (API + "above", {"tokens": 9, "in_mtok": "1", "out_mtok": "1", "src": "one",
                                               tier: {"in_mtok": "1", "out_mtok": "1", "src": "one"}}))
    for k in ("in_mtok", "out_mtok", "cached_in_mtok", "cache_write_mtok"):
        base = "anthropic" if k == "cache_write_mtok" else "memory" if k == "cached_in_mtok" else "openai"
        where = {"anthropic": "apis[claude-sonnet-4.5]."}.get(base, API)
        prices = dict(need, src="p2026-07" if base == "anthropic" else "S1")
        KEYS["apis[].above.%s.%s" % (tier, k)] = figure(base, "3", "9", (where + tier, prices), (where + "above", dict(prices, tokens=9, **{tier: dict(prices)})), of=of)
KEYS["apis[].above.src"] = shown("openai", "one", "other", (API + "above", {"tokens": 9, "in_mtok": "1", "out_mtok": "1", "src": "one"}))
KEYS["apis[].above.tokens"] = figure("openai", 100, 400, (API + "above", {"tokens": 9, "in_mtok": "5", "out_mtok": "5", "src": "S1"}))
for k in ("in_mtok", "out_mtok", "cached_in_mtok", "cache_write_mtok"):
    base = "anthropic" if k == "cache_write_mtok" else "memory" if k == "cached_in_mtok" else "openai"
    where = {"anthropic": "apis[claude-sonnet-4.5]."}.get(base, API)
    prices = {"tokens": 9, "in_mtok": "1", "out_mtok": "1", "cached_in_mtok": "0.5", "cache_write_mtok": "2", "src": "p2026-07" if base == "anthropic" else "S1"}
    KEYS["apis[].above." + k] = figure(base, "3", "9", (where + "above", prices))
PTU = "apis[gpt-5.2].provisioned."
LITTLE = (PTU + "tpm", 30)
SPLIT = (("apis[llama-3.1-8b].provisioned", {"src": "S2", "itpm": 2000, "otpm": 900}),)
KEYS["provisioned.src"] = shown("ptu", "one", "other")
KEYS["provisioned.unit"] = told("ptu", "PTU", "XYZ")
KEYS["provisioned.rule"] = figure("ptu", "utilisation", "window", LITTLE)
KEYS["provisioned.above"] = figure("ptu", "reject", "spill", LITTLE)
KEYS["provisioned.reject_code"] = shown("ptu", 429, 503)
KEYS["provisioned.windows[].src"] = shown("ptu", "one", "other", ("provisioned.windows", [{"window_s": "60"}]))
KEYS["provisioned.windows[].up_to_units"] = figure("ptu", 14, 15, (PTU + "tpm", 300),
                                                    ("provisioned.windows", [{"up_to_units": 9, "window_s": "1"}, {"window_s": "60"}]))
KEYS["provisioned.windows[].longest_s"] = figure("ptu", "90", "900", (PTU + "tpm", 300), ("provisioned.above", "spill"), ("provisioned.windows", [{"window_s": "1"}]))
KEYS["provisioned.windows[].window_s"] = figure("ptu", "1", "60", (PTU + "tpm", 300))
for where, of in (("provisioned.", "provisioned."), ("apis[].provisioned.", PTU)):
    KEYS[where + "output_weight"] = figure("ptu", "1", "20", LITTLE, *([(PTU + "output_weight", UNSET)] if where == of else []))
    KEYS[where + "cached_weight"] = figure("cached ptu", "0", "1", LITTLE)
    KEYS[where + "write_weight"] = shown("ptu", "0", "1")
    KEYS[where + "min_units"] = shown("ptu", 15, 20)
    KEYS[where + "increment"] = shown("ptu", 5, 10)
    for term in ("hour", "week", "month", "3_months", "6_months", "year"):
        KEYS[where + "terms.%s.src" % term] = shown("ptu", "one", "other", (of + "terms." + term, {"usd_hour": "1", "src": "one"}))
        for per in ("hour", "week", "month", "year"):
            KEYS[where + "terms.%s.usd_%s" % (term, per)] = figure("ptu", "1", "2", (of + "terms." + term, {"usd_" + per: "1", "src": "ptu-price"}),
                                                                   of={"provisioned": {"units": 15, "term": term}})
KEYS["apis[].provisioned.src"] = shown("ptu", "one", "other")
KEYS["apis[].provisioned.tpm"] = figure("ptu", 20, 50)
KEYS["apis[].provisioned.tps"] = figure("gsu", 3, 50)
KEYS["apis[].provisioned.itpm"] = figure("mu", 500, 9000, *SPLIT)
KEYS["apis[].provisioned.otpm"] = figure("mu", 100, 9000, *SPLIT)
KEYS["apis[].ttft_s"] = figure("together-api", {"constant": "1"}, {"constant": "2"})
KEYS["apis[].ttft_per_ktok_s"] = figure("together-api", {"constant": "1"}, {"constant": "2"})
KEYS["apis[].output_rate"] = figure("together-api", {"constant": "10"}, {"constant": "20"})
KEYS["apis[].ttft_known_to"] = figure("together-api", 100, 9000)
KEYS["apis[].output_rate_known_to"] = shown("together-api", 100, 9000)
KEYS["apis[].output_burndown"] = figure("openai", 1, 9, *TIERS, ("tiers.mine.rule", "actual"), ("tiers.mine.tpm", 9000), of={"retry": {"max_attempts": 1}})
KEYS["apis[].max_model_len"] = shown("openai", 100, 9000)
KEYS["apis[].params_b"] = shown("openai", 1, 9)
KEYS["apis[].latency_of"] = shown("together-api", "another, 2023", "a third, 2024")
KEYS["apis[].model"] = shown("openai", "gpt-4o", "mine")
KEYS["apis[].sku"] = told("openai", "gpt-4o", "mine")
PLACES = ("regions", {"src": "one", "list": [{"name": "eu-west", "multiplier": "1.5"}]})
IN = "regions.list[]."
KEYS["regions.src"] = shown("baseten", "one", "other", PLACES)
THERE = {"region": "eu-west"}
KEYS["regions.via"] = figure("placed", ["us-east"], ["eu-west"], PLACES, of=THERE)
KEYS[IN + "name"] = shown("baseten", "eu-west", "us-east", PLACES)
KEYS[IN + "vendor"] = shown("baseten", "Dublin", "Cork", PLACES)
KEYS[IN + "src"] = shown("baseten", "one", "other", PLACES)
KEYS[IN + "multiplier"] = figure("baseten", "1.5", "2.5", PLACES, of=THERE)
KEYS[IN + "gpus[].sku"] = shown("lambda", "1x H100 SXM", "nobody's", PLACES, ("regions.list[0].gpus", [{"sku": ""}]))
HERE = ("regions.list[0].gpus", [{"sku": "1x H100 SXM", "spot": {"src": "one", "interrupted_month": [0.1, 0.2]}, "hour": "1"}])
for k, of in (("hour", {}), ("month", {"term": "monthly"}), ("spot_hour", {"term": "spot", "spot": {"restart_s": "60"}})):
    KEYS[IN + "gpus[]." + k] = figure("lambda", "1", "2", PLACES, HERE, of=dict(THERE, **of))
YEAR = ("regions.list[0].gpus", [{"sku": "1x H100 SXM", "terms": [{"months": 12, "hour": "3", "src": "one"}]}])
for k, a, b in (("months", 12, 36), ("upfront", "0.5", "1"), ("src", "one", "other")):
    KEYS[IN + "gpus[].terms[]." + k] = shown("lambda", a, b, PLACES, YEAR)
KEYS[IN + "gpus[].terms[].hour"] = figure("lambda", "1", "2", PLACES, YEAR, of=dict(THERE, term="1_year"))
KEYS[IN + "models[]"] = shown("openai", ["gpt-4o"], ["nobody's"], PLACES)
SCENARIO["replicate"] = gpu("L40S")
del SCENARIO["replicate"]["deployments"][0]["precision"]


for k in ("data_in_account", "no_training", "zero_retention", "hipaa", "soc2", "iso27001", "custom_weights"):
    KEYS["attributes." + k] = shown("modal", {"value": True, "src": "one"}, {"value": False, "src": "one"}, ("attributes.not_known", UNSET))
    KEYS["attributes.not_known." + k] = shown("modal", "why", "why else", ("attributes." + k, UNSET))


# ---- the schema's keys

schema = json.load(open(HOME + "/platforms/platform.schema.json"))
paths = []


def resolve(n):
    while "$ref" in n:
        n = schema["$defs"][n["$ref"].split("/")[-1]]
    return n


def is_fact(n):
    return {"value", "usd", "usd_per_second", "brackets", "constant"} & set(n.get("properties", {}))


def walk(n, path):
    n = resolve(n)
    kinds = [resolve(x) for x in n.get("anyOf", n.get("oneOf", []))]
    objects = [x for x in kinds if x.get("properties") and not is_fact(x)]
    if kinds and not objects:
        paths.append(path)
    elif objects:
        for x in objects:
            walk(x, path)
    elif n.get("properties") and not is_fact(n):
        for k, v in n["properties"].items():
            walk(v, path + ("." if path else "") + k)
    elif n.get("type") == "array" and "items" in n:
        walk(n["items"], path + "[]")
    elif isinstance(n.get("additionalProperties"), dict):
        walk(n["additionalProperties"], path + ".*")
    else:
        paths.append(path)


walk(schema, "")
for p in paths:
    check("row", p in KEYS, "the key '%s' of platform.schema.json has no row in tests/sim/cli/platform_keys.py; its head says how to add one" % p)
for p in KEYS:
    check("key", p in paths, "the row '%s' of tests/sim/cli/platform_keys.py is of no key of the schema" % p)


# ---- one row

def place(row, path):
    if path.startswith(("regions.", "provisioned.windows[]")):
        return path.removesuffix("[]").replace("[]", "[0]")
    gpus = {s: SCENARIO[s]["deployments"][0].get("gpu") for s in SCENARIO}
    path = path.replace("apis[].", "apis[%s]." % FIRST.get(row.base, "")).replace("gpus[].", "gpus[%s]." % gpus.get(row.base))
    return path.replace("tiers.*.", MINE).replace("terms[].", "terms.[0].").removesuffix("[]")


def put(doc, path, value):
    if path.startswith("sources.*."):
        for s in doc["sources"].values():
            s[path[len("sources.*."):]] = value
        return
    at, steps = doc, path.replace("[", ".[").split(".")
    if path.startswith(("apis[", "gpus[")):  # names hold dots
        name, rest = path[5:].split("]", 1)
        key = "model" if path.startswith("apis") else "gpu"
        at = next(x for x in doc[path[:4]] if x[key] == name)
        steps = [s for s in rest.split(".") if s]
    for s in steps[:-1]:
        at = at[int(s[1:-1])] if isinstance(at, list) else at.setdefault(s, {})
    if len(steps) > 1 and steps[0] in ("cold", "spot"):
        at.setdefault("src", next(iter(doc["sources"])))
    if value == UNSET:
        at.pop(steps[-1], None)
    else:
        at[steps[-1]] = value


def platform(row, path, value):
    doc = json.load(open("%s/platforms/%s.json" % (HOME, FILE.get(row.base, row.base))))
    for name in SOURCES:
        doc["sources"][name] = {"source": "the source " + name, "date": "2026-01-01", "grade": "published"}
    for e in row.edits:
        put(doc, *copy.deepcopy(e))
    put(doc, place(row, path), copy.deepcopy(value))
    json.dump(doc, open("p.json", "w"))


WORDS = {"label", "settings", "name", "text", "deployments", "routing"}


def strip(x):
    if isinstance(x, dict):
        return {k: strip(v) for k, v in x.items() if k not in WORDS}
    return [strip(v) for v in x] if isinstance(x, list) else x


def figures(row):
    s = copy.deepcopy(SCENARIO[row.base])
    s["deployments"][0].update(row.of)
    json.dump(s, open("s.json", "w"))
    p = subprocess.run([KW, "run", "s.json", "-q", "--json"], capture_output=True, text=True)
    return (p.returncode, json.loads(p.stdout) if isinstance(row, told) else strip(json.loads(p.stdout))) if p.stdout else (p.returncode, p.stderr)


def words():
    show = subprocess.run([KW, "platforms", "show", "p.json"], capture_output=True, text=True)
    return show.returncode, show.stdout, show.stderr


wanted = sys.argv[1] if len(sys.argv) > 1 else ""
for path in paths:
    row = KEYS.get(path)
    if not path.startswith(wanted) or not row:
        continue
    said = []
    for value in (row.a, row.b):
        platform(row, path, value)
        said.append(words() if isinstance(row, shown) else figures(row))
    check(path, said[0] != said[1], "%r and %r give the same: %s" % (row.a, row.b, said[0]))
    if not isinstance(row, shown):
        check(path + " is read", 2 not in (said[0][0], said[1][0]), said)

print("%d passed, %d failed" % (passed, failed))
sys.exit(failed > 0)
