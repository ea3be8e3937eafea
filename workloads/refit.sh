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
out=${OUT:-workloads}

fit() { # FILE NAME START_HOUR DATE LICENCE SOURCE
    "$kw" trace fit "$data/$1" --name "$2" --start-hour "$3" --date "$4" --licence "$5" --source "$6" --seed 1 \
        -o "$out/$2.json"
}

fit azure_llm_2023_conv.csv azure-conv -1 2023-11-16 'CC BY 4.0' \
    'Azure/AzurePublicDataset@b469a113cedc data/AzureLLMInferenceTrace_conv.csv'
fit azure_llm_2023_code.csv azure-code -1 2023-11-16 'CC BY 4.0' \
    'Azure/AzurePublicDataset@b469a113cedc data/AzureLLMInferenceTrace_code.csv'
fit mooncake_conversation.jsonl mooncake-conversation -1 undated 'Apache-2.0' \
    'kvcache-ai/Mooncake@3b5a59413395 FAST25-release/traces/conversation_trace.jsonl'
# The recording starts on Wednesday 10 September 2025 at 12:00 local time: hour 60 of the week.
fit ragpulse_week1.jsonl ragpulse-week1 60 2025-09-10 'MIT' \
    'flashserve/RAGPulse@3672232d45d7 data/0_trace.jsonl lines 1-3800'
# ServeGen's windows count from an unnamed midnight, taken as a Monday's; the first requests come 14 h (c92) and 289 h
# (c18: hour 121 of its week) later.
fit derived_servegen_m-large_c92_14d.csv.gz servegen-c92 14 undated 'Apache-2.0' \
    'alibaba/ServeGen@f891d1189eb3 m-large client 92: requests drawn from its measured rates and laws'
fit derived_servegen_m-large_c18_14d.csv servegen-c18 121 undated 'Apache-2.0' \
    'alibaba/ServeGen@f891d1189eb3 m-large client 18: requests drawn from its measured rates and laws'
python3 workloads/chat_week.py "$data" "$out"
