"""extremes.py KEEPWARM [--all]: extreme values in every numeric key of the scenario schema and of the platform schema. Each is refused
(exit 2) with one line that names a place, or gives a result (0, or 3 and 4: the objectives or the budget are not met, 1: not simulated, with a message):
never a signal, an assertion or a hang, and no figure of a result is below zero.

A few values a key; --all takes all of them, in every scenario that holds the key. The keys come from the schemas, so that a new one is tested without being written here: a key that no base scenario below can hold fails
the test."""
import concurrent.futures
import copy
import itertools
import json
import os
import subprocess
import sys
import tempfile

KW = os.path.abspath(sys.argv[1])
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
LIMIT_S = 60  # of one run; each takes milliseconds
passed = failed = 0
WORK = tempfile.mkdtemp()
os.chdir(WORK)


def check(name, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAIL", name, said, flush=True)


# ---- keys

def resolve(schema, node):
    while "$ref" in node:
        to = schema
        for part in node["$ref"].lstrip("#/").split("/"):
            to = to[part]
        node = to
    return node


def numeric(schema, node):
    """Whether a value of this node is a number or a decimal in a string."""
    node = resolve(schema, node)
    types = node.get("type", [])
    types = types if isinstance(types, list) else [types]
    if "integer" in types or "number" in types or "0-9" in node.get("pattern", "") and "[^" not in node.get("pattern", ""):
        return True
    return any(numeric(schema, x) for x in node.get("anyOf", []) + node.get("oneOf", []))


def leaves(schema, node, path=()):
    """Paths of numeric values: names, 0 for the items of a list, a name of our own for keys that are the user's."""
    node = resolve(schema, node)
    if node.get("type") == "object" or "properties" in node:
        for key, x in node.get("properties", {}).items():
            yield from leaves(schema, x, path + (key,))
        more = node.get("additionalProperties")
        if isinstance(more, dict) and more:
            yield from leaves(schema, more, path + ("*",))
    elif node.get("type") == "array" and isinstance(node.get("items"), dict):
        yield from leaves(schema, node["items"], path + (0,))
    elif numeric(schema, node):
        yield path
    for x in node.get("anyOf", []) + node.get("oneOf", []):
        x = resolve(schema, x)
        if x.get("type") in ("object", "array"):
            yield from leaves(schema, x, path)


def put(doc, path, v):
    """A copy with the value at path; None where the document has no such place and none can be made."""
    doc = copy.deepcopy(doc)
    at = doc
    for i, key in enumerate(path):
        last = i + 1 == len(path)
        if isinstance(key, int):
            if not isinstance(at, list):
                return None
            if not at:
                at.append({})
            if last:
                at[0] = v
            else:
                at = at[0]
            continue
        if not isinstance(at, dict):
            return None
        if key == "*":
            key = next(iter(at), "batch")
        if last:
            at[key] = v
        else:
            if not isinstance(at.get(key), (dict, list)):
                at[key] = [] if isinstance(path[i + 1], int) else {}
            at = at[key]
    return doc


# ---- values, as JSON writes them: a number and a text of each, and what is no number

NUMBERS = ["0", "-1", "1e-300", "1e300", "-1e300", "0.000000001", "4294967296", "9223372036854775807", "99999999999999999999999", "315360000"]
ALL = NUMBERS + ['"%s"' % x for x in NUMBERS] + ['"nan"', '"inf"', '""', "true", "null", "1e999"]
FEW = ['"0.000000001"', "4294967296", '"9223372036.854775807"', '"-1"', "0", "1e-300", "1e300", '"nan"']
THOROUGH = "--all" in sys.argv
VALUES = ALL if THOROUGH else FEW


def written(doc, path, text):
    mark = "@@value@@"
    doc = put(doc, path, mark)
    return None if doc is None else json.dumps(doc).replace('"%s"' % mark, text)


# ---- runs

with open("t.csv", "w") as f:
    f.write("arrival,prompt,output,class,model\n" + "".join("%d,%d,%d,%s,%s\n" % (i // 3 * 20, 300 + 40 * i, 20 + i, "ab"[i % 2], ("llama-3.1-8b", "x-1")[i % 2])
                                                          for i in range(60)))
with open("m.jsonl", "w") as f:  # prompts that share their first blocks
    f.write("".join(json.dumps({"timestamp": 5000 * i, "input_length": 2048, "output_length": 20, "hash_ids": [1, 2, 3, 10 + i]}) + "\n" for i in range(40)))
TRACE = {"file": "t.csv", "format": "generic", "columns": "arrival=arrival,prompt=prompt,output=output,class=class"}


def base(*deployments, **more):
    trace = {"trace": dict(TRACE)} if "trace" not in more else {}
    model = {} if deployments and all("model" in d for d in deployments) else {"model": "llama-3.1-8b"}
    return dict({"keepwarm": 1, "replications": 1, "deployments": list(deployments)}, **trace, **model, **more)


MODAL = {"name": "d", "platform": "modal", "gpu": "L4", "precision": "fp8"}
API = {"name": "d", "platform": "openai", "model": "gpt-4o", "ttft": {"constant": "0.4"}, "output_rate": {"constant": "80"}}
SPOT = {"name": "d", "platform": "crusoe", "gpu": "L40S", "precision": "fp8", "term": "spot",
        "spot": {"interruptions_per_hour": "2", "notice_s": "30", "restart_s": "60"}}
KPA = {"name": "d", "platform": "lambda", "gpu": "H100", "precision": "bf16", "autoscaler": "kpa", "max_replicas": 3, "node": {"provision_s": "60", "pull_s": "5"}}
BASES = [("run", base(MODAL, slo={"ttft_p95_s": "60"}, tco={"engineer": {"usd_month": "9", "share": {"serverless": "0.5"}}, "monitoring": {}})),
         ("run", base(dict(MODAL, platform="runpod", hard_concurrency=1))),
         ("run", base(API)),
         ("run", base(dict(API, cache={"min_tokens": 100, "step_tokens": 10}), trace={"file": "m.jsonl"})),
         ("run", base(dict(MODAL, stockout_probability=0.5, stockout_retry_s="5",
                           cold_start={"load_rate": {"constant": "1000000000"}, "cached_load_rate": {"constant": "2000000000"}, "cache_hit": 0.5,
                                       "restore": {"constant": "3"}, "snapshot_probability": 0.5}))),
         ("run", base(dict(MODAL, platform="baseten", gpu="A10G", precision="bf16"))),
         ("run", base(SPOT)),
         ("run", base(dict(SPOT, spot=dict(SPOT["spot"], on_demand_fallback=True)))),
         ("run", base(KPA)),
         ("run", base({"name": "d", "platform": "openai", "model": "gpt-4o", "term": "batch", "batch": {}})),
         ("run", base(dict(MODAL, region="eu-west"), regions={"eu-west": "1"}, rtt_s={"eu-west": {"eu-west": "0.1"}})),
         ("run", base({"name": "d", "platform": "lambda", "gpu": "H100", "precision": "bf16", "lora": {}}, trace=dict(TRACE, columns=TRACE["columns"] + ",model=model"),
                      adapters=[{"models": ["x-*"], "base": "llama-3.1-8b", "rank": 16}])),
         ("run", base(MODAL, dict(API, name="e"), routing={"policy": "split", "shares": [0.5, 0.5]}, slo={"classes": {"a": {"ttft_p95_s": "9"}}})),
         ("run", base(MODAL, dict(API, name="e"), routing={"policy": "overflow", "overflow_at": 2})),
         ("run", base(MODAL, dict(API, name="e"), migration={"from": "e", "to": "d", "steps": [0.5]})),
         ("sweep", base(MODAL, sweep={"deployments[d].keep_warm": [0, 1]}))]
PLAN = ("plan", dict({k: v for k, v in base().items() if k != "deployments"},
                     candidates={"platforms": ["modal", "crusoe"], "gpus": ["L4", "L40S"], "precisions": ["fp8"], "terms": ["on_demand", "spot"],
                                 "keep_warm": [0, 1], "autoscalers": ["kpa"], "node": {"provision_s": "60", "pull_s": "5"}, "spot": {"interruptions_per_hour": "1"}}))


def run(job):
    name, command, text, files = job
    folder = tempfile.mkdtemp(dir=WORK)
    for file, content in files.items():
        with open(os.path.join(folder, file), "w") as f:
            f.write(content)
    for file in ("t.csv", "m.jsonl"):
        os.symlink(os.path.join(WORK, file), os.path.join(folder, file))
    with open(os.path.join(folder, "s.json"), "w") as f:
        f.write(text)
    try:
        p = subprocess.run([KW, command, "s.json", "--json", "-j", "1", "-q"], capture_output=True, text=True, cwd=folder, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return name, None, "no end in %d s" % LIMIT_S, ""
    return name, p.returncode, p.stderr, p.stdout


def negative(o, at=""):
    """Figures below zero that cannot be: but a credit, a unix time and what tells of none."""
    if isinstance(o, dict):
        for k, v in o.items():
            if k not in ("credit", "begin_unix_s", "best", "runner_up", "nearest_miss", "margin_left", "more_starts", "more_cost_usd", "move", "move_lo",
                         "move_hi", "stands"):
                yield from negative(v, at + "." + k)
    elif isinstance(o, list):
        for v in o:
            yield from negative(v, at + "[]")
    elif isinstance(o, (int, float)) and not isinstance(o, bool) and o < 0:
        yield at, o


def judge(jobs, what):
    accepted, counts = 0, {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, rc, err, out in pool.map(run, jobs):
            counts[rc] = counts.get(rc, 0) + 1
            good = rc in (0, 1, 2, 3, 4)
            said = err.strip()
            if rc == 2:
                good = said.startswith("keepwarm: ") and "\n" not in said
            elif rc in (1, 4):
                good = bool(said)
            elif good and out:
                said = list(negative(json.loads(out)))
                good = not said
                accepted += 1
            if not good:
                check(name, False, (rc, said))
    check("%s: %d values, %d accepted, by exit status %s" % (what, len(jobs), accepted, counts), len(jobs) > 500 and accepted > 20)
    if THOROUGH:
        print(what, len(jobs), "values,", accepted, "accepted, by exit status", counts)


def known(command, doc, path, valid='"1"'):
    """Whether the scenario may have that key: it is not refused as one that it does not know or that has no meaning there."""
    text = written(doc, path, valid)
    if text is None:
        return False
    _, rc, err, _ = run(("", command, text, {}))
    return not (rc == 2 and any(x in err for x in ("unknown key", "has no meaning", "are of ", "is of ", "only of", "is for ")))


def schema_of(path):
    with open(os.path.join(TOP, path)) as f:
        return json.load(f)


schema = schema_of("sim/io/scenario/scenario.schema.json")
paths = sorted(set(leaves(schema, schema)), key=str)
jobs, nowhere = [], []
for path in paths:
    if path[0] in ("keepwarm", "sweep"):
        continue
    bases = [PLAN] if path[0] == "candidates" else list(itertools.islice((b for b in BASES if known(b[0], b[1], path)), 2 if THOROUGH else 1))
    if not bases:
        nowhere.append(path)
    for i, (command, doc) in enumerate(bases):
        for v in VALUES if i == 0 else VALUES[::2]:
            text = written(doc, path, v)
            if text:
                jobs.append(("%s %s = %s" % (command, ".".join(map(str, path)), v), command, text, {}))
check("every key has a place", not nowhere, nowhere)
judge(jobs, "scenario, %d keys" % len(paths))

# ---- platform files: every numeric fact of the schema, put into files of each kind
schema = schema_of("platforms/platform.schema.json")
paths = sorted({tuple(x for x in p if x != "value") if p[-1:] == ("value",) else p for p in leaves(schema, schema)}, key=str)
FILES = ["modal", "runpod", "huggingface", "fireworks", "vertex", "crusoe", "groq", "anthropic", "openai"]
platforms = {}
for name in FILES:
    with open(os.path.join(TOP, "platforms", name + ".json")) as f:
        platforms[name] = json.load(f)
knative = copy.deepcopy(platforms["modal"])
knative["scaling"] = {"src": "choice", "scaler": "kpa", "at_zero": "queue", "keep_warm": 0, "max_replicas": 5, "target": 4, "utilisation": 0.7, "eval_period_s": "2",
                      "scale_up_window_s": "60", "idle_timeout_s": "30", "max_up_rate": 1000, "max_down_rate": 2, "panic_threshold": 2, "panic_window_share": 0.1}
platforms["knative"] = knative
USE = {"groq": {"platform": "./p.json"}, "anthropic": dict(API, platform="./p.json", model="claude-sonnet-4.5"), "openai": dict(API, platform="./p.json"),
       "crusoe": dict(SPOT, platform="./p.json"), "fireworks": dict(MODAL, platform="./p.json", gpu="H100"),
       "vertex": dict(MODAL, platform="./p.json")}
jobs, nowhere = [], []
for path in paths:
    if path[0] == "keepwarm_platform":
        continue
    place = 0
    for name, p in platforms.items():
        if path[0] in ("gpus", "host", "scaling", "cold", "spot") and "apis" in p or path[0] in ("apis", "tiers", "cache", "batch") and "gpus" in p:
            continue
        if place == (9 if path[0] == "scaling" else 1):
            break
        place += 1
        use = json.dumps(base(dict(USE.get(name, dict(MODAL, platform="./p.json")), name="d")))
        for v in VALUES if place == 1 or THOROUGH else VALUES[:1]:
            text = written(p, path, v)
            if text:
                jobs.append(("%s.json %s = %s" % (name, ".".join(map(str, path)), v), "run", use, {"p.json": text}))
    if not place:
        nowhere.append(path)
check("every fact has a place", not nowhere, nowhere)
judge(jobs, "platforms, %d keys" % len(paths))
print("%d passed, %d failed, 0 skipped" % (passed, failed))
sys.exit(failed != 0)
