"""tests/sim/watch/windows.py MODEL... - would another look at the same traffic see a doubling sooner than whole hours of cost do?

Of weeks that `keepwarm trace synth` draws from a model: the share of doublings that the best test of alarms.c (it knows the
season of all the weeks, what one window hands on to the next, and where the line has to be for one false alarm a month) sees
within 2 hours, of the cost or of the number of requests, in windows that end on the hour or at any 10 or 30 minutes. Alarms
within 12 hours of one another are one. Needs numpy and h5py; README.md has what it printed."""
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

A_HOUR, LASTS, TRIES = 6, 12, 500  # bins; hours of a fault
WEEK = 168 * A_HOUR
keepwarm, weeks = os.environ.get("KEEPWARM", "build/keepwarm"), int(os.environ.get("WEEKS", "12"))
LOOKS = [("an hour, on the hour", [6], 6), ("an hour, every 10 min", [6], 1), ("1 and 2 h, every 30 min", [6, 12], 3)]


def bins_of(model):
    """Cost and requests of each bin; an output token costs four times as much as one of input, as in alarms.py."""
    cost, count = [], []
    for k in range(weeks):
        with tempfile.TemporaryDirectory() as tmp:
            subprocess.run([keepwarm, "trace", "synth", f"workloads/models/{model}.json", "--seed", str(100 + k), "-o", tmp + "/t.h5"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with h5py.File(tmp + "/t.h5") as f:
                paths = []
                f.visit(paths.append)
                found = {p.split("/")[-1]: f[p][...] for p in paths if p.split("/")[-1] in ("arrival", "prompt", "output")}
        at = (found["arrival"] / 1e9 / 3600 * A_HOUR).astype(int)
        kept = at < WEEK
        cost.append(np.bincount(at[kept], found["prompt"][kept] + 4.0 * found["output"][kept], WEEK))
        count.append(np.bincount(at[kept], minlength=WEEK).astype(float))
    return np.concatenate(cost), np.concatenate(count)


class Window:
    """What the best test knows of sums over `n` bins."""

    def __init__(self, x, n):
        self.n = n
        sums = np.convolve(x, np.ones(n))[:len(x)]
        self.offset = 0.05 * np.median(sums[sums > 0])
        z = np.log(sums + self.offset)
        t = np.arange(len(x))
        slot = t % (24 * A_HOUR) + 24 * A_HOUR * (t // (24 * A_HOUR) % 7 >= 5)
        self.season = (np.bincount(slot, z) / np.bincount(slot))[slot]
        beyond = z - self.season
        self.phi = max(0.0, float(np.corrcoef(beyond[n:], beyond[:-n])[0, 1]))
        self.clean = [self.score(beyond, k) for k in (1, 2)]

    def score(self, beyond, lead):
        before = np.concatenate([np.zeros(lead * self.n), beyond[:-lead * self.n]])
        return beyond - self.phi**lead * before

    def score_at(self, x, t, lead):
        def beyond(u):
            return np.log(x[u - self.n + 1:u + 1].sum() + self.offset) - self.season[u]
        return beyond(t) - self.phi**lead * beyond(t - lead * self.n)


def lines(windows, grid, months):
    """A line for each score, all crossed equally often by clean traffic, as low as one alarm a month lets them be."""
    scores = [s[grid] for w in windows for s in w.clean]
    falling = [np.sort(s)[::-1] for s in scores]
    best = [s[0] for s in falling]
    for m in range(len(grid)):
        line = [s[m] for s in falling]
        at = grid[np.any([s > v for s, v in zip(scores, line)], axis=0)]
        if len(at) and 1 + np.sum(np.diff(at) > LASTS * A_HOUR) > months:
            break
        best = line
    return best


def seen(x, lengths, step, rng):
    """Shares seen within 2 h: of all, and by quarter of the day on weekdays and on weekends."""
    windows = [Window(x, n) for n in lengths]
    grid = np.arange(WEEK + step - 1, len(x), step)
    line = lines(windows, grid, (len(x) - WEEK) / A_HOUR / 720)
    put, hit = np.zeros(8), np.zeros(8)
    for _ in range(TRIES):
        onset = WEEK + rng.uniform() * (len(x) - WEEK - LASTS * A_HOUR)
        first, y = int(onset), x.copy()
        y[first:first + LASTS * A_HOUR] *= 2
        y[first] = x[first] * (2 + first - onset)
        ends = [t for t in range(first, first + 2 * A_HOUR + 1) if t % step == step - 1 and t + 1 - onset <= 2 * A_HOUR]
        found = any(w.score_at(y, t, lead) > line[2 * i + lead - 1]
                    for t in ends for i, w in enumerate(windows) for lead in (1, 2))
        hour = first // A_HOUR
        quarter = hour % 24 // 6 + 4 * (hour // 24 % 7 >= 5)
        put[quarter] += 1
        hit[quarter] += found
    return hit.sum() / put.sum(), hit / put


for model in sys.argv[1:]:
    for what, x in zip(("cost", "requests"), bins_of(model)):
        for name, lengths, step in LOOKS:
            share, quarters = seen(x, lengths, step, np.random.default_rng(1))
            parts = " ".join("%3.0f %%" % (100 * q) for q in quarters)
            print("%-16s %-9s %-24s %3.0f %% |%s" % (model, what, name, 100 * share, parts), flush=True)
