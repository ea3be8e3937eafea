#!/bin/sh
# What a plan requires of platforms (require, attributes) against the shipped files themselves.
exec /usr/bin/python3 "$(dirname "$0")/constraints.py" "$@"
