#include "sim/plan/sweep/steptimes.h"
#include <stdlib.h>

void kw_steptimes_init(struct kw_steptimes *s)
{
    *s = (struct kw_steptimes){ .e = NULL };
}

void kw_steptimes_free(struct kw_steptimes *s)
{
    for (size_t i = 0; i < s->n; i++) kw_steptime_delete(s->e[i].steptime);
    free(s->e);
    kw_steptimes_init(s);
}

enum kw_status kw_steptimes_get(struct kw_steptimes *s, const struct kw_profile *p, uint32_t max_batch,
                                uint32_t max_tokens, const struct kw_steptime **out, struct kw_error *err)
{
    return kw_steptimes_drafts(s, p, max_batch, max_tokens, 0, out, err);
}

enum kw_status kw_steptimes_drafts(struct kw_steptimes *s, const struct kw_profile *p, uint32_t max_batch,
                                   uint32_t max_tokens, uint32_t drafts, const struct kw_steptime **out,
                                   struct kw_error *err)
{
    if (max_batch == 0) max_batch = p->max_num_seqs;
    if (max_tokens == 0) max_tokens = p->max_num_batched_tokens;
    for (size_t i = 0; i < s->n; i++) {
        const struct kw_steptimes_entry *e = &s->e[i];
        if (e->profile == p && e->max_batch == max_batch && e->max_tokens == max_tokens && e->drafts == drafts) {
            *out = e->steptime;
            return KW_OK;
        }
    }
    struct kw_steptimes_entry *grown = realloc(s->e, (s->n + 1) * sizeof *grown);
    if (!grown) return kw_fail(err, KW_ENOMEM, "out of memory for step times");
    s->e = grown;
    struct kw_steptimes_entry *e = &s->e[s->n];
    *e =
        (struct kw_steptimes_entry){ .profile = p, .max_batch = max_batch, .max_tokens = max_tokens, .drafts = drafts };
    enum kw_status st = kw_steptime_compile_drafts(&e->steptime, &p->tables, max_batch, max_tokens, drafts, err);
    if (st != KW_OK) return st;
    *out = e->steptime;
    s->n++;
    return KW_OK;
}
