/* calibrate/import/fit_layers.h - step tables of one model on one GPU (tp of them) from a table of its own layers, each
 * timed as it runs: no utilisation borrowed.
 *
 *   dense(tokens)   = sum over layers of times * t(tokens), at the tokens a CUDA graph pads them to
 *   head(sequences) = sum of what runs once a step over its sequences: lm_head, sampler
 *   decode(B, S)    = L attention(0, 0, B, S/B), fit_decode.h
 *   prefill(P, T)   = L attention(T, past, 0, 0), the regression of fit_prefill.h in P = T past + T^2/2 and T
 *   mixed           = kw_step_mixed, where the table has steps with a chunk and decodes
 *
 * A grid of decode attention finer than a profile's rows is thinned to 40 batches and 48 contexts in equal steps of their
 * logarithm; what is left out of it is what the fit is judged on. */
#ifndef KW_CALIBRATE_IMPORT_FIT_LAYERS_H
#define KW_CALIBRATE_IMPORT_FIT_LAYERS_H
#include <stdio.h>
#include "calibrate/operators/samples.h"
#include "calibrate/profile/profile.h"

enum { KW_LAYERS_MOST = 24 };

struct kw_layer_set { /* zeroed at first; owns all */
    struct kw_layer_time {
        struct kw_curve s; /* seconds of one call, over tokens or sequences */
        double times;      /* how often a step runs it: once, or so often a layer of the model */
    } layer[KW_LAYERS_MOST], head[KW_LAYERS_MOST];
    size_t n, n_head;
    struct kw_samples attention; /* of one layer, sorted: { chunk, past, n_decode, context of each } */
};
void kw_layer_set_free(struct kw_layer_set *s);
/* Takes samples over x[0], sorted on the way; several at one x count as their mean. KW_ENOMEM. */
enum kw_status kw_layer_set_add(struct kw_layer_set *s, bool head, struct kw_samples *q, double times,
                                struct kw_error *err);

/* Fills those of p->tables that the set has parts for (prompts: whole ones among them), the others stay, and with decode and prefill their error fields:
 * points left out; lines to report. KW_ERANGE: a part too thin to fit; p's tables may be partly filled then. */
enum kw_status kw_fit_layers(struct kw_profile *p, struct kw_layer_set *s, const struct kw_model_shape *m, FILE *report,
                             struct kw_error *err);

/* The mixed law alone, of one layer: see fit_bench.h. */
enum kw_status kw_fit_layers_mixed(struct kw_step_mixed *law, double *context_ratio, struct kw_layer_set *s,
                                   FILE *report, struct kw_error *err);

#endif
