#!/usr/bin/env python3
"""A second opinion on engines that prefill and engines that decode, written from the rule alone (sim/fleet/disaggregated.h, engine/scheduler/
scheduler.h, calibrate/profile/steptime.h), without shared code: makes traces and profiles at random, runs `keepwarm run` on one replica of
them and compares when each request's first and last token came, to the nanosecond.

    disaggregated_model.py FOLDER CASES [--break]      --break: the model lets all prompts move at once
"""
import json, random, subprocess, sys

from drawn_profile import column, profile

folder, cases, broken = sys.argv[1], int(sys.argv[2]), "--break" in sys.argv
NEVER = 1 << 62


class Request:
    """At one engine."""

    def __init__(self, i, prompt, output, moves):
        self.i, self.prompt, self.output, self.moves = i, prompt, output, moves  # moves: its prompt comes from elsewhere
        self.computed, self.made, self.blocks, self.decodes = 0, 0, 0, False


class Engine:
    def __init__(self, law, c, blocks):
        self.law, self.c, self.free, self.preempted = law, c, blocks, 0
        self.waiting, self.ready, self.running, self.kept = [], [], [], {}
        self.live, self.at, self.busy = 0, None, False  # at: the exact time of the next boundary, ps
        self.decodes, self.chunks = [], []
        self.link = 0  # ns until which it is taken

    def boundary(self):
        return NEVER if self.at is None else self.at // 1000

    def wake(self, now):
        if self.at is None:
            self.at = now * 1000

    def need(self, tokens):
        return -(-tokens // self.c["block"])

    def drop_newest(self):
        r = self.running.pop()
        self.free += r.blocks
        r.blocks, r.computed, r.decodes = 0, 0, False
        self.preempted += 1
        self.waiting.insert(0, r)
        return r

    def batch(self):
        """The next one; the requests that took blocks to receive into."""
        began, budget, full = [], self.c["budget"], False
        self.decodes, self.chunks = [], []
        for r in list(self.running):
            if r not in self.running:
                break
            n = 1 if r.decodes else min(r.prompt + r.made - r.computed, budget)
            more, gone = max(0, self.need((r.prompt + r.made - 1 if r.decodes else r.computed) + n) - r.blocks), False
            while more > self.free and not gone:
                full, gone = True, self.drop_newest() is r
            if gone:
                break
            self.free -= more
            r.blocks += more
            budget -= n
            self.decodes.append(r) if r.decodes else self.chunks.append((r, n))
        if full and not self.decodes and not self.chunks:
            return began + self.batch()
        while not full and budget and len(self.running) < self.c["seats"] and (self.ready or self.waiting):
            if self.ready:
                r, n = self.ready.pop(0), 1
                r.computed = r.prompt - 1
            else:
                r = self.waiting[0]
                if self.need(r.prompt + r.made) > self.free:
                    break
                n = min(r.prompt + r.made, budget)
                self.waiting.pop(0)
                r.blocks = self.need(r.prompt if r.moves else n)
                self.free -= r.blocks
                if r.moves:
                    r.moves = False
                    began.append(r)
                    continue
            self.running.append(r)
            budget -= n
            self.chunks.append((r, n))
        return began

    def step(self):
        """Ends the step under way and begins the next: who got a first token, who the last, who receives."""
        ended = [r for r, n in self.chunks if r.computed + n == r.prompt + r.made] if self.busy else []
        for r, n in self.chunks if self.busy else []:
            r.computed += n
        for r in (self.decodes if self.busy else []) + ended:
            r.made += 1
        first = [r for r in ended if r.made == 1]
        last = [r for r in (self.decodes if self.busy else []) + ended if r.made == r.output]
        for r in ended:
            r.decodes = True
        for r in last:
            self.running.remove(r)
            self.live -= 1
        return first, last

    def begin(self):
        began = self.batch()
        self.busy = bool(self.decodes or self.chunks)
        if not self.busy:
            self.at = None
            return began
        tokens, law = len(self.decodes) + sum(n for _, n in self.chunks), self.law
        ps = law["fixed"] + law["token"] * tokens + law["row"] * (len(self.decodes) + len(self.chunks))
        if self.decodes:
            ps += law["batch"] * len(self.decodes) + law["context"] * sum(r.prompt + r.made for r in self.decodes)
        self.at += ps + law["pair"] * sum(n * n + 2 * n * r.computed for r, n in self.chunks) // 2
        return began


def model(law, c, trace):
    """[(first, last)] in ns of each request of the trace [(ns, prompt, output)], and how often one was preempted."""
    prefill = [Engine(law, c, c["prefill_blocks"]) for _ in range(c["x"])]
    decode = [Engine(law, c, c["blocks"]) for _ in range(c["y"])]
    first, last, way, moving, i = [None] * len(trace), [None] * len(trace), {}, [], 0
    while True:
        now = min([trace[i][0] if i < len(trace) else NEVER] + [m[0] for m in moving] + [e.boundary() for e in prefill + decode])
        if now == NEVER:
            return list(zip(first, last)), sum(e.preempted for e in prefill + decode)
        while i < len(trace) and trace[i][0] == now:
            p, d = (min(es, key=lambda e: (e.live, es.index(e))) for es in (prefill, decode))
            _, prompt, output = trace[i]
            way[i] = (p, d, Request(i, prompt, output, True))
            p.live += 1
            d.live += 1
            p.waiting.append(Request(i, prompt, 1, False))
            p.wake(now)
            i += 1
        for m in [m for m in moving if m[0] == now]:
            moving.remove(m)
            p, d, r = way[m[1]]
            kept = p.kept.pop(m[1])
            if p.busy:
                p.giving = getattr(p, "giving", 0) + kept
            else:
                p.free += kept
                if p.waiting:
                    p.wake(now)
            d.ready.append(r)
            d.wake(now)
        for e in prefill + decode:
            if e.boundary() != now:
                continue
            ones, done = e.step()
            for r in done:
                if e in prefill:
                    e.kept[r.i] = r.blocks
                    _, d, later = way[r.i]
                    d.waiting.append(later)
                    d.wake(now)
                else:
                    e.free += r.blocks
                    last[r.i] = now
            for r in ones if e in decode else []:
                first[r.i] = now
            e.free += e.__dict__.pop("giving", 0)
            for r in e.begin():
                p = way[r.i][0]
                begin = max(now, p.link, e.link) if not broken else now
                p.link = e.link = begin + c["latency"] + (r.prompt * c["kv"] * 10**9 + c["rate"] // 2) // c["rate"]
                moving.append((p.link, r.i))


def run(case):
    rng = random.Random(case)
    seats = rng.choice([1, 2, 4, 16])
    c = {"x": rng.choice([1, 1, 2, 3]), "y": rng.choice([1, 1, 2, 3]), "seats": seats, "budget": max(seats, rng.choice([16, 64, 256])), "block": rng.choice([8, 16]),
         "kv": 1000 * rng.randrange(1, 100), "rate": 10**6 * rng.randrange(1, 500) * rng.choice([1, 1000]), "latency": 1000 * rng.choice([0, 1, 300])}
    law = {"fixed": rng.randrange(1, 4) * 1000000, "token": rng.randrange(0, 40) * 1000, "row": rng.randrange(0, 30) * 1000, "batch": rng.randrange(0, 50) * 1000,
           "context": rng.randrange(0, 300), "pair": rng.randrange(0, 40)}
    n, at, trace = rng.randrange(2, 60), 0, []
    for _ in range(n):
        at += 0 if not trace else rng.choice([0, 0, rng.randrange(1, 50), rng.randrange(1, 3000)]) * 1000
        at += 1000 if len(trace) == n - 1 and not at else 0  # a trace lasts for some time
        trace.append((at, rng.randrange(1, rng.choice([30, 400])), rng.randrange(1, rng.choice([5, 100]))))
    most = max(-(-(p + o) // c["block"]) for _, p, o in trace)
    c["blocks"] = c["prefill_blocks"] = most + rng.choice([0, 3, 20, 1000])
    with open(folder + "/t.csv", "w") as f:
        f.write("arrival,prompt,output\n")
        for t, p, o in trace:
            f.write(f"{t / 1e9:.9f},{p},{o}\n")
    with open(folder + "/p.json", "w") as f:
        json.dump(profile(law, "test-dense", law["row"], c["kv"], c["block"], c["blocks"]), f)
    apart = {"prefill": {"engines": c["x"]}, "decode": {"engines": c["y"]}, "link": {"bandwidth_gb_s": str(c["rate"] / 1e9), "latency_us": str(c["latency"] / 1e3)}}
    deployment = {"platform": "crusoe", "gpu": "H100-80GB", "precision": "bf16", "tp": 1, "profile": "./p.json", "replicas": 1, "disaggregated": apart,
                  "scheduler": {"max_num_seqs": seats, "max_num_batched_tokens": c["budget"], "prefix_caching": False}}
    with open(folder + "/s.json", "w") as f:
        json.dump({"keepwarm": 1, "trace": {"file": "t.csv"}, "model": "test-dense", "start": "empty", "replications": 1, "deployments": [deployment]}, f)
    want, preempted = model(law, c, trace)
    for stepping in ("jump", "each"):
        done = subprocess.run(["keepwarm", "run", folder + "/s.json", "-q", "-o", folder + "/o.h5", "--set", "stepping=" + stepping], capture_output=True, text=True)
        if done.returncode not in (0, 3):  # 3: more than it carries
            return f"case {case}: {done.stderr}", 0
        arrival, ttft, e2e = (column(folder + "/o.h5", x) for x in ("arrival_ns", "ttft_ns", "e2e_ns"))
        assert arrival == [t for t, _, _ in trace], (case, arrival[:5])
        for j, (f, l) in enumerate(want):
            if (arrival[j] + ttft[j], arrival[j] + e2e[j]) != (f, l):
                return f"case {case}, {stepping}: request {j} of {n} on {c['x']}P{c['y']}D: first {arrival[j] + ttft[j]}, last {arrival[j] + e2e[j]}; the model has {f}, {l}", 0
    return None, preempted


done = [run(case) for case in range(cases)]
wrong = [w for w, _ in done if w]
if not broken and not wrong and not sum(p for _, p in done):
    wrong = ["nobody was preempted: the cases hold too little"]
print("\n".join(wrong[:5]) or f"{cases} cases agree")
sys.exit(bool(wrong))
