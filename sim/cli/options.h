/* sim/cli/options.h - the command line as tables: a row an option, a row a command, a row a group. The parser reads
 * them here, --help, the man page and the shell completions in help.h. */
#ifndef KW_SIM_CLI_OPTIONS_H
#define KW_SIM_CLI_OPTIONS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"

#define KW_CLI_MAX_LIST 128

struct kw_list {
    const char *v[KW_CLI_MAX_LIST];
    size_t n;
};

enum kw_option_id { /* what a command may take; values land in kw_options */
                    KW_OPT_OUT,
                    KW_OPT_THREADS,
                    KW_OPT_SET,
                    KW_OPT_JSON,
                    KW_OPT_CSV,
                    KW_OPT_QUIET,
                    KW_OPT_TRACE,
                    KW_OPT_FORMAT,
                    KW_OPT_COLUMNS,
                    KW_OPT_STRICT,
                    KW_OPT_FOCUS,
                    KW_OPT_COSTS,
                    KW_OPT_INVOICE,
                    KW_OPT_TERM,
                    KW_OPT_STATE,
                    KW_OPT_METRICS,
                    KW_OPT_SAVINGS,
                    KW_OPT_SPEND, /* a month's; of the same name as calibrate's KW_OPT_BUDGET, of other commands */
                    KW_OPT_MODEL,
                    KW_OPT_SLO,
                    KW_OPT_SEED,
                    KW_OPT_REPLICATIONS,
                    KW_OPT_PRECISE, /* how precise; of the same name as the engine's KW_OPT_PRECISION, of other commands */
                    KW_OPT_RECORDS,
                    KW_OPT_ALLOW_UNKNOWN,
                    KW_OPT_EXHAUSTIVE,
                    KW_OPT_ALL,
                    KW_OPT_BREAKEVEN,
                    KW_OPT_VOLUME,
                    KW_OPT_CURVES,
                    KW_OPT_PARETO,
                    KW_OPT_PLATFORM,
                    KW_OPT_PLATFORMS,
                    KW_OPT_ADD,
                    KW_OPT_REGION,
                    KW_OPT_GPU,
                    KW_OPT_PRECISION,
                    KW_OPT_TP,
                    KW_OPT_SOURCE,
                    KW_OPT_AT,
                    KW_OPT_FORCE,
                    KW_OPT_NAME,
                    KW_OPT_ORIGIN,
                    KW_OPT_LICENCE,
                    KW_OPT_DATE,
                    KW_OPT_START_HOUR,
                    KW_OPT_BACKEND,
                    KW_OPT_DEVICE,
                    KW_OPT_SYNTHETIC,
                    KW_OPT_MAX_SEQS,
                    KW_OPT_MAX_BATCHED,
                    KW_OPT_MAX_LEN,
                    KW_OPT_BLOCK_SIZE,
                    KW_OPT_NUM_BLOCKS,
                    KW_OPT_POLICY,
                    KW_OPT_PREFIX_CACHING,
                    KW_OPT_ASYNC,
                    KW_OPT_EAGER,
                    KW_OPT_LOAD,
                    KW_OPT_SPEED,
                    KW_OPT_LIMIT,
                    KW_OPT_HOST,
                    KW_OPT_PORT,
                    KW_OPT_MAX_QUEUE,
                    KW_OPT_MAX_BODY,
                    KW_OPT_DRAIN,
                    KW_OPT_TIMEOUT,
                    KW_OPT_BATCHES,
                    KW_OPT_CONTEXTS,
                    KW_OPT_PROMPTS,
                    KW_OPT_REPEAT,
                    KW_OPT_PROMPT,
                    KW_OPT_IDS,
                    KW_OPT_MAX_TOKENS,
                    KW_OPT_TEMPERATURE,
                    KW_OPT_TOP_K,
                    KW_OPT_TOP_P,
                    KW_OPT_BUDGET,
                    KW_OPT_STARTS,
                    KW_OPT_RATE,
                    KW_OPT_LOADS,
                    KW_OPT_RUNS,
                    KW_OPT_INTERLEAVED,
                    KW_OPT_REQUESTS,
                    KW_OPT_URL,
                    KW_OPT_CONCURRENCY,
                    KW_OPT_LENGTHS,
                    KW_OPT_OF_REQUESTS, /* a log; of the same name, of another command */
                    KW_OPT_BURST,
                    KW_OPT_MAX_CONTENTION,
                    KW_OPT_PROFILE,
                    KW_OPT_REQUIRE,
                    KW_OPT_SUBSTITUTE,
                    KW_OPTIONS
};

struct kw_options {
    const char *out, *trace, *format, *columns, *model, *gpu, *precision, *source, *name, *origin, *licence, *date,
        *focus, *invoice, *state, *spend, *savings, *metrics, *volume, *term, *platforms, *region, *precise;
    struct kw_list set, slo, platform, profile, require, add, substitute, costs;
    int64_t threads, seed, replications, tp, at,
        start_hour; /* threads 0: all; seed, replications, at, start_hour -1: not given */
    bool json, csv, quiet, records, exhaustive, allow_unknown, strict, all, breakeven, curves, pareto, force;
    /* The engine's; counts of 0: its defaults. */
    const char *backend, *policy, *async_scheduling, *load, *speed, *host, *batches, *contexts, *prompts, *prompt, *ids,
        *temperature, *top_p;
    int64_t device, max_seqs, max_batched, max_len, block_size, num_blocks, limit, port, max_queue, max_body, drain,
        timeout, repeat, max_tokens, top_k;
    bool synthetic, prefix_caching, eager;
    /* Calibration's. */
    const char *budget, *rate, *loads, *burst, *max_contention, *interleaved, *of_requests, *url, *concurrency,
        *lengths;
    int64_t starts, runs, requests;
    struct kw_list args; /* what is no option */
};

struct kw_option {
    const char *name;
    char letter; /* 0: none */
    enum { KW_OPTION_FLAG, KW_OPTION_WORD, KW_OPTION_LIST, KW_OPTION_COUNT } type;
    const char *value; /* its name in help; NULL: a flag */
    const char *help;
    size_t offset;        /* of its field in kw_options: bool, const char *, kw_list, int64_t */
    int64_t lo, hi, dflt; /* COUNT */
};
extern const struct kw_option kw_option[KW_OPTIONS]; /* by kw_option_id */

struct kw_command {
    const char *name;              /* "plan", "trace info" */
    const char *args;              /* "SCENARIO.json" */
    const char *summary;           /* one line */
    const char *text;              /* paragraphs for --help and the man page */
    const char *examples;          /* lines: command, then what it does behind " # " */
    enum kw_option_id options[32]; /* ended by KW_OPTIONS */
    int min_args, max_args;
    int (*run)(const struct kw_options *o); /* the exit code */
};
extern const struct kw_command kw_commands[]; /* sim/cli/commands.c; ended by name NULL */

struct kw_command_group {
    const char *name;    /* "trace": the first word of its commands */
    const char *summary; /* one line */
};
extern const struct kw_command_group kw_command_groups[]; /* sim/cli/commands.c; ended by name NULL */

bool kw_command_in_group(const struct kw_command *c, const struct kw_command_group *g); /* its first word is g's name */
/* The group that argv names without one of its commands: "trace", "trace --help". NULL: it does not. */
const struct kw_command_group *kw_command_group_find(int argc, char **argv);

/* The command argv names ("trace info" is two words); *used is how many of argv it took. NULL: none; err says which is
 * nearest. */
const struct kw_command *kw_command_find(int argc, char **argv, int *used, struct kw_error *err);

/* The values that are not the default, as words of a command line, for those options that c takes (no lists). The words
 * point into o and into the struct itself. */
struct kw_option_words {
    const char *v[2 * 32 + 1]; /* ended by NULL */
    size_t n;
    char name[32][32], number[32][24];
};
void kw_options_words(struct kw_option_words *w, const struct kw_command *c, const struct kw_options *o);

bool kw_command_takes(const struct kw_command *c, int id); /* id: enum kw_option_id */

/* KW_EUSAGE with one line naming the option and what it wants. --help sets *help. */
enum kw_status kw_options_parse(const struct kw_command *c, int argc, char **argv, struct kw_options *o, bool *help,
                                struct kw_error *err);

#endif
