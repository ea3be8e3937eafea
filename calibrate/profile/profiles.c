#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/profile.h"
#include "sim/core/files/embedded.h"

enum kw_status kw_profiles_embedded(struct kw_profiles *all, struct kw_error *err)
{
    static const char dir[] = "calibrate/data/profiles/";
    const char *text, *path;
    size_t len, n = 0;
    struct kw_profiles set = { 0 };
    for (size_t i = 0; (path = kw_embedded_at(i, &text, &len)); i++) n += !strncmp(path, dir, sizeof dir - 1);
    set.p = calloc(n ? n : 1, sizeof *set.p);
    if (!set.p) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; (path = kw_embedded_at(i, &text, &len)); i++) {
        if (strncmp(path, dir, sizeof dir - 1)) continue;
        enum kw_status st = kw_profile_parse(&set.p[set.n], path, text, len, err);
        if (st != KW_OK) {
            kw_profiles_free(&set);
            return st;
        }
        set.n++;
    }
    *all = set;
    return KW_OK;
}

void kw_profiles_free(struct kw_profiles *all)
{
    for (size_t i = 0; i < all->n; i++) kw_profile_free(&all->p[i]);
    free(all->p);
    *all = (struct kw_profiles){ 0 };
}

bool kw_profile_combines(const struct kw_profile *p, const char *gpu, const char *model, const char *precision,
                         struct kw_parallel par)
{
    return !strcmp(p->gpu, gpu) && !strcmp(p->precision, precision) && kw_parallel_equal(kw_profile_parallel(p), par) &&
           (!strcmp(p->model, model) || kw_model_same_shape(p->model, model));
}

unsigned kw_profiles_other_grades(const struct kw_profiles *all, const struct kw_profile *p)
{
    unsigned grades = 0;
    for (size_t i = 0; i < all->n; i++)
        if (&all->p[i] != p && kw_profile_combines(&all->p[i], p->gpu, p->model, p->precision, kw_profile_parallel(p)))
            grades |= 1u << all->p[i].steps.grade;
    return grades;
}

enum kw_status kw_profiles_add(struct kw_profiles *all, struct kw_profile *p, struct kw_error *err)
{
    struct kw_profile *more = realloc(all->p, (all->n + 1) * sizeof *more);
    if (!more) return kw_fail(err, KW_ENOMEM, "out of memory");
    all->p = more;
    struct kw_profile *added = &more[all->n++];
    *added = *p;
    *p = (struct kw_profile){ 0 };
    for (size_t i = 0; i < all->n; i++)
        if (kw_profile_combines(&all->p[i], added->gpu, added->model, added->precision, kw_profile_parallel(added)))
            all->p[i].set_aside = kw_profiles_other_grades(all, &all->p[i]);
    return KW_OK;
}

const struct kw_profile *kw_profiles_find(const struct kw_profiles *all, const char *gpu, const char *model,
                                          const char *precision, uint32_t tp)
{
    return kw_profiles_find_group(all, gpu, model, precision, (struct kw_parallel){ .tp = tp });
}

const struct kw_profile *kw_profiles_find_group(const struct kw_profiles *all, const char *gpu, const char *model,
                                                const char *precision, struct kw_parallel par)
{
    const struct kw_profile *best = NULL;
    for (size_t i = 0; i < all->n; i++) {
        const struct kw_profile *p = &all->p[i];
        if (kw_profile_combines(p, gpu, model, precision, par) && (!best || p->steps.grade <= best->steps.grade))
            best = p;
    }
    return best;
}
