/* sim/cli/options.h - the command line as tables: a row an option, a row a command. The parser, --help, the man page and
 * the shell completions all read them. */
#ifndef KW_CLI_OPTIONS_H
#define KW_CLI_OPTIONS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"
#include "sim/core/text.h"

#define KW_CLI_MAX_LIST 128

struct kw_list {
    const char *v[KW_CLI_MAX_LIST];
    size_t n;
};

enum kw_option_id { /* what a command may take; values land in kw_options */
    KW_OPT_OUT, KW_OPT_THREADS, KW_OPT_SET, KW_OPT_JSON, KW_OPT_CSV, KW_OPT_QUIET, KW_OPT_TRACE, KW_OPT_FORMAT,
    KW_OPT_COLUMNS, KW_OPT_MODEL, KW_OPT_SLO, KW_OPT_SEED, KW_OPT_REPLICATIONS, KW_OPT_RECORDS, KW_OPT_EXHAUSTIVE,
    KW_OPT_ALL, KW_OPT_BREAKEVEN, KW_OPT_PLATFORM, KW_OPT_GPU, KW_OPT_PRECISION, KW_OPT_TP, KW_OPT_SOURCE, KW_OPT_AT,
    KW_OPT_FORCE, KW_OPT_NAME, KW_OPT_ORIGIN, KW_OPT_LICENCE, KW_OPT_DATE, KW_OPT_START_HOUR, KW_OPTIONS
};

struct kw_options {
    const char *out, *trace, *format, *columns, *model, *gpu, *precision, *source, *name, *origin, *licence, *date;
    struct kw_list set, slo, platform;
    int64_t threads, seed, replications, tp, at, start_hour; /* threads 0: all; seed, replications, at, start_hour -1: not given */
    bool json, csv, quiet, records, exhaustive, all, breakeven, force;
    struct kw_list args; /* what is no option */
};

struct kw_command {
    const char *name;    /* "plan", "trace info" */
    const char *args;    /* "SCENARIO.json" */
    const char *summary; /* one line */
    const char *text;    /* paragraphs for --help and the man page */
    const char *examples; /* lines: command, then what it does behind " # " */
    enum kw_option_id options[24]; /* ended by KW_OPTIONS */
    int min_args, max_args;
    int (*run)(const struct kw_options *o); /* the exit code */
};
extern const struct kw_command kw_commands[]; /* sim/cli/commands.c; ended by name NULL */

/* The command argv names ("trace info" is two words); *used is how many of argv it took. NULL: none; err says which is
 * nearest. */
const struct kw_command *kw_command_find(int argc, char **argv, int *used, struct kw_error *err);

/* KW_EUSAGE with one line naming the option and what it wants. --help sets *help. */
enum kw_status kw_options_parse(const struct kw_command *c, int argc, char **argv, struct kw_options *o, bool *help,
                                struct kw_error *err);

void kw_help_command(const struct kw_command *c, struct kw_text *out);
void kw_help_all(struct kw_text *out);
void kw_help_man(struct kw_text *out);        /* roff: keepwarm(1) */
void kw_help_bash(struct kw_text *out);       /* a completion function */
void kw_help_zsh(struct kw_text *out);

#endif
