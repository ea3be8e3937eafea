#!/bin/sh
# Regions from the outside: what they cost, how far they are, what is refused, and that a plan with them is the
# exhaustive one. usage: KEEPWARM=path/to/keepwarm test_regions.sh
set -u
python=/usr/bin/python3
[ -x $python ] || python=python3
KEEPWARM=${KEEPWARM:-build/keepwarm} exec $python "$(dirname "$0")/regions.py"
