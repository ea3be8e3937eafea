#include "sim/io/scenario/migration.h"
#include <string.h>
#include "sim/io/scenario/key_use.h"

#define READ(call)                                                                                                     \
    if (st == KW_OK) st = (call)

/* In billionths: the least that a decimal tells. */
static enum kw_status read_share(struct kw_jnode n, int64_t *share, struct kw_error *err)
{
    double v = 0;
    if (kw_json_is_string(n)) return kw_json_nano(n, 1, KW_NANO, share, err);
    enum kw_status st = kw_json_f64(n, 1e-9, 1, &v, err);
    *share = (int64_t)(v * (double)KW_NANO + 0.5);
    return st;
}

static enum kw_status read_steps(struct kw_jnode list, struct kw_migration_ask *a, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    int64_t before = 0, share;
    if (!kw_json_present(list)) return KW_OK;
    if (!kw_json_is_array(list) || kw_json_len(list) == 0)
        return kw_json_fail(list, KW_EPARSE, err, "want a list of shares such as [\"0.05\", \"0.25\", \"0.5\", \"1\"]");
    if (kw_json_len(list) > KW_MIGRATION_STEPS)
        return kw_json_fail(list, KW_ERANGE, err, "at most %d steps; there are %d", KW_MIGRATION_STEPS,
                            kw_json_len(list));
    a->n = 0;
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        st = read_share(kw_json_at(list, i), &share, err);
        if (st == KW_OK && share <= before)
            st = kw_json_fail(kw_json_at(list, i), KW_ERANGE, err, "want more than the step before it");
        a->share[a->n++] = kw_nano_to_double(before = share);
    }
    return st;
}

enum kw_status kw_migration_read(struct kw_jnode n, struct kw_migration_ask *a, struct kw_error *err)
{
    const char *names[KW_KEYS_MAX];
    *a = (struct kw_migration_ask){ .n = 0 };
    if (!kw_json_present(n)) return KW_OK;
    kw_migration_ask_default(a);
    kw_key_names("migration", names);
    enum kw_status st = kw_json_keys(n, names, err);
    READ(kw_json_str_or(kw_json_get(n, "from"), NULL, &a->from, err));
    READ(kw_json_str_or(kw_json_get(n, "to"), NULL, &a->to, err));
    READ(read_steps(kw_json_get(n, "steps"), a, err));
    READ(kw_json_nano_or(kw_json_get(n, "failure_s"), a->failure, KW_NS_PER_S, 31 * 24 * KW_NS_PER_HOUR, &a->failure,
                         err));
    return st;
}

static enum kw_status place_of(struct kw_jnode n, const char *key, const char *name, const struct kw_candidate *c,
                               uint8_t *at, struct kw_error *err)
{
    if (!name) return kw_json_fail(n, KW_EPARSE, err, "say \"%s\": the name of a deployment", key);
    for (uint32_t d = 0; d < c->n; d++)
        if (!strcmp(c->choice[d].name, name)) {
            *at = (uint8_t)d;
            return KW_OK;
        }
    return kw_json_fail(kw_json_get(n, key), KW_ERANGE, err, "there is no deployment named '%.40s'", name);
}

enum kw_status kw_migration_sides(struct kw_jnode n, const struct kw_migration_ask *a, const struct kw_candidate *c,
                                  uint8_t at[KW_MIGRATION_SIDES], struct kw_error *err)
{
    if (c->n != KW_MIGRATION_SIDES)
        return kw_json_fail(n, KW_ERANGE, err, "goes from one deployment to another; there are %u", c->n);
    enum kw_status st = place_of(n, "from", a->from, c, &at[KW_MIGRATION_OLD], err);
    READ(place_of(n, "to", a->to, c, &at[KW_MIGRATION_NEW], err));
    if (st == KW_OK && at[KW_MIGRATION_OLD] == at[KW_MIGRATION_NEW])
        st = kw_json_fail(kw_json_get(n, "to"), KW_ERANGE, err, "is what it comes from");
    return st;
}
