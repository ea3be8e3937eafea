/* KPA beside the published source over thousands of random loads, pods and settings: every decision, at each tick and
 * at each request that finds no pod. Loads and pods change at whole seconds, the grain of the published averages. */
#include "sim/fleet/scalers/scaler.h"
#include "tests/check.h"
#include "tests/sim/fleet/reference_kpa.h"

#define S KW_NS_PER_S
enum { SECONDS = 900 };

static uint64_t state;
static uint32_t dice(uint32_t n) /* 0 .. n - 1 */
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)((state >> 20) % n);
}

/* What was seen over all histories: a test that never woke, panicked or held a wish would prove nothing of it. */
static int decisions, wakes, several_at_a_wake, panics, calmed, delayed, partial_wakes;

struct pods {
    int starting[1000], n_starting, ready; /* starting: the second in which each is ready */
};

static uint32_t alive(const struct pods *p)
{
    return (uint32_t)(p->ready + p->n_starting);
}

static void scale(struct pods *p, uint32_t want, int t)
{
    while (alive(p) < want) p->starting[p->n_starting++] = t + 1 + (int)dice(40);
    while (alive(p) > want && p->n_starting) p->n_starting--;
    while (alive(p) > want) p->ready--;
}

static void become_ready(struct pods *p, int t)
{
    int n = 0;
    for (int i = 0; i < p->n_starting; i++) {
        if (p->starting[i] <= t)
            p->ready++;
        else
            p->starting[n++] = p->starting[i];
    }
    p->n_starting = n;
}

static uint32_t bounded(const struct kw_autoscaling *c, uint32_t want)
{
    return want < c->keep_warm ? c->keep_warm : want > c->max_replicas ? c->max_replicas : want;
}

/* Bursts, plateaus, ramps and silence of any length. */
static uint64_t next_level(uint64_t level)
{
    switch (dice(24)) {
    case 0: return dice(10);
    case 1: return dice(150);
    case 2: return level + dice(1 + (uint32_t)level);
    case 3:
    case 4: return 0;
    default: return level;
    }
}

static bool history(uint64_t seed)
{
    static const int windows[] = { 20, 40, 60 }, panics_of[] = { 2, 4, 6 }, delays[] = { 0, 0, 2, 3, 5, 30, 61 };
    static const double targets[] = { 0.5, 0.3137, 1, 2.5, 2.1037, 7, 40 }, ups[] = { 1000, 1.1, 2, 3 };
    static const double downs[] = { 2, 1.5, 4 }, thresholds[] = { 2, 1.1, 1.5, 10 };
    static const int zero_timeouts[] = { 0, 0, 30, 90 };
    state = seed * 0x9e3779b97f4a7c15u + 1;
    int stable = windows[dice(3)], panic = panics_of[dice(3)], delay = delays[dice(7)];
    struct kw_autoscaling c = { .scaler = KW_SCALER_KPA,
                                .keep_warm = dice(3) ? 0 : dice(3),
                                .max_replicas = dice(3) ? 900 : 2 + dice(8),
                                .target = 2 * targets[dice(7)],
                                .utilisation = 0.5,
                                .scale_up_window = stable * S,
                                .scale_down_delay = delay * S,
                                .zero_timeout = zero_timeouts[dice(4)] * S,
                                .max_up_rate = ups[dice(4)],
                                .max_down_rate = downs[dice(3)],
                                .panic_threshold = thresholds[dice(4)],
                                .panic_window_share = (double)panic / stable };
    static struct ref_kpa ref;
    struct kw_autoscaler s;
    struct kw_error err;
    ref_kpa_new(&ref, stable, panic, delay);
    ref.target_value = c.target * c.utilisation;
    ref.max_up = c.max_up_rate;
    ref.max_down = c.max_down_rate;
    ref.panic_threshold = c.panic_threshold;
    kw_scaler_init(&s);
    if (kw_scaler_begin(&s, &c, c.keep_warm, &err) != KW_OK) return false;
    struct pods p = { .ready = (int)c.keep_warm };
    if (c.keep_warm) /* pods that were there before the run, without a request */
        for (int t = 1000 - stable; t < 1000; t++) ref_kpa_record(&ref, t, 0);
    uint64_t level = 0, quiet = 1 + dice(200); /* second 0 is the pool's own: its pods are there */
    int empty_since = 0;
    kw_ns timer = KW_NEVER;
    bool same = true;
    for (int t = 0; t < SECONDS && same; t++) {
        int rt = 1000 + t, adjust = 0; /* the reference's clock */
        become_ready(&p, t);
        uint64_t before = level;
        if (quiet) {
            quiet--;
        } else if (level || dice(3)) { /* requests leave only what serves them */
            level = next_level(level);
            if (!p.ready && level < before) level = before;
            if (!level) quiet = dice(4) ? 15 + dice(150) : dice(30);
        }
        if (level != before) kw_area_track(&s.area, level, t * S);
        if (before && !level) empty_since = t;
        struct kw_signals g = { .ready = (uint32_t)p.ready, .starting = (uint32_t)p.n_starting, .slots = 1 };
        *(p.ready ? &g.in_flight : &g.queued) = level;
        if (level > before) {
            uint32_t want = alive(&p), got = s.policy->want(&s, &g, t * S, KW_CAUSE_ARRIVED);
            if (!want) {
                if (ref.stable.first_write != REF_NEVER && rt - ref.stable.last_write < stable) partial_wakes++;
                ref_kpa_record(&ref, rt, 1);
                adjust = 1;
                want = (uint32_t)ref_kpa_scale(&ref, rt, rt, 0);
                wakes++;
                several_at_a_wake += want > 1;
            }
            decisions++;
            if (bounded(&c, got) != bounded(&c, want)) {
                fprintf(stderr, "history %d, request at %d: wants %u, the source %u\n", (int)seed, t, got, want);
                same = false;
            }
            scale(&p, bounded(&c, got), t);
            g.starting = (uint32_t)p.n_starting;
            if (timer == KW_NEVER) timer = s.policy->timer(&s, &g, t * S);
        }
        if (t % 2 == 0 && t) {
            int was_panicking = ref.panic_time != REF_NEVER;
            int scaled = ref_kpa_scale(&ref, rt, rt - 1, p.ready);
            panics += !was_panicking && ref.panic_time != REF_NEVER;
            calmed += was_panicking && ref.panic_time == REF_NEVER;
            uint32_t want = scaled < 0 ? alive(&p) : (uint32_t)scaled, got = alive(&p);
            /* The last pod stays while there is a request, and zero_timeout longer. */
            if (!want && alive(&p) && (level || t - empty_since < c.zero_timeout / S)) want = 1;
            if (timer == t * S) {
                got = s.policy->want(&s, &g, t * S, KW_CAUSE_TIMER);
                g.ready = (uint32_t)p.ready;
                scale(&p, bounded(&c, got), t);
                g.ready = (uint32_t)p.ready;
                g.starting = (uint32_t)p.n_starting;
                timer = s.policy->timer(&s, &g, t * S);
            }
            decisions++;
            delayed += s.c->scale_down_delay > 0;
            if (bounded(&c, got) != bounded(&c, want)) { /* asleep: the source must not want a change either */
                fprintf(stderr, "history %d, tick at %d: wants %u, the source %u\n", (int)seed, t, got, want);
                same = false;
            }
        }
        if (p.ready || level) ref_kpa_record(&ref, rt, (double)level - adjust);
    }
    kw_scaler_free(&s);
    return same;
}

static void kpa_decides_as_the_published_source(void)
{
    int wrong = 0;
    for (uint64_t seed = 1; seed <= 10000 && wrong < 5; seed++) wrong += !history(seed);
    CHECK(!wrong);
    CHECK(decisions > 1000000 && wakes > 5000 && several_at_a_wake > 1000 && partial_wakes > 150 && panics > 5000 &&
          calmed > 5000 && delayed > 1000000);
    printf("%d decisions, %d wakes (%d of several pods, %d within the window), %d panics, %d calmed\n", decisions,
           wakes, several_at_a_wake, partial_wakes, panics, calmed);
}

int main(void)
{
    RUN(kpa_decides_as_the_published_source);
    return check_report();
}
