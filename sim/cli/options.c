#include "sim/cli/options.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/nearest.h"

/* So that a row fits its line. */
#define FLAG KW_OPTION_FLAG
#define WORD KW_OPTION_WORD
#define LIST KW_OPTION_LIST
#define COUNT KW_OPTION_COUNT

const struct kw_option kw_option[KW_OPTIONS] = {
#define AT(field) offsetof(struct kw_options, field)
    [KW_OPT_OUT] = { "output", 'o', WORD, "FILE", "write the result here", AT(out), 0, 0, 0 },
    [KW_OPT_THREADS] = { "threads", 'j', COUNT, "N", "threads; 0 takes all cores (default 0)", AT(threads), 0, 1024,
                         0 },
    [KW_OPT_SET] = { "set", 's', LIST, "PATH=VALUE", "override a key of the scenario, such as slo.ttft_p95_s=2",
                     AT(set), 0, 0, 0 },
    [KW_OPT_JSON] = { "json", 0, FLAG, NULL, "print JSON instead of tables", AT(json), 0, 0, 0 },
    [KW_OPT_CSV] = { "csv", 0, FLAG, NULL, "print CSV instead of tables", AT(csv), 0, 0, 0 },
    [KW_OPT_QUIET] = { "quiet", 'q', FLAG, NULL, "no progress, no notes", AT(quiet), 0, 0, 0 },
    [KW_OPT_TRACE] = { "trace", 't', WORD, "FILE", "the traffic, instead of a scenario file", AT(trace), 0, 0, 0 },
    [KW_OPT_FORMAT] = { "format", 'f', WORD, "NAME", "format of the trace (default auto)", AT(format), 0, 0, 0 },
    [KW_OPT_COLUMNS] = { "columns", 0, WORD, "MAP",
                         "arrival=T,prompt=IN,output=OUT; unit, cached, id, session, where ...", AT(columns), 0, 0, 0 },
    [KW_OPT_STRICT] = { "strict", 0, FLAG, NULL, "refuse a log if anything of it is left out or guessed", AT(strict), 0,
                        0, 0 },
    [KW_OPT_FOCUS] = { "focus", 0, WORD, "FILE", "a FOCUS cost export to check against", AT(focus), 0, 0, 0 },
    [KW_OPT_COSTS] = { "costs", 0, LIST, "FILE", "a FOCUS export: what LOG=costs:NAME was charged (may be given again)",
                       AT(costs), 0, 0, 0 },
    [KW_OPT_INVOICE] = { "invoice", 0, WORD, "USD", "an invoice's total to check against", AT(invoice), 0, 0, 0 },
    [KW_OPT_TERM] = { "term", 0, WORD, "TERM", "how the tokens were bought: on_demand, batch, flex, priority", AT(term),
                      0, 0, 0 },
    [KW_OPT_STATE] = { "state", 0, WORD, "FILE.h5",
                       "what was counted before, and from now on; logs in it are not read again", AT(state), 0, 0, 0 },
    [KW_OPT_METRICS] = { "metrics", 0, WORD, "FILE.prom", "put the figures there, for Prometheus' textfile collector",
                         AT(metrics), 0, 0, 0 },
    [KW_OPT_SAVINGS] = { "savings", 0, WORD, "MODEL", "plan the log's requests on machines with this model, by --slo",
                         AT(savings), 0, 0, 0 },
    [KW_OPT_SPEND] = { "budget", 0, WORD, "USD",
                       "of a calendar month, forecast to its end; exit 4 where it will not do", AT(spend), 0, 0, 0 },
    [KW_OPT_MODEL] = { "model", 'm', WORD, "NAME", "model to serve, such as llama-3.1-8b", AT(model), 0, 0, 0 },
    [KW_OPT_SLO] = { "slo", 0, LIST, "NAME=LIMIT",
                     "objective: ttft_p95=2s, e2e_p95=30m, cold=1%, error=0.1%, budget=500", AT(slo), 0, 0, 0 },
    [KW_OPT_SEED] = { "seed", 0, COUNT, "N", "seed of all random streams, synthetic weights too", AT(seed), 0,
                      INT64_C(9007199254740992), -1 },
    [KW_OPT_REPLICATIONS] = { "replications", 'r', COUNT, "N", "simulations of each configuration", AT(replications), 1,
                              256, -1 },
    [KW_OPT_PRECISE] = { "precision", 0, WORD, "P%", "as many as it takes to know the mean of drawings so well: 1%",
                         AT(precise), 0, 0, 0 },
    [KW_OPT_RECORDS] = { "records", 0, FLAG, NULL, "keep a row for every request in the result", AT(records), 0, 0, 0 },
    [KW_OPT_ALLOW_UNKNOWN] = { "allow-unknown", 0, FLAG, NULL, "rank spot offers whose interruptions are unknown",
                               AT(allow_unknown), 0, 0, 0 },
    [KW_OPT_EXHAUSTIVE] = { "exhaustive", 0, FLAG, NULL, "simulate every candidate in full, prune nothing",
                            AT(exhaustive), 0, 0, 0 },
    [KW_OPT_ALL] = { "all", 'a', FLAG, NULL, "print every row", AT(all), 0, 0, 0 },
    [KW_OPT_BREAKEVEN] = { "break-even", 0, FLAG, NULL, "also plan other volumes: where does the cheapest kind change?",
                           AT(breakeven), 0, 0, 0 },
    [KW_OPT_VOLUME] = { "volume", 0, WORD, "TOKENS,...", "also plan these volumes, in tokens a month: 50M,500M,2B",
                        AT(volume), 0, 0, 0 },
    [KW_OPT_CURVES] = { "curves", 0, FLAG, NULL, "keep-warm curves of every platform's best offer", AT(curves), 0, 0,
                        0 },
    [KW_OPT_PARETO] = { "pareto", 0, FLAG, NULL, "what no other configuration is both cheaper and faster than",
                        AT(pareto), 0, 0, 0 },
    [KW_OPT_PLATFORM] = { "platform", 'p', LIST, "NAME|FILE",
                          "only this platform or, for plan, kind (may be given again)", AT(platform), 0, 0, 0 },
    [KW_OPT_PLATFORMS] = { "platforms", 0, WORD, "FOLDER",
                           "platform files of yours, by name (default $KEEPWARM_PLATFORMS)", AT(platforms), 0, 0, 0 },
    [KW_OPT_ADD] = { "add", 0, LIST, "[NAME=]ID", "take an offer that is new here, or 'all' (may be given again)",
                     AT(add), 0, 0, 0 },
    [KW_OPT_REGION] = { "region", 0, WORD, "NAME", "whose GPU prices (default the file's region, else cheapest)",
                        AT(region), 0, 0, 0 },
    [KW_OPT_PROFILE] = { "profile", 0, LIST, "FILE", "a profile of yours; the best grade is taken (may be given again)",
                         AT(profile), 0, 0, 0 },
    [KW_OPT_REQUIRE] = { "require", 0, LIST, "ATTRIBUTE",
                         "only platforms with it: hipaa; or unknown: hipaa? (may be given again)", AT(require), 0, 0,
                         0 },
    [KW_OPT_SUBSTITUTE] = { "substitute", 0, LIST, "NAME[=Q]",
                            "may stand in, and how good it is to you: 0.92 (may be given again)", AT(substitute), 0, 0,
                            0 },
    [KW_OPT_GPU] = { "gpu", 0, WORD, "NAME", "GPU type, such as H100", AT(gpu), 0, 0, 0 },
    [KW_OPT_PRECISION] = { "precision", 0, WORD, "NAME", "bf16, fp16, fp8 or fp32", AT(precision), 0, 0, 0 },
    [KW_OPT_TP] = { "tp", 0, COUNT, "N", "GPUs a replica (tensor parallel)", AT(tp), 1, 64, 1 },
    [KW_OPT_SOURCE] = { "source", 0, WORD, "DIR", "folder with published measurements (default $KEEPWARM_DATA)",
                        AT(source), 0, 0, 0 },
    [KW_OPT_AT] = { "at", 0, COUNT, "UNIX", "judge ages as of this time (s since 1970)", AT(at), 0,
                    INT64_C(253402300799), -1 },
    [KW_OPT_FORCE] = { "force", 0, FLAG, NULL, "go on although the trace is not the one of the result", AT(force), 0, 0,
                       0 },
    [KW_OPT_NAME] = { "name", 0, WORD, "NAME", "of the workload model; or that a server has its model under", AT(name),
                      0, 0, 0 },
    [KW_OPT_ORIGIN] = { "origin", 0, WORD, "TEXT", "where the trace or table comes from, kept (default its path)",
                        AT(origin), 0, 0, 0 },
    [KW_OPT_LICENCE] = { "licence", 0, WORD, "TEXT", "licence of the trace, kept in the model", AT(licence), 0, 0, 0 },
    [KW_OPT_DATE] = { "date", 0, WORD, "DATE", "the day (YYYY-MM-DD) a trace or table was recorded or a catalogue made",
                      AT(date), 0, 0, 0 },
    [KW_OPT_START_HOUR] = { "start-hour", 0, COUNT, "H", "hour of the week (0: Monday 00:00) at which the trace begins",
                            AT(start_hour), 0, 167, -1 },
    [KW_OPT_BACKEND] = { "backend", 0, WORD, "NAME", "auto, cuda, cpu or reference (default auto)", AT(backend), 0, 0,
                         0 },
    [KW_OPT_DEVICE] = { "device", 0, COUNT, "N", "which GPU (default 0)", AT(device), 0, 1023, 0 },
    [KW_OPT_SYNTHETIC] = { "synthetic", 0, FLAG, NULL, "random weights, although the model is a folder", AT(synthetic),
                           0, 0, 0 },
    [KW_OPT_MAX_SEQS] = { "max-num-seqs", 0, COUNT, "N", "sequences in a batch at most (default 256)", AT(max_seqs), 1,
                          65536, 0 },
    [KW_OPT_MAX_BATCHED] = { "max-num-batched-tokens", 0, COUNT, "N", "tokens in a step at most (default 2048)",
                             AT(max_batched), 1, 1 << 20, 0 },
    [KW_OPT_MAX_LEN] = { "max-model-len", 0, COUNT, "N",
                         "prompt and answer at most (default the model's, <= 8192 on a CPU)", AT(max_len), 2, 1 << 24,
                         0 },
    [KW_OPT_BLOCK_SIZE] = { "block-size", 0, COUNT, "N", "tokens in a KV block (default 16)", AT(block_size), 1, 512,
                            0 },
    [KW_OPT_NUM_BLOCKS] = { "num-blocks", 0, COUNT, "N", "KV blocks (default what memory leaves)", AT(num_blocks), 1,
                            UINT32_MAX, 0 },
    [KW_OPT_POLICY] = { "policy", 0, WORD, "NAME",
                        "default vllm; prefill_first, sarathi, static, trtllm[_max_utilization]", AT(policy), 0, 0, 0 },
    [KW_OPT_PREFIX_CACHING] = { "prefix-caching", 0, FLAG, NULL, "reuse the KV blocks of common prefixes",
                                AT(prefix_caching), 0, 0, 0 },
    [KW_OPT_ASYNC] = { "async-scheduling", 0, WORD, "HOW", "decide a batch while one runs: auto (on CUDA), on, off",
                       AT(async_scheduling), 0, 0, 0 },
    [KW_OPT_EAGER] = { "eager", 0, FLAG, NULL, "no CUDA graphs", AT(eager), 0, 0, 0 },
    [KW_OPT_LOAD] = { "load", 0, WORD, "MODE", "read weights cached or direct (O_DIRECT; default cached)", AT(load), 0,
                      0, 0 },
    [KW_OPT_SPEED] = { "speed", 0, WORD, "X", "replay the trace so many times as fast (default 1)", AT(speed), 0, 0,
                       0 },
    [KW_OPT_LIMIT] = { "limit", 0, COUNT, "S", "stop after so many seconds (default never)", AT(limit), 0, 31536000,
                       0 },
    [KW_OPT_HOST] = { "host", 0, WORD, "ADDRESS", "listen on this IPv4 address (default 127.0.0.1)", AT(host), 0, 0,
                      0 },
    [KW_OPT_PORT] = { "port", 0, COUNT, "N", "listen on this port; 0 takes a free one (default 8000)", AT(port), 0,
                      65535, 8000 },
    [KW_OPT_MAX_QUEUE] = { "max-queue", 0, COUNT, "N", "requests waiting for a seat at most (default 1024)",
                           AT(max_queue), 0, 1 << 20, 1024 },
    [KW_OPT_MAX_BODY] = { "max-body", 0, COUNT, "KIB", "size of a request at most (default 2048)", AT(max_body), 1,
                          1 << 18, 2048 },
    [KW_OPT_DRAIN] = { "drain", 0, COUNT, "S", "after SIGTERM, time to finish what runs (default 30)", AT(drain), 0,
                       86400, 30 },
    [KW_OPT_TIMEOUT] = { "timeout", 0, COUNT, "S", "time to send a request, or without reading its answer (default 30)",
                         AT(timeout), 1, 86400, 30 },
    [KW_OPT_BATCHES] = { "batch", 0, WORD, "LIST", "batch sizes of decode (default 1,2,4,...,256)", AT(batches), 0, 0,
                         0 },
    [KW_OPT_CONTEXTS] = { "context", 0, WORD, "LIST", "tokens in the KV cache before a decode (default 0,1024)",
                          AT(contexts), 0, 0, 0 },
    [KW_OPT_PROMPTS] = { "prefill", 0, WORD, "LIST", "prompt lengths of prefill (default 512)", AT(prompts), 0, 0, 0 },
    [KW_OPT_REPEAT] = { "repeat", 0, COUNT, "N", "decode steps timed a row (default 128)", AT(repeat), 1, 100000, 128 },
    [KW_OPT_PROMPT] = { "prompt", 0, WORD, "TEXT", "the prompt as text; the model needs a tokenizer.json", AT(prompt),
                        0, 0, 0 },
    [KW_OPT_IDS] = { "ids", 0, WORD, "LIST", "the prompt as token ids: 1,2,3", AT(ids), 0, 0, 0 },
    [KW_OPT_MAX_TOKENS] = { "max-tokens", 'n', COUNT, "N", "tokens to generate at most (default 64)", AT(max_tokens), 1,
                            1 << 24, 64 },
    [KW_OPT_TEMPERATURE] = { "temperature", 0, WORD, "T", "0 is greedy (default 0)", AT(temperature), 0, 0, 0 },
    [KW_OPT_TOP_K] = { "top-k", 0, COUNT, "N", "draw from the N most likely (default all)", AT(top_k), 0, UINT32_MAX,
                       0 },
    [KW_OPT_TOP_P] = { "top-p", 0, WORD, "P", "draw from the most likely that make up P (default 1)", AT(top_p), 0, 0,
                       0 },
    [KW_OPT_BUDGET] = { "budget", 0, WORD, "TIME", "stop after so long: 90s, 15m or 1h (default 2m)", AT(budget), 0, 0,
                        0 },
    [KW_OPT_STARTS] = { "starts", 0, COUNT, "N", "cold starts to measure in each way of loading (default 0)",
                        AT(starts), 0, 1000, 0 },
    [KW_OPT_RATE] = { "rate", 0, WORD, "GB/S", "also load through an emulated network of this speed", AT(rate), 0, 0,
                      0 },
    [KW_OPT_LOADS] = { "loads", 0, WORD, "LIST", "shares of capacity to serve at (default 0.2,0.5,0.8,0.95)", AT(loads),
                       0, 0, 0 },
    [KW_OPT_INTERLEAVED] = { "interleaved", 0, WORD, "POINTS",
                             "measure between the runs, into this file, instead of a profile", AT(interleaved), 0, 0,
                             0 },
    [KW_OPT_RUNS] = { "runs", 0, COUNT, "N", "runs of the engine at each load (default 5)", AT(runs), 1, 32, 5 },
    [KW_OPT_REQUESTS] = { "requests", 0, COUNT, "N", "requests of the synthetic traffic (default 200)", AT(requests), 2,
                          1 << 20, 200 },
    [KW_OPT_URL] = { "url", 0, WORD, "URL", "an OpenAI-compatible server, such as http://127.0.0.1:8000", AT(url), 0, 0,
                     0 },
    [KW_OPT_CONCURRENCY] = { "concurrency", 0, WORD, "LIST", "requests at once, rung by rung (default 1,2,4,8,16,32)",
                             AT(concurrency), 0, 0, 0 },
    [KW_OPT_LENGTHS] = { "prompts", 0, WORD, "LIST", "tokens of the prompts (default 64,256,1024)", AT(lengths), 0, 0,
                         0 },
    [KW_OPT_OF_REQUESTS] = { "requests", 0, WORD, "LOG", "when a server's answers came, in place of POINTS",
                             AT(of_requests), 0, 0, 0 },
    [KW_OPT_MAX_CONTENTION] = { "max-contention", 0, WORD, "SHARE",
                                "serve a run again if others took more of it (default 0.03; 1: never)",
                                AT(max_contention), 0, 0, 0 },
    [KW_OPT_BURST] = { "burst", 0, WORD, "N", "synthetic requests come N at a time on average (default 2)", AT(burst),
                       0, 0, 0 },
#undef AT
};

bool kw_command_in_group(const struct kw_command *c, const struct kw_command_group *g)
{
    size_t n = strlen(g->name);
    return !strncmp(c->name, g->name, n) && c->name[n] == ' ';
}

const struct kw_command_group *kw_command_group_find(int argc, char **argv)
{
    if (argc < 1 || (argc > 1 && argv[1][0] != '-')) return NULL;
    for (const struct kw_command_group *g = kw_command_groups; g->name; g++)
        if (!strcmp(argv[0], g->name)) return g;
    return NULL;
}

const struct kw_command *kw_command_find(int argc, char **argv, int *used, struct kw_error *err)
{
    const char *names[64];
    size_t n = 0;
    for (const struct kw_command *c = kw_commands; c->name; c++) {
        char word[64];
        size_t k = strcspn(c->name, " ");
        memcpy(word, c->name, k);
        word[k] = 0;
        if (argc > 0 && !strcmp(argv[0], word)) {
            if (!c->name[k]) {
                *used = 1;
                return c;
            }
            if (argc > 1 && !strcmp(argv[1], c->name + k + 1)) {
                *used = 2;
                return c;
            }
        }
        if (n < 63) names[n++] = c->name;
    }
    const struct kw_command_group *group = kw_command_group_find(argc < 1 ? argc : 1, argv); /* its word is right */
    for (const struct kw_command_group *g = kw_command_groups; g->name && !group && n < 63; g++) names[n++] = g->name;
    names[n] = NULL;
    char joined[128] = "";
    if (argc > 1 && argv[1][0] != '-')
        snprintf(joined, sizeof joined, "%.60s %.60s", argv[0], argv[1]);
    else
        snprintf(joined, sizeof joined, "%.120s", argc ? argv[0] : "");
    char hint[KW_NEAREST_HINT];
    if (!kw_nearest_hint(hint, joined, names)[0] && argc && !group) kw_nearest_hint(hint, argv[0], names);
    kw_fail(err, KW_EUSAGE, "there is no command '%s'%s; `keepwarm %s%s--help` lists them", joined, hint,
            group ? group->name : "", group ? " " : "");
    return NULL;
}

bool kw_command_takes(const struct kw_command *c, int id)
{
    for (int i = 0; c->options[i] != KW_OPTIONS; i++)
        if ((int)c->options[i] == id) return true;
    return false;
}

static enum kw_status unknown_option(const struct kw_command *c, const char *arg, struct kw_error *err)
{
    const char *names[KW_OPTIONS + 2];
    size_t n = 0;
    for (int i = 0; i < KW_OPTIONS; i++)
        if (kw_command_takes(c, i)) names[n++] = kw_option[i].name;
    names[n++] = "help";
    names[n] = NULL;
    char word[64];
    snprintf(word, sizeof word, "%.60s", arg + strspn(arg, "-"));
    word[strcspn(word, "=")] = 0;
    const char *near = kw_nearest(word, names);
    return kw_fail(err, KW_EUSAGE, "`keepwarm %s` has no option '%.60s'%s%s%s", c->name, arg,
                   near ? " (did you mean '--" : "", near ? near : "", near ? "'?)" : "");
}

static enum kw_status set_value(int id, const char *value, struct kw_options *o, struct kw_error *err)
{
    char *field = (char *)o + kw_option[id].offset;
    if (kw_option[id].type == WORD && !*value) /* an unset shell variable: "" would be taken for a file's name */
        return kw_fail(err, KW_EUSAGE, "--%s wants a value: %s; got ''", kw_option[id].name, kw_option[id].value);
    switch (kw_option[id].type) {
    case FLAG: *(bool *)(void *)field = true; break;
    case WORD: *(const char **)(void *)field = value; break;
    case LIST: {
        struct kw_list *l = (struct kw_list *)(void *)field;
        if (l->n == KW_CLI_MAX_LIST)
            return kw_fail(err, KW_EUSAGE, "--%s: at most %d times", kw_option[id].name, KW_CLI_MAX_LIST);
        l->v[l->n++] = value;
        break;
    }
    case COUNT: {
        size_t digits = strspn(value, "0123456789");
        long long v = digits && digits < 18 && !value[digits] ? strtoll(value, NULL, 10) : -1;
        if (v < kw_option[id].lo || v > kw_option[id].hi)
            return kw_fail(err, KW_EUSAGE, "--%s wants a whole number from %lld to %lld; got '%.40s'",
                           kw_option[id].name, (long long)kw_option[id].lo, (long long)kw_option[id].hi, value);
        *(int64_t *)(void *)field = v;
        break;
    }
    }
    return KW_OK;
}

/* --name, --name=value, --name value, -x, -xvalue, -x value. *i moves past a value taken from the next word. */
static enum kw_status parse_option(const struct kw_command *c, int argc, char **argv, int *i, struct kw_options *o,
                                   bool given[KW_OPTIONS], struct kw_error *err)
{
    const char *arg = argv[*i], *value = NULL;
    int id = KW_OPTIONS;
    if (arg[1] == '-') {
        size_t n = strcspn(arg + 2, "=");
        for (id = 0; id < KW_OPTIONS; id++)
            if (kw_command_takes(c, id) && strlen(kw_option[id].name) == n && !strncmp(kw_option[id].name, arg + 2, n))
                break;
        if (id < KW_OPTIONS && arg[2 + n]) value = arg + 3 + n;
    } else {
        for (id = 0; id < KW_OPTIONS; id++)
            if (kw_command_takes(c, id) && kw_option[id].letter == arg[1]) break;
        if (id < KW_OPTIONS && arg[2]) value = arg + 2;
    }
    if (id == KW_OPTIONS) return unknown_option(c, arg, err);
    if (kw_option[id].type == FLAG) {
        if (value) return kw_fail(err, KW_EUSAGE, "--%s takes no value", kw_option[id].name);
    } else if (!value) {
        if (*i + 1 >= argc)
            return kw_fail(err, KW_EUSAGE, "--%s wants a value: %s", kw_option[id].name, kw_option[id].value);
        value = argv[++*i];
    }
    if (given[id] && (kw_option[id].type == WORD || kw_option[id].type == COUNT))
        return kw_fail(err, KW_EUSAGE, "--%s is given twice; the second time '%.80s'", kw_option[id].name, value);
    given[id] = true;
    return set_value(id, value, o, err);
}

/* Arguments are missing, or one is there that the command has no use for. */
static enum kw_status wrong_count(const struct kw_command *c, const struct kw_options *o, struct kw_error *err)
{
    const char *blank = *c->args ? " " : "";
    if ((int)o->args.n < c->min_args)
        return kw_fail(err, KW_EUSAGE, "`keepwarm %s` wants %s%s; usage: keepwarm %s%s%s", c->name,
                       o->args.n ? "one more of " : "", c->args, c->name, blank, c->args);
    if (!c->max_args)
        return kw_fail(err, KW_EUSAGE, "`keepwarm %s` takes options only; got '%.80s'; `keepwarm %s --help` lists them",
                       c->name, o->args.v[0], c->name);
    return kw_fail(err, KW_EUSAGE, "`keepwarm %s` takes %d argument%s; '%.80s' is one too many; usage: keepwarm %s%s%s",
                   c->name, c->max_args, c->max_args == 1 ? "" : "s", o->args.v[c->max_args], c->name, blank, c->args);
}

enum kw_status kw_options_parse(const struct kw_command *c, int argc, char **argv, struct kw_options *o, bool *help,
                                struct kw_error *err)
{
    memset(o, 0, sizeof *o);
    *help = false;
    for (int id = 0; id < KW_OPTIONS; id++)
        if (kw_option[id].type == COUNT) *(int64_t *)(void *)((char *)o + kw_option[id].offset) = kw_option[id].dflt;
    bool options_over = false, given[KW_OPTIONS] = { false };
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        if (!options_over && !strcmp(a, "--")) {
            options_over = true;
        } else if (!options_over && (!strcmp(a, "--help") || !strcmp(a, "-h"))) {
            *help = true;
            return KW_OK;
        } else if (!options_over && a[0] == '-' && a[1]) {
            enum kw_status st = parse_option(c, argc, argv, &i, o, given, err);
            if (st != KW_OK) return st;
        } else if (o->args.n == KW_CLI_MAX_LIST) {
            return kw_fail(err, KW_EUSAGE, "too many arguments");
        } else if (!*a) {
            return kw_fail(err, KW_EUSAGE, "an argument is empty; usage: keepwarm %s %s", c->name, c->args);
        } else {
            o->args.v[o->args.n++] = a;
        }
    }
    if ((int)o->args.n < c->min_args || (int)o->args.n > c->max_args) return wrong_count(c, o, err);
    if (o->json && o->csv) return kw_fail(err, KW_EUSAGE, "--json and --csv exclude each other");
    return KW_OK;
}

void kw_options_words(struct kw_option_words *w, const struct kw_command *c, const struct kw_options *o)
{
    w->n = 0;
    for (size_t i = 0; c->options[i] != KW_OPTIONS; i++) {
        const int id = c->options[i];
        const char *field = (const char *)o + kw_option[id].offset, *value = NULL;
        if (kw_option[id].type == WORD) {
            value = *(const char *const *)(const void *)field;
        } else if (kw_option[id].type == COUNT) {
            int64_t count = *(const int64_t *)(const void *)field;
            snprintf(w->number[i], sizeof w->number[i], "%lld", (long long)count);
            if (count != kw_option[id].dflt) value = w->number[i];
        }
        if (!value && !(kw_option[id].type == FLAG && *(const bool *)(const void *)field)) continue;
        snprintf(w->name[i], sizeof w->name[i], "--%.29s", kw_option[id].name);
        w->v[w->n++] = w->name[i];
        if (value) w->v[w->n++] = value;
    }
    w->v[w->n] = NULL;
}
