# tests/checks.bash - what bash scripts that drive the program as its users do have in common; sourced from the top of the tree.
# It goes into a folder of the script's own, $work, removed at the end, where `keepwarm` is the program; $repo is the tree.
KEEPWARM=$(realpath "${KEEPWARM:-build/keepwarm}") || exit 1
repo=$PWD work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" && ln -s "$KEEPWARM" "$work/bin/keepwarm" && cd "$work" || exit 1
PATH=$work/bin:$PATH
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
passed=0 failed=0 skipped=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
says() { # WHAT FILE TEXT
    if tr -s ' \n' ' ' <"$2" | grep -qF -- "$3"; then ok; else bad "$1: '$3' is not in: $(head -c 400 "$2" | tr '\n' ' ')"; fi
}
exits() { # WHAT CODE COMMAND...
    local what=$1 want=$2
    shift 2
    "$@" >"$work/out" 2>"$work/err"
    local got=$?
    if [ $got = "$want" ]; then ok; else bad "$what: exit $got, want $want: $(head -2 "$work/err")"; fi
}
