/* sim/plan/migration.h - traffic moved from one deployment to another share by share: what each step costs and reaches on either
 * side, and what going back to the old side is like. */
#ifndef KW_SIM_PLAN_MIGRATION_H
#define KW_SIM_PLAN_MIGRATION_H
#include "sim/plan/sweep/sweep.h"

#define KW_MIGRATION_STEPS 16

struct kw_migration_ask {
    const char *from, *to;            /* names of deployments, borrowed; NULL: a plan says */
    double share[KW_MIGRATION_STEPS]; /* [n] of the requests, on the new side; ascending */
    uint32_t n;                       /* 0: no migration is asked for */
    kw_ns failure;                    /* how long the new side fails, or how long one looks after going back */
};
/* 5, 25, 50 and 100 %; an hour. */
void kw_migration_ask_default(struct kw_migration_ask *a);

enum { KW_MIGRATION_OLD, KW_MIGRATION_NEW, KW_MIGRATION_SIDES };

struct kw_migration_side {
    kw_nusd cost; /* a month, what stands idle for a small share included */
    bool served;  /* requests come to it; else the rest is NAN */
    double ttft_p95, ttft_p99, cold, error;
    bool met; /* its own requests meet the objectives but for the budget, those of all classes */
    char miss[96];
};

/* The new side fails, or is left, when the traffic is busiest: from that moment on everything goes to the old side, which has the
 * replicas that its share gave it. */
struct kw_migration_back {
    uint64_t arrived;   /* in that time, on both sides */
    uint64_t failed;    /* of these */
    uint64_t cut;       /* came before and were under way on the new side: lost */
    double error;       /* (failed + cut) / (arrived + cut) */
    double ttft_p95;    /* of those that arrived in that time, s */
    double first_token; /* of the first of them that is answered, s after the failure; NAN: none is */
    double starts;      /* more replicas started on the old side than without */
    double cost;        /* more on the old side, USD, once */
};

struct kw_migration_step {
    double share;
    kw_nusd cost; /* a month, both sides */
    bool met;     /* both together meet the objectives */
    char miss[96];
    struct kw_migration_side side[KW_MIGRATION_SIDES];
    struct kw_migration_back back;
};

struct kw_migration {
    char name[KW_MIGRATION_SIDES][160];  /* kw_candidate_label */
    char binds[KW_MIGRATION_SIDES][400]; /* what leaving the side does not end */
    bool single;                         /* a plan recommends several deployments: this is to the cheapest single one */
    kw_ns failure, failure_at;           /* how long, and when in the trace's window */
    struct kw_migration_step step[KW_MIGRATION_STEPS];
    uint32_t n;
};

/* Two deployments, old and new at these places, with so much of the traffic on the new one. */
void kw_migration_split(struct kw_routing *r, const uint8_t at[KW_MIGRATION_SIDES], double share);
/* Where the most requests arrive within so long a time: when that begins. O(requests). */
kw_ns kw_migration_busiest(const struct kw_trace *t, kw_ns length);
/* From points, evaluated, of candidates[n] that kw_migration_split made; replays each once more with the new side failing. */
enum kw_status kw_migration_run(struct kw_migration *m, const struct kw_migration_ask *ask,
                                const struct kw_candidate *candidates, const struct kw_point *points,
                                const uint8_t at[KW_MIGRATION_SIDES], const struct kw_study *study,
                                const struct kw_sweep_options *run, struct kw_error *err);

#endif
