#!/bin/bash
# tests/sim/cli/test_bad_input.sh [PATTERN] - runs every case of tests/sim/cli/bad_input/cases.txt whose name matches PATTERN, in a fresh
# folder that holds the files of tests/sim/cli/bad_input and those made below. A case passes when keepwarm leaves with the code
# it names, says exactly one line on stderr, that line begins "keepwarm: " and holds each fragment, stdout is empty
# (exit 3 and 4 print their table first), and the folder holds just what it held before. The form of a case:
#
#     case  what is wrong
#     edit  sed expression that makes s.json from base.json          (optional)
#     file  NAME TEXT, escapes of printf undone                      (optional, repeatable)
#     prep  shell words run before                                   (optional, repeatable)
#     run   shell words; `keepwarm` is the program under test
#     exit  code
#     says  fragment of the message; FIRST-GPU is the line of modal.json's first offer   (repeatable)
#     out   any: what is on stdout does not matter; table: it is there, although saving failed   (optional)
#     needs shell words; the case is skipped when they fail          (optional)
cd "$(dirname "$0")/../../.." || exit 1
KEEPWARM=$(realpath "${KEEPWARM:-build/keepwarm}") || exit 1
here=$PWD/tests/sim/cli/bad_input
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/made" && ln -s "$KEEPWARM" "$work/bin/keepwarm"
PATH=$work/bin:$PATH
export LC_ALL=C KEEPWARM_DATA=/nonexistent
passed=0 failed=0 skipped=0

# What the cases start from: a trace of a minute, a scenario, and results made from them.
cp "$here"/*.json platforms/modal.json calibrate/data/profiles/H100-llama-3.1-8b-bf16-tp1.json \
    workloads/models/ragpulse-week1.json "$work/made" || exit 1
cd "$work/made" && mv H100-*.json profile.json && mv ragpulse-*.json workload.json || exit 1
awk 'BEGIN { print "TIMESTAMP,ContextTokens,GeneratedTokens"
    for (i = 0; i < 60; i++) printf "2023-11-16 18:17:%02d.5000000,%d,%d\n", i, 100 + i * 7 % 300, 20 + i * 13 % 90 }' >t.csv
gzip -9nc t.csv >t.csv.gz
head -c 150 t.csv.gz >cut.csv.gz
{ head -c 60 t.csv.gz; printf '\377\377\377\377'; tail -c +65 t.csv.gz; } >bad.csv.gz
keepwarm run base.json -q -o r.h5 >/dev/null || { echo "cannot make the result that cases start from" >&2; exit 1; }
head -c 5000 r.h5 >cut.h5
first_gpu=$(awk '/"gpus": \[/ { print NR + 1; exit }' modal.json)
python=/usr/bin/python3
[ -x $python ] || python=python3
h5py=$($python -c 'import h5py' 2>/dev/null && echo yes)

clear_case() { edit='' run='' code='' out='' needs='' files=() preps=() says=(); }

finish_case() {
    [ -n "$name" ] || return
    [[ $name == *$pattern* ]] || return
    if [ -n "$needs" ] && ! (eval "$needs") >/dev/null 2>&1; then
        echo "skip $name: needs $needs"
        skipped=$((skipped + 1))
        return
    fi
    local dir=$work/case bad='' f file text line got before
    rm -rf "$dir" && mkdir "$dir" && cp -p "$work"/made/* "$dir" && cd "$dir" || exit 1
    cp base.json s.json
    if [ -n "$edit" ]; then
        sed -E "$edit" base.json >s.json
        ! cmp -s base.json s.json || bad+="    the edit changes nothing"$'\n'
    fi
    for f in "${files[@]}"; do read -r file text <<<"$f" && printf '%b' "$text" >"$file"; done
    for f in "${preps[@]}"; do eval "$f" || bad+="    prep fails: $f"$'\n'; done
    before=$(find . | sort)
    (eval "$run") >"$work/out" 2>"$work/err"
    got=$?
    [ "$got" = "$code" ] || bad+="    exit $got, want $code"$'\n'
    [ "$(wc -l <"$work/err")" = 1 ] || bad+="    $(wc -l <"$work/err") lines on stderr, want 1"$'\n'
    line=$(head -1 "$work/err")
    [[ $line == "keepwarm: "* ]] || bad+="    stderr does not begin 'keepwarm: '"$'\n'
    for f in "${says[@]}"; do f=${f//FIRST-GPU/$first_gpu}; [[ $line == *"$f"* ]] || bad+="    does not say: $f"$'\n'; done
    case $code:$out in
    3: | 4: | *:table) [ -s "$work/out" ] || bad+="    no table on stdout"$'\n' ;;
    *:any) ;;
    *) [ ! -s "$work/out" ] || bad+="    stdout is not empty"$'\n' ;;
    esac
    f=$(diff <(echo "$before") <(find . | sort)) || bad+="    files left or lost: $f"$'\n'
    if [ -z "$bad" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n%s    run:    %s\n    stderr: %s\n' "$name" "$bad" "$run" "$(head -5 "$work/err")"
    fi
}

pattern=$1 name=''
clear_case
while IFS= read -r row; do
    rest=${row#????}
    rest=${rest#"${rest%%[! ]*}"}
    case $row in
    'case '*) finish_case; clear_case; name=$rest ;;
    'edit '*) edit=$rest ;;
    'file '*) files+=("$rest") ;;
    'prep '*) preps+=("$rest") ;;
    'run '*) run=$rest ;;
    'exit '*) code=$rest ;;
    'says '*) says+=("$rest") ;;
    'out '*) out=$rest ;;
    'needs'*) needs=${row#needs } ;;
    '#'* | '') ;;
    *) echo "cases.txt: cannot read: $row" >&2; exit 1 ;;
    esac
done <"$here/cases.txt"
finish_case
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
