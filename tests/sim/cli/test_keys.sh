#!/bin/sh
# Every key of the scenario's JSON Schema does something where it has a meaning, and is refused where it has none.
# usage: KEEPWARM=path/to/keepwarm test_keys.sh [PREFIX]
set -u
python=/usr/bin/python3
[ -x $python ] || python=python3
KEEPWARM=${KEEPWARM:-build/keepwarm} exec $python "$(dirname "$0")/keys.py" "$@"
