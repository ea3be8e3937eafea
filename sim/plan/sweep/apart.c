#include "sim/plan/sweep/apart.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL = 320, WORD = 96, MOST_WORDS = 512, PER_CHOICE = 14 };

struct named {
    char label[LABEL];
    size_t i;
};

static int by_label(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->label, y->label);
    return order ? order : x->i < y->i ? -1 : 1;
}

/* The routing, then of each deployment what kw_choice_label does not say. */
static bool setting(const void *context, const struct kw_candidate *all, size_t i, uint32_t w, char *buf, size_t size)
{
    const struct kw_candidate *c = &all[i];
    (void)context;
    buf[0] = 0;
    if (w == 0) {
        snprintf(buf, size, "%s", c->as_written ? "as written" : "");
        return true;
    }
    if (w == 1) {
        char routing[WORD];
        snprintf(buf, size, "routing=%s", kw_candidate_route(c, routing, sizeof routing));
        return true;
    }
    uint32_t d = (w - 2) / PER_CHOICE;
    if (d >= KW_FLEET_MAX_DEPLOYMENTS) return false;
    if (d >= c->n) return true;
    const struct kw_choice *x = &c->choice[d];
    const struct kw_autoscaling *s = &x->scaling;
    switch ((w - 2) % PER_CHOICE) {
    case 0: snprintf(buf, size, "sku=%s", x->gpu ? x->gpu->sku : x->api->sku); break;
    case 1: snprintf(buf, size, "model=%s", kw_choice_model(x)); break;
    case 2: snprintf(buf, size, "max_replicas=%" PRIu32, s->max_replicas); break;
    case 3: snprintf(buf, size, "target=%g", s->target); break;
    case 4: snprintf(buf, size, "hard_concurrency=%" PRIu32, s->hard_concurrency); break;
    case 5: snprintf(buf, size, "buffer_replicas=%" PRIu32, s->buffer_replicas); break;
    case 6: snprintf(buf, size, "balance=%s", kw_balance_name[x->balance]); break;
    case 7: snprintf(buf, size, "term=%s", kw_term_name[x->term]); break;
    case 8: snprintf(buf, size, "%s%s", x->via ? "via=" : "", x->via ? kw_region_name(x->via) : ""); break;
    case 9:
        if (x->sched.max_loras) snprintf(buf, size, "max_loras=%" PRIu32, x->sched.max_loras);
        break;
    case 10:
        if (x->autoscaler) kw_self_managed_settings(x->autoscaler, s, buf, size);
        break;
    case 11:
        if (x->gpu) snprintf(buf, size, "max_num_seqs=%" PRIu32, x->sched.max_num_seqs);
        break;
    case 12:
        if (x->gpu) snprintf(buf, size, "max_num_batched_tokens=%" PRIu32, x->sched.max_num_batched_tokens);
        break;
    default: snprintf(buf, size, "%s", x->spot.fallback ? "on-demand fallback" : "spot alone"); break;
    }
    return true;
}

/* named[0..n) have one label: to each the words that are not the same in all. */
static void tell(struct kw_candidate *c, const struct named *named, size_t n, kw_apart_word word, const void *context)
{
    for (uint32_t w = 0; w < MOST_WORDS; w++) {
        char first[WORD], other[WORD];
        if (!word(context, c, named[0].i, w, first, sizeof first)) break;
        bool differs = false;
        for (size_t k = 1; k < n && !differs; k++) {
            word(context, c, named[k].i, w, other, sizeof other);
            differs = strcmp(first, other) != 0;
        }
        for (size_t k = 0; k < n && differs; k++) {
            struct kw_candidate *x = &c[named[k].i];
            size_t at = strlen(x->apart);
            word(context, c, named[k].i, w, other, sizeof other);
            if (other[0] && at + strlen(other) + 2 < sizeof x->apart)
                snprintf(x->apart + at, sizeof x->apart - at, "%s%s", at ? " " : "", other);
        }
    }
}

static enum kw_status labels(struct kw_candidate *c, size_t n, struct named **out, struct kw_error *err)
{
    *out = malloc((n ? n : 1) * sizeof **out);
    if (!*out) return kw_fail(err, KW_ENOMEM, "out of memory for %zu labels", n);
    for (size_t i = 0; i < n; i++) {
        (*out)[i].i = i;
        kw_candidate_label(&c[i], (*out)[i].label, LABEL);
    }
    qsort(*out, n, sizeof **out, by_label);
    return KW_OK;
}

enum kw_status kw_candidates_tell_apart(struct kw_candidate *c, size_t n, kw_apart_word word, const void *context,
                                        struct kw_error *err)
{
    /* First the words; then, among those that still read the same, the ordinal, which always suffices. */
    for (int round = 0; round < 2; round++) {
        struct named *named;
        enum kw_status st = labels(c, n, &named, err);
        if (st != KW_OK) return st;
        for (size_t from = 0, to; from < n; from = to) {
            for (to = from + 1; to < n && !strcmp(named[from].label, named[to].label);) to++;
            if (to - from < 2) continue;
            for (size_t k = from; k < to && round; k++) {
                char *apart = c[named[k].i].apart;
                size_t at = strlen(apart), room = sizeof c->apart - 24;
                if (at > room) at = room;
                snprintf(apart + at, sizeof c->apart - at, "%s#%zu", at ? " " : "", k - from + 1);
            }
            if (!round) tell(c, &named[from], to - from, word ? word : setting, context);
        }
        free(named);
    }
    return KW_OK;
}
