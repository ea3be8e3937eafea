#include "platforms/facts/sale.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "sim/core/date.h"

const char *const kw_sale_status_name[] = { "active", "preview", "legacy", "deprecated", NULL };

static int days(int64_t n)
{
    return n < 0 || n > INT_MAX ? -1 : (int)n;
}

void kw_sale_judge(struct kw_sale *s, const char *today)
{
    int64_t seen = kw_date_age_days(s->seen, today), over = kw_date_age_days(s->ends, today),
            begun = kw_date_age_days(s->available_from, today);
    s->not_yet = begun != INT64_MIN && begun < 0;
    s->ended = over != INT64_MIN && over >= 0;
    s->soon = over != INT64_MIN && !s->ended && over >= -KW_SALE_SOON_DAYS;
    s->seen_days = seen == INT64_MIN ? -1 : days(seen < 0 ? 0 : seen);
    s->ends_days = over == INT64_MIN ? -1 : days(-over);
    s->unseen = !s->vouched && (seen == INT64_MIN || seen > KW_SALE_UNSEEN_DAYS);
}

/* " (who says so)": without the id that leads it, cut where it is long. */
static const char *who(const struct kw_provenance *v, char buf[96])
{
    const char *colon = strstr(v->source, ": "), *at = colon ? colon + 2 : v->source;
    snprintf(buf, 96, "%s%.80s%s%s", *at ? " (" : "", at, strlen(at) > 80 ? "..." : "", *at ? ")" : "");
    return buf;
}

char *kw_sale_text(const struct kw_sale *s, char *buf, size_t size)
{
    char by[96], ends[32] = "";
    if (s->ended) {
        snprintf(buf, size, "ended %s%s", s->ends, who(&s->ends_at, by));
        return buf;
    }
    if (s->not_yet) {
        snprintf(buf, size, "sold from %s on", s->available_from);
        return buf;
    }
    if (s->ends[0]) snprintf(ends, sizeof ends, "; ends %s", s->ends);
    if (s->vouched)
        snprintf(buf, size, "your own%s", ends);
    else if (s->seen_days < 0)
        snprintf(buf, size, "nobody says when it was last seen%s", ends);
    else
        snprintf(buf, size, "last seen %s%s, %d day%s ago%s", s->seen, who(&s->seen_at, by), s->seen_days,
                 s->seen_days == 1 ? "" : "s", ends);
    return buf;
}

enum kw_grade kw_sale_grade(const struct kw_sale *s, enum kw_grade g)
{
    static const enum kw_grade lower[] = { [KW_GRADE_MEASURED] = KW_GRADE_PUBLISHED,
                                           [KW_GRADE_PUBLISHED] = KW_GRADE_ESTIMATED,
                                           [KW_GRADE_ESTIMATED] = KW_GRADE_UNKNOWN,
                                           [KW_GRADE_USER] = KW_GRADE_ESTIMATED,
                                           [KW_GRADE_UNKNOWN] = KW_GRADE_UNKNOWN };
    return s->unseen ? lower[g] : g;
}
