#!/bin/bash
# tests/mutation/test_mutations.sh - every change of the table still fits the code, so that `make mutations` makes it.
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 -B tests/mutation/run.py --fit
