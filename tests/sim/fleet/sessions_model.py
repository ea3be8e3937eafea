#!/usr/bin/env python3
"""A second opinion on closed-loop sessions and on what a prefix cache finds of them, written from the rules alone (workloads/sessions.h,
engine/scheduler/scheduler.h, kv_blocks.h: vLLM's block pool, here block by block), without events or shared code: makes sessions and profiles at
random, runs `keepwarm run` on one replica and compares when each turn came and was answered, to the nanosecond, and what it found in the cache.

    sessions_model.py FOLDER CASES [--break]      --break: the model has answers of earlier turns not in the cache
"""
import heapq, json, random, subprocess, sys

from drawn_profile import column, profile

folder, cases, broken = sys.argv[1], int(sys.argv[2]), "--break" in sys.argv
NAMED = 64  # tokens that a hash of the trace covers


class Turn:
    def __init__(self, i, session, prompt, output, shared):
        self.i, self.session, self.prompt, self.output, self.shared = i, session, prompt, output, shared
        self.computed, self.made, self.blocks, self.decodes, self.found = 0, 0, [], False, None

    def target(self):
        return self.prompt + self.made

    def name(self, k, size):
        """Of its k-th block: sessions have whole hashes of what they share in common, all else is theirs."""
        return ("all", k) if (k + 1) * size <= self.shared else (self.session, k)


class Pool:
    """Blocks: who holds each, by which name it is found; the free ones in the order in which they go."""

    def __init__(self, n):
        self.free, self.held, self.name, self.at = dict.fromkeys(range(n)), [0] * n, [None] * n, {}

    def take(self):
        b = next(iter(self.free))
        del self.free[b]
        if self.name[b] is not None:
            del self.at[self.name[b]]
            self.name[b] = None
        self.held[b] = 1
        return b

    def hold(self, b):
        self.free.pop(b, None)
        self.held[b] += 1

    def give(self, blocks):
        for b in reversed(blocks):
            self.held[b] -= 1
            if not self.held[b]:
                self.free[b] = None

    def fill(self, r, full, size):
        for k in range(full):
            name, b = r.name(k, size), r.blocks[k]
            if self.name[b] is None and name not in self.at:
                self.name[b], self.at[name] = name, b


def model(law, c, sessions):
    """[(came, first, last, cached)] in ns, in the order in which they came; and how often one was preempted."""
    size, pool = c["block"], Pool(c["blocks"])
    coming, order, waiting, running, out, preempted, now = [], 0, [], [], [], 0, 0
    for s, (at, _, _) in enumerate(sessions):
        heapq.heappush(coming, (at, 0, s, s, 0, 0))  # at, a turn later?, order, session, turn, tokens so far

    def blocks(tokens):
        return -(-tokens // size)

    def drop_newest():
        nonlocal preempted
        r = running.pop()
        pool.fill(r, (r.prompt + r.made - 1 if r.decodes else r.computed) // size, size)
        pool.give(r.blocks)
        r.blocks, r.computed, r.decodes = [], 0, False
        preempted += 1
        waiting.insert(0, r)
        return r

    while True:
        if not waiting and not running:
            if not coming:
                return out, preempted
            now = max(now, coming[0][0] * 1000)
        while coming and coming[0][0] <= now // 1000:
            at, _, _, s, k, so_far = heapq.heappop(coming)
            _, shared, turns = sessions[s]
            _, added, output = turns[k]
            waiting.append(Turn(len(out), s, so_far + added, output, shared))
            waiting[-1].turn = k
            out.append([at, None, None, None])
        budget, decodes, chunks, full = c["budget"], [], [], False
        for r in list(running):
            if r not in running:
                break
            n = 1 if r.decodes else min(r.target() - r.computed, budget)
            need = max(0, blocks((r.prompt + r.made - 1 if r.decodes else r.computed) + n) - len(r.blocks))
            gone = False
            while need > len(pool.free) and not gone:
                full, gone = True, drop_newest() is r
            if gone:
                break
            r.blocks += [pool.take() for _ in range(need)]
            budget -= n
            if r.decodes:
                decodes.append(r)
            else:
                pool.fill(r, (r.computed + n) // size, size)
                chunks.append((r, n))
        while waiting and len(running) < c["seats"] and budget and not full:
            r = waiting[0]
            hits = []
            while len(hits) < (r.target() - 1) // size and r.name(len(hits), size) in pool.at:
                hits.append(pool.at[r.name(len(hits), size)])
            if blocks(r.target()) - sum(pool.held[b] > 0 for b in hits) > len(pool.free):
                break
            running.append(waiting.pop(0))
            for b in hits:
                pool.hold(b)
            r.blocks, r.computed = hits, len(hits) * size
            if r.found is None:
                r.found = out[r.i][3] = len(hits) * size
            n = min(r.target() - r.computed, budget)
            r.blocks = hits + [pool.take() for _ in range(blocks(r.computed + n) - len(hits))]
            pool.fill(r, (r.computed + n) // size, size)
            budget -= n
            chunks.append((r, n))
        ps = law["fixed"] + law["token"] * (len(decodes) + sum(n for _, n in chunks)) + law["row"] * (len(decodes) + len(chunks))
        if decodes:
            ps += law["batch"] * len(decodes) + law["context"] * sum(r.prompt + r.made for r in decodes)
        ps += law["pair"] * sum(n * n + 2 * n * r.computed for r, n in chunks) // 2
        now += ps
        for r, n in chunks:
            r.computed += n
        ended = [r for r, n in chunks if r.computed == r.target()]
        for r in ended:
            r.decodes = True
            out[r.i][1] = out[r.i][1] or now // 1000
        for r in decodes + ended:
            r.made += 1
        for r in [r for r in running if r.decodes and r.made == r.output]:
            out[r.i][2] = now // 1000
            if not broken:
                pool.fill(r, (r.prompt + r.output - 1) // size, size)
            pool.give(r.blocks)
            running.remove(r)
            turns = sessions[r.session][2]
            if r.turn + 1 < len(turns):
                order += 1
                wait = turns[r.turn + 1][0]
                heapq.heappush(coming, (now // 1000 + (wait or 1), 1, order, r.session, r.turn + 1, r.prompt + r.output))


def run(case):
    rng = random.Random(case)
    seats = rng.choice([1, 2, 4, 16])
    c = {"seats": seats, "budget": max(seats, rng.choice([16, 64, 256])), "block": rng.choice([8, 16, 32])}
    law = {"fixed": rng.randrange(1, 4) * 1000000, "token": rng.randrange(0, 40) * 1000, "row": rng.randrange(0, 30) * 1000, "batch": rng.randrange(0, 50) * 1000,
           "context": rng.randrange(0, 300), "pair": rng.randrange(0, 40)}
    shared, at, sessions = rng.choice([0, 100, 200]), 0, []
    for s in range(rng.randrange(2, 20)):
        at += rng.choice([0, rng.randrange(1, 3000), rng.randrange(1, 200000)]) if s else 0
        turns = [(rng.choice([0, 1000, rng.randrange(1, 100000), rng.randrange(1, 3000000)]), rng.randrange(1, rng.choice([10, 150])), rng.randrange(1, rng.choice([4, 60])))
                 for _ in range(rng.randrange(1, 7))]
        turns[0] = (0, shared + turns[0][1], turns[0][2])
        sessions.append((at, shared // NAMED * NAMED, turns))
    longest = max(sum(p + o for _, p, o in turns) for _, _, turns in sessions)
    c["blocks"] = -(-longest // c["block"]) + rng.choice([0, 3, 20, 60, 1000])
    with open(folder + "/t.jsonl", "w") as f:
        for s, (at, _, turns) in enumerate(sessions):
            for k, (wait, p, o) in enumerate(turns):
                row = {"session_id": f"s{s}", "input_length": p, "output_length": o}
                row |= {"delay": wait / 1e6} if k else {"timestamp": at / 1e6, "hash_ids": [j if (j + 1) * NAMED <= shared else s * 1000 + j + 7000 for j in range(-(-p // NAMED))]}
                f.write(json.dumps(row) + "\n")
    with open(folder + "/p.json", "w") as f:
        json.dump(profile(law, "test-dense", law["row"], block=c["block"], blocks=c["blocks"], longest=longest + 10, rows_to=4096), f)
    deployment = {"platform": "crusoe", "gpu": "H100-80GB", "precision": "bf16", "tp": 1, "profile": "./p.json", "replicas": 1,
                  "scheduler": {"max_num_seqs": seats, "max_num_batched_tokens": c["budget"], "async_scheduling": False}}
    with open(folder + "/s.json", "w") as f:
        json.dump({"keepwarm": 1, "trace": {"file": "t.jsonl", "format": "mooncake-sessions", "columns": "block=64"}, "model": "test-dense", "start": "empty",
                   "replications": 1, "seed": 1, "deployments": [deployment]}, f)
    want, preempted = model(law, c, sessions)
    for stepping in ("jump", "each"):
        done = subprocess.run(["keepwarm", "run", folder + "/s.json", "-q", "-o", folder + "/o.h5", "--set", "stepping=" + stepping], capture_output=True, text=True)
        if done.returncode:
            return f"case {case}: {done.stderr}", 0, 0
        arrival, ttft, e2e, cached = (column(folder + "/o.h5", x) for x in ("arrival_ns", "ttft_ns", "e2e_ns", "cached_tokens"))
        got = [[a, a + t, a + e, k] for a, t, e, k in zip(arrival, ttft, e2e, cached)]
        if got != want:
            j = next((j for j, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
            return f"case {case}, {stepping}: turn {j} of {len(want)} ({len(got)} told): came, first, last, cached {got[j:j + 1]}; the model has {want[j:j + 1]}", 0, 0
    return None, preempted, sum(x[3] for x in want)


done = [run(case) for case in range(cases)]
wrong = [w for w, _, _ in done if w]
if not broken and not wrong and not (sum(p for _, p, _ in done) and sum(h for _, _, h in done)):
    wrong = ["nobody was preempted, or nothing was found: the cases hold too little"]
print("\n".join(wrong[:5]) or f"{cases} cases agree")
sys.exit(bool(wrong))
