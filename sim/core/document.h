/* sim/core/document.h - what a command says, once: each call lays a block out for the terminal and, where the text has a
 * document, keeps it as data. A result holds the document (results/results.h) and the page is made of it (report.c), so the
 * page lacks nothing that the terminal says. */
#ifndef KW_SIM_CORE_DOCUMENT_H
#define KW_SIM_CORE_DOCUMENT_H
#include "sim/core/text.h"

enum kw_block_kind {
    KW_BLOCK_SECTION, /* text: its title; what follows is in it */
    KW_BLOCK_FACT,    /* label, "" for one more of the label before; text */
    KW_BLOCK_NOTE,    /* text */
    KW_BLOCK_LEFT,    /* a column of the table that begins here or goes on: text its head, label its unit */
    KW_BLOCK_RIGHT,   /* the same, aligned to the right */
    KW_BLOCK_CELL,    /* text: row by row, after the columns */
    KW_BLOCKS
};
extern const char *const kw_block_name[]; /* "section", "fact", "note", "left", "right", "cell", NULL */

struct kw_block {
    enum kw_block_kind kind;
    char *label, *text; /* owned */
};

struct kw_document {        /* {0} is empty and valid */
    struct kw_block *block; /* [n], owned */
    size_t n, cap;
    bool failed; /* memory ran out: blocks are missing */
};

/* Copies both into the document; nothing where it is NULL. */
void kw_document_keep(struct kw_document *d, enum kw_block_kind kind, const char *label, const char *text);
void kw_document_free(struct kw_document *d);

/* A title on a line of its own, a blank line before it where anything stands there. */
void kw_document_section(struct kw_text *out, const char *fmt, ...) KW_PRINTF(2, 3);
/* A sentence indented by two, folded. */
void kw_document_note(struct kw_text *out, const char *fmt, ...) KW_PRINTF(2, 3);
/* Text that hangs under its label; of several with one label only the first names it. */
void kw_document_fact(const char *label, const char *text, struct kw_text *out);

#endif
