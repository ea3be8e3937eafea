/* What would flip a plan's answer: the largest lever first, and what was moved in vain. */
#include <math.h>
#include <stdio.h>
#include "sim/core/document.h"
#include "sim/io/summary.h"

#define SHOWN 8 /* levers, and names of those that flip nothing */

static size_t that_flip(const struct kw_plan *p)
{
    size_t n = 0;
    while (n < p->n_flips && !isnan(p->flips[n].move.value)) n++; /* by kw_flip_order they come first */
    return n;
}

/* Names of those that flip nothing, with "; " between them. */
static void in_vain(const struct kw_plan *p, size_t from, bool all, struct kw_text *out)
{
    struct kw_text names = { 0 };
    kw_text_add(&names, "by none of: ");
    size_t n = p->n_flips - from, shown = all || n <= SHOWN ? n : SHOWN;
    for (size_t i = 0; i < shown; i++) kw_text_add(&names, "%s%s", i ? "; " : "", p->flips[from + i].lever.fact);
    if (shown < n) kw_text_add(&names, "; and %zu more (--all)", n - shown);
    out->failed |= names.failed;
    if (names.s) kw_summary_paragraph("none", names.s, out);
    kw_text_free(&names);
}

void kw_summary_flips(const struct kw_plan *p, bool all, struct kw_text *out)
{
    size_t n = that_flip(p), shown = all || n <= SHOWN ? n : SHOWN;
    char move[24], buf[1000];
    if (!p->n_flips) return;
    kw_document_section(out, "What would flip the answer");
    kw_document_note(out,
                     "Each fact by itself, moved up to %g times either way, the smallest move that flips first; from "
                     "the same replications, nothing is planned anew",
                     KW_FLIP_MOST);
    for (size_t i = 0; i < shown; i++)
        kw_summary_paragraph(kw_flip_move_text(&p->flips[i], move, sizeof move),
                             kw_flip_text(&p->flips[i], p->candidates, buf, sizeof buf), out);
    if (shown < n) {
        snprintf(buf, sizeof buf, "%zu more that take a larger move (--all)", n - shown);
        kw_summary_paragraph("and", buf, out);
    }
    if (n < p->n_flips) in_vain(p, n, all, out);
}
