#!/bin/sh
# A plan of traffic that asks for LoRA adapters: beside their base, in pools of their own, from APIs, by each platform's rule.
exec /usr/bin/python3 "$(dirname "$0")/lora.py" "$@"
