#!/bin/bash
# tests/engine/load_http.py for 10 seconds with 64 streams; the long run is started by hand.
exec /usr/bin/python3 tests/engine/load_http.py "${KEEPWARM:-build/keepwarm}" 10 64
