#!/bin/bash
# The server from end to end: a tiny model on a free loopback port, driven by tests/engine/http_client.py.
KEEPWARM=${KEEPWARM:-build/keepwarm}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
# A checkpoint with a tokenizer of ours: the letters a to z and nothing else.
"$KEEPWARM" engine synth-weights --model tiny -o "$dir/letters" -q || exit 1
/usr/bin/python3 - "$dir/letters/tokenizer.json" <<'END' || exit 1
import json, sys
vocab = {chr(97 + i): i for i in range(26)}
json.dump({"version": "1.0", "added_tokens": [], "normalizer": None, "post_processor": None,
           "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
           "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": vocab, "merges": []}}, open(sys.argv[1], "w"))
END
/usr/bin/python3 tests/engine/http_client.py "$KEEPWARM" "$dir/letters"
