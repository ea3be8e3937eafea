#!/bin/bash
# tests/sim/metamorphic/test_every_platform.sh - laws of change on every platform file: every_platform.py.
cd "$(dirname "$0")/../../.." || exit 1
exec /usr/bin/python3 -B tests/sim/metamorphic/every_platform.py "${KEEPWARM:-build/keepwarm}"
