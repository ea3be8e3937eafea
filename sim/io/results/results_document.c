#include "sim/io/results/results_document.h"
#include <stdlib.h>
#include <string.h>

#define BLOCK "/document/block"

void kw_results_document(struct kw_writer *w, const struct kw_document *d)
{
    const char **column = malloc((d->n ? d->n : 1) * sizeof *column);
    if (!column || d->failed) {
        free(column);
        kw_writer_no_memory(w);
        return;
    }
    kw_writer_group(w, "/document", "what the command says, in order: sections, facts, notes, tables");
    kw_writer_index(w, BLOCK, "block", d->n, "blocks from the first to the last");
    for (size_t i = 0; i < d->n; i++) column[i] = kw_block_name[d->block[i].kind];
    struct kw_h5_dataset kind = { "/document/kind",
                                  KW_H5_STR,
                                  "",
                                  "section, fact, note; left, right: a column of a table by how it is aligned; "
                                  "cell: of the columns before, row by row",
                                  1,
                                  { d->n },
                                  { BLOCK },
                                  NULL,
                                  0 };
    kw_writer_put(w, kind, column);
    for (size_t i = 0; i < d->n; i++) column[i] = d->block[i].label;
    struct kw_h5_dataset label = { "/document/label",
                                   KW_H5_STR,
                                   "",
                                   "of a fact, empty where it has that of the fact before; a column's unit",
                                   1,
                                   { d->n },
                                   { BLOCK },
                                   NULL,
                                   0 };
    kw_writer_put(w, label, column);
    for (size_t i = 0; i < d->n; i++) column[i] = d->block[i].text;
    struct kw_h5_dataset text = { "/document/text", KW_H5_STR, "", "what it says; a column's head", 1, { d->n },
                                  { BLOCK },        NULL,      0 };
    kw_writer_put(w, text, column);
    free(column);
}

static enum kw_status append(struct kw_document *d, const char *kind, const char *label, const char *text,
                             struct kw_error *err)
{
    for (int k = 0; k < KW_BLOCKS; k++) {
        if (strcmp(kind, kw_block_name[k])) continue;
        kw_document_keep(d, (enum kw_block_kind)k, label, text);
        return d->failed ? kw_fail(err, KW_ENOMEM, "out of memory") : KW_OK;
    }
    return kw_fail(err, KW_EPARSE, "/document/kind: '%.40s' is no kind of block", kind);
}

enum kw_status kw_results_document_read(struct kw_h5 *f, struct kw_document *d, struct kw_error *err)
{
    char **kind = NULL, **label = NULL, **text = NULL;
    int rank;
    size_t shape[4];
    if (kw_h5_exists(f, "/document/kind") <= 0) return KW_OK;
    enum kw_status st = kw_h5_shape(f, "/document/kind", &rank, shape, err);
    if (st == KW_OK && rank != 1) st = kw_fail(err, KW_EPARSE, "/document/kind: want one dimension, got %d", rank);
    if (st == KW_OK) st = kw_h5_read_n(f, "/document/kind", KW_H5_STR, shape[0], &kind, err);
    if (st == KW_OK) st = kw_h5_read_n(f, "/document/label", KW_H5_STR, shape[0], &label, err);
    if (st == KW_OK) st = kw_h5_read_n(f, "/document/text", KW_H5_STR, shape[0], &text, err);
    for (size_t i = 0; st == KW_OK && i < shape[0]; i++) st = append(d, kind[i], label[i], text[i], err);
    free(kind);
    free(label);
    free(text);
    return st;
}
