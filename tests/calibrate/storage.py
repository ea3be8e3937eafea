"""calibrate/data/storage.json is what the published loads say: quantiles drawn anew from KEEPWARM_DATA."""

import csv
import json
import math
import os
import sys

sys.path.insert(0, "tests")
from checks import check, report, skip  # noqa: E402

DATA = os.environ.get("KEEPWARM_DATA", "../shared/data")
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
BF16_BYTES = {"Qwen/Qwen3-32B": 65524246528, "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": 65527752704,
              "meta-llama/Llama-3.1-8B-Instruct": 16060522496}  # parameters of the config.json, 2 bytes each


def quantiles(rates):
    """The sample's at (i - 1/2) / n, linear between; levels beyond its ends are not known."""
    v, out = sorted(rates), {}
    for p in LEVELS:
        at = p * len(v) - 0.5
        if 0 <= at <= len(v) - 1:
            k = int(at)
            x = v[k] + ((v[k + 1] - v[k]) * (at - k) if k + 1 < len(v) else 0)
            out[f"{p:g}"] = f"{round(x / 1e6) * 10 ** 6}"
    return out


def loads(mode):
    with open(f"{DATA}/calibration/serverlessllm_h100_load_times.csv", newline="") as f:
        return [BF16_BYTES[r["model"]] / float(r["loading_time_s"]) for r in csv.DictReader(f)
                if r["format"] == "safetensors" and r["mode"] == mode]


def published(**want):
    with open(f"{DATA}/published/weight_loading.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    return [1e9 * float(r["gb_s"]) for r in rows if all(w in r[k] if k == "storage" else r[k] == w for k, w in want.items())]


def exponent(storage):
    one, eight = (published(loader="safetensors", gpu="H200", n_gpu=n, storage=storage) for n in "18")
    check(f"one load of {storage} on 1 and on 8 GPUs", len(one) == len(eight) == 1)
    return round(math.log(eight[0] / one[0]) / math.log(8), 3)


def main():
    if not os.access(DATA, os.R_OK):
        skip("no KEEPWARM_DATA")
        return
    with open("calibrate/data/storage.json") as f:
        shipped = {p["name"]: p for p in json.load(f)["paths"]}
    disk = published(loader="safetensors", gpu="A10G", storage="AWS") + published(loader="safetensors", gpu="H200", n_gpu="1", storage="storage")
    want = {"object_store": quantiles(published(storage="AWS S3")), "network_disk": quantiles(disk), "node_nvme": quantiles(loads("random")),
            "page_cache": quantiles(loads("cached"))}
    want["unknown"] = {"0.05": want["network_disk"]["0.25"], "0.95": want["node_nvme"]["0.5"]}
    check("the paths there are", set(shipped) == set(want), sorted(shipped))
    for name, q in want.items():
        check(f"{name}: {q}", shipped[name]["quantiles"] == q, shipped[name]["quantiles"])
        e = exponent("tmpfs" if name == "page_cache" else "storage")
        check(f"{name}: an exponent of {e}", shipped[name]["gpus_exponent"] == e, shipped[name]["gpus_exponent"])


main()
report()
