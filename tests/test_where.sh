#!/bin/bash
# Every file and name of the table of rules in ARCHITECTURE.md: tests/where.py.
cd "$(dirname "$0")/.." || exit 1
exec /usr/bin/python3 -B tests/where.py
