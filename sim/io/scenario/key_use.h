/* sim/io/scenario/key_use.h - where each key of a scenario does something. One table of all keys: the reader takes the
 * names it knows from here, and a key that the user set where nothing reads it is refused with its path, its value and
 * who would use it. What decides is the kind of platform, the term, the autoscaler, the routing, what the trace holds and
 * what the platform file leaves unset; never a number of the user's that happens to leave a rule nothing to do (one
 * replica has nobody to balance with). */
#ifndef KW_SIM_IO_SCENARIO_KEY_USE_H
#define KW_SIM_IO_SCENARIO_KEY_USE_H
#include "sim/core/files/json.h"
#include "sim/core/text.h"
#include "sim/plan/plan.h"
#include "sim/plan/sweep/candidate.h"
#include "workloads/trace.h"

#define KW_KEYS_MAX 96

/* The keys of an object of the scenario, NULL-terminated, for kw_json_keys. object: "" the document, "trace",
 * "deployments[]", "deployments[].retry", "routing", "candidates", ... */
void kw_key_names(const char *object, const char *names[KW_KEYS_MAX]);

/* Set keys that nothing read: of one configuration an error, of one among many perhaps a note. */
struct kw_unused_keys {
    struct kw_unused_key {
        char path[160];
        struct kw_error message; /* with file, line and path */
        char first[320];         /* label of the first configuration in which it did nothing */
        uint32_t n;              /* of the configurations */
    } * v;                       /* [n], owned */
    size_t n;
    uint32_t configurations; /* looked at */
};
void kw_unused_keys_free(struct kw_unused_keys *u); /* safe to call again */

/* Looks at all that a finished candidate was read from: its deployments, routing and the model above them. unused NULL:
 * KW_ERANGE for the first key that does nothing; else it is counted there. trace NULL: it may hold anything. */
enum kw_status kw_key_use_candidate(struct kw_jnode root, const struct kw_candidate *c, const struct kw_trace *trace,
                                    struct kw_unused_keys *unused, struct kw_error *err);
/* What a plan chooses from, and for which objectives. kinds: bits of enum kw_kind that are considered. KW_ERANGE as above. */
enum kw_status kw_key_use_plan(struct kw_jnode root, const struct kw_plan_options *o, const struct kw_slo *slo,
                               unsigned kinds, struct kw_error *err);
/* KW_ERANGE with a key that did nothing in any configuration; else a line for each that did nothing in some. */
enum kw_status kw_unused_keys_settle(const struct kw_unused_keys *u, struct kw_text *notes, struct kw_error *err);
/* Lines that name the keys of "candidates" that are of some kinds alone, and the platforms of the plan's candidates
 * that they say nothing of. */
void kw_key_use_notes(struct kw_jnode root, const struct kw_plan *p, struct kw_text *notes);

#endif
