#!/bin/sh
# Models that may stand in for the one asked for (substitutes, quality_at_least), on APIs and GPUs, in one plan.
exec /usr/bin/python3 "$(dirname "$0")/substitutes.py" "$@"
