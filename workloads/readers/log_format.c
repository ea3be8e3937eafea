#include "workloads/readers/log_format.h"
#include <string.h>
#include "sim/core/files/csv.h"

#define LANGFUSE(u)                                                                                                    \
    "prompt=" u ".input?+" u ".input_cached_tokens?+" u ".input_cache_read?+" u ".input_cache_creation?+" u            \
    ".input_audio_tokens?+" u ".cache_read_input_tokens?+" u ".cache_creation_input_tokens?,"                          \
    "cached=" u ".input_cached_tokens?+" u ".input_cache_read?+" u ".cache_read_input_tokens?,"                        \
    "write=" u ".input_cache_creation?+" u ".cache_creation_input_tokens?,"                                            \
    "output=" u ".output?+" u ".output_reasoning_tokens?+" u ".output_reasoning?+" u ".output_audio_tokens?,"

#define GEN_AI(a)                                                                                                      \
    "prompt=" a "gen_ai.usage.input_tokens|" a "gen_ai.usage.prompt_tokens,"                                           \
    "output=" a "gen_ai.usage.output_tokens|" a "gen_ai.usage.completion_tokens,"                                      \
    "cached=" a "gen_ai.usage.cache_read.input_tokens|" a "gen_ai.usage.cache_read_input_tokens?,"                     \
    "write=" a "gen_ai.usage.cache_creation.input_tokens|" a "gen_ai.usage.cache_creation_input_tokens?,"              \
    "ttft=" a "gen_ai.response.time_to_first_chunk?:s,"                                                                \
    "model=" a "gen_ai.request.model|" a "gen_ai.response.model,"                                                      \
    "where=" a "gen_ai.operation.name?!invoke_agent|create_agent|invoke_workflow|execute_tool|embeddings,"             \
    "where=" a "gen_ai.request.model:*"

#define BEDROCK(m)                                                                                                     \
    "prompt=" m "input.inputTokenCount+" m "input.cacheReadInputTokenCount?+" m "input.cacheWriteInputTokenCount?,"    \
    "cached=" m "input.cacheReadInputTokenCount?,write=" m "input.cacheWriteInputTokenCount?,"                         \
    "output=" m "output.outputTokenCount,id=" m "requestId?,model=" m "modelId?,region=" m "region?,"                  \
    "error=" m "errorCode?,"

#define ANTHROPIC(u)                                                                                                   \
    "prompt=" u "input_tokens+" u "cache_read_input_tokens?+" u "cache_creation_input_tokens?,"                        \
    "cached=" u "cache_read_input_tokens?,write=" u "cache_creation_input_tokens?,output=" u "output_tokens,"

/* Lists side by side, which lie behind all that was summed up: a head may not reach them. Starts that are not there follow from
 * the rest (load_test.h); a rate that grew is none. */
#define LOAD_TEST                                                                                                      \
    "arrival=start_times?,rate=ramp_up_strategy|request_rate?,concurrency=max_concurrency?,burstiness=burstiness?,"    \
    "ttft=ttfts?:s,e2e=ttfts?+itls?:s,prompt=input_lens,output=output_lens,cached=cached_tokens?,error=errors?,unit=s"

#define INSIDE "cached tokens are part of the prompt's"
#define BESIDE "cached tokens stand beside the prompt's and are added to them"

/* Where a format's names were seen stands in SOURCES of the tests that read it (tests/workloads/test_logs.c). */
static const struct kw_log_format formats[] = {
    /* public traces */
    { "azure", "Azure LLM inference 2023/2024 CSV: TIMESTAMP,ContextTokens,GeneratedTokens",
      "TIMESTAMP|ContextTokens|GeneratedTokens",
      "arrival=TIMESTAMP,prompt=ContextTokens,output=GeneratedTokens,unit=iso", .says = NULL },
    { "azure-lmm", "Azure multimodal inference 2025 CSV", "TIMESTAMP|NumImages|ContextTokens|GeneratedTokens",
      "arrival=TIMESTAMP,prompt=ContextTokens,output=GeneratedTokens,unit=iso", .says = "NumImages is not used" },
    { "burstgpt", "BurstGPT CSV, v1 and v3; failed rows (0 response tokens) are left out",
      "Timestamp|Model|Request tokens|Response tokens|Log Type",
      "arrival=Timestamp,prompt=Request tokens,output=Response tokens,model=Model,class=Log Type,unit=s",
      .says = NULL },
    { "mooncake", "Mooncake JSONL, with prefix-block hashes or without; AIPerf, vLLM",
      "timestamp|input_length|output_length",
      "arrival=timestamp,prompt=input_length,output=output_length,hashes=hash_ids?", .whole = KW_UNIT_MS },
    { "mooncake-sessions", "Mooncake JSONL of sessions: `delay` ms from answer to next turn; AIPerf",
      "session_id|delay|input_length|output_length",
      "arrival=timestamp?,prompt=input_length,output=output_length,hashes=hash_ids?,session=session_id,delay=delay?:ms,"
      "unit=ms",
      .says =
          "turns wait for the answer before them, input_length is what a turn adds (turns=whole: all of its prompt)" },
    { "bailian", "Qwen-Bailian JSONL: seconds, blocks of 16 tokens",
      "timestamp|input_length|output_length|chat_id|parent_chat_id",
      "arrival=timestamp,prompt=input_length,output=output_length,hashes=hash_ids?,class=type?,unit=s,block=16",
      .says = NULL },
    { "vidur", "vidur CSV: arrived_at,num_prefill_tokens,num_decode_tokens",
      "arrived_at|num_prefill_tokens|num_decode_tokens",
      "arrival=arrived_at,prompt=num_prefill_tokens,output=num_decode_tokens,unit=s", .says = NULL },
    { "servegen", "ServeGen-derived CSV: arrival_s,input_tokens,output_tokens", "arrival_s|input_tokens|output_tokens",
      "arrival=arrival_s,prompt=input_tokens,output=output_tokens,unit=s", .says = NULL },
    { "copilot", "GitHub Copilot coding agents (Azure 2026): sessions, turns, calls", "turns|llm_calls|tokens",
      "arrival=timestamp,prompt=tokens.prompt,output=tokens.completion,cached=tokens.cached?,id=message_id,model=model?"
      ","
      "status=result?",
      .inside = "turns.llm_calls", .says = INSIDE },
    { "served", "JSONL or HDF5 that `engine serve-trace` wrote: its arrivals and lengths",
      "arrival|prompt|output|generated", "arrival=arrival,prompt=prompt,output=output,ttft=ttft_s?,e2e=e2e_s?,unit=s",
      .says = NULL },
    /* gateways, tracing, providers */
    { "litellm", "LiteLLM SpendLogs, CSV or JSON", "startTime|prompt_tokens|completion_tokens|call_type",
      "arrival=startTime,first=completionStartTime?,end=endTime?,"
      "prompt=total_tokens - completion_tokens|prompt_tokens,"
      "output=metadata.usage_object.completion_tokens|completion_tokens,"
      "cached=metadata.usage_object.prompt_tokens_details.cached_tokens|"
      "metadata.usage_object.cache_read_input_tokens?,"
      "write=total_tokens - completion_tokens - prompt_tokens,id=request_id,model=model?,hit=cache_hit?,status=status?,"
      "where=call_type!aget_responses|get_responses|adelete_responses|delete_responses|alist_input_items|"
      "aembedding|embedding|arerank|rerank|amoderation|moderation",
      .accounts = "key=metadata.user_api_key_alias|api_key?,team=metadata.user_api_key_team_alias|team_id?,"
                  "tag=request_tags?,cost=spend?",
      .says = INSIDE ", cache writes by total less prompt less completion" },
    { "langfuse", "Langfuse observations of the blob export, CSV or JSONL", "usage_details|start_time",
      LANGFUSE("usage_details") "arrival=start_time,first=completion_start_time?,end=end_time?,id=id,model=provided_"
                                "model_name?,where=type?:GENERATION,"
                                "status=level?:DEFAULT|DEBUG|WARNING",
      .accounts = "key=user_id?,team=project_id?,tag=environment?,cost=total_cost?", .beside = true,
      .says = "usage_details are buckets beside each other and are added" },
    { "langfuse-api", "Langfuse observations of the API", "usageDetails|startTime",
      LANGFUSE("usageDetails") "arrival=startTime,first=completionStartTime?,end=endTime?,id=id,model=model?,where="
                               "type?:GENERATION,"
                               "status=level?:DEFAULT|DEBUG|WARNING",
      .accounts = "team=projectId?,tag=environment?,cost=calculatedTotalCost|costDetails.total?", .inside = "?data",
      .beside = true, .says = "usageDetails are buckets beside each other and are added" },
    { "langfuse-ui", "Langfuse observations exported from its pages", "startTime|inputUsage|outputUsage",
      "arrival=startTime,first=completionStartTime?,end=endTime?,prompt=inputUsage,output=outputUsage,id=id?,model="
      "model?,where=type?:GENERATION,"
      "status=level?:DEFAULT|DEBUG|WARNING",
      .says = "the export has no cached tokens" },
    { "helicone", "Helicone requests", "request_created_at|prompt_tokens|completion_tokens",
      "arrival=request_created_at,ttft=time_to_first_token?:ms,e2e=delay_ms?,end=response_created_at?,"
      "prompt=prompt_tokens,output=completion_tokens,id=response_id?,model=model?,"
      "status=response_status?",
      .accounts = "key=request_user_id?,tag=request_properties?,cost=cost?", .says = NULL },
    { "openrouter", "OpenRouter activity", "generation_id|created_at|tokens_prompt|tokens_completion",
      "arrival=created_at,ttft=time_to_first_token_ms?,prompt=tokens_prompt,output=tokens_completion,"
      "cached=tokens_cached?,id=generation_id,"
      "model=model_permaslug?",
      .accounts = "key=api_key_name?,team=user?,tag=app_name?,cost=cost_total?",
      .says = INSIDE ", reasoning is part of the completion" },
    { "openrouter-daily", "OpenRouter activity of its API: a day's requests of a model",
      "date|endpoint_id|requests|prompt_tokens|completion_tokens",
      "arrival=date,bucket=86400,prompt=prompt_tokens,output=completion_tokens,count=requests,model=model?",
      .accounts = "cost=usage?", .inside = "?data", .says = "reasoning is part of the completion" },
    { "cloudflare", "Cloudflare AI Gateway logs", "created_at|tokens_in|tokens_out|success",
      "arrival=created_at,e2e=duration?:ms,prompt=tokens_in,output=tokens_out,hit=cached?,id=id?,model=model?,"
      "status=success",
      .accounts = "cost=cost?", .inside = "?result" },
    { "portkey", "Portkey gateway log exports",
      "created_at|ai_model|req_units|res_units", /* its cost has no stated unit */
      "arrival=created_at,e2e=response_time?:ms,prompt=req_units,output=res_units,id=id?,model=ai_model,"
      "status=response_status_code?",
      .accounts = "tag=metadata?" },
    { "bedrock", "Bedrock model invocation logs", "inputTokenCount|outputTokenCount|modelId",
      BEDROCK("") "arrival=timestamp", .accounts = "key=identity.arn?,tag=requestMetadata?", .beside = true,
      .says = BESIDE },
    { "bedrock-insights", "Bedrock model invocation logs queried with CloudWatch Logs Insights",
      "input.inputTokenCount|output.outputTokenCount", BEDROCK("") "arrival=@timestamp|timestamp", .beside = true,
      .says = BESIDE },
    { "bedrock-events", "Bedrock model invocation logs as events of CloudWatch Logs",
      "message|inputTokenCount\\|outputTokenCount\\", /* inside a string */
      BEDROCK("message.") "arrival=message.timestamp|timestamp", .beside = true, .says = BESIDE },
    { "otlp", "OpenTelemetry GenAI spans, OTLP JSON", "resourceSpans|startTimeUnixNano",
      "arrival=startTimeUnixNano,end=endTimeUnixNano?,id=spanId,unit=ns,region=resource.attributes.cloud.region?,"
      "status=status.code?:0|1|"
      "STATUS_CODE_UNSET|STATUS_CODE_OK," GEN_AI("attributes."),
      .inside = "resourceSpans.scopeSpans.spans", .says = INSIDE ", agent and tool spans are left out" },
    { "otlp-snake", "OpenTelemetry GenAI spans, OTLP JSON with the names of its protocol buffers",
      "resource_spans|scope_spans|start_time_unix_nano|gen_ai.request.model",
      "arrival=start_time_unix_nano,end=end_time_unix_nano?,id=span_id,unit=ns,region=resource.attributes.cloud.region?"
      ","
      "status=status.code?:0|1|"
      "STATUS_CODE_UNSET|STATUS_CODE_OK," GEN_AI("attributes."),
      .inside = "resource_spans.scope_spans.spans", .says = INSIDE ", agent and tool spans are left out" },
    { "otel-console", "OpenTelemetry GenAI spans as an SDK prints them, attributes as an object",
      "start_time|attributes|gen_ai.request.model",
      "arrival=start_time,end=end_time?,id=context.span_id|span_id?,region=resource.attributes.cloud.region?,"
      "status=status.status_code?:UNSET|OK," GEN_AI("attributes."),
      .says = INSIDE ", agent and tool spans are left out" },
    { "otel-flat", "OpenTelemetry GenAI spans, an object each",
      "start_time_unix_nano|gen_ai.usage.input_tokens|gen_ai.usage.output_tokens",
      "arrival=start_time_unix_nano,end=end_time_unix_nano?,unit=ns,id=span_id?,region=cloud.region?," GEN_AI(""),
      .says = INSIDE ", agent and tool spans are left out" },
    { "openai-usage", "OpenAI usage in buckets (API pages or CSV)",
      "start_time|num_model_requests|input_tokens|output_tokens",
      "arrival=start_time,end=end_time?,prompt=input_tokens,output=output_tokens,cached=input_cached_tokens?,"
      "count=num_model_requests,model=model?",
      .accounts = "key=api_key_id?,team=project_id?,tag=user_id?", .inside = "?data.?results", .says = INSIDE },
    { "anthropic-usage", "Anthropic usage report in buckets, with a column that counts requests",
      "starting_at|uncached_input_tokens|output_tokens",
      "arrival=starting_at,end=ending_at?,prompt=uncached_input_tokens+cache_read_input_tokens?+"
      "cache_creation.ephemeral_5m_input_tokens?+cache_creation.ephemeral_1h_input_tokens?+"
      "cache_creation_5m_input_tokens?+cache_creation_1h_input_tokens?,"
      "cached=cache_read_input_tokens?,"
      "write=cache_creation.ephemeral_5m_input_tokens?+cache_creation.ephemeral_1h_input_tokens?+"
      "cache_creation_5m_input_tokens?+cache_creation_1h_input_tokens?,output=output_tokens,model=model?",
      .accounts = "key=api_key_id?,team=workspace_id?,tag=service_tier?", .inside = "?data.?results", .beside = true,
      .says = BESIDE,
      .refused = "a usage report without a number of requests: no traffic follows from tokens alone; take the "
                 "requests' own log, or add a column that counts them and say count=COLUMN",
      .unless = "count" },
    { "claude-code", "Claude Code transcripts: each answer is logged up to three times",
      "parentUuid|sessionId|requestId|cache_read_input_tokens",
      ANTHROPIC("message.usage.") "arrival=timestamp,id=message.id,model=message.model?,where=type:assistant",
      .accounts = "key=sessionId?,team=cwd?,tag=gitBranch?", .beside = true, .says = BESIDE },
    { "vertex", "Vertex request-response logs, flattened", "logging_time|prompt_tokens|candidates_tokens",
      "arrival=logging_time,prompt=prompt_tokens,output=candidates_tokens+thoughts_tokens?",
      .says = "thoughts are added to the output" },
    { "vertex-full", "Vertex request-response logs with the answers in full", "logging_time|full_request|full_response",
      "arrival=logging_time,prompt=full_response.usageMetadata.promptTokenCount,"
      "output=full_response.usageMetadata.candidatesTokenCount?+full_response.usageMetadata.thoughtsTokenCount?,"
      "cached=full_response.usageMetadata.cachedContentTokenCount?,id=request_id?,"
      "model=full_response.modelVersion|model?",
      .says = INSIDE ", thoughts are added to the output" },
    /* load tests */
    { "vllm-bench", "`vllm bench serve --save-result --save-detailed`",
      "start_times|input_lens|output_lens;tokenizer_id|num_prompts|request_rate|total_input_tokens", LOAD_TEST,
      .side_by_side = true },
    { "sglang-bench", "`sglang.bench_serving --output-file FILE --output-details`",
      "input_lens|output_lens;dataset_name|request_rate|random_input_len;"
      "total_input_tokens|total_output_tokens|request_throughput",
      LOAD_TEST, .side_by_side = true },
    { "aiperf", "AIPerf profile_export.jsonl", "request_start_ns|input_sequence_length|output_sequence_length",
      "arrival=metadata.request_start_ns,ttft=metrics.time_to_first_token.value?:ms,end=metadata.request_end_ns?,"
      "prompt=metrics.input_sequence_length.value,"
      "output=metrics.output_sequence_length.value,error=error?,where=metadata.benchmark_phase?:profiling,unit=ns",
      .says = "warm-up requests are left out" },
    { "guidellm", "GuideLLM benchmarks.json",
      "benchmarks|request_start_time|prompt_tokens|output_tokens;benchmarks|type_|generative_benchmark",
      "arrival=request_start_time,ttft=time_to_first_token_ms?,first=first_token_time?,e2e=request_latency?:s,"
      "end=request_end_time?,prompt=prompt_tokens,output=output_tokens,status=@in:successful,unit=s",
      .inside = "benchmarks.requests.*" },
    /* what cannot be read, and why */
    { "focus", NULL, "BilledCost|ChargePeriodStart|ConsumedQuantity", NULL,
      .refused = "a FOCUS cost export: lines of a bill, not requests; traffic needs the log of the requests" },
    { "genai-perf", NULL, "experiments|request_inputs|response_timestamps", NULL,
      .refused = "a GenAI-Perf export holds texts, not token counts; take AIPerf's profile_export.jsonl" },
    { "llmperf", NULL, "number_input_tokens|number_output_tokens|end_to_end_latency_s", NULL,
      .refused = "LLMPerf's individual responses have no arrival times" },
    { "messages", NULL, "messages|output_length", NULL,
      .refused = "prompts as texts: their tokens are not counted here; give each request its input_length" },
};
enum { FORMATS = sizeof formats / sizeof *formats };

const struct kw_log_format *kw_log_format(size_t i)
{
    return i < FORMATS && formats[i].what ? &formats[i] : NULL;
}

const struct kw_log_format *kw_log_format_named(const char *name)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (formats[i].what && strcmp(formats[i].name, name) == 0) return &formats[i];
    return NULL;
}

/* Does the text hold "name" as a JSON string? */
static bool has_key(const char *head, size_t n, const char *name, size_t name_n)
{
    for (const char *p = head, *end = head + n; (p = memchr(p, '"', (size_t)(end - p))); p++)
        if ((size_t)(end - p) >= name_n + 2 && p[name_n + 1] == '"' && !memcmp(p + 1, name, name_n)) return true;
    return false;
}

/* How many names the format has, if the head holds all of them, or all behind a ';'; else 0. */
static size_t matches(const char *names, const char *head, size_t n, bool json)
{
    size_t count = 0, most = 0;
    bool all = true;
    for (const char *p = names; *p;) {
        size_t k = strcspn(p, "|;");
        char name[64];
        const char *const one[] = { name, NULL };
        memcpy(name, p, k);
        name[k] = 0;
        all = all && (json ? has_key(head, n, p, k) : kw_csv_has(head, n, one));
        count += all;
        if (p[k] != '|') {
            if (all && count > most) most = count;
            count = 0;
            all = true;
        }
        p += k + (p[k] != 0);
    }
    return most;
}

const struct kw_log_format *kw_log_format_of(const char *head, size_t n, const struct kw_log_format **rival)
{
    const struct kw_log_format *best = NULL;
    size_t most = 0, i = 0;
    *rival = NULL;
    if (n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0) head += 3, n -= 3;
    while (i < n && strchr(" \t\r\n", head[i] ? head[i] : 1)) i++;
    bool json = i < n && (head[i] == '{' || head[i] == '[');
    for (const struct kw_log_format *f = formats; f < formats + FORMATS; f++) {
        size_t k = matches(f->names, head, n, json);
        if (!k || k < most || (k == most && best && best->columns && !f->columns)) continue;
        bool otherwise = best && (!best->columns == !f->columns) && (!f->columns || strcmp(best->columns, f->columns));
        *rival = k == most && otherwise ? best : NULL;
        best = f;
        most = k;
    }
    return best;
}
