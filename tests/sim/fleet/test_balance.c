/* Who gets the next request: each policy against the sentence at the head of its file, over replicas that come and go.
 */
#include "sim/fleet/balancers/balancer.h"
#include "tests/check.h"

static struct kw_rng rng;

static void begin(struct kw_balancer *b, enum kw_balance kind, uint32_t limit, uint32_t replicas)
{
    kw_balancer_init(b);
    CHECK(kw_balancer_begin(b, kind, limit, false, NULL) == KW_OK);
    for (uint32_t r = 0; r < replicas; r++) CHECK(kw_balancer_join(b, r, NULL) == KW_OK);
}

static uint32_t pick(struct kw_balancer *b)
{
    return kw_balancer_pick(b, (struct kw_prefix){ 0 }, &rng);
}

static uint32_t take(struct kw_balancer *b) /* picks and loads */
{
    uint32_t r = pick(b);
    if (r != KW_NO_REPLICA) CHECK(kw_balancer_up(b, r, NULL) == KW_OK);
    return r;
}

static void a_turn_passes_over_who_leaves(void)
{
    struct kw_balancer b;
    begin(&b, KW_BALANCE_ROUND_ROBIN, UINT32_MAX, 5);
    CHECK(pick(&b) == 0 && pick(&b) == 1 && pick(&b) == 2);
    kw_balancer_leave(&b, 1); /* before the turn: 3 is next all the same */
    CHECK(pick(&b) == 3);
    kw_balancer_leave(&b, 4); /* the next in turn itself: then the first again */
    CHECK(pick(&b) == 0);
    kw_balancer_leave(&b, 3); /* behind the turn */
    CHECK(pick(&b) == 2 && pick(&b) == 0);
    CHECK(kw_balancer_join(&b, 1, NULL) == KW_OK); /* comes last in the round */
    CHECK(pick(&b) == 2 && pick(&b) == 1 && pick(&b) == 0);
    kw_balancer_free(&b);
}

static void a_turn_passes_over_who_is_full(void)
{
    enum { N = 130 }; /* three words of bits, the last one of two */
    struct kw_balancer b;
    begin(&b, KW_BALANCE_ROUND_ROBIN, 2, N);
    for (uint32_t i = 0; i < 2 * N; i++) CHECK(take(&b) == i % N);
    CHECK(pick(&b) == KW_NO_REPLICA && b.n_room == 0 && b.total == 2 * N);
    static const uint32_t freed[] = { 129, 64, 63, 3, 128 };
    for (int i = 0; i < 5; i++) kw_balancer_down(&b, freed[i]);
    CHECK(take(&b) == 3 && take(&b) == 63 && take(&b) == 64 && take(&b) == 128 && take(&b) == 129);
    CHECK(pick(&b) == KW_NO_REPLICA);
    kw_balancer_down(&b, 100);
    kw_balancer_leave(&b, 50); /* the places behind it move by one, their room with them */
    CHECK(take(&b) == 100 && pick(&b) == KW_NO_REPLICA && b.n == N - 1);
    kw_balancer_free(&b);
}

static void packing_fills_one_after_another(void)
{
    struct kw_balancer b;
    begin(&b, KW_BALANCE_PACK, 4, 3);
    b.fill = 2;
    CHECK(take(&b) == 2 && take(&b) == 2); /* of the idle ones the newest; then the same until it is full */
    CHECK(take(&b) == 1 && take(&b) == 1 && take(&b) == 0);
    kw_balancer_down(&b, 2); /* 0 and 2 have one each, 2 for the shorter time */
    CHECK(take(&b) == 2 && take(&b) == 0);
    CHECK(take(&b) == 1 && take(&b) == 2 &&
          take(&b) == 0); /* all are full: the least, the one that has had it longest */
    kw_balancer_down(&b, 1);
    kw_balancer_down(&b, 1);
    CHECK(pick(&b) == 1);
    kw_balancer_leave(&b, 1);
    for (int i = 0; i < 2; i++) take(&b);
    CHECK(pick(&b) == KW_NO_REPLICA);
    kw_balancer_free(&b);
}

/* Least outstanding and the room of all, against loads and times kept beside it, over random comings and goings. */
static void the_least_load_goes_first_and_of_equals_who_has_had_it_longest(void)
{
    enum { N = 40 };
    struct kw_balancer b;
    uint32_t load[N] = { 0 }, limit = 3;
    uint64_t since[N] = { 0 }, clock = 0, picks = 0, full = 0;
    bool ready[N] = { false };
    begin(&b, KW_BALANCE_LEAST_OUTSTANDING, limit, 0);
    for (int step = 0; step < 40000; step++) {
        uint64_t what = kw_rng_u64(&rng) % 100, busy = step / 4000 % 2 ? 70 : 45;
        uint32_t k = (uint32_t)(kw_rng_u64(&rng) % N);
        clock++;
        if (what < 4 && !ready[k]) {
            CHECK(kw_balancer_join(&b, k, NULL) == KW_OK);
            ready[k] = true;
            load[k] = 0;
            since[k] = clock;
        } else if (what == 99 && ready[k]) {
            kw_balancer_leave(&b, k);
            ready[k] = false;
        } else if (what < busy) {
            uint32_t want = KW_NO_REPLICA, n = 0, room = 0;
            uint64_t total = 0;
            for (uint32_t r = 0; r < N; r++) {
                if (!ready[r]) continue;
                n++;
                room += load[r] < limit;
                total += load[r];
                bool first =
                    want == KW_NO_REPLICA || load[r] < load[want] || (load[r] == load[want] && since[r] < since[want]);
                if (first) want = r;
            }
            if (!room) want = KW_NO_REPLICA;
            CHECK(b.n == n && b.n_room == room && b.total == total);
            uint32_t got = take(&b);
            CHECK(got == want);
            if (got != want) break;
            full += want == KW_NO_REPLICA;
            if (want == KW_NO_REPLICA) continue;
            picks++;
            load[want]++;
            since[want] = clock;
        } else if (ready[k] && load[k]) {
            kw_balancer_down(&b, k);
            load[k]--;
            since[k] = clock;
        }
    }
    CHECK(picks > 8000 && full > 50);
    kw_balancer_free(&b);
}

static void two_choices_are_two_replicas(void)
{
    /* Of two replicas both are drawn each time, so the idle one always wins; of three loaded 0, 1, 2 the last never
     * does, and the first in two of three draws. */
    struct kw_balancer b;
    int won[3] = { 0 };
    begin(&b, KW_BALANCE_POWER_OF_TWO, UINT32_MAX, 2);
    CHECK(kw_balancer_up(&b, 0, NULL) == KW_OK);
    for (int i = 0; i < 1000; i++) CHECK(pick(&b) == 1);
    kw_balancer_free(&b);
    begin(&b, KW_BALANCE_POWER_OF_TWO, UINT32_MAX, 3);
    CHECK(kw_balancer_up(&b, 1, NULL) == KW_OK);
    CHECK(kw_balancer_up(&b, 2, NULL) == KW_OK && kw_balancer_up(&b, 2, NULL) == KW_OK);
    for (int i = 0; i < 30000; i++) won[pick(&b)]++;
    CHECK_NEAR(won[0], 20000, 5 * sqrt(30000 * 2 / 9.0));
    CHECK(won[2] == 0 && won[0] + won[1] == 30000);
    kw_balancer_free(&b);
    /* Equal loads: each replica alike often; a single one is always taken. */
    begin(&b, KW_BALANCE_POWER_OF_TWO, UINT32_MAX, 3);
    memset(won, 0, sizeof won);
    for (int i = 0; i < 30000; i++) won[pick(&b)]++;
    for (int r = 0; r < 3; r++) CHECK_NEAR(won[r], 10000, 5 * sqrt(30000 * 2 / 9.0));
    kw_balancer_leave(&b, 0);
    kw_balancer_leave(&b, 2);
    CHECK(pick(&b) == 1);
    kw_balancer_free(&b);
    /* Both full: the least load of all. */
    begin(&b, KW_BALANCE_POWER_OF_TWO, 1, 5);
    for (int i = 0; i < 5; i++) CHECK(take(&b) != KW_NO_REPLICA);
    CHECK(pick(&b) == KW_NO_REPLICA);
    kw_balancer_down(&b, 3);
    for (int i = 0; i < 50; i++) CHECK(pick(&b) == 3);
    kw_balancer_free(&b);
}

static void at_random_any_replica_with_room_is_as_likely(void)
{
    struct kw_balancer b;
    enum { N = 130, PICKS = 65000 }; /* over three words of bits */
    int won[N] = { 0 };
    begin(&b, KW_BALANCE_RANDOM, UINT32_MAX, N);
    for (int i = 0; i < 50; i++) CHECK(kw_balancer_up(&b, 7, NULL) == KW_OK); /* its load is of no weight */
    for (int i = 0; i < PICKS; i++) won[pick(&b)]++;
    for (int r = 0; r < N; r++) CHECK_NEAR(won[r], PICKS / N, 5 * sqrt(PICKS / N));
    kw_balancer_free(&b);
    begin(&b, KW_BALANCE_RANDOM, 1, N);
    for (int r = 0; r < N; r++) won[r] = 0;
    for (int r = 0; r < N; r++)
        if (r % 13) CHECK(kw_balancer_up(&b, (uint32_t)r, NULL) == KW_OK);
    for (int i = 0; i < PICKS; i++) won[pick(&b)]++; /* 0, 13, ..., 117 have room */
    for (int r = 0; r < N; r++) {
        if (r % 13) CHECK(!won[r]);
        if (r % 13 == 0) CHECK_NEAR(won[r], PICKS / 10, 5 * sqrt(PICKS / 10));
    }
    kw_balancer_free(&b);
}

static uint32_t with(struct kw_balancer *b, const uint64_t *hash, uint32_t n)
{
    return kw_balancer_pick(b, (struct kw_prefix){ hash, n, 1, n, 0 }, &rng);
}

static void an_adapter_stays_where_it_was_until_its_load_passes_the_bound(void)
{
    struct kw_balancer b;
    const uint64_t chat[] = { 11, 12, 13 }, other[] = { 21, 22 }, branch[] = { 11, 12, 99 };
    begin(&b, KW_BALANCE_ADAPTER, UINT32_MAX, 4);
    uint32_t home = with(&b, chat, 3);
    CHECK(home == 0);
    CHECK(kw_balancer_up(&b, home, NULL) == KW_OK);
    /* The mean with the next one is (1 + 1) / 4; ceil(1.25 * 0.5) = 1, and home would have 2. */
    uint32_t away = with(&b, chat, 3);
    CHECK(away == 1);
    kw_balancer_down(&b, home);
    CHECK(with(&b, chat, 3) == away);   /* who served it last has it in its cache */
    CHECK(with(&b, branch, 3) == away); /* an adapter is one hash: what follows is nobody's */
    CHECK(kw_balancer_up(&b, away, NULL) == KW_OK);
    CHECK(with(&b, other, 2) == 2); /* nothing of it is known: the least load, of equals who has had it longest */
    kw_balancer_down(&b, away);
    /* 3 each on four replicas and one more: the bound is ceil(1.25 * 13 / 4) = 5, so the fifth is the last. */
    for (uint32_t r = 0; r < 4; r++)
        for (int i = 0; i < 3; i++) CHECK(kw_balancer_up(&b, r, NULL) == KW_OK);
    CHECK(with(&b, chat, 3) == away);
    CHECK(kw_balancer_up(&b, away, NULL) == KW_OK); /* 4; one more is 5 <= ceil(1.25 * 14 / 4) = 5 */
    CHECK(with(&b, chat, 3) == away);
    CHECK(kw_balancer_up(&b, away, NULL) == KW_OK); /* 5; 6 > ceil(1.25 * 15 / 4) = 5 */
    CHECK(with(&b, chat, 3) != away);
    kw_balancer_free(&b);
    /* A full replica and one that is gone are no home. */
    begin(&b, KW_BALANCE_ADAPTER, 1, 2);
    CHECK(with(&b, chat, 3) == 0);
    kw_balancer_leave(&b, 0);
    CHECK(with(&b, chat, 3) == 1);
    CHECK(kw_balancer_join(&b, 0, NULL) == KW_OK);
    CHECK(kw_balancer_up(&b, 1, NULL) == KW_OK);
    CHECK(with(&b, chat, 3) == 0);
    kw_balancer_free(&b);
}

static void room_of_who_has_left_is_no_room(void)
{
    struct kw_balancer b;
    begin(&b, KW_BALANCE_ROUND_ROBIN, 1, 5);
    kw_balancer_leave(&b, 4); /* with room */
    CHECK(kw_balancer_up(&b, 3, NULL) == KW_OK);
    CHECK(take(&b) == 0 && take(&b) == 1 && take(&b) == 2);
    kw_balancer_down(&b, 1);
    CHECK(take(&b) == 1); /* from place 3 on there is nobody, though place 4 once had room */
    kw_balancer_free(&b);
}

static void of_equal_loads_the_first_drawn_wins(void)
{
    struct kw_balancer b;
    struct kw_rng same = { .g = NULL };
    begin(&b, KW_BALANCE_POWER_OF_TWO, UINT32_MAX, 7);
    kw_rng_free(&rng);
    CHECK(kw_rng_init(&rng, 5, 0, KW_RNG_ROUTING, NULL) == KW_OK);
    CHECK(kw_rng_init(&same, 5, 0, KW_RNG_ROUTING, NULL) == KW_OK);
    for (int i = 0; i < 200; i++) {
        double first = (double)(kw_rng_u64(&same) >> 11) * 0x1p-53;
        (void)kw_rng_u64(&same);
        CHECK(pick(&b) == (uint32_t)(first * 7));
    }
    kw_rng_free(&same);
    kw_balancer_free(&b);
}

static void the_bound_counts_the_request_itself(void)
{
    /* Loads 4, 3, 3, 2: with the next one the mean is 13 / 4, and ceil(1.25 * 3.25) = 5 is what the first would have;
     * without it the bound would be ceil(1.25 * 3) = 4. */
    struct kw_balancer b;
    const uint64_t chat[] = { 11 }, load[] = { 4, 3, 3, 2 };
    begin(&b, KW_BALANCE_ADAPTER, UINT32_MAX, 4);
    CHECK(with(&b, chat, 1) == 0);
    for (uint32_t r = 0; r < 4; r++)
        for (uint64_t i = 0; i < load[r]; i++) CHECK(kw_balancer_up(&b, r, NULL) == KW_OK);
    CHECK(with(&b, chat, 1) == 0);
    kw_balancer_free(&b);
}

/* Blocks of 100 tokens; the request is dispatched: its replica has one more and awaits what it computes. */
static uint32_t give(struct kw_balancer *b, const uint64_t *hash, uint32_t n, uint32_t tokens)
{
    uint32_t r = kw_balancer_pick(b, (struct kw_prefix){ hash, n, 100, tokens, 0 }, &rng);
    CHECK(kw_balancer_up(b, r, NULL) == KW_OK);
    kw_balancer_awaits(b, r, b->computes);
    return r;
}

/* What a prefix saves against what the other replica would have to compute less; a block that all have in common is no match. */
static void a_prefix_is_weighed_in_tokens(void)
{
    struct kw_balancer b;
    const uint64_t chat[] = { 1, 11, 12, 13 }, more[] = { 1, 11, 12, 13, 14 }, other[] = { 1, 21 };
    begin(&b, KW_BALANCE_PREFIX, UINT32_MAX, 2);
    b.min_match = 150;
    CHECK(give(&b, chat, 4, 400) == 0 && b.computes == 400);
    CHECK(give(&b, other, 2, 200) == 1 && b.computes == 200); /* the first block is known, and too little */
    kw_balancer_answers(&b, 0, 400);
    CHECK(b.awaited[0] == 0 && b.awaited[1] == 200);
    CHECK(give(&b, more, 5, 450) == 0 && b.computes == 50); /* 400 of 450 are there */
    CHECK(give(&b, (const uint64_t[]){ 31 }, 1, 80) == 0);  /* nothing known: 50 are awaited there, 200 here */
    kw_balancer_answers(&b, 1, 200);
    kw_balancer_awaits(&b, 0, 370); /* 500 there, 0 here: more than 400 are saved by no match */
    CHECK(give(&b, chat, 4, 400) == 1 && b.computes == 400);
    kw_balancer_answers(&b, 0, 400); /* 100 there, and 400 here, where the prefix is now */
    CHECK(give(&b, chat, 4, 400) == 1 && b.computes == 0);
    b.min_match = 401;
    CHECK(give(&b, chat, 4, 400) == 0);
    kw_balancer_free(&b);
}

/* A cache of 1000 tokens: what was computed since has pushed the prefix out. And no prefix is followed to where 32 requests
 * more are. */
static void a_prefix_is_forgotten_and_not_followed_anywhere(void)
{
    struct kw_balancer b;
    const uint64_t chat[] = { 11, 12 };
    const struct kw_prefix prompt = { chat, 2, 100, 200, 0 };
    begin(&b, KW_BALANCE_PREFIX, UINT32_MAX, 2);
    b.room_tokens = 1000;
    CHECK(give(&b, chat, 2, 200) == 0);
    kw_balancer_answers(&b, 0, 200);
    CHECK(kw_balancer_up(&b, 1, NULL) == KW_OK);
    CHECK(kw_balancer_up(&b, 1, NULL) == KW_OK);
    b.taken[0] = 200 + 999;
    CHECK(kw_balancer_pick(&b, prompt, &rng) == 0 && b.computes == 0);
    b.taken[0] += 1000;
    CHECK(kw_balancer_pick(&b, prompt, &rng) == 0 && b.computes == 200);
    for (int i = 0; i < 33; i++) CHECK(kw_balancer_up(&b, 0, NULL) == KW_OK); /* 34 and 2: no more than 32 apart */
    CHECK(kw_balancer_pick(&b, prompt, &rng) == 0 && b.computes == 0);
    CHECK(kw_balancer_up(&b, 0, NULL) == KW_OK);
    CHECK(kw_balancer_pick(&b, prompt, &rng) == 1 && b.computes == 200);
    kw_balancer_free(&b);
}

static void an_unknown_prefix_is_nobodys(void)
{
    struct kw_balancer b;
    /* A table full of other prefixes, all on replica 0, says nothing of one that it does not hold. */
    begin(&b, KW_BALANCE_PREFIX, UINT32_MAX, 2);
    for (uint64_t h = 1; h <= 400000; h++) CHECK(with(&b, &h, 1) == 0);
    CHECK(kw_balancer_up(&b, 0, NULL) == KW_OK);
    for (uint64_t h = 1000001; h <= 1000050; h++) CHECK(with(&b, &h, 1) == 1);
    kw_balancer_free(&b);
}

int main(void)
{
    if (kw_rng_init(&rng, 1, 0, KW_RNG_ROUTING, NULL) != KW_OK) return 1;
    RUN(a_turn_passes_over_who_leaves);
    RUN(a_turn_passes_over_who_is_full);
    RUN(packing_fills_one_after_another);
    RUN(the_least_load_goes_first_and_of_equals_who_has_had_it_longest);
    RUN(two_choices_are_two_replicas);
    RUN(at_random_any_replica_with_room_is_as_likely);
    RUN(an_adapter_stays_where_it_was_until_its_load_passes_the_bound);
    RUN(room_of_who_has_left_is_no_room);
    RUN(of_equal_loads_the_first_drawn_wins);
    RUN(the_bound_counts_the_request_itself);
    RUN(a_prefix_is_weighed_in_tokens);
    RUN(a_prefix_is_forgotten_and_not_followed_anywhere);
    RUN(an_unknown_prefix_is_nobodys);
    kw_rng_free(&rng);
    return check_report();
}
