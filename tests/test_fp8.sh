#!/bin/bash
# fp8 against float64, step by step: tests/fp8.py.
build=$(dirname "${KEEPWARM:-build/keepwarm}")
exec /usr/bin/python3 -B tests/fp8.py "$build/tests/fp8_trace"
