#!/bin/sh
# Where weights lie: the figures shipped are those of the published loads.
exec python3 "$(dirname "$0")/storage.py"
