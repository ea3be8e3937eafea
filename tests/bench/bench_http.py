#!/usr/bin/python3
"""What HTTP costs beside the engine: the same requests, one right after another, through `engine serve` (one kept connection,
nothing but sockets here; medians of N) and through `engine serve-trace` (one seat, all come at once; the time over N). Usage:
bench_http.py KEEPWARM [MODEL [N]]; give it the machine, or nice -n -20.

A request of 1 token gives the cost of a request, one of 65 tokens less that one the cost of a token; whole answers and
streamed ones. This client's own time (about 20 us a request) is in it."""
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

KEEPWARM = sys.argv[1] if len(sys.argv) > 1 else "build/keepwarm"
MODEL = sys.argv[2] if len(sys.argv) > 2 else "tiny"
N = int(sys.argv[3]) if len(sys.argv) > 3 else 100
SHORT, LONG = 1, 65
PROMPT = list(range(3, 11))
ENGINE = ["--model", MODEL, "-j", "1", "--max-model-len", "256", "--num-blocks", "512", "-q"]


def ask(sock, tokens, stream):
    """Seconds from the first byte sent to the last byte of the answer."""
    body = json.dumps({"prompt": PROMPT, "max_tokens": tokens, "ignore_eos": True, "stream": stream}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    began = time.perf_counter()
    sock.sendall(head.encode() + body)
    got = b""
    while True:
        got += sock.recv(1 << 16)
        if stream and got.endswith(b"0\r\n\r\n"):
            break
        if not stream and b"\r\n\r\n" in got:
            length = re.search(rb"content-length: (\d+)", got, re.I)
            if length and len(got) >= got.index(b"\r\n\r\n") + 4 + int(length.group(1)):
                break
    took = time.perf_counter() - began
    if not got.startswith(b"HTTP/1.1 200"):
        sys.exit(f"refused: {got[:300]!r}")
    return took


def through_http():
    server = subprocess.Popen([KEEPWARM, "engine", "serve", "--port", "0", *ENGINE], stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r":(\d+)\s*$", server.stdout.readline()).group(1))
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        out = {}
        for stream in (False, True):
            for tokens in (SHORT, LONG):
                for _ in range(5):
                    ask(sock, tokens, stream)
                out[stream, tokens] = statistics.median(ask(sock, tokens, stream) for _ in range(N))
        return out
    finally:
        server.terminate()
        server.wait()


def alone():
    out = {}
    for tokens in (SHORT, LONG):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as trace:
            trace.write("at,in,out\n" + f"0,{len(PROMPT)},{tokens}\n" * N)
            trace.flush()
            text = subprocess.run([KEEPWARM, "engine", "serve-trace", trace.name, "--format", "generic", "--columns",
                                   "arrival=at,prompt=in,output=out", "--max-num-seqs", "1", *ENGINE, "--json"], check=True, capture_output=True, text=True).stdout
        out[tokens] = json.loads(text)["duration_s"] / N
    return out


engine, http = alone(), through_http()
print(f"{MODEL}, one thread, prompts of {len(PROMPT)} tokens, {N} requests, us")
print(f"  engine alone     a request of 1 token {engine[SHORT] * 1e6:8.0f}   a token more {(engine[LONG] - engine[SHORT]) / (LONG - SHORT) * 1e6:7.1f}")
for stream in (False, True):
    request = http[stream, SHORT] - engine[SHORT]
    token = (http[stream, LONG] - http[stream, SHORT] - (engine[LONG] - engine[SHORT])) / (LONG - SHORT)
    print(f"  HTTP, {'streamed' if stream else 'whole   '}   adds to a request {request * 1e6:8.0f}   to each token {token * 1e6:7.1f}")
