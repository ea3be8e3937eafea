/* sim/cli/output.h - the only two ways words leave the program: results to stdout, failures to stderr. */
#ifndef KW_SIM_CLI_OUTPUT_H
#define KW_SIM_CLI_OUTPUT_H
#include <stdint.h>
#include "sim/core/text.h"

/* "keepwarm: MESSAGE" on stderr; returns the exit code of st. */
int kw_cli_fail(enum kw_status st, const struct kw_error *err);
/* "keepwarm: ..." on stderr, control characters masked: what is told beside the results. */
void kw_cli_note(const char *fmt, ...) KW_PRINTF(1, 2);
/* Writes text to stdout, control characters masked, and frees it; a broken pipe or a full disk is an error. Returns the exit code. */
int kw_cli_print(struct kw_text *text);

/* What tables and paragraphs for stdout are laid out to: its terminal's columns, 80 to 100; 100 where it is none, so that
 * files hold the same bytes everywhere. */
int kw_cli_columns(void);

/* A malloc'd text made elsewhere: prints and frees it. */
int kw_cli_print_owned(char *text);

/* The date of unix_s (s since 1970; < 0: now) as YYYY-MM-DD in UTC, into buf; returns buf. */
char *kw_cli_date(char buf[16], int64_t unix_s);

#endif
