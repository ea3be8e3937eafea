#!/usr/bin/env python3
"""Latency laws of per-token APIs from public runs of which every call is published: what platforms/*.json state under
ttft_s and output_rate where their source names this script.

    platforms/fit_api_latency.py CSV|FOLDER            prints every law as a JSON fragment
    platforms/fit_api_latency.py CSV|FOLDER --check    compares them with the platform files; exit 1 where one differs

CSV: data/calibration/llmperf_api_latency_2023-12.csv (ray-project/llmperf-leaderboard @27aa9b6a, Apache-2.0): 1,795
calls of 19 December 2023, Llama-2 7B, 13B and 70B chat, 550 tokens in and 150 asked for, five at a time.

TTFT: every call that answered; error -100 only says that the answer was short. Output rate: (tokens - 1) / (E2E - TTFT)
of one request, tokens a second. Fireworks counts stream chunks, so only its calls that ran to the limit of 150 tokens
are used, with 150 tokens. Replicate sells these models by time today and is left out.

FOLDER: performance/results/results_openai_gpt-5.6-*.json of openai-on-aws/benchmarks-openai @27db63c6 (MIT-0): OpenAI's
own API, streamed, one call at a time, default reasoning effort, July 2026. TTFT, until the first visible text: the
prompts of 1k that were let 500 tokens or more (with 100 many end before any text); the longer prompts were read from the
cache. Output rate: (visible tokens - 1) / (E2E - TTFT) of every call let 1,000 tokens or more that has 100 visible ones.

Quantiles by linear interpolation between order statistics (Hyndman and Fan's type 7), four significant digits.
"""
import csv
import glob
import json
import os
import sys

PROBABILITIES = ["0.01", "0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99"]
LIMIT = 150  # output tokens asked for

# platform file -> model -> the measured (provider, size) that stands for it. A smaller model than measured is answered
# faster than this says.
STANDS_FOR = {
    "together-api.json": {"llama-3.1-8b": ("together", "7b"), "llama-3.1-70b": ("together", "70b"),
                      "llama-3.3-70b": ("together", "70b")},
    "fireworks-api.json": {"llama-3.1-8b": ("fireworks", "7b"), "llama-3.1-70b": ("fireworks", "70b")},
    "groq.json": {"llama-3.1-8b": ("groq", "70b"), "llama-3.1-70b": ("groq", "70b"), "llama-3.3-70b": ("groq", "70b")},
    "bedrock.json": {"llama-3.1-8b": ("bedrock", "13b"), "llama-3.1-70b": ("bedrock", "70b"),
                     "llama-3.3-70b": ("bedrock", "70b"), "llama-3-8b": ("bedrock", "13b"),
                     "llama-3-70b": ("bedrock", "70b")},
}

MEASURED = {"openai.json": {f"gpt-5.6-{m}": ("openai", f"gpt-5.6-{m}") for m in ("luna", "terra", "sol")}}


def quantile(sorted_values, p):
    at = p * (len(sorted_values) - 1)
    low = int(at)
    high = min(low + 1, len(sorted_values) - 1)
    return sorted_values[low] + (at - low) * (sorted_values[high] - sorted_values[low])


def law(values):
    values = sorted(values)
    return {"quantiles": {p: f"{float(f'{quantile(values, float(p)):.4g}'):.10g}" for p in PROBABILITIES}}


def fit_folder(path):
    ttft, rate = {}, {}
    for name in sorted(glob.glob(os.path.join(path, "results_openai_gpt-5.6-*.json"))):
        with open(name) as f:
            run = json.load(f)
        key = ("openai", run["model"])
        for limit, calls in run["raw"].items():
            for c in calls:
                if c["error"] or c["ttft_ms"] is None:
                    continue
                visible = c["output_tokens"] - c["reasoning_tokens"]
                if run["input_label"] == "1k" and int(limit) >= 500 and not c["cached_tokens"]:
                    ttft.setdefault(key, []).append(c["ttft_ms"] / 1000)
                if int(limit) >= 1000 and visible > 100:
                    rate.setdefault(key, []).append((visible - 1) / (c["e2e_ms"] - c["ttft_ms"]) * 1000)
    return {k: {"ttft_s": law(ttft[k]), "output_rate": law(rate[k]), "n": [len(ttft[k]), len(rate[k])]} for k in ttft}


def fit(path):
    """{(provider, size): {"ttft_s": law, "output_rate": law, "n": [calls in each]}}"""
    if os.path.isdir(path):
        return fit_folder(path)
    calls = {}
    with open(path, newline="") as f:
        for row in csv.DictReader(f):
            if row["error_code"] in ("", "-100"):
                calls.setdefault((row["provider"], row["model_size"]), []).append(row)
    out = {}
    for key, rows in sorted(calls.items()):
        if key[0] == "replicate":
            continue
        ttft = [float(r["ttft_s"]) for r in rows]
        rate = []
        for r in rows:
            tokens = float(r["number_output_tokens"])
            if key[0] == "fireworks":
                if tokens < LIMIT:
                    continue
                tokens = LIMIT
            rate.append((tokens - 1) / (float(r["end_to_end_latency_s"]) - float(r["ttft_s"])))
        out[key] = {"ttft_s": law(ttft), "output_rate": law(rate), "n": [len(ttft), len(rate)]}
    return out


def check(laws):
    here = os.path.dirname(os.path.abspath(__file__))
    wrong = compared = 0
    for name, models in {**STANDS_FOR, **MEASURED}.items():
        with open(os.path.join(here, name)) as f:
            offers = {o["model"]: o for o in json.load(f)["apis"]}
        for model, key in models.items():
            if key not in laws:  # of the other source
                continue
            for field in ("ttft_s", "output_rate"):
                compared += 1
                if offers.get(model, {}).get(field, {}).get("quantiles") != laws[key][field]["quantiles"]:
                    wrong += 1
                    print(f"{name}: apis[{model}].{field} is not the fit of {key[0]} {key[1]}", file=sys.stderr)
    print(f"{compared - wrong} passed, {wrong} failed, 0 skipped")
    return 1 if wrong else 0


def main(argv):
    if len(argv) < 2 or argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0 if len(argv) > 1 else 2
    laws = fit(argv[1])
    if "--check" in argv[2:]:
        return check(laws)
    for key, fitted in laws.items():
        print(f"{key[0]} {key[1]}: {fitted['n'][0]} calls for TTFT, {fitted['n'][1]} for the rate")
        for field in ("ttft_s", "output_rate"):
            print(f'  "{field}": {json.dumps(fitted[field])}')
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
