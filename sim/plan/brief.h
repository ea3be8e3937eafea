/* sim/plan/brief.h - the numbers of the text this project began with (its "brief": a guide to managed, serverless and dedicated
 * inference of early 2026), and the same by its own assumptions, exactly. What a simulation says beside them is the
 * command's part (sim/cli/commands/brief.c). */
#ifndef KW_SIM_PLAN_BRIEF_H
#define KW_SIM_PLAN_BRIEF_H
#include "sim/cost/bill.h"

/* Its monthly costs by volume. GPT-4o at $2.50 and $10 a million, a third of the tokens in; a 70B by the token at $0.54; an
 * A100 at $1.29 an hour for 720 hours. */
struct kw_brief_volume {
    int64_t tokens;                     /* a month, prompt and output */
    kw_nusd api, serverless, dedicated; /* as printed, whole dollars */
    uint32_t gpus;                      /* A100s it takes for them */
};
#define KW_BRIEF_VOLUMES 4
extern const struct kw_brief_volume kw_brief_volume[KW_BRIEF_VOLUMES];

/* A row by the brief's own assumptions, in nano-dollars. */
struct kw_brief_own {
    kw_nusd api;
    kw_nusd serverless;     /* at the price it states, $0.54 a million */
    kw_nusd serverless_was; /* at $1.08, which is what its column was made with */
    kw_nusd dedicated;
};
struct kw_brief_own kw_brief_own(const struct kw_brief_volume *v);

/* A price it prints, and where ours stands. */
struct kw_brief_price {
    const char *platform, *offer; /* of a platform file: model or GPU; offer NULL: withdrawn, no file has it */
    const char *name;             /* as it calls it */
    kw_nusd in, out;              /* per million tokens; or out 0 and in per second of a GPU */
};
extern const struct kw_brief_price kw_brief_price[]; /* ended by name NULL */

/* Its cold starts by size, s. */
struct kw_brief_start {
    const char *size, *model; /* model: one of that size with a profile; NULL: there is none */
    double billions;          /* of parameters, the largest of the row */
    int lo, hi, replicate, modal;
};
extern const struct kw_brief_start kw_brief_start[]; /* ended by size NULL */
/* The sum of its own phases, s: 2 to 10 for a machine, two bytes a parameter at 10 GB/s, 2 to 5 for the engine. */
void kw_brief_phases(const struct kw_brief_start *s, double *lo, double *hi);

/* 100 cold starts a day of 60 s at $0.0014 a second, for a month of 30 days. */
kw_nusd kw_brief_cold_month(void);
/* Of a month of 720 hours of an A100 at $1.29, beside 3.2 billion tokens at $0.54: what moving there saves, a share. */
double kw_brief_saving(kw_nusd *by_token, kw_nusd *rented);

#endif
