#include "sim/fleet/ring.h"
#include "tests/check.h"

/* Grown with its content across the end of the block: places 200 to 455 of 256. */
static void first_in_first_out_while_it_grows(void)
{
    struct kw_ring q = { 0 };
    uint32_t in = 0, out = 0;
    CHECK(kw_ring_empty(&q));
    for (; in < 200; in++) CHECK(kw_ring_push(&q, in, NULL) == KW_OK);
    for (; out < 200; out++, kw_ring_drop(&q, 1)) CHECK(kw_ring_at(&q, 0) == out);
    for (; in < 1000; in++) CHECK(kw_ring_push(&q, in, NULL) == KW_OK);
    CHECK(kw_ring_count(&q) == 800 && kw_ring_at(&q, 799) == 999);
    for (; out < 1000; out++, kw_ring_drop(&q, 1)) CHECK(kw_ring_at(&q, 0) == out);
    CHECK(kw_ring_empty(&q));
    kw_ring_free(&q);
}

int main(void)
{
    RUN(first_in_first_out_while_it_grows);
    return check_report();
}
