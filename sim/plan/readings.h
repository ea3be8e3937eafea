/* sim/plan/readings.h - where a platform's documentation allows two readings, the other one is simulated too. PACKING:
 * which replica gets the next request, so whether surplus falls idle (pack) or is kept alive by a request now and then
 * (spread). RELEASE: whether a surplus replica that is idle waits out its timeout, or stops at once; then packed too where
 * packing is open. DELAY: whether a queue that waits too long adds one replica a delay, or one for each request that
 * waits. BATCH: whether a batch takes the whole window that is promised, or as long as others saw; it costs the same. WINDOW:
 * whether units bought ahead are counted over the shortest or the longest time that is stated. */
#ifndef KW_SIM_PLAN_READINGS_H
#define KW_SIM_PLAN_READINGS_H
#include "sim/plan/sweep/sweep.h"

enum kw_reading_of {
    KW_READING_PACKING,
    KW_READING_RELEASE,
    KW_READING_DELAY,
    KW_READING_BATCH,
    KW_READING_WINDOW,
    KW_READINGS
};
/* The two readings of each in the words of JSON: "spread", "pack"; "timeout", "early"; "last_start", "arrival";
 * "promised", "observed"; "shortest", "longest". */
extern const char *const kw_reading_name[KW_READINGS][2];

/* What each is about, with the key that settles it: "which replica takes the next request (packing)"; and the fact of a platform
 * file that it is of. */
extern const char *const kw_reading_about[KW_READINGS], *const kw_reading_fact[KW_READINGS];

struct kw_reading {
    bool
        shown; /* it was simulated and the cost differs by more than asked, or the other one misses what this one meets;
                  BATCH: it was simulated */
    enum kw_reading_of of;
    double cost[2]; /* USD a month under each, in the order of the names */
    double e2e[2];  /* BATCH: s, the p95 of what goes by the batch under each */
    bool feasible;  /* under the other reading than the point's */
    char miss[96];
    enum kw_grade grade; /* of what says which one holds */
};

/* *other: c under the other reading, *mine: which of the two c is under; mine -1, and other not made, where the user or
 * the documentation said which one holds or nothing there can differ. */
enum kw_status kw_reading_other(struct kw_candidate *other, int *mine, const struct kw_candidate *c,
                                enum kw_reading_of of, struct kw_error *err);
/* The platform that c would be read otherwise of; NULL: none, or several, which are no one fact. */
const struct kw_platform *kw_reading_whose(const struct kw_candidate *c, enum kw_reading_of of);
/* Whether readings of point p can differ: it is not overloaded and, of replicas, some deployment had two. */
bool kw_reading_matters(const struct kw_point *p, enum kw_reading_of of);
/* p of candidate c, read as `mine`, beside q, the point of the other reading. */
struct kw_reading kw_reading_compare(enum kw_reading_of of, int mine, const struct kw_candidate *c,
                                     const struct kw_point *p, const struct kw_point *q, double margin);

/* The other readings of candidate c, whose point is p, each by itself. Nothing to show (KW_OK) where the user or the
 * documentation said which one holds, no serverless deployment ever had two replicas, the point is overloaded, or the
 * month's cost differs by no more than `margin` USD and the objectives are met or missed alike. */
enum kw_status kw_readings_run(struct kw_reading r[KW_READINGS], const struct kw_candidate *c, const struct kw_point *p,
                               double margin, const struct kw_study *study, const struct kw_sweep_options *run,
                               struct kw_error *err);

/* "$559 to $5,266 a month: ...", "by the batch 95 % within 24 h ..." in words. Returns buf. */
char *kw_reading_text(const struct kw_reading *r, char *buf, size_t size);

#endif
