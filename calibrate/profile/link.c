#include "calibrate/profile/link.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "calibrate/profile/table.h"

#define GATHER_SCATTER_S 4.25e-6 /* fit: link.h */
#define GATHER_SCATTER_WIRE 1.18

/* Sizes double from bytes_from on. A message cannot take longer than a larger one did: what a time has above that is
 * the jitter of its launch, which goes. */
static enum kw_status read_measured(struct kw_jnode n, struct kw_link *l, struct kw_error *err)
{
    struct kw_jnode us = kw_json_get(n, "us");
    double from;
    enum kw_status st = kw_json_f64(kw_json_get(n, "bytes_from"), 1, 1e9, &from, err);
    if (st != KW_OK) return st;
    if (!kw_json_is_array(us) || kw_json_len(us) < 2 || kw_json_len(us) > KW_LINK_SIZES)
        return kw_json_fail(us, KW_ERANGE, err, "want 2 to %d times", KW_LINK_SIZES);
    l->n = (uint32_t)kw_json_len(us);
    for (uint32_t i = 0; i < l->n && st == KW_OK; i++, from *= 2) {
        l->bytes[i] = from;
        st = kw_json_f64(kw_json_at(us, (int)i), 0.1, 1e8, &l->s[i], err);
        l->s[i] *= 1e-6;
    }
    for (uint32_t i = l->n - 1; i-- > 0;) l->s[i] = fmin(l->s[i], l->s[i + 1]);
    return st;
}

static enum kw_status read_law(struct kw_jnode n, struct kw_link *l, struct kw_error *err)
{
    enum kw_status st = kw_json_f64(kw_json_get(n, "latency_us"), 0, 1e6, &l->latency_s, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(n, "bandwidth_gb_s"), 1e-3, 1e5, &l->bandwidth, err);
    l->latency_s *= 1e-6;
    l->bandwidth *= 1e9;
    return st;
}

static enum kw_status read_link(struct kw_jnode n, void *row, struct kw_error *err)
{
    static const char *const keys[] = { "name",           "full_name", "gpus",   "bytes_from", "us",       "latency_us",
                                        "bandwidth_gb_s", "grade",     "source", "date",       "evidence", NULL };
    struct kw_link *l = row;
    const char *name, *full_name;
    int64_t gpus;
    enum kw_status st;
    if ((st = kw_json_keys(n, keys, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "name"), &name, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "full_name"), &full_name, err)) != KW_OK) return st;
    if ((st = kw_json_i64(kw_json_get(n, "gpus"), 2, 64, &gpus, err)) != KW_OK) return st;
    snprintf(l->name, sizeof l->name, "%s", name);
    snprintf(l->full_name, sizeof l->full_name, "%s", full_name);
    l->gpus = (uint32_t)gpus;
    st = kw_json_present(kw_json_get(n, "us")) ? read_measured(n, l, err) : read_law(n, l, err);
    return st == KW_OK ? kw_provenance_read(n, &l->provenance, err) : st;
}

static struct kw_link links[48];
static struct kw_table table = { .path = "calibrate/data/links.json",
                                 .key = "links",
                                 .read = read_link,
                                 .rows = links,
                                 .size = sizeof *links,
                                 .cap = sizeof links / sizeof *links,
                                 .lock = PTHREAD_MUTEX_INITIALIZER };

static struct kw_link graphs[16];
static struct kw_table in_graphs = { .path = "calibrate/data/links.json",
                                     .key = "graphs",
                                     .read = read_link,
                                     .rows = graphs,
                                     .size = sizeof *graphs,
                                     .cap = sizeof graphs / sizeof *graphs,
                                     .lock = PTHREAD_MUTEX_INITIALIZER };

enum kw_status kw_link_in_graph(struct kw_link *out, const char *name, uint32_t gpus, struct kw_error *err)
{
    size_t n = kw_table_load(&in_graphs);
    if (!n) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        if (graphs[i].gpus == gpus && !strcmp(graphs[i].name, name)) {
            *out = graphs[i];
            return KW_OK;
        }
    return kw_link_named(out, name, gpus, err);
}

enum kw_status kw_link_named(struct kw_link *out, const char *name, uint32_t gpus, struct kw_error *err)
{
    char counts[64] = "", names[256] = "";
    size_t n = kw_table_load(&table), at = 0, end = 0;
    if (!n) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        if ((!i || strcmp(links[i - 1].name, links[i].name)) && end < sizeof names)
            end += (size_t)snprintf(names + end, sizeof names - end, "%s%s", end ? ", " : "", links[i].name);
        if (strcmp(links[i].name, name)) continue;
        if (links[i].gpus == gpus) {
            *out = links[i];
            return KW_OK;
        }
        if (at < sizeof counts)
            at += (size_t)snprintf(counts + at, sizeof counts - at, "%s%u", at ? ", " : "", links[i].gpus);
    }
    if (at)
        return kw_fail(err, KW_ERANGE, "nobody has figures of an all-reduce over %u GPUs by %.24s (there are of %s)",
                       gpus, name, counts);
    return kw_fail(err, KW_ERANGE, "there is no link '%.40s' (there are %s)", name, names);
}

double kw_link_all_reduce_s(const struct kw_link *l, double bytes)
{
    if (!l->gpus) return 0;
    if (!l->n) return l->latency_s + 2.0 * (l->gpus - 1) / l->gpus * bytes / l->bandwidth;
    if (bytes <= l->bytes[0]) return l->s[0];
    uint32_t i = 1;
    while (i + 1 < l->n && l->bytes[i] < bytes) i++;
    double a = l->s[i - 1], b = l->s[i], from = l->bytes[i - 1], to = l->bytes[i];
    if (bytes > to) return b + (b - a) / (to - from) * (bytes - to);
    return a * pow(b / a, log(bytes / from) / log(to / from));
}

double kw_link_gather_scatter_s(const struct kw_link *l, double bytes)
{
    return l->gpus ? GATHER_SCATTER_S + GATHER_SCATTER_WIRE * kw_link_all_reduce_s(l, bytes) : 0;
}

/* Router logits go one way, hidden states both: of each way the mean is taken. */
double kw_link_exchange_s(const struct kw_link *l, const struct kw_model_shape *m, double tokens)
{
    double layers = m->layers - m->experts.dense_layers;
    return layers * kw_link_gather_scatter_s(l, tokens * (2.0 * m->hidden + m->experts.n));
}

double kw_link_step_s(const struct kw_link *l, const struct kw_model_shape *m, double tokens)
{
    return 2.0 * m->layers * kw_link_all_reduce_s(l, 2 * tokens * m->hidden);
}
