/* platforms/facts/sale.h - when an offer can be bought: since when, until when and when it was last seen on sale, as its
 * file says; and what that makes of it on a given day. */
#ifndef KW_PLATFORMS_FACTS_SALE_H
#define KW_PLATFORMS_FACTS_SALE_H
#include <stdbool.h>
#include <stddef.h>
#include "sim/core/provenance.h"

#define KW_SALE_UNSEEN_DAYS 90 /* not seen for longer: it may be gone, and several prices doubled or halved in a year */
#define KW_SALE_SOON_DAYS 31   /* ends within the month that a plan is for */

enum kw_sale_status { KW_SALE_ACTIVE, KW_SALE_PREVIEW, KW_SALE_LEGACY, KW_SALE_DEPRECATED };
extern const char *const kw_sale_status_name[]; /* "active", "preview", "legacy", "deprecated", NULL */

struct kw_sale {
    char available_from[11], ends[11], seen[11]; /* dates, "" where not stated; from `ends` on it is not sold */
    enum kw_sale_status status;                  /* as the vendor calls it */
    struct kw_provenance ends_at, seen_at;       /* who says so */
    bool vouched;                                /* its price is the user's own: nobody else has to have seen it */
    /* Of the day it was judged by; all false before. */
    bool not_yet, ended;
    bool soon;                /* ends within KW_SALE_SOON_DAYS */
    bool unseen;              /* last seen more than KW_SALE_UNSEEN_DAYS ago, or nobody says when */
    int seen_days, ends_days; /* since it was seen, until it ends; -1 not known */
};

/* today: YYYY-MM-DD. Cannot fail: what is no date is not known. */
void kw_sale_judge(struct kw_sale *s, const char *today);
/* Whether a plan may recommend it. */
static inline bool kw_sale_open(const struct kw_sale *s)
{
    return !s->ended && !s->not_yet;
}
/* "ended 2026-08-16 (console.groq.com/docs/deprecations)", "sold from 2027-01-01 on", "seen on sale 2026-09-25 (...), 65
 * days ago", "..., ends 2026-12-11". Returns buf. */
char *kw_sale_text(const struct kw_sale *s, char *buf, size_t size);
/* A grade lowered by one step where the offer was not seen for long, else as it is. */
enum kw_grade kw_sale_grade(const struct kw_sale *s, enum kw_grade g);

#endif
