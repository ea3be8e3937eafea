/* workloads/hmm.h - a Poisson hidden Markov model of binned counts, fitted by Baum-Welch: the discrete-time face of a
 * Markov-modulated Poisson process. Source: Rabiner, Proc. IEEE 77(2), 1989, section III (scaled forward-backward);
 * Zucchini, MacDonald and Langrock, Hidden Markov Models for Time Series, 2nd ed., 2016, chapter 4. */
#ifndef KW_WORKLOADS_HMM_H
#define KW_WORKLOADS_HMM_H
#include <stddef.h>
#include <stdint.h>
#include "workloads/model.h"

struct kw_hmm {
    int k;                                               /* states */
    double rate[KW_WORKLOAD_STATES];                     /* events per unit of exposure */
    double move[KW_WORKLOAD_STATES][KW_WORKLOAD_STATES]; /* transition probabilities from bin to bin; rows sum to 1 */
    double log_likelihood;                               /* up to a constant of the data */
};

/* count[n] events with exposure[n] >= 0 (mean of a unit-rate process in the bin). h->k is the number of states wanted,
 * 2..KW_WORKLOAD_STATES; the starting point is spread between the emptiest and the fullest bins, so the result depends
 * on the data alone. At most `rounds` rounds of EM, fewer once the likelihood stands still. n >= 2, some count > 0.
 * KW_ENOMEM. */
enum kw_status kw_hmm_fit(struct kw_hmm *h, const uint32_t *count, const double *exposure, size_t n, int rounds,
                          struct kw_error *err);

#endif
