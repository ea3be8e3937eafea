/* platforms/facts/self_managed.h - autoscalers that users run themselves, on machines they rent: each a file
 * platforms/autoscalers/NAME.json with the parameters by their own names, default, range, source, date and grade, with the
 * names that stand elsewhere in a scenario and those that are not modelled. What each parameter sets is code; what it is
 * unless told otherwise is data. */
#ifndef KW_PLATFORMS_FACTS_SELF_MANAGED_H
#define KW_PLATFORMS_FACTS_SELF_MANAGED_H
#include <stdbool.h>
#include <stddef.h>
#include "platforms/facts/autoscaling.h"
#include "platforms/facts/platform.h"
#include "sim/core/files/json.h"

struct kw_self_managed {
    char name[24], title[80], url[140], notes[240];
    struct kw_autoscaling scaling; /* scaler, what a request meets at zero, and all defaults */
    uint32_t least_warm;           /* the lowest keep_warm it knows */
    kw_ns node_idle;               /* how long a node without a replica stays rented */
    bool packs;                    /* replicas share nodes where they fit; else each has one of its own */
    bool own_concurrency;          /* it has a name of its own for hard_concurrency */
    struct kw_fact *facts;         /* [n_facts], owned; for people to check */
    size_t n_facts;
    enum kw_grade weakest;
    struct kw_json doc; /* the file, for ranges and reasons; nodes point to it, so the struct stays where it is */
};

struct kw_self_managed_all { /* in name order */
    struct kw_self_managed *p;
    size_t n;
};
enum kw_status kw_self_managed_embedded(struct kw_self_managed_all *all, struct kw_error *err);
void kw_self_managed_free(struct kw_self_managed_all *all); /* safe to call again */
/* KW_ERANGE names the nearest known one. */
enum kw_status kw_self_managed_find(const struct kw_self_managed_all *all, const char *name,
                                    const struct kw_self_managed **out, struct kw_error *err);
/* One file's text, into a zeroed struct that does not move any more. Messages name file, line and path. */
enum kw_status kw_self_managed_parse(struct kw_self_managed *f, const char *file, const char *text, size_t len,
                                     struct kw_error *err);
void kw_self_managed_free_one(struct kw_self_managed *f);

/* *a: the defaults, and over them the user's object own (absent: none). Replica counts, timeouts of requests and what else
 * stands beside it in a scenario are the caller's. KW_EPARSE or KW_ERANGE, naming line and path: a parameter it does not
 * have (with the nearest), one that stands elsewhere or is not modelled (with the reason), one out of range, one that has no
 * default and is not given. */
enum kw_status kw_self_managed_read(const struct kw_self_managed *f, struct kw_jnode own, struct kw_autoscaling *a,
                                    struct kw_error *err);

/* Its own name of a key that stands beside it in a scenario, keep_warm or max_replicas; the key where it has none. */
const char *kw_self_managed_word(const struct kw_self_managed *f, const char *key);

/* What of a differs from the defaults, by its own names: "target_ongoing_requests=8 upscale_delay_s=10"; "" for nothing.
 * Returns buf. */
char *kw_self_managed_settings(const struct kw_self_managed *f, const struct kw_autoscaling *a, char *buf, size_t size);

#endif
