/* Which configurations exist: offers with a price, profiles that fit, enough capacity. */
#include <inttypes.h>
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "platforms/facts/platforms.h"
#include "calibrate/profile/model.h"
#include "sim/plan/plan_internal.h"
#include "workloads/sessions.h"

/* What the trace asks for. */
struct load {
    double requests_s;                   /* mean rate */
    double prompt, output;               /* mean tokens a request */
    double tokens_min;                   /* mean tokens computed a minute, prefix hits left out */
    double computed;                     /* tokens that must be computed in all, at the least */
    double peak_requests_s;              /* of the busiest minute */
    double peak_prompt_s, peak_output_s; /* tokens arriving a second in the minute with the most of both */
    uint32_t longest, longest_prompt;    /* prompt + output; the prompt alone */
    double span_s;
};

/* One walk over the trace a plan. Minutes, since that is what autoscalers can follow: a peak of seconds is absorbed by
 * queues and buffers and would ask for pools that are never full. */
static void measure_load(struct load *l, const struct kw_trace *t, uint32_t tokens_ppm)
{
    const kw_ns minute = 60 * KW_NS_PER_S;
    double prompt = 0, output = 0, in_bin[3] = { 0 };
    kw_ns bin = 0;
    memset(l, 0, sizeof *l);
    for (size_t i = 0; i < t->n; i++) {
        if (t->arrival[i] / minute != bin) {
            bin = t->arrival[i] / minute;
            memset(in_bin, 0, sizeof in_bin);
        }
        uint32_t in = kw_tokens_as(t->prompt[i], tokens_ppm), out = kw_tokens_as(t->output[i], tokens_ppm);
        prompt += in;
        output += out;
        in_bin[0] += 1;
        in_bin[1] += in;
        in_bin[2] += out;
        if (in_bin[0] / 60 > l->peak_requests_s) l->peak_requests_s = in_bin[0] / 60;
        if ((in_bin[1] + in_bin[2]) / 60 > l->peak_prompt_s + l->peak_output_s) {
            l->peak_prompt_s = in_bin[1] / 60;
            l->peak_output_s = in_bin[2] / 60;
        }
        uint64_t length = (uint64_t)t->prompt[i] + t->output[i];
        if (t->prompt[i] > l->longest_prompt) l->longest_prompt = t->prompt[i];
        if (length > l->longest) l->longest = (uint32_t)(length < UINT32_MAX ? length : UINT32_MAX);
    }
    l->span_s = kw_nano_to_double(t->span);
    assert(l->span_s >= 0);
    if (t->n == 0 || l->span_s <= 0) return;
    l->requests_s = (double)t->n / l->span_s;
    l->prompt = prompt / (double)t->n;
    l->output = output / (double)t->n;
    l->tokens_min = (prompt + output) / l->span_s * 60;
    /* The first output token comes with the prompt. With prefix hashes all but a token of each prompt may be cached. */
    l->computed = (t->hash_at ? (double)t->n : prompt) + output - (double)t->n;
}

static double curve_at(const struct kw_curve *c, double x)
{
    if (c->n == 0) return 0;
    if (c->n == 1 || x <= c->x[0]) return c->y[0];
    uint32_t i = 1;
    while (i + 1 < c->n && x > c->x[i]) i++;
    assert(c->x[i] > c->x[i - 1]);
    return c->y[i - 1] + (c->y[i] - c->y[i - 1]) * (x - c->x[i - 1]) / (c->x[i] - c->x[i - 1]);
}

double kw_plan_computed(const struct kw_trace *t, uint32_t tokens_ppm)
{
    struct load l;
    measure_load(&l, t, tokens_ppm);
    return l.computed;
}

/* The least engine time a token can take: min over step sizes x of (fixed + dense(x)) / x, every other term only adds.
 * On a linear piece the quotient is monotone, so the minimum is at a knot or at the budget. Whole prompts (prefill_first)
 * may pass the budget, alone in their step. */
double kw_plan_least_token_s(const struct kw_choice *c)
{
    const struct kw_profile *p = c->profile;
    double budget = c->sched.max_num_batched_tokens, least = INFINITY;
    if (c->sched.policy == KW_SCHED_PREFILL_FIRST) budget = fmax(budget, c->sched.max_model_len);
    const struct kw_curve *d = &p->tables.dense;
    for (uint32_t i = 0; i <= d->n; i++) {
        double x = i < d->n ? d->x[i] : budget;
        if (!(x >= 1) || x > budget) continue;
        least = fmin(least, (p->tables.fixed_s + curve_at(d, x)) / x);
    }
    least /= c->dp;                                  /* a rank's tokens, and as many of each other at the most */
    return isfinite(least) ? least * (1 - 1e-9) : 0; /* compiled step times are rounded to the ps */
}

/* Requests of the mean length that one rank runs at once. */
static uint32_t engine_batch(const struct kw_choice *c, const struct load *l)
{
    double context = l->prompt + l->output / 2;
    double fits = (double)c->profile->num_blocks * c->profile->block_size / fmax(context, 1);
    return (uint32_t)fmax(1, fmin(fits, c->sched.max_num_seqs));
}

/* Replicas that the busiest minute would keep busy: prompts in full steps, outputs at the largest batch that the KV
 * cache holds. An estimate, for ceilings only. */
static double busy_replicas(const struct kw_choice *c, const struct load *l)
{
    const struct kw_steptime *st = c->steptime;
    double context = l->prompt + l->output / 2;
    uint32_t batch = engine_batch(c, l), chunk = c->sched.max_num_batched_tokens;
    struct kw_step decode = { .n_decode = batch, .decode_context = (uint64_t)(batch * context) };
    struct kw_step prefill = { .n_chunks = 1, .prefill_tokens = chunk, .prefill_pairs2 = (uint64_t)chunk * chunk };
    double decode_s = (double)kw_steptime_alike_ps(st, &decode, c->dp) * 1e-12 / batch / c->dp;
    double prefill_s = (double)kw_steptime_alike_ps(st, &prefill, c->dp) * 1e-12 / chunk / c->dp;
    assert(decode_s > 0 && prefill_s > 0);
    return l->peak_prompt_s * prefill_s + l->peak_output_s * decode_s;
}

struct enumeration {
    struct kw_plan *p;
    const struct kw_plan_options *o;
    const struct kw_profiles *profiles;
    struct kw_steptimes *steptimes;
    const struct kw_trace *trace;
    const struct kw_candidate *written;   /* o->written with what its models' substitutes say; NULL: none */
    const char *asked, *model;            /* the plan's model; the one looked at, it or a substitute */
    const struct kw_substitute *sub;      /* that; NULL: it is the plan's */
    const struct kw_region_offer *place;  /* where offers are taken; NULL: regions were not asked for */
    struct load load;                     /* in the tokens of the model looked at */
    struct load of[KW_PLAN_MAX_LIST + 1]; /* of the plan's model, and of each substitute */
    uint32_t adapters;                    /* of the plan's model, that the trace asks for */
    bool apart;                           /* what is added is a pool for each of its models */
    struct kw_error *err;
};

static bool listed(const char *const *list, size_t n, const char *name)
{
    if (n == 0) return true;
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i], name)) return true;
    return false;
}

static bool among(const char *const names[], const char *name)
{
    for (; *names; names++)
        if (!strcmp(*names, name)) return true;
    return false;
}

/* Equal in all but the name; padding is zero in every choice. */
static bool same_choice(const struct kw_choice *a, const struct kw_choice *b)
{
    struct kw_choice x = *a, y = *b;
    memset(x.name, 0, sizeof x.name);
    memset(y.name, 0, sizeof y.name);
    return !memcmp(&x, &y, sizeof x);
}

/* Requests of each model of the trace; malloc'd, NULL: no memory. */
static uint32_t *requests_by_model(const struct kw_trace *t)
{
    uint32_t *n = calloc(t->n_models + 1, sizeof *n);
    for (size_t i = 0; n && i < t->n; i++) n[t->model ? t->model[i] : 0]++;
    return n;
}

/* The choice once for each model that the trace asks for, each with the requests of that model alone. */
static enum kw_status add_pools(struct enumeration *e, const struct kw_choice *c)
{
    const struct kw_trace *t = e->trace;
    struct kw_candidate x;
    uint32_t *asked = requests_by_model(t);
    enum kw_status st = asked ? KW_OK : kw_fail(e->err, KW_ENOMEM, "out of memory for a plan");
    kw_candidate_init(&x);
    x.routing.policy = KW_ROUTE_MODEL;
    for (size_t k = 0; k < t->n_models && st == KW_OK; k++) {
        struct kw_choice d = *c;
        if (!asked[k]) continue;
        if (k < sizeof x.routing.class_to) x.routing.class_to[k] = (uint8_t)x.n;
        snprintf(d.name, sizeof d.name, "%.24s-%" PRIu32, t->model_name[k], x.n + 1);
        snprintf(d.serves, sizeof d.serves, "%.63s", t->model_name[k]);
        st = kw_candidate_add(&x, &d, e->err);
    }
    if (st == KW_OK) st = kw_plan_push_copy(e->p, &x, e->err);
    kw_candidate_free(&x);
    free(asked);
    return st;
}

/* What the user wrote is a candidate already. */
static enum kw_status add_one(struct enumeration *e, const struct kw_choice *c)
{
    const struct kw_candidate *w = e->written;
    struct kw_choice x = *c;
    if (x.gpu && !x.egress_bytes) x.egress_bytes = e->o->egress_bytes;
    kw_choice_tco(&x, &e->o->tco);
    if (e->apart) return add_pools(e, &x);
    if (w && w->n == 1 && same_choice(&w->choice[0], &x)) return KW_OK;
    return kw_plan_push(e->p, &x, e->err);
}

/* Units bought ahead serve as what is bought on demand does; a batch or service tier has its own latency and limits. */
static bool serve_alike(enum kw_term a, enum kw_term b)
{
    return a == b || (a == KW_TERM_ON_DEMAND && b == KW_TERM_PROVISIONED) ||
           (a == KW_TERM_PROVISIONED && b == KW_TERM_ON_DEMAND);
}

/* What the user says of this offer, NULL when nothing. */
static const struct kw_choice *written(const struct enumeration *e, const struct kw_choice *c)
{
    const struct kw_candidate *w = e->written;
    const struct kw_choice *found = NULL;
    for (uint32_t d = 0; w && d < w->n; d++) {
        const struct kw_choice *x = &w->choice[d];
        if (x->platform != c->platform || x->gpu != c->gpu || x->api != c->api || x->profile != c->profile) continue;
        if (!x->api || x->term == c->term) return x;
        if (!found && serve_alike(x->term, c->term)) found = x;
    }
    return found;
}

/* What the user says of the model that serves. */
static void take_substitute(const struct enumeration *e, const char *model, const struct kw_substitute *sub,
                            struct kw_choice *c)
{
    memset(c->model, 0, sizeof c->model); /* choices are compared by their bytes */
    snprintf(c->model, sizeof c->model, "%s", model);
    if (!e->o->n_substitutes) return;
    c->tells_model = true;
    c->quality = sub ? sub->quality : 1;
    c->tokens_ppm = sub ? sub->tokens_ppm : 0;
}

/* The user's settings of the offer in place of the defaults; when its replicas start is the written deployment's own. */
static void take_written(const struct enumeration *e, struct kw_choice *c)
{
    const struct kw_choice *w = written(e, c);
    take_substitute(e, e->model, e->sub, c);
    if (!w) return;
    char name[sizeof c->name];
    enum kw_term term = c->term;
    memcpy(name, c->name, sizeof name);
    *c = *w;
    c->term = term;
    if (term != KW_TERM_PROVISIONED) memset(&c->provision, 0, sizeof c->provision);
    memset(&c->prewarm, 0, sizeof c->prewarm);
    memset(&c->hold, 0, sizeof c->hold);
    c->pooled = 0;
    c->others_per_hour = 0;
    memset(&c->schedule, 0, sizeof c->schedule);
    memcpy(c->name, name, sizeof name);
    memset(c->serves, 0, sizeof c->serves);
}

/* Puts the choice where offers are taken at the moment; what cannot be is listed. */
static enum kw_status put(struct enumeration *e, struct kw_choice *c, bool *there)
{
    struct kw_error why;
    char what[96];
    *there = true;
    if (!e->place) return KW_OK;
    snprintf(what, sizeof what, "%.31s %.36s in %s", c->platform->name, c->gpu ? c->gpu->sku : c->api->model,
             e->place->name);
    *there =
        kw_choice_place(c, e->place, &why) == KW_OK && kw_choice_locate(c, 0, e->trace, e->o->distances, &why) == KW_OK;
    return *there ? KW_OK : kw_plan_drop(e->p, what, why.msg, e->err);
}

/* What cannot be bought is listed with its day. */
static enum kw_status drop_unsold(struct enumeration *e, const char *what, const struct kw_sale *s)
{
    char why[160];
    size_t before = e->p->n_dropped;
    enum kw_status st = kw_plan_drop(e->p, what, kw_sale_text(s, why, sizeof why), e->err);
    if (st == KW_OK && e->p->n_dropped > before) e->p->dropped[before].unsold = true;
    return st;
}

/* Whether the platform is what the plan requires; what it lacks, or is not known to have, is listed attribute by attribute. */
static enum kw_status meets_requirements(struct enumeration *e, const struct kw_platform *p, bool *meets)
{
    enum kw_status st = KW_OK;
    *meets = true;
    for (size_t i = 0; i < e->o->n_require && st == KW_OK; i++) {
        const struct kw_requirement *r = &e->o->require[i];
        const struct kw_attribute_fact *f = &p->attribute[r->attribute];
        char why[sizeof e->p->dropped->why];
        if (kw_requirement_met(r, f)) continue;
        *meets = false;
        size_t before = e->p->n_dropped;
        st = kw_plan_drop(e->p, p->name, kw_attribute_text(r->attribute, f, why, sizeof why), e->err);
        if (st != KW_OK || e->p->n_dropped == before) continue;
        e->p->dropped[before].missing = f;
        e->p->dropped[before].attribute = r->attribute;
    }
    return st;
}

void kw_plan_batch_options(struct kw_choice *c, const struct kw_plan_options *o)
{
    uint32_t most = c->batching.requests;
    c->batching.collect = o->batch_collect;
    if (o->batch_requests && (!most || o->batch_requests < most)) c->batching.requests = o->batch_requests;
    if (!o->batch_from_stated || !kw_choice_batch_open(c)) return;
    kw_choice_batch_from(c, o->batch_from);
    c->batch_from_stated = true;
}

/* The counts of one commitment, with what happens above them. */
static enum kw_status add_counts(struct enumeration *e, const struct kw_choice *c, struct kw_provision p)
{
    const struct kw_plan_options *o = e->o;
    uint32_t counts[KW_PLAN_MAX_COUNTS], step = 0;
    size_t n = o->n_units ? o->n_units : kw_plan_unit_counts(e->trace, &p, c->tokens_ppm, counts, &step);
    enum kw_status st = KW_OK;
    if (!o->n_units && step > (p.increment ? p.increment : 1)) {
        char what[128], text[160];
        snprintf(what, sizeof what, "%s %s counts of %s in between", c->platform->name, c->api->model,
                 c->api->provisioned.unit);
        snprintf(text, sizeof text, "%zu are tried, %" PRIu32 " apart: candidates.provisioned.units names others", n,
                 step);
        st = kw_plan_drop(e->p, what, text, e->err);
    }
    for (size_t i = 0; i < n && st == KW_OK; i++) {
        struct kw_choice d = *c;
        struct kw_error why;
        char what[96];
        p.bought.n = o->n_units ? o->units[i] : counts[i];
        if (kw_choice_provisioned(&d, &p, &why) == KW_OK) {
            st = add_one(e, &d);
            continue;
        }
        snprintf(what, sizeof what, "%s %s %" PRIu32 " %s", c->platform->name, c->api->model, p.bought.n,
                 c->api->provisioned.unit);
        st = kw_plan_drop(e->p, what, why.msg, e->err);
    }
    return st;
}

/* What the plan starts from: what the user wrote of units of the offer, or the offer's figures alone. */
static struct kw_provision provision_of(const struct enumeration *e, const struct kw_choice *c)
{
    struct kw_choice d = *c;
    struct kw_provision p = kw_choice_provision(c);
    d.term = KW_TERM_PROVISIONED;
    take_written(e, &d);
    if (!d.provision.bought.n) return p;
    p = d.provision;
    if (!p.own_window) p.bought.window = 0; /* the offer's own goes by the number of units, which are others here */
    return p;
}

static bool commitment_wanted(const struct kw_plan_options *o, const struct kw_provision *p, enum kw_commitment k)
{
    if (p->own_price) return k == p->commitment && (!o->commitments || o->commitments & 1u << k);
    return o->commitments ? o->commitments & 1u << k : k <= KW_COMMIT_MONTH;
}

/* An API's choice on demand with units bought ahead as well, where all that must be known of them is. */
static enum kw_status add_provisioned(struct enumeration *e, const struct kw_choice *c)
{
    const struct kw_plan_options *o = e->o;
    const struct kw_provisioned *sold = &c->api->provisioned;
    char what[96], why[160];
    snprintf(what, sizeof what, "%s %s provisioned", c->platform->name, c->api->model);
    if (!sold->sold) return kw_plan_drop(e->p, what, "it sells no provisioned capacity", e->err);
    struct kw_provision p = provision_of(e, c);
    const char *key = kw_choice_unit_lacks(&p);
    if (key) {
        snprintf(why, sizeof why, "what a %s carries was not found: state deployments[].provisioned.%s", sold->unit,
                 key);
        return kw_plan_drop(e->p, what, why, e->err);
    }
    enum kw_status st = KW_OK;
    bool any = false;
    for (int k = 0; k < KW_COMMITMENTS && st == KW_OK; k++) {
        if (!commitment_wanted(o, &p, (enum kw_commitment)k) || (!p.own_price && !sold->price[k].known)) continue;
        any = true;
        p.commitment = (enum kw_commitment)k;
        if (kw_unit_can_spill(sold->above) && (!o->above_stated || o->above == KW_ABOVE_SPILL)) {
            p.bought.above = KW_ABOVE_SPILL;
            st = add_counts(e, c, p);
        }
        if (st == KW_OK && kw_unit_can_reject(sold->above) && (!o->above_stated || o->above == KW_ABOVE_REJECT)) {
            p.bought.above = KW_ABOVE_REJECT;
            st = add_counts(e, c, p);
        }
    }
    if (any || st != KW_OK) return st;
    snprintf(why, sizeof why,
             "the price of a %s by a term that is asked for was not found: state "
             "deployments[].provisioned.price_usd",
             sold->unit);
    return kw_plan_drop(e->p, what, why, e->err);
}

/* Left out only on averages, which no retry can mend; whether bursts fit the limits is for the simulation to say. */
static enum kw_status add_api(struct enumeration *e, const struct kw_platform *p, const struct kw_api_offer *o)
{
    struct kw_choice c;
    struct kw_error why;
    char what[96], text[160];
    snprintf(what, sizeof what, "%s %s", p->name, o->model);
    if (!kw_sale_open(&o->sale)) return drop_unsold(e, what, &o->sale);
    if (e->adapters && kw_lora_refusal(&p->lora, p->kind, e->adapters, text, sizeof text))
        return kw_plan_drop(e->p, what, text, e->err);
    if (kw_choice_api(&c, p, o, &why) != KW_OK) return kw_plan_drop(e->p, what, why.msg, e->err);
    bool there;
    enum kw_status put_st = put(e, &c, &there);
    if (put_st != KW_OK || !there) return put_st;
    take_written(e, &c);
    const struct kw_rate_limits *l = &c.limits;
    const struct load *load = &e->load;
    if (e->adapters) c.lora.adapters = &e->o->fine_tunes->view;
    double rpm = l->rpd ? fmin(l->rpm ? (double)l->rpm : INFINITY, (double)l->rpd / 1440) : (double)l->rpm;
    if (rpm > 0 && load->requests_s * 60 > rpm) {
        snprintf(text, sizeof text, "%.3g requests a minute on average, the limit%s%s allows %.3g",
                 load->requests_s * 60, l->tier[0] ? " of tier " : "", l->tier, rpm);
        return kw_plan_drop(e->p, what, text, e->err);
    }
    if (l->tpm > 0 && load->tokens_min > (double)l->tpm && !e->trace->hash_at) {
        snprintf(text, sizeof text, "%.3g tokens a minute on average, the limit%s%s allows %.3g", load->tokens_min,
                 l->tier[0] ? " of tier " : "", l->tier, (double)l->tpm);
        return kw_plan_drop(e->p, what, text, e->err);
    }
    if (o->max_model_len && load->prompt + load->output > o->max_model_len) {
        snprintf(text, sizeof text, "requests have %.0f tokens on average, it takes %" PRIu32,
                 load->prompt + load->output, o->max_model_len);
        return kw_plan_drop(e->p, what, text, e->err);
    }
    bool other = e->o->batch || e->o->flex || e->o->priority || e->o->provisioned;
    enum kw_status st = other && e->o->not_on_demand ? KW_OK : add_one(e, &c);
    const enum kw_term terms[] = { KW_TERM_BATCH, KW_TERM_FLEX, KW_TERM_PRIORITY };
    const bool asked[] = { e->o->batch, e->o->flex, e->o->priority };
    for (int i = 0; i < 3 && st == KW_OK; i++) {
        struct kw_choice d = c;
        if (!asked[i]) continue;
        enum kw_status can = terms[i] == KW_TERM_BATCH ? kw_choice_batch(&d, false, &why)
                                                       : kw_choice_service_tier(&d, terms[i], false, &why);
        snprintf(what, sizeof what, "%s %s %s", p->name, o->model, kw_term_name[terms[i]]);
        if (can == KW_OK && terms[i] == KW_TERM_BATCH) kw_plan_batch_options(&d, e->o);
        if (can == KW_OK && o->above.tokens && load->longest_prompt > o->above.tokens &&
            !kw_term_above(o, terms[i])->in_mtok.known)
            can = kw_fail(&why, KW_ERANGE, "what prompts above %" PRIu32 " tokens cost was not found", o->above.tokens);
        if (can == KW_OK) take_written(e, &d);
        st = can == KW_OK ? add_one(e, &d) : kw_plan_drop(e->p, what, why.msg, e->err);
    }
    if (st == KW_OK && e->o->provisioned) st = add_provisioned(e, &c);
    return st;
}

/* Requests per replica, by one rule for every platform that lets its user set them: those asked for; else the platform
 * file's, and what the engine runs at once (a power of two) where that is twice as many: a default made for models that
 * serve one request at a time buys several times the replicas an LLM engine needs. The search adds others for the
 * leaders. out: [KW_PLAN_MAX_LIST], 0 for the file's. */
static enum kw_status concurrencies(struct enumeration *e, const struct kw_choice *c, uint32_t *out, size_t *n)
{
    const struct kw_plan_options *o = e->o;
    const struct kw_platform *p = c->platform;
    *n = 0;
    if (!o->n_concurrency || !p->concurrency_max) {
        uint32_t top = 1, batch = engine_batch(c, &e->load) * c->dp;
        while (2 * top <= batch && 2 * top <= p->concurrency_max) top *= 2;
        out[(*n)++] = 0;
        if (p->concurrency_max && kw_choice_concurrency(c) > 0 && top >= 2 * kw_choice_concurrency(c))
            out[(*n)++] = top;
        return KW_OK;
    }
    for (size_t i = 0; i < o->n_concurrency; i++) {
        if (o->concurrency[i] >= p->concurrency_min && o->concurrency[i] <= p->concurrency_max) {
            out[(*n)++] = o->concurrency[i];
            continue;
        }
        char what[96], why[160];
        snprintf(what, sizeof what, "%s with %" PRIu32 " requests per replica", p->name, o->concurrency[i]);
        snprintf(why, sizeof why, "it allows %" PRIu32 " to %" PRIu32, p->concurrency_min, p->concurrency_max);
        enum kw_status st = kw_plan_drop(e->p, what, why, e->err);
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

static const uint32_t warm_default[KW_PLAN_WARM_DEFAULT] = { 0, 1, 2, 3, 4 };

/* Twice what the busiest minute keeps busy: bursts within the minute, and replicas that are still starting. */
static uint32_t most_replicas(const struct enumeration *e, const struct kw_choice *c)
{
    double need = 2 * busy_replicas(c, &e->load) + 1;
    uint32_t most = need < KW_PLAN_MAX_REPLICAS ? (uint32_t)ceil(need) : KW_PLAN_MAX_REPLICAS;
    return most > c->scaling.max_replicas ? most : c->scaling.max_replicas;
}

/* With so many kept, under each ceiling asked for that has room for them; else under the load's, raised to them. */
static enum kw_status add_ceilings(struct enumeration *e, struct kw_choice *c, uint32_t warm, uint32_t most)
{
    const struct kw_plan_options *o = e->o;
    enum kw_status st = KW_OK;
    c->scaling.keep_warm = warm;
    c->scaling.max_replicas = most > warm ? most : warm ? warm : 1;
    if (!o->n_max_replicas) return add_one(e, c);
    for (size_t i = 0; i < o->n_max_replicas && st == KW_OK; i++) {
        if (o->max_replicas[i] < warm) continue;
        c->scaling.max_replicas = o->max_replicas[i];
        st = add_one(e, c);
    }
    return st;
}

static enum kw_status add_serverless_at(struct enumeration *e, struct kw_choice *c)
{
    const struct kw_plan_options *o = e->o;
    const uint32_t *warm = o->n_keep_warm ? o->keep_warm : warm_default;
    size_t n_warm = o->n_keep_warm ? o->n_keep_warm : KW_PLAN_WARM_DEFAULT,
           n_idle = o->n_idle_timeouts ? o->n_idle_timeouts : 1;
    uint32_t most = most_replicas(e, c);
    const struct kw_platform *p = c->platform;
    for (size_t i = 0; i < n_idle; i++) {
        struct kw_choice d = *c;
        if (o->n_idle_timeouts) {
            kw_ns idle = o->idle_timeout[i];
            bool fixed = !kw_choice_sets_idle_timeout(c) && idle != p->scaling.idle_timeout;
            bool outside = idle < p->idle_timeout_min_s * KW_NS_PER_S || idle > p->idle_timeout_max_s * KW_NS_PER_S;
            if (fixed || outside) {
                char what[96], why[160], s[32]; /* the default is not what was asked for either */
                snprintf(what, sizeof what, "%s with an idle timeout of %s s", p->name,
                         kw_nano_format(s, sizeof s, idle));
                if (fixed)
                    snprintf(why, sizeof why, "no setting of it is known; its own is %s s",
                             kw_nano_format(s, sizeof s, p->scaling.idle_timeout));
                else
                    snprintf(why, sizeof why, "it allows %" PRId64 " to %" PRId64 " s", p->idle_timeout_min_s,
                             p->idle_timeout_max_s);
                enum kw_status st = kw_plan_drop(e->p, what, why, e->err);
                if (st != KW_OK) return st;
                continue;
            }
            kw_choice_idle_timeout(&d, idle);
        }
        for (size_t k = 0; k < n_warm; k++) {
            if (warm[k] == 0 && p->scaling.at_zero == KW_ZERO_STOPPED) {
                char what[96];
                snprintf(what, sizeof what, "%s with keep_warm 0", p->name);
                enum kw_status st =
                    kw_plan_drop(e->p, what, "it stops at zero replicas and no request starts it again", e->err);
                if (st != KW_OK) return st;
                continue;
            }
            enum kw_status st = add_ceilings(e, &d, warm[k], most);
            if (st != KW_OK) return st;
        }
    }
    return KW_OK;
}

/* From the fewest replicas that can do the work at all (a bound, so that nothing feasible is left out) to somewhat more
 * than an estimate of what is busy. In steps of what the platform rents together. */
static enum kw_status add_serverless(struct enumeration *e, const struct kw_choice *c)
{
    uint32_t requests[KW_PLAN_MAX_LIST];
    size_t n;
    enum kw_status st = concurrencies(e, c, requests, &n);
    for (size_t i = 0; i < n && st == KW_OK; i++) {
        struct kw_choice d = *c;
        if (requests[i]) kw_choice_set_concurrency(&d, requests[i]);
        st = add_serverless_at(e, &d);
    }
    return st;
}

void kw_plan_own_spot(struct kw_choice *d, const struct kw_plan_options *o, bool fallback)
{
    if (o->own_spot.known) {
        d->spot.known = true;
        d->spot.per_hour = o->own_spot.per_hour;
        d->spot.share_lo = d->spot.share_hi = 0;
    }
    if (o->own_notice) d->spot.notice = o->own_spot.notice;
    d->spot.fallback = fallback;
    d->spot.fallback_start =
        o->own_spot.fallback_start.kind != KW_LAW_NONE ? o->own_spot.fallback_start : d->cold.provision;
    if (o->own_cold.provision.kind != KW_LAW_NONE) d->cold.provision = o->own_cold.provision;
}

bool kw_plan_allows_spot(const struct kw_plan_options *o, const struct kw_choice *d, char *why, size_t size)
{
    const char *unknown = kw_choice_spot_unknown(d);
    if (!d->spot.known && !o->allow_unknown && d->spot.share_hi > 0)
        snprintf(why, size,
                 "more than %g %% of its machines are taken within a month, how many more is not published: state "
                 "candidates.spot, or --allow-unknown ranks it as if none",
                 d->spot.share_lo * 100);
    else if (!d->spot.known && !o->allow_unknown)
        snprintf(why, size,
                 "how often its machines are interrupted was not found: state candidates.spot, or --allow-unknown "
                 "ranks it as if never");
    else if (unknown)
        snprintf(why, size, "how long until another machine is there was not found: state candidates.spot.%s", unknown);
    else
        return true;
    return false;
}

/* The same machines, by the hour, under each autoscaler that the user would run. */
static enum kw_status add_self_managed(struct enumeration *e, const struct kw_choice *c)
{
    const struct kw_plan_options *o = e->o;
    const uint32_t *warm = o->n_keep_warm ? o->keep_warm : warm_default;
    size_t n_warm = o->n_keep_warm ? o->n_keep_warm : KW_PLAN_WARM_DEFAULT;
    struct kw_node_own node = o->own_node;
    enum kw_status st = KW_OK;
    if (c->autoscaler && node.provision.kind == KW_LAW_NONE) node.provision = c->cold.provision; /* as written */
    if (c->autoscaler && node.pull.kind == KW_LAW_NONE) node.pull = c->cold.pull;
    for (size_t i = 0; i < o->n_autoscalers && st == KW_OK; i++) {
        const struct kw_plan_autoscaler *x = &o->autoscaler[i];
        struct kw_choice d = *c;
        char what[128], why[160];
        snprintf(what, sizeof what, "%s %s with %s", c->platform->name, c->gpu->gpu, x->file->name);
        kw_choice_self_managed(&d, x->file, &x->scaling, &node);
        const char *unknown = kw_choice_node_unknown(&d);
        snprintf(why, sizeof why, "%s was not found: state candidates.node.%s",
                 unknown && unknown[1] == 'r' ? "how long a new node takes" : "how long the image's pull takes",
                 unknown ? unknown : "");
        bool by_hour = c->gpu->gpu_hour.known;
        if (!by_hour) snprintf(why, sizeof why, "it has no price by the hour");
        if (unknown || !by_hour) {
            st = kw_plan_drop(e->p, what, why, e->err);
            continue;
        }
        d.term = KW_TERM_ON_DEMAND;
        uint32_t most = most_replicas(e, &d);
        for (size_t k = 0; k < n_warm && st == KW_OK; k++) {
            if (warm[k] < x->file->least_warm && !o->n_keep_warm) continue;
            if (warm[k] < x->file->least_warm) {
                snprintf(what, sizeof what, "%s with keep_warm %" PRIu32, x->file->name, warm[k]);
                snprintf(why, sizeof why, "it has %" PRIu32 " replica%s at the least", x->file->least_warm,
                         x->file->least_warm == 1 ? "" : "s");
                st = kw_plan_drop(e->p, what, why, e->err);
                continue;
            }
            st = add_ceilings(e, &d, warm[k], most);
        }
    }
    return st;
}

/* Terms that were asked for and whose price of the machine nobody has found are left out by name. */
static enum kw_status drop_unpriced(struct enumeration *e, const struct kw_choice *c)
{
    const struct kw_plan_options *o = e->o;
    char what[96], why[160] = "no price was found of the term";
    size_t begin = strlen(why), at = begin;
    for (int t = 0; t < KW_GPU_TERMS + 2; t++) {
        enum kw_term term = t == 0   ? KW_TERM_MONTHLY
                            : t == 1 ? KW_TERM_SPOT
                                     : (enum kw_term)(KW_TERM_COMMITTED + t - 2);
        bool asked = t == 0 ? o->monthly : t == 1 ? o->spot : (o->committed & 1u << (t - 2)) != 0;
        if (asked && !kw_gpu_price(c->gpu, term)->known)
            at += (size_t)snprintf(why + at, sizeof why - at, "%s %s", at == begin ? "" : ",", kw_term_name[term]);
    }
    if (at == begin) return KW_OK;
    snprintf(what, sizeof what, "%.24s %.16s%s%.16s", c->platform->name, c->gpu->gpu, c->region ? " in " : "",
             c->region ? c->region->name : "");
    return kw_plan_drop(e->p, what, why, e->err);
}

static enum kw_status add_dedicated(struct enumeration *e, struct kw_choice *c, uint32_t step)
{
    const struct kw_plan_options *o = e->o;
    double bound = e->load.computed * kw_plan_least_token_s(c) / e->load.span_s;
    double likely = busy_replicas(c, &e->load);
    uint32_t lowest = (uint32_t)fmax(1, ceil(fmin(bound, KW_PLAN_MAX_REPLICAS)));
    uint32_t extra = o->dedicated_extra ? o->dedicated_extra : 4;
    uint32_t highest = (uint32_t)fmin(KW_PLAN_MAX_REPLICAS, fmax(lowest + extra, ceil(1.5 * likely) + 1));
    assert(step > 0 && lowest >= 1);
    if (bound > KW_PLAN_MAX_REPLICAS) {
        char what[96], why[160];
        snprintf(what, sizeof what, "%s %s %s tp%" PRIu32, c->platform->name, c->gpu->gpu, c->profile->precision,
                 c->tp);
        snprintf(why, sizeof why, "the load needs more than %d replicas", KW_PLAN_MAX_REPLICAS);
        return kw_plan_drop(e->p, what, why, e->err);
    }
    if (o->operations_month) c->operations_month = o->operations_month;
    enum kw_term terms[4 + KW_GPU_TERMS] = { KW_TERM_ON_DEMAND, KW_TERM_MONTHLY, KW_TERM_SPOT, KW_TERM_SPOT };
    const bool spot = o->spot && c->gpu->gpu_hour_spot.known;
    bool wanted[4 + KW_GPU_TERMS] = { c->gpu->gpu_hour.known && !o->not_on_demand,
                                      o->monthly && c->gpu->gpu_month.known, spot,
                                      spot && o->own_spot.fallback && c->gpu->gpu_hour.known };
    for (int k = 0; k < KW_GPU_TERMS; k++) {
        terms[4 + k] = (enum kw_term)(KW_TERM_COMMITTED + k);
        wanted[4 + k] = o->committed & 1u << k && c->gpu->committed[k].hour.known;
    }
    enum kw_status untold = drop_unpriced(e, c);
    if (untold != KW_OK) return untold;
    for (int t = 0; t < 4 + KW_GPU_TERMS; t++) { /* t 3: spot, with on demand to stand in */
        if (!wanted[t]) continue;
        struct kw_choice d = *c;
        d.term = terms[t];
        if (d.term == KW_TERM_SPOT) {
            char why[200];
            kw_plan_own_spot(&d, o, t == 3);
            if (!kw_plan_allows_spot(o, &d, why, sizeof why)) {
                char what[96];
                snprintf(what, sizeof what, "%.24s %.16s spot%s%s%.16s", c->platform->name, c->gpu->gpu,
                         t == 3 ? " with on-demand fallback" : "", c->region ? " in " : "",
                         c->region ? c->region->name : "");
                enum kw_status st = kw_plan_drop(e->p, what, why, e->err);
                if (st != KW_OK) return st;
                continue;
            }
        }
        lowest = (lowest + step - 1) / step * step;
        for (uint32_t n = lowest; n <= highest || n == lowest; n += step) {
            kw_choice_replicas(&d, n);
            enum kw_status st = add_one(e, &d);
            if (st != KW_OK) return st;
        }
    }
    if (!o->not_on_demand) return add_self_managed(e, c);
    return !o->n_autoscalers
               ? KW_OK
               : kw_plan_drop(e->p, "autoscalers",
                              "their machines are rented on demand, which is none of candidates.terms", e->err);
}

/* The load is of all models together, so of one pool among several it is a bound from above alone: from one replica on. */
static enum kw_status add_apart(struct enumeration *e, struct kw_choice *c, uint32_t step)
{
    struct load whole = e->load;
    char what[96], why[160];
    uint32_t *asked = requests_by_model(e->trace), models = 0;
    if (!asked) return kw_fail(e->err, KW_ENOMEM, "out of memory for a plan");
    for (size_t k = 0; k < e->trace->n_models; k++) models += asked[k] > 0;
    bool routable = true;
    for (size_t k = sizeof e->p->candidates->routing.class_to; k < e->trace->n_models; k++) routable &= !asked[k];
    free(asked);
    if (models > KW_FLEET_MAX_DEPLOYMENTS || !routable) {
        snprintf(what, sizeof what, "%s, a pool a model", c->platform->name);
        snprintf(why, sizeof why, "there are %" PRIu32 " models, and at most %d pools are simulated together", models,
                 KW_FLEET_MAX_DEPLOYMENTS);
        return kw_plan_drop(e->p, what, why, e->err);
    }
    e->apart = true;
    e->load.computed = 0;
    enum kw_status st = c->platform->kind == KW_KIND_SERVERLESS ? add_serverless(e, c) : add_dedicated(e, c, step);
    e->apart = false;
    e->load = whole;
    return st;
}

/* Adapters beside their base, with each number of slots that is tried. */
static enum kw_status add_shared(struct enumeration *e, const struct kw_choice *c, uint32_t step)
{
    const struct kw_plan_options *o = e->o;
    const uint32_t all = e->adapters < KW_PLAN_LORAS ? e->adapters : KW_PLAN_LORAS;
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < (o->n_max_loras ? o->n_max_loras : 1) && st == KW_OK; i++) {
        struct kw_choice d = *c;
        struct kw_lora_ask ask;
        struct kw_error why;
        char what[96];
        kw_lora_ask_init(&ask);
        ask.max_loras = o->n_max_loras ? o->max_loras[i] : all;
        ask.max_cpu_loras = ask.max_loras > e->adapters ? ask.max_loras : e->adapters;
        bool own = d.lora.adapters != NULL; /* what the user wrote of this offer holds */
        if (!own && kw_choice_adapters(&d, o->fine_tunes, &ask, &why) != KW_OK) {
            snprintf(what, sizeof what, "%s %s %s tp%" PRIu32 " with %" PRIu32 " adapter slots", d.platform->name,
                     d.gpu->gpu, d.profile->precision, d.tp, ask.max_loras);
            st = kw_plan_drop(e->p, what, why.msg, e->err);
            continue;
        }
        st = d.platform->kind == KW_KIND_SERVERLESS ? add_serverless(e, &d) : add_dedicated(e, &d, step);
        if (own) break;
    }
    return st;
}

static enum kw_status add_adapted(struct enumeration *e, struct kw_choice *c, uint32_t step)
{
    const struct kw_plan_options *o = e->o;
    const struct kw_platform *p = c->platform;
    char why[160];
    bool alone = p->lora.served == KW_LORA_OWN_REPLICA, beside = p->lora.served == KW_LORA_BASE_REPLICA;
    bool shared = o->pools_shared || !o->pools_apart, apart = o->pools_apart || (alone && !o->pools_shared);
    bool refused = kw_lora_refusal(&p->lora, p->kind, e->adapters, why, sizeof why) != NULL;
    if (refused && (!apart || !(alone || beside))) return kw_plan_drop(e->p, p->name, why, e->err);
    enum kw_status st = KW_OK;
    if (refused && shared && beside) st = kw_plan_drop(e->p, p->name, why, e->err);
    if (st == KW_OK && shared && !refused) st = add_shared(e, c, step);
    if (st == KW_OK && apart) {
        struct kw_choice d = *c;
        if (d.lora.adapters) { /* as written, beside its base: alone it has the memory of the slots */
            d.lora = (struct kw_lora){ .adapters = NULL };
            d.sched.max_loras = d.max_lora_rank = 0;
            d.sched.num_blocks = d.profile->num_blocks;
        }
        st = add_apart(e, &d, step);
    }
    return st;
}

static uint32_t largest(uint32_t least, const uint32_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] > least) least = list[i];
    return least;
}

/* Under each of the engine's limits that are asked for. All of them have one table of step times, up to the largest, so
 * that those whose limits decide nothing are seen to be one (sim/fleet/pool/indifference.h). */
static enum kw_status add_limits(struct enumeration *e, const struct kw_choice *c, uint32_t step)
{
    const struct kw_plan_options *o = e->o;
    struct kw_choice d = *c;
    size_t n_seqs = o->n_max_num_seqs, n_tokens = o->n_max_num_batched_tokens;
    enum kw_status st = KW_OK;
    if (n_seqs || n_tokens) {
        uint32_t seqs = largest(c->sched.max_num_seqs, o->max_num_seqs, n_seqs),
                 tokens = largest(c->sched.max_num_batched_tokens, o->max_num_batched_tokens, n_tokens);
        if (c->sched.policy == KW_SCHED_PREFILL_FIRST) tokens = largest(tokens, &c->sched.max_model_len, 1);
        st = kw_steptimes_get(e->steptimes, c->profile, seqs, tokens, &d.steptime, e->err);
    }
    for (size_t i = 0; i < (n_seqs ? n_seqs : 1) && st == KW_OK; i++)
        for (size_t k = 0; k < (n_tokens ? n_tokens : 1) && st == KW_OK; k++) {
            struct kw_choice x = d;
            if (n_seqs) x.sched.max_num_seqs = o->max_num_seqs[i];
            if (n_tokens) x.sched.max_num_batched_tokens = o->max_num_batched_tokens[k];
            if (x.sched.max_num_batched_tokens < x.sched.max_num_seqs) {
                char what[96], why[160];
                snprintf(what, sizeof what, "%s %s with max_num_seqs %" PRIu32, c->platform->name, c->gpu->gpu,
                         x.sched.max_num_seqs);
                snprintf(why, sizeof why, "its steps of max_num_batched_tokens %" PRIu32 " have no token for each",
                         x.sched.max_num_batched_tokens);
                st = kw_plan_drop(e->p, what, why, e->err);
                continue;
            }
            st = e->adapters                              ? add_adapted(e, &x, step)
                 : x.platform->kind == KW_KIND_SERVERLESS ? add_serverless(e, &x)
                                                          : add_dedicated(e, &x, step);
        }
    return st;
}

/* The profile on one offer of the platform. */
static enum kw_status add_gpu(struct enumeration *e, const struct kw_platform *p, const struct kw_gpu_offer *o,
                              const struct kw_profile *prof)
{
    const struct kw_steptime *steptime;
    struct kw_choice c;
    struct kw_error why;
    char what[96], text[160];
    char split[KW_CHOICE_SPLIT];
    struct kw_choice on = { .tp = prof->tp, .dp = prof->dp, .ep = prof->ep };
    snprintf(what, sizeof what, "%s %s %s %s", p->name, o->gpu, prof->precision, kw_choice_split(&on, "", split));
    enum kw_status st = kw_steptimes_get(e->steptimes, prof, 0, 0, &steptime, e->err);
    if (st != KW_OK) return st;
    if (kw_choice_gpu(&c, p, o, prof, steptime, &why) != KW_OK) return kw_plan_drop(e->p, what, why.msg, e->err);
    bool there;
    if ((st = put(e, &c, &there)) != KW_OK || !there) return st;
    take_written(e, &c);
    o = c.gpu;
    bool asked = o->gpu_hour.known || (e->o->monthly && o->gpu_month.known) || (e->o->spot && o->gpu_hour_spot.known);
    for (int k = 0; k < KW_GPU_TERMS; k++) asked |= e->o->committed & 1u << k && o->committed[k].hour.known;
    if (!asked) return kw_plan_drop(e->p, what, "no hourly price; other terms were not asked for", e->err);
    uint64_t kv_tokens = (uint64_t)prof->num_blocks * prof->block_size;
    double mean = e->load.prompt + e->load.output;
    if (mean > (double)kv_tokens || mean > prof->max_model_len) {
        snprintf(text, sizeof text, "requests have %.0f tokens on average, it holds %.0f", mean,
                 fmin((double)kv_tokens, prof->max_model_len));
        return kw_plan_drop(e->p, what, text, e->err);
    }
    return add_limits(e, &c, kw_gpu_offer_step(o, kw_profile_gpus(prof)));
}

static bool tp_wanted(const struct kw_plan_options *o, uint32_t tp)
{
    for (size_t i = 0; i < o->n_tp; i++)
        if (o->tp[i] == tp) return true;
    return o->n_tp == 0;
}

static bool in_list(const uint32_t *list, size_t n, uint32_t x)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == x) return true;
    return false;
}

/* Groups of ranks, and whole experts, are tried where they were asked for. */
static bool split_wanted(const struct kw_plan_options *o, const struct kw_profile *prof)
{
    uint32_t dp = kw_parallel_ranks(kw_profile_parallel(prof)), ep = prof->ep > 1 ? prof->ep : 1;
    bool dp_asked = o->n_dp ? in_list(o->dp, o->n_dp, dp) : dp == 1;
    bool ep_asked = o->n_ep ? in_list(o->ep, o->n_ep, ep) : dp > 1 || ep == 1;
    return tp_wanted(o, prof->tp) && dp_asked && ep_asked;
}

/* Unless tp was asked for, only the smallest that exists for the GPU and precision: splitting a model that fits costs
 * more per token and is for latency objectives that the smallest cannot meet. */
static bool smallest_tp(const struct enumeration *e, const struct kw_profile *prof)
{
    if (e->o->n_tp) return true;
    for (size_t i = 0; i < e->profiles->n; i++) {
        const struct kw_profile *q = &e->profiles->p[i];
        if (q->tp < prof->tp &&
            kw_parallel_ranks(kw_profile_parallel(q)) == kw_parallel_ranks(kw_profile_parallel(prof)) &&
            (q->ep > 1) == (prof->ep > 1) && !strcmp(q->gpu, prof->gpu) && !strcmp(q->model, prof->model) &&
            !strcmp(q->precision, prof->precision))
            return false;
    }
    return true;
}

/* Of the model's profiles, is one of this precision (NULL: any), tp and dp (0: any)? */
static bool profiled(const struct enumeration *e, const char *precision, uint32_t tp, uint32_t dp)
{
    for (size_t i = 0; i < e->profiles->n; i++) {
        const struct kw_profile *p = &e->profiles->p[i];
        if ((!strcmp(p->model, e->model) || kw_model_same_shape(p->model, e->model)) &&
            (!precision || !strcmp(p->precision, precision)) && (!tp || p->tp == tp) &&
            (!dp || kw_parallel_ranks(kw_profile_parallel(p)) == dp))
            return true;
    }
    return false;
}

static enum kw_status add_gpus(struct enumeration *e, const struct kw_platform *p)
{
    const struct kw_plan_options *o = e->o;
    enum kw_status st = KW_OK;
    if (!profiled(e, NULL, 0, 0)) {
        char why[160];
        snprintf(why, sizeof why, "no profile of %.60s on any GPU: nobody told how fast an engine serves it", e->model);
        return kw_plan_drop(e->p, e->p->n_substitutes ? "GPUs" : p->name, why, e->err);
    }
    for (size_t g = 0; g < p->n_gpus && st == KW_OK; g++) {
        const struct kw_gpu_offer *offer = &p->gpus[g];
        if (!listed(o->gpus, o->n_gpus, offer->gpu)) continue;
        bool profiled = false;
        if (!kw_sale_open(&offer->sale)) {
            char what[96];
            snprintf(what, sizeof what, "%s %s", p->name, offer->sku);
            if ((st = drop_unsold(e, what, &offer->sale)) != KW_OK) break;
            continue;
        }
        for (size_t i = 0; i < e->profiles->n && st == KW_OK; i++) {
            const struct kw_profile *prof = &e->profiles->p[i];
            if (strcmp(prof->gpu, offer->gpu) ||
                (strcmp(prof->model, e->model) && !kw_model_same_shape(prof->model, e->model)))
                continue;
            profiled = true;
            if (!listed(o->precisions, o->n_precisions, prof->precision) || !split_wanted(o, prof) ||
                kw_profiles_find_group(e->profiles, prof->gpu, prof->model, prof->precision,
                                       kw_profile_parallel(prof)) != prof)
                continue; /* filtered out, or a weaker profile of the same */
            if (!smallest_tp(e, prof)) {
                st = kw_plan_drop(e->p, "a larger tp",
                                  "only the smallest that holds the model is tried; ask for others with tp", e->err);
                continue;
            }
            if (!kw_platform_step(p, offer, kw_profile_gpus(prof))) continue; /* another offer of the GPU may do */
            if (p->kind == KW_KIND_SERVERLESS && kw_platform_gpu(p, offer->gpu, kw_profile_gpus(prof)) != offer)
                continue; /* dearer */
            st = add_gpu(e, p, offer, prof);
        }
        if (profiled || st != KW_OK) continue;
        char what[96], why[sizeof p->why_not + sizeof p->mend + 24];
        snprintf(what, sizeof what, "%s %s", p->name, offer->gpu);
        snprintf(why, sizeof why, "no profile of %s on %s, or it does not fit", e->model, offer->gpu);
        if (!p->can_plan) snprintf(why, sizeof why, "%s; what would mend it: %s", p->why_not, p->mend);
        st = kw_plan_drop(e->p, what, why, e->err);
    }
    return st;
}

/* "PROBLEM 'NAME'", with the nearest of the names. */
static enum kw_status unknown(const char *problem, const char *name, const char *const names[], struct kw_error *err)
{
    char hint[KW_NEAREST_HINT];
    return kw_fail(err, KW_ERANGE, "%s '%.60s'%s", problem, name, kw_nearest_hint(hint, name, names));
}

/* Every name an option gives must be one that exists: a misspelt one would quietly leave out what was asked for. */
static enum kw_status check_names(const struct kw_platforms *all, const struct kw_profiles *profiles,
                                  const struct kw_plan_options *o, struct kw_error *err)
{
    size_t n_gpus = 0, n = all->n > profiles->n ? all->n : profiles->n;
    for (size_t i = 0; i < all->n; i++) n_gpus += all->p[i].n_gpus;
    const char **names = calloc((n > n_gpus ? n : n_gpus) + 1, sizeof *names);
    if (!names) return kw_fail(err, KW_ENOMEM, "out of memory for names");
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < all->n; i++) names[i] = all->p[i].name;
    for (size_t i = 0; i < o->n_platforms && st == KW_OK; i++)
        if (!among(names, o->platforms[i])) st = unknown("there is no platform", o->platforms[i], names, err);
    n = 0;
    for (size_t i = 0; i < all->n; i++)
        for (size_t g = 0; g < all->p[i].n_gpus; g++) names[n++] = all->p[i].gpus[g].gpu;
    names[n] = NULL;
    for (size_t i = 0; i < o->n_gpus && st == KW_OK; i++)
        if (!among(names, o->gpus[i])) st = unknown("no platform has a GPU", o->gpus[i], names, err);
    for (n = 0; n < profiles->n; n++) names[n] = profiles->p[n].precision;
    names[n] = NULL;
    for (size_t i = 0; i < o->n_precisions && st == KW_OK; i++)
        if (!among(names, o->precisions[i])) st = unknown("no profile is in", o->precisions[i], names, err);
    free(names);
    return st;
}

/* ended: those that cannot be bought any more too. */
static bool offers(const struct kw_platform *p, const char *model, bool ended)
{
    for (size_t k = 0; k < p->n_apis; k++)
        if (!strcmp(p->apis[k].model, model) && (ended || kw_sale_open(&p->apis[k].sale))) return true;
    return false;
}

/* Why the model itself is not served: what was dropped of a platform that offers it, else the first of all. The
 * platform's name leads a dropped offer's. NULL when nothing was dropped. */
static const struct kw_dropped *telling(const struct kw_plan *p, const struct kw_platforms *all, const char *model)
{
    for (size_t d = 0; d < p->n_dropped; d++)
        for (size_t i = 0; i < all->n; i++) {
            size_t len = strlen(all->p[i].name);
            char after = strncmp(p->dropped[d].what, all->p[i].name, len) ? 'x' : p->dropped[d].what[len];
            if ((!after || after == ' ') && offers(&all->p[i], model, true)) return &p->dropped[d];
        }
    return p->n_dropped ? &p->dropped[0] : NULL;
}

static bool wanted(const struct kw_plan_options *o, const struct kw_platform *p)
{
    return (!o->kinds || o->kinds & 1u << p->kind) && listed(o->platforms, o->n_platforms, p->name);
}

/* What an option names and no platform considered has: nothing could come of it. */
static enum kw_status check_offers(const struct kw_platforms *all, const struct kw_plan_options *o,
                                   struct kw_error *err)
{
    for (size_t i = 0; i < o->n_gpus; i++) {
        bool any = false;
        for (size_t k = 0; k < all->n && !any; k++)
            for (size_t g = 0; g < all->p[k].n_gpus && !any; g++)
                any = wanted(o, &all->p[k]) && !strcmp(all->p[k].gpus[g].gpu, o->gpus[i]);
        if (!any)
            return kw_fail(err, KW_ERANGE, "candidates.gpus[%zu]: no platform considered has the GPU %.40s", i,
                           o->gpus[i]);
    }
    return KW_OK;
}

/* By the name that APIs and profiles go by, not by its id. */
static const char *plain_name(const char *model)
{
    const struct kw_model_shape *shape = kw_model_find(model);
    return shape ? shape->name : model;
}

/* Whether a platform considered serves it, by the token or on a GPU that a profile is of. */
static bool served(const struct enumeration *e, const struct kw_platforms *all, const char *model)
{
    struct enumeration of = *e;
    bool any = false;
    of.model = model;
    for (size_t i = 0; i < all->n && !any; i++)
        any = wanted(e->o, &all->p[i]) &&
              (all->p[i].kind == KW_KIND_API ? offers(&all->p[i], model, true) : profiled(&of, NULL, 0, 0));
    return any;
}

/* The trace tells which prompts share a prefix, or what was cached, in tokens of its own. */
static bool counts_own_blocks(const struct kw_trace *t)
{
    return t->hash_at || t->cached;
}

static enum kw_status check_substitute(const struct enumeration *e, const struct kw_platforms *all, size_t i)
{
    const struct kw_substitute *x = e->o->substitute, *s = &x[i];
    const char *name = plain_name(s->model), *names[512];
    char hint[KW_NEAREST_HINT];
    size_t n = 0;
    if (!strcmp(name, e->asked))
        return kw_fail(e->err, KW_ERANGE, "candidates.substitutes.%s: is the model asked for", s->model);
    for (size_t k = 0; k < i; k++)
        if (!strcmp(plain_name(x[k].model), name))
            return kw_fail(e->err, KW_ERANGE, "candidates.substitutes.%s: is the same model as %s", s->model,
                           x[k].model);
    if (s->tokens_ppm && counts_own_blocks(e->trace))
        return kw_fail(
            e->err, KW_ERANGE,
            "candidates.substitutes.%s.tokens: the trace tells prefixes or cached tokens as its own tokenizer "
            "counts them, which no factor turns into another's",
            s->model);
    if (served(e, all, name)) return KW_OK;
    for (size_t k = 0; k < e->profiles->n && n < 255; k++) names[n++] = e->profiles->p[k].model;
    for (size_t k = 0; k < all->n; k++)
        for (size_t a = 0; a < all->p[k].n_apis && n < 511; a++) names[n++] = all->p[k].apis[a].model;
    names[n] = NULL;
    return kw_fail(e->err, KW_ERANGE, "candidates.substitutes.%s: no platform considered serves it%s", s->model,
                   kw_nearest_hint(hint, s->model, names));
}

/* Those whose quality is what is asked for; the others are listed. */
static enum kw_status take_substitutes(struct enumeration *e, const struct kw_platforms *all)
{
    const struct kw_plan_options *o = e->o;
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < o->n_substitutes && st == KW_OK; i++) {
        const struct kw_substitute *s = &o->substitute[i];
        char why[160];
        if ((st = check_substitute(e, all, i)) != KW_OK) break;
        if (!o->quality_at_least || s->quality >= o->quality_at_least) {
            e->p->substitute[e->p->n_substitutes] = *s;
            e->p->substitute[e->p->n_substitutes++].model = plain_name(s->model);
            continue;
        }
        if (s->quality)
            snprintf(why, sizeof why, "a quality of %g is below quality_at_least, %g", s->quality, o->quality_at_least);
        else
            snprintf(why, sizeof why, "its quality is not stated, and quality_at_least asks for %g",
                     o->quality_at_least);
        st = kw_plan_drop(e->p, plain_name(s->model), why, e->err);
    }
    return st;
}

/* The same of any model of the plan. */
static bool any_profiled(const struct enumeration *e, const char *precision, uint32_t tp, uint32_t dp)
{
    struct enumeration of = *e;
    bool any = false;
    for (size_t m = 0; m <= e->p->n_substitutes && !any; m++) {
        of.model = m ? e->p->substitute[m - 1].model : e->asked;
        any = profiled(&of, precision, tp, dp);
    }
    return any;
}

/* Precisions and degrees that were asked for and no profile of the models has: told before all that is left out. */
static enum kw_status drop_unprofiled(struct enumeration *e)
{
    const struct kw_plan_options *o = e->o;
    enum kw_status st = KW_OK;
    char what[96], why[160];
    snprintf(why, sizeof why, "no profile of %.60s%s is of it", e->asked,
             e->p->n_substitutes ? " or a substitute" : "");
    for (size_t i = 0; i < o->n_precisions && st == KW_OK; i++) {
        snprintf(what, sizeof what, "precision %.20s", o->precisions[i]);
        if (!any_profiled(e, o->precisions[i], 0, 0)) st = kw_plan_drop(e->p, what, why, e->err);
    }
    for (size_t i = 0; i < o->n_tp && st == KW_OK; i++) {
        snprintf(what, sizeof what, "tp %" PRIu32, o->tp[i]);
        if (!any_profiled(e, NULL, o->tp[i], 0)) st = kw_plan_drop(e->p, what, why, e->err);
    }
    for (size_t i = 0; i < o->n_dp && st == KW_OK; i++) {
        snprintf(what, sizeof what, "dp %" PRIu32, o->dp[i]);
        if (!any_profiled(e, NULL, 0, o->dp[i])) st = kw_plan_drop(e->p, what, why, e->err);
    }
    return st;
}

/* Platforms that were named and of which neither a candidate nor a reason came. */
static enum kw_status drop_silent(struct enumeration *e)
{
    const struct kw_plan_options *o = e->o;
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < o->n_platforms && st == KW_OK; i++) {
        size_t len = strlen(o->platforms[i]);
        bool told = false;
        for (size_t k = 0; k < e->p->n && !told; k++)
            told = !strcmp(e->p->candidates[k].choice[0].platform->name, o->platforms[i]);
        for (size_t k = 0; k < e->p->n_dropped && !told; k++)
            told = !strncmp(e->p->dropped[k].what, o->platforms[i], len) && strchr(" ", e->p->dropped[k].what[len]);
        if (!told)
            st = kw_plan_drop(e->p, o->platforms[i], "has none of the GPUs, precisions and degrees asked for", e->err);
    }
    return st;
}

/* "; offered by the token: openai": by platforms that were not asked for; "" when all were. Returns buf. */
static const char *who_offers(const struct kw_platforms *all, const char *model, const struct kw_plan_options *o,
                              char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = 0;
    for (size_t i = 0; i < all->n && at + 80 < size && (o->n_platforms || o->kinds); i++)
        if (offers(&all->p[i], model, false) && !wanted(o, &all->p[i]))
            at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "; offered by the token: ", all->p[i].name);
    return buf;
}

/* Nothing is left: a name that nobody knows is the likeliest reason, else one of those dropped tells it. */
static enum kw_status nothing_left(const struct kw_plan *p, const struct kw_platforms *all,
                                   const struct kw_profiles *profiles, const char *model,
                                   const struct kw_plan_options *o, struct kw_error *err)
{
    size_t n = profiles->n;
    char elsewhere[200], hint[KW_NEAREST_HINT];
    for (size_t i = 0; i < all->n; i++) n += all->p[i].n_apis;
    const char **names = calloc(n + 1, sizeof *names);
    if (!names) return kw_fail(err, KW_ENOMEM, "out of memory for names");
    for (n = 0; n < profiles->n; n++) names[n] = profiles->p[n].model;
    for (size_t i = 0; i < all->n; i++)
        for (size_t k = 0; k < all->p[i].n_apis; k++) names[n++] = all->p[i].apis[k].model;
    const struct kw_dropped *d = telling(p, all, model);
    enum kw_status st = among(names, model)
                            ? kw_fail(err, KW_ERANGE, "nothing can serve '%.60s' here%s%s%s%s%s", model,
                                      d ? "; for example " : "", d ? d->what : "", d ? ": " : "", d ? d->why : "",
                                      who_offers(all, model, o, elsewhere, sizeof elsewhere))
                            : kw_fail(err, KW_ERANGE,
                                      "nothing can serve '%.60s'%s; the path of its config.json does in its "
                                      "place",
                                      model, kw_nearest_hint(hint, model, names));
    free(names);
    return st;
}

/* What the user wrote, unless a part of it cannot be bought or lacks what is required: that `run` simulates, and no plan
 * recommends. */
static enum kw_status add_written(struct enumeration *e)
{
    const struct kw_candidate *w = e->written;
    bool meets = true;
    for (uint32_t d = 0; d < w->n && meets; d++) {
        char what[96];
        const struct kw_choice *c = &w->choice[d];
        enum kw_status st = meets_requirements(e, c->platform, &meets);
        if (st != KW_OK) return st;
        if (kw_sale_open(kw_choice_sale(c))) continue;
        snprintf(what, sizeof what, "as written: %s %s", c->platform->name, c->api ? c->api->model : c->gpu->sku);
        return drop_unsold(e, what, kw_choice_sale(c));
    }
    if (!meets) return KW_OK;
    enum kw_status st = kw_plan_push_copy(e->p, w, e->err);
    if (st == KW_OK) e->p->candidates[e->p->n - 1].as_written = true;
    return st;
}

/* A copy of what the user wrote, with what is said of the models it serves. */
static enum kw_status copy_written(struct enumeration *e, struct kw_candidate *copy)
{
    kw_candidate_init(copy);
    if (!e->o->written) return KW_OK;
    enum kw_status st = kw_candidate_copy(copy, e->o->written, e->err);
    if (st != KW_OK) return st;
    e->written = copy;
    for (uint32_t d = 0; d < copy->n; d++) {
        struct kw_choice *c = &copy->choice[d];
        const char *name = kw_choice_model(c);
        const struct kw_substitute *s = NULL;
        for (size_t i = 0; i < e->p->n_substitutes && !s; i++)
            if (!strcmp(e->p->substitute[i].model, name)) s = &e->p->substitute[i];
        bool asked = !s && (!strcmp(name, e->asked) || kw_model_same_shape(name, e->asked));
        for (size_t i = 0; i < e->p->n_substitutes && !s && !asked; i++)
            if (kw_model_same_shape(name, e->p->substitute[i].model)) s = &e->p->substitute[i];
        take_substitute(e, s ? s->model : asked ? e->asked : name, s, c);
        if (!s && !asked) c->quality = 0; /* of some other model of the user's */
    }
    return st;
}

/* The offers of one platform of the model asked for and of its substitutes. */
static enum kw_status add_platform(struct enumeration *e, const struct kw_platform *q)
{
    bool meets = true, any = false;
    enum kw_status st = q->kind == KW_KIND_API ? KW_OK : meets_requirements(e, q, &meets);
    const size_t n = e->adapters ? 0 : e->p->n_substitutes;
    for (size_t m = 0; m <= n && st == KW_OK && meets; m++) {
        e->sub = m ? &e->p->substitute[m - 1] : NULL;
        e->model = m ? e->sub->model : e->asked;
        e->load = e->of[m];
        if (q->kind != KW_KIND_API) st = add_gpus(e, q);
        for (size_t k = 0; k < q->n_apis && st == KW_OK && meets; k++) {
            if (strcmp(q->apis[k].model, e->model)) continue;
            if (!any) st = meets_requirements(e, q, &meets);
            any = true;
            if (st == KW_OK && meets) st = add_api(e, q, &q->apis[k]);
        }
    }
    if (st != KW_OK || any || q->kind != KW_KIND_API) return st;
    char why[160];
    snprintf(why, sizeof why,
             e->p->n_substitutes ? "offers neither %.60s nor a substitute"
                                 : "does not offer %.60s; other models stand in for it only when asked (substitutes)",
             e->asked);
    return kw_plan_drop(e->p, q->name, why, e->err);
}

/* Where regions are asked for, in each of those that it has. */
static enum kw_status add_places(struct enumeration *e, const struct kw_platform *q)
{
    enum kw_status st = KW_OK;
    bool any = false;
    if (!e->o->n_regions) return add_platform(e, q);
    if (!q->n_regions)
        return kw_plan_drop(e->p, q->name, "in which regions it can be asked to run was not found", e->err);
    for (size_t k = 0; k < q->n_regions && st == KW_OK; k++) {
        if (!kw_plan_allows_region(e->o, &q->regions[k])) continue;
        any = true;
        e->place = &q->regions[k];
        st = add_platform(e, q);
    }
    e->place = NULL;
    if (st != KW_OK || any) return st;
    return kw_plan_drop(e->p, q->name, "it cannot be asked to run in any of the regions asked for", e->err);
}

/* Adapters that the trace asks for, all of them of the model. */
static enum kw_status count_adapters(struct enumeration *e)
{
    const struct kw_fine_tunes *f = e->o->fine_tunes;
    uint32_t *asked = requests_by_model(e->trace);
    enum kw_status st = asked ? KW_OK : kw_fail(e->err, KW_ENOMEM, "out of memory for a plan");
    for (uint32_t k = 0; k < f->n_models && st == KW_OK; k++) {
        const struct kw_fine_tune *t = f->of_model[k] ? &f->of[f->of_model[k]] : NULL;
        if (!t || !asked[k]) continue;
        e->adapters++;
        if (!kw_fine_tune_is_of(t, e->asked))
            st = kw_fail(e->err, KW_ERANGE, "'%.60s' is an adapter of %.48s, and all requests are planned as %.48s",
                         t->name, t->base->name, e->asked);
    }
    free(asked);
    return st;
}

enum kw_status kw_plan_enumerate(struct kw_plan *p, const struct kw_platforms *platforms,
                                 const struct kw_profiles *profiles, struct kw_steptimes *steptimes,
                                 const struct kw_trace *trace, const char *model, const struct kw_plan_options *o,
                                 struct kw_error *err)
{
    struct enumeration e = { .p = p, .o = o, .profiles = profiles, .steptimes = steptimes, .trace = trace, .err = err };
    struct kw_candidate written;
    e.asked = e.model = plain_name(model);
    enum kw_status st = kw_sessions_refuse(trace, "plan", err);
    if (st == KW_OK) st = check_names(platforms, profiles, o, err);
    if (st == KW_OK) st = check_offers(platforms, o, err);
    if (st == KW_OK) st = take_substitutes(&e, platforms);
    if (st != KW_OK) return st;
    st = drop_unprofiled(&e);
    for (size_t m = 0; m <= p->n_substitutes; m++) /* a walk over the trace each */
        measure_load(&e.of[m], trace, m ? p->substitute[m - 1].tokens_ppm : 0);
    e.load = e.of[0];
    if (st == KW_OK && o->fine_tunes) st = count_adapters(&e);
    for (size_t m = 0; e.adapters && m < p->n_substitutes && st == KW_OK; m++)
        st = kw_plan_drop(p, p->substitute[m].model,
                          "LoRA adapters are of one base, and no other model stands in for it", err);
    memcpy(p->require, o->require, sizeof p->require);
    p->n_require = o->n_require;
    if (st == KW_OK && !(e.load.span_s > 0)) st = kw_fail(err, KW_ERANGE, "the trace spans no time");
    if (st == KW_OK) st = copy_written(&e, &written);
    if (st == KW_OK && e.written) st = add_written(&e);
    for (size_t i = 0; i < platforms->n && st == KW_OK; i++) {
        const struct kw_platform *q = &platforms->p[i];
        if (!wanted(o, q)) continue;
        st = q->can_plan || q->user_mends ? add_places(&e, q) : kw_plan_drop(p, q->name, q->why_not, err);
    }
    if (st == KW_OK) st = drop_silent(&e);
    if (st == KW_OK && p->n == 0) st = nothing_left(p, platforms, profiles, e.asked, o, err);
    if (e.written) kw_candidate_free(&written);
    return st;
}
