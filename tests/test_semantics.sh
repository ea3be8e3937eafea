#!/bin/bash
# What ARCHITECTURE.md says of each platform, and that the tests it names are there: tests/semantics.py.
cd "$(dirname "$0")/.." || exit 1
exec /usr/bin/python3 -B tests/semantics.py
