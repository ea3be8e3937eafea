#!/bin/bash
# tests/test_makefile.sh - `make help` lists every target that is for people, and no test below tests/ is one that nobody runs.
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL SAN
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
passed=0 failed=0
same() { # WHAT WANTED GOT: two lists, in any order
    if diff <(tr -s ' ' '\n' <<<"$2" | sort) <(tr -s ' ' '\n' <<<"$3" | sort) >"$out"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL $1:" && grep '^[<>]' "$out"
    fi
}
# The first .PHONY holds what people call, the second the steps of those.
phony() { awk '/^\.PHONY:/ { on = 1; n++ } on { if (n == which) print; on = /\\$/ }' "which=$1" Makefile |
    sed 's/^\.PHONY://; s/\\$//' | xargs; }
listed=$(make -s help | awk '$1 == "make" && NF > 2 { print $2 }' | xargs)
same "make help (<: .PHONY, >: listed with a text)" "$(phony 1)" "$listed"
same "rules without a file (<: both .PHONY, >: rules that are a plain word)" "$(phony 1) $(phony 2)" \
    "$(grep -oE '^[a-z][a-z-]*:( |$)' Makefile | tr -d ': ' | xargs) FORCE"

# What `make check` runs, what test_cuda.sh runs after it (it builds and counts tests/gpu's own), and what there is.
run=$(make -s B=build --eval 'listed: ; @echo $(TESTS:build/%=%.c) $(SCRIPTS)' listed)
gpu=$(find tests/gpu -name 'test_*.c*')
for one in $gpu; do
    name=${one#tests/gpu/}
    if grep -qF "tests/gpu/${name%.c*}" tests/gpu/test_cuda.sh Makefile; then run="$run $one"; fi
done
same "tests (<: what make check runs, >: files that are named test_*)" "$run" \
    "$(find tests -name 'test_*.*' | xargs)"
# run.sh leaves out a script that is not executable.
same "scripts that are not executable" "" "$(find tests -name '*.sh' ! -perm -u+x | xargs)"
# A program of checks under another name would be built by nobody.
same "programs with CHECKs that are not named test_*" "" \
    "$(grep -lE '^int main\(' -r tests --include=*.c --include=*.cpp | xargs grep -lE '\bcheck_report\(' | grep -vE '/test_[^/]*$' | xargs)"
# A program in Python is run by a test, by the Makefile or by another program, is imported by one, or a page says how
# to run it by hand.
lost=
for one in $(find tests -name '*.py'); do
    name=${one##*/}
    grep -rlE "${name%.py}\.py|^(from|import) ${name%.py}( |$)" Makefile ./*.md tests --include=Makefile --include=*.md --include=*.sh --include=*.py --include=*.[ch] |
        grep -qvx "$one" || lost="$lost $one"
done
same "Python programs of tests/ that nothing else names" "" "${lost# }"
# What make install puts where, of the program that is being tested; its man page names the folder of the examples.
program=${KEEPWARM:-build/keepwarm} root=$(mktemp -d)
if [ -x "$program" ]; then
    make -s install -o all B="$(dirname "$program")" DESTDIR="$root" PREFIX=/opt/kw >/dev/null
    same "what make install installs" "bin/keepwarm share/bash-completion/completions/keepwarm share/zsh/site-functions/_keepwarm
        share/man/man1/keepwarm.1 $(printf 'share/doc/keepwarm/examples/scenario.%s.json ' commented example schema)" \
        "$(cd "$root/opt/kw" && find . -type f ! -path './lib/*' | sed 's|^./||' | xargs)"
    same "examples that the man page names" /opt/kw/share/doc/keepwarm/examples \
        "$(grep -oE '/[a-z/]*/keepwarm/examples' "$root/opt/kw/share/man/man1/keepwarm.1")"
fi
rm -rf "$root"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
