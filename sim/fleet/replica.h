/* sim/fleet/replica.h - one model replica on the simulated clock: engine/scheduler decides each batch, steptime says
 * how long it takes, the replica keeps the exact time (ns plus a carry in ps) and hands back tokens with their times.
 *
 * Use by an event loop. `next` is the time of the replica's next event; read it after every call, INT64_MAX = idle.
 * Events at equal times: arrivals and cancellations first, then kw_replica_advance of the replicas, in any fixed order.
 *
 *     kw_replica_add(r, &request, t, &slot, err);   at any t <= r->next (an idle replica then has next = t)
 *     kw_replica_advance(r, r->next, &out);         exactly at r->next: ends the step or run, starts the next one
 *
 * The time of an event is floor(exact time) in ns. A request that arrives at t joins the batch decided at the first
 * step boundary whose floored time is >= t; the step in flight always completes. With jumps a run of many steps is cut
 * at that boundary when the arrival can change the next batch (async scheduling: the one after it), so `next` may
 * become earlier by add or cancel (never earlier than the call's now). Both stepping modes give the same times,
 * counters and histogram to the bit.
 *
 * ITL: every gap between two consecutive output tokens of a request, exact, in PICOSECONDS (a decode ramp is an
 * arithmetic series in ps and not in ns); reports divide by 1000. A request with n output tokens adds n - 1 gaps; waits
 * by preemption, and prefill steps in between (prefill_first, static), are part of the gap.
 *
 * Speculative decoding (speculative.h): every step is one of its own in both stepping modes, since nobody knows beforehand how
 * many tokens it brings; the gaps between tokens of one step are 0.
 *
 * A host tier of the prefix cache (kv_offload.h): the loads that a step's decision begins follow each other from its begin on, and
 * `next` may be the end of one.
 *
 * LoRA (lora.h): a request whose adapter has to be fetched is held, and joins the waiting ones at the moment its fetch is
 * over, as if it arrived then; `next` may be such a moment. */
#ifndef KW_SIM_FLEET_REPLICA_H
#define KW_SIM_FLEET_REPLICA_H
#include <stdbool.h>
#include <stdint.h>
#include "calibrate/profile/steptime.h"
#include "engine/scheduler/scheduler.h"
#include "sim/core/hist.h"
#include "sim/core/units.h"
#include "sim/fleet/adapter_store.h"
#include "sim/fleet/kv_offload.h"
#include "sim/fleet/speculative.h"

enum kw_stepping {
    KW_STEPPING_JUMP, /* k decode steps at once, up to the next change of the batch */
    KW_STEPPING_EACH  /* every step through the scheduler: the reference */
};

struct kw_replica_seq {
    uint64_t id;   /* as in kw_sched_request */
    uint32_t slot; /* kw_sched_cached, _preemptions, _generated(sched, slot) answer for it until the next add */
};

struct kw_replica_out { /* what happened at the time of one kw_replica_advance; arrays are the replica's, until its next
                           call */
    uint32_t n_first, n_finished;
    const struct kw_replica_seq *first;    /* got their first token now */
    const struct kw_replica_seq *finished; /* got their last token now (may be in first too), in admission order */
    uint32_t n_began;
    const struct kw_replica_seq *began; /* kw_step.began, of the step that begins now */
};

struct kw_replica_count {       /* since init or reset; a run under way is not in it yet */
    uint64_t iterations;        /* engine steps */
    uint64_t outside;           /* of them, beyond what the step times were measured at */
    uint64_t runs;              /* decisions timed: the one counter that stepping modes do not share */
    uint64_t decode_tokens;     /* tokens computed by decoding sequences, drafted ones included */
    uint64_t prefill_tokens;    /* tokens computed in chunks, recomputed ones included */
    uint64_t recomputed_tokens; /* of them: chunks of sequences that had been preempted */
    uint64_t cached_tokens;     /* prompt tokens taken from the prefix cache at first admission */
    uint64_t loaded_tokens;     /* of them, from the host's memory */
    uint64_t output_tokens;     /* tokens handed out */
    uint64_t verified,
        verified_tokens; /* drafts of a sequence that a step verified; tokens handed out by these steps */
    uint64_t preemptions, finished, cancelled;
    uint64_t fetches, activations; /* of LoRA adapters: begun; copied into a GPU slot */
    uint64_t held;                 /* requests released after their adapter's fetch */
    kw_ns held_ns;                 /* sum over them, from add to release */
};

struct kw_replica {
    kw_ns next;                /* time of the next event; INT64_MAX: idle. Read only */
    struct kw_sched *sched;    /* owned; for queries only; NULL of a group or pair */
    struct kw_lockstep *group; /* owned: ranks that step together, lockstep.h; NULL: one alone */
    struct kw_pair *pair;      /* owned: engines that prefill and others that decode, disaggregated.h; NULL */
    uint32_t n_live;           /* requests added and neither finished nor cancelled: the load a router looks at */
    uint32_t most_step_tokens; /* of this life's steps: kw_step.asked_tokens */
    uint32_t most_running;     /* of this life: sequences at once, of the fullest rank */
    struct kw_replica_count count;
    /* the rest is the replica's own */
    kw_ns boundary; /* end of the step or run under way; now when one begins; INT64_MAX: idle */
    struct kw_adapter_store store;
    const struct kw_kv_offload *offload; /* NULL: no host tier; sched is told of its blocks */
    kw_ns link_free;                     /* when the load that was begun last ends */
    uint32_t first_load, n_loads;
    uint64_t lora_factor; /* of the duration of a step with adapters, in 2^-32 */
    bool adapted;         /* law is of steps with adapters */
    const struct kw_steptime *time;
    const struct kw_speculative *speculative; /* NULL: none; sched is told of its tokens */
    uint32_t *brought;              /* [cap, max_num_seqs at most] tokens of each decoding sequence in the step */
    struct kw_hist *itl, *itl_next; /* itl_next: from the next boundary on, when watch_next */
    bool watch_next;
    enum kw_stepping mode;
    bool joint;              /* policy: decodes are in every step (not prefill_first, static) */
    bool closed;             /* policy: nobody joins a running batch (static) */
    bool async;              /* async scheduling: when an arrival came matters even if it must wait */
    bool caching;            /* prefix caching */
    bool prompted;           /* the step under way has chunks */
    int64_t after_prompt_ps; /* of kw_steptime */
    int64_t idle_since;      /* its last step's end; INT64_MIN before the first: as if for long */
    bool in_step;            /* a step or run is under way */
    bool outside;            /* of the step under way: kw_steptime_outside */
    bool stalled;            /* steps without decodes since the decoding sequences' last tokens */
    uint32_t max_num_seqs;
    uint32_t n_decode;     /* of the step under way */
    uint32_t cap, n_slots; /* slots there is room for, slots seen */
    uint32_t n_pending, n_resumed;
    struct kw_replica_time {
        kw_ns ns;
        int64_t ps;
    } at, decoded;  /* exact, ps 0..999: the run's begin; the last boundary
at which every sequence then decoding got a token */
    int64_t end_ps; /* the run's end is next and so many ps, 0..999 */
    uint64_t k;     /* steps of the run under way; the first takes first_ps, each further one rise_ps more */
    int64_t first_ps, rise_ps;
    uint32_t law_batch; /* law holds for this batch size; 0: none */
    struct kw_decode_law law;
    struct kw_replica_slot *slot;            /* [cap] by scheduler slot */
    struct kw_replica_seq *first, *finished; /* [cap, max_num_seqs at most] */
    struct kw_replica_seq *began;            /* [cap] */
    uint32_t *pending;                       /* [cap] slots to cancel at the next boundary */
    uint32_t *giving, n_giving;              /* [cap] slots whose blocks go at the next boundary */
    struct kw_replica_load {
        kw_ns at; /* its blocks are there */
        uint32_t slot;
    } * loads;         /* [cap] from first_load on n_loads, in the order of their ends */
    uint32_t *resumed; /* [cap] preempted sequences whose next token comes with the step under way */
    uint32_t *listed;  /* [cap] scratch: slots of all sequences */
};

/* Starts idle. Borrowed until free: t, and itl (may be NULL; may be shared by all replicas of one thread). c is copied.
 * KW_ERANGE from kw_sched_new. t must have been compiled for max_num_seqs, and better for the largest step too: the
 * budget, or max_model_len with prefill_first. */
enum kw_status kw_replica_init(struct kw_replica *r, const struct kw_sched_config *c, const struct kw_steptime *t,
                               enum kw_stepping mode, struct kw_hist *itl, struct kw_error *err);
struct kw_disaggregated;
/* The same of d->prefill engines that prefill and d->decode engines of c and t that decode: disaggregated.h. d is borrowed. */
enum kw_status kw_replica_init_pair(struct kw_replica *r, const struct kw_sched_config *c, const struct kw_steptime *t,
                                    const struct kw_disaggregated *d, enum kw_stepping mode, struct kw_hist *itl,
                                    struct kw_error *err);
/* The same of a replica of `ranks` data-parallel ranks, each with such a scheduler: lockstep.h. 1: as above. */
enum kw_status kw_replica_init_group(struct kw_replica *r, const struct kw_sched_config *c, uint32_t ranks,
                                     const struct kw_steptime *t, enum kw_stepping mode, struct kw_hist *itl,
                                     struct kw_error *err);
void kw_replica_free(struct kw_replica *r);  /* safe to call again */
void kw_replica_reset(struct kw_replica *r); /* as after init (idle, prefix cache empty, counters 0), memory kept */

/* Right after init or reset: this life serves the adapters of l (none: adapters NULL), with `most` at the overhead of a
 * step that is known as a range at its other end. Both pointers are borrowed for the life. KW_ENOMEM. */
enum kw_status kw_replica_adapt(struct kw_replica *r, const struct kw_lora *l, bool most, struct kw_rng *rng,
                                struct kw_error *err);
/* Right after init or reset, of a scheduler with draft_tokens == s->tokens: this life's sequences are decoded so. Borrowed for
 * the life. */
void kw_replica_speculate(struct kw_replica *r, const struct kw_speculative *s);
/* Right after init or reset, of a scheduler with host_blocks: what the loads of this life take. Borrowed for the life. */
void kw_replica_offload(struct kw_replica *r, const struct kw_kv_offload *o);
/* A fingerprint of which adapters are in its memory and in its GPU slots. */
uint64_t kw_replica_adapters_state(const struct kw_replica *r, kw_ns now);
/* Whether the request waits for its adapter. */
bool kw_replica_holds(const struct kw_replica *r, uint32_t slot);

/* What was counted so far, over all ranks. */
struct kw_replica_count kw_replica_counted(const struct kw_replica *r);
/* Of a request that is or, until the next add, was here: prompt tokens found in the prefix cache, of them those loaded from the
 * host's memory, times it was preempted. */
uint32_t kw_replica_cached(const struct kw_replica *r, uint32_t slot);
uint32_t kw_replica_loaded(const struct kw_replica *r, uint32_t slot);
uint32_t kw_replica_preemptions(const struct kw_replica *r, uint32_t slot);
/* Requests that wait for their first step; those and the ones with a seat; KV blocks that are free. Over all ranks. */
uint32_t kw_replica_waiting(const struct kw_replica *r);
uint32_t kw_replica_seated(const struct kw_replica *r);
uint32_t kw_replica_blocks_free(const struct kw_replica *r);
uint32_t kw_replica_blocks(const struct kw_replica *r); /* free or not */

/* Counting begins anew: counters at 0, gaps go to itl from here on (NULL: nowhere). A step under way at now still
 * belongs to what was before, so that both stepping modes begin at the same boundary; `next` may become earlier. */
void kw_replica_watch(struct kw_replica *r, struct kw_hist *itl, kw_ns now);

/* A request arrives at now <= r->next. Errors as kw_sched_add (KW_ERANGE: can never run here; KW_ENOMEM: unchanged). */
enum kw_status kw_replica_add(struct kw_replica *r, const struct kw_sched_request *q, kw_ns now, uint32_t *slot,
                              struct kw_error *err);

/* The step or run that ends at now == r->next is done; decides and starts the next one. */
void kw_replica_advance(struct kw_replica *r, kw_ns now, struct kw_replica_out *out);

/* The request's client is gone. The step under way still computes it (and may finish it); it is never handed out again,
 * and its blocks are free from the first boundary at or after now. slot must be live and not cancelled before. */
void kw_replica_cancel(struct kw_replica *r, uint32_t slot, kw_ns now);

/* Of requests with keeps and receives (kw_sched_request). The keys and values of one that began to receive are there: it may
 * be in the next batch. Those of one that finished are read: its blocks are free from the first boundary at or after now. */
void kw_replica_received(struct kw_replica *r, uint32_t slot, kw_ns now);
void kw_replica_release(struct kw_replica *r, uint32_t slot, kw_ns now); /* one added as held joins the waiting ones */
void kw_replica_give(struct kw_replica *r, uint32_t slot, kw_ns now);

/* Tokens of its KV cache that are in use by decoding sequences or asked for by waiting ones at now, steps that have ended
 * by then counted. The same in both stepping modes; of a pair, at the engines that
 * decode. O(waiting). */
uint64_t kw_replica_kv_asked(const struct kw_replica *r, kw_ns now);

/* The replica dies at now: what was under way is lost. Fills ids (room for r->n_live) with the requests that were in
 * it, running ones in admission order and then the waiting ones, cancelled ones left out; returns how many. The replica
 * is then idle and empty; counters stay. */
uint32_t kw_replica_kill(struct kw_replica *r, kw_ns now, uint64_t *ids);

#endif
