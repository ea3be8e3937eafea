#!/bin/sh
# A sample of random plans by the search and exhaustively, by seed 1; `make search` takes 200.
cd "$(dirname "$0")/../.." || exit 1
python=/usr/bin/python3
[ -x $python ] || python=python3
$python tests/search/exact.py 1 8 "${KEEPWARM:-build/keepwarm}"
