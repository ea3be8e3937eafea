#include "workloads/hmm.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { S = KW_WORKLOAD_STATES };

static void start(struct kw_hmm *h, const uint32_t *count, const double *exposure, size_t n)
{
    double events = 0, time = 0, top = 0;
    for (size_t i = 0; i < n; i++) {
        events += count[i];
        time += exposure[i];
        if (exposure[i] > 0 && count[i] / exposure[i] > top) top = count[i] / exposure[i];
    }
    double mean = events / time, low = mean * 0.03, high = top * 0.6 > 1.5 * mean ? top * 0.6 : 1.5 * mean;
    for (int i = 0; i < h->k; i++) {
        h->rate[i] = low * pow(high / low, (double)i / (h->k - 1)); /* geometric: rates differ by orders */
        for (int j = 0; j < h->k; j++) h->move[i][j] = i == j ? 0.9 : 0.1 / (h->k - 1);
    }
}

/* b[i]: likelihood of the bin in state i, up to the factor exp(returned) and one that depends on the bin alone. */
static double emission(const struct kw_hmm *h, const double *log_rate, uint32_t count, double exposure, double *b)
{
    double top = -INFINITY;
    for (int i = 0; i < h->k; i++) {
        b[i] = (count ? count * log_rate[i] : 0) - h->rate[i] * exposure;
        if (b[i] > top) top = b[i];
    }
    for (int i = 0; i < h->k; i++) b[i] = exp(b[i] - top);
    return top;
}

/* One round of EM; forward[n][S] is scratch. The likelihood is that of the parameters before the round. */
static void round_of_em(struct kw_hmm *h, const uint32_t *count, const double *exposure, size_t n, double (*forward)[S])
{
    int k = h->k;
    double log_rate[S], b[S], total = 0;
    for (int i = 0; i < k; i++) log_rate[i] = log(h->rate[i]);
    for (size_t t = 0; t < n; t++) {
        double sum = 0;
        double base = emission(h, log_rate, count[t], exposure[t], b);
        for (int j = 0; j < k; j++) {
            double p = t ? 0 : 1.0 / k;
            for (int i = 0; t && i < k; i++) p += forward[t - 1][i] * h->move[i][j];
            sum += forward[t][j] = p * b[j];
        }
        for (int j = 0; j < k; j++) forward[t][j] /= sum;
        total += log(sum) + base;
    }
    double beta[S], events[S] = { 0 }, time[S] = { 0 }, move[S][S] = { { 0 } };
    for (int i = 0; i < k; i++) beta[i] = 1;
    for (size_t t = n; t-- > 0;) {
        double gamma[S], sum = 0;
        for (int i = 0; i < k; i++) sum += gamma[i] = forward[t][i] * beta[i];
        for (int i = 0; i < k; i++) {
            events[i] += gamma[i] / sum * count[t];
            time[i] += gamma[i] / sum * exposure[t];
        }
        if (t == 0) break;
        double xi[S][S], all = 0, before[S], scale = 0;
        emission(h, log_rate, count[t], exposure[t], b);
        for (int i = 0; i < k; i++) {
            before[i] = 0;
            for (int j = 0; j < k; j++) {
                double p = h->move[i][j] * b[j] * beta[j];
                before[i] += p;
                all += xi[i][j] = forward[t - 1][i] * p;
            }
            scale += before[i];
        }
        for (int i = 0; i < k; i++) {
            beta[i] = before[i] / scale;
            for (int j = 0; j < k; j++) move[i][j] += xi[i][j] / all;
        }
    }
    for (int i = 0; i < k; i++) {
        double sum = 0;
        if (time[i] > 0) h->rate[i] = events[i] / time[i];
        if (h->rate[i] < 1e-12) h->rate[i] = 1e-12; /* a silent state: its logarithm must stay finite */
        for (int j = 0; j < k; j++) sum += move[i][j];
        for (int j = 0; j < k && sum > 0; j++) h->move[i][j] = move[i][j] / sum;
    }
    h->log_likelihood = total;
}

enum kw_status kw_hmm_fit(struct kw_hmm *h, const uint32_t *count, const double *exposure, size_t n, int rounds,
                          struct kw_error *err)
{
    double(*forward)[S] = malloc(n * sizeof *forward);
    if (!forward) return kw_fail(err, KW_ENOMEM, "out of memory fitting %zu bins", n);
    start(h, count, exposure, n);
    double last = -INFINITY;
    for (int r = 0; r < rounds; r++) {
        round_of_em(h, count, exposure, n, forward);
        if (r > 5 && h->log_likelihood - last < 1e-4 * (1 + fabs(last)) * 1e-3) break;
        last = h->log_likelihood;
    }
    free(forward);
    return KW_OK;
}
