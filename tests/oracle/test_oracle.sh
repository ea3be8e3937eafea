#!/bin/sh
# A sample of random scenarios through the program and through an independent model of replica lives and bills, written
# from the platform files and the documentation alone (tests/oracle/oracle.py). `make oracle` takes 500.
cd "$(dirname "$0")/../.." || exit 1
KEEPWARM=${KEEPWARM:-build/keepwarm}
python=/usr/bin/python3
[ -x $python ] || python=python3
if ! $python -c 'import h5py' 2>/dev/null; then
    echo "skip the oracle: no h5py"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
$python tests/oracle/compare.py 3 26 "$KEEPWARM"
