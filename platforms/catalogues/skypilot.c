/* A cloud's vms.csv of skypilot-org/skypilot-catalog (Apache-2.0): a row a machine, region and zone; Price and SpotPrice in
 * dollars an hour of the whole machine, AcceleratorName and AcceleratorCount its GPUs. The cloud is not named: its machines'
 * names tell. Google's rows price a machine and the GPUs in it apart, and are added up here. Columns as of schema v5 to v7. */
#include "platforms/catalogues/price_list.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/csv.h"
#include "sim/core/units.h"

enum column { INSTANCE, GPU, COUNT, PRICE, SPOT, REGION, COLUMNS };
static const char *const column_name[] = {
    "InstanceType", "AcceleratorName", "AcceleratorCount", "Price", "SpotPrice", "Region", NULL
};

struct row { /* one GPU machine, or of Google a machine alone or GPUs alone */
    char instance[64], gpu[32], region[40];
    uint32_t count;
    bool priced, spot_known;
    int64_t price, spot; /* nano-dollars an hour */
};

struct table {
    struct row *v;
    size_t n, cap;
};

/* ---- clouds */

static bool is_aws(const char *s)
{
    const char *dot = strchr(s, '.');
    return dot && (strstr(dot, "xlarge") || strstr(dot, "large") || strstr(dot, "metal"));
}
static bool is_azure(const char *s)
{
    return !strncmp(s, "Standard_", 9);
}
static bool is_gcp(const char *s)
{
    static const char *const family[] = { "a2-", "a3-", "a4-", "g2-", "n1-" };
    for (size_t i = 0; i < sizeof family / sizeof *family; i++)
        if (!strncmp(s, family[i], 3)) return true;
    return !*s; /* GPUs alone */
}
static bool is_lambda(const char *s)
{
    return !strncmp(s, "gpu_", 4) && isdigit((unsigned char)s[4]);
}
static bool is_nebius(const char *s)
{
    return !strncmp(s, "gpu-", 4) && strstr(s, "vcpu");
}
static bool is_secure(const char *s)
{
    return strstr(s, "x_") && strstr(s, "_SECURE");
}
static bool is_community(const char *s)
{
    return strstr(s, "x_") && strstr(s, "_COMMUNITY");
}

static const struct cloud {
    const char *platform, *region; /* of its file, where that names one; NULL: the cheapest */
    bool (*is)(const char *instance);
    bool by_gpu; /* its file's names are not the machines' */
} clouds[] = { { "aws", "us-east-1", is_aws, false },
               { "azure", "eastus", is_azure, false },
               { "gcp", NULL, is_gcp, true },
               { "lambda", NULL, is_lambda, true },
               { "nebius", NULL, is_nebius, true },
               { "runpod-secure", NULL, is_secure, true },
               { "runpod-community", NULL, is_community, true } };

static const struct cloud *cloud_of(const char *instance)
{
    for (size_t i = 0; i < sizeof clouds / sizeof *clouds; i++)
        if (clouds[i].is(instance)) return &clouds[i];
    return NULL;
}

/* ---- GPUs */

/* SkyPilot's names that are not ours. instance: only of machines whose name holds it. RunPod's plain A100-80GB and H100
 * are the PCIe cards (the SXM ones have a -SXM), and so are those of Azure's NC series. */
static const struct {
    const char *theirs, *instance, *ours;
} gpu_names[] = { { "A100", "", "A100-40" },
                  { "A100-80GB", "_SECURE", "A100-80-PCIE" },
                  { "A100-80GB", "_COMMUNITY", "A100-80-PCIE" },
                  { "A100-80GB", "Standard_NC", "A100-80-PCIE" },
                  { "A100-80GB", "", "A100-80" },
                  { "A100-80GB-SXM", "", "A100-80" },
                  { "H100", "_SECURE", "H100-PCIE" },
                  { "H100", "_COMMUNITY", "H100-PCIE" },
                  { "H100", "1x_h100_pcie", "H100-PCIE" },
                  { "H100-SXM", "", "H100" },
                  { "H200-SXM", "", "H200" },
                  { "RTXA5000", "", "A5000" },
                  { "RTXA6000", "", "A6000" },
                  { "RTXPRO6000", "", "RTXPRO6000" } };

static const char *neutral(const char *theirs, const char *instance, const char *const *known)
{
    for (size_t i = 0; i < sizeof gpu_names / sizeof *gpu_names; i++)
        if (!strcmp(gpu_names[i].theirs, theirs) && strstr(instance, gpu_names[i].instance)) {
            theirs = gpu_names[i].ours;
            break;
        }
    for (; *known; known++)
        if (!strcmp(*known, theirs)) return *known;
    return NULL;
}

/* Google's machine types with GPUs (cloud.google.com/compute/docs/gpus, stored copy read 2026-11-29): the price is that of
 * the machine's vCPUs and memory and that of the GPUs. Of H200 and B200 machines only whole nodes are sold, by plans that
 * the list does not have. */
static const struct {
    const char *instance, *gpu;
    uint32_t count;
} google[] = {
    { "a2-highgpu-1g", "A100", 1 },       { "a2-highgpu-2g", "A100", 2 },       { "a2-highgpu-4g", "A100", 4 },
    { "a2-highgpu-8g", "A100", 8 },       { "a2-ultragpu-1g", "A100-80GB", 1 }, { "a2-ultragpu-2g", "A100-80GB", 2 },
    { "a2-ultragpu-4g", "A100-80GB", 4 }, { "a2-ultragpu-8g", "A100-80GB", 8 }, { "a3-highgpu-1g", "H100", 1 },
    { "a3-highgpu-2g", "H100", 2 },       { "a3-highgpu-4g", "H100", 4 },       { "a3-highgpu-8g", "H100", 8 },
    { "g2-standard-4", "L4", 1 },         { "g2-standard-24", "L4", 2 },        { "g2-standard-48", "L4", 4 },
    { "g2-standard-96", "L4", 8 },        { "n1-highmem-8", "T4", 1 }
};

/* ---- rows */

static enum kw_status copy(const struct kw_span *f, const char *what, char *to, size_t size, struct kw_error *err)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->p[i] < 0x20 || f->p[i] > 0x7e)
            return kw_fail(err, KW_EPARSE, "%s: want a name of letters, digits and signs; got byte 0x%02x", what,
                           (unsigned)(unsigned char)f->p[i]);
    if (f->n >= size) return kw_fail(err, KW_ERANGE, "%s '%.40s...' is longer than %zu bytes", what, f->p, size - 1);
    memcpy(to, f->p, f->n + 1); /* a NUL follows each field */
    return KW_OK;
}

/* A price that is absent is no price: SkyPilot leaves the field empty. */
static enum kw_status money(struct kw_price_list *l, const struct kw_span *f, const char *what, int64_t *out,
                            bool *known, struct kw_error *err)
{
    bool rounded = false;
    *known = f->n > 0 && strcmp(f->p, "nan") != 0;
    if (!*known) return KW_OK;
    enum kw_status st = kw_nano_scaled(f->p, 0, out, &rounded, err);
    l->rounded += rounded;
    if (st == KW_OK && *out <= 0) *known = false; /* 0 stands where the interface gave none */
    if (st != KW_OK) kw_where(err, what, 0);
    return st;
}

static enum kw_status read_row(struct kw_price_list *l, const struct kw_csv *c, const int at[COLUMNS], struct row *r,
                               struct kw_error *err)
{
    int64_t count = 0;
    bool counted, rounded = false;
    *r = (struct row){ .count = 0 };
    KW_TRY(copy(&c->field[at[INSTANCE]], "InstanceType", r->instance, sizeof r->instance, err));
    KW_TRY(copy(&c->field[at[GPU]], "AcceleratorName", r->gpu, sizeof r->gpu, err));
    KW_TRY(copy(&c->field[at[REGION]], "Region", r->region, sizeof r->region, err));
    KW_TRY(money(l, &c->field[at[PRICE]], "Price", &r->price, &r->priced, err));
    KW_TRY(money(l, &c->field[at[SPOT]], "SpotPrice", &r->spot, &r->spot_known, err));
    counted = r->gpu[0] != 0;
    if (!counted) return KW_OK;
    enum kw_status st = kw_nano_scaled(c->field[at[COUNT]].p, -9, &count, &rounded, err);
    if (st == KW_OK && (count < 0 || count > 1024))
        st = kw_fail(err, KW_ERANGE, "want GPUs of a machine, at most 1024");
    if (st != KW_OK) kw_where(err, "AcceleratorCount", 0);
    r->count = rounded ? 0 : (uint32_t)count; /* 0: a part of a GPU */
    return st;
}

static bool keep(struct table *t, const struct row *r)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 1024;
        struct row *more = realloc(t->v, cap * sizeof *more);
        if (!more) return false;
        t->v = more;
        t->cap = cap;
    }
    t->v[t->n++] = *r;
    return true;
}

/* Machines that have no GPU are not looked at, but for Google's, whose GPUs stand apart. */
static enum kw_status read_rows(struct kw_price_list *l, struct kw_csv *c, struct table *t, struct kw_error *err)
{
    int at[COLUMNS];
    bool more = true;
    for (int i = 0; i < COLUMNS; i++) KW_TRY(kw_csv_need(c, column_name[i], &at[i], err));
    while (more) {
        struct row r;
        KW_TRY(kw_csv_next(c, &more, err));
        if (!more) break;
        enum kw_status st = read_row(l, c, at, &r, err);
        if (st != KW_OK) {
            kw_where(err, l->name, c->line);
            return st;
        }
        if (!r.gpu[0] && !is_gcp(r.instance)) continue;
        if (!keep(t, &r)) return kw_fail(err, KW_ENOMEM, "%s: out of memory", l->name);
    }
    return KW_OK;
}

/* ---- offers */

static void lower(int64_t price, bool known, struct kw_listed_value *v)
{
    if (known && (!v->known || price < v->v)) *v = (struct kw_listed_value){ .known = true, .v = price };
}

/* One GPU's part of a price, to the nearest nano-dollar. */
static int64_t of_one(struct kw_price_list *l, int64_t price, uint32_t count)
{
    l->rounded += price % count != 0;
    return (price + count / 2) / count;
}

/* The cheapest row of a machine becomes its offer. Prices of the machine until all rows are in. */
static enum kw_status offer(struct kw_price_list *l, const struct cloud *cloud, const struct row *r,
                            const struct kw_price_list_options *o, struct kw_error *err)
{
    const char *gpu = neutral(r->gpu, r->instance, o->gpus);
    if (r->count == 0 || r->count > 64) {
        kw_price_list_leave_out(l, "machines with a part of a GPU, or with more than 64", "");
        return KW_OK;
    }
    if (!gpu) {
        kw_price_list_leave_out(l, "machines with GPUs that are not known here", r->gpu);
        return KW_OK;
    }
    struct kw_listing *x = NULL;
    for (size_t i = 0; i < l->n && !x; i++)
        if (!strcmp(l->v[i].sku, r->instance) && !strcmp(l->v[i].gpu, gpu)) x = &l->v[i];
    if (!x) {
        if (!(x = kw_price_list_add(l, cloud->platform, r->instance)))
            return kw_fail(err, KW_ENOMEM, "%s: out of memory", l->name);
        snprintf(x->gpu, sizeof x->gpu, "%s", gpu);
        x->count = r->count;
        x->by_gpu = cloud->by_gpu;
    }
    if (r->priced && (!x->fact[KW_LISTED_HOUR].known || r->price < x->fact[KW_LISTED_HOUR].v))
        snprintf(x->note, sizeof x->note, "%s", r->region);
    lower(r->price, r->priced, &x->fact[KW_LISTED_HOUR]);
    lower(r->spot, r->spot_known, &x->fact[KW_LISTED_SPOT_HOUR]);
    return KW_OK;
}

/* Google's machine and its GPUs in one region, added up. */
static enum kw_status join(struct kw_price_list *l, const struct table *t, const struct cloud *cloud,
                           const struct row *gpus, const struct kw_price_list_options *o, struct kw_error *err)
{
    for (size_t k = 0; k < sizeof google / sizeof *google; k++) {
        if (strcmp(google[k].gpu, gpus->gpu) || google[k].count != gpus->count) continue;
        struct row best = { .priced = false };
        for (size_t i = 0; i < t->n; i++) {
            const struct row *m = &t->v[i];
            if (m->gpu[0] || strcmp(m->region, gpus->region) || strcmp(m->instance, google[k].instance)) continue;
            struct row r = *gpus;
            snprintf(r.instance, sizeof r.instance, "%s", m->instance);
            r.priced = m->priced && gpus->priced;
            r.spot_known = m->spot_known && gpus->spot_known;
            r.price += m->price;
            r.spot += m->spot;
            if (!best.instance[0]) best = r;
            if (r.priced && (!best.priced || r.price < best.price)) best.price = r.price, best.priced = true;
            if (r.spot_known && (!best.spot_known || r.spot < best.spot)) best.spot = r.spot, best.spot_known = true;
        }
        if (best.instance[0]) KW_TRY(offer(l, cloud, &best, o, err));
    }
    return KW_OK;
}

static bool in_region(const struct row *r, const struct cloud *cloud, const struct kw_price_list_options *o)
{
    const char *want = o->region ? o->region : cloud->region;
    return !want || !strcmp(want, "cheapest") || !strcmp(want, r->region);
}

static bool wanted(const struct cloud *cloud, const struct kw_price_list_options *o)
{
    for (size_t i = 0; i < o->n_only; i++)
        if (!strcmp(o->only[i], cloud->platform)) {
            if (o->met) o->met[i] = true;
            return true;
        }
    return o->n_only == 0;
}

static enum kw_status make_offers(struct kw_price_list *l, const struct table *t, const struct kw_price_list_options *o,
                                  struct kw_error *err)
{
    bool any = false, asked = o->region && strcmp(o->region, "cheapest");
    for (size_t i = 0; i < t->n; i++) {
        const struct row *r = &t->v[i];
        const struct cloud *cloud = cloud_of(r->instance);
        if (!r->gpu[0]) continue; /* met by join */
        if (!cloud) {
            kw_price_list_leave_out(l, "machines of a cloud that is no platform here", "");
            continue;
        }
        if (!wanted(cloud, o) || !in_region(r, cloud, o)) continue;
        any = true;
        if (!o->region && cloud->region) snprintf(l->region, sizeof l->region, "%s", cloud->region);
        KW_TRY(r->instance[0] ? offer(l, cloud, r, o, err) : join(l, t, cloud, r, o, err));
    }
    if (asked) snprintf(l->region, sizeof l->region, "%.39s", o->region);
    if (asked && !any) return kw_fail(err, KW_ERANGE, "%s: no GPU machine is in region '%.39s'", l->name, o->region);
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct kw_listing *x = &l->v[i];
        struct kw_listed_value *hour = &x->fact[KW_LISTED_HOUR], *spot = &x->fact[KW_LISTED_SPOT_HOUR];
        char usd[32];
        size_t at = strlen(x->note);
        if (hour->known && x->count > 1)
            snprintf(x->note + at, sizeof x->note - at, "; %s for %u", kw_nano_format(usd, sizeof usd, hour->v),
                     x->count);
        if (hour->known) hour->v = of_one(l, hour->v, x->count);
        if (spot->known) spot->v = of_one(l, spot->v, x->count);
        if ((hour->known && hour->v > 1000 * KW_NANO) || (spot->known && spot->v > 1000 * KW_NANO))
            kw_price_list_leave_out(l, "machines at more than $1000 a GPU-hour", "");
        else if (!hour->known && !spot->known)
            kw_price_list_leave_out(l, "machines without a price", "");
        else
            l->v[kept++] = *x;
    }
    l->n = kept;
    return KW_OK;
}

enum kw_status kw_skypilot_read(struct kw_price_list *l, const char *text, size_t len,
                                const struct kw_price_list_options *o, struct kw_error *err)
{
    struct kw_csv c;
    struct table t = { .v = NULL };
    if (!kw_csv_has(text, len, column_name)) return KW_EINPUT;
    KW_TRY(kw_csv_memory(&c, l->name, text, len, err));
    enum kw_status st = read_rows(l, &c, &t, err);
    if (st == KW_OK) st = make_offers(l, &t, o, err);
    kw_csv_close(&c);
    free(t.v);
    return st;
}

const struct kw_price_form kw_form_skypilot = {
    .name = "SkyPilot",
    .id = "skypilot",
    .source = "skypilot-org/skypilot-catalog vms.csv (Apache-2.0)",
    .seller = true,
};
