#include "sim/io/scenario/user_law.h"
#include "sim/core/units.h"

enum kw_status kw_user_law(struct kw_jnode n, struct kw_law *law, struct kw_error *err)
{
    static const char *const known[] = { "constant", "lognormal", "quantiles", NULL };
    if (!kw_json_present(n)) return KW_OK;
    if (kw_json_present(kw_json_get(n, "source"))) return kw_law_read(n, law, err);
    enum kw_status st = kw_json_keys(n, known, err);
    if (st == KW_OK) st = kw_law_read_form(n, law, err);
    if (st == KW_OK)
        law->provenance = (struct kw_provenance){ .grade = KW_GRADE_USER, .source = "scenario", .date = "undated" };
    return st;
}

enum kw_status kw_user_time(struct kw_jnode n, struct kw_law *law, struct kw_error *err)
{
    kw_ns t = 0;
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = kw_json_nano(n, 0, 87600 * KW_NS_PER_HOUR, &t, err);
    if (st != KW_OK) return st;
    *law = (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { kw_nano_to_double(t) } };
    law->provenance = (struct kw_provenance){ .grade = KW_GRADE_USER, .source = "scenario", .date = "undated" };
    return KW_OK;
}

enum kw_status kw_user_time_or_law(struct kw_jnode n, struct kw_law *law, struct kw_error *err)
{
    return kw_json_is_object(n) ? kw_user_law(n, law, err) : kw_user_time(n, law, err);
}
