#include "sim/fleet/steady.h"
#include <math.h>

#define LEAST_KEPT 8   /* windows whose deviation says something of their mean */
#define RUN_UP_SHARE 4 /* of the work, one part in so many goes into finding a state that comes back */
#define NORMAL_95 1.96

const char *const kw_steadiness_name[] = { "one_pass", "repeats", "mean", "unsettled", NULL };

void kw_steady_begin(struct kw_steady *s, uint64_t most_work, uint64_t requests_a_pass)
{
    *s = (struct kw_steady){ .most = most_work, .requests = requests_a_pass, .least = LEAST_KEPT };
}

/* Where it would take too many, the moment is as good as fixed. */
void kw_steady_ticks(struct kw_steady *s, kw_ns tick, kw_ns pass)
{
    kw_ns ahead = pass % tick, step = ahead < tick - ahead ? ahead : tick - ahead;
    kw_ns turn = step ? (tick + step - 1) / step : 1;
    if (turn > s->least && turn <= KW_STEADY_PASSES) s->least = (uint32_t)turn;
}

/* The same growth in a pass that sim/plan calls an overload in a window. */
static bool grows(const struct kw_steady *s, uint64_t waiting)
{
    return s->looks && (double)waiting - (double)s->waiting > fmax(10, 0.01 * (double)s->requests);
}

bool kw_steady_opens(struct kw_steady *s, uint64_t state, uint64_t waiting)
{
    if (!s->looks) s->work = 0;
    s->overloaded = grows(s, waiting);
    s->waiting = waiting;
    for (uint32_t i = s->looks; i-- > 0 && !s->period;)
        if (s->state[i] == state) s->period = s->looks - i;
    if (s->overloaded || s->period || s->looks == KW_STEADY_LOOKS || s->work > s->most / RUN_UP_SHARE) return true;
    s->state[s->looks++] = state;
    return false;
}

bool kw_steady_enough(struct kw_steady *s, kw_ns alive, bool luck)
{
    double off = (double)alive - s->mean;
    s->kept++;
    s->mean += off / s->kept;
    s->squares += off * ((double)alive - s->mean);
    if (s->overloaded) return true;
    if (luck) s->period = 0;
    if (s->period) return s->kept == s->period;
    if (s->kept >= s->least && kw_steady_error(s) <= KW_STEADY_TOLERANCE) return true;
    return s->work > s->most || s->kept == KW_STEADY_PASSES;
}

double kw_steady_error(const struct kw_steady *s)
{
    if (s->period && s->kept == s->period) return 0;
    if (s->kept < 2) return NAN;
    if (!(s->mean > 0)) return 0;
    return NORMAL_95 * sqrt(s->squares / (s->kept - 1) / s->kept) / s->mean;
}
