/* tests/fidelity/server_accuracy.h - published points of servers (servers.h) beside what we say of them, in three ways:
 *
 *   plain   operator tables of that engine where they are published, else vLLM's; nothing is fitted to the source
 *   host    and the host's time of a step and a sequence (host_time.h)
 *   whole   and a factor on the kernels, and on all-reduce where several GPUs share a model: that version's, by name
 *
 * The law of a source is one for all its points of one engine version on one GPU type, whatever the model, tp and
 * lengths. It is fitted on every second of them in the order of the file, beginning with the first, and judged on the
 * others, which the fit never sees. The rule was set before any fit was looked at.
 *
 * Where requests follow each other (closed loops, batches, all at once) the order of steps does not hang on how long
 * they take, so a figure is linear in the law and one replay serves all three ways. An open loop is replayed with each
 * law, and fitted by Gauss and Newton: steps from a replay with the last law, the law from those steps, four times. A
 * fit that wants more than 5 ms a step of the host is refused, and the way stays plain: that is no host's work. Where
 * the points do not tell the factor on kernels from host time (standard error above 0.25), whole is the factors alone.
 * Fitted to TPOT where the source has it as a mean, else to the output rate. */
#ifndef KW_TESTS_FIDELITY_SERVER_ACCURACY_H
#define KW_TESTS_FIDELITY_SERVER_ACCURACY_H
#include "calibrate/measure/host_time.h"
#include "tests/fidelity/servers.h"
#include "sim/core/provenance.h"

enum kw_server_accuracy_way {
    KW_SERVER_ACCURACY_PLAIN,
    KW_SERVER_ACCURACY_HOST,
    KW_SERVER_ACCURACY_WHOLE,
    KW_SERVER_ACCURACY_WAYS
};
extern const char *const kw_server_accuracy_way_name[];

struct kw_server_accuracy_point {
    const struct kw_server_point *p; /* borrowed */
    size_t law;                      /* index; no law of a group of fewer than 8 points: its ways are all plain */
    bool held_out;                   /* in the half that no law was fitted on */
    bool fits;                       /* all that is in flight has a seat and KV cache at once */
    double ttft_s, tpot_s[KW_SERVER_ACCURACY_WAYS],
        output_rate[KW_SERVER_ACCURACY_WAYS]; /* ours; NAN where the source has none */
};

struct kw_server_accuracy_law {
    char source[20], engine[24], gpu[16];
    bool own_kernels;                                /* tables of that engine; false: vLLM's stand in */
    enum kw_grade grade;                             /* the weakest of the step tables used */
    size_t n, n_fitted;                              /* points; n_fitted 0: too few to split */
    struct kw_host_fit fit[KW_SERVER_ACCURACY_WAYS]; /* [plain]: zeros and ones */
};

struct kw_server_accuracy { /* owns both */
    struct kw_server_accuracy_point *point;
    size_t n;
    struct kw_server_accuracy_law *law;
    size_t n_laws;
};

/* Points for which no profile can be made (a GPU without tables, a model that does not fit) are left out; *left_out
 * counts them. Same result for any number of threads. KW_EINPUT and KW_EPARSE from the tables, KW_ENOMEM. */
enum kw_status kw_server_accuracy_judge(struct kw_server_accuracy *j, size_t *left_out, const struct kw_servers *s,
                                        const char *dir, struct kw_error *err);
void kw_server_accuracy_free(struct kw_server_accuracy *j);

/* |ours / theirs - 1| over points of `law` (held_out_only: of its held-out half): median of absolute values, and
 * signed. tpot: TPOT, else output rate. Returns how many; NAN for none. */
size_t kw_server_accuracy_error(double *absolute, double *median, const struct kw_server_accuracy *j, size_t law,
                                bool tpot, enum kw_server_accuracy_way way, bool held_out_only);

#endif
