#!/usr/bin/env python3
"""chat_week.py TRACES MODELS: composes MODELS/chat-week.json, the example that is built into the program: a week of a
chat service, about 400,000 requests. Every parameter comes from a fit to public data:

- hours of the day, weekdays and weekend: the profile fitted to RAGPulse week 1 (MODELS/ragpulse-week1.json), averaged
  by hour of day, and over its five weekdays and its two weekend days (one week cannot tell Wednesdays from one
  Wednesday);
- quiet, calm, normal and busy spells: the total rate of ServeGen's m-large clients in 600 s windows over its own
  hour-of-day average, cut at 0.5, 0.8 and 1.3: mean factor, mean dwell and transitions of each;
- spikes: the minutes above 3 times the mean among all minutes of the two Azure 2023 hours: share of time, mean factor,
  a dwell of one minute;
- token lengths and their rank correlation: MODELS/azure-conv.json.
Only the total of 400,000 requests is chosen.
"""
import csv
import gzip
import json
import sys
from datetime import datetime

REQUESTS, SECONDS, SEED = 400_000, 7 * 86400, 1


def mean(x):
    return sum(x) / len(x)


def servegen_windows(path):
    """Total rate of all clients in each 600 s window, requests/s."""
    total = {}
    with gzip.open(path, "rt") as f:
        for row in csv.DictReader(f):
            at = int(row["window_start_s"]) // 600
            total[at] = total.get(at, 0.0) + float(row["rate_per_s"])
    return [total[i] for i in range(len(total))]


def hour_of_day(windows):
    """24 factors, mean 1."""
    by_hour = [mean([w for i, w in enumerate(windows) if i // 6 % 24 == h]) for h in range(24)]
    return [x / mean(by_hour) for x in by_hour]


def profile(week):
    hours = [mean([week[d * 24 + h] for d in range(7)]) for h in range(24)]
    cells = [part * h for part in [mean(week[:120])] * 5 + [mean(week[120:])] * 2 for h in hours]
    return [c / mean(cells) for c in cells]


def spells(windows, hours):
    """(factor, dwell_s, transitions, share of time) of the four states."""
    level = [w / (mean(windows) * hours[i // 6 % 24]) for i, w in enumerate(windows)]
    state = [sum(x >= cut for cut in (0.5, 0.8, 1.3)) for x in level]
    factor = [mean([x for x, s in zip(level, state) if s == k]) for k in range(4)]
    moves = [[0] * 4 for _ in range(4)]
    for a, b in zip(state, state[1:]):
        moves[a][b] += 1
    dwell = [600 * sum(m) / (sum(m) - m[k]) for k, m in enumerate(moves)]
    jump = [[0 if j == k else m[j] / (sum(m) - m[k]) for j in range(4)] for k, m in enumerate(moves)]
    share = [state.count(k) / len(state) for k in range(4)]
    return factor, dwell, jump, share


def spikes(paths):
    """(share of minutes above 3 times their trace's mean, mean factor in them)."""
    high, minutes = [], 0
    for path in paths:
        with open(path, newline="") as f:
            at = [datetime.fromisoformat(r["TIMESTAMP"][:26]).timestamp() for r in csv.DictReader(f)]
        count = [0] * (int((at[-1] - at[0]) // 60) + 1)
        for t in at:
            count[int((t - at[0]) // 60)] += 1
        high += [c / mean(count) for c in count if c > 3 * mean(count)]
        minutes += len(count)
    return len(high) / minutes, mean(high)


def with_spikes(factor, dwell, jump, share, spike_share, spike_factor):
    """A fifth state entered from the others at one rate, so that it holds spike_share of the time, a minute each."""
    rate = spike_share / (1 - spike_share) / 60
    states = []
    for k in range(4):
        stay = 1 / (1 / dwell[k] + rate)
        states.append({"factor": factor[k], "dwell_s": stay,
                       "next": [p * stay / dwell[k] for p in jump[k]] + [rate * stay]})
    states.append({"factor": spike_factor, "dwell_s": 60.0, "next": share + [0.0]})
    average = sum(s["factor"] * w for s, w in zip(states, [x * (1 - spike_share) for x in share] + [spike_share]))
    for s in states:
        s["rate_per_s"] = s.pop("factor") / average * REQUESTS / SECONDS
    return states


def rows(x, digits, per, indent):
    text = [f"{v:.{digits}g}" for v in x]
    return "[" + (",\n" + " " * indent).join(", ".join(text[i:i + per]) for i in range(0, len(text), per)) + "]"


def main(traces, models):
    with open(f"{models}/ragpulse-week1.json") as f:
        week = json.load(f)["profile"]["hour_of_week"]
    with open(f"{models}/azure-conv.json") as f:
        tokens = json.load(f)["tokens"]
    windows = servegen_windows(f"{traces}/servegen_m-large_rates.csv.gz")
    hours = hour_of_day(windows)
    spike = spikes([f"{traces}/azure_llm_2023_conv.csv", f"{traces}/azure_llm_2023_code.csv"])
    states = with_spikes(*spells(windows, hours), *spike)
    state_text = ",\n".join(
        f'      {{ "rate_per_s": {s["rate_per_s"]:.6g}, "dwell_s": {s["dwell_s"]:.6g}, '
        f'"next": {rows(s["next"], 9, 9, 0)} }}' for s in states)
    origin = {
        "source": "composed of fits to public traces by workloads/chat_week.py; no recording of one service",
        "licence": "facts from CC BY 4.0 (Azure), MIT (RAGPulse) and Apache-2.0 (ServeGen) data",
        "span": "7 days, Monday 00:00 to Sunday 24:00",
        "date": "2026-11-24",
        "command": "workloads/refit.sh",
        "parameters": {
            "profile": "ragpulse-week1.json's profile, averaged by hour of day and over weekdays and weekend",
            "states 1-4 quiet, calm, normal, busy": "ServeGen m-large total rate in 600 s windows over its hour-of-day "
                                                    "mean, cut at 0.5, 0.8, 1.3 (servegen_m-large_rates.csv.gz)",
            "state 5 spike": "minutes above 3x the mean in the Azure 2023 conversation and code hours",
            "tokens": "azure-conv.json: Azure LLM inference 2023, conversation",
            "number of requests": "chosen: about 400,000",
        },
    }
    with open(f"{models}/chat-week.json", "w") as f:
        f.write(f"""{{
  "keepwarm_workload": 1,
  "name": "chat-week",
  "description": "A week of a chat service: busy afternoons, sparse nights, quieter weekends, spells and one-minute spikes.",
  "duration_s": "{SECONDS}",
  "seed": {SEED},
  "arrivals": {{ "law": "mmpp",
    "states": [
{state_text}
    ] }},
  "profile": {{ "start_hour": 0, "growth_per_week": 0,
    "hour_of_week": {rows(profile(week), 5, 12, 5)} }},
  "tokens": {{
    "p": {rows(tokens["p"], 6, 14, 5)},
    "prompt": {rows(tokens["prompt"], 9, 14, 5)},
    "output": {rows(tokens["output"], 9, 14, 5)},
    "rank_correlation": {tokens["rank_correlation"]} }},
  "provenance": {json.dumps(origin, indent=2).replace(chr(10), chr(10) + "  ")}
}}
""")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
