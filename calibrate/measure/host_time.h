/* calibrate/measure/host_time.h - what a step costs beside its kernels: the host's work that the device waits for. One
 * law for our own engine (from measured gaps between steps) and for servers whose figures others published.
 *
 *   host(step) = fixed + sequence * (n_decode + n_chunks) + chunk * n_chunks
 *
 * fixed: the loop itself (scheduler, launch, the copy of the sampled tokens back); sequence: sampling parameters,
 * detokenisation and the answer's stream, once for each sequence that gets a token; chunk: a prompt's part is admitted,
 * its blocks are allotted and its inputs are laid out. Only what is not hidden behind the device counts: an engine that
 * schedules while the device computes has less of it. None is negative. Source of the parts: vLLM's own account of
 * them, "vLLM v0.6.0: 2.7x throughput" (blog.vllm.ai, 2024-09-05: API server 33 %, scheduling 29 % and device 38 % of a
 * step of Llama 8B on an H100 before that version).
 *
 * A server of another version also has other kernels, and another all-reduce between its GPUs. That is no host time:
 * each is a factor of its own name, fitted beside the law only when asked for. They tell apart where kernels differ in
 * length, and tp in size, from point to point. */
#ifndef KW_CALIBRATE_MEASURE_HOST_TIME_H
#define KW_CALIBRATE_MEASURE_HOST_TIME_H
#include <stddef.h>
#include "calibrate/profile/steptime.h"

struct kw_host_time {
    double fixed_s, sequence_s, chunk_s; /* >= 0: a step, a sequence of a step, a chunk of a step */
};

/* Puts the law into the tables, on top of the host time that they hold already. */
void kw_host_time_add(struct kw_step_tables *t, const struct kw_host_time *h);

/* ---- fit ---- */

struct kw_host_point { /* an observation over one step or many: their sums */
    double steps, sequences, chunks;
    double kernel_s;   /* the kernels of those steps, less: */
    double links_s;    /* all-reduce between GPUs */
    double measured_s; /* what they took, > 0; for a gap between two steps that was itself measured, kernel_s is 0 */
};

enum kw_host_term {
    KW_HOST_FIXED = 1,
    KW_HOST_SEQUENCE = 2,
    KW_HOST_CHUNK = 4,
    KW_HOST_KERNELS = 8,
    KW_HOST_LINKS = 16
};
enum { KW_HOST_TERMS = 5 };

struct kw_host_fit {
    struct kw_host_time host;
    double kernels, links;       /* factors on kernel_s and links_s; 1 where not asked for */
    double error[KW_HOST_TERMS]; /* standard errors of fixed_s, sequence_s, chunk_s, kernels, links; NAN: not asked for,
                                    or left at 0 */
    double residual;             /* root mean square of fitted / measured - 1 */
};

/* measured_s = kernels kernel_s + links links_s + fixed_s steps + sequence_s sequences + chunk_s chunks by least
 * squares in the relative error with no coefficient below 0 (kw_regress). terms: a sum of kw_host_term. Standard errors
 * are the usual ones of the terms that stayed, from the residual's own variance. KW_ERANGE: fewer points than terms, or
 * points that cannot tell the terms apart; KW_ENOMEM. *f is unchanged on failure. */
enum kw_status kw_host_time_fit(struct kw_host_fit *f, const struct kw_host_point *p, size_t n, unsigned terms,
                                struct kw_error *err);

#endif
