/* calibrate/profile/profile.h - what one model in one precision on one GPU type (tp of them) takes: step-time tables,
 * KV capacity, load and start phases; each table with its provenance. Files:
 * calibrate/data/profiles/GPU-MODEL-PRECISION-tpK.json, embedded in the binary. */
#ifndef KW_CALIBRATE_PROFILE_PROFILE_H
#define KW_CALIBRATE_PROFILE_PROFILE_H
#include <stdbool.h>
#include <stddef.h>
#include "calibrate/profile/expert_routing.h"
#include "calibrate/profile/link.h"
#include "calibrate/profile/model.h"
#include "calibrate/profile/parallel.h"
#include "calibrate/profile/steptime.h"
#include "sim/core/law.h"
#include "sim/core/provenance.h"

struct kw_profile {
    char gpu[24], model[48], precision[8], engine[48]; /* H100, llama-3.1-8b, bf16|fp8, "vllm 0.24.0 operator tables" */
    uint32_t tp, dp, ep;                               /* as kw_parallel has them */
    double weight_bytes, kv_bytes_per_token; /* all tp dp GPUs together; all tp GPUs of the rank that has the token */
    uint32_t block_size, num_blocks;         /* KV blocks of one rank as the engine reports them, or estimated */
    uint32_t max_num_seqs, max_num_batched_tokens, max_model_len; /* engine defaults of this profile */
    struct kw_step_tables tables;
    struct kw_provenance steps, kv; /* of the step tables; of num_blocks */
    struct kw_profile_link {
        char name[48]; /* of link.h, "16.6 GB/s, 50 us a call" of a user's own; "" at tp 1 and where nobody told */
        struct kw_provenance provenance;
    } link;                        /* what tables.comm is of */
    double front_s, front_token_s; /* TTFT outside the engine: a request, a token of its prompt (server_law.h) */
    double steps_error_median, steps_error_worst; /* leave-out relative error of a decode step, 0.02 = 2 % */
    double prefill_error_median, prefill_error_worst;
    struct kw_law load_rate, cached_load_rate; /* bytes/s, weights from where they lie; from the node's own disk */
    struct kw_law init;                        /* s: engine start after weights: compile, graphs, warm-up */
    enum kw_grade weakest;
    char device[96]; /* measured: the device by its driver's name; "" where nobody measured */
    double drift;    /* measured: largest |drift| of the anchor over the run, 0.02 = 2 % */
    bool unsteady;   /* points were measured while it had drifted by more than 2 %: trust it less */
    /* Not in the file: */
    char file[256], sha256[65];     /* where it was read from and what stood there; "" for one built in */
    unsigned set_aside;             /* kw_profiles_other_grades when it joined a kw_profiles */
    enum kw_expert_routing routing; /* what its experts are of, where it was made here */
};

/* Refuses what is not physical: negative times, decode faster than weight_bytes / (tp * bandwidth), KV + weights
 * beyond memory, weights or KV bytes unlike those of the known model of the name. */
enum kw_status kw_profile_load(struct kw_profile *p, const char *path, struct kw_error *err);
enum kw_status kw_profile_parse(struct kw_profile *p, const char *name, const char *text, size_t len,
                                struct kw_error *err);
/* Says what tables.comm is of: the link's name, or its figures where it has none; nothing of a link of no GPUs. */
void kw_profile_put_link(struct kw_profile *p, const struct kw_link *l);
/* The profile as JSON (malloc'd, the caller frees), its length in *n; parsed again it is the same. NULL: no memory. */
char *kw_profile_text(const struct kw_profile *p, size_t *n);
enum kw_status kw_profile_save(const struct kw_profile *p, const char *path, struct kw_error *err); /* whole or not */
void kw_profile_free(struct kw_profile *p);

struct kw_profiles {
    struct kw_profile *p;
    size_t n;
};
enum kw_status kw_profiles_embedded(struct kw_profiles *all, struct kw_error *err);
void kw_profiles_free(struct kw_profiles *all);
/* Takes *p over, which is empty afterwards; the profiles move, so before anything points at one. KW_ENOMEM: unchanged.
 */
enum kw_status kw_profiles_add(struct kw_profiles *all, struct kw_profile *p, struct kw_error *err);
/* Grades of the other profiles of p's combination: bit 1 << grade. p need not be one of all. */
unsigned kw_profiles_other_grades(const struct kw_profiles *all, const struct kw_profile *p);
/* The best profile for a combination: measured before published before estimated, and of equal ones the last added. A
 * model of the same shape will do (llama-3.3-70b runs as llama-3.1-70b does). NULL when there is none. */
const struct kw_profile *kw_profiles_find(const struct kw_profiles *all, const char *gpu, const char *model,
                                          const char *precision, uint32_t tp);

static inline struct kw_parallel kw_profile_parallel(const struct kw_profile *p)
{
    return (struct kw_parallel){ p->tp, p->dp, p->ep };
}
static inline uint32_t kw_profile_gpus(const struct kw_profile *p)
{
    return kw_parallel_gpus(kw_profile_parallel(p));
}
/* Is it of that GPU, model (or another of its shape), precision and split? */
bool kw_profile_combines(const struct kw_profile *p, const char *gpu, const char *model, const char *precision,
                         struct kw_parallel par);
/* The same of a group of ranks. */
const struct kw_profile *kw_profiles_find_group(const struct kw_profiles *all, const char *gpu, const char *model,
                                                const char *precision, struct kw_parallel par);

#define KW_PROFILE_TEXT 400
/* Its file, or "H100-llama-3.1-8b-bf16-tp1" for one built in. Returns buf. */
char *kw_profile_name(const struct kw_profile *p, char buf[KW_PROFILE_TEXT]);
/* Where its step times come from: "measured on NVIDIA H100 80GB HBM3, 2026-11-24 (published set aside); mine.json".
 * Returns buf. */
char *kw_profile_basis(const struct kw_profile *p, char buf[KW_PROFILE_TEXT]);

#endif
