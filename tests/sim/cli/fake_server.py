"""tests/sim/cli/fake_server.py HOW - an OpenAI-compatible server on a free loopback port, which it prints: a batch whose steps last
10 ms + 0.1 ms a sequence + 0.2 us a token of context + 30 us a prompt's token, or, by HOW, one that does something wrong."""
import http.server
import json
import os
import queue
import sys
import threading
import time

HOW = sys.argv[1]
A, B, C, D = 10e-3, 1e-4, 2e-7, 3e-5
arrived, total = queue.Queue(), [0]


def engine():
    running = []
    while True:
        if not running:
            running.append(arrived.get())
            running[-1]["new"] = True
        while not arrived.empty():
            running.append(arrived.get())
            running[-1]["new"] = True
        decoding = [r for r in running if not r.pop("new", False)]
        chunks = [r for r in running if r["made"] == 0]
        step = A + B * len(decoding) + C * sum(r["prompt"] + r["made"] for r in decoding) + D * sum(r["prompt"] for r in chunks)
        end = time.perf_counter() + step
        while (left := end - time.perf_counter()) > 0:
            time.sleep(left if left > 2e-3 else 0)
        for r in running:
            r["made"] += 1
            r["out"].put(r["made"] == r["most"])
        running = [r for r in running if r["made"] < r["most"]]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def page(self, code, text, kind="application/json"):
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if HOW == "key" and self.headers.get("Authorization") != "Bearer sesame":
            return self.page(401, '{"error": {"message": "no key, no tokens"}}')
        if self.path == "/v1/models":
            return self.page(200, '{"data": []}' if HOW == "nameless" else '{"data": [{"id": "the \\"model\\""}]}')
        if self.path == "/metrics" and HOW in ("law", "busy"):
            return self.page(200, "# TYPE vllm:num_requests_running gauge\n"
                             f"vllm:num_requests_running{{model_name=\"m\"}} {3 if HOW == 'busy' else 0}.0\n"
                             "vllm:num_requests_waiting{model_name=\"m\"} 0.0\nvllm:kv_cache_usage_perc{model_name=\"m\"} 0.25\n"
                             "vllm:cache_config_info{block_size=\"32\",num_gpu_blocks=\"7777\"} 1.0\n", "text/plain; version=0.0.4")
        return self.page(404, '{"error": {"message": "not here"}}')

    def do_POST(self):
        q = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert q["model"] == 'the "model"' and q["stream"] and q["ignore_eos"] and all(0 <= i < 256 for i in q["prompt"]), q
        total[0] += 1
        if HOW == "full" and total[0] > 5:
            return self.page(429, '{"error": {"message": "too many"}}')
        if HOW == "whole":
            return self.page(200, '{"choices": [{"text": "all at once"}]}')
        if HOW == "lost":
            return self.page(500, "<html>oh no</html>", "text/html")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if HOW == "garbage":
            return self.chunk("data: {\"choices\": [{\"te\n\n", True)
        r = {"prompt": len(q["prompt"]), "most": q["max_tokens"], "made": 0, "out": queue.Queue()}
        arrived.put(r)
        last = False
        while not last:
            last = r["out"].get()
            self.chunk("data: " + json.dumps({"choices": [{"text": " x", "finish_reason": "length" if last else None}]}) + "\n\n")
            if HOW == "dies" and total[0] > 30 and r["made"] > 5:
                os._exit(1)
            if HOW == "short" and r["made"] > 5:
                return self.chunk("", True)
        usage = {"prompt_tokens": r["prompt"], "completion_tokens": r["most"], "total_tokens": r["prompt"] + r["most"]}
        self.chunk("data: " + json.dumps({"choices": [], "usage": usage}) + "\n\ndata: [DONE]\n\n", True)

    def chunk(self, text, last=False):
        data = text.encode()
        if data:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        if last:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


threading.Thread(target=engine, daemon=True).start()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
