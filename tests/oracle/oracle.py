"""An independent model of replica lives and bills, to judge `keepwarm run` by (compare.py).

Written from platforms/*.json, their schema, the scenario's schema and the documentation, by someone who has not read
sim/. It knows replicas that take one request at a time, so that a request's service time (asked of the program once per
GPU and length) is all it needs of the engine, and judges what is left: queueing, autoscaling, lives, meters, months.
Time is in integer ns, quantities in GPU-ns and tokens, prices exact fractions; a line of the bill is rounded once.

Rules, with where they stand:
  lives       a replica is ordered, lives through provision, pull, load and init, and is ready; idle for idle_timeout_s
              it stops, unless it is of the keep_warm floor (autoscaling.h, DESIGN.md)
  who serves  the replica that has been free the longest (ARCHITECTURE.md); who waits is served first come first served
  capacity    Modal: a request that finds no free slot orders a replica; those under way count (PLATFORMS.md 6)
  queue       Replicate: as Modal (ARCHITECTURE.md, what one lone request starts)
  queue_delay RunPod: with no workers the first request orders one, later ones after waiting target_delay_s; never more
              under way than requests that wait
  mean        Hugging Face, Baseten, Fireworks with one replica: the first request orders it; where at_zero is
              reject_and_start that request is turned away. It goes when the wish has been lower for
              scale_down_delay_s and nothing came for zero_timeout_s (autoscaling.h)
  start       steady: the window is cyclic, and comes round until its use repeats, every time or after a few; empty: as
              at the launch, the floor ready
  edges       of a life only the part inside the window counts; what the meter rounds up is due where a life ends inside

The documents are silent on these; the program's reading was taken, seen from outside:
  - RunPod's delay begins anew when a worker is ordered, so that workers are ordered a delay apart (last_start); the
    other reading (arrival) is that each request which has waited so long orders one;
  - the floor counts ready replicas, busy ones first, and not those under way;
  - a scaler without a known period looks every second, counted from the window's begin;
  - a minimum charge is rounded up to the granularity, too.
"""
import heapq
import json
from collections import deque
from fractions import Fraction

NS = 10**9
PHASES = ("provision", "pull", "load", "init")


def value(x):
    """A fact of a platform file: the number itself, or an object that holds it beside its source."""
    return x["value"] if isinstance(x, dict) and "value" in x else x


def ns(seconds):
    """Decimal seconds as ns, to the nearest."""
    return int(Fraction(str(seconds)) * NS + Fraction(1, 2))


def hourly(price):
    """Dollars an hour of a price, which may be told by the second."""
    if isinstance(price, dict):
        if "usd_per_second" in price:
            return Fraction(price["usd_per_second"]) * 3600
        return Fraction(price["usd"])
    return Fraction(price)


def dollars(price):
    return Fraction(price["usd"] if isinstance(price, dict) else price)


def nano(usd):
    """Dollars to nano-dollars, to the nearest, halves away from zero."""
    x = abs(usd) * 10**9
    n = (2 * x.numerator + x.denominator) // (2 * x.denominator)
    return -n if usd < 0 else n


class Replica:
    __slots__ = ("born", "ready", "free_since", "gone", "spans", "epoch")

    def __init__(self, born):
        self.born = born
        self.ready = None
        self.free_since = None  # None: under way, busy or gone
        self.gone = None
        self.spans = []  # (phase, from, to), without gaps from birth to end
        self.epoch = 0


class Pool:
    """Replicas of one request at a time. Events of one time: arrivals first, then first in first out."""

    def __init__(self, facts, start, origin, ready):
        self.scaler = facts["scaler"]
        self.floor = facts["keep_warm"]
        self.most = facts["max_replicas"]
        self.idle = facts["idle_timeout"]
        self.zero = facts["zero_timeout"]
        self.delay = facts.get("target_delay", 0)
        self.spaced = facts["target_delay_from"] == "last_start"
        self.reject_at_zero = facts["at_zero"] == "reject_and_start"
        self.cold = facts["cold"]  # phase -> ns
        self.period, self.window, self.origin = facts["period"], facts["window"], origin
        self.last_request = start
        self.last_in_flight = start - self.window - self.idle  # nothing ever was
        self.events = []
        self.n_events = 0
        self.queue = deque()  # (arrival, service, key)
        self.alive = 0
        self.starting = 0
        self.ordered = start - facts["target_delay"]
        self.free = []  # ready and idle, the longest so first
        self.lives = []
        self.done = {}  # key -> (first token and end, met a cold start), or None where it was turned away
        for _ in range(ready):
            r = Replica(start)
            r.ready = start
            self.lives.append(r)
            self.alive += 1
            self.release(r, start)

    def push(self, at, what, *args):
        self.n_events += 1
        heapq.heappush(self.events, (at, self.n_events, what, args))

    def order(self, now):
        r = Replica(now)
        self.lives.append(r)
        self.alive += 1
        self.starting += 1
        self.ordered = now
        t = now
        for phase in PHASES:
            if self.cold[phase]:
                r.spans.append((phase, t, t + self.cold[phase]))
            t += self.cold[phase]
        self.push(t, self.become_ready, r)

    def become_ready(self, now, r):
        self.starting -= 1
        r.ready = now
        self.release(r, now)
        self.surplus(now)

    def tick(self, t):
        return self.origin + -(-(t - self.origin) // self.period) * self.period

    def timeout(self):
        return self.zero if self.alive == 1 else self.idle

    def release(self, r, now):
        if self.queue:
            self.serve(r, now, *self.queue.popleft())
            return
        r.free_since = now
        r.epoch += 1
        self.free.append(r)
        self.watch(r)

    def watch(self, r):
        if self.scaler == "mean":
            # The wish falls once nothing was in flight all the averaging window; it has to stay so for the delay; and
            # the last replica waits for zero_timeout without requests. Looked at every period.
            fell = self.tick(self.last_in_flight + self.window)
            at = max(self.tick(fell + self.idle), self.tick(self.last_request + self.zero), r.free_since)
            self.push(at, self.may_stop, r, r.epoch)
            return
        self.push(r.free_since + self.idle, self.may_stop, r, r.epoch)
        if self.zero != self.idle:
            self.push(r.free_since + self.zero, self.may_stop, r, r.epoch)

    def may_stop(self, now, r, epoch):
        if r.epoch != epoch or r.free_since is None or self.alive - self.starting <= self.floor:
            return
        if self.scaler != "mean" and now < r.free_since + self.timeout():
            return
        self.free.remove(r)
        self.end_idle(r, now)
        r.free_since = None
        r.gone = now
        self.alive -= 1

    def surplus(self, now):
        """Stops what has outstayed its time, the longest idle first, once one more became ready."""
        for r in list(self.free):
            if self.scaler != "mean":
                self.may_stop(now, r, r.epoch)

    def end_idle(self, r, now):
        r.spans.append(("waiting", r.free_since, now))

    def serve(self, r, now, arrival, service, key):
        r.spans.append(("active", now, now + service))
        self.done[key] = (now + service - arrival, r.ready > arrival)
        self.last_in_flight = self.last_request = now + service
        self.push(now + service, lambda t, x: self.release(x, t), r)

    def wish(self, now):
        """Orders replicas until as many are under way as the policy wants for the requests that wait."""
        if self.scaler in ("capacity", "queue"):
            wanted = len(self.queue)
        elif self.scaler == "queue_delay":
            wanted = self.starting
            if self.queue and self.alive == 0:
                wanted = 1
            elif len(self.queue) > self.starting:  # the first that no replica under way answers
                due = max(self.queue[self.starting][0], self.ordered if self.spaced else 0) + self.delay
                wanted += now >= due
                if now < due:
                    self.push(due, self.wish)
        elif self.scaler == "mean":
            wanted = 1 if self.queue else 0
        while self.starting < wanted and self.alive < self.most:
            self.order(now)
            if self.scaler == "queue_delay":
                self.wish(now)

    def arrive(self, now, service, key):
        self.last_request = max(self.last_request, now)
        if self.free:
            r = self.free.pop(0)
            self.end_idle(r, now)
            r.free_since = None
            r.epoch += 1
            self.serve(r, now, now, service, key)
            return
        if self.reject_at_zero and self.alive == self.starting:
            self.done[key] = None
            if self.alive == 0:
                self.order(now)
            return
        self.queue.append((now, service, key))
        self.wish(now)

    def run(self, arrivals, until):
        """arrivals: (time, service, key), sorted; until: nothing later can matter."""
        i = 0
        while True:
            at = self.events[0][0] if self.events else None
            if i < len(arrivals) and (at is None or arrivals[i][0] <= at):
                t, service, key = arrivals[i]
                i += 1
                self.arrive(t, service, key)
                continue
            if at is None or (at > until and not self.queue):
                break
            at, _, what, args = heapq.heappop(self.events)
            what(at, *args)
        for r in self.free:
            self.end_idle(r, max(until, r.free_since))


def kept_warm(lives, floor, begin, end):
    """Of the time that ready replicas wait, the part that is the floor's: busy ones count for it first."""
    changes = []
    for r in lives:
        for phase, a, b in r.spans:
            if phase in ("waiting", "active"):
                a, b = max(a, begin), min(b, end)
                if a < b:
                    changes += [(a, phase, 1), (b, phase, -1)]
    changes.sort()
    waiting = busy = kept = 0
    last = begin
    for at, phase, by in changes:
        kept += max(0, min(waiting, floor - busy)) * (at - last)
        last = at
        if phase == "waiting":
            waiting += by
        else:
            busy += by
    return kept


def facts_of(platform, d):
    """The platform's facts with what the scenario's deployment says instead."""
    s = platform["scaling"]

    def pick(key, default=None):
        return d[key] if key in d else value(s.get(key, default))

    idle = ns(pick("idle_timeout_s", "0"))
    zero = pick("zero_timeout_s")  # the last replica's own, where there is one
    zero = idle if zero is None else ns(zero)
    scaler = value(s["scaler"])
    if scaler in ("concurrency", "load_target"):
        assert pick("max_replicas") == 1
        scaler = "mean"
    cold = {}
    for phase in PHASES:
        law = d.get("cold_start", {}).get(phase) or platform.get("cold", {}).get(phase)
        cold[phase] = ns(law["constant"]) if law else 0
    return {"scaler": scaler, "keep_warm": pick("keep_warm"), "max_replicas": pick("max_replicas"),
            "idle_timeout": idle, "zero_timeout": zero, "target_delay": ns(pick("target_delay_s", "0")),
            "target_delay_from": pick("target_delay_from", "last_start"),
            "at_zero": value(s["at_zero"]), "cold": cold, "window": ns(pick("scale_up_window_s", "0")),
            "period": ns(pick("eval_period_s", "0")) or NS}


def yes(platform, phase):
    """Whether the meter counts a phase: yes, inferred yes, assumed yes."""
    return value(platform["meter"]["bills"][phase]).split()[-1] == "yes"


MOST_PERIOD = 6  # windows after which a state is looked for again


def pool_usage(platform, d, arrivals, begin, end, steady):
    """What the pool uses in the window, as a list: of one window, or of as many as its state takes to come back. None
    where it does not, or where it comes back to another state from another start: no document says which is right."""
    facts = facts_of(platform, d)
    if not steady:
        pool = Pool(facts, begin, begin, facts["keep_warm"])
        pool.run(arrivals, end)
        return [metered(platform, d, facts, pool, arrivals, begin, end)]
    window = end - begin
    forget = max(facts["idle_timeout"], facts["zero_timeout"]) + facts["window"] + sum(facts["cold"].values())
    rounds = 3 * MOST_PERIOD
    begins = begin - (-(-forget // window) + rounds) * window, begin - forget - rounds * window
    starts = (begins[0], facts["keep_warm"]), (begins[1], facts["max_replicas"]), (begins[1], max(1, facts["keep_warm"]))
    found = [cyclic_usage(platform, d, facts, arrivals, begin, end, *start) for start in starts]
    return found[0] if found[0] == found[1] == found[2] else None


def cyclic_usage(platform, d, facts, arrivals, begin, end, start, ready):
    """The window comes round from `start` on, when `ready` replicas stand there; ticks count from its own begin."""
    window = end - begin
    shifted = lambda i: [(t - i * window, s, (i, key)) for t, s, key in arrivals]
    pool = Pool(facts, start, begin, ready)
    pool.run([a for i in range((begin - start) // window + 1, -1, -1) for a in shifted(i) if a[0] >= start], end)
    uses = []
    for period in range(1, MOST_PERIOD + 1):
        while len(uses) < 3 * period:
            i = len(uses)
            uses.append(metered(platform, d, facts, pool, shifted(i), begin - i * window, end - i * window))
        if all(uses[i] == uses[i + period] for i in range(2 * period)):
            return uses[:period][::-1]
    return None


def metered(platform, d, facts, pool, arrivals, begin, end):
    """Every life, as the meter counts its part between begin and end."""
    tp = d.get("tp", 1)
    meter = platform["meter"]
    grain = ns(value(meter.get("granularity_s", "0")))
    least = ns(value(meter.get("min_charge_s", "0")))
    use = {}
    for p in PHASES + ("active", "waiting", "unbilled", "rounding", "minimum"):
        use[p] = 0
    use["starts"] = use["failed"] = use["cold"] = use["completed"] = 0
    here = [r for r in pool.lives if r.born < end and (r.gone is None or r.gone >= begin)]
    for r in here:
        billed = 0
        for phase, a, b in r.spans:
            inside = max(0, min(b, end) - max(a, begin))
            if yes(platform, "idle" if phase == "waiting" else phase):
                billed += b - a
                use[phase] += inside * tp
            else:
                use["unbilled"] += inside * tp
        if r.gone is not None and begin <= r.gone < end:  # rounding falls due where the life ends
            charged = max(billed, least) if billed else 0
            use["minimum"] += (charged - billed) * tp
            if grain:
                use["rounding"] += (-(-charged // grain) * grain - charged) * tp
        if r.spans and begin <= r.born < end and not (r.ready == r.born):
            use["starts"] += 1
    use["keep_warm"] = kept_warm(here, facts["keep_warm"], begin, end) * tp if yes(platform, "keep_warm") else 0
    use["idle"] = use["waiting"] - use["keep_warm"]
    # No bill passes that of every replica always on.
    most = facts["max_replicas"] * (end - begin) * tp
    total = sum(use[p] for p in PHASES + ("active", "waiting"))
    use["minimum"] = min(use["minimum"], most - total)
    use["rounding"] = min(use["rounding"], most - total - use["minimum"])
    for _, _, key in arrivals:
        got = pool.done.get(key)
        if got is None:
            use["failed"] += 1
            use["cold"] += 1  # turned away because nothing was ready
        else:
            use["completed"] += 1
            use["cold"] += got[1]
    use["latency"] = [pool.done.get(key) for _, _, key in arrivals]
    return use


def offer_of(platform, d):
    """The GPU offer of a deployment: by type and number of GPUs a replica, else by the vendor's name."""
    found = []
    for g in platform["gpus"]:
        if d["gpu"] not in (g["gpu"], g["sku"]):
            continue
        least, most = value(g["count"])
        node = -(-d.get("tp", 1) // least) * least
        if node <= most:
            found.append((least, g))
    assert found, (platform["name"], d["gpu"])
    return found[0][1]


def gpu_price(platform, offer):
    multiplier = Fraction(value(platform["meter"].get("multiplier", "1")))
    return hourly(offer["hour"]) * multiplier


def serverless_lines(platform, d, use, scale):
    """The bill's lines in dollars, each the quantity of the window at its price, times `scale`."""
    offer = offer_of(platform, d)
    hour = 3600 * NS
    price = gpu_price(platform, offer)
    lines = {"active": use["active"] * price, "keep_warm": use["keep_warm"] * price, "idle": use["idle"] * price,
             "load": (use["load"] + use["init"]) * price, "provision": (use["provision"] + use["pull"]) * price,
             "rounding": use["rounding"] * price, "minimum": use["minimum"] * price}
    total = sum(use[p] for p in PHASES + ("active", "waiting", "rounding", "minimum"))
    host = platform.get("host")
    if host:  # beside each GPU
        multiplier = Fraction(value(platform["meter"].get("multiplier", "1")))
        for line, rate, amount in (("cpu", "cpu_core_hour", "cpu_cores"), ("memory", "memory_gib_hour", "memory_gib")):
            lines[line] = total * hourly(host[rate]) * Fraction(str(value(host[amount]))) * multiplier
    return {k: v / hour * scale for k, v in lines.items()}


def dedicated_lines(platform, d, begin, end, scale):
    """Machines kept all the window: whole nodes, at the hour's price or that of a commitment."""
    offer = offer_of(platform, d)
    least = value(offer["count"])[0]
    gpus = -(-d["replicas"] * d.get("tp", 1) // least) * least
    months = {"1_year": 12, "3_years": 36}.get(d.get("term"))
    committed = next((t["hour"] for t in offer.get("terms", ()) if t["months"] == months), None)
    price = hourly(offer["spot_hour"] if d.get("term") == "spot" else committed or offer["hour"])
    return {"reserved": gpus * price * Fraction(end - begin, 3600 * NS) * scale}


def api_lines(platform, d, tokens_in, tokens_out, scale):
    api = next(a for a in platform["apis"] if a["model"] == d["model"])
    return {"tokens_in": tokens_in * dollars(api["in_mtok"]) / 10**6 * scale,
            "tokens_out": tokens_out * dollars(api["out_mtok"]) / 10**6 * scale}


def total(lines, platform, share):
    """Nano-dollars of lines, each rounded once; fee and credit are the account's, `share` of a month of them."""
    out = {k: nano(v) for k, v in lines.items()}
    meter = platform.get("meter", {})
    fee = Fraction(value(meter.get("monthly_fee_usd", "0"))) * share
    credit = Fraction(value(meter.get("monthly_credit_usd", "0"))) * share
    out["fee"] = nano(fee)
    out["credit"] = -min(nano(credit), sum(out.values()) - out["fee"])
    return out


def load(path):
    with open(path) as f:
        return json.load(f)
