#include "sim/watch/retention.h"
#include <stdlib.h>
#include <string.h>
#include "sim/watch/view.h"

/* Series with a cell from `first` on, in their order, so that cells stay in theirs; to[i] is where series i goes. */
static void keep_series(struct kw_watch_ledger *l, size_t first, uint32_t *to)
{
    size_t n = 0;
    memset(to, 0, l->n_series * sizeof *to);
    for (size_t i = first; i < l->n_cells; i++) to[l->cell[i].series] = 1;
    for (size_t i = 0; i < l->n_series; i++) {
        if (!to[i]) {
            free(l->series[i].label);
            continue;
        }
        to[i] = (uint32_t)n;
        l->series[n++] = l->series[i];
    }
    l->n_series = n;
    memmove(l->cell, l->cell + first, (l->n_cells - first) * sizeof *l->cell);
    l->n_cells -= first;
    for (size_t i = 0; i < l->n_cells; i++) l->cell[i].series = to[l->cell[i].series];
}

#define GONE UINT32_MAX

/* to[i] is where source i goes, or GONE. */
static void keep_sources(struct kw_watch_ledger *l, kw_ns from, uint32_t *to)
{
    size_t n = 0;
    memset(to, 0, l->n_sources * sizeof *to);
    for (size_t i = 0; i < l->n_series; i++) to[l->series[i].source] = 1;
    for (size_t i = 0; i < l->n_sources; i++) {
        to[i] = to[i] ? (uint32_t)n : GONE;
        if (to[i] == GONE) continue;
        l->source[n] = l->source[i];
        if (l->source[n].from < from) l->source[n].from = from;
        n++;
    }
    l->n_sources = n;
    for (size_t i = 0; i < l->n_series; i++) l->series[i].source = to[l->series[i].source];
}

static void keep_charges(struct kw_watch_ledger *l, kw_ns from, const uint32_t *to)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_charges; i++) {
        if (to[l->charge[i].source] == GONE || l->charge[i].to <= from) continue;
        l->charge[n] = l->charge[i];
        l->charge[n++].source = to[l->charge[i].source];
    }
    l->n_charges = n;
}

static void keep_files(struct kw_watch_ledger *l, kw_ns from)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_files; i++) {
        if (l->file[i].until >= from)
            l->file[n++] = l->file[i];
        else
            free(l->file[i].path), free(l->file[i].format);
    }
    l->n_files = n;
}

enum kw_status kw_watch_forget(struct kw_watch_ledger *l, int64_t hours, size_t *cells, struct kw_error *err)
{
    int64_t from = kw_watch_window(l, hours).from;
    size_t first = 0, most = l->n_series > l->n_sources ? l->n_series : l->n_sources;
    while (first < l->n_cells && l->cell[first].hour < from) first++;
    *cells = first;
    if (!first) return KW_OK;
    uint32_t *to = malloc((most + 1) * sizeof *to);
    if (!to) return kw_fail(err, KW_ENOMEM, "out of memory for the ledger");
    keep_series(l, first, to);
    keep_sources(l, from * KW_NS_PER_HOUR, to);
    keep_charges(l, from * KW_NS_PER_HOUR, to);
    keep_files(l, from * KW_NS_PER_HOUR);
    free(to);
    return KW_OK;
}
