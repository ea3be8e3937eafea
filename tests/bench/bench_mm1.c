/* M/M/1 on the bare event queue: an arrival and a departure a customer, two exponential variates. Peers: cimba 5.65 M
 * customers a second a core, SimPy 0.16 M (PEERS.md); the mark is 15 M. Usage: bench_mm1 [million customers]. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "sim/core/rng.h"
#include "sim/fleet/events.h"

#define LAMBDA 0.9
#define MU 1.0
#define SCALE 1e6 /* ns a time unit */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* the machine is shared */
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Variates drawn a block at a time: the logarithms of a block do not wait for one another. */
struct draws {
    struct kw_rng rng;
    double mean;
    uint32_t at;
    kw_ns v[512];
};

static kw_ns draw(struct draws *d)
{
    if (d->at == 512) {
        for (d->at = 0; d->at < 512; d->at++) d->v[d->at] = (kw_ns)kw_rng_exp(&d->rng, d->mean);
        d->at = 0;
    }
    return d->v[d->at++];
}

int main(int argc, char **argv)
{
    uint64_t customers = (uint64_t)((argc > 1 ? atof(argv[1]) : 20) * 1e6), arrived = 0, served = 0;
    struct kw_error err;
    struct kw_events q;
    static struct draws interarrival = { .mean = SCALE / LAMBDA, .at = 512 },
                        service = { .mean = SCALE / MU, .at = 512 };
    uint32_t arrival, departure;
    kw_events_init(&q);
    if (kw_events_id(&q, 0, &arrival, &err) || kw_events_id(&q, 1, &departure, &err) ||
        kw_rng_init(&interarrival.rng, 1, 0, KW_RNG_ARRIVALS, &err) ||
        kw_rng_init(&service.rng, 1, 0, KW_RNG_SERVICE, &err)) {
        fprintf(stderr, "bench_mm1: %s\n", err.msg);
        return 1;
    }
    double begin = seconds(), area = 0;
    kw_ns now = 0;
    uint64_t in_system = 0;
    kw_events_set(&q, arrival, draw(&interarrival));
    while (served < customers) {
        kw_ns at = kw_events_next(&q);
        area += (double)in_system * (double)(at - now);
        now = at;
        if (kw_events_top(&q) == arrival) {
            if (!in_system++) kw_events_set(&q, departure, now + draw(&service));
            if (++arrived < customers) {
                kw_events_set(&q, arrival, now + draw(&interarrival));
            } else {
                kw_events_cancel(&q, arrival);
            }
        } else {
            served++;
            if (--in_system) {
                kw_events_set(&q, departure, now + draw(&service));
            } else {
                kw_events_cancel(&q, departure);
            }
        }
    }
    double s = seconds() - begin;
    printf("M/M/1, rho %.1f: %.1f M customers in %.3f s: %.2f M customers/s, mean in system %.3f (theory %.3f)\n",
           LAMBDA / MU, (double)customers / 1e6, s, (double)customers / s / 1e6, area / (double)now,
           LAMBDA / (MU - LAMBDA));
    kw_rng_free(&interarrival.rng);
    kw_rng_free(&service.rng);
    kw_events_free(&q);
    return 0;
}
