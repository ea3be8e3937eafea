/* Batches by timelines computed by hand, and what an API's ledger counts apart. */
#include "tests/sim/fleet/fleet_case.h"

/* A batch interface that takes 100 s for anything. */
static void begin(struct fleet_case *c, struct kw_batching how)
{
    case_begin(c, KW_SCALER_FIXED, 1, 1);
    c->d[0] = (struct kw_deployment){ .kind = KW_KIND_API,
                                      .name = "batch",
                                      .ttft_s = case_seconds(100),
                                      .output_rate = case_seconds(1e12),
                                      .batching = how,
                                      .retry = { .max_attempts = 1 } };
}

static kw_ns answered(const struct fleet_case *c, size_t i)
{
    return c->trace.arrival[i] + c->o.records[i].e2e;
}

static void one_is_sent_after_its_first_request(void)
{
    struct fleet_case c;
    begin(&c, (struct kw_batching){ .collect = 60 * S });
    const kw_ns at[] = { 0, 30 * S, 60 * S, 61 * S, 200 * S };
    for (int i = 0; i < 5; i++) case_request(&c, at[i], 100, 10);
    CHECK(case_run(&c) == KW_OK && c.o.completed == 5);
    /* The one that comes as the batch is sent still goes with it: arrivals come before events of their time. */
    const kw_ns want[] = { 160 * S, 160 * S, 160 * S, 221 * S, 360 * S };
    for (size_t i = 0; i < 5; i++) CHECK(answered(&c, i) == want[i]);
    CHECK(c.o.records[1].ttft == 130 * S); /* all tokens at once */
    case_end(&c);
}

static void a_full_one_does_not_wait(void)
{
    struct fleet_case c;
    begin(&c, (struct kw_batching){ .collect = 60 * S, .requests = 2 });
    const kw_ns at[] = { 0, 10 * S, 20 * S, 90 * S };
    for (int i = 0; i < 4; i++) case_request(&c, at[i], 100, 10);
    CHECK(case_run(&c) == KW_OK && c.o.completed == 4);
    const kw_ns want[] = { 110 * S, 110 * S, 180 * S, 250 * S };
    for (size_t i = 0; i < 4; i++) CHECK(answered(&c, i) == want[i]);
    case_end(&c);
}

/* 250 prompt tokens may be under way: of three of 100 that come together two are sent, the third when they are answered; one
 * of 300 that would never fit goes when nothing else does. */
static void what_does_not_fit_waits(void)
{
    struct fleet_case c;
    begin(&c, (struct kw_batching){ .collect = 60 * S, .queued_tokens = 250 });
    for (int i = 0; i < 3; i++) case_request(&c, 0, 100, 10);
    case_request(&c, 0, 300, 10);
    case_request(&c, 0, 50, 10);
    CHECK(case_run(&c) == KW_OK && c.o.completed == 5);
    const kw_ns want[] = { 160 * S, 160 * S, 260 * S, 360 * S, 460 * S };
    for (size_t i = 0; i < 5; i++) CHECK(answered(&c, i) == want[i]);
    case_end(&c);
    begin(&c, (struct kw_batching){ .queued_requests = 1 }); /* each by itself, one after the other */
    for (int i = 0; i < 3; i++) case_request(&c, i * S, 100, 10);
    CHECK(case_run(&c) == KW_OK && c.o.completed == 3);
    for (size_t i = 0; i < 3; i++) CHECK(answered(&c, i) == (kw_ns)(i + 1) * 100 * S);
    case_end(&c);
}

/* All of a batch draw the same, and each batch anew. */
static void a_batch_is_answered_as_one(void)
{
    struct fleet_case c;
    begin(&c, (struct kw_batching){ .collect = 60 * S });
    c.d[0].ttft_s = (struct kw_law){ .kind = KW_LAW_EXPONENTIAL, .v = { 100 } };
    for (int i = 0; i < 40; i++) case_request(&c, i * 10 * S, 100, 10);
    CHECK(case_run(&c) == KW_OK && c.o.completed == 40);
    int changes = 0;
    for (size_t i = 1; i < 40; i++) changes += answered(&c, i) != answered(&c, i - 1);
    CHECK(changes == 5); /* six batches: at 60, 130, 200, 270, 340, 410 s */
    case_end(&c);
}

static void long_prompts_are_counted_apart(void)
{
    struct fleet_case c;
    begin(&c, (struct kw_batching){ .collect = 0 });
    c.d[0].long_prompt = 1000;
    case_request(&c, 0, 999, 3);
    case_request(&c, S, 1000, 5);
    case_request(&c, 2 * S, 1001, 7);
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->tokens_in == 3000 && l->long_in == 1001 && l->tokens_out == 15 && l->long_out == 7 &&
          l->long_prompt == 1000);
    case_end(&c);
}

int main(void)
{
    RUN(one_is_sent_after_its_first_request);
    RUN(a_full_one_does_not_wait);
    RUN(what_does_not_fit_waits);
    RUN(a_batch_is_answered_as_one);
    RUN(long_prompts_are_counted_apart);
    return check_report();
}
