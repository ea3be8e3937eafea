#!/bin/sh
# What cannot be bought is never recommended, is told with its day, and runs only where it is asked for; what was not seen
# for long or ends soon is marked. The day is KEEPWARM_TODAY, or the scenario's as_of.
# usage: KEEPWARM=path/to/keepwarm test_sale.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import json, os, random, subprocess
from tests.checks import KW, check, own_folder, report

own_folder()

def kw(*args, today="2026-11-29"):
    env = dict(os.environ)
    env.pop("KEEPWARM_TODAY", None)
    if today:
        env["KEEPWARM_TODAY"] = today
    r = subprocess.run([KW, *args], capture_output=True, text=True, env=env)
    return r.returncode, r.stdout, r.stderr

r = random.Random(1)
with open("t.csv", "w") as f:
    at = 0.0
    f.write("arrival,prompt,output\n")
    for i in range(300):
        at += r.expovariate(0.3)
        f.write("%.3f,%d,%d\n" % (at, r.randint(100, 300), r.randint(50, 100)))

def scenario(name, **top):
    s = {"keepwarm": 1, "trace": {"file": "t.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output"},
         "replications": 1, "slo": {"ttft_p95_s": "5"}}
    s.update(top)
    json.dump(s, open(name, "w"))
    return name

APIS = ["groq", "bedrock", "openai", "gemini"]
plan = scenario("plan.json", model="llama-3.1-8b", candidates={"platforms": ["groq", "bedrock"]})
rc, out, err = kw("plan", plan, "--json", "-q")
p = json.loads(out)
gone = [d for d in p["left_out"] if d["not_on_sale"]]
check("an ended offer is left out with its day and who says so",
      len(gone) == 1 and gone[0]["what"] == "groq llama-3.1-8b" and gone[0]["why"].startswith("ended 2026-08-16 (console.groq.com"), gone)
check("it is no candidate", all("groq" not in q["label"] for q in p["points"]))
rc, out, err = kw("plan", plan, "-q")
check("it is told in the table's text", "groq llama-3.1-8b: ended 2026-08-16" in out.replace("\n              ", " "), out)
check("when the winner was seen stands in the recommendation", "on sale     last seen 2026-08-21" in out, out)
rc, out2, err = kw("plan", plan, "-q", "-o", "plan.h5")
rc, out2, err = kw("report", "plan.h5", "-o", "plan.html")
page = open("plan.html").read()
check("the page says so too", "last seen 2026-08-21" in page and "its latency was not measured; that of Llama-2-13B" in page and
      "groq llama-3.1-8b: ended 2026-08-16" in page, err)
check("whose latency stands in too", "latency     bedrock llama-3.1-8b: its latency was not measured; that of Llama-2-13B chat" in out, out)
check("not seen for long is marked and explained", "100†" in out and "† not seen for long" in out, out)
check("its grade counts a step lower", json.loads(kw("plan", plan, "--json", "-q")[1])["points"][0]["grade"] == "unknown")

rc, out, err = kw("plan", plan, "--json", "-q", today="2026-08-15")
check("the day before it is one", any("groq" in q["label"] for q in json.loads(out)["points"]))
rc, out, err = kw("plan", plan, "--json", "-q", "--set", "as_of=2026-08-15")
check("as_of says the day as well", any("groq" in q["label"] for q in json.loads(out)["points"]))
rc, out, err = kw("plan", plan, "-q", "--set", "as_of=2026-08-15")
check("what ends within the month is marked", "‡" in out and "ends within the month" in out, out)
rc, out, err = kw("plan", plan, "-q", "--set", "as_of=soon")
check("as_of wants a day", rc == 2 and "plan.json:1: as_of: want a day, YYYY-MM-DD; got 'soon'" in err, err)
rc, out, err = kw("plan", plan, "-q", today="yesterday")
check("KEEPWARM_TODAY wants one", rc == 2 and "KEEPWARM_TODAY: want YYYY-MM-DD, got 'yesterday'" in err, err)

run = scenario("run.json", model="llama-3.1-8b", deployments=[{"name": "g", "platform": "groq"}])
rc, out, err = kw("run", run)
check("run simulates it with a warning", rc in (0, 3) and
      "warning: groq llama-3.1-8b cannot be bought: ended 2026-08-16" in err and "on sale     ended 2026-08-16" in out, err)
rc, out, err = kw("run", run, today="2026-08-15")
check("none while it is sold", "warning" not in err, err)
rc, out, err = kw("plan", scenario("both.json", model="llama-3.1-8b", deployments=[{"name": "g", "platform": "groq"}],
                                   candidates={"platforms": ["groq", "bedrock"]}), "--json", "-q")
p = json.loads(out)
check("what is written is not recommended either", all("groq" not in q["label"] for q in p["points"]) and
      any(d["what"] == "as written: groq llama-3.1-8b" for d in p["left_out"]), p["left_out"])

# --- a result keeps its day: judged again on another it is the same
rc, out, err = kw("plan", plan, "-q", "-o", "a.h5", today="2026-08-15")
rc2, out2, err2 = kw("rerun", "a.h5", "-q", "-o", "b.h5", today="2026-11-29")
check("rerun judges as the run did", out == out2 and "groq" in out, (err, err2))

# --- a platform of the user's own
mine = {"keepwarm_platform": 1, "name": "mine", "title": "Mine", "kind": "api",
        "sources": {"c": {"source": "our contract", "date": "2020-01-01", "grade": "user"},
                    "l": {"source": "a list", "date": "2026-11-01", "grade": "published"}},
        "apis": [{"model": "llama-3.1-8b", "sku": "m", "src": "c", "in_mtok": "0.01", "out_mtok": "0.01",
                  "ttft_s": {"constant": "0.1"}, "output_rate": {"constant": "100"}}], "retry": {"src": "c", "max_attempts": 1}}
json.dump(mine, open("mine.json", "w"))
own = scenario("own.json", model="llama-3.1-8b", candidates={"platforms": ["mine.json"]})
rc, out, err = kw("plan", own, "-q")
check("a price of one's own needs no sighting", rc == 0 and "†" not in out and "on sale     your own" in out, out + err)
mine["apis"][0]["available_from"] = {"value": "2027-01-01", "src": "l"}
json.dump(mine, open("mine.json", "w"))
rc, out, err = kw("plan", own, "-q")
check("what is not sold yet is none", rc == 2 and "mine llama-3.1-8b: sold from 2027-01-01 on" in err, err)
rc, out, err = kw("platforms", "check", "mine.json")
check("check tells it", rc == 0 and "llama-3.1-8b: sold from 2027-01-01 on" in out, out + err)

rc, out, err = kw("platforms", "list")
check("list counts what is sold", "groq" in out and "3/7" in out and "on 2026-11-29" in out, out)
rc, out, err = kw("platforms", "show", "groq")
check("show says when each is", "llama-3.1-8b: deprecated; ended 2026-08-16" in out and "gpt-oss-20b: last seen 2026-09-05" in out, out)

# --- an API without latency is planned by its cost, with its objective not known
for name, model in (("openai", "gpt-6-luna"), ("anthropic", "claude-haiku-5.5"), ("gemini", "gemini-3.5-flash-lite")):
    rc, out, err = kw("plan", scenario("c.json", model=model, candidates={"platforms": [name]}), "--json", "-q")
    q = json.loads(out)["points"] if out else []
    check("%s %s is ranked by its cost" % (name, model), rc == 3 and len(q) == 1 and q[0]["cost_usd_month"] > 0 and
          not q[0]["feasible"] and q[0]["miss"] == "latency not known", (rc, err, q and q[0]["miss"]))
# --- each platform that serves models on GPUs can be planned, or says what would mend it
for q in [l.split()[0] for l in kw("platforms", "list")[1].split("\n\n")[0].split("\n")[1:]]:
    name = q.rstrip("*~")
    s = scenario("c.json", model="llama-3.1-8b", slo={"ttft_p95_s": "600"}, candidates={"platforms": [name], "exhaustive": False})
    rc, out, err = kw("plan", s, "-q")
    if q.endswith("~"):
        mend = [l.split(None, 1)[1] for l in kw("platforms", "list")[1].split("\n") if l.startswith("  " + name + " ")]
        check(name + " says what would mend it", len(mend) == 1 and ("does not offer" in err or mend[0] in err), (rc, mend, err))
    elif name not in ("groq", "together-api", "fireworks-api", "openai", "anthropic", "gemini"): # whose 8B has ended, or which never had one
        check(name + " is planned", rc in (0, 3) and "Recommendation" in out, (rc, err))
# --- a machine of one GPU cannot hold a replica of two, one of eight holds four: it is taken, but not for the one that was named
def lambda_gpus(gpu):
    return kw("run", scenario("tp.json", model="llama-3.1-8b", deployments=[{"platform": "lambda", "gpu": gpu, "tp": 2, "replicas": 4}]), "-q")

rc, out, err = lambda_gpus("H100")
check("the machine that holds a replica of two", rc in (0, 3) and "1 x 8x H100 SXM (8 GPUs), 4 replicas of tp 2" in out, (rc, out[:900], err))
rc, out, err = lambda_gpus("1x H100 SXM")
check("the machine that was named", rc == 2 and "no replica of 2 H100: it sells 1 to 1" in err, (rc, err))
report()
PY
