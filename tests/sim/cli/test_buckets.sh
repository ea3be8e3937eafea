#!/bin/sh
# What run and plan say of a trace of usage buckets: whether it matters when their requests came.
# usage: KEEPWARM=path/to/keepwarm test_buckets.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import json, subprocess
from tests.checks import KW, check, own_folder, report

own_folder()

def keepwarm(*words, stdin=None):
    r = subprocess.run([KW, *words], capture_output=True, text=True, stdin=stdin)
    return r.returncode, r.stdout, r.stderr

with open("usage.csv", "w") as f:
    f.write("start_time,end_time,num_model_requests,input_tokens,output_tokens\n")
    for h in range(48):
        n = 40 + h % 24
        f.write("%d,%d,%d,%d,%d\n" % (1778457600 + 3600 * h, 1778461200 + 3600 * h, n, 800 * n, 150 * n))
def scenario(**more):
    s = {"keepwarm": 1, "trace": {"file": "usage.csv", **more.pop("trace", {})}, "model": "llama-3.1-8b",
         "slo": {"ttft_p95_s": "2"}, "replications": 1,
         "deployments": [{"name": "main", "platform": "modal", "gpu": "H100", "max_replicas": 2, **more}]}
    json.dump(s, open("s.json", "w"))

# One replica of the whole time: all at once wait in its batch, and its cost is the same.
scenario(keep_warm=1)
code, out, err = keepwarm("run", "s.json", "--json", "-q")
b = json.loads(out)["bucket_arrivals"]
check("three ways", b["taken"] == "poisson" and sorted(b["of"]) == ["begin", "even", "poisson"], b)
check("of a replica that is always there", not b["matters"] and
      all(w["feasible"] and abs(w["cost_usd_month"] - b["of"]["even"]["cost_usd_month"]) < 1 for w in b["of"].values()), b)
check("together they wait", b["of"]["begin"]["ttft_p95_s"] > 10 * b["of"]["even"]["ttft_p95_s"], b)
mine = [p for p in json.loads(out)["points"]][0]
check("the taken one is the answer", float(mine["cost_usd_month"]) == b["of"]["poisson"]["cost_usd_month"], mine["cost_usd_month"])
text = " ".join(keepwarm("run", "s.json", "-q")[1].split())
check("in words", "buckets requests of a bucket are taken to come at random (buckets=poisson): $" in text and
      "at equal gaps (buckets=even): $" in text and "all as it begins (buckets=begin): $" in text and
      "It does not matter here" in text, text[-600:])

# What the trace looks like in each way, and where to ask what it makes of an answer.
b = json.loads(keepwarm("trace", "info", "usage.csv", "--json")[1])
spreads = b["bucket_arrivals"]["of"]
check("info compares them", b["bucket_arrivals"]["taken"] == "poisson" and sorted(spreads) == ["begin", "even", "poisson"] and
      spreads["poisson"]["peak_minute_over_mean"] == round(b["peak_minute_over_mean"], 5) and
      spreads["even"]["interarrival_cv"] < 0.3 < spreads["poisson"]["interarrival_cv"] < 2 < spreads["begin"]["interarrival_cv"] and
      spreads["begin"]["empty_minutes"] == b["minutes"] - 48, b["bucket_arrivals"])
text = keepwarm("trace", "info", "usage.csv")[1]
check("in words, too", "all as a bucket begins (buckets=begin)" in text and "`keepwarm run` and `plan` say" in text and
      [l for l in text.splitlines() if l.endswith("  taken")][0].startswith("at random"), text)
with open("usage.csv") as f:
    check("stdin is read once", "bucket_arrivals" not in keepwarm("trace", "info", "-", "--json", stdin=f)[1])

# From zero, requests a minute apart keep a replica alive all hour, and all at once wake it once.
scenario(keep_warm=0, idle_timeout_s="120")
b = json.loads(keepwarm("run", "s.json", "--json", "-q")[1])["bucket_arrivals"]
check("from zero it matters", b["matters"] and b["of"]["begin"]["cost_usd_month"] < 0.5 * b["of"]["even"]["cost_usd_month"] and
      not b["of"]["begin"]["feasible"] and "miss" in b["of"]["begin"], b)
check("and is said", "It matters: the log of the requests themselves" in " ".join(keepwarm("run", "s.json", "-q")[1].split()))

# What the columns say is what is taken, and is read with speed and window as the answer is.
scenario(keep_warm=1, trace={"columns": "buckets=begin", "from_s": 0, "to_s": 86400, "speed": 2})
code, out, err = keepwarm("run", "s.json", "--json", "-q")
b = json.loads(out)["bucket_arrivals"]
point = json.loads(out)["points"][0]
check("buckets=begin is taken", b["taken"] == "begin" and point["ttft_p95_s"] == b["of"]["begin"]["ttft_p95_s"], (b, err))
check("of the same window", abs(b["of"]["even"]["cost_usd_month"] - float(point["cost_usd_month"])) <
      0.02 * float(point["cost_usd_month"]), (b, point["cost_usd_month"]))

code, out, err = keepwarm("plan", "--trace", "usage.csv", "--model", "llama-3.1-8b", "--slo", "ttft_p95=2s", "-p", "modal", "-q", "--json")
b = json.loads(out).get("bucket_arrivals", {})
check("a plan tells it of its recommendation", b.get("taken") == "poisson" and len(b["of"]) == 3, b)
with open("usage.csv") as f:
    scenario(keep_warm=1, trace={"file": "-"})
    code, out, err = keepwarm("run", "s.json", "--json", "-q", stdin=f)
check("of a pipe nothing is read twice", code == 0 and "bucket_arrivals" not in json.loads(out), err)
with open("rows.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join("%d.5,500,100\n" % (60 * i) for i in range(200)))
scenario(keep_warm=1, trace={"file": "rows.csv"})
check("of requests there are none", "bucket_arrivals" not in json.loads(keepwarm("run", "s.json", "--json", "-q")[1]))
check("info names the way", "at random times (buckets=poisson, run and plan" in " ".join(keepwarm("trace", "info", "usage.csv")[1].split()))
code, out, err = keepwarm("trace", "info", "usage.csv", "--columns", "buckets=batch")
check("an unknown way is refused", code == 2 and "buckets is poisson, even or begin, not 'batch'" in err, err)

# Results of a load test at a rate keep no start times either; without a rate they follow, and nothing is compared.
def load_test(rate, limit):
    n = 200
    with open("bench.jsonl", "w") as f:
        json.dump({"dataset_name": "random", "random_input_len": 9, "request_rate": rate, "max_concurrency": limit,
                   "input_lens": [500 + i for i in range(n)], "output_lens": [20] * n, "ttfts": [0.2] * n,
                   "itls": [[0.01] * 19] * n, "errors": [""] * n}, f)
load_test(0.5, None)
scenario(keep_warm=1, trace={"file": "bench.jsonl"})
b = json.loads(keepwarm("run", "s.json", "--json", "-q")[1])["bucket_arrivals"]
check("of a load test, too", b["taken"] == "poisson" and b["of"]["begin"]["ttft_p95_s"] > 2 * b["of"]["even"]["ttft_p95_s"], b)
text = " ".join(keepwarm("run", "s.json", "-q")[1].split())
check("and says so", "requests of a load test are taken to come at random (buckets=poisson): $" in text, text[-600:])
text = keepwarm("trace", "info", "bench.jsonl")[1]
check("info compares them, too", "requests of a load test " in text and "all as a test begins (buckets=begin)" in text and
      "nan" not in text, text)
check("--strict refuses them", keepwarm("trace", "info", "bench.jsonl", "--strict")[0] == 2)
load_test(float("inf"), 4)
b = json.loads(keepwarm("trace", "info", "bench.jsonl", "--json", "--strict")[1])
check("starts that follow are no guess", "bucket_arrivals" not in b and b["load_tests"] == 1 and b["load_tests_drawn"] == 0 and
      abs(b["span_s"] - 50 * 0.39) < 1e-6 and b["observed_ttft_s"]["p50"] == 0.2, b)

report()
PY
