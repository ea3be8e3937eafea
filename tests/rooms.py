"""tests/rooms.py - the order of the rooms, as the #include lines have it (ARCHITECTURE.md draws it): who may include whom, own
header first, no circles of files. Run from the top of the tree."""
import os
import re
import sys

# From left to right. Code includes its own room and what stands in rows above it; rooms of one row do not know each other.
# A folder belongs to the longest name here that it starts with.
ROOMS = """
sim/core
workloads  platforms  engine
calibrate
sim/fleet
sim/cost   calibrate/validate
sim/plan   sim/watch
sim/io
sim/cli
tests
"""
# Within a room, folder by folder: what each may include beside itself.
FOLDERS = {
    "sim/core": "sim/core/files",
    "sim/core/files": "sim/core",
    "workloads": "workloads/readers",
    "workloads/readers": "workloads",
    "platforms/catalogues": "platforms/facts",
    "platforms/facts": "platforms/network",
    "platforms/network": "",
    "engine": "engine/model engine/scheduler engine/text",
    "engine/model": "engine",  # weights are loaded into a backend's memory
    "engine/scheduler": "",  # one for engine and simulator: it knows neither
    "engine/text": "",
    "engine/cpu": "engine engine/model",
    "engine/cuda": "engine engine/model",
    "engine/serve": "engine",
    "calibrate/profile": "",
    "calibrate/api": "",
    "calibrate/operators": "calibrate/profile calibrate/import",  # operators.c collects what the importers read
    "calibrate/import": "calibrate/profile calibrate/operators",
    "calibrate/measure": "calibrate/profile calibrate/operators",
    "calibrate/observe": "calibrate/own",
    "calibrate/own": "calibrate/profile calibrate/operators calibrate/measure calibrate/import",
    "calibrate/validate": "calibrate/profile calibrate/measure",  # a room of its own, beside sim/cost
    "sim/fleet": "sim/fleet/pool sim/fleet/api",
    "sim/fleet/scalers": "sim/fleet",
    "sim/fleet/balancers": "sim/fleet",
    "sim/fleet/api": "sim/fleet",
    "sim/fleet/pool": "sim/fleet sim/fleet/api sim/fleet/balancers sim/fleet/scalers",
    "sim/cost": "",
    "sim/watch": "",
    "sim/plan/sweep": "",
    "sim/plan/schedule": "sim/plan/sweep",
    "sim/plan": "sim/plan/schedule sim/plan/sweep",
    "sim/io/scenario": "",
    "sim/io/results": "sim/io/scenario",
    "sim/io": "sim/io/scenario sim/io/results",
    "sim/cli": "sim/cli/commands",
    "sim/cli/commands": "sim/cli",
}
# Circles of files (x.c and x.h as one) that stand: a public header on the left whose .c stands on the right.
CIRCLES = [
    "calibrate/import/fit_bench calibrate/import/fit_layers calibrate/operators/fit calibrate/operators/operators",
    "sim/fleet/disaggregated sim/fleet/lockstep sim/fleet/replica sim/fleet/replica_step",
    "sim/fleet/pool/parts sim/fleet/pool/pool",
    "sim/plan/plan sim/plan/plan_internal",
]
# Found by -I, for the host compiler that runs kernels (target.cuh says how): the only names that are no path from the top.
BY_FLAG = {"engine/cuda/target.cuh": ["emulate.h", "emulate_types.h"], "tests/gpu": ["emulate.h", "emulate_types.h"]}

failures = passed = 0


def check(what, wrong):
    global failures, passed
    if wrong:
        failures += 1
        print(f"FAIL {what}:")
        for line in sorted(wrong):
            print("  " + line)
    else:
        passed += 1


row_of = {room: row for row, line in enumerate(ROOMS.split("\n")) for room in line.split()}
TOPS = sorted({room.split("/")[0] for room in row_of})


def room_of(path):
    return max((room for room in row_of if path.startswith(room + "/")), key=len, default=None)


files, includes = set(), {}  # includes[file]: the names in its #include lines, in order; <...> keeps its brackets
for top in TOPS:
    for folder, _, names in os.walk(top):
        for name in names:
            if re.search(r"\.(c|h|cu|cuh|cpp|inc)$", name):
                path = os.path.join(folder, name)
                files.add(path)
                with open(path, encoding="utf-8") as f:
                    includes[path] = re.findall(r'^\s*#\s*include\s+(?:"([^"]+)"|(<[^>]+>))', f.read(), re.M)
                includes[path] = [quoted or system for quoted, system in includes[path]]

edges = {}  # [file]: files of ours that it includes
unknown, homeless = [], [path for path in files if room_of(path) is None]
for path in files:
    edges[path] = {name for name in includes[path] if name in files}
    for name in includes[path]:
        flagged = BY_FLAG.get(path) or BY_FLAG.get(os.path.dirname(path)) or []
        if name[0] != "<" and name not in files and name not in flagged:
            unknown.append(f"{path} includes \"{name}\"")
check("every file is in a room", homeless)
check("quoted includes are paths of files from the top of the tree", unknown)

wrong = []
for path in files:
    for other in edges[path]:
        a, b = room_of(path), room_of(other)
        if a != b and row_of[b] >= row_of[a]:
            wrong.append(f"{path} includes {other}: {b} is not to the left of {a}")
check("rooms include only rooms to their left", wrong)

check("folders and the table of folders are the same", [f"{folder}: {'no such folder' if folder in FOLDERS else 'not in FOLDERS'}"
      for folder in {os.path.dirname(p) for p in files if not p.startswith("tests/")} ^ set(FOLDERS)])
wrong, used = [], set()
for path in files:
    a = os.path.dirname(path)
    for other in edges[path]:
        b = os.path.dirname(other)
        used.add((a, b))
        if a != b and a in FOLDERS and a.split("/")[:2 if a.startswith("sim") else 1] == b.split("/")[:2 if b.startswith("sim") else 1] \
                and b not in FOLDERS[a].split():
            wrong.append(f"{path} includes {other}: {a} may not include {b}")
check("folders of a room include only what the table of folders says", wrong)
check("what the table of folders allows is used", [f"{a} includes nothing of {b} any more: strike it"
      for a in FOLDERS for b in FOLDERS[a].split() if (a, b) not in used])

wrong = []
for path in files:
    stem, kind = os.path.splitext(path)
    for own in (stem + ".h", stem + ".cuh"):
        if kind in (".c", ".cpp", ".cu") and own in files and (includes[path] or [""])[0] != own:
            wrong.append(f"{path} includes {(includes[path] or ['nothing'])[0]} before {own}")
check("a .c includes its own header first", wrong)

# Strongly connected sets (Tarjan, CACM 1973) of files, x.c and x.h as one: who changes one of a circle must read all of it.
after = {}
for path in files:
    stem = os.path.splitext(path)[0]
    after.setdefault(stem, set()).update(os.path.splitext(other)[0] for other in edges[path])
order, low, stack, circles = {}, {}, [], []


def visit(v):
    order[v] = low[v] = len(order)
    stack.append(v)
    for w in sorted(after[v]):
        if w not in order:
            visit(w)
        if w in stack:
            low[v] = min(low[v], low[w])
    if low[v] == order[v]:
        circle = stack[stack.index(v):]
        del stack[stack.index(v):]
        if len(circle) > 1:
            circles.append(" ".join(sorted(circle)))


for v in sorted(after):
    if v not in order:
        visit(v)
check("no circle of files but those listed", [f"{c}" for c in circles if c not in CIRCLES])
check("listed circles still stand", [f"{c}: it is open or another now, strike it" for c in CIRCLES if c not in circles])
print(f"{passed} passed, {failures} failed")
sys.exit(failures != 0)
