"""tests/engine/http_client.py KEEPWARM [FOLDER] - drives one `engine serve` after another over loopback with nothing but the standard
library, and prints the closing line "N passed, N failed, N skipped". Called by tests/engine/test_http.sh."""
import http.client
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

KEEPWARM = sys.argv[1]
JSON = {"Content-Type": "application/json"}


class Server:
    """A server on a free loopback port."""

    def __init__(self, *options, tokenizer=None):
        args = [KEEPWARM, "engine", "serve", "--model", tokenizer or "tiny", "--port", "0", "--threads", "1", "--precision", "fp32",
                "--backend", "cpu", "--num-blocks", "1024",
                *([] if "--max-model-len" in options else ["--max-model-len", "1024"]), *options]
        self.process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:(\d+)$", line.strip())
        if not match:
            raise RuntimeError(f"no address in {line!r}: {self.process.stderr.read()}")
        self.port = int(match.group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def terminate(self, within=10):
        """SIGTERM; the exit code and stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=within)
        return self.process.returncode, err

    def call(self, method, path, body=None, headers=JSON):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        c.request(method, path, body, headers)
        r = c.getresponse()
        data = r.read()
        c.close()
        return r.status, dict(r.getheaders()), data

    def complete(self, **fields):
        status, _, data = self.call("POST", "/v1/completions", json.dumps(fields))
        return status, json.loads(data)

    def open(self, **fields):
        """A request whose answer is not read yet: the socket."""
        return self.raw("POST /v1/completions HTTP/1.1", json.dumps(fields).encode())

    def raw(self, line, body=b"", more=""):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        s.sendall(f"{line}\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}"
                  f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return s

    def metrics(self):
        status, headers, data = self.call("GET", "/metrics")
        assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4"), (status, headers)
        return parse_metrics(data.decode())

    def until(self, what, within=10):
        """Waits until what(metrics) is true."""
        end = time.monotonic() + within
        while True:
            m = self.metrics()
            if what(m):
                return m
            assert time.monotonic() < end, m
            time.sleep(0.02)


def parse_metrics(text):
    """Samples by name with labels; every line has to be a comment or a sample whose type was declared."""
    types, samples = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types and kind in ("counter", "gauge", "histogram"), line
            types[name] = kind
        elif not line.startswith("# HELP "):
            match = re.fullmatch(r"([a-z_0-9]+)(\{[a-z]+=\"[^\"]*\"\})? ([-+0-9.e]+|\+Inf)", line)
            assert match, line
            name = match.group(1)
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert types.get(name, types.get(base)), line
            key = name + (match.group(2) or "")
            assert key not in samples, line
            samples[key] = float(match.group(3))
    for name, kind in types.items():
        if kind == "histogram":
            counts = [v for k, v in samples.items() if k.startswith(name + "_bucket{")]
            assert counts == sorted(counts) and counts[-1] == samples[name + "_count"], name
    return samples


def ended(m):
    return sum(m[f'keepwarm_requests_total{{finish="{f}"}}'] for f in ("stop", "length", "abort", "error"))


def events(data):
    """The JSON of each server-sent event; the last has to be [DONE]."""
    parts = data.decode().split("\n\n")
    assert parts[-1] == "" and parts[-2] == "data: [DONE]", parts[-3:]
    assert all(p.startswith("data: ") for p in parts[:-1]), parts
    return [json.loads(p[6:]) for p in parts[:-2]]


def error_of(data, status):
    e = json.loads(data)["error"]
    assert set(e) == {"message", "type", "param", "code"} and e["message"], e
    assert e["type"] == ("rate_limit_exceeded" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"), e
    return e


def tells_of_itself(s):
    status, headers, data = s.call("GET", "/health")
    assert status == 200 and json.loads(data) == {"status": "ok"} and headers["Content-Type"] == "application/json"
    status, _, data = s.call("GET", "/v1/models")
    models = json.loads(data)
    assert status == 200 and models["object"] == "list" and [m["id"] for m in models["data"]] == ["tiny"]
    assert models["data"][0]["max_model_len"] == 1024
    status, _, data = s.call("HEAD", "/health")
    assert status == 200 and data == b""


def whole_and_streamed_agree(s):
    fields = dict(model="tiny", prompt=[5, 6, 7], max_tokens=9, temperature=0, return_token_ids=True)
    status, whole = s.complete(**fields)
    assert status == 200 and whole["object"] == "text_completion" and whole["id"].startswith("cmpl-"), whole
    assert whole["usage"] == {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}
    choice = whole["choices"][0]
    assert choice["finish_reason"] == "length" and choice["index"] == 0 and choice["logprobs"] is None
    assert choice["text"] == "".join(f" {i}" for i in choice["token_ids"])
    status, headers, data = s.call("POST", "/v1/completions", json.dumps(dict(fields, stream=True, stream_options={"include_usage": True})))
    got = events(data)
    assert status == 200 and headers["Content-Type"] == "text/event-stream"
    assert len(got) == 10 and got[-1]["choices"] == [] and got[-1]["usage"] == whole["usage"], got
    assert "".join(e["choices"][0]["text"] for e in got[:-1]) == choice["text"]
    assert [e["choices"][0]["token_ids"][0] for e in got[:-1]] == choice["token_ids"]
    assert [e["choices"][0]["finish_reason"] for e in got[:-1]] == [None] * 8 + ["length"]
    assert len({e["id"] for e in got}) == 1 and got[0]["id"] != whole["id"]


def draws_follow_the_seed(s):
    texts = [s.complete(prompt=[9, 8], max_tokens=12, temperature=1.5, seed=n)[1]["choices"][0]["text"] for n in (4, 4, 5)]
    assert texts[0] == texts[1] and texts[0] != texts[2], texts
    free = {s.complete(prompt=[9, 8], max_tokens=12, temperature=1.5)[1]["choices"][0]["text"] for _ in range(3)}
    assert len(free) == 3, free


def stop_texts_end_it(s):
    text = s.complete(prompt=[1, 2], max_tokens=20, temperature=0)[1]["choices"][0]["text"]
    ids = text.split()
    stop = f"{ids[3]} {ids[4][0]}" # over two tokens
    want = text[:text.index(stop)]
    _, whole = s.complete(prompt=[1, 2], max_tokens=20, temperature=0, stop=[stop])
    assert whole["choices"][0]["text"] == want and whole["choices"][0]["finish_reason"] == "stop", whole
    _, _, data = s.call("POST", "/v1/completions", json.dumps(dict(prompt=[1, 2], max_tokens=20, temperature=0, stop=stop, stream=True)))
    got = events(data)
    assert "".join(e["choices"][0]["text"] for e in got) == want and got[-1]["choices"][0]["finish_reason"] == "stop"
    _, one = s.complete(prompt=[1, 2], max_tokens=20, temperature=0, stop_token_ids=[int(ids[0])], ignore_eos=True)
    assert one["choices"][0] == {"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"}, one


def what_is_wrong_is_told(s):
    post = "/v1/completions"
    good = json.dumps({"prompt": [1], "max_tokens": 1})
    for method, path, body, headers, want, says in [
            ("POST", post, "{", JSON, 400, ""), ("POST", post, "", JSON, 400, ""), ("POST", post, "[]", JSON, 400, "object"),
            ("POST", post, b"\xff\xfe{}", JSON, 400, ""), ("POST", post, "{}", JSON, 400, "prompt"),
            ("POST", post, json.dumps({"prompt": "hello"}), JSON, 400, "no tokenizer"),
            ("POST", post, json.dumps({"prompt": [1], "max_tokens": 2000}), JSON, 400, "1024"),
            ("POST", post, json.dumps({"prompt": [1] * 1024}), JSON, 400, "1024"),
            ("POST", post, json.dumps({"prompt": [1], "n": 3}), JSON, 400, "only 1"),
            ("POST", post, json.dumps({"prompt": [1], "promptt": 3}), JSON, 400, "did you mean"),
            ("POST", post, json.dumps({"model": "gpt\"4", "prompt": [1]}), JSON, 404, "does not exist"),
            ("POST", post, "{" * 60000, JSON, 400, ""), ("POST", post, good, {"Content-Type": "text/plain"}, 415, "application/json"),
            ("POST", post, good, {}, 415, ""), ("GET", post, None, {}, 405, "POST"), ("DELETE", post, None, {}, 405, ""),
            ("POST", "/health", good, JSON, 405, "GET"), ("GET", "/", None, {}, 404, ""), ("GET", "/v1/completions/", None, {}, 404, ""),
            ("POST", post, good, {"Content-Type": "application/json; charset=utf-8"}, 200, ""),
    ]:
        status, headers, data = s.call(method, path, body, headers)
        assert status == want, (method, path, str(body)[:60], status, data)
        if status != 200:
            assert says in error_of(data, status)["message"] and "request:" not in error_of(data, status)["message"], (says, data)
        if status == 405:
            assert "Allow" in headers
    assert json.loads(s.call("POST", post, json.dumps({"prompt": [1], "top_p": 5}))[2])["error"]["param"] == "top_p"


def garbage_is_not_http(s):
    for garbage in (b"\0" * 200, b"GET\r\n\r\n", b"POST /v1/completions HTTP/9.9\r\n\r\n", b"A" * 70000 + b"\r\n\r\n",
                    b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                    b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
        with socket.create_connection(("127.0.0.1", s.port), timeout=10) as c:
            try:
                c.sendall(garbage)
                c.shutdown(socket.SHUT_WR)
                while c.recv(4096):
                    pass
            except OSError: # it closed first
                pass
    assert s.call("GET", "/health")[0] == 200


def large_requests_are_refused(s):
    """The server was started with --max-body 64 (KiB)."""
    body = json.dumps({"prompt": [1] * 40000}).encode()
    with s.raw("POST /v1/completions HTTP/1.1", body) as c: # sent to the end, then answered
        head = c.recv(65536)
        assert head.startswith(b"HTTP/1.1 413 "), head[:80]
    with socket.create_connection(("127.0.0.1", s.port), timeout=10) as c: # asks first
        c.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
        assert c.recv(65536).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection(("127.0.0.1", s.port), timeout=10) as c: # never stops
        c.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 64 << 20:
                c.sendall(b"10000\r\n" + b"1" * 65536 + b"\r\n")
                sent += 65536
        except (ConnectionError, socket.timeout):
            pass
        assert sent < 16 << 20, sent
    chunks = [json.dumps({"prompt": [1, 2], "max_tokens": 1})[i:i + 5].encode() for i in range(0, 40, 5)]
    assert s.call("POST", "/v1/completions", iter(chunks))[0] == 200 # chunked uploads are fine


def clients_that_leave_are_cancelled(s):
    before = s.until(lambda m: m["keepwarm_requests_running"] == 0)
    streams = [s.open(prompt=[1] * 50, max_tokens=900, stream=True, ignore_eos=True) for _ in range(2)]
    whole = [s.open(prompt=[1] * 50, max_tokens=900, ignore_eos=True) for _ in range(2)]
    for c in streams:
        assert b"200 OK" in c.recv(200)
    s.until(lambda m: m["keepwarm_requests_running"] + m["keepwarm_requests_waiting"] == 4)
    streams[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)) # reset, not a goodbye
    for c in streams + whole:
        c.close()
    after = s.until(lambda m: m["keepwarm_requests_running"] + m["keepwarm_requests_waiting"] == 0, within=5)
    abort = 'keepwarm_requests_total{finish="abort"}'
    assert after[abort] == before[abort] + 4, after
    assert after["keepwarm_generation_tokens_total"] - before["keepwarm_generation_tokens_total"] < 4 * 900
    assert after["keepwarm_kv_cache_usage_ratio"] == 0 and after["keepwarm_requests_received_total"] == ended(after)


def keep_alive_serves_many(s):
    c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=10)
    for i in range(5):
        c.request("POST", "/v1/completions", json.dumps({"prompt": [i + 1], "max_tokens": 2, "stream": i % 2 == 1}), JSON)
        r = c.getresponse()
        assert r.status == 200 and r.read()
    c.close()


def many_at_once(s):
    want = s.complete(prompt=[3, 1, 4], max_tokens=15, temperature=0)[1]["choices"][0]["text"]
    got, errors = [], []

    def one(i):
        try:
            if i % 2:
                got.append(s.complete(prompt=[3, 1, 4], max_tokens=15, temperature=0)[1]["choices"][0]["text"])
            else:
                data = s.call("POST", "/v1/completions", json.dumps(dict(prompt=[3, 1, 4], max_tokens=15, temperature=0, stream=True)))[2]
                got.append("".join(e["choices"][0]["text"] for e in events(data)))
        except Exception as e: # told by the caller
            errors.append(e)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors and got == [want] * 24, (errors, got[:3])


def a_full_queue_says_later():
    with Server("--max-num-seqs", "2", "--max-queue", "1") as s:
        held = [s.open(prompt=[1], max_tokens=1000, stream=True, ignore_eos=True) for _ in range(3)]
        s.until(lambda m: m["keepwarm_requests_received_total"] == 3)
        status, headers, data = s.call("POST", "/v1/completions", json.dumps({"prompt": [1]}))
        assert status == 429 and int(headers["Retry-After"]) >= 1 and error_of(data, 429)["code"] == "queue_full", (status, headers, data)
        for c in held:
            c.close()
        s.until(lambda m: m["keepwarm_requests_running"] + m["keepwarm_requests_waiting"] == 0)
        end = time.monotonic() + 5 # a seat is free a moment after its request counts as over
        while s.complete(prompt=[1], max_tokens=2)[0] != 200:
            assert time.monotonic() < end
            time.sleep(0.02)


def slow_clients_are_dropped():
    with Server("--timeout", "1") as s:
        slow = socket.create_connection(("127.0.0.1", s.port), timeout=10) # a byte now and then
        slow.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Le")
        began = time.monotonic()
        closed = False
        while not closed and time.monotonic() - began < 8:
            time.sleep(0.2)
            try:
                slow.sendall(b"n")
                closed = bool(select.select([slow], [], [], 0)[0]) and slow.recv(1000) == b""
            except ConnectionError:
                closed = True
        assert closed and time.monotonic() - began < 5, time.monotonic() - began
        assert s.call("GET", "/health")[0] == 200


def readers_that_stop_are_dropped():
    """An answer that no kernel buffer holds, to a client that reads nothing of it: dropped after --timeout, the request cancelled."""
    with Server("--timeout", "2", "--max-model-len", "4096", "--max-num-seqs", "8") as s:
        body = json.dumps(dict(prompt=[1], max_tokens=4000, stream=True, ignore_eos=True, return_token_ids=True, request_id="x" * 64,
                               stream_options={"include_usage": True, "continuous_usage_stats": True})).encode()
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096) # before connect: the window it announces
        stuck.connect(("127.0.0.1", s.port))
        stuck.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        s.until(lambda m: m["keepwarm_requests_running"] == 1)
        began = time.monotonic()
        s.until(lambda m: m["keepwarm_http_disconnects_total"] == 1 and m["keepwarm_requests_running"] == 0 and
                m["keepwarm_kv_cache_usage_ratio"] == 0, within=10)
        took, got = time.monotonic() - began, 0
        stuck.settimeout(5)
        try: # what had left before is still there, then the end comes early
            while (n := len(stuck.recv(1 << 16))):
                got += n
        except ConnectionError:
            pass
        assert 1 < took < 15 and got < 4000 * 300, (took, got)
        assert s.complete(prompt=[1], max_tokens=2)[0] == 200


def load_generators_are_served(s):
    """The bodies of vllm bench serve (vllm/benchmarks/lib/endpoint_request_func.py), guidellm and genai-perf, by their fields."""
    vllm = dict(model="tiny", prompt=[1, 2], repetition_penalty=1.0, max_tokens=4, logprobs=None, stream=True,
                stream_options={"include_usage": True}, ignore_eos=True, temperature=0)
    guidellm = dict(vllm, stream_options={"include_usage": True, "continuous_usage_stats": True}, stop=None)
    genai = dict(model="tiny", prompt=[[1, 2]], max_tokens=4, min_tokens=4, ignore_eos=True, stream=True, stream_options={"include_usage": True},
                 request_id="perf-1", add_special_tokens=False)
    for fields in (vllm, guidellm, genai):
        status, _, data = s.call("POST", "/v1/completions", json.dumps(fields), {**JSON, "x-request-id": "r0", "Authorization": "Bearer k"})
        assert status == 200, data
        e = events(data)
        assert len(e) == 5 and e[-1]["usage"]["completion_tokens"] == 4 and not e[-1]["choices"], e
        if fields is guidellm:
            assert [x["usage"]["completion_tokens"] for x in e] == [1, 2, 3, 4, 4], e
        assert all(x["id"] == "cmpl-perf-1" for x in e) == (fields is genai), e


def a_drain_finishes_what_runs():
    with Server("--drain", "100") as s:
        c = s.open(prompt=[1, 2], max_tokens=600, stream=True, ignore_eos=True)
        assert b"200 OK" in c.recv(100)
        s.process.send_signal(signal.SIGTERM)
        status = 200
        try:
            while status == 200:
                status, headers, data = s.call("POST", "/v1/completions", json.dumps({"prompt": [1], "max_tokens": 1}))
            assert status == 503 and "Retry-After" in headers and error_of(data, 503)
            assert s.call("GET", "/health")[0] == 503
        except ConnectionError:
            pass # it was quicker than we
        data = b""
        while part := c.recv(65536):
            data += part
            if data.endswith(b"0\r\n\r\n"):
                break
        assert data.count(b"data: {") >= 599 and b'"finish_reason": "length"' in data and b"data: [DONE]" in data, data[-200:]
        c.close()
        _, err = s.process.communicate(timeout=10)
        assert s.process.returncode == 0 and "stopped" in err, (s.process.returncode, err)


def a_drain_has_an_end():
    with Server("--drain", "0") as s:
        c = [s.open(prompt=[1] * 20, max_tokens=1000, stream=i == 0, ignore_eos=True) for i in range(3)]
        assert b"200 OK" in c[0].recv(100)
        s.until(lambda m: m["keepwarm_requests_received_total"] == 3)
        code, err = s.terminate()
        assert code == 1 and "cut short" in err, (code, err)
        data = b""
        while part := c[0].recv(65536):
            data += part
        assert b'"message": "cancelled"' in data and b"data: [DONE]" in data, data[-300:]
        assert b"503" in c[1].recv(100)
    with Server() as s:
        code, err = s.terminate()
        assert code == 0, err


def text_goes_through_the_tokenizer(folder):
    with Server(tokenizer=folder) as s:
        status, r = s.complete(prompt="ab", max_tokens=6, temperature=0, ignore_eos=True, return_token_ids=True)
        assert status == 200 and r["usage"]["prompt_tokens"] == 2, r
        c = r["choices"][0]
        assert c["text"].replace("\ufffd", "") == "".join(chr(97 + i) for i in c["token_ids"] if i < 26), c
        status, _, data = s.call("POST", "/v1/completions", json.dumps(dict(prompt="ab", max_tokens=6, temperature=0, ignore_eos=True, stream=True)))
        assert "".join(e["choices"][0]["text"] for e in events(data)) == c["text"]


def a_taken_port_is_told():
    with Server() as s:
        p = subprocess.run([KEEPWARM, "engine", "serve", "--model", "tiny", "--port", str(s.port)], capture_output=True, text=True, timeout=20)
        assert p.returncode == 1 and "cannot listen on 127.0.0.1" in p.stderr and "use" in p.stderr and "ready after" not in p.stderr, p.stderr
    p = subprocess.run([KEEPWARM, "engine", "serve", "--host", "localhost"], capture_output=True, text=True, timeout=20)
    assert p.returncode == 2 and "IPv4" in p.stderr, p.stderr


def main():
    passed = failed = 0

    def run(test, *args):
        nonlocal passed, failed
        try:
            test(*args)
            passed += 1
        except Exception as e:
            failed += 1
            import traceback
            traceback.print_exc()
            print(f"FAIL {test.__name__}: {e!r}")
    for ahead in "off", "on":  # both ways of stepping
        with Server("--max-body", "64", "--async-scheduling", ahead) as s:
            for test in (tells_of_itself, whole_and_streamed_agree, draws_follow_the_seed, stop_texts_end_it, what_is_wrong_is_told,
                         garbage_is_not_http, large_requests_are_refused, clients_that_leave_are_cancelled, keep_alive_serves_many,
                         many_at_once, load_generators_are_served):
                run(test, s)
            m = s.metrics()
            code, err = s.terminate()
            if code or m["keepwarm_requests_received_total"] != ended(m):
                failed += 1
                print("FAIL the end of the first server", ahead, code, err, m)
    for test in (a_full_queue_says_later, slow_clients_are_dropped, readers_that_stop_are_dropped, a_drain_finishes_what_runs, a_drain_has_an_end, a_taken_port_is_told):
        run(test)
    if len(sys.argv) > 2:
        run(text_goes_through_the_tokenizer, sys.argv[2])
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed != 0


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.exit(main())
