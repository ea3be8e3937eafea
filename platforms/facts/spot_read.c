#include "platforms/facts/spot_read.h"
#include <math.h>
#include <stdio.h>

/* The share of machines taken within a month: [least, most], or [least] where no most is published. */
static enum kw_status read_share(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                                 const char *path, struct kw_spot *s)
{
    struct kw_fact_found f;
    KW_TRY(kw_fact_open(r, n, src, &f));
    if (!f.present) return KW_OK;
    int len = kw_json_is_array(f.value) ? kw_json_len(f.value) : 0;
    if (len != 1 && len != 2)
        return kw_json_fail(f.value, KW_EPARSE, r->err, "want [least, most], or [least] where no most is published");
    KW_TRY(kw_json_f64(kw_json_at(f.value, 0), 0, 0.99, &s->share_lo, r->err));
    s->share_hi = 1;
    if (len == 2) KW_TRY(kw_json_f64(kw_json_at(f.value, 1), s->share_lo, 0.99, &s->share_hi, r->err));
    s->known = len == 2;
    if (s->known) s->per_hour = -log1p(-s->share_hi) / KW_HOURS_PER_MONTH;
    return len == 2 ? kw_fact_keep(r, &f, path, "%g to %g %%", s->share_lo * 100, s->share_hi * 100)
                    : kw_fact_keep(r, &f, path, "more than %g %%", s->share_lo * 100);
}

enum kw_status kw_fact_spot(struct kw_fact_reader *r, struct kw_jnode n, const char *prefix, struct kw_spot *s)
{
    static const char *const keys[] = { "src", "interruptions_per_hour", "interrupted_month", "notice_s", NULL };
    struct kw_fact_source src;
    struct kw_fact_found f;
    char path[88];
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    KW_TRY(kw_fact_open(r, kw_json_get(n, "interruptions_per_hour"), &src, &f));
    if (f.present) {
        KW_TRY(kw_json_f64(f.value, 0, 3600, &s->per_hour, r->err));
        s->known = true;
        snprintf(path, sizeof path, "%sspot.interruptions_per_hour", prefix);
        KW_TRY(kw_fact_keep(r, &f, path, "%g", s->per_hour));
        if (kw_json_present(kw_json_get(n, "interrupted_month")))
            return kw_json_fail(kw_json_get(n, "interrupted_month"), KW_EPARSE, r->err,
                                "says beside interruptions_per_hour how often: want one of the two");
    }
    snprintf(path, sizeof path, "%sspot.interrupted_month", prefix);
    KW_TRY(read_share(r, kw_json_get(n, "interrupted_month"), &src, path, s));
    KW_TRY(kw_fact_open(r, kw_json_get(n, "notice_s"), &src, &f));
    if (!f.present) return KW_OK;
    int64_t notice;
    char text[32];
    KW_TRY(kw_json_nano(f.value, 0, 86400 * KW_NANO, &notice, r->err));
    s->notice = notice;
    snprintf(path, sizeof path, "%sspot.notice_s", prefix);
    return kw_fact_keep(r, &f, path, "%s s", kw_nano_format(text, sizeof text, notice));
}
