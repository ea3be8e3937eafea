#!/usr/bin/python3
"""tests/mutation/run.py [-t TABLE] [-k WORD] [--fit] - makes the changes of tests/mutation/mutations.txt one at a time and says
which of them no test notices.

A row is   file | old text | new text | tests [| equivalent: why]   with \\n for a new line and # for a comment. The old
text must stand in the file (or in all the .c and .h of a folder) exactly once. The tests are names of tests/**/NAME.c. Each change is made in a copy of the
tree with a build folder of its own (build/mutation), only the tests named are built and run, and the file is put back.
A row that ends in `equivalent: why` changes nothing that can be seen: it must survive. Exit 1 when a change survives
that should not, or a row does not fit."""
import argparse, os, shutil, subprocess, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TREE = os.path.join(ROOT, "build", "mutation")
TIMEOUT_S = 300  # of one test: a change may well make a loop endless


def copy_tree():
    """The tracked and the new files; those that did not change keep their time, so that make builds little."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True,
                            text=True).stdout.splitlines()
    for name in listed:
        src, dst = os.path.join(ROOT, name), os.path.join(TREE, name)
        if not os.path.isfile(src):
            continue
        os.makedirs(os.path.dirname(dst), exist_ok=True)
        if not os.path.exists(dst) or open(src, "rb").read() != open(dst, "rb").read():
            shutil.copyfile(src, dst)
            shutil.copymode(src, dst)
    kept = set(listed)
    for folder, folders, files in os.walk(TREE):
        if folder == TREE and "build" in folders:
            folders.remove("build")
        for f in files:
            name = os.path.relpath(os.path.join(folder, f), TREE)
            if name not in kept:
                os.remove(os.path.join(TREE, name))


def rows(path):
    for number, line in enumerate(open(path), 1):
        line = line.rstrip("\n")
        if not line or line.startswith("#"):
            continue
        part = line.split(" | ")
        if len(part) not in (4, 5) or (len(part) == 5 and not part[4].startswith("equivalent: ")):
            sys.exit(f"{path}:{number}: want file | old | new | tests [| equivalent: why]")
        name, old, new, tests = part[:4]
        yield number, name, old.replace("\\n", "\n"), new.replace("\\n", "\n"), tests.split(), len(part) == 5


def place(name, old, tree=None):
    """The file and how often the old text stands in it, or in the folder."""
    path = os.path.join(tree or TREE, name)
    files = [os.path.join(path, f) for f in sorted(os.listdir(path)) if f.endswith((".c", ".h"))] \
        if os.path.isdir(path) else [path] if os.path.exists(path) else []
    hits = [(f, open(f).read().count(old)) for f in files]
    hits = [h for h in hits if h[1]]
    return (hits[0][0] if hits else path), sum(n for _, n in hits)


def test_program(name):
    for folder, _, files in os.walk(os.path.join(TREE, "tests")):
        if name + ".c" in files:
            return os.path.join("build", os.path.relpath(os.path.join(folder, name), TREE))
    sys.exit(f"no test is called {name}")


def build(programs):
    # A change may leave a variable unused: that must not stop it.
    return subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "CFLAGS=-w", *programs], cwd=TREE, capture_output=True,
                          text=True)


def noticed_by(programs):
    env = dict(os.environ, GOMP_SPINCOUNT="1000")
    for p in programs:
        try:
            done = subprocess.run([p], cwd=TREE, env=env, timeout=TIMEOUT_S, capture_output=True)
        except subprocess.TimeoutExpired:
            return f"{os.path.basename(p)} (still running after {TIMEOUT_S} s)"
        if done.returncode:
            return os.path.basename(p)
    return None


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("-t", "--table", default=os.path.join(ROOT, "tests", "mutation", "mutations.txt"))
    a.add_argument("-k", "--only", metavar="WORD", help="rows that hold this word")
    a.add_argument("--fit", action="store_true", help="change nothing: does each row's old text stand exactly once?")
    opt = a.parse_args()
    if opt.fit:
        unfit = [f"{n}: {name}: stands {hits} times: {old!r}" for n, name, old, *_ in rows(opt.table)
                 for hits in [place(name, old, ROOT)[1]] if hits != 1]
        print(*("FAIL mutations.txt:" + u for u in unfit), f"{sum(1 for _ in rows(opt.table)) - len(unfit)} passed, {len(unfit)} failed",
              sep="\n")
        sys.exit(bool(unfit))
    todo = [r for r in rows(opt.table) if not opt.only or opt.only in " | ".join((r[1], r[2], r[3], *r[4]))]
    copy_tree()
    programs = sorted({test_program(t) for r in todo for t in r[4]})
    done = build(programs)
    if done.returncode:
        sys.exit(done.stderr)
    if (bad := noticed_by(programs)):
        sys.exit(f"{bad} fails without any change")
    killed = survived = equivalent = unfit = 0
    for number, name, old, new, tests, is_equivalent in todo:
        began = time.time()
        path, times = place(name, old)
        if times != 1:
            unfit += 1
            verdict = f"UNFIT: the old text stands {times} times in {name}"
        else:
            run = [test_program(t) for t in tests]
            text = open(path).read()
            try:
                open(path, "w").write(text.replace(old, new))
                done = build(run)
                by = None if done.returncode else noticed_by(run)
            finally:
                open(path, "w").write(text)
            if done.returncode:
                unfit += 1
                verdict = "UNFIT: does not compile: " + done.stderr.strip().split("\n")[0]
            elif is_equivalent:
                unfit += by is not None
                equivalent += by is None
                verdict = f"UNFIT: said to be equivalent, but {by} fails" if by else "equivalent"
            else:
                killed += by is not None
                survived += by is None
                verdict = f"killed by {by}" if by else "SURVIVES"
        print(f"{number:4d} {time.time() - began:6.1f} s  {verdict:28s} {name}: {old!r} -> {new!r}", flush=True)
    print(f"{len(todo)} changes: {killed} killed, {survived} survive, {equivalent} equivalent, {unfit} unfit")
    return survived + unfit > 0


if __name__ == "__main__":
    sys.exit(main())
