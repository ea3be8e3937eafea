#include "calibrate/profile/storage.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "calibrate/profile/table.h"

struct storage {
    char name[24];
    double gpus_exponent;
    struct kw_law law; /* of one GPU */
};

static enum kw_status read_storage(struct kw_jnode n, void *row, struct kw_error *err)
{
    static const char *const keys[] = { "name",  "full_name", "gpus_exponent", "quantiles", "constant",
                                        "grade", "source",    "date",          "evidence",  NULL };
    struct storage *s = row;
    const char *name;
    enum kw_status st;
    if ((st = kw_json_keys(n, keys, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "name"), &name, err)) != KW_OK) return st;
    snprintf(s->name, sizeof s->name, "%s", name);
    if ((st = kw_json_f64(kw_json_get(n, "gpus_exponent"), 0, 1, &s->gpus_exponent, err)) != KW_OK) return st;
    if ((st = kw_law_read_form(n, &s->law, err)) != KW_OK) return st;
    return kw_provenance_read(n, &s->law.provenance, err);
}

static struct storage paths[8];
static struct kw_table table = { .path = "calibrate/data/storage.json",
                                 .key = "paths",
                                 .read = read_storage,
                                 .rows = paths,
                                 .size = sizeof *paths,
                                 .cap = sizeof paths / sizeof *paths,
                                 .lock = PTHREAD_MUTEX_INITIALIZER };

static void over(struct kw_law *l, uint32_t gpus, double exponent)
{
    struct kw_provenance *p = &l->provenance;
    size_t end = strlen(p->source);
    for (int i = 0; i < l->n; i++) l->v[i] = round(l->v[i] * pow(gpus, exponent) / 1e6) * 1e6;
    p->grade = kw_grade_weaker(p->grade, KW_GRADE_ESTIMATED);
    snprintf(p->source + end, sizeof p->source - end, ", scaled to several GPUs as InstantTensor's 1 and 8 x H200");
}

enum kw_status kw_storage_law(struct kw_law *out, const char *path, uint32_t gpus, struct kw_error *err)
{
    char names[128] = "";
    size_t n = kw_table_load(&table), end = 0;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(paths[i].name, path)) {
            *out = paths[i].law;
            if (gpus > 1) over(out, gpus, paths[i].gpus_exponent);
            return KW_OK;
        }
        if (end < sizeof names)
            end += (size_t)snprintf(names + end, sizeof names - end, "%s%s", end ? ", " : "", paths[i].name);
    }
    return kw_fail(err, KW_ERANGE, "weights lie on no '%.40s' (there are %s)", path, names);
}
