#!/bin/sh
# `platforms import` and --platforms FOLDER, from end to end: the table, the files, that a plan and a bill use the newer price, that
# a result names and pins the files it was made with, and that nothing half-written is left. Catalogues here are made by hand with
# invented prices. usage: KEEPWARM=path/to/keepwarm test_platforms_import.sh
set -u
KEEPWARM=${KEEPWARM:-build/keepwarm} exec python3 - <<'PY'
import copy, gzip, hashlib, json, os, resource, signal, subprocess
from tests.checks import KW, check, own_folder, report

REPO = os.getcwd()
own_folder()

def kw(*args, env={}, before=None, stdin=None):
    e = {k: v for k, v in os.environ.items() if k not in ("KEEPWARM_PLATFORMS", "KEEPWARM_PROFILES")}
    e.update(KEEPWARM_TODAY="2026-11-29", **env)
    r = subprocess.run([KW, *args], capture_output=True, text=stdin is None, env=e, preexec_fn=before, input=stdin)
    return r.returncode, r.stdout, r.stderr

def shipped(name):
    return open(os.path.join(REPO, "platforms", name + ".json")).read()

# Bedrock's llama-3.1-8b ships at 0.22 in and out; here it costs 0.11 in.
def entry(provider, in_token, out_token, **more):
    return dict({"litellm_provider": provider, "mode": "chat", "input_cost_per_token": in_token, "output_cost_per_token": out_token}, **more)
listed = {"sample_spec": {"mode": "words"}, "meta.llama3-1-8b-instruct-v1:0": entry("bedrock", 1.1e-07, 2.2e-07),
          "test.new-v1:0": entry("bedrock", 5e-07, 1e-06, max_input_tokens=4096),
          "groq/openai/gpt-oss-20b": entry("groq", 7.5e-08, 3e-07, deprecation_date="2027-05-01"),
          "nebius/m": entry("nebius", 1e-06, 1e-06)}
json.dump(listed, open("list.json", "w"))
DAY = ["--date", "2026-11-28"]

rc, out, err = kw("platforms", "import", "list.json", *DAY)
flat = " ".join(out.split())
check("what differs is told with both values, their day and the change", rc == 0 and "llama-3.1-8b in_mtok 0.22 undated 0.11 -50.0" in flat, out)
check("an end is told", "gpt-oss-20b ends - 2027-05-01" in flat and "status - deprecated" in flat, out)
check("an offer that is new here is told and not taken", "Offers that are new here: 1, 0 of them taken" in flat and "test.new-v1:0 test.new-v1:0 0.5 in, 1 out" in flat, out)
check("what the catalogue lacks is told", "On sale here and not in the catalogue" in flat and "groq: gpt-oss-120b, qwen3.6-27b" in flat, out)
check("what was left out is counted", "1 of providers that are no platform here: nebius 1" in flat, out)
check("nothing is written without -o", os.listdir(".") == ["list.json"], os.listdir("."))
check("no line is wider than 100 columns", max(map(len, out.split("\n"))) <= 100)
as_json = json.loads(kw("platforms", "import", "list.json", *DAY, "--json")[1])
row = [c for c in as_json[0]["changes"] if c["what"] == "taken" and c["offer"] == "llama-3.1-8b"]
check("as JSON", as_json[0]["form"] == "LiteLLM" and as_json[0]["sha256"] == hashlib.sha256(open("list.json", "rb").read()).hexdigest() and
      row and row[0]["here"] == "0.22" and row[0]["catalogue"] == "0.11" and row[0]["change_percent"] == -50.0, as_json)

rc, out, err = kw("platforms", "import", "list.json", *DAY, "-o", "newer")
check("a file a platform that changes", rc == 0 and sorted(os.listdir("newer")) == ["bedrock.json", "groq.json"] and err == "keepwarm: wrote newer/bedrock.json\nkeepwarm: wrote newer/groq.json\n" or
      sorted(os.listdir("newer")) == ["bedrock.json", "groq.json"] and rc == 0, err)
want = json.loads(shipped("bedrock"))
got = json.loads(open("newer/bedrock.json").read())
source = "litellm-2026-11-28"
check("the price carries its own source, date, grade and evidence", got["sources"].get(source, {}).get("date") == "2026-11-28" and
      got["sources"][source]["grade"] == "published" and got["sources"][source]["evidence"] == "T" and "BerriAI/litellm" in got["sources"][source]["source"], got["sources"].get(source))
offer = [a for a in got["apis"] if a["model"] == "llama-3.1-8b"][0]
check("the new value stands where the old one stood", offer["in_mtok"] == {"usd": "0.11", "src": source}, offer)
for a in want["apis"]:
    if a["model"] == "llama-3.1-8b":
        a["in_mtok"] = {"usd": "0.11", "src": source}
want["sources"][source] = got["sources"][source]
check("everything else is as it shipped", got == want)
rc, out, err = kw("platforms", "check", "newer/bedrock.json", "newer/groq.json")
check("platforms check passes them", rc == 0 and out.count(": valid: platform") == 2, out + err)

before = {n: open("newer/" + n).read() for n in os.listdir("newer")}
rc, out, err = kw("platforms", "import", "list.json", *DAY, "-o", "newer")
check("a second import finds no difference and writes nothing", rc == 0 and "No fact differs." in out and err == "keepwarm: nothing is newer: no file written\n" and
      before == {n: open("newer/" + n).read() for n in os.listdir("newer")}, out + err)
rc, out, err = kw("platforms", "import", "list.json", *DAY, "--platforms", "newer")
check("nor does one that starts from those files", rc == 0 and "No fact differs." in out, out)
older = copy.deepcopy(listed)
older["groq/openai/gpt-oss-20b"]["input_cost_per_token"] = 9e-08
json.dump(older, open("older.json", "w"))
rc, out, err = kw("platforms", "import", "older.json", "--date", "2026-08-20", "--platform", "groq", "-o", "old")
check("an older catalogue does not win, and that is said", rc == 0 and "in_mtok 0.075 2026-08-21 0.09 +20.0 newer here" in " ".join(out.split()) and not os.path.exists("old"), out + err)

# A plan pays the newer price, and its result knows by which file.
with open("t.csv", "w") as f:
    f.write("arrival,prompt,output\n")
    for i in range(200):
        f.write("%d,1000,100\n" % (3 * i))
json.dump({"keepwarm": 1, "trace": {"file": "t.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output"},
           "model": "llama-3.1-8b", "replications": 1, "slo": {"ttft_p95_s": "60"}, "candidates": {"platforms": ["bedrock"], "kinds": ["api"]}}, open("s.json", "w"))
def cost(*args, env={}):
    rc, out, err = kw("plan", "s.json", "-q", "--json", *args, env=env)
    check("plan " + " ".join(args), rc == 0, err)
    return json.loads(out)["points"][0]["cost_usd_month"] if rc == 0 else None
plain, newer, by_env = cost(), cost("--platforms", "newer"), cost(env={"KEEPWARM_PLATFORMS": "newer"})
# 1000 tokens in and 100 out: 242 to 132 parts
check("the plan's cost is that of the new price", plain and abs(newer / plain - 132 / 242) < 1e-9 and by_env == newer, (plain, newer, by_env))
rc, out, err = kw("plan", "s.json", "--platforms", "newer", "-o", "r.h5")
check("which files are used is said", "keepwarm: platforms of newer: bedrock, groq" in err, err)
rc, out, err = kw("rerun", "r.h5", "-q", "--json", "-o", "again.h5", env={"KEEPWARM_PLATFORMS": "/nowhere"})
check("a rerun takes the same files and no others", rc == 0 and json.loads(out)["points"][0]["cost_usd_month"] == newer, err)
text = open("newer/bedrock.json").read()
open("newer/bedrock.json", "w").write(text.replace('"0.11"', '"0.12"'))
rc, out, err = kw("rerun", "r.h5", "-q")
check("a rerun notices a file that is another by now", rc == 2 and "newer/bedrock.json: the result was made with a platform file of sha256" in err and err.count("\n") == 1, err)
rc, out, err = kw("rerun", "r.h5", "-q", "--force", "--json")
check("and goes on with --force", rc == 0 and json.loads(out)["points"][0]["cost_usd_month"] > newer, err)
open("newer/bedrock.json", "w").write(text)
rc, out, err = kw("reprice", "r.h5", "--json")
check("reprice says that it uses what is built in", "'bedrock' was the file newer/bedrock.json" in err and abs(json.loads(out)["points"][0]["cost_usd_month"] - plain) < 1e-9 * plain, err)
rc, out, err = kw("reprice", "r.h5", "--platforms", "newer", "--json")
check("reprice with the folder", rc == 0 and "was the file" not in err and abs(json.loads(out)["points"][0]["cost_usd_month"] - newer) < 1e-9 * newer, err)
os.mkdir("twice")
for n in "ab":
    open("twice/%s.json" % n, "w").write(text)
rc, out, err = kw("plan", "s.json", "-q", "--platforms", "twice")
check("two files of one name are refused", rc == 2 and "twice/b.json: the platform 'bedrock' is that of twice/a.json too" in err, err)
rc, out, err = kw("plan", "s.json", "-q", env={"KEEPWARM_PLATFORMS": "/nowhere"})
check("a variable that leads nowhere is named", rc == 2 and "of $KEEPWARM_PLATFORMS" in err, err)
rc, out, err = kw("platforms", "list", "--platforms", "newer")
check("platforms list", rc == 0 and "platforms of newer: bedrock, groq" in err, err)
rc, out, err = kw("platforms", "show", "bedrock", "--platforms", "newer")
check("platforms show", rc == 0 and "$0.11 per Mtok" in out and source in out, out[:300])

# Nothing half-written: a limit on file sizes stands for a full disk.
def small():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))
listed["meta.llama3-1-8b-instruct-v1:0"]["input_cost_per_token"] = 1e-07
json.dump(listed, open("next.json", "w"))
rc, out, err = kw("platforms", "import", "next.json", "--date", "2026-11-29", "-o", "newer", before=small)
check("a full disk leaves the file that was there", rc == 1 and err.startswith("keepwarm: newer/bedrock.json: ") and open("newer/bedrock.json").read() == text and
      sorted(os.listdir("newer")) == ["bedrock.json", "groq.json"], err)
rc, out, err = kw("platforms", "import", "next.json", "--date", "2026-11-29", "-o", "newer", "-q")
check("a later catalogue goes on from what lies there", rc == 0 and json.loads(open("newer/bedrock.json").read())["sources"].keys() >= {source, "litellm-2026-11-29"} and err == "", err)

# New offers, new platforms, several catalogues, gzip and stdin.
rc, out, err = kw("platforms", "import", "list.json", *DAY, "--add", "newest=test.new-v1:0", "-o", "added", "-q")
new = json.loads(open("added/bedrock.json").read())["apis"][-1]
check("--add takes an offer under a name", rc == 0 and new["model"] == "newest" and new["in_mtok"] == "0.5" and new["max_model_len"] == 4096 and new["src"] == source, new)
json.dump({"data": [{"id": "meta-llama/llama-3.3-70b-instruct", "context_length": 131072, "pricing": {"prompt": "0.00000013", "completion": "0.0000004"}},
                    {"id": "test/other", "pricing": {"prompt": "0.000001", "completion": "0.000002"}}]}, open("or.json", "w"))
with gzip.open("or.json.gz", "wb") as f:
    f.write(open("or.json", "rb").read())
rc, out, err = kw("platforms", "import", "or.json.gz", "list.json", *DAY, "-o", "two", "-q")
p = json.loads(open("two/openrouter.json").read())
check("OpenRouter becomes a platform, by neutral names where there are such", rc == 0 and [a["model"] for a in p["apis"]] == ["llama-3.3-70b", "test/other"] and p["kind"] == "api", p)
check("two catalogues at once", sorted(os.listdir("two")) == ["bedrock.json", "groq.json", "openrouter.json"], os.listdir("two"))
open("log.csv", "w").write("arrival,prompt,output\n0,1000000,1000000\n")
rc, out, err = kw("bill", "log.csv", "--platform", "openrouter", "--model", "llama-3.3-70b", "--platforms", "two", "--columns", "arrival=arrival,prompt=prompt,output=output", "--format", "generic", "--json", "-q")
check("a bill by a platform that an import made", rc == 0 and json.loads(out)["priced"]["usd"] == "0.53", out + err)
rc, out, err = kw("platforms", "import", "list.json", *DAY, "--platform", "nebius", "-o", "tokens", "-q")
check("a provider that is asked for becomes a platform, beside one of GPUs that has its name", rc == 0 and os.listdir("tokens") == ["nebius-api.json"], err)
rc, out, err = kw("platforms", "import", "-", *DAY, stdin=open("or.json", "rb").read())
check("from stdin", rc == 0 and b"stdin: OpenRouter of 2026-11-28, 2 offers" in out, (out[:200], err))
csv = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone\n"
open("vms.csv", "w").write(csv + "p5.48xlarge,H100,8,192,2048,,44,,us-east-1,us-east-1a\np5.48xlarge,H100,8,192,2048,,40,,us-west-9,a\n")
rc, out, err = kw("platforms", "import", "vms.csv", *DAY, "-o", "gpus", "-q")
h100 = [g for g in json.loads(open("gpus/aws.json").read())["gpus"] if g["sku"] == "p5.48xlarge"][0]
check("a GPU catalogue, by the GPU and of the file's region", rc == 0 and h100["hour"] == {"usd": "5.5", "src": "skypilot-2026-11-28", "note": "us-east-1; 44 for 8"} and "region us-east-1" in out, h100)
rc, out, err = kw("platforms", "import", "vms.csv", *DAY, "--region", "cheapest")
check("--region cheapest", rc == 0 and "p5.48xlarge hour 6.88 2026-11-09 5 -27.3" in " ".join(out.split()), out)

open("broken.json", "w").write('{ "a": { "litellm_provider": "openai", "mode": "chat",\n "input_cost_per_token": "dear" } }')
for name, args, code, said in [
        ("no such file", ["nowhere.json", *DAY], 2, "nowhere.json: No such file"),
        ("a directory", ["newer", *DAY], 2, "newer: "),
        ("another JSON", ["s.json", *DAY], 2, "s.json: want a catalogue of prices"),
        ("a word for a price", ["broken.json", *DAY], 2, "broken.json:2: a.input_cost_per_token: want a number; got 'dear'"),
        ("no date of stdin", ["-"], 2, "of which day is it? say --date YYYY-MM-DD"),
        ("a date that is none", ["list.json", "--date", "28.11.2026"], 2, "--date is '28.11.2026', want YYYY-MM-DD"),
        ("a day that is to come", ["list.json", "--date", "2026-11-30"], 2, "list.json: a catalogue of 2026-11-30, and today is 2026-11-29"),
        ("an offer that is not there", ["list.json", *DAY, "--add", "nosuch"], 2, "--add nosuch: no catalogue given has such an offer"),
        ("a platform that is not there", ["list.json", *DAY, "--platform", "nosuch"], 2, "--platform nosuch: no catalogue given has offers of it"),
        ("-o is a file", ["list.json", *DAY, "-o", "s.json"], 1, "s.json: Not a directory")]:
    rc, out, err = kw("platforms", "import", *args)
    check(name, rc == code and err.startswith("keepwarm: " + said) and err.count("\n") == 1, (rc, err))
os.utime("list.json", (1795737600, 1795737600))  # 2026-11-27
rc, out, err = kw("platforms", "import", "list.json")
check("without --date the day of the file, said", rc == 0 and "list.json: taken as of 2026-11-27" in err and "--date says otherwise" in err, err)
report()
PY
