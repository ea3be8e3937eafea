#!/bin/bash
# Who may include whom, own header first, no circles of files: tests/rooms.py.
cd "$(dirname "$0")/.." || exit 1
exec /usr/bin/python3 -B tests/rooms.py
