/* engine/engine.h - the engine: model, weights, KV cache and the one scheduler; requests in, tokens out. It knows no
 * clock and no network: engine/serve drives it in real time, kw_engine_generate to the end.
 *
 * Use: open -> add ... -> while (step) take events -> close. One thread at a time. */
#ifndef KW_ENGINE_ENGINE_H
#define KW_ENGINE_ENGINE_H
#include "engine/backend.h"
#include "engine/model/loader.h"
#include "engine/sampler.h"
#include "engine/scheduler/scheduler.h"
#include "engine/text/tokenizer.h"

/* Whether a batch is decided and submitted while the one before it runs, as vLLM 0.19 does: the policies vllm and
 * sarathi. AUTO: on a device that works beside the host (CUDA). ON also on a CPU, where nothing is gained. */
enum kw_engine_async { KW_ASYNC_AUTO, KW_ASYNC_ON, KW_ASYNC_OFF };

struct kw_engine_options { /* {0} with model set is a usable default */
    const char *model;     /* checkpoint folder, or the name of a shape ("llama-3.1-8b") with synthetic weights */
    const char *backend;   /* kw_backend_find's; NULL: "auto" */
    const char *precision; /* "bf16", "fp16", "fp32", "fp8"; NULL: the checkpoint's */
    bool synthetic;        /* random weights of the config's shape, although model is a folder */
    uint64_t seed;         /* of synthetic weights */
    int device;
    uint32_t threads;                /* CPU backend; 0: OpenMP's */
    uint32_t block_size;             /* 0: 16 */
    uint32_t num_blocks;             /* 0: from free memory */
    uint32_t max_model_len;          /* 0: the model's, 8192 at most on a CPU */
    uint32_t max_num_seqs;           /* 0: 256 */
    uint32_t max_num_batched_tokens; /* 0: 2048 */
    double memory_fraction;          /* 0: 0.9 of a GPU's memory, 0.5 of what is available on a CPU's machine */
    enum kw_sched_policy policy;
    bool prefix_caching;
    enum kw_engine_async async_scheduling;
    bool eager;
    struct kw_load_options load;
};

struct kw_engine {                 /* read its parts freely; only the functions below change them */
    struct kw_model_config config; /* its name is the folder's where the config has none */
    struct kw_weights_layout layout;
    const struct kw_backend_ops *ops;
    struct kw_backend *backend;
    struct kw_sched *sched;
    struct kw_sched_config limits;  /* what the scheduler was made with; num_blocks as the backend said */
    struct kw_tokenizer *tokenizer; /* NULL: the folder has no tokenizer.json */
    struct kw_load_stats load;
    struct kw_startup startup;     /* phases up to the first token */
    struct kw_engine_state *state; /* sequences, batch arrays: engine.c */
};

/* Loads and prepares everything. startup: phases so far (kw_startup_init called first thing in main), or NULL. On
 * failure nothing is held and *e is unusable. */
enum kw_status kw_engine_open(struct kw_engine *e, const struct kw_engine_options *o, const struct kw_startup *startup,
                              struct kw_error *err);
void kw_engine_close(struct kw_engine *e); /* safe to call again */

struct kw_engine_request {
    uint64_t id;                /* the caller's; handed back in events. Must be unique among those unfinished */
    const uint32_t *prompt;     /* [n_prompt] ids < vocab; copied */
    uint32_t n_prompt, max_new; /* both >= 1; n_prompt + max_new <= max_model_len */
    struct kw_sampling sampling;
    uint64_t stream;      /* with sampling.seed it names the draws: equal pairs draw alike, whatever the id */
    bool ignore_eos;      /* benchmarks: always max_new tokens */
    const uint32_t *stop; /* [n_stop] further ids that end it; copied */
    uint32_t n_stop;      /* <= 16 */
};
/* KW_ERANGE: the request can never run (ids, lengths, blocks, sampling). KW_ENOMEM: unchanged. */
enum kw_status kw_engine_add(struct kw_engine *e, const struct kw_engine_request *r, struct kw_error *err);
bool kw_engine_cancel(struct kw_engine *e, uint64_t id); /* false: no such request. No event follows */

enum kw_finish { KW_FINISH_NOT, KW_FINISH_LENGTH, KW_FINISH_STOP };
struct kw_engine_event { /* one token */
    uint64_t id;
    uint32_t token;
    uint32_t index;        /* 0 for the first */
    enum kw_finish finish; /* not 0: the request is gone */
};
struct kw_engine_step {   /* what one step was and gave; arrays are the engine's, valid until its next call */
    struct kw_step batch; /* the scheduler's features; its pointers are not kept (NULL) */
    uint32_t n_events;
    const struct kw_engine_event *events; /* in batch order: decodes, then finished prompts */
    int64_t device_ns;                    /* on the device */
    int64_t wall_ns; /* decide + submit + wait + sample; async: from the end of the step before, where that ran into
                        this one */
    int64_t ended;   /* kw_now_ns() when its tokens were known */
};
/* Runs one step; *ran is false when there was nothing to run. Greedy sequences never move logits to the host. After a
 * failure (the device's) every further step fails with the same message: close the engine.
 * Async (limits.async_scheduling): the step whose tokens these are was submitted by an earlier call, and when this one
 * returns the next step is under way, decided without what the caller does after it. A batch with a sampled row delays
 * the submission of the next, not its decision, until the host has sampled. A request that a stop token ends has one
 * more row, of no effect, in the next batch; so steps may run (without events) when no request is active any more. */
enum kw_status kw_engine_step(struct kw_engine *e, struct kw_engine_step *out, bool *ran, struct kw_error *err);

uint32_t kw_engine_active(const struct kw_engine *e); /* requests added and not finished or cancelled */

/* With no request active: waits for a step that is still under way, so that the backend is free for others. Fails as
 * kw_engine_step does. */
enum kw_status kw_engine_settle(struct kw_engine *e, struct kw_error *err);

/* One prompt to the end, alone (KW_EFAIL when other requests are active): malloc'd ids of the answer (the stop token
 * not included) and its times. */
struct kw_generated {
    uint32_t *ids;
    uint32_t n;
    enum kw_finish finish;
    int64_t first_ns, total_ns; /* from the call to the first and to the last token */
};
enum kw_status kw_engine_generate(struct kw_engine *e, const struct kw_engine_request *r, struct kw_generated *out,
                                  struct kw_error *err);
void kw_generated_free(struct kw_generated *g);

#endif
