#!/bin/sh
# Replicas kept warm by days and hours of the local week: what a run, a sweep, a plan and a result opened again make of them, and
# what is refused. An office whose traffic comes from nine to ten by the clocks of Berlin, in the week in which these are put forward.
# usage: KEEPWARM=path/to/keepwarm test_schedule.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import json, os, subprocess
from tests.checks import KW, check, own_folder, report

own_folder()

def kw(*args, code=0):
    p = subprocess.run([KW, *args], capture_output=True, text=True)
    check("exit %d" % code, p.returncode == code, (args, p.returncode, p.stdout[-300:], p.stderr))
    return p.stdout if code == 0 else p.stderr

# Monday 2026-03-23 to Tuesday 2026-03-31: on the 29th 09:00 becomes 07:00 by UTC.
with open("t.csv", "w") as f:
    f.write("arrival,prompt,output\n")
    for day in range(9):
        for i in range(180):
            hour = 8 if day < 6 else 7
            f.write("2026-03-%02dT%02d:%02d:%02dZ,400,50\n" % (23 + day, hour, i // 3, i % 3 * 20))
with open("undated.csv", "w") as f:
    f.write("arrival,prompt,output\n" + "".join("%d,400,50\n" % (20 * i) for i in range(180)))
TRACE = {"file": "t.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output"}
DAILY = {"timezone": "Europe/Berlin", "rules": [{"from": "09:00", "to": "10:00", "keep_warm": 1}], "otherwise": 0}
COLD = {"provision": {"constant": "30"}, "pull": {"constant": "30"}, "load": {"constant": "30"}, "init": {"constant": "30"}}

def scenario(schedule, name="s.json", trace=TRACE, **more):
    pool = dict({"name": "pool", "platform": "modal", "gpu": "L4", "precision": "fp8", "max_replicas": 2, "cold_start": COLD}, **more.pop("pool", {}))
    if schedule:
        pool["schedule"] = schedule
    json.dump(dict({"keepwarm": 1, "trace": trace, "model": "llama-3.1-8b", "replications": 1, "deployments": [pool]}, **more), open(name, "w"))
    return name

def point(*args):
    return json.loads(kw("run", *args, "--json"))["points"][0]

warm, utc = point(scenario(DAILY)), point(scenario(dict(DAILY, timezone="UTC")))
without, cold = point(scenario(None)), point(scenario(dict(DAILY, lead_s="0")))
check("none is cold, in summer time neither", warm["cold_fraction"] == 0 and without["cold_fraction"] > 0.03, (warm["cold_fraction"], without["cold_fraction"]))
check("the clocks are Berlin's", utc["cold_fraction"] > 0.03, utc["cold_fraction"])
check("without a lead the first ones wait", cold["cold_fraction"] > 0.03, cold["cold_fraction"])
check("a start a day", warm["cold_starts"] == 9, warm["cold_starts"])
text = kw("run", scenario(DAILY), "-o", "r.h5")
said = " ".join(text.split())
check("as written", "schedule=0-1 (daily 09:00-10:00: 1; otherwise 0; Europe/Berlin, started a start's time before)" in said, said[:900])
again = json.loads(kw("reprice", "r.h5", "--json"))["points"][0]
check("opened again", again["label"] == warm["label"] and again["cost_usd_month"] == warm["cost_usd_month"] and
      json.dumps(again["settings"] if "settings" in again else "") == json.dumps(warm["settings"] if "settings" in warm else ""), (again, warm))
kw("rerun", "r.h5", "-o", "r2.h5")
kw("report", "r.h5", "-o", "r.html")
check("on the page", "daily 09:00-10:00: 1; otherwise 0" in open("r.html").read())
os.environ["TZDIR"] = "/nowhere"
check("a result needs no clocks", json.loads(kw("reprice", "r.h5", "--json"))["points"][0]["label"] == warm["label"])
check("a run says what it needs", "install tzdata" in kw("run", "s.json", code=2))
kw("run", scenario(dict(DAILY, timezone="UTC")))
del os.environ["TZDIR"]

# A sweep makes each point's own floor: the same figures as by themselves.
P = "deployments[pool].schedule"
scenario(DAILY, sweep={P + ".lead_s": ["auto", "0"], P + ".rules[0].keep_warm": [1, 2], P + ".timezone": ["Europe/Berlin", "UTC"]})
points = json.loads(kw("sweep", "s.json", "--json"))["points"]
check("eight points", len(points) == 8 and len({p["label"] for p in points}) == 8)
check("each as by itself", any(p["cost_usd_month"] == warm["cost_usd_month"] and p["cold_fraction"] == 0 for p in points) and
      any(p["cost_usd_month"] == cold["cost_usd_month"] for p in points) and any(p["cost_usd_month"] == utc["cost_usd_month"] for p in points))
check("any number of threads", kw("sweep", "s.json", "--json", "-j", "1") == kw("sweep", "s.json", "--json", "-j", "3"))

# A plan holds it against its own candidates, which keep a number warm; other volumes have no hours, so there it is not.
scenario(DAILY, slo={"cold_fraction": "0.001"}, candidates={"platforms": ["modal"], "gpus": ["L4"], "precisions": ["fp8"], "keep_warm": [0, 1]}, as_of="2026-05-01")
plan = json.loads(kw("plan", "s.json", "--json"))
own = [p for p in plan["points"] if "schedule=" in p["label"] and "as written" in p["label"]]
check("in a plan", len(own) == 1 and own[0]["cost_usd_month"] == warm["cost_usd_month"], [p["label"] for p in plan["points"]])
# The plan's own one is a candidate that costs what it says, no less than its bound and less than any number kept all the time.
found = plan["schedules"][0]
mine = plan["points"][int(found["point"])]
check("the plan's own", len(plan["schedules"]) == 1 and mine["cost_usd_month"] == found["usd_month"] and mine["feasible"] and
      found["bound_usd_month"] <= found["usd_month"] < 0.5 * found["constant_usd_month"], found)
check("its hours", found["timezone"] == "UTC" and found["otherwise"] == 0 and {r["keep_warm"] for r in found["rules"]} == {1} and
      all(r["from"] in ("07:00", "08:00") for r in found["rules"]), found)
scenario(dict(found, **{"rules": found["rules"]}) and {k: found[k] for k in ("timezone", "rules", "otherwise")})
check("written down it is the same", abs(point("s.json")["cost_usd_month"] - found["usd_month"]) < 1e-9)
text = kw("plan", scenario(DAILY, slo={"cold_fraction": "0.001"}, candidates={"platforms": ["modal"], "gpus": ["L4"], "precisions": ["fp8"], "keep_warm": [0, 1]}, as_of="2026-05-01"), "-o", "p.h5")
check("in the text", "Schedules: replicas kept warm by the hour of the week" in text and "no less" in text, text[-900:])
kw("report", "p.h5", "-o", "p.html")
check("on the plan's page", "replicas kept warm by the hour of the week" in open("p.html").read())
off = json.loads(kw("plan", "s.json", "--json", "--set", "candidates.schedules=false"))
check("switched off", off["schedules"] == [])
kw("plan", "s.json", "--json", "--volume", "100M")
forecast = {"prewarm": {"forecast": "seasonal"}, "keep_warm": 0}
scenario(None, pool=forecast, candidates={"platforms": ["modal"], "gpus": ["L4"], "precisions": ["fp8"], "keep_warm": [0, 1]}, as_of="2026-05-01")
check("a forecast too", sum("prewarm=" in p["label"] and "as written" in p["label"] for p in json.loads(kw("plan", "s.json", "--json", "-o", "p.h5", "--volume", "100M"))["points"]) == 1)
kw("report", "p.h5", "-o", "p.html")

# What makes it happen: lines for a crontab, two minutes before a start of two minutes is needed; a platform's own schedules by name.
said = " ".join(kw("run", scenario(DAILY), "-q").split())
check("a cron calls the API", "with CRON_TZ=Europe/Berlin: 58 8 * * * python -c" in said and "update_autoscaler(min_containers=1)" in said and
      "0 10 * * * python -c" in said and "update_autoscaler(min_containers=0)" in said and "was not found; its API (published," in said, said[:1500])
own = {"platform": "sagemaker", "gpu": "A10G", "precision": "bf16"}
said = " ".join(kw("run", scenario(dict(DAILY, rules=[{"days": "mon-fri", "from": "09:00", "to": "10:00", "keep_warm": 1}]), pool=own, slo={"error_fraction": "1"}), "-q").split())
check("schedules of its own", "has schedules of its own (published" in said and '--schedule "cron(58 8 ? * MON-FRI *)" --timezone Europe/Berlin --scalable-target-action MinCapacity=1' in said and
      "keepwarm-2" in said, said[:1500])
said = " ".join(kw("run", scenario(DAILY, pool={"platform": "beam", "gpu": "RTX4090"}), "-q").split())
check("what nobody found", "how a program changes what it keeps warm was not found; by the clocks of Europe/Berlin: 58 8 * * * 1 replica 0 10 * * * 0 replicas" in said, said[:1500])
shown = kw("platforms", "show", "sagemaker")
check("told of the platform", "replicas kept warm by the hour: the platform has schedules of its own" in shown and "MinCapacity={n}" in shown)
check("and where it is not known", "what sets their number from a program was not found" in kw("platforms", "show", "beam"))

def refused(what, *fragments, **more):
    said = kw("run", scenario(more.pop("schedule", DAILY), **more), "-q", code=2)
    check(what, said.count("\n") == 1 and all(f in said for f in fragments), said)

AT = "deployments[0].schedule"
refused("no weekdays", AT, "no weekdays", trace=dict(TRACE, file="undated.csv"))
refused("no weekdays when played faster", AT, "no weekdays", trace=dict(TRACE, speed=2))
refused("a forecast beside it", AT, '"prewarm"', pool=dict(forecast, keep_warm=None))
refused("said twice", "deployments[0].keep_warm", "schedule.otherwise", pool={"keep_warm": 1})
refused("more than there can be", AT + ".rules[0].keep_warm", schedule=dict(DAILY, rules=[{"keep_warm": 3}]))
refused("no zone", AT + ".timezone", "there is no time zone 'Europe/Bonn'", schedule=dict(DAILY, timezone="Europe/Bonn"))
refused("no days", AT + ".rules[0].days", "'mo-fr'", schedule=dict(DAILY, rules=[{"days": "mo-fr", "keep_warm": 1}]))
refused("no time", AT + ".rules[0].from", "'9:00'", schedule=dict(DAILY, rules=[{"from": "9:00", "keep_warm": 1}]))
refused("no length", AT + ".rules[0].to", "another time", schedule=dict(DAILY, rules=[{"from": "09:00", "to": "09:00", "keep_warm": 1}]))
refused("no rules", AT, "rules", schedule={"rules": []})
refused("an unknown key", AT + ".rules[0]", "hours", schedule={"rules": [{"keep_warm": 1, "hours": 3}]})
refused("too many changes", AT + ".rules[", "168", schedule={"rules": [{"from": "%02d:%02d" % (h, m), "to": "%02d:%02d" % (h, m + 10), "keep_warm": 1} for h in range(24) for m in (0, 20, 40)]})
report()
PY
