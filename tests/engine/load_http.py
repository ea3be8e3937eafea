"""tests/engine/load_http.py KEEPWARM [SECONDS [STREAMS]] - a long load on `engine serve` (default 300 s, 200 concurrent streams): most
clients read their stream to its end; some leave half-way (a goodbye or a reset), some ask for a whole answer and leave, some
read slowly, some send what is not a request. At the end the server's own account must match the clients', nothing may be left
in its batch, queue or KV cache, its memory must have stopped growing, every file descriptor the load opened must be closed again,
and SIGTERM must end it well. tests/engine/test_load.sh runs a short one. Only the standard library.
Prints its figures and the closing line "N passed, N failed, N skipped"."""
import json
import os
import random
import re
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from urllib.request import urlopen

KINDS = [("whole stream", 60), ("leaves", 12), ("resets", 5), ("whole answer", 8), ("whole answer, leaves", 4), ("slow", 3), ("malformed", 5),
         ("garbage", 3)]
MALFORMED = [b"{", b'{"prompt": []}', b'{"prompt": [1], "max_tokens": 0}', b'{"prompt": "text"}', b'{"prompt": [999999]}',
             b'{"promt": [1]}', b"\xff" * 50, b"[" * 1000]


class Client:
    """One connection, one request: a small state machine on a non-blocking socket."""

    def __init__(self, port, rng, number):
        self.kind = rng.choices([k for k, _ in KINDS], [w for _, w in KINDS])[0]
        self.tokens = rng.randint(4, 48)
        self.leave_at = rng.randint(1, 4000)
        self.reads = 0
        self.data = b""
        self.next_read = 0.0
        self.began = time.monotonic()
        self.first = None
        body = json.dumps({"prompt": [rng.randrange(2048) for _ in range(rng.randint(1, 60))], "max_tokens": self.tokens, "ignore_eos": True,
                           "temperature": rng.choice([0, 1]), "stream": "whole answer" not in self.kind}).encode()
        if self.kind == "malformed":
            body = rng.choice(MALFORMED)
        self.out = (f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        if self.kind == "garbage":
            self.out = bytes(rng.randrange(256) for _ in range(rng.randint(1, 300))) + b"\r\n\r\n"
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setblocking(False)

    def write(self):
        self.out = self.out[self.socket.send(self.out):]
        if not self.out and self.kind == "garbage":
            self.socket.shutdown(socket.SHUT_WR)
        return bool(self.out)

    def read(self):
        """True when the client is done with it."""
        if self.kind == "slow":
            if time.monotonic() < self.next_read:
                return False
            self.next_read = time.monotonic() + 0.05
        try:
            part = self.socket.recv(512 if self.kind == "slow" else 65536)
        except BlockingIOError:
            return False
        self.data += part
        if self.first is None and b"data: " in self.data:
            self.first = time.monotonic()
        if self.kind in ("leaves", "resets") and len(self.data) > self.leave_at:
            return True
        return not part

    def tick(self):
        """Some leave without having heard anything."""
        return self.kind == "whole answer, leaves" and not self.out and time.monotonic() - self.began > self.leave_at / 4000

    def close(self):
        if self.kind == "resets":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def verdict(self):
        """What came of it: a word for the count, or an AssertionError."""
        status = int(self.data[9:12]) if self.data[:9] == b"HTTP/1.1 " else 0
        if self.kind == "garbage":
            assert status in (0, 400, 404, 405, 413, 414, 431, 501, 505), self.data[:100]
            return "garbage"
        if self.kind == "malformed":
            assert status == 400 and b'"error"' in self.data, self.data[:300]
            return "400"
        if self.kind in ("leaves", "resets", "whole answer, leaves") and not self.data.endswith(b"0\r\n\r\n"):
            return "left"
        if status == 429:
            return "429"
        assert status == 200, (self.kind, self.data[:300])
        if self.kind == "whole answer" or "leaves" in self.kind and b"text_completion" in self.data and b"data: " not in self.data:
            answer = json.loads(self.data.split(b"\r\n\r\n", 1)[1])
            assert answer["usage"]["completion_tokens"] == self.tokens and len(answer["choices"][0]["text"].split()) == self.tokens
            return "whole"
        events = self.data.count(b'"text_completion"')
        assert events == self.tokens and b"data: [DONE]" in self.data and self.data.endswith(b"0\r\n\r\n"), (events, self.tokens, self.data[-200:])
        return "stream"


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s*(\d+)", f.read()).group(1))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def metrics(port):
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as r:
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in r.read().decode().splitlines() if line[0] != "#")}


def load(port, pid, seconds, streams):
    selector = selectors.DefaultSelector()
    rng, counts, number, ttft, memory, fds = random.Random(1), Counter(), 0, [], [], []
    began = time.monotonic()
    clients, next_sample, most = set(), 0.0, 0
    while clients or time.monotonic() - began < seconds:
        now = time.monotonic() - began
        assert now < seconds + 120, ("clients left", [(c.kind, len(c.data)) for c in clients][:5])
        if now >= next_sample:
            memory.append(rss_kib(pid))
            fds.append(descriptors(pid))
            next_sample = now + max(seconds / 60, 0.5)
        while now < seconds and len(clients) < streams:
            c = Client(port, rng, number)
            number += 1
            clients.add(c)
            selector.register(c.socket, selectors.EVENT_WRITE, c)
        most = max(most, len(clients))
        done = [c for c in clients if c.tick()]
        slow = False
        for key, what in selector.select(0.05):
            c = key.data
            if c in done:
                continue
            try:
                if what & selectors.EVENT_WRITE and not c.write():
                    selector.modify(c.socket, selectors.EVENT_READ, c)
                if what & selectors.EVENT_READ and c.read():
                    done.append(c)
                slow |= c.kind == "slow"
            except (ConnectionError, OSError):
                done.append(c)
        for c in done:
            selector.unregister(c.socket)
            c.close()
            clients.discard(c)
            word = c.verdict()
            counts[word] += 1
            if word == "stream" and c.first and c.kind != "slow":
                ttft.append(c.first - c.began)
        if slow and not done:
            time.sleep(0.002) # a slow client's socket is always readable
    return counts, number, sorted(ttft), memory, fds, most


def main():
    keepwarm = sys.argv[1]
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 300
    streams = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    server = subprocess.Popen([keepwarm, "engine", "serve", "--model", "tiny", "--backend", "cpu", "--port", "0", "--threads", "1", "--num-blocks", "1024",
                               "--max-model-len", "1024", "--max-num-seqs", "128", "--max-queue", "256", "-q"], stdout=subprocess.PIPE, text=True)
    port = int(server.stdout.readline().rsplit(":", 1)[1])
    metrics(port) # what the first connection opens for good is no part of the load; itself it is closed a moment later
    time.sleep(0.5)
    before = descriptors(server.pid)
    began = time.monotonic()
    counts, number, ttft, memory, fds, most = load(port, server.pid, seconds, streams)
    took = time.monotonic() - began
    end = time.monotonic() + 20
    while True: # those whose clients left are found by and by
        m = metrics(port)
        after = descriptors(server.pid)
        if not m["keepwarm_requests_running"] + m["keepwarm_requests_waiting"] and after <= before or time.monotonic() > end:
            break
        time.sleep(0.1)
    ended = {f: m[f'keepwarm_requests_total{{finish="{f}"}}'] for f in ("stop", "length", "abort", "error")}
    half = len(memory) // 2
    growth = max(memory[half:]) - max(memory[:half] or memory)
    allowed = 2048 if seconds >= 60 else 32768 # KiB; in a short run the KV cache's pages are still being touched for the first time
    server.send_signal(signal.SIGTERM)
    code = server.wait(timeout=60)
    checks = {
        "every client has its verdict": sum(counts.values()) == number,
        "received = ended": m["keepwarm_requests_received_total"] == sum(ended.values()),
        "finished as the clients saw": ended["length"] >= counts["stream"] + counts["whole"] and
                                       ended["length"] + ended["abort"] == m["keepwarm_requests_received_total"] and ended["error"] == 0,
        "none lost": m["keepwarm_requests_received_total"] <= counts["stream"] + counts["whole"] + counts["left"],
        "malformed ones refused": m['keepwarm_http_responses_total{code="400"}'] >= counts["400"],
        "nothing left in the engine": not m["keepwarm_requests_running"] + m["keepwarm_requests_waiting"] + m["keepwarm_kv_cache_usage_ratio"],
        f"as many descriptors as before ({before}, then {after})": after <= before,
        f"memory stopped growing ({growth} KiB between the halves' peaks)": growth < allowed,
        "SIGTERM ends it well": code == 0,
    }
    print(f"{took:.0f} s, {number} clients, {most} at once: {dict(counts)}")
    print(f"server: {m['keepwarm_requests_received_total']:.0f} received, {ended}, {m['keepwarm_generation_tokens_total'] / took:.0f} tokens/s, "
          f"{m['keepwarm_steps_total']:.0f} steps, {m['keepwarm_http_disconnects_total']:.0f} disconnects")
    if ttft:
        print(f"clients' TTFT p50 {1e3 * ttft[len(ttft) // 2]:.0f} ms, p99 {1e3 * ttft[len(ttft) * 99 // 100]:.0f} ms")
    print(f"descriptors: {before} before, {max(fds)} at most, {after} after")
    print(f"RSS MiB: {[round(k / 1024, 1) for k in memory[:: max(1, len(memory) // 12)]]}")
    for name, ok in checks.items():
        if not ok:
            print(f"FAIL {name}")
    print(f"{sum(checks.values())} passed, {len(checks) - sum(checks.values())} failed, 0 skipped")
    return not all(checks.values())


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.exit(main())
