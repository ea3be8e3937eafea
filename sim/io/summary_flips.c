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

enum those { IN_VAIN, NOT_SOUGHT, NOT_SAID };

static enum those kind_of(const struct kw_flip *f)
{
    if (f->sought) return IN_VAIN;
    return f->lever.kind == KW_LEVER_READING ? NOT_SAID : NOT_SOUGHT;
}

/* Names of those that flip nothing, were not looked for, or could not be, with "; " between them. */
static void names(const struct kw_plan *p, size_t from, enum those which, bool all, struct kw_text *out)
{
    static const char *const begins[] = { "by none of: ", "nearer ones come first: ",
                                          "nobody looked, as nothing says what else it may be: " };
    static const char *const word[] = { "none", "not sought", "not known" };
    struct kw_text said = { 0 };
    size_t n = 0, shown = 0;
    kw_text_add(&said, "%s", begins[which]);
    for (size_t i = from; i < p->n_flips; i++) {
        if (kind_of(&p->flips[i]) != which || (n++ >= SHOWN && !all)) continue;
        kw_text_add(&said, "%s%s", shown++ ? "; " : "", p->flips[i].lever.fact);
        if (p->flips[i].end > 1 && p->flips[i].end < KW_FLIP_MOST)
            kw_text_add(&said, " (up to %.2g times)", p->flips[i].end);
    }
    if (shown < n) kw_text_add(&said, "; and %zu more (--all)", n - shown);
    out->failed |= said.failed;
    if (n && !said.failed) kw_summary_paragraph(word[which], said.s, out);
    kw_text_free(&said);
}

void kw_summary_flips(const struct kw_plan *p, bool all, struct kw_text *out)
{
    size_t n = that_flip(p), shown = all || n <= SHOWN ? n : SHOWN;
    char move[24], buf[1000];
    if (!p->n_flips) return;
    kw_document_section(out, "What would flip the answer");
    kw_document_note(
        out,
        "Each fact by itself, moved up to %g times either way, the smallest move that flips first; what a platform "
        "leaves "
        "open, read the other way. Prices from what was simulated, times, traffic and readings by replays of the "
        "recommended one and its nearest rivals; nothing is planned anew",
        KW_FLIP_MOST);
    for (size_t i = 0; i < shown; i++)
        kw_summary_paragraph(kw_flip_move_text(&p->flips[i], move, sizeof move),
                             kw_flip_text(&p->flips[i], buf, sizeof buf), out);
    if (shown < n) {
        snprintf(buf, sizeof buf, "%zu more that take a larger move (--all)", n - shown);
        kw_summary_paragraph("and", buf, out);
    }
    names(p, n, IN_VAIN, all, out);
    names(p, n, NOT_SOUGHT, all, out);
    names(p, n, NOT_SAID, all, out);
}
