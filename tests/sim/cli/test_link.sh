#!/bin/bash
# tests/sim/cli/test_link.sh - what joins the GPUs of a replica: told with its grade in the answer and the JSON, the
# user's in its place, steps by it, and kept when a result is made again or priced anew.
cd "$(dirname "$0")/../../.." || exit 1
. tests/checks.bash

cp "$repo/tests/sim/cli/bad_input/base.json" one.json
awk 'BEGIN { print "TIMESTAMP,ContextTokens,GeneratedTokens"
    for (i = 0; i < 60; i++) printf "2023-11-16 18:17:%02d.5000000,%d,%d\n", i, 100 + i * 7 % 300, 20 + i * 13 % 90 }' >t.csv
sed 's/"gpu": "H100"/"gpu": "L4"/; s/"tp": 1/"tp": 2/' one.json >s.json
sed 's/"tp": 2/"tp": 2, "link": { "bandwidth_gb_s": "16.6", "latency_us": "50" }/' s.json >same.json
sed 's/"tp": 2/"tp": 2, "link": "nvlink-4"/' s.json >fast.json
tpot() { grep "TPOT p50" out; }

exits "one GPU" 0 keepwarm run one.json -q
if grep -q "^  link" out; then bad "one GPU has a link"; else ok; fi
exits "the profile's own" 0 keepwarm run s.json -q
says "the profile's own" out "link 2 x L4 over pcie-4-host, estimated: as pcie-5-host"
own=$(tpot)
exits "the same as two figures" 0 keepwarm run same.json -q -o same.h5
says "two figures" out "link 2 x L4 over 16.6 GB/s, 50 us a call, user: the scenario's \"link\""
[ "$(tpot)" = "$own" ] && ok || bad "the law that the profile is of gives other steps: $(tpot), not $own"
exits "again" 0 keepwarm rerun same.h5 -q
says "again" out "16.6 GB/s, 50 us a call, user"
[ "$(tpot)" = "$own" ] && ok || bad "made again with other steps: $(tpot), not $own"
exits "priced anew" 0 keepwarm reprice same.h5 --json
tr '\t' ' ' <out >flat
says "priced anew" flat '"link": "16.6 GB/s, 50 us a call", "link_grade": "user"'
exits "a faster one" 0 keepwarm run fast.json -q
says "a faster one" out "link 2 x L4 over nvlink-4, published: microsoft/vidur"
[ "$(tpot)" != "$own" ] && ok || bad "a faster link changes no figure"
exits "as JSON" 0 keepwarm run fast.json -q --json
tr '\t' ' ' <out >flat
says "as JSON" flat '"link": "nvlink-4", "link_grade": "published"'
exits "a profile" 0 keepwarm calibrate show L4-llama-3.1-8b-bf16-tp2
says "a profile" out "all-reduce estimated"
says "a profile" out "PCIe 4.0 x16 without peer access; of a step"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
