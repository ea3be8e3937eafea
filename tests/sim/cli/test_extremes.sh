#!/bin/sh
# Extreme values in every numeric key of the schemas: extremes.py says what is right. `test_extremes.sh --all` takes many more.
# usage: KEEPWARM=path/to/keepwarm test_extremes.sh [--all]
exec python3 "$(dirname "$0")/extremes.py" "${KEEPWARM:-build/keepwarm}" "$@"
