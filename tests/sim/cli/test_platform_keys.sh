#!/bin/sh
# Every key of the platform files' JSON Schema changes what is simulated, billed or shown.
# usage: KEEPWARM=path/to/keepwarm test_platform_keys.sh [PREFIX]
set -u
python=/usr/bin/python3
[ -x $python ] || python=python3
KEEPWARM=${KEEPWARM:-build/keepwarm} exec $python "$(dirname "$0")/platform_keys.py" "$@"
