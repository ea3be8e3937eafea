#include "sim/core/document.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const kw_block_name[] = { "section", "fact", "note", "left", "right", "cell", NULL };
_Static_assert(sizeof kw_block_name / sizeof *kw_block_name == KW_BLOCKS + 1, "a name for each kind of block");

/* Where facts begin: behind their label. */
enum { LABEL = 12, HANGS = 2 + LABEL };

void kw_document_keep(struct kw_document *d, enum kw_block_kind kind, const char *label, const char *text)
{
    if (!d || d->failed) return;
    if (d->n == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 64;
        struct kw_block *grown = realloc(d->block, cap * sizeof *grown);
        if (!grown) {
            d->failed = true;
            return;
        }
        d->block = grown;
        d->cap = cap;
    }
    struct kw_block b = { kind, strdup(label), strdup(text) };
    if (b.label && b.text) {
        d->block[d->n++] = b;
        return;
    }
    d->failed = true;
    free(b.label);
    free(b.text);
}

void kw_document_free(struct kw_document *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->block[i].label);
        free(d->block[i].text);
    }
    free(d->block);
    *d = (struct kw_document){ 0 };
}

/* The sentence as one string, malloc'd; NULL, and *failed, where memory ran out. */
static char *sentence(const char *fmt, va_list ap, bool *failed)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *s = malloc((size_t)n + 1);
    if (s)
        vsnprintf(s, (size_t)n + 1, fmt, again);
    else
        *failed = true;
    va_end(again);
    return s;
}

static bool after_a_blank_line(const struct kw_text *t)
{
    return !t->n || (t->n >= 2 && t->s[t->n - 1] == '\n' && t->s[t->n - 2] == '\n');
}

void kw_document_section(struct kw_text *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = sentence(fmt, ap, &out->failed);
    va_end(ap);
    if (!s) return;
    if (!after_a_blank_line(out)) kw_text_add(out, "\n");
    kw_text_fold(out, s, 0, kw_text_columns(out));
    kw_document_keep(out->document, KW_BLOCK_SECTION, "", s);
    free(s);
}

void kw_document_note(struct kw_text *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = sentence(fmt, ap, &out->failed);
    va_end(ap);
    if (!s) return;
    kw_text_add(out, "  ");
    kw_text_fold(out, s, 2, kw_text_columns(out));
    kw_document_keep(out->document, KW_BLOCK_NOTE, "", s);
    free(s);
}

void kw_document_fact(const char *label, const char *text, struct kw_text *out)
{
    kw_text_add(out, "  ");
    kw_text_pad(out, label, LABEL);
    kw_text_fold(out, text, HANGS, kw_text_columns(out));
    kw_document_keep(out->document, KW_BLOCK_FACT, label, text);
}
