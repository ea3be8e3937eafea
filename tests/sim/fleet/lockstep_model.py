#!/usr/bin/env python3
"""A second opinion on ranks that step together, written from the rule alone (sim/fleet/lockstep.h, calibrate/profile/steptime.h),
without jumps, events or shared code: makes traces and profiles at random, runs `keepwarm run` on them and compares when
each request's first and last token came, to the nanosecond.

    lockstep_model.py FOLDER CASES [--break]      --break: the model lets ranks go on without waiting for the slowest
"""
import json, random, subprocess, sys

from drawn_profile import column, curve, profile

folder, cases, broken = sys.argv[1], int(sys.argv[2]), "--break" in sys.argv


class Rank:
    def __init__(self):
        self.waiting, self.running = [], []  # requests; a running one: [id, prompt, output, computed, made]

    def batch(self, seats, budget):
        """(decodes, [(request, past, tokens)]): running first in their order, then waiting, prompts in pieces."""
        decodes, chunks = [], []
        for r in self.running:
            if r[3] < r[1]:
                n = min(budget, r[1] - r[3])
                if n:
                    chunks.append((r, r[3], n))
                budget -= n
            elif budget:
                decodes.append(r)
                budget -= 1
        while self.waiting and len(self.running) < seats and budget:
            r = self.waiting.pop(0)
            self.running.append(r)
            n = min(budget, r[1])
            chunks.append((r, 0, n))
            budget -= n
        return decodes, chunks


def arrive(group, trace, i, now_ps):
    """Each to the rank with the least load when it comes; returns the next one."""
    while i < len(trace) and trace[i][0] <= now_ps // 1000:
        at = min(range(len(group)), key=lambda k: (4 * len(group[k].waiting) + len(group[k].running), k))
        group[at].waiting.append([i, trace[i][1], trace[i][2], 0, 0])
        i += 1
    return i


def model(law, ranks, seats, budget, trace):
    """[(first, last)] in ns of each request of the trace [(ns, prompt, output)]."""
    group = [Rank() for _ in range(ranks)]
    first, last = [None] * len(trace), [None] * len(trace)
    now_ps, i = 0, 0
    while True:
        if not any(g.waiting or g.running for g in group):
            if i == len(trace):
                return list(zip(first, last))
            now_ps = max(now_ps, trace[i][0] * 1000)
            i = arrive(group, trace, i, now_ps)
        batches = [g.batch(seats, budget) for g in group]
        tokens = [len(d) + sum(n for _, _, n in c) for d, c in batches]
        own = [max(t, 1) for t in tokens]
        if max(own) <= law["pad_to"]:
            own = [max(own)] * ranks
        took = 0
        for (decodes, chunks), n in zip(batches, own):
            if not decodes and not chunks:
                continue
            ps = law["fixed"] + law["token"] * n + law["sequence"] * (len(decodes) + len(chunks))
            if decodes:
                ps += law["batch"] * len(decodes) + law["context"] * sum(r[1] + r[4] for r in decodes)
            pairs2 = sum(n * n + 2 * n * past for _, past, n in chunks)
            ps += law["pair"] * pairs2 // 2
            took = max(took, ps) if not broken else (took or ps)
        now_ps += took + law["expert"] * sum(own)
        i = arrive(group, trace, i, now_ps)  # while the step ran: who ends with it still has a seat
        for g, (decodes, chunks) in zip(group, batches):
            for r, _, n in chunks:
                r[3] += n
            for r in decodes + [r for r, _, _ in chunks if r[3] == r[1]]:
                r[4] += 1
                if r[4] == 1:
                    first[r[0]] = now_ps // 1000
                if r[4] == r[2]:
                    last[r[0]] = now_ps // 1000
                    g.running.remove(r)


def run(case):
    rng = random.Random(case)
    ranks, seats = rng.choice([2, 2, 3, 4]), rng.choice([1, 2, 4, 16])
    budget = max(seats, rng.choice([16, 64, 256]))
    law = {"fixed": rng.randrange(1, 4) * 1000000, "token": rng.randrange(0, 40) * 1000, "sequence": rng.randrange(0, 30) * 1000, "batch": rng.randrange(0, 50) * 1000,
           "context": rng.randrange(0, 300), "pair": rng.randrange(0, 40), "expert": rng.randrange(0, 60) * 1000, "pad_to": rng.choice([0, 8, 40, 512])}
    n, at, trace = rng.randrange(2, 60), 0, []
    for _ in range(n):
        at += 0 if not trace else rng.choice([0, 0, rng.randrange(1, 50), rng.randrange(1, 3000)]) * 1000
        at += 1000 if len(trace) == n - 1 and not at else 0  # a trace lasts for some time
        trace.append((at, rng.randrange(1, rng.choice([30, 400])), rng.randrange(1, rng.choice([5, 100]))))
    with open(folder + "/t.csv", "w") as f:
        f.write("arrival,prompt,output\n")
        for t, p, o in trace:
            f.write(f"{t / 1e9:.9f},{p},{o}\n")
    with open(folder + "/p.json", "w") as f:
        json.dump(profile(law, "test-moe", law["sequence"], longest=20000, dp=ranks, ep=ranks,
                          steps={"group": {"pad_to": law["pad_to"], "experts": curve("tokens", law["expert"], 4096)}}), f)
    deployment = {"platform": "crusoe", "gpu": "H100-80GB", "precision": "bf16", "tp": 1, "dp": ranks, "profile": "./p.json", "replicas": 1,
                  "scheduler": {"max_num_seqs": seats, "max_num_batched_tokens": budget, "async_scheduling": False}}
    with open(folder + "/s.json", "w") as f:
        json.dump({"keepwarm": 1, "trace": {"file": "t.csv"}, "model": "test-moe", "start": "empty", "replications": 1,
                   "deployments": [deployment]}, f)
    for stepping in ("jump", "each"):
        done = subprocess.run(["keepwarm", "run", folder + "/s.json", "-q", "-o", folder + "/o.h5", "--set", "stepping=" + stepping], capture_output=True, text=True)
        if done.returncode:
            return f"case {case}: {done.stderr}"
        arrival, ttft, e2e = (column(folder + "/o.h5", c) for c in ("arrival_ns", "ttft_ns", "e2e_ns"))
        assert arrival == [t for t, _, _ in trace], (case, arrival[:5])
        want = model(law, ranks, seats, budget, trace)
        for k, (f, l) in enumerate(want):
            if (arrival[k] + ttft[k], arrival[k] + e2e[k]) != (f, l):
                return f"case {case}, {stepping}: request {k} of {n} on {ranks} ranks: first {arrival[k] + ttft[k]}, last {arrival[k] + e2e[k]}; the model has {f}, {l}"
    return None


wrong = [w for w in map(run, range(cases)) if w]
print("\n".join(wrong[:5]) or f"{cases} cases agree")
sys.exit(bool(wrong))
