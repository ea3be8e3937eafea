/* workloads/readers/guess.h - a column map from names that nearly say it: "Prompt Tokens", usage.input_tokens,
 * completionTokens. For files of no known format. */
#ifndef KW_WORKLOADS_READERS_GUESS_H
#define KW_WORKLOADS_READERS_GUESS_H
#include "workloads/readers/column_map.h"

/* Adds to *c what the names in head[0..n) say and *c does not yet: at the least arrival, prompt and output, else
 * KW_EPARSE naming what was not found among which names. Of two names for one thing the less nested, then the first in
 * the file counts. */
enum kw_status kw_guess_columns(struct kw_columns *c, const char *head, size_t n, struct kw_error *err);

/* Adds whose requests are and what they cost, by names that say it and as far as *c was not told: key, team, tag, cost. */
enum kw_status kw_guess_accounts(struct kw_columns *c, const char *head, size_t n, struct kw_error *err);

/* What the names in head[0..n) hint at and *c does not use, as sentences for the user separated by "; ": cache columns,
 * counts of requests, models. "" when nothing. Returns buf. */
char *kw_guess_unused(const struct kw_columns *c, const char *head, size_t n, char *buf, size_t size);

#endif
