/* tests/bench/bench_read.c - how fast logs are read, on one core from files in memory: JSON lines as OpenAI's API answers
 * (nested usage) and LiteLLM's SpendLogs as CSV, beside what copying the file's bytes and counting its lines take here.
 *
 *     bench_read ROWS [DIRECTORY]     writes the files, reads each in a process of its own, removes them */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sim/core/rng.h"
#include "workloads/trace_load.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* the machine is shared */
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const char *const model[] = { "gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06", "o4-mini-2025-04-16" };

/* What all rows draw from: a hash of their number. */
struct draw {
    uint64_t a, b;
    unsigned prompt, output, cached, model;
};

static struct draw draw(long i)
{
    uint64_t a = kw_mix64((uint64_t)i * 2 + 1), b = kw_mix64(a);
    unsigned prompt = 200 + (unsigned)(a % 6000), output = 1 + (unsigned)(b % 900);
    return (struct draw){ a, b, prompt, output, (unsigned)(a >> 40) % 2 ? prompt / 2 : 0, (unsigned)(b >> 60) % 3 };
}

static void json_line(FILE *f, long i)
{
    struct draw d = draw(i);
    fprintf(
        f,
        "{\"id\": \"chatcmpl-%016llx%08llx\", \"object\": \"chat.completion\", \"created\": %ld, \"model\": \"%s\", "
        "\"usage\": {\"prompt_tokens\": %u, \"completion_tokens\": %u, \"total_tokens\": %u, "
        "\"prompt_tokens_details\": {\"cached_tokens\": %u, \"audio_tokens\": 0}, \"completion_tokens_details\": "
        "{\"reasoning_tokens\": %u, \"audio_tokens\": 0, \"accepted_prediction_tokens\": 0, "
        "\"rejected_prediction_tokens\": 0}}, \"service_tier\": \"default\", \"system_fingerprint\": "
        "\"fp_%08llx\"}\n",
        (unsigned long long)d.a, (unsigned long long)d.b & 0xffffffff, 1778490000 + i / 4, model[d.model], d.prompt,
        d.output, d.prompt + d.output, d.cached, d.output / 3, (unsigned long long)d.b >> 32);
}

static void csv_row(FILE *f, long i)
{
    struct draw d = draw(i);
    long s = i / 4;
    char at[40];
    if (i == 0)
        fputs("request_id,call_type,api_key,spend,total_tokens,prompt_tokens,completion_tokens,startTime,endTime,"
              "completionStartTime,model,model_id,model_group,custom_llm_provider,api_base,user,metadata,cache_hit,"
              "cache_key,request_tags,team_id,end_user,requester_ip_address,messages,response,session_id,status\n",
              f);
    snprintf(at, sizeof at, "2026-%02ld-%02ld %02ld:%02ld:", 1 + s / 2419200 % 12, 1 + s / 86400 % 28, s / 3600 % 24,
             s / 60 % 60);
    fprintf(
        f,
        "chatcmpl-%016llx%08llx,acompletion,%016llx%016llx,0.00%05llu,%u,%u,%u,%s%02ld.%03ld,%s%02ld.9%02ld,"
        "%s%02ld.%03ld,%s,%08llx-2f4c-4c1e-9d2b-%08llx,gpt-4o,openai,https://api.openai.com/v1,default_user_id,"
        "\"{\"\"status\"\": \"\"success\"\", \"\"user_api_key_alias\"\": \"\"key-%llu\"\", "
        "\"\"user_api_key_team_id\"\": null, "
        "\"\"usage_object\"\": {\"\"prompt_tokens\"\": %u, \"\"completion_tokens\"\": %u, \"\"total_tokens\"\": %u, "
        "\"\"prompt_tokens_details\"\": {\"\"cached_tokens\"\": %u, \"\"audio_tokens\"\": 0}}, "
        "\"\"mcp_tool_call_metadata\"\": null, \"\"additional_usage_values\"\": {\"\"reasoning_tokens\"\": 0}}\",False,"
        "Cache OFF,\"[\"\"User-Agent: AsyncOpenAI/Python\"\"]\",team-%llu,,10.0.%llu.%llu,{},{},"
        "%08llx-77aa-4aa1-8c5e-%08llx,success\n",
        (unsigned long long)d.a, (unsigned long long)d.b & 0xffffffff, (unsigned long long)d.b % 7,
        (unsigned long long)d.b % 5, (unsigned long long)d.a % 90000, d.prompt + d.output, d.prompt, d.output, at,
        s % 60, i % 4 * 250, at, s % 60, i % 100, at, s % 60, i % 4 * 250 + 200, model[d.model],
        (unsigned long long)d.a % 16, (unsigned long long)d.b % 16, (unsigned long long)d.b % 7, d.prompt, d.output,
        d.prompt + d.output, d.cached, (unsigned long long)d.a % 9, (unsigned long long)d.a % 256,
        (unsigned long long)d.b % 256, (unsigned long long)d.a >> 32, (unsigned long long)d.b >> 32);
}

static void write_log(const char *path, long rows, void (*one)(FILE *, long))
{
    FILE *f = fopen(path, "w");
    for (long i = 0; f && i < rows; i++) one(f, i);
    if (f && fclose(f) == 0) return;
    perror(path);
    exit(1);
}

/* Bytes a second: of copying what is read in blocks, and of counting its lines as wc -l does. */
static void limits(const char *path)
{
    enum { BLOCK = 256 << 10 };
    static char block[BLOCK], copy[BLOCK];
    for (int counting = 0; counting < 2; counting++) {
        FILE *f = fopen(path, "r");
        size_t k, bytes = 0;
        long lines = 0;
        double began = now_s();
        if (!f) exit(1);
        setvbuf(f, NULL, _IONBF, 0);
        for (; (k = fread(block, 1, BLOCK, f)) > 0; bytes += k) {
            if (!counting) memcpy(copy, block, k);
            for (const char *p = block, *end = block + k;
                 counting && p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
                lines++;
        }
        fclose(f);
        printf("  %s %.0f MB/s%s", counting ? "counting lines" : "reading and copying",
               (double)bytes / 1e6 / (now_s() - began), counting ? "\n" : ",");
        if (counting && !lines) exit(1);
    }
}

/* In a process of its own, so that its peak memory is the file's. */
static void measure(const char *name, const char *path)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        enum { TIMES = 3 }; /* the best of them: others use the machine, too */
        struct kw_trace t;
        struct kw_error err;
        double took = 0;
        for (int i = 0; i < TIMES; i++) {
            double began = now_s();
            if (kw_trace_load(&t, path, NULL, NULL, &err) != KW_OK) {
                fprintf(stderr, "%s\n", err.msg);
                _exit(1);
            }
            double once = now_s() - began;
            if (!i || once < took) took = once;
            if (i + 1 < TIMES) kw_trace_free(&t);
        }
        struct rusage used;
        FILE *f = fopen(path, "r");
        if (!f || fseek(f, 0, SEEK_END) || getrusage(RUSAGE_SELF, &used)) _exit(1);
        printf("%-28s %zu rows of %.0f bytes  %.0f MB/s  %.2f M rows/s  peak %ld MiB\n", name, t.n,
               (double)ftell(f) / (double)t.n, (double)ftell(f) / 1e6 / took, (double)t.n / 1e6 / took,
               used.ru_maxrss >> 10);
        fflush(stdout);
        _exit(0);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status) exit(1);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name, *file;
        void (*one)(FILE *, long);
    } logs[] = { { "JSON lines, nested usage", "bench_read.jsonl", json_line },
                 { "LiteLLM CSV", "bench_read.csv", csv_row } };
    long rows = argc > 1 ? atol(argv[1]) : 1000000;
    for (size_t i = 0; i < sizeof logs / sizeof *logs && rows > 0; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argc > 2 ? argv[2] : "/tmp", logs[i].file);
        write_log(path, rows, logs[i].one);
        measure(logs[i].name, path);
        limits(path);
        remove(path);
    }
    return 0;
}
