#!/bin/sh
# fetch.sh [-d DIR] [NAME...]: downloads the public traces that the models here were fitted to, from their repositories at
# fixed commits, and checks their SHA-256. NAME is one of azure-conv, azure-code, mooncake-conversation, ragpulse-week1;
# none means all. DIR (default workloads/traces) is made when missing; a file that is there and right is kept.
# Needs curl or wget, and sha256sum. Exit: 0 all there, 1 a download or a checksum failed, 2 bad usage.
set -eu
dir=workloads/traces

usage() { sed -n '2,5s/^# //p' "$0"; }

get() { # URL FILE
    if command -v curl >/dev/null; then
        curl -fsSL --retry 3 -o "$2" "$1"
    else
        wget -q -t 3 -O "$2" "$1"
    fi
}

is() { # SHA256 FILE
    [ -f "$2" ] && [ "$(sha256sum <"$2" | cut -d' ' -f1)" = "$1" ]
}

# fetch NAME FILE LINES SHA256 URL; LINES 0 keeps the whole file.
fetch() {
    if is "$4" "$dir/$2"; then
        echo "$1: $dir/$2 is there"
        return 0
    fi
    part=$dir/$2.part
    if ! get "$5" "$part"; then
        echo "fetch.sh: $1: could not download $5" >&2
        rm -f "$part"
        return 1
    fi
    if [ "$3" -gt 0 ]; then
        head -n "$3" "$part" >"$part.cut"
        mv "$part.cut" "$part"
    fi
    if ! is "$4" "$part"; then
        echo "fetch.sh: $1: SHA-256 of $5 is not $4" >&2
        rm -f "$part"
        return 1
    fi
    mv "$part" "$dir/$2"
    echo "$1: wrote $dir/$2"
}

one() {
    raw=https://raw.githubusercontent.com
    case $1 in
    azure-conv) # CC BY 4.0
        fetch "$1" azure_llm_2023_conv.csv 0 2f1e5b666d4e3055fdbba98598ce2ec307767b9064e03e2fa46676dbcc7d0bf8 \
            $raw/Azure/AzurePublicDataset/b469a113cedca53ddc3bdea71a143dc4b7d8700c/data/AzureLLMInferenceTrace_conv.csv
        ;;
    azure-code) # CC BY 4.0
        fetch "$1" azure_llm_2023_code.csv 0 54e9a6d2a4bd06ba1e060304b900abbc74cbea53de96506e60fe5bb4f2277fb6 \
            $raw/Azure/AzurePublicDataset/b469a113cedca53ddc3bdea71a143dc4b7d8700c/data/AzureLLMInferenceTrace_code.csv
        ;;
    mooncake-conversation) # Apache-2.0
        fetch "$1" mooncake_conversation.jsonl 0 b8cbb061a85206d729d91cdc2981f43c9e0d99209dce588d3af5f7934408b9df \
            $raw/kvcache-ai/Mooncake/3b5a594133958449a1feaf1c9e0fc1b553e34a28/FAST25-release/traces/conversation_trace.jsonl
        ;;
    ragpulse-week1) # MIT; the file holds two weeks one after the other, each counted from 0: the first is lines 1-3800
        fetch "$1" ragpulse_week1.jsonl 3800 f437716655bce95c5a50ad14e9bdb631a3a815187fdf347eba3ed8e775458963 \
            $raw/flashserve/RAGPulse/3672232d45d749fdcf45dbc38cc77e5264af4a32/data/0_trace.jsonl
        ;;
    *)
        echo "fetch.sh: unknown trace '$1'; known: azure-conv azure-code mooncake-conversation ragpulse-week1" >&2
        exit 2
        ;;
    esac
}

while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        usage
        exit 0
        ;;
    -d)
        [ $# -ge 2 ] || { usage >&2; exit 2; }
        dir=$2
        shift 2
        ;;
    -*)
        usage >&2
        exit 2
        ;;
    *) break ;;
    esac
done
command -v curl >/dev/null || command -v wget >/dev/null || {
    echo "fetch.sh: needs curl or wget" >&2
    exit 1
}
[ $# -gt 0 ] || set -- azure-conv azure-code mooncake-conversation ragpulse-week1
mkdir -p "$dir"
failed=0
for name; do one "$name" || failed=1; done
exit $failed
