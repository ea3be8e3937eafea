/* Logs as gateways, tracing tools, providers and load tests write them: what each format's rows mean, one small file
 * each, counted by hand. The shapes were seen where `seen` says. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/source.h"
#include "tests/check.h"
#include "workloads/trace.h"
#include "workloads/trace_load.h"

static struct kw_trace t;
static struct kw_error err;

static enum kw_status read_log(const char *text, size_t n, const char *format, const char *columns)
{
    struct kw_source s;
    err.msg[0] = 0;
    enum kw_status st = kw_source_memory(&s, "mem", text, n, &err);
    if (st == KW_OK) st = kw_trace_read(&t, &s, format, columns, &err);
    kw_source_close(&s);
    return st;
}

struct sums {
    uint64_t n, prompt, output, cached, written;
};

static struct sums sums(void)
{
    struct sums s = { t.n, 0, 0, 0, 0 };
    for (size_t i = 0; i < t.n; i++) {
        s.prompt += t.prompt[i];
        s.output += t.output[i];
        s.cached += t.cached ? t.cached[i] : 0;
        s.written += t.written ? t.written[i] : 0;
    }
    return s;
}

#define LITELLM                                                                                                        \
    "request_id,call_type,total_tokens,prompt_tokens,completion_tokens,startTime,model,metadata,cache_hit,status\n"
#define LITELLM_ROW(id, call, total, in, out, at, cached, hit, status)                                                 \
    id "," call "," #total "," #in "," #out ",2026-05-11 09:00:" at ",llama,\"{\"\"usage_object\"\": "                 \
       "{\"\"prompt_tokens_details\"\": {\"\"cached_tokens\"\": " #cached "}}}\"," hit "," status "\n"
#define OTLP_SPAN(op, model, in, out, at)                                                                              \
    "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [{\"spanId\": \"" at "\", \"startTimeUnixNano\": \"" at        \
    "\", \"attributes\": [{\"key\": \"gen_ai.operation.name\", \"value\": {\"stringValue\": \"" op                     \
    "\"}}, {\"key\": \"gen_ai.request.model\", \"value\": {\"stringValue\": \"" model                                  \
    "\"}}, {\"key\": \"gen_ai.usage.input_tokens\", \"value\": {\"intValue\": \"" #in                                  \
    "\"}}, {\"key\": \"gen_ai.usage.output_tokens\", \"value\": {\"intValue\": \"" #out                                \
    "\"}}], \"status\": {}}]}]}]}\n"
#define CLAUDE(type, id, at, in, read, write, out)                                                                     \
    "{\"parentUuid\": null, \"sessionId\": \"s\", \"requestId\": \"r\", \"type\": \"" type                             \
    "\", \"timestamp\": \"2026-06-01T08:00:" at "Z\", \"message\": {\"id\": \"" id                                     \
    "\", \"model\": \"claude\", \"usage\": {\"input_tokens\": " #in ", \"cache_read_input_tokens\": " #read            \
    ", \"cache_creation_input_tokens\": " #write ", \"output_tokens\": " #out "}}}\n"

static const struct log_case {
    const char *format, *seen, *text;
    struct sums want;
    double span_s;
} logs[] = {
    { "litellm",
      "BerriAI/litellm schema.prisma, LiteLLM_SpendLogs",
      LITELLM LITELLM_ROW("a", "acompletion", 130, 100, 30, "00.000", 40, "False", "success")
          LITELLM_ROW("a", "acompletion", 130, 100, 30, "00.000", 40, "False", "success") /* logged twice */
      LITELLM_ROW("b", "acompletion", 110, 80, 30, "01.500", 0, "True", "success")        /* the proxy's cache */
      LITELLM_ROW("c", "aget_responses", 130, 100, 30, "02.000", 0, "False", "success")
          LITELLM_ROW("d", "acompletion", 50, 50, 0, "02.500", 0, "False", "failure")
              LITELLM_ROW("e", "acompletion", 160, 100, 40, "03.000", 10, "False", "success"), /* 20 written, Bedrock */
      { 2, 220, 70, 50, 20 },
      3 },
    { "langfuse",
      "langfuse.com docs, blob export fields",
      "{\"id\": \"s\", \"type\": \"SPAN\", \"start_time\": \"2026-05-11 09:00:00.0\", \"usage_details\": {}}\n"
      "{\"id\": \"g\", \"type\": \"GENERATION\", \"start_time\": \"2026-05-11 09:00:00.0\", \"provided_model_name\": "
      "\"c\", "
      "\"usage_details\": {\"input\": 10, \"input_cache_read\": 5, \"input_cache_creation\": 2, \"output\": 7, "
      "\"total\": 24}}\n"
      "{\"id\": \"h\", \"type\": \"GENERATION\", \"start_time\": \"2026-05-11 09:00:04.5\", \"provided_model_name\": "
      "\"c\", "
      "\"usage_details\": {\"input\": 3, \"output\": 1, \"output_reasoning_tokens\": 4}}\n",
      { 2, 20, 12, 5, 2 },
      4.5 },
    { "helicone",
      "Helicone/helicone examples/export",
      "response_id,response_status,request_created_at,model,prompt_tokens,completion_tokens\n"
      "r2,200,2026-05-11T09:00:09.000Z,gpt,5,6\nr1,200,2026-05-11T09:00:00.000Z,gpt,7,8\n"
      "r3,200,2026-05-11T09:00:10.000Z,gpt,,\nr4,429,2026-05-11T09:00:11.000Z,gpt,9,0\n",
      { 2, 12, 14, 0, 0 },
      11 },
    { "openrouter",
      "OpenRouter activity CSV, public fixtures",
      "generation_id,created_at,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,model_permaslug\n"
      "g2,2026-05-11 09:02:40.5,20,6,5,12,m\ng1,2026-05-11 09:02:40.0,10,4,0,0,m\n",
      { 2, 30, 10, 12, 0 },
      0.5 },
    { "portkey",
      "requested_data of Portkey's logs export, as its clients ask for it",
      "{\"id\": \"a\", \"created_at\": \"2026-05-11T09:00:00.000Z\", \"ai_org\": \"openai\", \"ai_model\": \"gpt-4o\", "
      "\"req_units\": 20, \"res_units\": 5, \"response_time\": 800, \"response_status_code\": 200}\n"
      "{\"id\": \"b\", \"created_at\": \"2026-05-11T09:00:02.000Z\", \"ai_org\": \"openai\", \"ai_model\": \"gpt-4o\", "
      "\"req_units\": 9, \"res_units\": 1, \"response_time\": 90, \"response_status_code\": 429}\n"
      "{\"id\": \"c\", \"created_at\": \"2026-05-11T09:00:03.000Z\", \"ai_org\": \"openai\", \"ai_model\": \"gpt-4o\", "
      "\"req_units\": 30, \"res_units\": 7, \"response_time\": 900, \"response_status_code\": 200}\n",
      { 2, 50, 12, 0, 0 },
      3 },
    { "bedrock",
      "Bedrock ModelInvocationLog",
      "{\"timestamp\": \"2026-06-01T08:00:00Z\", \"requestId\": \"a\", \"modelId\": \"m\", \"input\": "
      "{\"inputTokenCount\": 10, "
      "\"cacheReadInputTokenCount\": 5, \"cacheWriteInputTokenCount\": 3}, \"output\": {\"outputTokenCount\": 2}}\n"
      "{\"timestamp\": \"2026-06-01T08:00:01Z\", \"requestId\": \"b\", \"modelId\": \"m\", \"errorCode\": "
      "\"Throttling\", "
      "\"input\": {\"inputTokenCount\": 10}, \"output\": {}}\n"
      "{\"timestamp\": \"2026-06-01T08:00:02Z\", \"requestId\": \"c\", \"modelId\": \"m\", \"input\": "
      "{\"inputTokenCount\": 1}, "
      "\"output\": {\"outputTokenCount\": 4}}\n",
      { 2, 19, 6, 5, 3 },
      2 },
    { "bedrock-insights",
      "CloudWatch Logs Insights query of the same",
      "@timestamp,requestId,input.inputTokenCount,input.cacheReadInputTokenCount,output.outputTokenCount,modelId\n"
      "2026-05-11 09:00:03.000,b,10,90,1,m\n2026-05-11 09:00:00.000,a,5,0,2,m\n",
      { 2, 105, 3, 90, 0 },
      3 },
    { "otlp",
      "opentelemetry.io semantic conventions, gen-ai; OTLP JSON",
      OTLP_SPAN("invoke_agent", "m", 300, 60, "1778490000000000000")
          OTLP_SPAN("chat", "m", 100, 20, "1778490000000000000") OTLP_SPAN("chat", "m", 200, 40, "1778490001500000000")
              OTLP_SPAN("embeddings", "e", 50, 0, "1778490002000000000"),
      { 2, 300, 60, 0, 0 },
      2 },
    { "otel-flat",
      "open-telemetry/semantic-conventions#3163",
      "{\"start_time_unix_nano\": \"1780300800000000000\", \"gen_ai.request.model\": \"m\", "
      "\"gen_ai.usage.input_tokens\": 9, "
      "\"gen_ai.usage.output_tokens\": 2, \"gen_ai.usage.cache_read.input_tokens\": 4}\n"
      "{\"start_time_unix_nano\": \"1780300800250000000\", \"gen_ai.request.model\": \"m\", "
      "\"gen_ai.usage.input_tokens\": 1, "
      "\"gen_ai.usage.output_tokens\": 1}\n",
      { 2, 10, 3, 4, 0 },
      0.25 },
    { "claude-code",
      "ccusage#901: each answer up to three times, its output growing",
      CLAUDE("user", "u", "00", 999, 0, 0, 999) CLAUDE("assistant", "m1", "01", 10, 20, 30, 1)
          CLAUDE("assistant", "m1", "02", 10, 20, 30, 50) CLAUDE("assistant", "m1", "03", 10, 20, 30, 50)
              CLAUDE("assistant", "m2", "09", 1, 0, 0, 2),
      { 2, 61, 52, 20, 30 },
      9 },
    { "vertex",
      "BigQuery of request-response logs",
      "logging_time,prompt_tokens,candidates_tokens,thoughts_tokens\n2026-06-01 08:00:00.5 UTC,20,5,3\n"
      "2026-06-01 08:00:01.5 UTC,10,4,\n",
      { 2, 30, 12, 0, 0 },
      1 },
    { "copilot",
      "Azure/AzurePublicDataset GitHubCopilotCodingAgents/schema.json",
      "{\"session_id\": \"s\", \"turns\": [{\"llm_calls\": [{\"message_id\": \"a\", \"timestamp\": "
      "\"2026-06-01T08:00:00Z\", "
      "\"model\": \"A\", \"result\": \"Success\", \"tokens\": {\"prompt\": 10, \"completion\": 2, \"cached\": 6}}, "
      "{\"message_id\": \"b\", \"timestamp\": \"2026-06-01T08:00:05Z\", \"model\": \"A\", \"result\": \"Error\", "
      "\"tokens\": {\"prompt\": 10, \"completion\": 0, \"cached\": 0}}]}, {\"llm_calls\": [{\"message_id\": \"c\", "
      "\"timestamp\": \"2026-06-01T08:00:07Z\", \"model\": \"A\", \"result\": \"Success\", \"tokens\": {\"prompt\": 4, "
      "\"completion\": 1, \"cached\": 0}}]}]}\n",
      { 2, 14, 3, 6, 0 },
      7 },
    { "vllm-bench",
      "vllm-project/vllm#32667; NaN as Python writes it",
      "{\"std_itl_ms\": NaN, \"num_prompts\": 3, \"start_times\": [353399.5, 353400.5, 353402.0], \"input_lens\": [10, "
      "20, 30], "
      "\"output_lens\": [1, 0, 3], \"errors\": [\"\", \"boom\", \"\"], \"itls\": [[0.1], [], [0.1, -Infinity]]}",
      { 2, 40, 4, 0, 0 },
      2.5 },
    { "vllm-bench", /* before start_times; a summary stands in front of the lists */
      "vllm-project/vllm benchmarks/benchmark_serving.py at 0049e29",
      "{\"date\": \"20250601-080000\", \"model_id\": \"m\", \"tokenizer_id\": \"m\", \"num_prompts\": 4, "
      "\"request_rate\": \"inf\", \"burstiness\": 1.0, \"max_concurrency\": 2, \"total_input_tokens\": 100, "
      "\"input_lens\": [10, 20, 30, 40], \"output_lens\": [2, 1, 0, 3], \"ttfts\": [0.5, 0.25, 0.0, 0.5], "
      "\"itls\": [[0.5],\n [], [], [0.25,\n  0.25]], \"errors\": [\"\", \"\", \"boom\", \"\"]}",
      { 3, 70, 6, 0, 0 },
      1.25 },
    { "sglang-bench",
      "sgl-project/sglang python/sglang/bench_serving.py, --output-details and --cache-report",
      "{\"tag\": null, \"backend\": \"sglang\", \"dataset_name\": \"random\", \"request_rate\": 2.0, "
      "\"max_concurrency\": null, \"random_input_len\": 1024, \"server_info\": {\"max_running_requests\": 64}, "
      "\"completed\": 4, \"input_lens\": [10, 20, 30, 40], \"output_lens\": [2, 1, 1, 3], "
      "\"ttfts\": [0.5, 0.25, 0.25, 0.5], \"itls\": [[0.5], [], [], [0.25, 0.25]], "
      "\"generated_texts\": [\"\", \"\", \"\", \"\"], \"errors\": [\"\", \"\", \"\", \"\"], "
      "\"cached_tokens\": [0, 16, 16, 32]}\n",
      { 4, 100, 7, 64, 0 },
      2 },
    { "aiperf",
      "aiperf docs, working with profile exports",
      "{\"metadata\": {\"request_start_ns\": 1780300800000000000, \"benchmark_phase\": \"warmup\"}, \"metrics\": "
      "{\"input_sequence_length\": {\"value\": 9}, \"output_sequence_length\": {\"value\": 9}}, \"error\": null}\n"
      "{\"metadata\": {\"request_start_ns\": 1780300801000000000, \"benchmark_phase\": \"profiling\"}, \"metrics\": "
      "{\"input_sequence_length\": {\"value\": 5}, \"output_sequence_length\": {\"value\": 2}}, \"error\": null}\n",
      { 1, 5, 2, 0, 0 },
      1 },
    { "guidellm",
      "neuralmagic/guidellm benchmark.py",
      "{\n \"benchmarks\": [{\"requests\": {\"successful\": [{\"request_start_time\": 100.0, \"prompt_tokens\": 7, "
      "\"output_tokens\": 2},\n {\"request_start_time\": 101.5, \"prompt_tokens\": 8, \"output_tokens\": 3}], "
      "\"incomplete\": [], "
      "\"errored\": [{\"request_start_time\": 101.0, \"prompt_tokens\": 7, \"output_tokens\": 1}]}}]\n}\n",
      { 2, 15, 5, 0, 0 },
      1.5 },
    { "bailian",
      "vllm-project/vllm#39795: seconds, blocks of 16",
      "{\"chat_id\": 0, \"parent_chat_id\": -1, \"timestamp\": 0, \"input_length\": 33, \"output_length\": 2, "
      "\"hash_ids\": [1, 2, 3]}\n"
      "{\"chat_id\": 1, \"parent_chat_id\": 0, \"timestamp\": 2, \"input_length\": 16, \"output_length\": 3, "
      "\"hash_ids\": [1]}\n",
      { 2, 49, 5, 0, 0 },
      2 },
    { "openai-usage",
      "cookbook.openai.com, completions usage API",
      "{\"object\": \"page\", \"data\": [{\"object\": \"bucket\", \"start_time\": 1778490000, \"end_time\": "
      "1778493600, \"results\": "
      "[{\"input_tokens\": 100, \"output_tokens\": 50, \"input_cached_tokens\": 31, \"num_model_requests\": 7, "
      "\"model\": \"m\"}]}, "
      "{\"object\": \"bucket\", \"start_time\": 1778493600, \"end_time\": 1778497200, \"results\": []}, {\"object\": "
      "\"bucket\", "
      "\"start_time\": 1778497200, \"end_time\": 1778500800, \"results\": [{\"input_tokens\": 9, \"output_tokens\": 8, "
      "\"input_cached_tokens\": 0, \"num_model_requests\": 3, \"model\": \"m\"}]}]}",
      { 10, 109, 58, 31, 0 },
      10800 },
    { "bedrock-events",
      "aws logs filter-log-events, of Bedrock's log group",
      "{\"events\": [{\"logStreamName\": \"s\", \"timestamp\": 1780300800999, \"message\": \"{\\\"timestamp\\\": "
      "\\\"2026-06-01T08:00:00Z\\\", \\\"requestId\\\": \\\"r10\\\", \\\"modelId\\\": \\\"m\\\", \\\"input\\\": "
      "{\\\"inputTokenCount\\\": "
      "10, \\\"cacheReadInputTokenCount\\\": 5}, \\\"output\\\": {\\\"outputTokenCount\\\": 2}}\", \"eventId\": "
      "\"1\"}, {\"logStreamName\": \"s\", \"timestamp\": 1780300802999, \"message\": \"{\\\"timestamp\\\": "
      "\\\"2026-06-01T08:00:02Z\\\","
      " \\\"requestId\\\": \\\"r20\\\", \\\"modelId\\\": \\\"m\\\", \\\"input\\\": {\\\"inputTokenCount\\\": 20, "
      "\\\"cacheReadInputTokenCount\\\": "
      "5}, \\\"output\\\": {\\\"outputTokenCount\\\": 3}}\", \"eventId\": \"2\"}]}",
      { 2, 40, 5, 10, 0 },
      2 },
    { "otlp-snake",
      "OTLP JSON with the names of opentelemetry-proto",
      "{\"resource_spans\": [{\"scope_spans\": [{\"spans\": [{\"span_id\": \"s0\", \"start_time_unix_nano\": "
      "\"1780300800000000000\", \"attributes\": [{\"key\": \"gen_ai.request.model\", \"value\": {\"stringValue\": "
      "\"m\"}}, {\"key\": \"gen_ai.usage.input_tokens\", \"value\": {\"intValue\": \"10\"}}, {\"key\": "
      "\"gen_ai.usage.output_tokens\","
      " \"value\": {\"intValue\": \"3\"}}]}, {\"span_id\": \"s1\", \"start_time_unix_nano\": \"1780300801500000000\","
      " \"attributes\": [{\"key\": \"gen_ai.request.model\", \"value\": {\"stringValue\": \"m\"}}, {\"key\": "
      "\"gen_ai.usage.input_tokens\", \"value\": {\"intValue\": \"11\"}}, {\"key\": \"gen_ai.usage.output_tokens\","
      " \"value\": {\"intValue\": \"3\"}}]}]}]}]}",
      { 2, 21, 6, 0, 0 },
      1.5 },
    { "otel-console",
      "opentelemetry-python ConsoleSpanExporter",
      "{\"name\": \"chat\", \"context\": {\"span_id\": \"0x0\"}, \"start_time\": \"2026-06-01T08:00:00.500000Z\","
      " \"status\": {\"status_code\": \"UNSET\"}, \"attributes\": {\"gen_ai.operation.name\": \"chat\", "
      "\"gen_ai.request.model\": "
      "\"m\", \"gen_ai.usage.input_tokens\": 10, \"gen_ai.usage.output_tokens\": 3}}\n{\"name\": \"chat\","
      " \"context\": {\"span_id\": \"0x1\"}, \"start_time\": \"2026-06-01T08:00:01.500000Z\", \"status\": "
      "{\"status_code\": "
      "\"UNSET\"}, \"attributes\": {\"gen_ai.operation.name\": \"invoke_agent\", \"gen_ai.request.model\": "
      "\"m\", \"gen_ai.usage.input_tokens\": 11, \"gen_ai.usage.output_tokens\": 3}}\n{\"name\": \"chat\","
      " \"context\": {\"span_id\": \"0x2\"}, \"start_time\": \"2026-06-01T08:00:02.500000Z\", \"status\": "
      "{\"status_code\": "
      "\"ERROR\"}, \"attributes\": {\"gen_ai.operation.name\": \"chat\", \"gen_ai.request.model\": \"m\", "
      "\"gen_ai.usage.input_tokens\": "
      "12, \"gen_ai.usage.output_tokens\": 3}}\n{\"name\": \"chat\", \"context\": {\"span_id\": \"0x3\"}, "
      "\"start_time\": "
      "\"2026-06-01T08:00:03.500000Z\", \"status\": {\"status_code\": \"OK\"}, \"attributes\": "
      "{\"gen_ai.operation.name\": "
      "\"chat\", \"gen_ai.request.model\": \"m\", \"gen_ai.usage.input_tokens\": 13, \"gen_ai.usage.output_tokens\": "
      "3}}\n",
      { 2, 23, 6, 0, 0 },
      3 },
    { "openrouter-daily",
      "openrouter.ai docs, GET /api/v1/activity",
      "{\"data\": [{\"date\": \"2026-05-11\", \"model\": \"m\", \"endpoint_id\": \"e\", \"usage\": 0.015, "
      "\"requests\": "
      "3, \"prompt_tokens\": 30, \"completion_tokens\": 12, \"reasoning_tokens\": 2}, {\"date\": \"2026-05-12\","
      " \"model\": \"m\", \"endpoint_id\": \"e\", \"usage\": 0.015, \"requests\": 2, \"prompt_tokens\": 20, "
      "\"completion_tokens\": "
      "8, \"reasoning_tokens\": 1}]}",
      { 5, 50, 20, 0, 0 },
      172800 },
    { "vertex-full",
      "Vertex request-response logs of Gemini in BigQuery",
      "{\"logging_time\": \"2026-06-01 08:00:00.5 UTC\", \"request_id\": \"0\", \"full_request\": {\"contents\": "
      "[]}, \"full_response\": {\"usageMetadata\": {\"promptTokenCount\": 20, \"candidatesTokenCount\": "
      "4, \"thoughtsTokenCount\": 3, \"cachedContentTokenCount\": 8}}, \"model\": \"gemini\"}\n{\"logging_time\": "
      "\"2026-06-01 08:00:01.5 UTC\", \"request_id\": \"1\", \"full_request\": {\"contents\": []}, \"full_response\": "
      "\"{\\\"usageMetadata\\\": {\\\"promptTokenCount\\\": 10, \\\"candidatesTokenCount\\\": 5}}\", \"model\": "
      "\"gemini\"}\n",
      { 2, 30, 12, 8, 0 },
      1 },
    { "litellm", /* a stream whose row has no count of its output; what its answer said stands in the metadata */
      "BerriAI/litellm issues 35290 and 8784 (shared/cases/logs2/c04)",
      LITELLM
      "a,acompletion,2028,2028,0,2026-05-11 09:00:00,llama,\"{\"\"usage_object\"\": {\"\"prompt_tokens\"\": 2028, "
      "\"\"completion_tokens\"\": 88}}\",False,success\n" LITELLM_ROW("b", "acompletion", 130, 100, 30, "01.000", 40,
                                                                      "False", "success"),
      { 2, 2128, 118, 40, 0 },
      1 }
};

static void each_format_is_found_and_counted(void)
{
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        const struct log_case *c = &logs[i];
        enum kw_status st = read_log(c->text, strlen(c->text), NULL, NULL);
        if (st != KW_OK) {
            CHECK(!"read");
            fprintf(stderr, "  %s: %s\n", c->format, err.msg);
            continue;
        }
        struct sums s = sums();
        CHECK_STR(t.notes.format, c->format);
        if (memcmp(&s, &c->want, sizeof s) || t.span != (kw_ns)(c->span_s * 1e9)) {
            CHECK(!"counted right");
            fprintf(stderr,
                    "  %s: %" PRIu64 " requests, %" PRIu64 " in, %" PRIu64 " out, %" PRIu64 " cached, %" PRIu64
                    " written, span %lld\n",
                    c->format, s.n, s.prompt, s.output, s.cached, s.written, (long long)t.span);
        }
        kw_trace_free(&t);
    }
}

/* Cut anywhere, a log is refused or read in part: never a crash, never more than the whole holds. */
static void cut_anywhere(void)
{
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++)
        for (size_t n = 0; n < strlen(logs[i].text); n += 7) {
            enum kw_status st = read_log(logs[i].text, n, NULL, NULL);
            if (st == KW_OK)
                CHECK(t.n <= logs[i].want.n + (strcmp(logs[i].format, "claude-code") == 0));
            else
                CHECK(st == KW_EPARSE || st == KW_ERANGE);
            kw_trace_free(&t);
        }
}

static void what_is_left_out_is_told(void)
{
    char buf[2000];
    CHECK(read_log(logs[0].text, strlen(logs[0].text), NULL, NULL) == KW_OK);
    CHECK(t.notes.rows == 6 && t.notes.duplicates == 1 && t.notes.gateway_hits == 1 && t.notes.filtered == 1 &&
          t.notes.dropped_failed == 1);
    kw_trace_remarks(&t, buf, sizeof buf);
    CHECK(strstr(buf, "1 rows answered by the gateway's own cache left out") && strstr(buf, "1 rows repeat an id"));
    CHECK(kw_trace_strict(&t, &err) == KW_ERANGE && strstr(err.msg, "--strict: 1 failed rows left out"));
    kw_trace_free(&t);
    CHECK(read_log(logs[2].text, strlen(logs[2].text), NULL, NULL) == KW_OK);
    CHECK(t.notes.unknown_tokens == 1 && t.notes.imputed == 0 && t.notes.dropped_failed == 1);
    kw_trace_free(&t);
    CHECK(read_log(logs[2].text, strlen(logs[2].text), NULL, "missing=mean") == KW_OK);
    CHECK(t.n == 3 && t.notes.imputed == 1 && t.prompt[2] == 6 && t.output[2] == 7); /* means of 5, 7 and of 6, 8 */
    kw_trace_free(&t);
    CHECK(read_log(logs[2].text, strlen(logs[2].text), NULL, "missing=refuse") == KW_ERANGE);
    CHECK_STR(err.msg, "mem:4: no token counts (missing=drop leaves such requests out, missing=mean takes the mean)");
    kw_trace_free(&t);
}

/* The zone that a name tells is no part of it. */
static void names_that_say_utc(void)
{
    const char *text = "TimeGenerated [UTC],CorrelationId,PromptTokens,CompletionTokens,ModelName\n"
                       "\"5/31/2026, 9:00:00.125 AM\",a,100,20,m\n\"5/31/2026, 9:00:02.500 PM\",b,150,30,m\n";
    CHECK(read_log(text, strlen(text), NULL, NULL) == KW_OK && t.n == 2 && t.output[1] == 30);
    CHECK(t.arrival[1] == 12 * 3600 * KW_NS_PER_S + 2375000000);
    kw_trace_free(&t);
    text = "created_at_utc,in,out\n2026-05-31 09:00:00,5,6\n2026-05-31 09:00:01,5,6\n";
    CHECK(read_log(text, strlen(text), NULL, NULL) == KW_OK && t.n == 2 && t.epoch_unix == 1780218000);
    kw_trace_free(&t);
}

/* Words of the same length, alike in the middle and at the end, each have an answer of their own, row after row. */
static void each_word_has_its_own_answer(void)
{
    char text[4000] = "time,model,in,out,ok\n";
    size_t n = strlen(text);
    for (int i = 0; i < 40; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "2026-06-01T08:00:%02dZ,%s-large-1,5,2,%s\n", i,
                              i % 3 ? "chatty" : "rerank", i % 2 ? "2002" : "2502");
    CHECK(read_log(text, n, NULL, "arrival=time,prompt=in,output=out,model=model,status=ok:2002") == KW_OK);
    CHECK(t.notes.not_generated == 14 && t.notes.dropped_failed == 13 && t.n == 13);
    kw_trace_free(&t);
}

/* Where a provider's log says in which region it was called. */
static void logs_say_where_requests_come_from(void)
{
    const char *
        bedrock =
           "{\"timestamp\": \"2026-06-01T08:00:00Z\", \"requestId\": \"a\", \"modelId\": \"m\", \"region\": "
           "\"us-east-1\", \"input\": {\"inputTokenCount\": 10}, \"output\": {\"outputTokenCount\": 2}}\n"
           "{\"timestamp\": \"2026-06-01T08:00:01Z\", \"requestId\": \"b\", \"modelId\": \"m\", \"region\": null, "
           "\"input\": {\"inputTokenCount\": 10}, \"output\": {\"outputTokenCount\": 2}}\n",
       *span = "{\"start_time_unix_nano\": \"1780300800000000000\", \"gen_ai.usage.input_tokens\": 9, "
               "\"gen_ai.usage.output_tokens\": 2, \"gen_ai.request.model\": \"m\", \"cloud.region\": \"eu-west-1\"}\n";
    CHECK(read_log(bedrock, strlen(bedrock), NULL, NULL) == KW_OK && t.n == 2 && t.n_regions == 2);
    CHECK_STR(t.region_name[t.region[0]], "us-east-1");
    CHECK_STR(t.region_name[t.region[1]], "");
    kw_trace_free(&t);
    CHECK(read_log(span, strlen(span), NULL, NULL) == KW_OK && t.n_regions == 1);
    CHECK_STR(t.region_name[0], "eu-west-1");
    kw_trace_free(&t);
}

/* Exports come newest first, and a row that grew stands before the one it grew from. */
static void of_one_id_the_fullest_at_the_earliest_time(void)
{
    const char *text =
        "ts,id,in,out\n2026-06-01T08:00:05Z,a,5,9\n2026-06-01T08:00:03Z,a,5,1\n2026-06-01T08:00:00Z,b,1,1\n";
    CHECK(read_log(text, strlen(text), NULL, NULL) == KW_OK);
    CHECK(t.n == 2 && t.notes.duplicates == 1 && t.arrival[1] == 3 * KW_NS_PER_S && t.output[1] == 9);
    kw_trace_free(&t);
}

static void refused(const char *text, const char *columns, const char *part)
{
    enum kw_status st = read_log(text, strlen(text), NULL, columns);
    CHECK(st == KW_EPARSE || st == KW_ERANGE);
    if (!strstr(err.msg, part)) {
        CHECK(!"message");
        fprintf(stderr, "  '%s' lacks '%s'\n", err.msg, part);
    }
    kw_trace_free(&t);
}

static void what_cannot_be_read_says_why(void)
{
    refused("starting_at,uncached_input_tokens,output_tokens\n2026-05-11T09:00:00Z,9,9\n", NULL,
            "without a number of requests");
    refused("BilledCost,ChargePeriodStart,ConsumedQuantity\n1,2026-05-11T00:00:00Z,9\n",
            "arrival=ChargePeriodStart,prompt=ConsumedQuantity,output=ConsumedQuantity", "lines of a bill");
    refused("INFO 05-11 09:00:00 Received request chatcmpl-0: prompt: 'x'\n", NULL, "no token counts");
    refused("PAR1....", NULL, "Parquet");
    refused("a,b,c\n1,2,3\n", NULL, "no name says when a request arrived among a, b, c");
    refused("time,tokens\n1.5,2\n", NULL, "no name says how long a prompt is");
    refused("ts,in,out\n1.5,2,3\n2.5,x,4\n", "arrival=ts,prompt=in,output=out",
            "mem:3: want a whole number of tokens, got 'x' (broken=drop leaves such records out)");
    refused("ts,in,out\n1.5,2,3\n2.5,4\n", NULL,
            "2 fields, but the header has 3 (broken=drop leaves such records out)");
    const char *open = "ts,in,out\n1.5,2,3\n2.5,\"4,5\n3.5,6,7\n"; /* leaving it out would leave out all behind it */
    refused(open, "arrival=ts,prompt=in,output=out", "mem:3: a quoted field begins on line 3 and does not end");
    CHECK(!strstr(err.msg, "broken=drop"));
    refused(open, "arrival=ts,prompt=in,output=out,broken=drop",
            "mem:3: a quoted field begins on line 3 and does not end");
    refused("ts,in,out\n1.5,x,3\n", "arrival=ts,prompt=in,output=out", "got 'x'"); /* all records may be like it */
    CHECK(!strstr(err.msg, "broken=drop"));
    refused("ts,in,out\n1.5,2,3\n2.5,,4\n", "arrival=ts,prompt=in,output=out,missing=refuse", "missing=mean");
    CHECK(!strstr(err.msg, "broken=drop"));
}

static void units_are_told_or_asked_for(void)
{
    static const struct {
        const char *name, *a, *b;
        kw_ns apart; /* -1: refused */
    } row[] = { { "ts", "1780300800", "1780300801", KW_NS_PER_S },
                { "ts", "1780300800001", "1780300801001", KW_NS_PER_S },
                { "ts", "1780300800000001", "1780300801000001", KW_NS_PER_S },
                { "ts", "1780300800000000001", "1780300801000000001", KW_NS_PER_S },
                { "ts", "0.5", "1.5", KW_NS_PER_S },
                { "offset_ms", "0", "1000", KW_NS_PER_S },
                { "elapsedMs", "0", "1000", KW_NS_PER_S },
                { "start_us", "0", "1000000", KW_NS_PER_S },
                { "arrival", "0", "1", KW_NS_PER_S }, /* this program's own name holds seconds */
                { "ts", "0", "1000", -1 },
                { "ts", "46174.25", "46174.375", -1 }, /* a spreadsheet's days, or seconds */
                { "ts", "5/31/2026 11:59:59 PM", "6/1/2026 12:00:00 AM", KW_NS_PER_S },
                { "ts", "1/2/2026 10:00:00", "1/2/2026 10:00:01", -1 },
                { "ts", "31/12/2026 10:00:00", "31/12/2026 10:00:01", KW_NS_PER_S },
                { "ts", "31.05.2026 23:59:59", "01.06.2026 00:00:00", KW_NS_PER_S },
                { "ts", "20260531235959", "20260601000000", KW_NS_PER_S },
                { "ts", "20260531-235959", "20260601-000000", KW_NS_PER_S },
                { "ts", "31/May/2026:23:59:59 +0200", "01/Jun/2026:00:00:00 +0200", KW_NS_PER_S },
                { "ts", "2026-06-01 08:00:00.5 +0000 UTC m=+0.1", "2026-06-01 08:00:01.5 +0000 UTC m=+1.1",
                  KW_NS_PER_S },
                { "ts", "2026-06-01T08:00Z", "2026-06-01T08:01Z", 60 * KW_NS_PER_S },
                { "ts", "2026-06-01 10:00:00 +02:00", "2026-06-01T08:00:01Z", KW_NS_PER_S } };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[300];
        snprintf(text, sizeof text, "%s,in,out\n%s,5,6\n%s,7,8\n", row[i].name, row[i].a, row[i].b);
        enum kw_status st = read_log(text, strlen(text), NULL, NULL);
        if (row[i].apart < 0 ? st != KW_EPARSE : st != KW_OK || t.n != 2 || t.arrival[1] != row[i].apart) {
            CHECK(!"unit");
            fprintf(stderr, "  %s '%s' '%s': %d, %lld (%s)\n", row[i].name, row[i].a, row[i].b, st,
                    t.n == 2 ? (long long)t.arrival[1] : -1, err.msg);
        }
        kw_trace_free(&t);
    }
    const char *sheet = "ts,in,out\n46174.25,5,6\n46174.375,7,8\n";
    CHECK(read_log(sheet, strlen(sheet), NULL, "unit=days") == KW_OK);
    CHECK(t.n == 2 && t.arrival[1] == 3 * 3600 * KW_NS_PER_S && t.epoch_unix == 1780293600); /* 2026-06-01 06:00 UTC */
    kw_trace_free(&t);
    const char *moon = "{\"timestamp\": 5, \"input_length\": 5, \"output_length\": 6}\n{\"timestamp\": 8, "
                       "\"input_length\": 5, \"output_length\": 6}\n";
    CHECK(read_log(moon, strlen(moon), NULL, NULL) == KW_OK && t.span == 3000000); /* milliseconds by its document */
    kw_trace_free(&t);
    CHECK(read_log(moon, strlen(moon), NULL, "unit=s") == KW_OK && t.span == 3 * KW_NS_PER_S);
    kw_trace_free(&t);
}

/* In the night in which summer time ends, local clocks show an hour twice. */
static void an_hour_shown_twice(void)
{
    const char *eu = "ts,in,out\n2026-10-25 02:59:00,5,6\n2026-10-25 02:00:30,5,6\n2026-10-25 03:00:00,5,6\n";
    CHECK(read_log(eu, strlen(eu), NULL, NULL) == KW_OK);
    CHECK(t.n == 3 && t.arrival[1] == 90 * KW_NS_PER_S && t.arrival[2] == 3660 * KW_NS_PER_S && t.notes.fell_back == 2);
    kw_trace_free(&t);
    const char *other = "ts,in,out\n2026-10-24 02:59:00,5,6\n2026-10-24 02:00:30,5,6\n2026-10-24 03:00:00,5,6\n";
    CHECK(read_log(other, strlen(other), NULL, NULL) == KW_OK && t.notes.fell_back == 0 && t.notes.clock_back == 1);
    kw_trace_free(&t);
}

static void what_spreadsheets_and_scripts_do_to_a_file(void)
{
    static const struct {
        const char *text, *columns;
        struct sums want;
    } row[] = {
        { "\xef\xbb\xbfZeit;Eingabe;Ausgabe\n01.06.2026 08:00:00;2.028;88\n01.06.2026 08:00:15;1.438;163\n",
          NULL,
          { 2, 3466, 251, 0, 0 } },
        { "ts, in, out\n2026-06-01T08:00:00Z, 28, 8\n", NULL, { 1, 28, 8, 0, 0 } },
        { ",ts,in,out\n0,2026-06-01T08:00:00Z,28.0,8.0\n1,2026-06-01T08:00:01Z,,8.0\n", NULL, { 1, 28, 8, 0, 0 } },
        { "ts,in,out\n2026-06-01T08:00:00Z,\"2,028\",8\n", NULL, { 1, 2028, 8, 0, 0 } },
        { "ts,in,out\n2026-06-01T08:00:00Z,5,8\nts,in,out\n2026-06-01T08:00:01Z,6,9\n", NULL, { 2, 11, 17, 0, 0 } },
        { "ts,in,out\n2026-06-01T08:00:00Z,5,8\n2026-06-01T08:00:01Z,6,-1\n", NULL, { 1, 5, 8, 0, 0 } },
        { "{\"ts\": \"2026-06-01T08:00:00Z\", \"in\": 5, \"out\": 8}\n{\"ts\": \"2026-06-0", NULL, { 1, 5, 8, 0, 0 } },
        { "[\n {\"ts\": \"2026-06-01T08:00:00Z\",\n  \"in\": 5, \"out\": 8},\n {\"ts\": \"2026-06-01T08:00:01Z\", "
          "\"in\": 6, \"out\": 9}\n]\n",
          NULL,
          { 2, 11, 17, 0, 0 } },
        { "{\"created\": 1780300800.5, \"usage\": {\"prompt_tokens\": 9, \"completion_tokens\": 3, "
          "\"prompt_tokens_details\": "
          "{\"cached_tokens\": 4}}}\n",
          NULL,
          { 1, 9, 3, 4, 0 } },
        { "{\"created_at\": \"2026-06-01T08:00:00Z\", \"id\": \"m\", \"input_tokens\": 1, \"cache_read_input_tokens\": "
          "20, "
          "\"cache_creation_input_tokens\": 3, \"output_tokens\": 5}\n",
          NULL,
          { 1, 24, 5, 20, 3 } },
        { "finished_at,duration_ms,in,out\n2026-06-01T08:00:02Z,1500,5,6\n2026-06-01T08:00:03Z,500,7,8\n",
          NULL,
          { 2, 12, 14, 0, 0 } },
        { "time,model,in,out\n2026-06-01T08:00:00Z,llama,5,6\n2026-06-01T08:00:01Z,text-embedding-3-small,7,8\n"
          "2026-06-01T08:00:02Z,gpt-4o,9,1\n",
          "where=model:llama|GPT-4o",
          { 2, 14, 7, 0, 0 } },
        { "sep=;\r\nts;in;out\r\n2026-06-01T08:00:00Z;5;8\r\n", NULL, { 1, 5, 8, 0, 0 } },
        { "ts|in|out\n2026-06-01T08:00:00Z|5|8\n", NULL, { 1, 5, 8, 0, 0 } },
        { "\xef\xbb\xbfts,in,out\n2026-06-01T08:00:00Z,5,8\n\xef\xbb\xbfts,in,out\n2026-06-01T08:00:01Z,6,9\n",
          NULL,
          { 2, 11, 17, 0, 0 } },
        { "{\"total\": 2, \"items\": [{\"ts\": \"2026-06-01T08:00:00Z\", \"in\": 5, \"out\": 8}, {\"ts\": "
          "\"2026-06-01T08:00:01Z\", \"in\": 6, \"out\": 9}]}",
          NULL,
          { 2, 11, 17, 0, 0 } },
        { "{\"data\": [{\"t\": 0.5, \"in\": 5, \"out\": 8}], \"n\": 1}\n{\"data\": [{\"t\": 1.5, \"in\": 6, \"out\": "
          "9}]}\n",
          "arrival=t,prompt=in,output=out,unit=s", /* pages, a map of the user's */
          { 2, 11, 17, 0, 0 } },
        { "{\"ts\": \"2026-06-01T08:00:00Z\", \"in\": 5, \"out\": 8, \"data\": [{\"in\": 99}]}\n", /* no envelope */
          NULL,
          { 1, 5, 8, 0, 0 } },
        { "{\"custom_id\": \"a\", \"response\": {\"body\": {\"created\": 1780300800, \"usage\": {\"prompt_tokens\": 9, "
          "\"completion_tokens\": 3, \"prompt_tokens_details\": {\"cached_tokens\": 4}}}}}\n",
          NULL,
          { 1, 9, 3, 4, 0 } },
        { "a.b,t,x\n5,0.5,1\n6,1.5,2\n", "arrival=t,prompt=a.b+x,output=x", { 2, 14, 3, 0, 0 } },
        { "t,total,o\n0.5,15,5\n1.5,8,2\n", "arrival=t,prompt=total - o,output=o", { 2, 16, 7, 0, 0 } },
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        enum kw_status st = read_log(row[i].text, strlen(row[i].text), NULL, row[i].columns);
        struct sums s = st == KW_OK ? sums() : (struct sums){ 0 };
        if (memcmp(&s, &row[i].want, sizeof s)) {
            CHECK(!"read right");
            fprintf(stderr, "  case %zu: %s; %" PRIu64 " requests, %" PRIu64 " in, %" PRIu64 " out\n", i, err.msg, s.n,
                    s.prompt, s.output);
        }
        kw_trace_free(&t);
    }
}

static void what_a_map_leaves_unused_is_said(void)
{
    const char *text =
        "timestamp,message_id,input_tokens,cache_read_input_tokens,output_tokens,model\n"
        "2026-05-11T09:00:00Z,a,5,7,1,x\n2026-05-11T09:00:00Z,a,5,7,1,x\n2026-05-11T09:00:01Z,b,5,7,1,y\n";
    CHECK(read_log(text, strlen(text), NULL, "arrival=timestamp,prompt=input_tokens,output=output_tokens") == KW_OK);
    CHECK(t.n == 3 && strstr(t.notes.hints, "cache_read_input_tokens is not used") &&
          strstr(t.notes.hints, "say id=message_id") && strstr(t.notes.hints, "rows of several models"));
    kw_trace_free(&t);
    const char *bucket = "start,num_requests,input_tokens,output_tokens\n2026-05-11T09:00:00Z,9,90,45\n";
    CHECK(read_log(bucket, strlen(bucket), NULL, "arrival=start,prompt=input_tokens,output=output_tokens") == KW_OK);
    CHECK(t.n == 1 && strstr(t.notes.hints, "a row is a bucket, not a request"));
    kw_trace_free(&t);
    refused("t,in,out\n0.5,5,6\n0.5,5,6\n", "arrival=t,prompt=in,output=out,cached=nix", "no column 'nix'");
    refused("t,in,in,out\n0.5,5,6,7\n", "arrival=t,prompt=in,output=out", "column 'in' is there twice");
    refused("t,in,out,c\n0.5,5,6,9\n", "arrival=t,prompt=in,output=out,cached=c", "9 cached tokens of 5 in the prompt");
}

/* Requests of a bucket lie in it, and all buckets of an even spread are alike. */
static void buckets_become_arrivals(void)
{
    const char *text = "start_time,end_time,num_model_requests,input_tokens,output_tokens\n"
                       "1778490000,1778493600,4,40,20\n1778493600,1778497200,4,40,20\n";
    CHECK(read_log(text, strlen(text), NULL, "buckets=even") == KW_OK);
    CHECK(t.n == 8 && t.notes.buckets == 2 && t.span == 7200 * KW_NS_PER_S);
    for (size_t i = 0; i < t.n; i++) CHECK(t.prompt[i] == 10 && t.output[i] == 5);
    for (size_t i = 5; i < 8; i++) CHECK(llabs(t.arrival[i] - t.arrival[i - 1] - 720 * KW_NS_PER_S) < 10);
    kw_trace_free(&t);
    CHECK(read_log(text, strlen(text), NULL, NULL) == KW_OK && t.n == 8);
    for (size_t i = 0; i < t.n; i++) CHECK(t.arrival[i] / (3600 * KW_NS_PER_S) == (kw_ns)(i / 4));
    kw_trace_free(&t);
    CHECK(read_log(text, strlen(text), NULL, "buckets=begin") == KW_OK && t.n == 8 && t.span == 7200 * KW_NS_PER_S);
    for (size_t i = 0; i < t.n; i++) CHECK(t.arrival[i] == (kw_ns)(i / 4) * 3600 * KW_NS_PER_S);
    kw_trace_free(&t);
    refused("start_time,end_time,num_model_requests,input_tokens,output_tokens\n1778490000,1778493600,5,4,9\n", NULL,
            "5 requests, but 4 prompt");
    refused("date,requests,prompt_tokens,completion_tokens\n2026-05-11,5,50,90\n", NULL,
            "say end=NAME or bucket=SECONDS");
    refused("start_time,num_model_requests,input_tokens,output_tokens\n1778490000,5,50,90\n", NULL,
            "say end=NAME or bucket=SECONDS");
}

/* When the first token came and when the answer ended, in ns from the arrival; -1: not said. Each log in its own words:
 * times, milliseconds, lists of gaps between tokens. */
static void latencies_are_kept_as_each_log_tells_them(void)
{
    const kw_ns ms = 1000000;
    const struct {
        const char *text, *columns;
        kw_ns ttft[3], e2e[3]; /* [t.n] */
        uint64_t odd;
    } logs[] = {
        { "request_id,call_type,total_tokens,prompt_tokens,completion_tokens,startTime,completionStartTime,endTime\n"
          "a,acompletion,9,5,4,2026-05-11 09:00:00.000,2026-05-11 09:00:00.400,2026-05-11 09:00:01.500\n"
          "b,acompletion,9,5,4,2026-05-11 09:00:01.000,,2026-05-11 09:00:03.000\n",
          NULL,
          { 400 * ms, -1 },
          { 1500 * ms, 2000 * ms },
          0 },
        { "{\"id\": \"g\", \"type\": \"GENERATION\", \"start_time\": \"2026-05-11 09:00:00.0\", \"end_time\": "
          "\"2026-05-11 09:00:02.0\", \"completion_start_time\": \"2026-05-11 09:00:00.250\", \"usage_details\": "
          "{\"input\": 10, \"output\": 7}}\n",
          NULL,
          { 250 * ms },
          { 2000 * ms },
          0 },
        { "response_id,response_status,request_created_at,prompt_tokens,completion_tokens,time_to_first_token,delay_"
          "ms\n"
          "r1,200,2026-05-11T09:00:00.000Z,7,8,120,900\nr2,200,2026-05-11T09:00:09.000Z,5,6,,700\n",
          NULL,
          { 120 * ms, -1 },
          { 900 * ms, 700 * ms },
          0 },
        { "generation_id,created_at,tokens_prompt,tokens_completion,time_to_first_token_ms\n"
          "g1,2026-05-11 09:02:40.0,10,4,312.5\n",
          NULL,
          { 312500000 },
          { -1 },
          0 },
        { "{\"start_time_unix_nano\": \"1780300800000000000\", \"end_time_unix_nano\": \"1780300801000000000\", "
          "\"gen_ai.request.model\": \"m\", \"gen_ai.usage.input_tokens\": 9, \"gen_ai.usage.output_tokens\": 2, "
          "\"gen_ai.response.time_to_first_chunk\": 0.25}\n",
          NULL,
          { 250 * ms },
          { 1000 * ms },
          0 },
        { "{\"start_times\": [1.5, 2.5, 4.0], \"input_lens\": [10, 20, 30], \"output_lens\": [3, 1, 3], \"ttfts\": "
          "[0.5, 0.25, 0.5], \"itls\": [[0.1, 0.2], [], [0.1, Infinity]]}",
          NULL,
          { 500 * ms, 250 * ms, -1 }, /* the third row's gaps are no numbers */
          { 800 * ms, 250 * ms, -1 },
          1 },
        { "{\"metadata\": {\"request_start_ns\": 1780300800000000000, \"request_end_ns\": 1780300800500000000}, "
          "\"metrics\": {\"input_sequence_length\": {\"value\": 9}, \"output_sequence_length\": {\"value\": 9}, "
          "\"time_to_first_token\": {\"value\": 40.5, \"unit\": \"ms\"}}, \"error\": null}\n",
          NULL,
          { 40500000 },
          { 500 * ms },
          0 },
        { "{\n \"benchmarks\": [{\"requests\": {\"successful\": [{\"request_start_time\": 100.0, \"prompt_tokens\": 7, "
          "\"output_tokens\": 2, \"time_to_first_token_ms\": 80, \"request_latency\": 1.5}], \"incomplete\": [], "
          "\"errored\": []}}]\n}\n",
          NULL,
          { 80 * ms },
          { 1500 * ms },
          0 },
        /* no format: names that say it, with their unit; an end is one where the arrival is a beginning */
        { "timestamp,in,out,TTFT_ms,e2e_s\n0.5,5,6,70,1.5\n1.5,5,6,0,0\n",
          NULL,
          { 70 * ms, -1 }, /* 0: not known */
          { 1500 * ms, -1 },
          0 },
        { "started_at,finished_at,in,out,first_token_at\n2026-06-01T08:00:00Z,2026-06-01T08:00:02Z,5,6,2026-06-01T08:"
          "00:01Z\n",
          NULL,
          { 1000 * ms },
          { 2000 * ms },
          0 },
        /* the user's own words; a length taken off the end is the answer's */
        { "t,i,o,f,l\n0.5,5,6,300,900\n", "arrival=t,prompt=i,output=o,ttft=f:ms,e2e=l:us", { -1 }, { -1 }, 1 },
        { "t,i,o,f,l\n0.5,5,6,300,900\n",
          "arrival=t,prompt=i,output=o,ttft=f:us,e2e=f+l:us",
          { 300000 },
          { 1200000 },
          0 },
        { "done,i,o,took_ms,f\n8.5,5,6,1500,7.5\n",
          "arrival=done,duration=took_ms,prompt=i,output=o,first=f,unit=s",
          { 500 * ms },
          { 1500 * ms },
          0 },
        { "t,i,o,f,x\n3.5,5,6,2.5,9.5\n", "arrival=t,prompt=i,output=o,first=f,end=x,unit=s", { -1 }, { -1 }, 1 },
    };
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        CHECK(read_log(logs[i].text, strlen(logs[i].text), NULL, logs[i].columns) == KW_OK);
        CHECK(t.n >= 1 && t.n <= 3 && t.notes.latency_odd == logs[i].odd);
        for (size_t k = 0; k < t.n; k++) {
            kw_ns ttft = t.ttft ? t.ttft[k] : -1, e2e = t.e2e ? t.e2e[k] : -1;
            if (ttft == logs[i].ttft[k] && e2e == logs[i].e2e[k]) continue;
            CHECK(!"kept");
            fprintf(stderr, "  log %zu, request %zu: %" PRId64 " and %" PRId64 "; %s\n", i, k, ttft, e2e, err.msg);
        }
        CHECK((t.ttft != NULL) == (logs[i].ttft[0] >= 0 || logs[i].ttft[1] > 0)); /* no column where none says it */
        kw_trace_free(&t);
    }
    const char *text = "t,i,o,ttft\n0.5,5,6,300\n";
    CHECK(read_log(text, strlen(text), NULL, "arrival=t,prompt=i,output=o") == KW_OK && !t.ttft && !t.e2e);
    CHECK(strstr(t.notes.hints, "say its unit, ttft=ttft:ms or :s"));
    kw_trace_free(&t);
    refused(text, "arrival=t,prompt=i,output=o,ttft=ttft", "ttft=ttft: in which unit? say ttft=ttft:ms");
    refused(text, "arrival=t,prompt=i,output=o,ttft=ttft:min", "ttft is s, ms, us or ns, not 'min'");
}

/* Of one id the fullest answer's latencies, counted from the earliest arrival; rows out of order keep theirs. */
static void latencies_follow_their_request(void)
{
    const char *text = "id,t,i,o,ttft_ms,e2e_ms\na,10.0,5,1,100,100\nb,30.0,5,7,70,700\na,10.5,5,9,200,900\n"
                       "c,20.0,5,8,80,800\n";
    CHECK(read_log(text, strlen(text), NULL, "arrival=t,prompt=i,output=o,id=id,ttft=ttft_ms,e2e=e2e_ms,unit=s") ==
              KW_OK &&
          t.n == 3);
    const kw_ns ms = 1000000, ttft[] = { 700 * ms, 80 * ms, 70 * ms }, e2e[] = { 1400 * ms, 800 * ms, 700 * ms };
    for (size_t i = 0; i < t.n; i++) CHECK(t.ttft[i] == ttft[i] && t.e2e[i] == e2e[i]);
    kw_trace_free(&t);
}

/* A load test's line: what comes before the lists, and those of its times. */
#define RUN_OF(rate, limit, more, times)                                                                               \
    "{\"dataset_name\": \"random\", \"random_input_len\": 9, \"request_rate\": " rate ", \"max_concurrency\": " limit  \
    ", " more "\"input_lens\": [1, 2, 3, 4], \"output_lens\": [5, 6, 7, 8], " times                                    \
    ", \"errors\": [\"\", \"\", \"\", \"\"]}\n"
#define TIMED "\"ttfts\": [0.5, 1.5, 0.25, 1], \"itls\": [[0.5], [], [0.25, 0.25], []]" /* in all 1, 1.5, 0.75, 1 s */

/* Results that keep no start times: by hand, in ms after the first. */
static void load_tests_without_start_times(void)
{
    const struct {
        const char *text, *columns;
        int64_t at_ms[8], span_ms;
        size_t n;
        uint64_t drawn;
    } run[] = {
        { RUN_OF("Infinity", "2", "", TIMED), NULL, { 0, 0, 1000, 1500 }, 2500, 4, 0 },
        { RUN_OF("\"inf\"", "1", "", TIMED), NULL, { 0, 1000, 2500, 3250 }, 4250, 4, 0 },
        { RUN_OF("Infinity", "null", "", TIMED), NULL, { 0, 0, 0, 0 }, 1500, 4, 0 },
        { RUN_OF("Infinity", "4", "", TIMED), NULL, { 0, 0, 0, 0 }, 1500, 4, 0 }, /* as many as there are */
        { RUN_OF("4", "null", "", TIMED), "buckets=even", { 0, 250, 500, 750 }, 1000, 4, 1 },
        { RUN_OF("4", "1", "", TIMED), "buckets=even", { 0, 1000, 2500, 3250 }, 3250, 4, 1 }, /* they wait */
        { RUN_OF("4", "null", "\"burstiness\": 0.5, ", TIMED), "buckets=begin", { 0, 0, 0, 0 }, 1000, 4, 1 },
        { RUN_OF("Infinity", "2", "", TIMED) RUN_OF("2", "null", "", TIMED),
          "buckets=even",
          { 0, 0, 1000, 1500, 2500, 3000, 3500, 4000 },
          4500,
          8,
          1 },
        { RUN_OF("2", "null", "", TIMED)
              RUN_OF("Infinity", "2", "", TIMED), /* its last answer ends after its last gap */
          "buckets=even",
          { 0, 500, 1000, 1500, 2500, 2500, 3500, 4000 },
          5000,
          8,
          1 },
        { RUN_OF("2", "null", "", TIMED) RUN_OF("Infinity", "2", "", TIMED) RUN_OF("4", "3", "", TIMED),
          "where=request_rate:Infinity",
          { 0, 0, 1000, 1500 },
          2500,
          4,
          0 },
        { RUN_OF("Infinity", "2", "", TIMED),
          "where=input_lens:1|4",
          { 0, 1500 },
          2500,
          2,
          0 }, /* all were under way */
        { RUN_OF("Infinity", "2", "\"start_times\": [7, 8, 9, 10], ", TIMED),
          NULL,
          { 0, 1000, 2000, 3000 },
          3000,
          4,
          0 },
        { RUN_OF("Infinity", "2", "\"start_times\": [], ", TIMED), NULL, { 0, 0, 1000, 1500 }, 2500, 4, 0 },
    };
    for (size_t i = 0; i < sizeof run / sizeof *run; i++) {
        CHECK(read_log(run[i].text, strlen(run[i].text), NULL, run[i].columns) == KW_OK);
        if (t.n != run[i].n || t.span != run[i].span_ms * 1000000 || t.notes.load_tests_drawn != run[i].drawn ||
            t.cached) {
            CHECK(!"run");
            fprintf(stderr, "  run %zu: %zu, span %" PRId64 ", %s\n", i, t.n, t.span, err.msg);
        }
        CHECK(t.ttft && t.e2e && t.epoch_unix == INT64_MIN);
        for (size_t k = 0; k < t.n && t.n == run[i].n; k++) {
            if (t.arrival[k] == run[i].at_ms[k] * 1000000) continue;
            CHECK(!"start");
            fprintf(stderr, "  run %zu, request %zu: %" PRId64 " ns\n", i, k, t.arrival[k]);
        }
        CHECK(kw_trace_is_spread(&t) == (run[i].drawn > 0));
        kw_trace_free(&t);
    }
}

static void load_tests_say_what_is_not_known(void)
{
    char buf[2000];
    const char *drawn = RUN_OF("4", "null", "", TIMED), *follow = RUN_OF("Infinity", "2", "", TIMED),
               *two = RUN_OF("Infinity", "2", "", TIMED) RUN_OF("Infinity", "3", "", TIMED);
    CHECK(read_log(drawn, strlen(drawn), NULL, NULL) == KW_OK && t.span == KW_NS_PER_S && t.arrival[0] == 0);
    CHECK(strstr(kw_trace_remarks(&t, buf, sizeof buf), "spread over their length at random times (buckets=poisson"));
    CHECK(kw_trace_strict(&t, &err) == KW_ERANGE &&
          strstr(err.msg, "1 load tests without start times whose requests are spread"));
    kw_trace_free(&t);
    CHECK(read_log(follow, strlen(follow), NULL, NULL) == KW_OK && kw_trace_strict(&t, &err) == KW_OK);
    CHECK(strstr(kw_trace_remarks(&t, buf, sizeof buf), "they follow from how many requests might be under way"));
    kw_trace_free(&t);
    CHECK(read_log(two, strlen(two), NULL, NULL) == KW_OK && kw_trace_strict(&t, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "2 load tests without start times put one after another"));
    CHECK(strstr(kw_trace_remarks(&t, buf, sizeof buf), "where=request_rate:... or where=max_concurrency:... keeps"));
    kw_trace_free(&t);
    refused(RUN_OF("\"trace\"", "null", "", TIMED), NULL, "request_rate is 'trace': nothing tells when its requests");
    refused(RUN_OF("\"inf\"", "null", "\"ramp_up_strategy\": \"linear\", ", TIMED), NULL,
            "ramp_up_strategy is 'linear': nothing tells");
    refused(RUN_OF("0", "null", "", TIMED), NULL, "request_rate is '0'");
    refused(RUN_OF("1e-9", "null", "", TIMED), NULL, "4 requests at 1e-09 a second last over ten years");
    refused(RUN_OF("Infinity", "\"many\"", "", TIMED), NULL, "max_concurrency is 'many'");
    refused(RUN_OF("Infinity", "2", "", "\"ttfts\": null"), NULL,
            "mem:1: no latency of a request: nothing tells when the");
    refused(RUN_OF("4", "null", "", "\"ttfts\": [0.5]"), NULL, "lists of unequal length");
    refused("{\"input_lens\": [1], \"output_lens\": [2], \"ttfts\": [0.1]}\n", NULL, "without the rate of requests");
    refused("{\"dataset_name\": \"random\", \"request_rate\": 4.0, \"random_input_len\": 9, \"completed\": 5}\n", NULL,
            "mem:1: a load test's summary, without its requests: vllm bench serve writes them with --save-result "
            "--save-detailed, sglang.bench_serving with --output-details");
    refused("{\"total_input_tokens\": 4, \"total_output_tokens\": 4, \"request_throughput\": 0.5}", NULL, "summary");
}

/* What stands in front of the lists may be longer than what a format is told by, and so may the lists in front of others. */
static void lists_far_behind(void)
{
    enum { LONG = 100000 };
    char *text = malloc(2 * LONG);
    if (!text) abort();
    size_t n = (size_t)sprintf(text, "{\"dataset_name\": \"x\", \"request_rate\": Infinity, \"max_concurrency\": 1, "
                                     "\"random_input_len\": 1, \"server_info\": \"");
    memset(text + n, 'y', LONG);
    n += LONG;
    n += (size_t)sprintf(text + n, "\", \"input_lens\": [9, 8], \"output_lens\": [2, 2], \"ttfts\": [1, 1], "
                                   "\"itls\": [[], []]}");
    CHECK(read_log(text, n, NULL, NULL) == KW_OK && t.n == 2 && t.arrival[1] == KW_NS_PER_S);
    CHECK_STR(t.notes.format, "sglang-bench");
    kw_trace_free(&t);
    n = (size_t)sprintf(text, "{\"tokenizer_id\": \"x\", \"num_prompts\": 2, \"request_rate\": 3.0, "
                              "\"total_input_tokens\": 17, \"total_output_tokens\": 4, \"request_throughput\": 3, "
                              "\"input_lens\": [9, 8], \"output_lens\": [2, 2], \"generated_texts\": [\"\", \"");
    memset(text + n, 'y', LONG);
    n += LONG;
    n += (size_t)sprintf(text + n, "\"], \"start_times\": [353399.5, 353402.0]}");
    CHECK(read_log(text, n, NULL, NULL) == KW_OK && t.n == 2 && t.span == 2500000000 && !t.notes.load_tests);
    CHECK_STR(t.notes.format, "vllm-bench");
    kw_trace_free(&t);
    n = (size_t)sprintf(text, "{\"benchmarks\": [{\"type_\": \"generative_benchmark\", \"metrics\": \"");
    memset(text + n, 'y', LONG);
    n += LONG;
    n += (size_t)sprintf(text + n,
                         "\", \"requests\": {\"successful\": [{\"request_start_time\": 7.5, \"prompt_tokens\": 9, "
                         "\"output_tokens\": 2}, {\"request_start_time\": 8.5, \"prompt_tokens\": 9, "
                         "\"output_tokens\": 2}]}}]}");
    CHECK(read_log(text, n, NULL, NULL) == KW_OK && t.n == 2 && t.span == KW_NS_PER_S);
    CHECK_STR(t.notes.format, "guidellm");
    kw_trace_free(&t);
    free(text);
}

int main(void)
{
    RUN(each_format_is_found_and_counted);
    RUN(cut_anywhere);
    RUN(what_is_left_out_is_told);
    RUN(names_that_say_utc);
    RUN(each_word_has_its_own_answer);
    RUN(logs_say_where_requests_come_from);
    RUN(of_one_id_the_fullest_at_the_earliest_time);
    RUN(what_cannot_be_read_says_why);
    RUN(units_are_told_or_asked_for);
    RUN(an_hour_shown_twice);
    RUN(what_spreadsheets_and_scripts_do_to_a_file);
    RUN(what_a_map_leaves_unused_is_said);
    RUN(buckets_become_arrivals);
    RUN(latencies_are_kept_as_each_log_tells_them);
    RUN(latencies_follow_their_request);
    RUN(load_tests_without_start_times);
    RUN(load_tests_say_what_is_not_known);
    RUN(lists_far_behind);
    return check_report();
}
