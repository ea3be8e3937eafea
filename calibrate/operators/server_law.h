/* calibrate/operators/server_law.h - what a server takes beside the kernels that operator tables time
 * (calibrate/data/host.json, embedded, each with source, date and grade; fitted to one half of published servers and judged
 * on the other, tests/fidelity/silicon.h):
 *
 *   host(step)   = fixed + doubling log2(tp) + sequence n       scheduler, launches, sampling and ranks that wait for each
 *                  other, as far as the device waits for them; n sequences of the step
 *   front(p)     = front + front_token p                        HTTP, tokens of a prompt of p tokens, the first answer's way
 *                  back: part of TTFT, outside the engine
 *   sustained    what is bound by operations takes `slower` times what a table of single kernels says: under load a GPU
 *                  runs at its power limit, a few milliseconds of one kernel do not
 *
 * One law an engine, whatever the model, GPU and lengths: a step's terms by least mean relative error, each run's cut at 30 % so
 * that a server which is something else altogether does not draw them; front end and `slower` by trying. */
#ifndef KW_CALIBRATE_OPERATORS_SERVER_LAW_H
#define KW_CALIBRATE_OPERATORS_SERVER_LAW_H
#include <stdbool.h>
#include "calibrate/operators/gemm_table.h"
#include "calibrate/profile/profile.h"
#include "sim/core/provenance.h"

struct kw_server_law {
    char engine[16];                        /* "vllm", "trtllm", "sglang" */
    double fixed_s, sequence_s, doubling_s; /* a step, a sequence of it, each doubling of tp */
    double front_s, front_token_s;          /* a request, a token of its prompt */
    struct kw_provenance provenance;
};

/* Reads all of it, so that none of the functions below lacks memory after it. KW_ENOMEM. */
enum kw_status kw_server_law_load(struct kw_error *err);
/* The law of an engine; NULL: nobody has fitted one, or no memory. */
const struct kw_server_law *kw_server_law_of(const char *engine);
/* Puts its host time into the tables of tp GPUs that hold none yet. */
void kw_server_law_add(struct kw_step_tables *t, const struct kw_server_law *l, unsigned tp);

/* Puts them, the front end and how far servers were from such predictions into a profile of so many GPUs; host time and front end
 * stay as they are where nobody fitted the engine's. covered: as of kw_server_error_of. KW_ENOMEM. */
enum kw_status kw_server_law_put(struct kw_profile *p, const char *engine, uint32_t gpus, bool experts, bool covered,
                                 struct kw_error *err);

/* How far predictions were from published servers, |log(ours / theirs)| turned into a relative error: the median, and what
 * nine of ten are within: the 90 % interval of a prediction is from 1 / (1 + within) to 1 + within of it. By kind of model; of a GPU
 * without operator tables both grow by that of predicting one GPU's kernels from the others', squares added. */
struct kw_server_error {
    char kind[16]; /* "dense", "experts", "other GPU" */
    double tpot_median, tpot_within, ttft_median, ttft_within;
};
/* covered: the GPU has tables of its own. False without memory. */
bool kw_server_error_of(struct kw_server_error *out, bool experts, bool covered);

/* What products of operands of that kind take in servers on a GPU, as a part of what its table of single kernels says: 1
 * where nobody has seen servers run another kernel than the one timed. */
double kw_served_of_table(const char *gpu, enum kw_gemm_kind kind);

/* `slower` of the sustained law; 1 without memory. */
double kw_sustained_slower(void);

#endif
