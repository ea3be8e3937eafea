/* What one lone request starts, and two at once, on every platform file: never more replicas than requests that wait,
 * and the table in ARCHITECTURE.md says what is found here. Starts take 100 s, longer than any delay of a scaler. */
#include <string.h>
#include "platforms/facts/platforms.h"
#include "tests/sim/fleet/fleet_case.h"

static struct kw_platforms all;

static bool pool_of_replicas(const struct kw_platform *p)
{
    return p->kind != KW_KIND_API && strcmp(kw_scaler_name[p->scaling.scaler], "fixed");
}

static void deploy(struct fleet_case *c, const struct kw_platform *p, double start_s, uint32_t max_replicas)
{
    struct kw_deployment *d = &c->d[0];
    d->kind = p->kind;
    d->sched.max_num_seqs = 64;
    d->scaling = p->scaling;
    d->scaling.keep_warm = p->scaling.at_zero == KW_ZERO_STOPPED;
    d->scaling.max_replicas = max_replicas;
    d->cold.init = case_seconds(start_s);
    d->retry = p->retry;
}

struct seen {
    uint64_t starts;
    kw_ns alive; /* of all replicas together */
};

/* `n` requests at once in an empty pool, each `ms` of work for a replica. */
static struct seen run(const struct kw_platform *p, int n, uint32_t ms, double start_s, uint32_t max_replicas)
{
    struct fleet_case c;
    struct seen seen = { 0 };
    case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
    deploy(&c, p, start_s, max_replicas);
    for (int i = 0; i < n; i++) case_request(&c, 0, ms, 1);
    c.trace.span = 10000 * S;
    CHECK(case_run(&c) == KW_OK);
    seen.starts = c.o.ledger[0].starts;
    for (uint64_t i = 0; i < c.o.ledger[0].lives_n; i++)
        seen.alive += c.o.ledger[0].lives[i].gone - c.o.ledger[0].lives[i].born;
    case_end(&c);
    return seen;
}

static void never_more_starts_than_requests(void)
{
    static const double starts_s[] = { 0, 10, 100, 1000 };
    static const uint32_t work_ms[] = { 1000, 70000 };
    for (size_t i = 0; i < all.n; i++) {
        const struct kw_platform *p = &all.p[i];
        if (!pool_of_replicas(p)) continue;
        for (int s = 0; s < 4; s++)
            for (int w = 0; w < 2; w++) {
                uint64_t one = run(p, 1, work_ms[w], starts_s[s], 10).starts,
                         two = run(p, 2, work_ms[w], starts_s[s], 10).starts;
                if (one > 1 || two > 2 || two < one)
                    fprintf(stderr, "%s, starts of %g s: %d for one request, %d for two\n", p->name, starts_s[s],
                            (int)one, (int)two);
                CHECK(one == (p->scaling.at_zero != KW_ZERO_STOPPED));
                CHECK(two >= one && two <= 2);
            }
    }
}

static void more_replicas_allowed_cost_a_lone_request_nothing(void)
{
    static const double starts_s[] = { 10, 100, 1000 };
    for (size_t i = 0; i < all.n; i++) {
        if (!pool_of_replicas(&all.p[i])) continue;
        for (int s = 0; s < 3; s++) {
            kw_ns one = run(&all.p[i], 1, 70000, starts_s[s], 1).alive;
            for (uint32_t most = 2; most <= 12; most += 5)
                CHECK(run(&all.p[i], 1, 70000, starts_s[s], most).alive == one);
        }
    }
}

static void the_document_has_the_same_table(void)
{
    static char text[1 << 16];
    FILE *f = fopen("ARCHITECTURE.md", "r");
    CHECK(f && fread(text, 1, sizeof text - 1, f) > 1000);
    if (f) fclose(f);
    for (size_t i = 0; i < all.n; i++) {
        if (!pool_of_replicas(&all.p[i])) continue;
        char row[96];
        snprintf(row, sizeof row, "| %s | %d | %d |", all.p[i].name, (int)run(&all.p[i], 1, 1000, 100, 10).starts,
                 (int)run(&all.p[i], 2, 1000, 100, 10).starts);
        if (!strstr(text, row)) fprintf(stderr, "not in ARCHITECTURE.md: %s\n", row);
        CHECK(strstr(text, row) != NULL);
    }
}

int main(void)
{
    struct kw_error err;
    if (kw_platforms_embedded(&all, &err) != KW_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    RUN(never_more_starts_than_requests);
    RUN(more_replicas_allowed_cost_a_lone_request_nothing);
    RUN(the_document_has_the_same_table);
    kw_platforms_free(&all);
    return check_report();
}
