#include "tests/fidelity/server_accuracy.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/import/import.h"
#include "calibrate/operators/scale.h"
#include "sim/core/ascending.h"

const char *const kw_server_accuracy_way_name[] = { "plain", "host", "whole", NULL };

enum { FEWEST = 8, ROUNDS = 4, PROFILES = 96, LARGEST_BATCH = 4096, MOST_TOKENS = 8192 };
#define LONGEST_HOST_S 5e-3 /* more a step is no host's work: CPUs that slow would not be sold beside such GPUs */
#define TOLD_APART 0.25     /* a factor with a larger standard error was not told apart from host time */

/* ---- profiles, made once ---- */

struct made {
    const struct kw_server_point *like; /* the first point that asked for it */
    struct kw_profile p;
    struct kw_steptime *steps;
    bool exists, own_kernels;
};

struct makers {
    struct made made[PROFILES];
    size_t n;
    struct kw_profiles known; /* for the error of a scaled profile */
};

static bool alike(const struct kw_server_point *a, const struct kw_server_point *b)
{
    return !strcmp(a->gpu, b->gpu) && !strcmp(a->model, b->model) && !strcmp(a->precision, b->precision) &&
           a->tp == b->tp && !strcmp(a->kernels.framework, b->kernels.framework) &&
           a->kernels.kv_fp8 == b->kernels.kv_fp8;
}

/* The A100 of 40 GB is that of 80 GB with slower memory: its profile is the other's, scaled. */
static enum kw_status import(struct kw_profile *out, struct makers *k, const char *dir, const struct kw_server_point *q,
                             const struct kw_operators_engine *engine, struct kw_error *err)
{
    if (strcmp(q->gpu, "A100-40"))
        return kw_calibrate_import_engine(out, dir, q->gpu, q->model, q->precision, q->tp, engine, NULL, err);
    struct kw_profile larger;
    enum kw_status st =
        kw_calibrate_import_engine(&larger, dir, "A100-80", q->model, q->precision, q->tp, engine, NULL, err);
    if (st != KW_OK) return st;
    FILE *quiet = fopen("/dev/null", "w");
    st = quiet ? kw_scale(out, &larger, &(struct kw_scale_to){ .gpu = kw_gpu_find("A100-40") }, &k->known, quiet, err)
               : kw_fail(err, KW_EIO, "/dev/null cannot be opened");
    if (quiet) fclose(quiet);
    kw_profile_free(&larger);
    return st;
}

static enum kw_status make(const struct made **out, struct makers *k, const char *dir, const struct kw_server_point *q,
                           struct kw_error *err)
{
    for (size_t i = 0; i < k->n; i++)
        if (alike(k->made[i].like, q)) {
            *out = &k->made[i];
            return KW_OK;
        }
    if (k->n == PROFILES) return kw_fail(err, KW_ERANGE, "more than %d profiles", PROFILES);
    struct made *m = &k->made[k->n++];
    *m = (struct made){ .like = q, .own_kernels = true };
    enum kw_status st = import(&m->p, k, dir, q, &q->kernels, err);
    if (st == KW_ERANGE) { /* no tables of that engine: vLLM's kernels, KV cache in its type */
        struct kw_operators_engine vllm = { .framework = "vllm", .kv_fp8 = q->kernels.kv_fp8 };
        m->own_kernels = false;
        st = import(&m->p, k, dir, q, &vllm, err);
    }
    m->exists = st == KW_OK;
    *out = m;
    if (st == KW_ERANGE) return KW_OK; /* there is none */
    return st;
}

/* ---- the load on one engine ---- */

static void set_limits(struct kw_loadtest *l, const struct kw_server_point *q, const struct kw_profile *p)
{
    *l = q->load;
    l->links = &p->tables.comm;
    struct kw_sched_config *c = &l->config;
    double block = p->block_size * p->kv_bytes_per_token, room = p->num_blocks * block;
    if (q->kv_share > 0)
        room =
            q->kv_share * (room + 0.1 * kw_gpu_find(q->gpu)->memory_bytes * q->tp); /* kv.h holds a tenth of all back */
    if (!c->max_num_batched_tokens) c->max_num_batched_tokens = p->max_num_batched_tokens;
    if (!c->max_num_seqs) c->max_num_seqs = p->max_num_seqs;
    c->max_model_len = p->max_model_len;
    c->block_size = p->block_size;
    c->num_blocks = (uint32_t)(room / block) - 1;
    if (q->no_evict && c->policy == KW_SCHED_VLLM) c->policy = KW_SCHED_TRTLLM;
    c->reserve_full_prompt = true;
    c->prefix_caching = l->cached;
    c->async_scheduling = !strcmp(q->kernels.framework, "vllm") && c->policy == KW_SCHED_VLLM;
}

static bool fits(const struct kw_loadtest *l)
{
    double in_flight = l->at_once ? l->at_once : l->n;
    return in_flight <= l->config.max_num_seqs &&
           in_flight * (l->prompt + l->output) <= (double)l->config.num_blocks * l->config.block_size;
}

/* ---- a law on a point ---- */

struct seen_point { /* a point and its last replay */
    const struct made *m;
    struct kw_loadtest l;
    struct kw_loadtest_result result;
};

static double under(const struct kw_host_fit *f, const struct kw_host_point *x)
{
    double kernels_and_gaps = x->measured_s - x->kernel_s - x->links_s; /* of which an idle server's waiting is part */
    return kernels_and_gaps + f->kernels * x->kernel_s + f->links * x->links_s + f->host.fixed_s * x->steps +
           f->host.sequence_s * x->sequences + f->host.chunk_s * x->chunks;
}

static void scale_curve(struct kw_curve *c, double by, double **was)
{
    for (uint32_t i = 0; i < c->n; i++) {
        *(*was)++ = c->y[i];
        c->y[i] *= by;
    }
}

static void restore_curve(struct kw_curve *c, const double **was)
{
    for (uint32_t i = 0; i < c->n; i++) c->y[i] = *(*was)++;
}

/* Compiles p's tables with kernels, all-reduce and host time of f; they are as they were when it returns. */
static enum kw_status compile(struct kw_steptime **out, struct kw_profile *p, const struct kw_host_fit *f,
                              struct kw_error *err)
{
    struct kw_step_tables *t = &p->tables, before = *t;
    struct kw_curve *curve[] = { &t->dense, &t->head, &t->prefill_attn, &t->comm };
    size_t n = 0;
    for (int i = 0; i < 4; i++) n += curve[i]->n;
    for (uint32_t i = 0; i < t->n_decode_rows; i++) n += t->decode[i].n;
    double *saved = malloc((n + 1) * sizeof *saved), *put = saved;
    const double *get = saved;
    if (!saved) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (int i = 0; i < 4; i++) scale_curve(curve[i], i == 3 ? f->links : f->kernels, &put);
    for (uint32_t i = 0; i < t->n_decode_rows; i++) scale_curve(&t->decode[i], f->kernels, &put);
    t->prefill_token_s *= f->kernels;
    t->mixed = (struct kw_step_mixed){ f->kernels * t->mixed.sequence_s, f->kernels * t->mixed.context_s,
                                       f->kernels * t->mixed.pair_s };
    kw_host_time_add(t, &f->host);
    enum kw_status st = kw_steptime_compile(out, t, LARGEST_BATCH + MOST_TOKENS, MOST_TOKENS, err);
    *t = before;
    for (int i = 0; i < 4; i++) restore_curve(curve[i], &get);
    for (uint32_t i = 0; i < t->n_decode_rows; i++) restore_curve(&t->decode[i], &get);
    free(saved);
    return st;
}

/* Replays a point with a law; result's kernels are the law's, taken back to the tables' own so that a fit is to those.
 */
static enum kw_status replay(struct seen_point *o, const struct kw_host_fit *f, struct kw_error *err)
{
    struct kw_profile *p = (struct kw_profile *)&o->m->p; /* as it was, when compile returns */
    struct kw_steptime *steps;
    enum kw_status st = compile(&steps, p, f, err);
    if (st != KW_OK) return st;
    st = kw_loadtest_run(&o->result, &o->l, steps, 1, err);
    kw_steptime_delete(steps);
    struct kw_host_point *sum[] = { &o->result.tpot, &o->result.whole };
    for (int i = 0; st == KW_OK && i < 2; i++) {
        struct kw_host_point *x = sum[i];
        x->kernel_s = (x->kernel_s - (f->links - 1) * x->links_s - f->host.fixed_s * x->steps -
                       f->host.sequence_s * x->sequences - f->host.chunk_s * x->chunks) /
                      f->kernels;
    }
    return st;
}

/* ---- groups ---- */

static size_t law_of(struct kw_server_accuracy *j, const struct kw_server_point *q, const struct made *m)
{
    for (size_t i = 0; i < j->n_laws; i++) {
        struct kw_server_accuracy_law *l = &j->law[i];
        if (strcmp(l->source, q->source) || strcmp(l->engine, q->engine) || strcmp(l->gpu, q->gpu)) continue;
        l->grade = kw_grade_weaker(l->grade, m->p.steps.grade);
        l->own_kernels &= m->own_kernels;
        return i;
    }
    struct kw_server_accuracy_law *l = &j->law[j->n_laws];
    *l = (struct kw_server_accuracy_law){ .own_kernels = m->own_kernels, .grade = m->p.steps.grade };
    snprintf(l->source, sizeof l->source, "%s", q->source);
    snprintf(l->engine, sizeof l->engine, "%s", q->engine);
    snprintf(l->gpu, sizeof l->gpu, "%s", q->gpu);
    for (int way = 0; way < KW_SERVER_ACCURACY_WAYS; way++)
        l->fit[way] = (struct kw_host_fit){ .kernels = 1, .links = 1, .error = { NAN, NAN, NAN, NAN, NAN } };
    return j->n_laws++;
}

static bool by_tpot(const struct kw_server_point *q)
{
    return isfinite(q->tpot_s) && !q->median;
}

/* What the fit sees of a point: the steps behind its figure, less an idle server's waiting. */
static struct kw_host_point observed(const struct kw_server_point *q, const struct kw_loadtest_result *s)
{
    struct kw_host_point x = by_tpot(q) ? s->tpot : s->whole;
    double idle = x.measured_s - x.kernel_s - x.links_s;
    x.measured_s = by_tpot(q) ? q->tpot_s : s->tokens / q->output_rate;
    if (q->load.rate > 0) return x; /* measured_s of the replay holds host time of its law, no waiting: TPOT */
    x.measured_s -= fmax(0, idle < 1e-9 * x.measured_s ? 0 : idle);
    return x;
}

static void answer(struct kw_server_accuracy_point *o, const struct seen_point *s, enum kw_server_accuracy_way way,
                   const struct kw_host_fit *f, bool linear)
{
    const struct kw_server_point *q = o->p;
    if (isfinite(q->tpot_s))
        o->tpot_s[way] = q->median ? s->result.itl_median_s : linear ? under(f, &s->result.tpot) : s->result.tpot_s;
    if (isfinite(q->output_rate))
        o->output_rate[way] = linear ? s->result.tokens / under(f, &s->result.whole) : s->result.output_rate;
}

static bool is_linear(const struct kw_server_point *q)
{
    return !(q->load.rate > 0) && !q->median;
}

/* As many terms as the points tell apart: points of one batch size leave a sequence's time to the step's, points alike
 * in all leave host time to the kernels. */
static enum kw_status fit_terms(struct kw_host_fit *f, const struct kw_host_point *x, size_t n,
                                enum kw_server_accuracy_way way, bool shared, struct kw_error *err)
{
    const unsigned host = KW_HOST_FIXED | KW_HOST_SEQUENCE, links = shared ? KW_HOST_LINKS : 0;
    const unsigned first[] = { host, KW_HOST_FIXED },
                   second[] = { host | KW_HOST_KERNELS | links, KW_HOST_KERNELS | links, KW_HOST_KERNELS };
    const unsigned *terms = way == KW_SERVER_ACCURACY_HOST ? first : second;
    for (int last = way == KW_SERVER_ACCURACY_HOST ? 1 : 2, i = 0;; i++) {
        struct kw_host_fit found;
        enum kw_status st = kw_host_time_fit(&found, x, n, terms[i], err);
        bool apart = st == KW_OK && (way == KW_SERVER_ACCURACY_HOST ||
                                     (found.error[3] <= TOLD_APART && found.host.fixed_s <= LONGEST_HOST_S));
        if (apart || (st != KW_OK && st != KW_ERANGE) || i == last) {
            if (st == KW_OK && found.host.fixed_s <= LONGEST_HOST_S) *f = found;
            return st;
        }
    }
}

static enum kw_status fit_law(struct kw_server_accuracy *j, struct seen_point *s, size_t law,
                              enum kw_server_accuracy_way way, struct kw_error *err)
{
    struct kw_server_accuracy_law *l = &j->law[law];
    struct kw_host_point *x = malloc((l->n + 1) * sizeof *x);
    bool open = false, shared = false;
    enum kw_status st = x ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < j->n; i++)
        if (j->point[i].law == law) {
            open |= j->point[i].p->load.rate > 0;
            shared |= j->point[i].p->tp > 1;
        }
    for (int round = 0; st == KW_OK && round < (open ? ROUNDS : 1); round++) {
        size_t n = 0;
        for (size_t i = 0; st == KW_OK && i < j->n; i++) {
            if (j->point[i].law != law || j->point[i].held_out) continue;
            if (j->point[i].p->load.rate > 0 && round > 0) st = replay(&s[i], &l->fit[way], err);
            if (st == KW_OK) x[n++] = observed(j->point[i].p, &s[i].result);
        }
        l->n_fitted = n;
        if (st == KW_OK) st = fit_terms(&l->fit[way], x, n, way, shared, err);
    }
    free(x);
    return st;
}

static enum kw_status judge(struct kw_server_accuracy *j, struct seen_point *s, struct kw_error *err)
{
    const struct kw_host_fit tables = { .kernels = 1, .links = 1 };
    enum kw_status st = KW_OK;
    for (size_t i = 0; st == KW_OK && i < j->n; i++) {
        if ((st = replay(&s[i], &tables, err)) != KW_OK) break;
        j->point[i].ttft_s = isfinite(j->point[i].p->ttft_s) ? s[i].result.ttft_s : NAN;
        for (int way = 0; way < KW_SERVER_ACCURACY_WAYS; way++) answer(&j->point[i], &s[i], way, &tables, true);
    }
    for (size_t law = 0; st == KW_OK && law < j->n_laws; law++) {
        if (j->law[law].n < FEWEST) continue;
        for (int way = KW_SERVER_ACCURACY_HOST; st == KW_OK && way < KW_SERVER_ACCURACY_WAYS; way++) {
            st = fit_law(j, s, law, way, err);
            for (size_t i = 0; st == KW_OK && i < j->n; i++) {
                if (j->point[i].law != law) continue;
                bool linear = is_linear(j->point[i].p);
                if (!linear) st = replay(&s[i], &j->law[law].fit[way], err);
                if (st == KW_OK) answer(&j->point[i], &s[i], way, &j->law[law].fit[way], linear);
                if (!linear && st == KW_OK) st = replay(&s[i], &tables, err); /* the next fit begins with the tables */
            }
        }
    }
    return st;
}

enum kw_status kw_server_accuracy_judge(struct kw_server_accuracy *j, size_t *left_out,
                                        const struct kw_servers *servers, const char *dir, struct kw_error *err)
{
    struct makers *k = calloc(1, sizeof *k);
    struct seen_point *s = calloc(servers->n + 1, sizeof *s);
    *j = (struct kw_server_accuracy){ .point = calloc(servers->n + 1, sizeof *j->point),
                                      .law = calloc(servers->n + 1, sizeof *j->law) };
    enum kw_status st =
        k && s && j->point && j->law ? kw_profiles_embedded(&k->known, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    *left_out = 0;
    for (size_t i = 0; st == KW_OK && i < servers->n; i++) {
        const struct kw_server_point *q = &servers->p[i];
        struct kw_server_accuracy_point *o = &j->point[j->n];
        if ((st = make(&s[j->n].m, k, dir, q, err)) != KW_OK) break;
        if (!s[j->n].m->exists) {
            ++*left_out;
            continue;
        }
        *o = (struct kw_server_accuracy_point){ .p = q, .ttft_s = NAN };
        for (int way = 0; way < KW_SERVER_ACCURACY_WAYS; way++) o->tpot_s[way] = o->output_rate[way] = NAN;
        set_limits(&s[j->n].l, q, &s[j->n].m->p);
        o->fits = fits(&s[j->n].l);
        o->law = law_of(j, q, s[j->n].m);
        o->held_out = j->law[o->law].n++ % 2 == 1;
        j->n++;
    }
    if (st == KW_OK) st = judge(j, s, err);
    for (size_t i = 0; k && i < k->n; i++)
        if (k->made[i].exists) kw_profile_free(&k->made[i].p);
    if (k) kw_profiles_free(&k->known);
    free(k);
    free(s);
    if (st != KW_OK) kw_server_accuracy_free(j);
    return st;
}

void kw_server_accuracy_free(struct kw_server_accuracy *j)
{
    free(j->point);
    free(j->law);
    *j = (struct kw_server_accuracy){ 0 };
}

size_t kw_server_accuracy_error(double *absolute, double *median, const struct kw_server_accuracy *j, size_t law,
                                bool tpot, enum kw_server_accuracy_way way, bool held_out_only)
{
    size_t n = 0;
    double *v = malloc((j->n + 1) * sizeof *v);
    *absolute = *median = NAN;
    for (size_t i = 0; v && i < j->n; i++) {
        const struct kw_server_accuracy_point *o = &j->point[i];
        double ours = tpot ? o->tpot_s[way] : o->output_rate[way], theirs = tpot ? o->p->tpot_s : o->p->output_rate;
        if (o->law == law && (o->held_out || !held_out_only) && isfinite(ours) && isfinite(theirs))
            v[n++] = ours / theirs - 1;
    }
    if (n) {
        *median = kw_median(v, n);
        for (size_t i = 0; i < n; i++) v[i] = fabs(v[i]);
        *absolute = kw_median(v, n);
    }
    free(v);
    return n;
}
