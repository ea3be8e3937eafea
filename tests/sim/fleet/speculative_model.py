#!/usr/bin/env python3
"""A second opinion on speculative decoding, written from the rule alone (sim/fleet/speculative.h, engine/scheduler/scheduler.h, calibrate/profile/
steptime.h), without events or shared code: makes traces and profiles at random, runs `keepwarm run` on one replica and compares when each
request's first and last token came, to the nanosecond. Random bits are those of sim/core/rng.h, made anew here.

    speculative_model.py FOLDER CASES [--break]      --break: the model has a refused draft's tokens come out too
"""
import json, random, subprocess, sys

from drawn_profile import column, profile

folder, cases, broken = sys.argv[1], int(sys.argv[2]), "--break" in sys.argv
M, GOLDEN, DRAFTS = (1 << 64) - 1, 0x9E3779B97F4A7C15, 17


def mix64(x):
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & M
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & M
    return x ^ (x >> 31)


def first_bits(seed, replication):
    """The first 64 bits of the stream of drafts: xoshiro256++ seeded by splitmix64."""
    h = mix64(seed + GOLDEN & M)
    for part in (replication, DRAFTS):
        h = mix64((h ^ part) + GOLDEN & M)
    s = [mix64(h + GOLDEN * (i + 1) & M) for i in range(4)]
    x = s[0] + s[3] & M
    return (x << 23 | x >> 41) + s[0] & M


def right(accept, luck, place):
    n = 0
    while n < len(accept) and (mix64(luck + (place + n) * GOLDEN & M) >> 11) * 2.0**-53 < accept[n]:
        n += 1
    return n


class Request:
    def __init__(self, i, prompt, output):
        self.i, self.prompt, self.output, self.computed, self.made, self.blocks, self.decodes = i, prompt, output, 0, 0, 0, False

    def target(self):
        return self.prompt + self.made


def model(law, c, trace):
    """[(first, last)] in ns of each request of the trace [(ns, prompt, output)], and how often one was preempted."""
    accept, k, size = c["accept"], len(c["accept"]), c["block"]
    ahead = k if c["pass"] else 0
    waiting, running, free, preempted = [], [], c["blocks"], 0
    first, last, luck = [None] * len(trace), [None] * len(trace), first_bits(c["seed"], 0)
    now, i = 0, 0

    def blocks(tokens):
        return -(-min(tokens, c["longest"]) // size)

    def drop_newest():
        nonlocal free, preempted
        r = running.pop()
        free += r.blocks
        r.blocks, r.computed, r.decodes = 0, 0, False
        preempted += 1
        waiting.insert(0, r)
        return r

    while True:
        if not waiting and not running:
            if i == len(trace):
                return list(zip(first, last)), preempted
            now = max(now, trace[i][0] * 1000)
        while i < len(trace) and trace[i][0] <= now // 1000:
            waiting.append(Request(i, *trace[i][1:]))
            i += 1
        budget, decodes, chunks, full = c["budget"], [], [], False
        for r in list(running):
            if r not in running:
                break
            n = 1 + k if r.decodes else min(r.target() - r.computed, budget)
            need = max(0, blocks((r.prompt + r.made - 1 if r.decodes else r.computed) + n + ahead) - r.blocks)
            gone = False
            while need > free and not gone:
                full, gone = True, drop_newest() is r
            if gone:
                break
            free -= need
            r.blocks += need
            budget -= n
            decodes.append(r) if r.decodes else chunks.append((r, n))
        while waiting and len(running) < c["seats"] and budget and not full:
            r = waiting[0]
            if blocks(r.target()) > free:
                break
            running.append(waiting.pop(0))
            n = min(r.target(), budget)
            r.blocks = blocks(n)
            free -= r.blocks
            budget -= n
            chunks.append((r, n))
        tokens = len(decodes) * (1 + k) + sum(n for _, n in chunks)
        rows = len(decodes) * (1 + k) + len(chunks)
        ps = law["fixed"] + law["token"] * tokens + law["row"] * rows
        if decodes:
            ps += law["batch"] * len(decodes) + law["context"] * sum(r.prompt + r.made + k for r in decodes)
        ps += law["pair"] * sum(n * n + 2 * n * r.computed for r, n in chunks) // 2
        ended = [r for r, n in chunks if r.computed + n == r.target()]
        if decodes or ended:
            ps += k * c["pass"]
        now += ps
        for r, n in chunks:
            r.computed += n
        for r in decodes:
            n = 1 + right(accept, mix64(luck + r.i & M), r.made) if not broken else 1 + k
            r.made = min(r.output, r.made + n)
        for r in ended:
            r.made, r.decodes = r.made + 1, True
            first[r.i] = first[r.i] or now // 1000
        for r in decodes + ended:
            if r.made == r.output:
                last[r.i] = now // 1000
                free += r.blocks
                running.remove(r)


def run(case):
    rng = random.Random(case)
    k, seats = rng.randrange(1, 6), rng.choice([1, 2, 4, 16])
    alike = rng.choice([0, 1, rng.random(), None])
    c = {"accept": [round(rng.random() if alike is None else alike, 6) for _ in range(k)], "seats": seats, "seed": rng.randrange(1, 1000),
         "budget": max(seats * (1 + k), rng.choice([16, 64, 256])), "block": rng.choice([8, 16]), "longest": 600, "pass": rng.choice([0, 1000 * rng.randrange(1, 900)])}
    law = {"fixed": rng.randrange(1, 4) * 1000000, "token": rng.randrange(0, 40) * 1000, "row": rng.randrange(0, 30) * 1000, "batch": rng.randrange(0, 50) * 1000,
           "context": rng.randrange(0, 300), "pair": rng.randrange(0, 40)}
    n, at, trace = rng.randrange(2, 60), 0, []
    for _ in range(n):
        at += 0 if not trace else rng.choice([0, 0, rng.randrange(1, 50), rng.randrange(1, 3000)]) * 1000
        at += 1000 if len(trace) == n - 1 and not at else 0  # a trace lasts for some time
        trace.append((at, rng.randrange(1, rng.choice([30, 400])), rng.randrange(1, rng.choice([5, 100]))))
    most = max(-(-min(600, p + o + 2 * k) // c["block"]) for _, p, o in trace)
    c["blocks"] = most + rng.choice([0, 3, 20, 1000])
    with open(folder + "/t.csv", "w") as f:
        f.write("arrival,prompt,output\n")
        for t, p, o in trace:
            f.write(f"{t / 1e9:.9f},{p},{o}\n")
    with open(folder + "/p.json", "w") as f:
        json.dump(profile(law, "test-dense", law["row"], block=c["block"], blocks=c["blocks"], longest=c["longest"], rows_to=4096), f)
    drafts = {"tokens": k, "acceptance": c["accept"] if alike is None else str(c["accept"][0]), "draft": {"ms": f"{c['pass'] * 1e-9:.9f}"} if c["pass"] else "ngram"}
    deployment = {"platform": "crusoe", "gpu": "H100-80GB", "precision": "bf16", "tp": 1, "profile": "./p.json", "replicas": 1, "speculative": drafts,
                  "scheduler": {"max_num_seqs": seats, "max_num_batched_tokens": c["budget"], "prefix_caching": False}}
    with open(folder + "/s.json", "w") as f:
        json.dump({"keepwarm": 1, "trace": {"file": "t.csv"}, "model": "test-dense", "start": "empty", "replications": 1, "seed": c["seed"],
                   "deployments": [deployment]}, f)
    want, preempted = model(law, c, trace)
    for stepping in ("jump", "each"):
        done = subprocess.run(["keepwarm", "run", folder + "/s.json", "-q", "-o", folder + "/o.h5", "--set", "stepping=" + stepping], capture_output=True, text=True)
        if done.returncode:
            return f"case {case}: {done.stderr}", 0
        arrival, ttft, e2e = (column(folder + "/o.h5", x) for x in ("arrival_ns", "ttft_ns", "e2e_ns"))
        assert arrival == [t for t, _, _ in trace], (case, arrival[:5])
        for j, (f, l) in enumerate(want):
            if (arrival[j] + ttft[j], arrival[j] + e2e[j]) != (f, l):
                return f"case {case}, {stepping}: request {j} of {n}, {k} drafted: first {arrival[j] + ttft[j]}, last {arrival[j] + e2e[j]}; the model has {f}, {l}", 0
    return None, preempted


done = [run(case) for case in range(cases)]
wrong = [w for w, _ in done if w]
if not broken and not wrong and not sum(p for _, p in done):
    wrong = ["nobody was preempted: the cases hold too little"]
print("\n".join(wrong[:5]) or f"{cases} cases agree")
sys.exit(bool(wrong))
