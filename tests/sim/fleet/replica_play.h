/* tests/sim/fleet/replica_play.h - an event loop for one replica, and random workloads for it: shared by the tests of a
 * replica alone and of ranks that step together. */
#ifndef KW_TESTS_SIM_FLEET_REPLICA_PLAY_H
#define KW_TESTS_SIM_FLEET_REPLICA_PLAY_H
#include <stdlib.h>
#include "sim/fleet/disaggregated.h"
#include "sim/fleet/replica.h"
#include "tests/check.h"

static struct kw_error err;
static uint64_t rng_state;
static uint32_t rnd(uint32_t n) /* 0..n-1 */
{
    rng_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = rng_state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ (x >> 31)) % n);
}

static struct kw_sched_config base(void)
{
    return (struct kw_sched_config){ .policy = KW_SCHED_VLLM,
                                     .max_num_batched_tokens = 64,
                                     .max_num_seqs = 4,
                                     .max_model_len = 1000,
                                     .block_size = 4,
                                     .num_blocks = 100 };
}

/* An event loop for one replica: arrivals, cancellations, then the replica, at equal times. */
enum { MANY = 48 };
struct load {
    struct kw_sched_config c;
    uint32_t n;
    struct kw_sched_request r[MANY];
    kw_ns at[MANY], cancel[MANY], kill; /* cancel, kill: INT64_MAX never */
    uint64_t hash[MANY][6];
    struct kw_lora lora; /* adapters == NULL: none */
    struct kw_adapters adapters;
    double bytes[8];
    uint32_t ranks;               /* 0: one alone */
    struct kw_speculative drafts; /* of c.draft_tokens */
    struct kw_disaggregated pair; /* decode 0: none */
    struct kw_kv_offload offload; /* of c.host_blocks */
};
struct outcome {
    kw_ns first[MANY], finish[MANY], end;
    uint32_t cached[MANY], loaded[MANY], lost;
    struct kw_replica_count count;
};

static void play(const struct load *l, const struct kw_steptime *time, enum kw_stepping mode, struct kw_hist *itl,
                 struct outcome *o)
{
    struct kw_replica r;
    struct kw_replica_out out;
    memset(o, 0, sizeof *o);
    for (uint32_t i = 0; i < MANY; i++) o->first[i] = o->finish[i] = -1;
    uint32_t ranks = l->ranks ? l->ranks : 1;
    CHECK((l->pair.decode ? kw_replica_init_pair(&r, &l->c, time, &l->pair, mode, itl, &err)
                          : kw_replica_init_group(&r, &l->c, ranks, time, mode, itl, &err)) == KW_OK);
    struct kw_rng luck;
    struct kw_lora lora = l->lora;
    if (lora.adapters) lora.adapters = &l->adapters;
    CHECK(kw_rng_init(&luck, 1, 0, KW_RNG_ADAPTER, &err) == KW_OK);
    CHECK(kw_replica_adapt(&r, &lora, false, &luck, &err) == KW_OK);
    if (l->drafts.tokens) kw_replica_speculate(&r, &l->drafts);
    if (l->c.host_blocks) kw_replica_offload(&r, &l->offload);
    bool live[MANY] = { false }, killed = false;
    uint32_t slot[MANY], next = 0;
    for (kw_ns now = 0;;) {
        kw_ns arrival = next < l->n && !killed ? l->at[next] : INT64_MAX, cancel = INT64_MAX,
              kill = killed ? INT64_MAX : l->kill;
        uint32_t who = 0;
        for (uint32_t i = 0; i < next; i++)
            if (live[i] && l->cancel[i] < cancel) {
                cancel = l->cancel[i];
                who = i;
            }
        CHECK(r.next >= now);
        if (arrival <= cancel && arrival <= r.next && arrival <= kill && arrival != INT64_MAX) {
            now = arrival;
            CHECK(kw_replica_add(&r, &l->r[next], now, &slot[next], &err) == KW_OK);
            live[next++] = true;
        } else if (cancel <= r.next && cancel <= kill && cancel != INT64_MAX) {
            now = cancel;
            kw_replica_cancel(&r, slot[who], now);
            live[who] = false;
        } else if (kill <= r.next && kill != INT64_MAX) {
            uint64_t ids[MANY];
            uint32_t n = r.n_live;
            now = kill;
            CHECK(kw_replica_kill(&r, now, ids) == n);
            for (uint32_t i = 0; i < n; i++) {
                CHECK(live[ids[i]]);
                live[ids[i]] = false;
            }
            o->lost = n;
            o->end = now;
            killed = true;
        } else if (r.next != INT64_MAX) {
            now = r.next;
            kw_replica_advance(&r, now, &out);
            for (uint32_t i = 0; i < out.n_first; i++) {
                uint64_t id = out.first[i].id;
                CHECK(live[id] && slot[id] == out.first[i].slot && o->first[id] < 0);
                o->first[id] = now;
            }
            for (uint32_t i = 0; i < out.n_finished; i++) {
                uint64_t id = out.finished[i].id;
                CHECK(live[id] && slot[id] == out.finished[i].slot && o->first[id] >= 0);
                o->finish[id] = now;
                o->cached[id] = kw_replica_cached(&r, slot[id]);
                o->loaded[id] = kw_replica_loaded(&r, slot[id]);
                live[id] = false;
            }
            CHECK(!r.sched || kw_sched_host_blocks(r.sched) <= l->c.host_blocks);
            if (r.sched && !kw_sched_check(r.sched, &err)) CHECK_STR(err.msg, "");
            o->end = now;
        } else {
            break;
        }
    }
    uint32_t n_live = 0;
    for (uint32_t i = 0; i < next; i++) n_live += live[i];
    CHECK(n_live == 0 && r.n_live == 0);
    CHECK(kw_replica_blocks_free(&r) == kw_replica_blocks(&r));
    o->count = kw_replica_counted(&r);
    o->count.runs = 0;
    kw_replica_free(&r);
    kw_rng_free(&luck);
}

/* ---- random workloads ---- */

static double rx[8][8], ry[8][8], rb[3];
static struct kw_curve rc[8];
/* ranks > 1: with tables of experts and of what ranks exchange, mostly. */
static struct kw_steptime *draw_time(uint32_t max_batch, uint32_t ranks)
{
    struct kw_steptime *t = NULL;
    if (!rnd(4)) {
        uint32_t unit = rnd(2) ? 1000 : 333; /* whole ns: many ties with arrivals */
        CHECK(kw_steptime_constant(&t, unit * (1 + rnd(20)), unit * (1 + rnd(50)), &err) == KW_OK);
        return t;
    }
    double scale = rnd(2) ? 1e-9 : 1e-6;
    bool cold = rnd(2);
    for (int i = 0; i < 8; i++) {
        double x = rnd(3) ? 0 : rnd(50), y = rnd(20) * scale;
        rc[i] = (struct kw_curve){ .n = 1 + rnd(8), .x = rx[i], .y = ry[i] };
        for (uint32_t j = 0; j < rc[i].n; j++) {
            rx[i][j] = x;
            ry[i][j] = y;
            x += 1 + rnd(i < 3 ? 200 : 60);
            y += rnd(1000) * scale / 100;
        }
    }
    for (int i = 0; i < 3; i++) rb[i] = (i ? rb[i - 1] : 0) + 1 + rnd(6);
    struct kw_step_tables tab = { .fixed_s = rnd(30) * scale + scale,
                                  .dense = rc[3],
                                  .head = rc[4],
                                  .n_decode_rows = 1 + rnd(3),
                                  .decode_batch = rb,
                                  .decode = rc,
                                  .prefill_attn = rc[5],
                                  .prefill_token_s = rnd(10) * scale,
                                  .comm = rc[6] };
    if (cold)
        tab.cold = (struct kw_step_cold){ 2,
                                          { { 2e-6, rnd(20) * scale }, { 5e-6, 20 * scale + rnd(20) * scale } },
                                          rnd(40) * scale };
    if (ranks > 1 && rnd(4)) {
        tab.group = (struct kw_step_group){ .ranks = ranks, .pad_to = rnd(2) ? rnd(100) : 0, .experts = rc[7] };
        if (rnd(2)) tab.group.exchange = rc[6];
    }
    CHECK(kw_steptime_compile_drafts(&t, &tab, max_batch, 600, KW_SCHED_MAX_DRAFTS, &err) == KW_OK ||
          !fprintf(stderr, "%s\n", err.msg));
    return t;
}

static struct kw_law law_of(double seconds, bool random)
{
    struct kw_law law = { .kind = random ? KW_LAW_EXPONENTIAL : KW_LAW_CONSTANT, .n = 1, .v = { seconds } };
    return law;
}

/* A few adapters, few places for them, and fetches as long as some steps. */
static void draw_adapters(struct load *l)
{
    struct kw_sched_config *c = &l->c;
    uint32_t n = 1 + rnd(7);
    c->max_loras = 1 + rnd(3);
    l->adapters = (struct kw_adapters){ .n = n, .bytes = l->bytes };
    for (uint32_t a = 1; a <= n; a++) l->bytes[a] = 1 + rnd(3);
    l->lora = (struct kw_lora){ .adapters = &l->adapters,
                                .max_cpu_loras = c->max_loras + rnd(4),
                                .fetch_s = law_of(1e-9 * rnd(rnd(2) ? 300 : 9000), rnd(2)),
                                .activate_rate = law_of(1e9 / (1 + rnd(400)), rnd(2)),
                                .overhead = rnd(3) ? 0.001 * rnd(500) : 0 };
    for (uint32_t i = 0; i < l->n; i++) l->r[i].adapter = rnd(n + 1);
}

static void draw(struct load *l)
{
    memset(l, 0, sizeof *l);
    struct kw_sched_config *c = &l->c;
    c->policy = (enum kw_sched_policy)rnd(6);
    c->max_num_seqs = 1 + rnd(12);
    c->max_num_batched_tokens = c->max_num_seqs + rnd(rnd(2) ? 8 : 100);
    c->block_size = 1u << rnd(5);
    if (c->policy >= KW_SCHED_TRTLLM && c->max_num_batched_tokens < c->block_size)
        c->max_num_batched_tokens = c->block_size;
    c->prefix_caching = rnd(2);
    c->reserve_full_prompt = rnd(2);
    c->max_model_len = 500;
    c->async_scheduling = (c->policy == KW_SCHED_VLLM || c->policy == KW_SCHED_SARATHI) && rnd(2);
    uint32_t max_prompt = 1 + rnd(150), max_output = 1 + rnd(rnd(3) ? 200 : 5);
    uint32_t most = (max_prompt + max_output + c->block_size - 1) / c->block_size;
    c->num_blocks = most + rnd(rnd(2) ? 4 : 3 * most + 1);
    l->n = 1 + rnd(MANY);
    l->kill = rnd(10) ? INT64_MAX : (kw_ns)rnd(20000);
    uint32_t gap = 1 + rnd(rnd(2) ? 50 : 5000), grid = rnd(2) ? 1 : 1 + rnd(20);
    kw_ns t = rnd(100);
    for (uint32_t i = 0; i < l->n; i++) {
        struct kw_sched_request *r = &l->r[i];
        *r = (struct kw_sched_request){ .id = i, .prompt = 1 + rnd(max_prompt), .output = 1 + rnd(max_output) };
        if (rnd(2)) {
            r->hash = l->hash[i];
            r->hash_block = c->block_size * 2;
            r->n_hash = 1 + rnd(6);
            if (r->n_hash > (r->prompt - 1) / r->hash_block + 1) r->n_hash = (r->prompt - 1) / r->hash_block + 1;
            uint32_t fork = rnd(r->n_hash + 1), family = rnd(3);
            for (uint32_t j = 0; j < r->n_hash; j++) l->hash[i][j] = j < fork ? 100 * family + j : 1000 + 10 * i + j;
        }
        t += rnd(4) ? rnd(gap) / grid * grid : 0;
        l->at[i] = t;
        l->cancel[i] = rnd(8) ? INT64_MAX : t + rnd(rnd(2) ? 200 : 5000);
    }
    bool can = c->policy == KW_SCHED_VLLM || c->policy == KW_SCHED_SARATHI;
    if (can && rnd(2)) draw_adapters(l);
}

#endif
