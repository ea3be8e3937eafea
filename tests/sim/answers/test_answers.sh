#!/bin/bash
# tests/sim/answers/test_answers.sh - the review's cases, where the shared data are there: answers.py.
cd "$(dirname "$0")/../../.." || exit 1
data=${KEEPWARM_DATA:-../shared/data}
exec /usr/bin/python3 -B tests/sim/answers/answers.py "${KEEPWARM:-build/keepwarm}" "${KEEPWARM_CASES:-$data/../cases}"
