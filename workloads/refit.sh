#!/bin/sh
# refit.sh [DATA_DIR]: makes the workload models of this directory again from the public traces (default: $KEEPWARM_DATA,
# else ../shared/data/traces beside the repository), with the program in $KEEPWARM (default build/keepwarm). Run it from
# the repository's root. Same traces, same program: the same bytes.
set -eu
case ${1:-} in
-h | --help)
    sed -n '2,4s/^# //p' "$0"
    exit 0
    ;;
esac
data=${1:-${KEEPWARM_DATA:-../shared/data}/traces}
kw=${KEEPWARM:-build/keepwarm}
out=${OUT:-workloads/models}

fit() { # FILE NAME DATE LICENCE ORIGIN [OPTION...]
    file=$1 name=$2 date=$3 licence=$4 origin=$5
    shift 5
    "$kw" trace fit "$data/$file" --name "$name" --date "$date" --licence "$licence" --origin "$origin" --seed 1 "$@" \
        -o "$out/$name.json"
}

fit azure_llm_2023_conv.csv azure-conv 2023-11-16 'CC BY 4.0' \
    'Azure/AzurePublicDataset@b469a113cedc data/AzureLLMInferenceTrace_conv.csv'
fit azure_llm_2023_code.csv azure-code 2023-11-16 'CC BY 4.0' \
    'Azure/AzurePublicDataset@b469a113cedc data/AzureLLMInferenceTrace_code.csv'
fit mooncake_conversation.jsonl mooncake-conversation undated 'Apache-2.0' \
    'kvcache-ai/Mooncake@3b5a59413395 FAST25-release/traces/conversation_trace.jsonl'
# The recording starts on Wednesday 10 September 2025 at 12:00 local time: hour 60 of the week.
fit ragpulse_week1.jsonl ragpulse-week1 2025-09-10 'MIT' \
    'flashserve/RAGPulse@3672232d45d7 data/0_trace.jsonl lines 1-3800' --start-hour 60
# ServeGen's windows count from an unnamed midnight, taken as a Monday's; the first requests come 14 h (c92) and 289 h
# (c18: hour 121 of its week) later.
fit derived_servegen_m-large_c92_14d.csv.gz servegen-c92 undated 'Apache-2.0' \
    'alibaba/ServeGen@f891d1189eb3 m-large client 92: requests drawn from its measured rates and laws' --start-hour 14
fit derived_servegen_m-large_c18_14d.csv servegen-c18 undated 'Apache-2.0' \
    'alibaba/ServeGen@f891d1189eb3 m-large client 18: requests drawn from its measured rates and laws' --start-hour 121
python3 workloads/chat_week.py "$data" "$out"
