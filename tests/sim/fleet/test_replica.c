/* A replica on the clock: times worked out by hand, then thousands of random workloads where jumping equals stepping to
 * the bit: per-request times, counters and the ITL histogram. */
#include "tests/sim/fleet/replica_play.h"
#include "tests/failmalloc.h"

/* Prefill steps of 1000.5 ns, decode steps of 10.25 ns. */
static void exact_times(void)
{
    for (int mode = 0; mode < 2; mode++) {
        struct kw_steptime *time = NULL;
        struct kw_hist itl;
        CHECK(kw_steptime_constant(&time, 10250, 1000500, &err) == KW_OK && kw_hist_init(&itl, &err) == KW_OK);
        struct load l = { .c = base(), .n = 4, .kill = INT64_MAX };
        l.r[0] = (struct kw_sched_request){ .id = 0, .prompt = 10, .output = 101 };
        l.r[1] = (struct kw_sched_request){ .id = 1, .prompt = 10, .output = 1 };
        l.r[2] = (struct kw_sched_request){ .id = 2, .prompt = 10, .output = 2 };
        l.r[3] = (struct kw_sched_request){ .id = 3, .prompt = 10, .output = 1 };
        l.at[0] = 100;
        l.at[1] = 100;  /* joins the first batch, ends with it at 1100.5 */
        l.at[2] = 1162; /* boundaries at 1110.75 1121 1131.25 1141.5 1151.75 1162: joins at the one of its own time */
        l.at[3] = 9999;
        for (int i = 0; i < 4; i++) l.cancel[i] = INT64_MAX;
        struct outcome o;
        play(&l, time, (enum kw_stepping)mode, &itl, &o);
        CHECK(o.first[0] == 1100 && o.first[1] == 1100 && o.finish[1] == 1100);
        CHECK(o.first[2] == 2162);  /* 1162 + 1000.5 = 2162.5 */
        CHECK(o.finish[2] == 2172); /* 2172.75 */
        CHECK(o.finish[0] == 3115); /* 6 steps to 1162, 1 mixed, 93 more: 2162.5 + 93 * 10.25 = 3115.75 */
        CHECK(o.first[3] == 9999 + 1000);
        CHECK(itl.n == 101 && itl.max == 1000500 && itl.min == 10250);
        CHECK((int64_t)itl.sum == 6 * 10250 + 1000500 + 93 * 10250 + 10250);
        CHECK(o.count.iterations == 102 && o.count.finished == 4 && o.count.output_tokens == 105);
        kw_steptime_delete(time);
        kw_hist_free(&itl);
    }
}

/* Async scheduling: a request that comes during a step starts one step later than else. */
static void async_times(void)
{
    for (int mode = 0; mode < 2; mode++) {
        struct kw_steptime *time = NULL;
        CHECK(kw_steptime_constant(&time, 10000, 1000000, &err) == KW_OK);
        struct load l = { .c = base(), .n = 2, .kill = INT64_MAX, .cancel = { INT64_MAX, INT64_MAX } };
        l.c.async_scheduling = true;
        l.r[0] = (struct kw_sched_request){ .id = 0, .prompt = 10, .output = 101 };
        l.r[1] = (struct kw_sched_request){ .id = 1, .prompt = 10, .output = 1 };
        l.at[1] = 1095; /* in the step that ends at 1100; the one to 1110 is decided already */
        struct outcome o;
        play(&l, time, (enum kw_stepping)mode, NULL, &o);
        CHECK(o.first[0] == 1000 && o.first[1] == 2110 && o.finish[0] == 2110 + 88 * 10);
        kw_steptime_delete(time);
    }
}

/* Gaps across prefill steps (prefill_first) and across a preemption are whole. */
static void long_gaps(void)
{
    for (int mode = 0; mode < 2; mode++) {
        struct kw_steptime *time = NULL;
        struct kw_hist itl;
        CHECK(kw_steptime_constant(&time, 10000, 1000000, &err) == KW_OK && kw_hist_init(&itl, &err) == KW_OK);
        struct load l = { .c = base(), .n = 2, .kill = INT64_MAX, .cancel = { INT64_MAX, INT64_MAX } };
        l.c.policy = KW_SCHED_PREFILL_FIRST;
        l.r[0] = (struct kw_sched_request){ .id = 0, .prompt = 10, .output = 3 };
        l.r[1] = (struct kw_sched_request){ .id = 1, .prompt = 10, .output = 2 };
        l.at[1] = 1005;
        struct outcome o;
        play(&l, time, (enum kw_stepping)mode, &itl, &o);
        /* 0: tokens at 1000, 1010, (prefill of 1 until 2010), 2020; 1: 2010, 2020 */
        CHECK(o.finish[0] == 2020 && o.first[1] == 2010 && o.finish[1] == 2020);
        CHECK(itl.n == 3 && itl.max == 1010000 && (int64_t)itl.sum == 10000 + 1010000 + 10000);
        kw_hist_clear(&itl);
        l.c = base();
        l.c.num_blocks = 4;
        l.r[0] = (struct kw_sched_request){ .id = 0, .prompt = 5, .output = 3 };
        l.r[1] = (struct kw_sched_request){ .id = 1, .prompt = 8, .output = 3 };
        l.at[1] = 0;
        play(&l, time, (enum kw_stepping)mode, &itl, &o);
        /* both first at 1000; 1 is preempted; 0: 1010, 1020; 1 recomputed until 2020, 2030 */
        CHECK(o.finish[0] == 1020 && o.finish[1] == 2030 && o.count.preemptions == 1 && o.count.recomputed_tokens == 9);
        CHECK(itl.n == 4 && itl.max == 1020000 && (int64_t)itl.sum == 3 * 10000 + 1020000);
        kw_steptime_delete(time);
        kw_hist_free(&itl);
    }
}

/* Steps of 10 ns and 1000 ns with a prompt; up to 300 ns more after idle time, 70 ns more in the first decode after a
 * prompt. */
static struct kw_steptime *cold_time(void)
{
    double x[] = { 0 }, ten[] = { 10e-9 }, chunk[] = { 990e-9 }, zero[] = { 0 }, batch[] = { 1 };
    struct kw_curve none = { 1, x, zero };
    struct kw_step_tables t = { .dense = { 1, x, ten },
                                .head = none,
                                .n_decode_rows = 1,
                                .decode_batch = batch,
                                .decode = &none,
                                .prefill_attn = { 1, x, chunk },
                                .comm = none,
                                .cold = { 2, { { 4e-6, 100e-9 }, { 10e-6, 300e-9 } }, 70e-9 } };
    struct kw_steptime *time = NULL;
    CHECK(kw_steptime_compile(&time, &t, 8, 600, &err) == KW_OK);
    return time;
}

static void cold_caches(void)
{
    for (int mode = 0; mode < 2; mode++) {
        struct kw_steptime *time = cold_time();
        struct kw_hist itl;
        CHECK(kw_hist_init(&itl, &err) == KW_OK);
        struct load l = { .c = base(), .n = 3, .kill = INT64_MAX, .cancel = { INT64_MAX, INT64_MAX, INT64_MAX } };
        l.r[0] = (struct kw_sched_request){ .id = 0, .prompt = 10, .output = 7 };
        l.r[1] = (struct kw_sched_request){ .id = 1, .prompt = 10, .output = 1 };
        l.r[2] =
            (struct kw_sched_request){ .id = 2, .prompt = 130, .output = 1 }; /* three chunks: two follow a prompt */
        l.at[0] = 100;
        l.at[1] = 1485; /* in the decode that ends at 1490: 1400, 1480, 1490 */
        l.at[2] = 9590;
        struct outcome o;
        play(&l, time, (enum kw_stepping)mode, &itl, &o);
        CHECK(o.first[0] == 100 + 300 + 1000 && o.first[1] == 2490); /* a mixed step is none that follows a prompt */
        CHECK(o.finish[0] == 2490 + 80 + 10 + 10);
        CHECK(o.first[2] == 9590 + 200 + 3 * 1000); /* idle for 7000 ns: half of the way from 100 to 300 */
        CHECK(itl.n == 6 && (int64_t)itl.sum == 80000 + 10000 + 1000000 + 80000 + 10000 + 10000);
        kw_steptime_delete(time);
        kw_hist_free(&itl);
    }
}

/* One request of one token that comes at `at`: when it has its answer. */
static kw_ns answered(struct kw_replica *r, kw_ns at)
{
    struct kw_sched_request q = { .id = 1, .prompt = 10, .output = 1 };
    struct kw_replica_out out;
    uint32_t slot;
    CHECK(kw_replica_add(r, &q, at, &slot, &err) == KW_OK);
    kw_ns now;
    do {
        now = r->next;
        kw_replica_advance(r, now, &out);
    } while (!out.n_finished);
    CHECK(r->next == INT64_MAX);
    return now;
}

/* A replica that was reset is as cold as a new one, whenever its life before ended: just now, or, in the run before,
 * later than now. */
static void a_new_life_is_cold(void)
{
    struct kw_steptime *time = cold_time();
    struct kw_sched_config c = base();
    struct kw_replica r;
    CHECK(kw_replica_init(&r, &c, time, KW_STEPPING_JUMP, NULL, &err) == KW_OK);
    CHECK(answered(&r, 5000) == 5000 + 300 + 1000);
    CHECK(answered(&r, 6301) == 6301 + 1000); /* the same life goes on: idle for 1 ns, hardly cold */
    kw_replica_reset(&r);
    CHECK(answered(&r, 7302) == 7302 + 300 + 1000);
    kw_replica_reset(&r);
    CHECK(answered(&r, 0) == 300 + 1000);
    kw_replica_free(&r);
    kw_steptime_delete(time);
}

/* ---- random workloads ---- */

static void jumps_equal_steps(void)
{
    struct kw_hist each, jump;
    CHECK(kw_hist_init(&each, &err) == KW_OK && kw_hist_init(&jump, &err) == KW_OK);
    struct kw_replica_count sum = { 0 };
    uint64_t requests = 0, lost = 0, full = 0;
    for (uint32_t seed = 0; seed < 5000 && !check_bad; seed++) {
        static struct load l;
        static struct outcome a, b;
        rng_state = seed;
        draw(&l);
        struct kw_steptime *time = draw_time(l.c.max_num_seqs, 1);
        if (!time) return;
        kw_hist_clear(&each);
        kw_hist_clear(&jump);
        play(&l, time, KW_STEPPING_EACH, &each, &a);
        play(&l, time, KW_STEPPING_JUMP, &jump, &b);
        CHECK(!memcmp(&a, &b, sizeof a));
        CHECK(each.n == jump.n && each.sum == jump.sum && each.min == jump.min && each.max == jump.max);
        CHECK(!memcmp(each.count, jump.count, KW_HIST_BUCKETS * sizeof *each.count));
        bool whole = l.kill == INT64_MAX;
        uint64_t gaps = 0;
        kw_ns length = 0;
        for (uint32_t i = 0; i < l.n; i++) {
            if (l.cancel[i] != INT64_MAX) whole = false;
            gaps += l.r[i].output - 1;
            length += a.finish[i] - a.first[i];
        }
        if (whole) { /* nobody left early: gaps are n - 1 a request and add up to finish - first */
            full++;
            CHECK(each.n == gaps && a.count.output_tokens == gaps + l.n && a.count.finished == l.n);
            CHECK(llabs((int64_t)(each.sum / 1000) - length) <= (int64_t)l.n);
        }
        if (check_bad) fprintf(stderr, "seed %u, policy %d\n", seed, (int)l.c.policy);
        kw_steptime_delete(time);
        requests += l.n;
        lost += a.lost;
        sum.iterations += a.count.iterations;
        sum.preemptions += a.count.preemptions;
        sum.cancelled += a.count.cancelled;
        sum.cached_tokens += a.count.cached_tokens;
        sum.fetches += a.count.fetches;
        sum.activations += a.count.activations;
        sum.held += a.count.held;
    }
    printf("random workloads: %ju requests, %ju iterations, %ju preemptions, %ju cancelled, %ju lost, %ju tokens from "
           "the cache, %ju adapters fetched, %ju into a slot, %ju requests held\n",
           (uintmax_t)requests, (uintmax_t)sum.iterations, (uintmax_t)sum.preemptions, (uintmax_t)sum.cancelled,
           (uintmax_t)lost, (uintmax_t)sum.cached_tokens, (uintmax_t)sum.fetches, (uintmax_t)sum.activations,
           (uintmax_t)sum.held);
    CHECK(sum.fetches > 1000 && sum.activations > sum.fetches && sum.held > 1000);
    CHECK(sum.preemptions > 1000 && sum.cancelled > 1000 && lost > 100 && sum.cached_tokens > 1000 && full > 100);
    kw_hist_free(&each);
    kw_hist_free(&jump);
}

/* ---- async scheduling, literally ---- */

/* vLLM's own pipeline without prefix caching: up to two batches in flight, tokens that are not there yet as
 * placeholders, as in v1/core/sched/scheduler.py, async_scheduler.py and v1/engine/core.py step_with_batch_queue
 * (0.19). */
struct pipe_seq {
    uint32_t prompt, output, known, placeholders, computed, blocks;
    bool decoding;
};
struct pipe_batch {
    uint32_t n, who[MANY];
    bool token[MANY], prefill;
    kw_ns end;
};

static void pipe_remove(uint32_t *list, uint32_t *n, uint32_t who)
{
    uint32_t at = 0;
    while (at < *n && list[at] != who) at++;
    if (at == *n) return;
    memmove(list + at, list + at + 1, (--*n - at) * sizeof *list);
}

static void pipeline(const struct load *l, kw_ns decode, kw_ns prefill, kw_ns *first, kw_ns *finish)
{
    static struct pipe_seq q[MANY];
    uint32_t waiting[MANY], running[MANY], n_waiting = 0, n_running = 0, next = 0, n_free = l->c.num_blocks,
                                           left = l->n;
    struct pipe_batch queue[2]; /* [0] the older */
    uint32_t n_queue = 0, bs = l->c.block_size;
    kw_ns now = 0, busy_until = 0;
    while (left) {
        if (!n_queue && !n_waiting && !n_running) now = l->at[next];
        for (; next < l->n && l->at[next] <= now; next++) {
            q[next] = (struct pipe_seq){ .prompt = l->r[next].prompt, .output = l->r[next].output };
            waiting[n_waiting++] = next;
        }
        if (n_waiting || n_running) { /* schedule() */
            struct pipe_batch b = { .n = 0 };
            uint32_t budget = l->c.max_num_batched_tokens;
            bool popped = false;
            for (uint32_t i = 0; i < n_running && budget; i++) {
                uint32_t who = running[i];
                struct pipe_seq *x = &q[who];
                if (x->placeholders && x->computed + 2 - x->placeholders >= x->prompt + x->output) continue;
                uint32_t n = x->prompt + x->known + x->placeholders - x->computed;
                if (n > budget) n = budget;
                uint32_t need = (x->computed + n + bs - 1) / bs - x->blocks;
                bool out = false;
                while (need > n_free && !out) {
                    uint32_t last = running[--n_running];
                    n_free += q[last].blocks;
                    q[last].blocks = q[last].computed = 0;
                    memmove(waiting + 1, waiting, n_waiting++ * sizeof *waiting);
                    waiting[0] = last;
                    popped = true;
                    out = last == who;
                }
                if (out) break;
                n_free -= need;
                x->blocks += need;
                budget -= n;
                b.prefill |= !x->decoding;
                b.token[b.n] = x->computed + n == x->prompt + x->known + x->placeholders;
                x->computed += n;
                if (b.token[b.n]) x->placeholders++, x->decoding = true;
                b.who[b.n++] = who;
            }
            while (!popped && n_waiting && budget && n_running < l->c.max_num_seqs) {
                uint32_t who = waiting[0], all = q[who].prompt + q[who].known, n = all < budget ? all : budget;
                if ((all + bs - 1) / bs > n_free && l->c.reserve_full_prompt) break;
                if ((n + bs - 1) / bs > n_free) break;
                pipe_remove(waiting, &n_waiting, who);
                running[n_running++] = who;
                q[who].blocks = (n + bs - 1) / bs;
                n_free -= q[who].blocks;
                budget -= n;
                q[who].computed = n;
                b.prefill = true;
                b.token[b.n] = n == all;
                q[who].placeholders += n == all;
                q[who].decoding = n == all;
                b.who[b.n++] = who;
            }
            if (b.n) busy_until = (busy_until > now ? busy_until : now) + (b.prefill ? prefill : decode);
            b.end = b.n ? busy_until : now;
            queue[n_queue++] = b;
            if (n_queue < 2 && queue[0].end > now) continue; /* the queue is not full and nothing is done yet */
        }
        struct pipe_batch b = queue[0];
        queue[0] = queue[1];
        n_queue--;
        if (b.end > now) now = b.end;
        for (uint32_t i = 0; i < b.n; i++) { /* update_from_output() */
            uint32_t who = b.who[i];
            if (!b.token[i]) continue;
            q[who].placeholders--;
            if (!q[who].known++) first[who] = now;
            if (q[who].known < q[who].output) continue;
            finish[who] = now;
            n_free += q[who].blocks;
            q[who].blocks = 0;
            pipe_remove(running, &n_running, who);
            pipe_remove(waiting, &n_waiting, who);
            left--;
        }
    }
    CHECK(n_free == l->c.num_blocks);
}

static void async_is_the_pipeline(void)
{
    uint64_t preemptions = 0, requests = 0;
    for (uint32_t seed = 0; seed < 4000 && !check_bad; seed++) {
        static struct load l;
        static struct outcome o;
        rng_state = 77000 + seed;
        draw(&l);
        l.c.policy = rnd(2) ? KW_SCHED_VLLM : KW_SCHED_SARATHI;
        l.c.async_scheduling = true;
        l.c.prefix_caching = false;
        l.kill = INT64_MAX;
        l.lora.adapters = NULL;
        for (uint32_t i = 0; i < l.n; i++) {
            l.cancel[i] = INT64_MAX;
            l.r[i].adapter = 0;
        }
        kw_ns decode = 1 + rnd(20), prefill = 1 + rnd(60), first[MANY], finish[MANY];
        struct kw_steptime *time = NULL;
        CHECK(kw_steptime_constant(&time, decode * 1000, prefill * 1000, &err) == KW_OK);
        play(&l, time, KW_STEPPING_JUMP, NULL, &o);
        pipeline(&l, decode, prefill, first, finish);
        for (uint32_t i = 0; i < l.n; i++) {
            CHECK(first[i] == o.first[i] && finish[i] == o.finish[i]);
            if (check_bad) {
                fprintf(stderr, "seed %u, request %u: first %jd, want %jd; finish %jd, want %jd\n", seed, i,
                        (intmax_t)o.first[i], (intmax_t)first[i], (intmax_t)o.finish[i], (intmax_t)finish[i]);
                break;
            }
        }
        requests += l.n;
        preemptions += o.count.preemptions;
        kw_steptime_delete(time);
    }
    printf("async: %ju requests, %ju preemptions as in the pipeline\n", (uintmax_t)requests, (uintmax_t)preemptions);
    CHECK(preemptions > 1000);
}

/* Very long runs: sums of ps stay exact, a run is cut where int64 would end. */
static void long_runs(void)
{
    for (int mode = 0; mode < 2; mode++) {
        struct kw_steptime *time = NULL;
        CHECK(kw_steptime_constant(&time, INT64_C(1000000000000000), 1000000, &err) ==
              KW_OK); /* 1000 s a decode step */
        struct load l = { .c = base(), .n = 1, .kill = INT64_MAX, .cancel = { INT64_MAX } };
        l.c.max_model_len = 100000;
        l.c.num_blocks = 30000;
        l.r[0] = (struct kw_sched_request){ .id = 0, .prompt = 1, .output = 50001 };
        struct outcome o;
        play(&l, time, (enum kw_stepping)mode, NULL, &o);
        CHECK(o.finish[0] == 1000 + INT64_C(50000) * 1000 * KW_NS_PER_S);
        kw_steptime_delete(time);
    }
}

/* Every allocation of a replica's life fails once: the failing call says so and changes nothing, so that the same
 * requests then run as ever. With prefix caching and block tables, which take the most memory. */
static void out_of_memory(void)
{
    struct kw_sched_config c = base();
    c.prefix_caching = c.block_tables = true;
    c.num_blocks = 2000;
    static const uint64_t hash[40] = { 1, 2, 3, 4, 5 };
    long n = 1;
    for (;; n++) {
        struct kw_steptime *time = NULL;
        struct kw_replica r = { .next = 0 };
        struct kw_replica_out out;
        double x[] = { 0 }, y[] = { 1e-6 };
        struct kw_curve flat = { 1, x, y };
        struct kw_step_tables t = { .dense = flat,
                                    .head = flat,
                                    .n_decode_rows = 1,
                                    .decode_batch = (double[]){ 1 },
                                    .decode = &flat,
                                    .prefill_attn = flat,
                                    .comm = flat };
        uint32_t failures = 0;
        failmalloc_at(n);
        if (kw_steptime_compile(&time, &t, 4, 64, &err) != KW_OK) {
            failures++;
            CHECK(!time && kw_steptime_compile(&time, &t, 4, 64, &err) == KW_OK);
        }
        if (kw_replica_init(&r, &c, time, KW_STEPPING_JUMP, NULL, &err) != KW_OK) {
            failures++;
            CHECK(kw_replica_init(&r, &c, time, KW_STEPPING_JUMP, NULL, &err) == KW_OK);
        }
        for (uint32_t i = 0; i < 40; i++) {
            struct kw_sched_request q = { .id = i,
                                          .prompt = 20 * (1 + i % 8),
                                          .output = 3,
                                          .hash = hash,
                                          .n_hash = i < 30 ? i % 8 : 40,
                                          .hash_block = 8 };
            uint32_t slot;
            enum kw_status st = kw_replica_add(&r, &q, 5, &slot, &err);
            if (st != KW_OK) {
                failures++;
                CHECK(st == KW_ENOMEM && r.n_live == i && kw_sched_check(r.sched, &err));
                CHECK(kw_replica_add(&r, &q, 5, &slot, &err) == KW_OK);
            }
        }
        bool fired = failmalloc_off();
        CHECK(failures == fired);
        uint32_t finished = 0;
        for (; r.next != INT64_MAX; finished += out.n_finished) kw_replica_advance(&r, r.next, &out);
        CHECK(finished == 40 && kw_sched_blocks_free(r.sched) == c.num_blocks && kw_sched_check(r.sched, &err));
        kw_replica_free(&r);
        kw_steptime_delete(time);
        if (!fired) break;
    }
    CHECK(n > 25); /* else allocations were not counted */
}

int main(void)
{
    RUN(out_of_memory);
    RUN(exact_times);
    RUN(async_times);
    RUN(long_gaps);
    RUN(long_runs);
    RUN(async_is_the_pipeline);
    RUN(cold_caches);
    RUN(a_new_life_is_cold);
    RUN(jumps_equal_steps);
    return check_report();
}
