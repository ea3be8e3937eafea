#include "sim/fleet/events.h"
#include <stdlib.h>
#include "tests/check.h"

static uint32_t new_id(struct kw_events *q)
{
    uint32_t id = 0;
    CHECK(kw_events_id(q, 7, &id, NULL) == KW_OK);
    return id;
}

/* Takes the event on top away, as a handler that does not set its id again would. */
static uint32_t pop(struct kw_events *q)
{
    uint32_t id = kw_events_top(q);
    kw_events_cancel(q, id);
    return id;
}

static void ties_run_first_in_first_out(void)
{
    struct kw_events q;
    uint32_t id[100];
    kw_events_init(&q);
    for (int i = 0; i < 100; i++) id[i] = new_id(&q);
    for (int i = 99; i >= 0; i--) kw_events_set(&q, id[i], 5);
    kw_events_set(&q, id[50], 5); /* set again: behind the others */
    for (int i = 99; i >= 0; i--)
        if (i != 50) CHECK(pop(&q) == id[i]);
    CHECK(pop(&q) == id[50]);
    CHECK(kw_events_next(&q) == KW_NEVER);
    kw_events_free(&q);
}

static void first_ones_go_before_all_others_of_their_time_by_id(void)
{
    struct kw_events q;
    kw_events_init(&q);
    uint32_t a = new_id(&q), b = new_id(&q), c = new_id(&q);
    kw_events_set(&q, a, 5);
    kw_events_set_first(&q, c, 5);
    kw_events_set_first(&q, b, 5);
    kw_events_set_first(&q, c, 5); /* how often it was set does not matter */
    CHECK(kw_events_due(&q, c) == 5);
    CHECK(pop(&q) == b && pop(&q) == c && pop(&q) == a);
    CHECK(kw_events_due(&q, c) == KW_NEVER);
    kw_events_free(&q);
}

static void ids_are_reused_and_released_with_their_event(void)
{
    struct kw_events q;
    kw_events_init(&q);
    uint32_t a = new_id(&q), b = new_id(&q);
    kw_events_set(&q, a, 1);
    kw_events_set(&q, b, 2);
    kw_events_release(&q, a);
    CHECK(kw_events_next(&q) == 2 && q.n == 1);
    uint32_t again = new_id(&q);
    CHECK(again == a && !kw_events_pending(&q, a));
    kw_events_cancel(&q, a); /* nothing to cancel */
    kw_events_clear(&q);
    CHECK(q.n == 0 && new_id(&q) == 0);
    kw_events_free(&q);
    kw_events_free(&q);
}

/* 300,000 random sets, moves, cancels and pops against a table that is searched from end to end. */
static void agrees_with_a_naive_search(void)
{
    enum { N = 200, STEPS = 300000 };
    struct kw_events q;
    kw_ns at[N];
    uint64_t seq[N], next_seq = 1, x = 88172645463325252u;
    bool on[N] = { false };
    uint32_t id[N];
    int wrong = 0, pops = 0;
    kw_events_init(&q);
    for (int i = 0; i < N; i++) id[i] = new_id(&q);
    for (int step = 0; step < STEPS && !wrong; step++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint32_t i = (uint32_t)(x >> 8) % N, what = (uint32_t)(x >> 40) % 10;
        if (what < 6) {
            at[i] = (kw_ns)(x >> 50) % 97; /* many ties */
            if (what == 5) {
                seq[i] = 0; /* before all others, by id */
                kw_events_set_first(&q, id[i], at[i]);
            } else {
                seq[i] = next_seq++;
                kw_events_set(&q, id[i], at[i]);
            }
            on[i] = true;
        } else if (what < 7) {
            on[i] = false;
            kw_events_cancel(&q, id[i]);
        } else {
            int least = -1;
            for (int j = 0; j < N; j++)
                if (on[j] && (least < 0 || at[j] < at[least] || (at[j] == at[least] && seq[j] < seq[least]))) least = j;
            wrong += kw_events_next(&q) != (least < 0 ? KW_NEVER : at[least]);
            if (least < 0) continue;
            wrong += pop(&q) != id[least];
            on[least] = false;
            pops++;
        }
    }
    CHECK(!wrong && pops > STEPS / 10);
    kw_events_free(&q);
}

static void the_root_and_its_children_keep_to_cache_lines(void)
{
    struct kw_events q;
    kw_events_init(&q);
    for (int i = 0; i < 1000; i++) kw_events_set(&q, new_id(&q), 1000 - i);
    CHECK((uintptr_t)&q.heap[1] % 64 == 0);
    for (kw_ns want = 1; want <= 1000; want++) {
        CHECK(kw_events_next(&q) == want);
        pop(&q);
    }
    kw_events_free(&q);
}

int main(void)
{
    RUN(ties_run_first_in_first_out);
    RUN(first_ones_go_before_all_others_of_their_time_by_id);
    RUN(ids_are_reused_and_released_with_their_event);
    RUN(agrees_with_a_naive_search);
    RUN(the_root_and_its_children_keep_to_cache_lines);
    return check_report();
}
