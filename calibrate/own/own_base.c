#include "calibrate/own/own_base.h"
#include <stdlib.h>
#include <string.h>
#include "calibrate/operators/on_the_spot.h"
#include "sim/core/date.h"
#include "sim/core/files/file.h"

/* A copy by way of its text, so that it owns what it holds. */
static enum kw_status copy(struct kw_profile *to, const struct kw_profile *from, struct kw_error *err)
{
    size_t n;
    char *text = kw_profile_text(from, &n), name[KW_PROFILE_TEXT];
    if (!text) return kw_fail(err, KW_ENOMEM, "out of memory");
    enum kw_status st = kw_profile_parse(to, kw_profile_name(from, name), text, n, err);
    free(text);
    return st;
}

enum kw_status kw_own_base(struct kw_profile *p, const char *gpu, const char *model, const char *precision, uint32_t tp,
                           struct kw_error *err)
{
    const struct kw_gpu_spec *g;
    const struct kw_model_shape *m;
    struct kw_profiles known = { 0 };
    *p = (struct kw_profile){ 0 };
    enum kw_status st = kw_gpu_named(&g, gpu, err);
    if (st == KW_OK) st = kw_model_named(&m, model, err);
    if (st == KW_OK) st = kw_profiles_embedded(&known, err);
    if (st != KW_OK) return st;
    if (!precision) precision = kw_model_own_precision(m);
    const struct kw_profile *best = kw_profiles_find(&known, g->name, m->name, precision, tp);
    const struct kw_split split = { .tp = tp, .ep = 1, .dp = 1 };
    st = best ? copy(p, best, err) : kw_on_the_spot(p, m, g, precision, &split, err);
    if (st == KW_OK) snprintf(p->model, sizeof p->model, "%s", m->name); /* best may be another name's of one shape */
    kw_profiles_free(&known);
    return st;
}

struct kw_step_tables kw_own_take_tables(struct kw_profile *p)
{
    struct kw_step_tables t = p->tables;
    p->tables = (struct kw_step_tables){ 0 };
    return t;
}

void kw_own_free_tables(struct kw_step_tables *t)
{
    struct kw_profile p = { .tables = *t };
    kw_profile_free(&p);
    *t = (struct kw_step_tables){ 0 };
}

enum kw_status kw_own_provenance(struct kw_provenance *v, const struct kw_own_origin *origin, const char *path,
                                 const char *sha256, size_t rows, const char *how, struct kw_error *err)
{
    const char *slash = strrchr(path, '/');
    char file[128];
    *v = (struct kw_provenance){ .grade = origin->text ? KW_GRADE_PUBLISHED : KW_GRADE_MEASURED };
    snprintf(file, sizeof file, "%.40s%s%.12s%s, %zu rows", slash && slash[1] ? slash + 1 : path,
             *sha256 ? " (sha256 " : "", sha256, *sha256 ? ")" : "", rows);
    if (origin->text)
        snprintf(v->source, sizeof v->source, "%.70s: %.85s", origin->text, file);
    else
        snprintf(v->source, sizeof v->source, "%.100s: %.40s", file, how);
    if (!origin->date) return kw_date_today(v->date, err);
    if (!kw_date_is_day(origin->date))
        return kw_fail(err, KW_EUSAGE, "--date: want YYYY-MM-DD, got '%.40s'", origin->date);
    snprintf(v->date, sizeof v->date, "%.10s", origin->date);
    return KW_OK;
}

enum kw_status kw_own_save(struct kw_profile *p, const char *path, struct kw_error *err)
{
    size_t n;
    struct kw_profile check;
    char *text = kw_profile_text(p, &n);
    if (!text) return kw_fail(err, KW_ENOMEM, "out of memory");
    enum kw_status st = kw_profile_parse(&check, path, text, n, err);
    if (st == KW_OK) {
        kw_profile_free(&check);
        st = kw_file_replace(path, text, n, err);
    }
    free(text);
    return st;
}
