"""What the second opinions on a replica share (*_model.py): a profile whose steps are straight lines, and a column of a result."""
import subprocess


def curve(name, unit, top, zero=0):
    return {name: [0, top], "us": [zero * 1e-6, (zero + unit * top) * 1e-6]}


def profile(law, model, row, kv_bytes=1000, block=16, blocks=1000000, longest=2000, rows_to=64, steps=(), **more):
    """row: what a sequence's last layer takes; steps and more: further keys of "steps" and of the profile."""
    fact = {"grade": "estimated", "source": "drawn", "date": "2026-11-30"}
    rows = [{"batch": b, "context": [0, 100000], "us": [law["batch"] * b * 1e-6, (law["batch"] * b + law["context"] * 100000) * 1e-6]} for b in (1, 64)]
    return {"keepwarm_profile": 1, "gpu": "H100", "model": model, "precision": "bf16", "tp": 1, "engine": "none",
            "weight_bytes": 1e9, "kv_bytes_per_token": kv_bytes, "kv": dict(fact, block_size=block, num_blocks=blocks),
            "limits": {"max_num_seqs": 64, "max_num_batched_tokens": 4096, "max_model_len": longest},
            "steps": dict(fact, errors={"decode_median": 0, "decode_worst": 0, "prefill_median": 0, "prefill_worst": 0}, fixed_us=law["fixed"] * 1e-6,
                          dense=curve("tokens", law["token"], 4096), head=curve("sequences", row, rows_to), decode=rows,
                          prefill_attn=curve("pairs", law["pair"], 10000000), prefill_token_us=0, comm={"tokens": [0], "us": [0]}, **dict(steps)),
            "cold_start": {k: dict(fact, constant="1000000000") for k in ("load_rate", "cached_load_rate")} | {"init": dict(fact, constant="1")}} | more


def column(h5, name):
    out = subprocess.run(["h5dump", "-d", "/requests/" + name, "-y", "-w", "1000000", "-m", "%ld", h5], capture_output=True, text=True, check=True).stdout
    return [int(x) for x in out.split("DATA {")[1].split("}")[0].replace(",", " ").split()]
