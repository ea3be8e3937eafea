#!/bin/bash
# fp8 against float64, step by step: tests/engine/fp8.py.
build=$(dirname "${KEEPWARM:-build/keepwarm}")
exec /usr/bin/python3 -B tests/engine/fp8.py "$build/tests/engine/fp8_trace"
