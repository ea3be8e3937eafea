#!/bin/bash
# tests/sim/metamorphic/test_metamorphic.sh - the question changed so that the answer's change is known: metamorphic.py.
cd "$(dirname "$0")/../../.." || exit 1
exec /usr/bin/python3 -B tests/sim/metamorphic/metamorphic.py "${KEEPWARM:-build/keepwarm}"
