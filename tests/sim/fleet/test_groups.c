#include "sim/fleet/groups.h"
#include <string.h>
#include "tests/check.h"

enum { N = 400 };
static uint16_t klass[N], region[N];
static kw_ns arrival[N];
static char *names[N];
static const struct kw_slo_limits limits = { .ttft = 5 };

static struct kw_trace trace_of(size_t classes, size_t regions)
{
    for (size_t i = 0; i < N; i++) {
        klass[i] = (uint16_t)(i % classes);
        region[i] = (uint16_t)(i / classes % regions);
        names[i] = "x";
    }
    return (struct kw_trace){ .n = N,
                              .arrival = arrival,
                              .klass = classes > 1 ? klass : NULL,
                              .class_name = names,
                              .n_classes = classes > 1 ? classes : 0,
                              .region = region,
                              .region_name = names,
                              .n_regions = regions };
}

static void regions_are_told_apart_beside_classes(void)
{
    struct kw_groups g;
    struct kw_trace t = trace_of(2, 3);
    CHECK(kw_groups_init(&g, &t, &limits, NULL) == KW_OK && g.n == 6);
    for (uint32_t i = 0; i < N; i++) {
        const struct kw_group *x = &g.group[kw_groups_of(&g, &t, i)];
        CHECK(x->klass == klass[i] && x->region == region[i] && x->model == -1 && x->limits.ttft == 5);
    }
    CHECK(g.group[1].klass == 0 && g.group[1].region == 1); /* in order of class, then region */
    kw_groups_free(&g);
    t = trace_of(1, 2);
    CHECK(kw_groups_init(&g, &t, &limits, NULL) == KW_OK && g.n == 2 && g.group[1].klass == -1 &&
          g.group[1].region == 1);
    kw_groups_free(&g);
    t = trace_of(1, 1);
    CHECK(kw_groups_init(&g, &t, &limits, NULL) == KW_OK && g.n == 1 && !g.of && g.group[0].region == -1);
    kw_groups_free(&g);
}

/* A country a request is no reason to lose the classes, whose objectives differ. */
static void where_there_are_too_many_regions_give_way(void)
{
    struct kw_groups g;
    struct kw_trace t = trace_of(2, 33);
    CHECK(kw_groups_init(&g, &t, &limits, NULL) == KW_OK && g.n == 2 && g.group[1].klass == 1 &&
          g.group[1].region == -1);
    for (uint32_t i = 0; i < N; i++) CHECK(kw_groups_of(&g, &t, i) == klass[i]);
    kw_groups_free(&g);
    t = trace_of(2, 32);
    CHECK(kw_groups_init(&g, &t, &limits, NULL) == KW_OK && g.n == 64);
    kw_groups_free(&g);
    t = trace_of(65, 2);
    CHECK(kw_groups_init(&g, &t, &limits, NULL) == KW_OK && g.n == 1 && !g.of);
    kw_groups_free(&g);
}

int main(void)
{
    RUN(regions_are_told_apart_beside_classes);
    RUN(where_there_are_too_many_regions_give_way);
    return check_report();
}
