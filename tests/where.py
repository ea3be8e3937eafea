"""tests/where.py - the table "A rule in a minute" of ARCHITECTURE.md: each file is there and defines the name beside it. Run from
the top of the tree."""
import os
import re
import sys

with open("ARCHITECTURE.md", encoding="utf-8") as f:
    section = f.read().partition("\n## A rule in a minute\n")[2].partition("\n## ")[0]
rows = re.findall(r"^\| (.*?) *\| `(.*?)` *\| `(.*?)` *\|$", section, re.M)
lines = [line for line in section.split("\n") if line.startswith("|")]
failures = []
if len(rows) < 30:
    failures.append(f"{len(rows)} rules, want 30 at least")
if len(lines) != len(rows) + 2 or len({len(line) for line in lines}) != 1:
    failures.append("the table has a line that is no rule, or its columns are not aligned")
for rule, path, name in rows:
    if not os.path.isfile(path):
        failures.append(f"{rule}: no file {path}")
        continue
    with open(path, encoding="utf-8") as f:
        text = f.read()
    # A function's body or a struct's fields begin here: a call, a comment or a prototype alone is not where a rule stands.
    function = rf"^[a-z][\w \*]*[ \*]{name}\([^;{{}}]*\)\s*\{{"
    if not re.search(rf"{function}|^struct {name} \{{|^enum {name} \{{", text, re.M):
        failures.append(f"{rule}: {path} does not define {name}")
for line in failures:
    print("FAIL " + line)
print(f"{max(0, len(rows) - len(failures))} passed, {len(failures)} failed")
sys.exit(bool(failures))
