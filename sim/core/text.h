/* sim/core/text.h - a growing string for what is printed: reports and tables are made as text, and only sim/cli writes
 * it out. A failed allocation is remembered, so callers check once, at the end. */
#ifndef KW_SIM_CORE_TEXT_H
#define KW_SIM_CORE_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include "sim/core/status.h"

#define KW_TEXT_COLUMNS 100

struct kw_document;

struct kw_text { /* {0} is empty and valid */
    char *s;     /* NUL-terminated once anything was added, else NULL; owned */
    size_t n, cap;
    bool failed;                  /* memory ran out: the text is cut short */
    int columns;                  /* what its lines are laid out to; 0: KW_TEXT_COLUMNS */
    struct kw_document *document; /* where its blocks are kept as data too; borrowed; NULL: nowhere */
};

void kw_text_add(struct kw_text *t, const char *fmt, ...) KW_PRINTF(2, 3);
/* Appends s as a JSON string, quotes included; bytes from 0x80 on as they are. */
void kw_text_quote(struct kw_text *t, const char *s);
/* s padded with blanks to `width` terminal columns (UTF-8 code points); right-aligned when width < 0; cut with "…" when
 * longer. */
void kw_text_pad(struct kw_text *t, const char *s, int width);
int kw_text_columns(const struct kw_text *t);
/* s folded at blanks so that no line passes `width` columns where a word does not alone; further lines after `indent`
 * blanks. The first line's indent is written already. Ends with a newline. */
void kw_text_fold(struct kw_text *t, const char *s, int indent, int width);
void kw_text_trim(struct kw_text *t); /* drops blanks at the end: a line is done */
void kw_text_free(struct kw_text *t);
/* Control characters of s (C0 but for tab and newline, DEL, and C1 in UTF-8) become '?': a name that a user supplied may
 * hold sequences that a terminal obeys. Lengths stay. */
void kw_text_mask(char *s);
int kw_text_width(const char *s); /* terminal columns: UTF-8 code points, none of them wide or combining */

/* Three digits and a suffix, for counts and rates: "1.23", "45.6", "789", "12.3k", "4.56M"; "-" when not finite. */
char *kw_text_si(char buf[16], double v);

#endif
