#include "platforms/facts/region_read.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "platforms/facts/spot_read.h"

static enum kw_status unknown_place(struct kw_jnode n, const char *name, struct kw_error *err)
{
    char hint[KW_NEAREST_HINT];
    return kw_json_fail(n, KW_ERANGE, err, "no region or area is called '%.40s'%s", name,
                        kw_nearest_hint(hint, name, kw_region_names()));
}

/* The name as our list has it: a platform file says the provider's beside it. */
static enum kw_status read_name(struct kw_fact_reader *r, struct kw_jnode n, struct kw_region_offer *o)
{
    struct kw_jnode at = kw_json_get(n, "name");
    KW_TRY(kw_fact_text(r, at, true, o->name, sizeof o->name));
    o->where = kw_region_find(o->name);
    const char *ours = kw_region_name(o->where);
    if (!ours) return unknown_place(at, o->name, r->err);
    if (strcmp(ours, o->name))
        return kw_json_fail(at, KW_ERANGE, r->err, "is called '%s' here; '%s' may be its \"vendor\" name", ours,
                            o->name);
    KW_TRY(kw_fact_text(r, kw_json_get(n, "vendor"), false, o->vendor, sizeof o->vendor));
    if (!o->vendor[0]) snprintf(o->vendor, sizeof o->vendor, "%s", o->name);
    return KW_OK;
}

static enum kw_status read_multiplier(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                                      struct kw_region_offer *o)
{
    struct kw_fact_found f;
    char path[88], buf[32];
    int64_t v;
    KW_TRY(kw_fact_open(r, kw_json_get(n, "multiplier"), src, &f));
    if (!f.present) return KW_OK;
    KW_TRY(kw_json_nano(f.value, KW_NANO / 100, 100 * KW_NANO, &v, r->err));
    if (v % 1000) return kw_json_fail(f.value, KW_ERANGE, r->err, "want at most six digits after the point");
    o->surcharge_ppm = v / 1000 - 1000000;
    snprintf(path, sizeof path, "regions[%s].multiplier", o->name);
    return kw_fact_keep(r, &f, path, "x %s", kw_nano_format(buf, sizeof buf, v));
}

/* One GPU offer that is sold there: at its own prices, or at the platform's times the multiplier. */
static enum kw_status read_gpu(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                               struct kw_region_offer *o)
{
    static const char *const keys[] = { "sku", "hour", "month", "spot_hour", "terms", "spot", NULL };
    const struct kw_platform *p = &r->p;
    char sku[sizeof p->gpus->sku], path[88];
    size_t i = 0;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_text(r, kw_json_get(n, "sku"), true, sku, sizeof sku));
    while (i < p->n_gpus && strcmp(p->gpus[i].sku, sku)) i++;
    if (i == p->n_gpus)
        return kw_json_fail(kw_json_get(n, "sku"), KW_ERANGE, r->err, "no offer of \"gpus\" has this sku");
    struct kw_gpu_offer *g = &o->gpus[i];
    if (g->sku[0]) return kw_json_fail(n, KW_ERANGE, r->err, "offer '%s' is stated twice", sku);
    *g = p->gpus[i];
    g->region_surcharge_ppm = o->surcharge_ppm;
    g->spot = p->spot; /* what the offer says of itself is of nowhere else: regions differ more than machines */
    snprintf(path, sizeof path, "regions[%s].gpus[%s].", o->name, sku);
    KW_TRY(kw_fact_spot(r, kw_json_get(n, "spot"), path, &g->spot));
    struct kw_price *const price[] = { &g->gpu_hour, &g->gpu_month, &g->gpu_hour_spot };
    static const char *const unit[] = { "GPU-hour", "GPU-month", "GPU-hour" };
    bool own = false;
    for (int k = 0; k < 4; k++) own |= kw_json_present(kw_json_get(n, keys[k + 1]));
    if (!own) return KW_OK;
    g->region_surcharge_ppm = 0;
    for (int k = 0; k < 3; k++) {
        *price[k] = (struct kw_price){ .known = false };
        snprintf(path, sizeof path, "regions[%s].gpus[%s].%s", o->name, sku, keys[k + 1]);
        KW_TRY(kw_fact_price(r, kw_json_get(n, keys[k + 1]), src, path, unit[k], k != 1, price[k]));
    }
    memset(g->committed, 0, sizeof g->committed);
    snprintf(path, sizeof path, "regions[%s].gpus[%s]", o->name, sku);
    return kw_fact_gpu_terms(r, kw_json_get(n, "terms"), src, path, g->committed);
}

static enum kw_status read_gpus(struct kw_fact_reader *r, struct kw_jnode list, const struct kw_fact_source *src,
                                struct kw_region_offer *o)
{
    const struct kw_platform *p = &r->p;
    if (!(o->gpus = calloc(p->n_gpus + 1, sizeof *o->gpus))) return kw_fact_no_memory(r);
    for (size_t i = 0; i < p->n_gpus && !kw_json_present(list); i++) {
        o->gpus[i] = p->gpus[i];
        o->gpus[i].spot = p->spot;
        o->gpus[i].region_surcharge_ppm = o->surcharge_ppm;
    }
    if (!kw_json_present(list)) return KW_OK;
    if (!kw_json_is_array(list) || kw_json_len(list) == 0)
        return kw_json_fail(list, KW_EPARSE, r->err, "want a list of the offers sold there: [{\"sku\": ...}]");
    for (int i = 0; i < kw_json_len(list); i++) KW_TRY(read_gpu(r, kw_json_at(list, i), src, o));
    return KW_OK;
}

static enum kw_status read_models(struct kw_fact_reader *r, struct kw_jnode list, struct kw_region_offer *o)
{
    const struct kw_platform *p = &r->p;
    if (!(o->apis = calloc(p->n_apis + 1, sizeof *o->apis))) return kw_fact_no_memory(r);
    bool all = !kw_json_present(list);
    if (!all && (!kw_json_is_array(list) || kw_json_len(list) == 0))
        return kw_json_fail(list, KW_EPARSE, r->err, "want a list of the models offered there");
    for (int k = 0; k < kw_json_len(list); k++) {
        const char *model;
        size_t i = 0;
        KW_TRY(kw_json_str(kw_json_at(list, k), &model, r->err));
        while (i < p->n_apis && strcmp(p->apis[i].model, model)) i++;
        if (i == p->n_apis)
            return kw_json_fail(kw_json_at(list, k), KW_ERANGE, r->err, "no offer of \"apis\" is of it");
        o->apis[i] = p->apis[i];
    }
    for (size_t i = 0; i < p->n_apis; i++) {
        if (all) o->apis[i] = p->apis[i];
        if (o->apis[i].sku[0]) o->apis[i].region_surcharge_ppm = o->surcharge_ppm;
    }
    return KW_OK;
}

static enum kw_status read_region(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *section,
                                  struct kw_region_offer *o)
{
    static const char *const gpu_keys[] = { "name", "vendor", "src", "multiplier", "gpus", NULL }, *const api_keys[] = {
        "name", "vendor", "src", "multiplier", "models", NULL
    };
    bool api = r->p.kind == KW_KIND_API;
    struct kw_fact_source src;
    struct kw_fact_found f;
    char path[88];
    KW_TRY(kw_json_keys(n, api ? api_keys : gpu_keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    if (!src.known) src = *section;
    KW_TRY(read_name(r, n, o));
    for (const struct kw_region_offer *k = r->p.regions; k < o; k++)
        if (k->where == o->where) return kw_json_fail(n, KW_ERANGE, r->err, "region '%s' is stated twice", o->name);
    KW_TRY(kw_fact_open(r, kw_json_get(n, "name"), &src, &f));
    snprintf(path, sizeof path, "regions[%s]", o->name);
    KW_TRY(kw_fact_keep(r, &f, path, "%s", o->vendor));
    KW_TRY(read_multiplier(r, n, &src, o));
    return api ? read_models(r, kw_json_get(n, "models"), o) : read_gpus(r, kw_json_get(n, "gpus"), &src, o);
}

static enum kw_status read_via(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src)
{
    struct kw_fact_found f;
    char text[88] = "";
    KW_TRY(kw_fact_open(r, n, src, &f));
    if (!f.present) return KW_OK;
    if (!kw_json_is_array(f.value) || kw_json_len(f.value) == 0)
        return kw_json_fail(f.value, KW_EPARSE, r->err, "want a list of the regions that requests may pass");
    for (int i = 0; i < kw_json_len(f.value); i++) {
        const char *name;
        struct kw_jnode at = kw_json_at(f.value, i);
        KW_TRY(kw_json_str(at, &name, r->err));
        kw_region_set s = kw_region_find(name);
        if (!s) return unknown_place(at, name, r->err);
        if (s & (s - 1)) return kw_json_fail(at, KW_ERANGE, r->err, "want a region; '%s' is an area", name);
        r->p.via |= s;
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "", name);
    }
    return kw_fact_keep(r, &f, NULL, "%s", text);
}

enum kw_status kw_fact_regions(struct kw_fact_reader *r, struct kw_jnode n)
{
    static const char *const keys[] = { "src", "via", "list", NULL };
    struct kw_platform *p = &r->p;
    struct kw_fact_source src;
    struct kw_jnode list = kw_json_get(n, "list");
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_regions_load(r->err));
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    KW_TRY(read_via(r, kw_json_get(n, "via"), &src));
    if (!kw_json_is_array(list) || kw_json_len(list) == 0)
        return kw_json_fail(kw_json_present(list) ? list : n, KW_EPARSE, r->err,
                            "want \"list\": [{\"name\": \"eu-west\", ...}]");
    if (!(p->regions = calloc((size_t)kw_json_len(list), sizeof *p->regions))) return kw_fact_no_memory(r);
    for (int i = 0; i < kw_json_len(list); i++) {
        p->n_regions = (size_t)i + 1; /* what a failure leaves is freed */
        KW_TRY(read_region(r, kw_json_at(list, i), &src, &p->regions[i]));
    }
    return KW_OK;
}
