/* Measures a model shape with synthetic weights and appends a JSON line a figure; what a line of the file already holds
 * is not measured again for the same commit, so a run that was cut off goes on. Arguments: file, shape, precision,
 * seconds, commit, rows: "pp2048" (a prompt), "tg64@1024" (decode, 64 sequences with 1024 tokens of context), "start"
 * (the phases of the cold start). A checkpoint's folder in the place of the shape loads it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "engine/bench.h"

static struct kw_engine engine;
static struct kw_bench_limits limits;
static struct kw_device device;
static const char *path, *shape, *precision, *commit;

/* What stands at the beginning of a line and names its figure. */
static void key_of(char key[384], const char *row)
{
    snprintf(key, 384,
             "{\"device\": \"%.90s\", \"model\": \"%.60s\", \"precision\": \"%.8s\", \"row\": \"%.40s\", \"commit\": "
             "\"%.40s\"",
             device.name, shape, precision, row, commit);
}

static bool measured(const char *key)
{
    char line[1024];
    bool found = false;
    FILE *f = fopen(path, "r");
    while (f && !found && fgets(line, sizeof line, f)) found = !strncmp(line, key, strlen(key));
    if (f) fclose(f);
    return found;
}

static FILE *begin_line(const char *key)
{
    char date[32];
    time_t now = time(NULL);
    FILE *f = fopen(path, "a");
    if (!f) return NULL;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    fprintf(f, "%s, \"driver\": \"%s\", \"date\": \"%s\"", key, device.driver, date);
    return f;
}

static int put_start(const char *key)
{
    FILE *f = begin_line(key);
    if (!f) return 1;
    const struct kw_startup *s = &engine.startup;
    fprintf(f, ", \"wall_s\": %.6f, \"sum_s\": %.6f, \"weight_bytes\": %" PRIu64 ", \"load_s\": %.6f, \"phases\": {",
            (double)kw_startup_wall(s) * 1e-9, (double)kw_startup_sum(s) * 1e-9, engine.load.weight_bytes,
            (double)(engine.load.last_ns - engine.load.first_ns) * 1e-9);
    for (uint32_t i = 0; i < s->n && i < KW_STARTUP_MAX; i++)
        fprintf(f, "%s\"%s\": [%.6f, %.6f]", i ? ", " : "", s->at[i].name, (double)(s->at[i].begin - s->origin) * 1e-9,
                (double)(s->at[i].end - s->origin) * 1e-9);
    fprintf(f, "}}\n");
    return fclose(f) != 0;
}

static int measure(const char *key, const char *row, double seconds)
{
    struct kw_bench_options o = { .steps = 40, .seed = 1, .row_ns = (int64_t)(seconds * 1e9) };
    struct kw_bench_row *r;
    struct kw_error err;
    uint32_t batch, context, prompt;
    size_t n;
    if (sscanf(row, "pp%u", &prompt) == 1) {
        o.prompts = &prompt, o.n_prompts = 1;
    } else if (sscanf(row, "tg%u@%u", &batch, &context) == 2) {
        o.batches = &batch, o.contexts = &context, o.n_batches = o.n_contexts = 1;
    } else {
        fprintf(stderr, "no row is called %s: want pp2048, tg64@1024 or start\n", row);
        return 2;
    }
    if (kw_bench_run(&r, &n, &engine, &o, &err) != KW_OK) {
        fprintf(stderr, "%s: %s\n", row, err.msg);
        return 1;
    }
    if (n != 1 || r->skipped[0]) {
        printf("%-14s skipped: %s\n", row, n ? r->skipped : "no row");
        free(r);
        return 0;
    }
    const double by_bytes = limits.bandwidth > 0 ? r->bytes / limits.bandwidth : 0,
                 by_flops = limits.flops > 0 ? r->flops / limits.flops : 0;
    const double floor_s = by_bytes > by_flops ? by_bytes : by_flops;
    FILE *f = begin_line(key);
    if (!f) return 1;
    fprintf(f,
            ", \"step_s\": %.9g, \"low_s\": %.9g, \"high_s\": %.9g, \"steps\": %u, \"tokens_per_s\": %.6g, \"bytes\": "
            "%.9g, "
            "\"flops\": %.9g, \"floor_s\": %.9g, \"share\": %.4f}\n",
            r->step_s, r->low_s, r->high_s, r->steps, r->token_rate, r->bytes, r->flops, floor_s, floor_s / r->step_s);
    printf("%-14s %10.3f ms  [%.3f, %.3f]  %10.0f tok/s  %7.1f GB/s  %7.1f TFLOP/s  floor %.3f ms  %.0f %%\n", row,
           r->step_s * 1e3, r->low_s * 1e3, r->high_s * 1e3, r->token_rate, r->bytes / r->step_s * 1e-9,
           r->flops / r->step_s * 1e-12, floor_s * 1e3, 100 * floor_s / r->step_s);
    fflush(stdout);
    free(r);
    return fclose(f) != 0;
}

int main(int argc, char **argv)
{
    struct kw_startup startup;
    kw_startup_init(&startup);
    struct kw_error err;
    if (argc < 7) return fprintf(stderr, "want: file shape precision seconds commit row...\n"), 2;
    path = argv[1], shape = argv[2], precision = argv[3], commit = argv[5];
    const int64_t until = kw_now_ns() + (int64_t)(atof(argv[4]) * 1e9);
    const struct kw_engine_options o = { .model = shape,
                                         .backend = getenv("KEEPWARM_BACKEND"),
                                         .precision = precision,
                                         .max_num_seqs = 256,
                                         .max_num_batched_tokens = 2048 };
    if (kw_engine_open(&engine, &o, &startup, &err) != KW_OK ||
        engine.ops->device(engine.backend, &device, &err) != KW_OK ||
        kw_bench_limits(&limits, &engine, 0, &err) != KW_OK)
        return fprintf(stderr, "%s %s: %s\n", shape, precision, err.msg), 1;
    int rc = 0;
    for (int i = 6; i < argc && rc == 0; i++) {
        char key[384];
        key_of(key, argv[i]);
        if (measured(key)) continue;
        if (kw_now_ns() > until) {
            printf("%s and what follows: no time left, run again\n", argv[i]);
            rc = 3;
        } else {
            rc = !strcmp(argv[i], "start") ? put_start(key) : measure(key, argv[i], 5);
        }
    }
    kw_engine_close(&engine);
    return rc;
}
