"""What the scripts that drive the program as its users do have in common.

KW is the program, check() counts and tells what is not so, report() ends with the closing line that tests/run.sh reads.
Scripts import this from the top of the tree and go into own_folder() then, which is removed when they end."""
import atexit
import os
import shutil
import sys
import tempfile

KW = os.path.abspath(os.environ.get("KEEPWARM", "build/keepwarm"))
passed = failed = skipped = 0


def own_folder():
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def check(name, good, said=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAIL", name, str(said)[:1500])


def skip(why):
    global skipped
    skipped += 1
    print("skip " + why)


def report():
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    sys.exit(failed != 0)
