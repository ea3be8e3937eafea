#include "sim/io/scenario/scenario.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/gpu.h"
#include "calibrate/profile/storage.h"
#include "sim/core/date.h"
#include "sim/fleet/groups.h"
#include "sim/io/scenario/adapters.h"
#include "sim/io/scenario/autoscalers.h"
#include "sim/io/scenario/drafting.h"
#include "sim/io/scenario/edit.h"
#include "sim/io/scenario/engines_apart.h"
#include "sim/io/scenario/key_use.h"
#include "sim/io/scenario/mitigations.h"
#include "sim/io/scenario/offloading.h"
#include "sim/io/scenario/schedule.h"
#include "sim/io/scenario/slo_text.h"
#include "sim/io/scenario/tco.h"
#include "sim/plan/sweep/precision.h"
#include "sim/io/scenario/user_law.h"
#include "sim/io/scenario/user_link.h"
#include "workloads/readers/timestamp.h"

/* Reads one after another and stops at the first failure; `st` and `err` are in scope where it is used. */
#define READ(call)                                                                                                     \
    if (st == KW_OK) st = (call)

static struct kw_jnode get(struct kw_jnode obj, const char *key)
{
    return kw_json_get(obj, key);
}

/* An object whose keys key_use.h has. */
static enum kw_status known_keys(struct kw_jnode obj, const char *object, struct kw_error *err)
{
    const char *names[KW_KEYS_MAX];
    kw_key_names(object, names);
    return kw_json_keys(obj, names, err);
}

/* A decimal given as a string or as a JSON number: only for ratios, never for time or money. */
static enum kw_status ratio_or(struct kw_jnode n, double dflt, double lo, double hi, double *out, struct kw_error *err)
{
    if (!kw_json_is_string(n)) return kw_json_f64_or(n, dflt, lo, hi, out, err);
    int64_t v;
    enum kw_status st = kw_json_nano(n, INT64_MIN, INT64_MAX, &v, err);
    if (st != KW_OK) return st;
    double d = kw_nano_to_double(v);
    if (d < lo || d > hi) return kw_json_fail(n, KW_ERANGE, err, "want %g to %g; got %g", lo, hi, d);
    *out = d;
    return KW_OK;
}

/* Seconds, >= 0, at most ten years; 0 when absent unless a default is given. */
static enum kw_status seconds_or(struct kw_jnode n, kw_ns dflt, kw_ns *out, struct kw_error *err)
{
    return kw_json_nano_or(n, dflt, 0, 87600 * KW_NS_PER_HOUR, out, err);
}

static enum kw_status count_or(struct kw_jnode n, uint32_t dflt, int64_t lo, int64_t hi, uint32_t *out,
                               struct kw_error *err)
{
    int64_t v;
    enum kw_status st = kw_json_i64_or(n, dflt, lo, hi, &v, err);
    if (st == KW_OK) *out = (uint32_t)v;
    return st;
}

/* A number, or the precision that decides it: "1%". */
static enum kw_status read_replications(struct kw_jnode n, struct kw_scenario *s, struct kw_error *err)
{
    const char *text;
    if (!kw_json_is_string(n)) return count_or(n, 8, 1, KW_REPLICATIONS_MAX, &s->replications, err);
    s->replications = 8;
    enum kw_status st = kw_json_str(n, &text, err);
    if (st != KW_OK) return st;
    size_t whole = strspn(text, "0123456789"), end = whole;
    if (text[end] == '.') end += 1 + strspn(text + end + 1, "0123456789");
    bool share = whole && end < 16 && !strcmp(text + end, "%");
    s->precision = share ? strtod(text, NULL) / 100 : 0;
    if (s->precision >= KW_PRECISION_LEAST && s->precision <= KW_PRECISION_MOST) return KW_OK;
    return kw_json_fail(n, KW_ERANGE, err,
                        "want 1 to %d, or the precision that decides it, \"%g%%\" to \"%g%%\"; got \"%.40s\"",
                        KW_REPLICATIONS_MAX, 100 * KW_PRECISION_LEAST, 100 * KW_PRECISION_MOST, text);
}

/* ---- objectives */

/* The objectives of all classes; of a class (*slo holds those of all) but for budget and classes. Rows of
 * known[] and times[] stand at the same places; NULL where a key is a share. */
static enum kw_status read_objectives(struct kw_jnode o, bool of_class, struct kw_slo *slo, struct kw_error *err)
{
    static const char *const known[] = { "ttft_p50_s",       "ttft_p95_s", "ttft_p99_s", "tpot_p50_s", "tpot_p95_s",
                                         "tpot_p99_s",       "e2e_p50_s",  "e2e_p95_s",  "e2e_p99_s",  "cold_fraction",
                                         "error_fraction",   "attainment", "ttft_s",     "tpot_s",     "e2e_s",
                                         "budget_usd_month", "classes",    NULL };
    const char *own[sizeof known / sizeof *known] = { NULL };
    if (of_class) memcpy(own, known, 15 * sizeof *own);
    kw_ns *const times[] = {
        &slo->ttft_p50, &slo->ttft_p95, &slo->ttft_p99,         &slo->tpot_p50,         &slo->tpot_p95,
        &slo->tpot_p99, &slo->e2e_p50,  &slo->e2e_p95,          &slo->e2e_p99,          NULL,
        NULL,           NULL,           &slo->per_request.ttft, &slo->per_request.tpot, &slo->per_request.e2e
    };
    double *const fractions[] = { &slo->cold_fraction, &slo->error_fraction, &slo->attainment };
    enum kw_status st = kw_json_keys(o, of_class ? own : known, err);
    for (int i = 0; i < 15 && st == KW_OK; i++)
        if (times[i] && kw_json_present(get(o, known[i])))
            st = kw_json_nano(get(o, known[i]), 1, 87600 * KW_NS_PER_HOUR, times[i], err);
    for (int i = 0; i < 3; i++) READ(ratio_or(get(o, known[9 + i]), *fractions[i], 0, 1, fractions[i], err));
    READ(kw_json_nano_or(get(o, "budget_usd_month"), slo->budget_month, 1, INT64_MAX, &slo->budget_month, err));
    return st;
}

static enum kw_status read_slo(struct kw_jnode o, struct kw_scenario *s, struct kw_error *err)
{
    struct kw_slo *slo = &s->slo;
    struct kw_jnode classes = get(o, "classes");
    kw_slo_init(slo);
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = read_objectives(o, false, slo, err);
    if (st != KW_OK || !kw_json_present(classes)) return st;
    if (!kw_json_is_object(classes))
        return kw_json_fail(classes, KW_EPARSE, err, "want an object: the name of a class -> its objectives");
    int n = kw_json_len(classes);
    if (n > KW_GROUPS_MAX) return kw_json_fail(classes, KW_ERANGE, err, "at most %d classes", KW_GROUPS_MAX);
    struct kw_class_slo *by_class = calloc(n ? (size_t)n : 1, sizeof *by_class);
    if (!by_class) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (int i = 0; i < n && st == KW_OK; i++) {
        const char *name;
        struct kw_jnode m = kw_json_member(classes, i, &name);
        by_class[i].slo = *slo;
        by_class[i].slo.budget_month = 0;
        if (strlen(name) >= sizeof by_class[i].name)
            st = kw_json_fail(m, KW_ERANGE, err, "a class's name has at most %zu bytes", sizeof by_class[i].name - 1);
        else
            st = read_objectives(m, true, &by_class[i].slo, err);
        snprintf(by_class[i].name, sizeof by_class[i].name, "%.63s", name);
    }
    s->class_slo = by_class;
    slo->by_class = by_class;
    slo->n_by_class = (uint32_t)n;
    return st;
}

void kw_scenario_meet_class(struct kw_scenario *s, const char *name)
{
    if (!name || s->slo.n_by_class != 1 || strcmp(s->class_slo[0].name, name)) return;
    kw_nusd budget = s->slo.budget_month;
    s->slo = s->class_slo[0].slo;
    s->slo.budget_month = budget;
}

enum kw_status kw_scenario_meet_regions(const struct kw_scenario *s, struct kw_trace *t, struct kw_error *err)
{
    return kw_places_meet(&s->places, kw_json_root(&s->doc), t, s->seed, err);
}

enum kw_status kw_scenario_meet_trace(struct kw_scenario *s, const struct kw_trace *t, struct kw_error *err)
{
    struct kw_jnode classes = get(get(kw_json_root(&s->doc), "slo"), "classes");
    size_t n_classes = t->klass ? t->n_classes : 0, pairs = n_classes * (t->model ? t->n_models : 1);
    for (uint32_t i = 0; i < s->slo.n_by_class; i++) {
        const char *name;
        struct kw_jnode m = kw_json_member(classes, (int)i, &name);
        size_t k = 0;
        while (k < n_classes && strcmp(t->class_name[k], name)) k++;
        if (k == n_classes) return kw_json_fail(m, KW_ERANGE, err, "the trace has no class '%.60s'", name);
        if (pairs > KW_GROUPS_MAX)
            return kw_json_fail(m, KW_ERANGE, err, "the trace has %zu classes and models; at most %d are told apart",
                                pairs, KW_GROUPS_MAX);
    }
    kw_scenario_meet_class(s, pairs == 1 ? t->class_name[0] : NULL);
    return kw_adapters_read(get(kw_json_root(&s->doc), "adapters"), t, &s->fine_tunes, err);
}

/* ---- one deployment */

static enum kw_status read_retry(struct kw_jnode o, struct kw_client_retry *r, struct kw_error *err)
{
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = known_keys(o, "deployments[].retry", err);
    READ(count_or(get(o, "max_attempts"), r->max_attempts, 1, 255, &r->max_attempts, err));
    READ(seconds_or(get(o, "base_s"), r->base, &r->base, err));
    READ(seconds_or(get(o, "cap_s"), r->cap, &r->cap, err));
    return st;
}

/* Over what the profile was measured with. Each key alone first and then what they ask of each other, so that the
 * message names the key that is wrong where one alone is. */
static enum kw_status read_scheduler(struct kw_jnode o, struct kw_sched_config *c, struct kw_error *err)
{
    if (!kw_json_present(o)) return KW_OK;
    int policy = c->policy;
    enum kw_status st = known_keys(o, "deployments[].scheduler", err);
    READ(kw_json_enum_or(get(o, "policy"), policy, kw_sched_policy_name, &policy, err));
    READ(count_or(get(o, "max_num_batched_tokens"), c->max_num_batched_tokens, 1, 1 << 20, &c->max_num_batched_tokens,
                  err));
    READ(count_or(get(o, "max_num_seqs"), c->max_num_seqs, 1, 65536, &c->max_num_seqs, err));
    READ(count_or(get(o, "max_model_len"), c->max_model_len, 2, 10000000, &c->max_model_len, err));
    READ(count_or(get(o, "block_size"), c->block_size, 1, 512, &c->block_size, err));
    READ(count_or(get(o, "num_blocks"), c->num_blocks, 1, 100000000, &c->num_blocks, err));
    READ(kw_json_bool_or(get(o, "prefix_caching"), c->prefix_caching, &c->prefix_caching, err));
    READ(kw_json_bool_or(get(o, "reserve_full_prompt"), c->reserve_full_prompt, &c->reserve_full_prompt, err));
    c->policy = (enum kw_sched_policy)policy;
    bool can_async = policy == KW_SCHED_VLLM || policy == KW_SCHED_SARATHI;
    READ(kw_json_bool_or(get(o, "async_scheduling"), c->async_scheduling && can_async, &c->async_scheduling, err));
    if (st == KW_OK && c->async_scheduling && !can_async)
        st = kw_json_fail(get(o, "async_scheduling"), KW_ERANGE, err,
                          "only the policies vllm and sarathi schedule ahead");
    if (st == KW_OK && (c->block_size & (c->block_size - 1)))
        st = kw_json_fail(get(o, "block_size"), KW_ERANGE, err, "want a power of two; got %u", c->block_size);
    if (st == KW_OK && c->max_num_batched_tokens < c->max_num_seqs)
        st = kw_json_fail(o, KW_ERANGE, err, "max_num_batched_tokens (%u) must be >= max_num_seqs (%u)",
                          c->max_num_batched_tokens, c->max_num_seqs);
    if (st == KW_OK && policy >= KW_SCHED_TRTLLM && c->max_num_batched_tokens < c->block_size)
        st = kw_json_fail(o, KW_ERANGE, err, "max_num_batched_tokens (%u) must be >= block_size (%u) with %s",
                          c->max_num_batched_tokens, c->block_size, kw_sched_policy_name[policy]);
    return st;
}

/* The user's own latency of an API, in the order of kw_choice_api_with. */
/* A rate must not reach 0 even in its farthest tail: an answer would never end. */
static enum kw_status read_latency(struct kw_jnode o, struct kw_law own[3], struct kw_error *err)
{
    enum kw_status st = kw_user_law(get(o, "ttft"), &own[0], err);
    READ(kw_user_law(get(o, "ttft_per_ktok"), &own[1], err));
    READ(kw_user_law(get(o, "output_rate"), &own[2], err));
    if (st == KW_OK && own[2].kind != KW_LAW_NONE && !(kw_law_quantile(&own[2], 1e-9) > 0))
        st = kw_json_fail(get(o, "output_rate"), KW_ERANGE, err, "want a rate above 0 throughout");
    return st;
}

/* "storage": where the weights lie, in the place of what the profile or the platform says of loading them. */
static enum kw_status read_storage(struct kw_jnode o, struct kw_choice *of, struct kw_error *err)
{
    struct kw_jnode n = get(o, "storage");
    static const char *const instead[] = { "load", "load_rate" };
    struct kw_cold_start *c = &of->cold;
    const char *path;
    struct kw_error why;
    if (!kw_json_present(n)) return KW_OK;
    for (int i = 0; i < 2; i++)
        if (kw_json_present(get(o, instead[i])))
            return kw_json_fail(n, KW_ERANGE, err, "%s is stated beside it: want one of the two", instead[i]);
    enum kw_status st = kw_json_str(n, &path, err);
    if (st != KW_OK) return st;
    if ((st = kw_storage_law(&c->load_rate, path, of->tp, &why)) != KW_OK)
        return kw_json_fail(n, st, err, "%s", why.msg);
    if (c->load.kind != KW_LAW_NONE) c->init = of->profile->init; /* the platform's load had it inside */
    c->load = c->engine_start = (struct kw_law){ .kind = KW_LAW_NONE };
    return KW_OK;
}

static enum kw_status read_cold_start(struct kw_jnode o, struct kw_choice *of, struct kw_error *err)
{
    struct kw_cold_start *c = &of->cold;
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = known_keys(o, "deployments[].cold_start", err);
    READ(read_storage(o, of, err));
    /* What the user measured is the whole of the load: neither a fixed part of the platform's nor a rate of the
     * profile's is added to it. */
    bool whole = kw_json_present(get(o, "load")), rate = kw_json_present(get(o, "load_rate"));
    /* Nor is what the platform publishes of load and init in all. */
    if (whole || rate || kw_json_present(get(o, "init"))) c->engine_start = (struct kw_law){ .kind = KW_LAW_NONE };
    if (whole || rate) c->load = c->load_rate = c->cached_load_rate = (struct kw_law){ .kind = KW_LAW_NONE };
    if (st == KW_OK && whole && !rate && kw_json_present(get(o, "cached_load_rate")))
        return kw_json_fail(get(o, "cached_load_rate"), KW_ERANGE, err, "beside load it needs load_rate");
    READ(kw_user_law(get(o, "provision"), &c->provision, err));
    READ(kw_user_law(get(o, "pull"), &c->pull, err));
    READ(kw_user_law(get(o, "load"), &c->load, err));
    READ(kw_user_law(get(o, "load_rate"), &c->load_rate, err));
    READ(kw_user_law(get(o, "cached_load_rate"), &c->cached_load_rate, err));
    READ(ratio_or(get(o, "cache_hit"), c->cache_hit, 0, 1, &c->cache_hit, err));
    READ(kw_user_law(get(o, "init"), &c->init, err));
    READ(kw_user_law(get(o, "engine_start"), &c->engine_start, err));
    READ(kw_user_law(get(o, "restore"), &c->restore, err));
    READ(ratio_or(get(o, "snapshot_probability"), c->snapshot_probability, 0, 1, &c->snapshot_probability, err));
    return st;
}

/* Of a base's deployment: how it holds and loads adapters. */
static enum kw_status read_lora(struct kw_jnode o, struct kw_lora_ask *a, struct kw_error *err)
{
    kw_lora_ask_init(a);
    if (!kw_json_present(o)) return KW_OK;
    struct kw_jnode rank = get(o, "max_lora_rank");
    enum kw_status st = known_keys(o, "deployments[].lora", err);
    READ(count_or(get(o, "max_loras"), 0, 1, KW_SCHED_MAX_LORAS, &a->max_loras, err));
    READ(count_or(get(o, "max_cpu_loras"), 0, 1, 1000000, &a->max_cpu_loras, err));
    READ(count_or(rank, 0, 1, 512, &a->max_lora_rank, err));
    READ(kw_user_law(get(o, "load"), &a->load_s, err));
    READ(kw_user_law(get(o, "load_rate"), &a->load_rate, err));
    READ(kw_user_law(get(o, "activate"), &a->activate_s, err));
    if (kw_json_present(get(o, "step_overhead")))
        READ(ratio_or(get(o, "step_overhead"), 0, 0, 10, &a->step_overhead, err));
    if (st == KW_OK && a->max_lora_rank && kw_lora_max_rank_for(a->max_lora_rank) != a->max_lora_rank)
        st = kw_json_fail(rank, KW_ERANGE, err, "vLLM takes 1, 8, 16, 32, 64, 128, 256, 320 or 512; got %u",
                          a->max_lora_rank);
    return st;
}

/* The choice serves the fine-tunes of its model beside it where there are any and its platform can; a deployment of a
 * fine-tune itself has its weights merged. */
static enum kw_status read_adapters(struct kw_jnode o, const char *model, const struct kw_fine_tunes *f,
                                    struct kw_choice *c, struct kw_error *err)
{
    const char *runs = kw_fine_tunes_base(f, model);
    struct kw_lora_ask ask;
    struct kw_error inner;
    char why[120];
    enum kw_status st = read_lora(get(o, "lora"), &ask, err);
    uint32_t n = kw_fine_tunes_of(f, runs);
    if (runs != model) snprintf(c->serves, sizeof c->serves, "%.63s", model);
    if (st != KW_OK || runs != model || !n ||
        kw_lora_refusal(&c->platform->lora, c->platform->kind, n, why, sizeof why))
        return st;
    if (c->api) {
        c->lora.adapters = &f->view;
        return KW_OK;
    }
    if ((st = kw_choice_adapters(c, f, &ask, &inner)) == KW_OK) return KW_OK;
    struct kw_jnode at = kw_json_present(get(o, "lora")) ? get(o, "lora") : o;
    return kw_json_fail(at, st, err, "%s", inner.msg);
}

static enum kw_status read_limits(struct kw_jnode o, struct kw_rate_limits *l, struct kw_error *err)
{
    static const char *const known[] = { "rpm", "rpd", "tpm", "itpm", "otpm", "tpd", NULL };
    if (!kw_json_present(o)) return KW_OK;
    int64_t *const v[] = { &l->rpm, &l->rpd, &l->tpm, &l->itpm, &l->otpm, &l->tpd };
    enum kw_status st = kw_json_keys(o, known, err);
    for (int i = 0; i < 6; i++) READ(kw_json_i64_or(get(o, known[i]), *v[i], 0, INT64_C(1000000000000), v[i], err));
    return st;
}

/* The limits of another customer tier of the platform; an offer's own burndown stays. */
static enum kw_status read_tier(struct kw_jnode n, const struct kw_platform *p, struct kw_rate_limits *l,
                                struct kw_error *err)
{
    const char *want, *names[64];
    size_t k = 0;
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = kw_json_str(n, &want, err);
    if (st != KW_OK) return st;
    const struct kw_rate_limits *tier = kw_platform_tier(p, want);
    if (tier) {
        double burndown = l->output_burndown;
        *l = *tier;
        l->output_burndown = burndown;
        return KW_OK;
    }
    for (; k < p->n_tiers && k < 63; k++) names[k] = p->tiers[k].tier;
    names[k] = NULL;
    char hint[KW_NEAREST_HINT];
    return kw_json_fail(n, KW_ERANGE, err, "%s has no tier '%.31s'%s; `keepwarm platforms show %s` lists them",
                        p->title, want, kw_nearest_hint(hint, want, names), p->name);
}

/* Over the provider's rule; where that does not say whether it caches, a whole rule of the user's says that it does. */
static enum kw_status read_cache(struct kw_jnode o, struct kw_choice *choice, struct kw_error *err)
{
    struct kw_cache_rule *c = &choice->cache;
    bool use;
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = known_keys(o, "deployments[].cache", err);
    READ(kw_json_bool_or(get(o, "use"), true, &use, err));
    READ(count_or(get(o, "min_tokens"), c->min_tokens, 1, 10000000, &c->min_tokens, err));
    READ(count_or(get(o, "step_tokens"), c->step_tokens, 1, 10000000, &c->step_tokens, err));
    READ(seconds_or(get(o, "lifetime_s"), c->lifetime, &c->lifetime, err));
    if (st != KW_OK || !choice->api || !kw_term_prices(choice->api, choice->term)->cached_in_mtok.known) return st;
    if (choice->term == KW_TERM_BATCH) {
        if (choice->platform->batch.cache == KW_BATCH_CACHE_UNKNOWN || !use) return st; /* key_use.h tells the user */
        const struct kw_cache_rule *offer = &choice->api->cache;
        c->mode = offer->mode == KW_CACHE_UNKNOWN ? KW_CACHE_AUTOMATIC : offer->mode;
        if (!c->min_tokens) c->min_tokens = offer->min_tokens;
        if (!c->step_tokens) c->step_tokens = offer->step_tokens;
        if (!c->lifetime) c->lifetime = offer->lifetime;
        return st; /* what the trace says was cached needs no rule; where prefixes would, that it lacks one is told */
    }
    if (!use) {
        c->mode = KW_CACHE_OFF;
    } else {
        if (c->mode == KW_CACHE_UNKNOWN) c->mode = KW_CACHE_AUTOMATIC;
        const char *lacks = !c->min_tokens ? "min_tokens" : !c->step_tokens ? "step_tokens" : "lifetime_s";
        if (!kw_cache_rule_known(c))
            st = kw_json_fail(o, KW_ERANGE, err, "has no effect without %s, which was not found for %s: state it too",
                              lacks, choice->platform->title);
    }
    return st;
}

/* When batches are sent and answered. Where neither is open the keys have no use, which key_use.h tells the user. */
static enum kw_status read_batch(struct kw_jnode o, struct kw_choice *c, struct kw_error *err)
{
    uint32_t requests = 0;
    int from = KW_BATCH_PROMISED;
    struct kw_batching *b = &c->batching;
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = known_keys(o, "deployments[].batch", err);
    READ(kw_json_enum_or(get(o, "latency"), from, kw_batch_from_name, &from, err));
    READ(seconds_or(get(o, "collect_s"), 0, &b->collect, err));
    READ(count_or(get(o, "requests"), 0, 1, 1000000000, &requests, err));
    if (st != KW_OK || c->term != KW_TERM_BATCH) return st;
    if (requests && !b->collect)
        return kw_json_fail(get(o, "requests"), KW_ERANGE, err,
                            "the last batch would never be full: say collect_s too, after which it is sent anyway");
    uint32_t most = c->platform->batch.max_requests;
    if (requests && most && requests > most)
        return kw_json_fail(get(o, "requests"), KW_ERANGE, err, "is %u, but %s takes at most %u in a batch", requests,
                            c->platform->title, most);
    if (requests) b->requests = requests;
    if (!kw_json_present(get(o, "latency")) || !kw_choice_batch_open(c)) return KW_OK;
    kw_choice_batch_from(c, (enum kw_batch_from)from);
    c->batch_from_stated = true;
    return KW_OK;
}

/* A weight is kept in millionths. */
static enum kw_status weight_or(struct kw_jnode n, int64_t *millionths, struct kw_error *err)
{
    int64_t v = *millionths * 1000;
    enum kw_status st = kw_json_nano_or(n, v, 0, 1000 * KW_NANO, &v, err);
    if (st == KW_OK && v % 1000) st = kw_json_fail(n, KW_ERANGE, err, "want at most 6 digits after the point");
    if (st == KW_OK) *millionths = v / 1000;
    return st;
}

/* The user's figures over the offer's: what a unit carries and costs is for the user to say where the provider does not. */
static enum kw_status read_unit(struct kw_jnode o, struct kw_provision *p, struct kw_error *err)
{
    static const int64_t most = INT64_C(1000000000000);
    struct kw_unit_capacity *c = &p->bought.carries;
    int term = p->commitment, per = KW_COMMIT_HOUR;
    bool spill = p->bought.above == KW_ABOVE_SPILL;
    enum kw_status st = kw_json_enum_or(get(o, "term"), term, kw_commitment_name, &term, err);
    READ(kw_json_bool_or(get(o, "spill"), spill, &spill, err));
    READ(kw_json_i64_or(get(o, "tpm"), c->tokens_min, 1, most, &c->tokens_min, err));
    READ(kw_json_i64_or(get(o, "itpm"), c->in_min, 1, most, &c->in_min, err));
    READ(kw_json_i64_or(get(o, "otpm"), c->out_min, 1, most, &c->out_min, err));
    READ(weight_or(get(o, "output_weight"), &c->weight_out, err));
    READ(weight_or(get(o, "cached_weight"), &c->weight_cached, err));
    READ(seconds_or(get(o, "window_s"), p->bought.window, &p->bought.window, err));
    p->own_window = kw_json_present(get(o, "window_s"));
    READ(count_or(get(o, "min_units"), p->min_units, 1, 1000000, &p->min_units, err));
    READ(count_or(get(o, "increment"), p->increment, 1, 1000000, &p->increment, err));
    READ(kw_json_nano_or(get(o, "price_usd"), 0, 1, INT64_C(1000000) * KW_NANO, &p->own_price, err));
    READ(kw_json_enum_or(get(o, "price_per"), per, kw_commitment_name, &per, err));
    if (st == KW_OK && (per == KW_COMMIT_3_MONTHS || per == KW_COMMIT_6_MONTHS))
        st = kw_json_fail(get(o, "price_per"), KW_ERANGE, err, "want hour, week, month or year");
    p->commitment = (enum kw_commitment)term;
    p->bought.above = spill ? KW_ABOVE_SPILL : KW_ABOVE_REJECT;
    p->own_per = p->own_price ? (enum kw_commitment)per : KW_COMMIT_HOUR;
    return st;
}

static enum kw_status read_provisioned(struct kw_jnode o, struct kw_choice *c, struct kw_error *err)
{
    struct kw_error inner;
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = known_keys(o, "deployments[].provisioned", err);
    if (st == KW_OK && c->term != KW_TERM_ON_DEMAND)
        return kw_json_fail(o, KW_ERANGE, err, "what units do not carry is on demand, not by the term %s",
                            kw_term_name[c->term]);
    struct kw_provision p = kw_choice_provision(c);
    READ(count_or(get(o, "units"), 0, 1, 1000000, &p.bought.n, err));
    if (st == KW_OK && !p.bought.n) st = kw_json_fail(get(o, "units"), KW_EPARSE, err, "how many units are bought?");
    READ(read_unit(o, &p, err));
    if (st != KW_OK || (st = kw_choice_provisioned(c, &p, &inner)) == KW_OK) return st;
    bool count = c->api->provisioned.sold && kw_provisioned_count(p.min_units, p.increment, p.bought.n) != p.bought.n;
    return kw_json_fail(count ? get(o, "units") : o, st, err, "%s", inner.msg);
}

/* restart_s, the time until another machine is there, is the provision of its cold start. A machine on demand takes the
 * platform's time where fallback_start_s says no other. */
static enum kw_status read_spot(struct kw_jnode o, struct kw_spot *s, struct kw_cold_start *c, struct kw_error *err)
{
    int64_t rate = 0;
    struct kw_law own = { .kind = KW_LAW_NONE };
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = known_keys(o, "deployments[].spot", err);
    if (kw_json_present(get(o, "interruptions_per_hour"))) {
        READ(kw_json_nano(get(o, "interruptions_per_hour"), 0, 3600 * KW_NANO, &rate, err));
        s->known = true;
        s->per_hour = kw_nano_to_double(rate);
        s->share_lo = s->share_hi = 0;
    }
    READ(seconds_or(get(o, "notice_s"), s->notice, &s->notice, err));
    READ(kw_json_bool_or(get(o, "on_demand_fallback"), s->fallback, &s->fallback, err));
    READ(kw_user_time(get(o, "fallback_start_s"), &own, err));
    if (s->fallback) s->fallback_start = own.kind != KW_LAW_NONE ? own : c->provision;
    READ(kw_user_time(get(o, "restart_s"), &c->provision, err));
    return st;
}

/* Replica counts, windows and overload rules, over the platform's defaults. What the kind or the autoscaler has no use
 * for is left as it is (key_use.h tells the user): the length of a warm-up looks at every window. */
static enum kw_status read_scaling(struct kw_jnode o, const struct kw_self_managed_all *autoscalers,
                                   struct kw_choice *c, struct kw_error *err)
{
    struct kw_autoscaling *a = &c->scaling;
    enum kw_kind kind = c->platform->kind;
    enum kw_status st = kind == KW_KIND_DEDICATED ? kw_autoscalers_deployment(o, autoscalers, c, err) : KW_OK;
    bool own = c->autoscaler; /* by its own names, in an object of their own */
    if (kind == KW_KIND_DEDICATED && !own) {
        uint32_t n = 1;
        READ(count_or(get(o, "replicas"), 1, 1, 100000, &n, err));
        if (st == KW_OK) kw_choice_replicas(c, n);
    } else {
        READ(count_or(get(o, "max_replicas"), a->max_replicas, 1, 100000, &a->max_replicas, err));
        READ(count_or(get(o, "keep_warm"), a->keep_warm, 0, 100000, &a->keep_warm, err));
        if (!own) READ(count_or(get(o, "buffer_replicas"), a->buffer_replicas, 0, 100000, &a->buffer_replicas, err));
    }
    if (st == KW_OK && a->keep_warm > a->max_replicas)
        st = kw_json_fail(kw_json_present(get(o, "keep_warm")) ? get(o, "keep_warm") : get(o, "max_replicas"),
                          KW_ERANGE, err, "keep_warm (%u) must be <= max_replicas (%u)", a->keep_warm, a->max_replicas);
    if (!own || !c->autoscaler->own_concurrency)
        READ(count_or(get(o, "hard_concurrency"), a->hard_concurrency, 0, 1000000, &a->hard_concurrency, err));
    if (!own) READ(ratio_or(get(o, "target"), a->target, 0, 1e9, &a->target, err));
    if (!own) READ(ratio_or(get(o, "utilisation"), a->utilisation, 0.01, 1, &a->utilisation, err));
    if (1u << a->scaler & KW_SCALERS_STOP_IDLE) {
        int release = a->idle_release;
        READ(kw_json_enum_or(get(o, "idle_release"), release, kw_idle_release_name, &release, err));
        a->idle_release = (enum kw_idle_release)release;
        c->idle_release_stated = kw_json_present(get(o, "idle_release"));
    }
    if (a->scaler == KW_SCALER_QUEUE_DELAY) {
        int from = a->target_delay_from;
        READ(seconds_or(get(o, "target_delay_s"), a->target_delay, &a->target_delay, err));
        READ(kw_json_enum_or(get(o, "target_delay_from"), from, kw_delay_from_name, &from, err));
        a->target_delay_from = (enum kw_delay_from)from;
        c->delay_from_stated = kw_json_present(get(o, "target_delay_from"));
    }
    bool averages = 1u << a->scaler & (1u << KW_SCALER_LOAD_TARGET | 1u << KW_SCALER_CONCURRENCY | 1u << KW_SCALER_KPA);
    if (averages && !own) {
        READ(seconds_or(get(o, "scale_up_window_s"), a->scale_up_window, &a->scale_up_window, err));
        READ(seconds_or(get(o, "scale_down_delay_s"), a->scale_down_delay, &a->scale_down_delay, err));
    }
    READ(seconds_or(get(o, "queue_timeout_s"), a->queue_timeout, &a->queue_timeout, err));
    READ(seconds_or(get(o, "request_timeout_s"), a->request_timeout, &a->request_timeout, err));
    READ(ratio_or(get(o, "stockout_probability"), a->stockout_probability, 0, 0.999, &a->stockout_probability, err));
    READ(seconds_or(get(o, "stockout_retry_s"), a->stockout_retry, &a->stockout_retry, err));
    READ(ratio_or(get(o, "start_failure_probability"), a->start_failure_probability, 0, 0.99,
                  &a->start_failure_probability, err));
    if (st == KW_OK && kind == KW_KIND_SERVERLESS && kw_json_present(get(o, "idle_timeout_s"))) {
        struct kw_jnode n = get(o, "idle_timeout_s");
        const struct kw_platform *p = c->platform;
        kw_ns idle;
        st = seconds_or(n, 0, &idle, err);
        int64_t lo = p->idle_timeout_min_s, hi = p->idle_timeout_max_s;
        if (st == KW_OK && ((lo && idle < lo * KW_NS_PER_S) || (hi && idle > hi * KW_NS_PER_S)))
            return kw_json_fail(n, KW_ERANGE, err, "%s allows %lld to %lld s", p->title, (long long)lo, (long long)hi);
        if (st == KW_OK) kw_choice_idle_timeout(c, idle);
    }
    if (kind == KW_KIND_SERVERLESS) READ(seconds_or(get(o, "zero_timeout_s"), a->zero_timeout, &a->zero_timeout, err));
    int64_t queue_limit = (int64_t)a->queue_limit;
    READ(kw_json_i64_or(get(o, "queue_limit"), queue_limit, 0, INT64_C(1000000000), &queue_limit, err));
    if (st == KW_OK) a->queue_limit = (uint64_t)queue_limit;
    return st;
}

/* By the GPU's common name or by the platform's own name of the offer; of several with one name the first that holds
 * a replica, and the sku says which. */
static enum kw_status find_gpu(struct kw_jnode o, const struct kw_platform *p, const struct kw_gpu_offer **out,
                               struct kw_error *err)
{
    const char *gpu;
    enum kw_status st = kw_json_str(get(o, "gpu"), &gpu, err);
    if (st != KW_OK) return st;
    const char *names[256];
    size_t n = 0;
    for (size_t i = 0; i < p->n_gpus && n < 255; i++) {
        if (!strcmp(p->gpus[i].gpu, kw_gpu_name(gpu)) || !strcmp(p->gpus[i].sku, gpu)) {
            *out = &p->gpus[i];
            return KW_OK;
        }
        names[n++] = p->gpus[i].gpu;
    }
    names[n] = NULL;
    char hint[KW_NEAREST_HINT];
    return kw_json_fail(get(o, "gpu"), KW_ERANGE, err,
                        "%s offers no GPU '%.40s'%s; `keepwarm platforms show %s` lists them", p->title, gpu,
                        kw_nearest_hint(hint, gpu, names), p->name);
}

/* The first one may be too small or too large a machine for a replica: then the next of that GPU, unless the user named
 * the sku. The same where none holds it. */
static const struct kw_gpu_offer *that_holds(const struct kw_platform *p, const struct kw_gpu_offer *first,
                                             struct kw_jnode gpu, uint32_t replica_gpus)
{
    const char *said = NULL;
    if (kw_json_str(gpu, &said, NULL) != KW_OK || !strcmp(first->sku, said)) return first;
    for (const struct kw_gpu_offer *x = first; x < p->gpus + p->n_gpus; x++)
        if (!strcmp(x->gpu, first->gpu) && kw_platform_step(p, x, replica_gpus)) return x;
    return first;
}

/* The name known here for a Hugging Face id. */
static const char *known_name(const char *model)
{
    const struct kw_model_shape *shape = kw_model_find(model);
    return shape ? shape->name : model;
}

static bool is_of(const struct kw_profile *p, const char *model)
{
    return !strcmp(p->model, model) || kw_model_same_shape(p->model, model);
}

/* "; there is bf16 x2, fp8 on it", or the GPUs that have one, or that none has. Returns buf. */
static const char *other_profiles(const struct kw_catalogue *c, const char *model, const char *gpu, char *buf,
                                  size_t size)
{
    bool here = false;
    for (size_t i = 0; i < c->profiles.n; i++)
        here |= is_of(&c->profiles.p[i], model) && !strcmp(c->profiles.p[i].gpu, gpu);
    size_t at = (size_t)snprintf(buf, size, here ? "; on it there is" : "; there is one on");
    const size_t begin = at;
    for (size_t i = 0; i < c->profiles.n; i++) {
        const struct kw_profile *p = &c->profiles.p[i];
        char one[64];
        if (!is_of(p, model) || (here && strcmp(p->gpu, gpu))) continue;
        if (here && p->tp > 1)
            snprintf(one, sizeof one, " %.20s tp %u,", p->precision, p->tp);
        else
            snprintf(one, sizeof one, " %.40s,", here ? p->precision : p->gpu);
        if (strstr(buf + begin, one) || at + strlen(one) >= size) continue;
        at += (size_t)snprintf(buf + at, size - at, "%s", one);
    }
    if (at == begin)
        snprintf(buf, size, "; no GPU has one");
    else
        buf[at - 1] = 0; /* the last comma */
    return buf;
}

/* That the user's file, of one rank or of several, says what the deployment does: "dp" may make several ranks of one, which
 * then last as long as the slowest of them. */
static enum kw_status check_ranks(struct kw_jnode o, const struct kw_profile *p, struct kw_parallel asked,
                                  uint32_t *ranks, struct kw_error *err)
{
    uint32_t own = kw_parallel_ranks(kw_profile_parallel(p)), ep = p->ep > 1 ? p->ep : 1;
    *ranks = kw_json_present(get(o, "dp")) ? asked.dp : own;
    if (own > 1 && *ranks != own)
        return kw_json_fail(get(o, "dp"), KW_ERANGE, err, "is %u, but the profile named beside it is of %u", *ranks,
                            own);
    if (kw_json_present(get(o, "ep")) && asked.ep != ep)
        return kw_json_fail(get(o, "ep"), KW_ERANGE, err, "is %u, but the profile named beside it is of %u", asked.ep,
                            ep);
    return KW_OK;
}

static enum kw_status find_profile(struct kw_jnode o, const struct kw_gpu_offer *offer, const char *model,
                                   struct kw_catalogue *c, const struct kw_profile **out, uint32_t *ranks,
                                   struct kw_error *err)
{
    const char *path, *precision;
    const struct kw_model_shape *shape = kw_model_find(model);
    uint32_t tp, dp, ep;
    enum kw_status st = kw_json_str_or(get(o, "profile"), NULL, &path, err);
    READ(kw_json_str_or(get(o, "precision"), shape ? kw_model_own_precision(shape) : "bf16", &precision, err));
    READ(count_or(get(o, "tp"), 1, 1, 64, &tp, err));
    READ(count_or(get(o, "dp"), 1, 1, KW_STEP_RANKS, &dp, err));
    READ(count_or(get(o, "ep"), 1, 1, 64 * KW_STEP_RANKS, &ep, err));
    if (st != KW_OK) return st;
    struct kw_parallel par = { tp, dp, ep };
    *ranks = dp;
    if (path) {
        st = kw_catalogue_profile_file(c, path, out, err);
        if (st == KW_OK && (strcmp((*out)->gpu, offer->gpu) || strcmp(known_name((*out)->model), known_name(model))))
            st = kw_json_fail(get(o, "profile"), KW_ERANGE, err, "is of %s on %s; want %s on %s", (*out)->model,
                              (*out)->gpu, model, offer->gpu);
        if (st == KW_OK && kw_json_present(get(o, "precision")) && strcmp((*out)->precision, precision))
            st = kw_json_fail(get(o, "precision"), KW_ERANGE, err, "is %.20s, but the profile named beside it is of %s",
                              precision, (*out)->precision);
        if (st == KW_OK && kw_json_present(get(o, "tp")) && (*out)->tp != tp)
            st = kw_json_fail(get(o, "tp"), KW_ERANGE, err, "is %u, but the profile named beside it is of %u", tp,
                              (*out)->tp);
        return st == KW_OK ? check_ranks(o, *out, par, ranks, err) : st;
    }
    if (ep > 1 && ep != tp * dp)
        return kw_json_fail(get(o, "ep"), KW_ERANGE, err,
                            "is %u; experts are spread over all %u GPUs (tp dp), or 1: sliced", ep, tp * dp);
    *out = kw_profiles_find(&c->profiles, offer->gpu, known_name(model), precision, tp);
    if (dp > 1 || ep > 1 || (*out && !kw_catalogue_routes(c, *out))) {
        struct kw_error inner;
        st = kw_catalogue_group(c, offer->gpu, known_name(model), precision, par, out, &inner);
        return st == KW_OK ? st
                           : kw_json_fail(dp > 1   ? get(o, "dp")
                                          : ep > 1 ? get(o, "ep")
                                                   : o,
                                          st, err, "%s", inner.msg);
    }
    if (*out) return KW_OK;
    char others[160];
    return kw_json_fail(
        o, KW_ERANGE, err,
        "there is no profile of %.48s in %.8s on %u x %.24s (it does not fit, or was never measured)%s; "
        "`keepwarm calibrate show` lists them",
        model, precision, tp, offer->gpu, other_profiles(c, model, offer->gpu, others, sizeof others));
}

/* The profile as found, or over the link that the deployment says. */
static enum kw_status set_link(struct kw_jnode n, struct kw_catalogue *c, const struct kw_profile **profile,
                               struct kw_error *err)
{
    struct kw_link link = { .gpus = 0 }, exchange = { .gpus = 0 };
    struct kw_error inner;
    if (!kw_json_present(n)) return KW_OK;
    uint32_t dp = kw_parallel_ranks(kw_profile_parallel(*profile));
    enum kw_status st = (*profile)->tp > 1 ? kw_user_link(n, (*profile)->tp, &link, err) : KW_OK;
    if (st == KW_OK && dp > 1) st = kw_user_link(n, dp, &exchange, err);
    if (st != KW_OK) return st;
    st = kw_catalogue_linked(c, *profile, &link, &exchange, profile, &inner);
    return st == KW_OK ? st : kw_json_fail(n, st, err, "%s", inner.msg);
}

static enum kw_status find_api(struct kw_jnode o, const struct kw_platform *p, const char *model,
                               const struct kw_api_offer **out, struct kw_error *err)
{
    const char *names[256];
    size_t n = 0;
    for (size_t i = 0; i < p->n_apis && n < 255; i++) {
        if (!strcmp(p->apis[i].model, known_name(model)) || !strcmp(p->apis[i].sku, model)) {
            *out = &p->apis[i];
            return KW_OK;
        }
        names[n++] = p->apis[i].model;
    }
    names[n] = NULL;
    char hint[KW_NEAREST_HINT];
    return kw_json_fail(o, KW_ERANGE, err, "%s has no model '%.48s'%s; set \"model\" here to one it has", p->title,
                        model, kw_nearest_hint(hint, model, names));
}

/* "packing" names the two readings of who gets the next request; "balance" says it finer. */
static enum kw_status read_packing(struct kw_jnode o, int *balance, struct kw_error *err)
{
    static const char *const readings[] = { "spread", "pack", NULL };
    int pack = 0;
    if (!kw_json_present(get(o, "packing"))) return KW_OK;
    if (kw_json_present(get(o, "balance")))
        return kw_json_fail(get(o, "packing"), KW_ERANGE, err, "\"balance\" says already who gets the next request");
    enum kw_status st = kw_json_enum_or(get(o, "packing"), 0, readings, &pack, err);
    *balance = pack ? KW_BALANCE_PACK : KW_BALANCE_LEAST_OUTSTANDING;
    return st;
}

/* Order: the platform first, since it says which keys have a meaning; then what is offered and fits; then the user's
 * words over those defaults. Step times are compiled last and once for each profile and its limits (the catalogue keeps
 * them), as a sweep's points differ in other things. */
static enum kw_status read_deployment(struct kw_jnode o, const char *dflt_model, const struct kw_scenario *s,
                                      struct kw_catalogue *cat, const struct kw_trace *t, struct kw_choice *c,
                                      struct kw_error *err)
{
    const struct kw_fine_tunes *f = &s->fine_tunes;
    const struct kw_distances *distances = &s->places.distances;
    const char *name, *platform_name, *model, *account;
    const struct kw_platform *p = NULL;
    const struct kw_gpu_offer *offer = NULL;
    const struct kw_api_offer *api = NULL;
    const struct kw_profile *profile = NULL;
    enum kw_status st = known_keys(o, "deployments[]", err);
    READ(kw_json_str(get(o, "platform"), &platform_name, err));
    READ(kw_json_str_or(get(o, "name"), NULL, &name, err));
    READ(kw_json_str_or(get(o, "model"), dflt_model, &model, err));
    READ(kw_json_str_or(get(o, "account"), "", &account, err));
    if (st != KW_OK) return st;
    if (strlen(account) >= sizeof c->account)
        return kw_json_fail(get(o, "account"), KW_ERANGE, err, "want at most %zu bytes", sizeof c->account - 1);
    if (!model) return kw_json_fail(o, KW_EPARSE, err, "no model: set \"model\" here or at the top");
    if (name && (!*name || strlen(name) >= sizeof c->name || strpbrk(name, "[]")))
        return kw_json_fail(get(o, "name"), KW_ERANGE, err, "want 1 to %zu bytes, none of them '[' or ']'; got '%.60s'",
                            sizeof c->name - 1, name);
    struct kw_error inner;
    if ((st = kw_catalogue_platform(cat, platform_name, &p, &inner)) != KW_OK)
        return kw_json_fail(get(o, "platform"), st, err, "%s", inner.msg);
    const char *runs = kw_fine_tunes_base(f, model);
    uint32_t policy_tokens = 0, ranks = 1;
    if (p->kind == KW_KIND_API) {
        struct kw_law own[3] = { { .kind = KW_LAW_NONE }, { .kind = KW_LAW_NONE }, { .kind = KW_LAW_NONE } };
        st = find_api(o, p, runs, &api, err);
        READ(read_latency(o, own, err));
        int term = KW_TERM_ON_DEMAND;
        READ(kw_json_enum_or(get(o, "term"), term, kw_term_name, &term, err));
        if (st == KW_OK && term != KW_TERM_ON_DEMAND && !kw_term_of_api((enum kw_term)term))
            return kw_json_fail(
                get(o, "term"), KW_ERANGE, err,
                "an API is bought on_demand, by the batch, by the service tiers flex and priority, or provisioned");
        if (st == KW_OK && term == KW_TERM_PROVISIONED) {
            term = KW_TERM_ON_DEMAND; /* which units are put on top of */
            if (!kw_json_present(get(o, "provisioned")))
                return kw_json_fail(get(o, "term"), KW_ERANGE, err, "how many units? state provisioned.units");
        }
        bool timed = own[0].kind != KW_LAW_NONE;
        if (term == KW_TERM_BATCH && timed && own[2].kind == KW_LAW_NONE) /* the whole answer at that time */
            own[2] = (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { 1e12 } };
        if (st == KW_OK && (st = kw_choice_api_with(c, p, api, own, &inner)) != KW_OK)
            return kw_json_fail(o, st, err, "%s", inner.msg);
        READ(kw_places_deployment(c, o, t, distances, err));
        READ(read_tier(get(o, "tier"), p, &c->limits, err));
        enum kw_status sold = st != KW_OK || term == KW_TERM_ON_DEMAND ? KW_OK
                              : term == KW_TERM_BATCH                  ? kw_choice_batch(c, timed, &inner)
                                                      : kw_choice_service_tier(c, (enum kw_term)term, timed, &inner);
        if (sold != KW_OK) return kw_json_fail(get(o, "term"), sold, err, "%s", inner.msg);
        READ(read_batch(get(o, "batch"), c, err));
        READ(read_provisioned(get(o, "provisioned"), c, err));
        uint32_t longest = 0, most = 0;
        READ(count_or(get(o, "ttft_known_to"), 0, 1, 10000000, &longest, err));
        READ(count_or(get(o, "output_rate_known_to"), 0, 1, 10000000, &most, err));
        if (c->own_ttft) c->ttft_known_to = longest;
        if (c->own_rate) c->rate_known_to = most;
    } else {
        READ(find_gpu(o, p, &offer, err));
        READ(find_profile(o, offer, runs, cat, &profile, &ranks, err));
        READ(set_link(get(o, "link"), cat, &profile, err));
        struct kw_apart_ask apart;
        READ(kw_apart_read(o, profile->tp, &apart, err));
        if (st != KW_OK) return st;
        bool is_apart = apart.engines.decode > 0;
        offer = that_holds(p, offer, get(o, "gpu"),
                           is_apart ? kw_engines_gpus(&apart.engines, profile->tp) : profile->tp * ranks);
        if ((st = is_apart ? kw_choice_engines(c, p, offer, profile, &apart.engines, &inner)
                           : kw_choice_ranks(c, p, offer, profile, ranks, NULL, &inner)) != KW_OK)
            return kw_json_fail(o, st, err, "%s", inner.msg);
        st = kw_places_deployment(c, o, t, distances, err);
        READ(read_scheduler(get(o, "scheduler"), &c->sched, err));
        READ(kw_drafting_read(o, cat, c, err));
        READ(kw_apart_set(o, &apart, cat, c, err));
        READ(kw_offloading_read(o, c, err));
        READ(read_cold_start(get(o, "cold_start"), c, err));
        READ(read_scaling(o, &cat->autoscalers, c, err));
        int term = c->term, balance = c->balance;
        READ(kw_json_enum_or(get(o, "term"), term, kw_term_name, &term, err));
        READ(kw_json_enum_or(get(o, "balance"), balance, kw_balance_name, &balance, err));
        READ(read_packing(o, &balance, err));
        if (st == KW_OK && kw_term_of_api((enum kw_term)term))
            return kw_json_fail(get(o, "term"), KW_ERANGE, err, "%s is of per-token APIs", kw_term_name[term]);
        c->term = (enum kw_term)term;
        READ(read_spot(get(o, "spot"), &c->spot, &c->cold, err));
        c->balance = (enum kw_balance)balance;
        READ(count_or(get(o, "prefix_min_match"), c->prefix_min_match, 1, 10000000, &c->prefix_min_match, err));
        c->balance_stated = kw_json_present(get(o, "balance")) || kw_json_present(get(o, "packing"));
        policy_tokens =
            c->sched.policy == KW_SCHED_PREFILL_FIRST && c->sched.max_model_len > c->sched.max_num_batched_tokens
                ? c->sched.max_model_len
                : c->sched.max_num_batched_tokens;
    }
    if (st != KW_OK) return st;
    snprintf(c->name, sizeof c->name, "%.31s", name ? name : p->name);
    snprintf(c->account, sizeof c->account, "%s", account);
    READ(read_adapters(o, model, f, c, err));
    if (st == KW_OK && c->balance == KW_BALANCE_ADAPTER && !c->lora.adapters)
        return kw_json_fail(get(o, "balance"), KW_ERANGE, err, "goes by LoRA adapters, and it serves none");
    READ(read_retry(get(o, "retry"), &c->retry, err));
    READ(read_limits(get(o, "limits"), &c->limits, err));
    READ(read_cache(get(o, "cache"), c, err));
    READ(kw_mitigations_read(o, t, &s->slo, c, err));
    READ(kw_schedule_read(o, cat, t, c, err));
    READ(seconds_or(get(o, "network_rtt_s"), c->network_rtt, &c->network_rtt, err));
    READ(count_or(get(o, "max_tokens"), c->max_tokens, 0, 10000000, &c->max_tokens, err));
    READ(kw_json_nano_or(get(o, "operations_usd_month"), 0, 0, INT64_MAX, &c->operations_month, err));
    READ(count_or(get(o, "egress_bytes_per_token"), 0, 0, 1000000, &c->egress_bytes, err));
    if (st == KW_OK && profile &&
        (st = kw_steptimes_drafts(&cat->steptimes, profile, c->sched.max_num_seqs, policy_tokens, c->sched.draft_tokens,
                                  &c->steptime, &inner)) != KW_OK)
        return kw_json_fail(o, st, err, "%s", inner.msg);
    if (st == KW_OK && c->draft &&
        (st = kw_steptimes_drafts(&cat->steptimes, c->draft, c->sched.max_num_seqs, policy_tokens,
                                  c->sched.draft_tokens, &c->speculative.draft, &inner)) != KW_OK)
        return kw_json_fail(o, st, err, "%s", inner.msg);
    if (st == KW_OK && c->prefill &&
        (st = kw_steptimes_get(&cat->steptimes, c->prefill, c->sched.max_num_seqs, policy_tokens,
                               &c->disaggregated.prefill_time, &inner)) != KW_OK)
        return kw_json_fail(o, st, err, "%s", inner.msg);
    if (st == KW_OK && (st = kw_choice_check(c, &inner)) != KW_OK) return kw_json_fail(o, st, err, "%s", inner.msg);
    return st;
}

/* ---- routing */

static enum kw_status deployment_index(struct kw_jnode n, const struct kw_candidate *c, uint8_t *out,
                                       struct kw_error *err)
{
    const char *name;
    enum kw_status st = kw_json_str(n, &name, err);
    if (st != KW_OK) return st;
    for (uint32_t i = 0; i < c->n; i++)
        if (!strcmp(c->choice[i].name, name)) {
            *out = (uint8_t)i;
            return KW_OK;
        }
    return kw_json_fail(n, KW_ERANGE, err, "there is no deployment named '%.40s'", name);
}

/* Names left out go to the first deployment. One that no name leads to would get no request. */
static enum kw_status read_route_names(struct kw_jnode o, const char *what, char *const *names, size_t n_names,
                                       const struct kw_fine_tunes *f, struct kw_candidate *c, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (size_t k = 0; f && k < n_names && k <= 255; k++)
        kw_adapters_home(c, f, names[k], &c->routing.class_to[k]); /* unless it is named below */
    bool told = f && f->n && !kw_json_present(o);
    if (!told && (!kw_json_is_object(o) || kw_json_len(o) == 0))
        return kw_json_fail(o, KW_EPARSE, err, "want an object: the name of a %s -> the name of a deployment", what);
    for (int i = 0; i < kw_json_len(o) && st == KW_OK; i++) {
        const char *key;
        struct kw_jnode m = kw_json_member(o, i, &key);
        size_t k = 0;
        while (k < n_names && strcmp(names[k], key)) k++;
        if (k == n_names || k > 255) return kw_json_fail(m, KW_ERANGE, err, "the trace has no %s '%.60s'", what, key);
        st = deployment_index(m, c, &c->routing.class_to[k], err);
    }
    for (uint32_t d = 0; d < c->n && st == KW_OK; d++) {
        size_t k = 0;
        while (k < n_names && (k > 255 ? 0 : c->routing.class_to[k]) != d) k++;
        if (k == n_names)
            st = kw_json_fail(o, KW_ERANGE, err, "no %s leads to deployment '%s'", what, c->choice[d].name);
    }
    return st;
}

/* Deployments in order of distance; one that is the first for no region would get no request, unless others spill. */
static enum kw_status read_region_routing(struct kw_jnode o, const struct kw_trace *t, struct kw_candidate *c,
                                          struct kw_error *err)
{
    int spill = 0;
    enum kw_status st = kw_json_enum_or(get(o, "spill"), 0, kw_route_spill_name, &spill, err);
    c->routing.spill = (enum kw_route_spill)spill;
    for (uint32_t d = 0; d < c->n && st == KW_OK; d++)
        if (!c->choice[d].region)
            st = kw_json_fail(o, KW_ERANGE, err, "deployment '%s' has no \"region\" to route by", c->choice[d].name);
    if (st != KW_OK || !t) return st;
    if (!t->region)
        return kw_json_fail(o, KW_ERANGE, err,
                            "nobody says where requests come from (\"regions\" can, or trace.columns with region=...)");
    kw_candidate_order(c, t);
    for (uint32_t d = 0; d < c->n && !spill; d++) {
        size_t i = 0;
        while (i < t->n_regions && c->routing.order[i][0] != d) i++;
        if (i == t->n_regions)
            return kw_json_fail(o, KW_ERANGE, err, "requests of no region go to deployment '%s'", c->choice[d].name);
    }
    return KW_OK;
}

static enum kw_status read_routing(struct kw_jnode o, const struct kw_trace *t, const struct kw_fine_tunes *f,
                                   struct kw_candidate *c, struct kw_error *err)
{
    const char *const *policies = kw_route_policy_name;
    int policy = KW_ROUTE_SINGLE;
    enum kw_status st = KW_OK;
    if (kw_json_present(o)) {
        st = known_keys(o, "routing", err);
        READ(kw_json_enum_or(get(o, "policy"), policy, policies, &policy, err));
        READ(count_or(get(o, "overflow_at"), 1, 1, 1000000, &c->routing.overflow_at, err));
    }
    if (st != KW_OK) return st;
    c->routing.policy = (enum kw_route_policy)policy;
    if (policy == KW_ROUTE_SINGLE && c->n > 1)
        return kw_json_fail(o, KW_ERANGE, err, "%u deployments need a routing policy other than single", c->n);
    if ((policy == KW_ROUTE_FALLBACK || policy == KW_ROUTE_OVERFLOW) && c->n != 2)
        return kw_json_fail(o, KW_ERANGE, err, "%s wants exactly 2 deployments; there are %u", policies[policy], c->n);
    if (policy == KW_ROUTE_REGION) return read_region_routing(o, t, c, err);
    if (policy == KW_ROUTE_CLASS && t)
        st = read_route_names(get(o, "classes"), "class", t->class_name, t->n_classes, NULL, c, err);
    if (policy == KW_ROUTE_MODEL && t)
        st = read_route_names(get(o, "models"), "model", t->model_name, t->n_models, f, c, err);
    if (policy == KW_ROUTE_SPLIT) {
        struct kw_jnode shares = get(o, "shares");
        double sum = 0;
        if (kw_json_len(shares) != (int)c->n)
            return kw_json_fail(shares, KW_ERANGE, err, "want %u shares, one a deployment", c->n);
        for (uint32_t i = 0; i < c->n; i++) {
            READ(ratio_or(kw_json_at(shares, (int)i), 0, 0, 1, &c->routing.share[i], err));
            sum += c->routing.share[i];
        }
        if (st == KW_OK && (sum < 0.999999 || sum > 1.000001))
            st = kw_json_fail(shares, KW_ERANGE, err, "shares must add up to 1; they add up to %g", sum);
    }
    return st;
}

/* ---- the document */

/* What may differ between the points of a grid: all of it is read again for each. The rest of a scenario is what the
 * points share. */
static bool can_sweep(const char *path)
{
    static const char *const heads[] = { "deployments", "model", "routing", "expert_routing" };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t n = strlen(heads[i]);
        if (!strncmp(path, heads[i], n) && (!path[n] || path[n] == '.' || path[n] == '[')) return true;
    }
    return false;
}

/* An entry of a list and what it means: "30", 30 and "30.0" are one number. */
struct entry {
    char *meaning; /* owned */
    int at;
};

static char *meaning_of(struct kw_jnode n)
{
    const char *text = n.item->valuestring;
    char *end = NULL, number[32];
    double v = kw_json_is_number(n) ? n.item->valuedouble : kw_json_is_string(n) ? strtod(text, &end) : 0;
    if (end ? end == text || *end : !kw_json_is_number(n)) return cJSON_PrintUnformatted(n.item);
    snprintf(number, sizeof number, "%.17g", v);
    char *copy = malloc(strlen(number) + 1);
    return copy ? strcpy(copy, number) : NULL;
}

static int by_meaning(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->meaning, y->meaning);
    return order ? order : x->at - y->at;
}

/* Written twice it is computed once or told twice; either way not what was meant. */
static enum kw_status none_twice(struct kw_jnode list, struct kw_error *err)
{
    int n = kw_json_len(list), made = 0;
    struct entry *e = malloc((n ? (size_t)n : 1) * sizeof *e);
    enum kw_status st = KW_OK;
    while (e && made < n && (e[made].meaning = meaning_of(kw_json_at(list, made)))) {
        e[made].at = made;
        made++;
    }
    if (made < n || !e) st = kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) qsort(e, (size_t)n, sizeof *e, by_meaning);
    for (int i = 1; i < n && st == KW_OK; i++)
        if (!strcmp(e[i].meaning, e[i - 1].meaning))
            st =
                kw_json_fail(kw_json_at(list, e[i].at), KW_ERANGE, err, "is in the list already, at [%d]", e[i - 1].at);
    for (int i = 0; i < made; i++) free(e[i].meaning);
    free(e);
    return st;
}

/* One of two swept keys stands in the other, so that its value would be overwritten. */
static bool overlap(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (m < n) return overlap(b, a);
    return !strncmp(a, b, n) && (!b[n] || b[n] == '.' || b[n] == '[');
}

/* Every path is tried on the document here, so that a misspelled one is an error before anything is simulated. */
static enum kw_status read_axes(struct kw_scenario *s, struct kw_error *err)
{
    struct kw_jnode sweep = get(kw_json_root(&s->doc), "sweep");
    char at[KW_SCENARIO_MAX_AXES][sizeof sweep.path];
    s->n_points = 1;
    if (kw_json_present(sweep) && !kw_json_is_object(sweep))
        return kw_json_fail(sweep, KW_EPARSE, err, "want an object: path of a key -> list of values");
    for (int a = 0; a < kw_json_len(sweep); a++) {
        const char *path;
        struct kw_jnode values = kw_json_member(sweep, a, &path), target;
        struct kw_error inner;
        if (a == KW_SCENARIO_MAX_AXES)
            return kw_json_fail(values, KW_ERANGE, err, "a sweep has at most %d axes", KW_SCENARIO_MAX_AXES);
        if (!kw_json_is_array(values) || kw_json_len(values) == 0)
            return kw_json_fail(values, KW_EPARSE, err, "want a list of values");
        if (!can_sweep(path))
            return kw_json_fail(
                values, KW_ERANGE, err,
                "want a key of deployments, model, routing or expert_routing: what points may differ in");
        enum kw_status st = kw_edit_find(&s->doc, path, &target, &inner);
        if (st != KW_OK) return kw_json_fail(values, KW_EPARSE, err, "%s", inner.msg);
        if ((st = none_twice(values, err)) != KW_OK) return st;
        for (int b = 0; b < a; b++)
            if (overlap(at[b], target.path))
                return kw_json_fail(values, KW_ERANGE, err, "sets what '%s' sets", s->axis[b].path);
        memcpy(at[a], target.path, sizeof at[a]);
        uint32_t n = (uint32_t)kw_json_len(values);
        if ((uint64_t)s->n_points * n > KW_SCENARIO_MAX_POINTS)
            return kw_json_fail(sweep, KW_ERANGE, err, "the grid has more than %d points", KW_SCENARIO_MAX_POINTS);
        s->n_points *= n;
        s->axis[a].path = path;
        s->axis[a].n = n;
        s->n_axes++;
    }
    return KW_OK;
}

/* An end of the window: seconds (Unix time from 1e9 on, as in traces), "2026-03-02" (its first moment) or
 * "2026-03-02T09:00:00+01:00". */
static enum kw_status time_or_absent(struct kw_jnode n, struct kw_scenario_time *out, struct kw_error *err)
{
    const char *text;
    bool zoned;
    *out = (struct kw_scenario_time){ KW_TIME_ABSENT, 0 };
    if (!kw_json_present(n)) return KW_OK;
    if (!kw_json_str(n, &text, NULL) && kw_timestamp_looks_iso((struct kw_span){ text, strlen(text) })) {
        char full[64];
        struct kw_error inner;
        snprintf(full, sizeof full, strlen(text) == 10 ? "%sT00:00:00" : "%s", text);
        out->kind = KW_TIME_UNIX;
        if (kw_timestamp_iso((struct kw_span){ full, strlen(full) }, NULL, &out->at, &zoned, &inner) == KW_OK)
            return KW_OK;
        return kw_json_fail(n, KW_EPARSE, err, "want seconds, a date or a date and time: %s", inner.msg);
    }
    enum kw_status st = kw_json_nano(n, -87600 * KW_NS_PER_HOUR, INT64_MAX, &out->at, err);
    out->kind = out->at >= INT64_C(1000000000) * KW_NS_PER_S ? KW_TIME_UNIX : KW_TIME_TRACE;
    return st;
}

/* A run's migration; a plan's leaves the sides to the plan. */
static bool names_sides(const struct kw_scenario *s)
{
    return s->migration.from || s->migration.to;
}

/* What all points share. Deployments are read for each point (kw_scenario_candidate): a swept value may stand in any
 * key of theirs. */
static enum kw_status read_top(struct kw_scenario *s, struct kw_error *err)
{
    static const char *const steppings[] = { "jump", "each", NULL }, *const starts[] = { "steady", "empty", NULL };
    struct kw_jnode root = kw_json_root(&s->doc), trace = get(root, "trace");
    int64_t version, seed;
    double hours;
    int stepping, start;
    enum kw_status st = known_keys(root, "", err);
    READ(kw_json_i64(get(root, "keepwarm"), 1, 1, &version, err));
    READ(kw_json_str_or(get(root, "name"), "", &s->name, err));
    if (kw_json_present(trace)) READ(known_keys(trace, "trace", err));
    READ(kw_json_str(kw_json_get(trace, "file"), &s->trace_file, err));
    if (st == KW_OK && !s->trace_file[0])
        st = kw_json_fail(get(trace, "file"), KW_ERANGE, err, "want a file name; got ''");
    READ(kw_json_str_or(get(trace, "format"), "auto", &s->trace_format, err));
    READ(kw_json_str_or(get(trace, "columns"), NULL, &s->trace_columns, err));
    READ(ratio_or(get(trace, "speed"), 1, 1e-6, 1e6, &s->trace_speed, err));
    READ(time_or_absent(get(trace, "from_s"), &s->trace_from, err));
    READ(time_or_absent(get(trace, "to_s"), &s->trace_to, err));
    if (st == KW_OK && s->trace_to.kind && s->trace_from.kind == s->trace_to.kind && s->trace_to.at <= s->trace_from.at)
        st = kw_json_fail(get(trace, "to_s"), KW_ERANGE, err, "must be later than from_s");
    READ(kw_json_str_or(get(root, "model"), NULL, &s->model, err));
    READ(read_slo(get(root, "slo"), s, err));
    READ(kw_places_read(&s->places, root, err));
    READ(kw_tco_read(get(root, "tco"), &s->tco, err));
    READ(kw_migration_read(get(root, "migration"), &s->migration, err));
    READ(read_replications(get(root, "replications"), s, err));
    READ(kw_json_i64_or(get(root, "seed"), 1, 0, INT64_C(9007199254740992), &seed, err));
    READ(kw_json_enum_or(get(root, "stepping"), 0, steppings, &stepping, err));
    READ(kw_json_enum_or(get(root, "start"), 0, starts, &start, err));
    READ(ratio_or(get(root, "month_hours"), KW_HOURS_PER_MONTH, 1, 744, &hours, err));
    READ(seconds_or(get(root, "series_step_s"), 0, &s->series_step, err));
    READ(kw_json_str_or(get(root, "as_of"), NULL, &s->as_of, err));
    if (st == KW_OK && s->as_of && !kw_date_is_day(s->as_of))
        st = kw_json_fail(get(root, "as_of"), KW_ERANGE, err, "want a day, YYYY-MM-DD; got '%.40s'", s->as_of);
    if (st != KW_OK) return st;
    s->seed = (uint64_t)seed;
    s->stepping_each = stepping == 1;
    s->empty_start = start == 1;
    s->month = (kw_ns)(hours * (double)KW_NS_PER_HOUR + 0.5);
    st = read_axes(s, err);
    if (st == KW_OK && s->n_axes && s->migration.n)
        st = kw_json_fail(get(root, "migration"), KW_ERANGE, err,
                          "has steps of its own, and \"sweep\" says other points");
    if (st == KW_OK && names_sides(s)) s->n_points = s->migration.n;
    return st;
}

static enum kw_status make_edit(struct kw_json *doc, const struct kw_scenario_edit *e, unsigned *slos,
                                struct kw_error *err)
{
    struct kw_jnode there;
    switch (e->kind) {
    case KW_EDIT_SET: return kw_edit_set(doc, e->value, err);
    case KW_EDIT_SLO: return kw_slo_text_apply(doc, e->value, slos, err);
    case KW_EDIT_STRING: return kw_edit_put_string(doc, e->path, e->value, err);
    case KW_EDIT_DEFAULT:
        if (kw_edit_find(doc, e->path, &there, NULL) != KW_OK || kw_json_present(there))
            return KW_OK; /* a document that is none is told when it is read */
        return kw_edit_put_string(doc, e->path, e->value, err);
    case KW_EDIT_MEMBER: return kw_edit_put_member(doc, e->path, e->value, err);
    case KW_EDIT_APPEND: return kw_edit_append_string(doc, e->path, e->value, err);
    case KW_EDIT_JSON: break;
    }
    return kw_edit_put(doc, e->path, e->value, err);
}

/* Edits change the document's text before it is read: one reader judges what stands in the file and what is said on
 * the command line, and the text that a result keeps is the one that was simulated. */
static enum kw_status edit_and_read(struct kw_scenario *s, const struct kw_scenario_edit *e, size_t n,
                                    struct kw_error *err)
{
    unsigned slos = 0;
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < n && st == KW_OK; i++) st = make_edit(&s->doc, &e[i], &slos, err);
    if (st == KW_OK) st = read_top(s, err);
    if (st != KW_OK) kw_scenario_free(s);
    return st;
}

enum kw_status kw_scenario_load(struct kw_scenario *s, const char *path, const struct kw_scenario_edit *edits,
                                size_t n_edits, struct kw_error *err)
{
    static const char empty[] = "{\"keepwarm\": 1}";
    memset(s, 0, sizeof *s);
    enum kw_status st =
        path ? kw_json_load(&s->doc, path, err) : kw_json_parse(&s->doc, "command line", empty, sizeof empty - 1, err);
    return st == KW_OK ? edit_and_read(s, edits, n_edits, err) : st;
}

enum kw_status kw_scenario_parse(struct kw_scenario *s, const char *name, const char *text, size_t len,
                                 const struct kw_scenario_edit *edits, size_t n_edits, struct kw_error *err)
{
    memset(s, 0, sizeof *s);
    enum kw_status st = kw_json_parse(&s->doc, name, text, len, err);
    return st == KW_OK ? edit_and_read(s, edits, n_edits, err) : st;
}

void kw_scenario_free(struct kw_scenario *s)
{
    free(s->class_slo);
    kw_places_free(&s->places);
    kw_fine_tunes_free(&s->fine_tunes);
    kw_json_free(&s->doc);
    memset(s, 0, sizeof *s);
}

/* Which value of axis a point i has. */
static uint32_t axis_index(const struct kw_scenario *s, uint32_t i, uint32_t a)
{
    assert(a < s->n_axes && i < s->n_points);
    for (uint32_t k = s->n_axes; --k > a;) i /= s->axis[k].n;
    return i % s->axis[a].n;
}

static struct kw_jnode axis_node(const struct kw_scenario *s, uint32_t i, uint32_t a)
{
    const char *key;
    struct kw_jnode values = kw_json_member(get(kw_json_root(&s->doc), "sweep"), (int)a, &key);
    return kw_json_at(values, (int)axis_index(s, i, a));
}

/* The value's own JSON text; malloc'd. */
static char *axis_json(const struct kw_scenario *s, uint32_t i, uint32_t a)
{
    struct kw_jnode v = axis_node(s, i, a);
    size_t begin, end;
    if (!kw_json_span(&v, &begin, &end)) return NULL;
    char *text = malloc(end - begin + 1);
    if (!text) return NULL;
    memcpy(text, s->doc.text + begin, end - begin);
    text[end - begin] = 0;
    return text;
}

/* JSON text without line breaks and indents: "[0.5, 0.5]". Blanks within strings stay. */
static void one_line(const char *json, char *buf, size_t size)
{
    size_t n = 0;
    bool string = false;
    for (const char *p = json; *p && n + 2 < size; p++) {
        if (*p == '"' && (p == json || p[-1] != '\\')) string = !string;
        if (!string && strchr(" \t\r\n", *p)) continue;
        buf[n++] = *p;
        if (!string && (*p == ',' || *p == ':')) buf[n++] = ' ';
    }
    buf[n] = 0;
}

char *kw_scenario_axis_value(const struct kw_scenario *s, uint32_t i, uint32_t a, char *buf, size_t size)
{
    const char *str;
    if (!kw_json_str(axis_node(s, i, a), &str, NULL)) {
        snprintf(buf, size, "%s", str);
        return buf;
    }
    char *json = axis_json(s, i, a);
    one_line(json ? json : "", buf, size);
    free(json);
    return buf;
}

/* A share of an engineer is the deployment's own, or of all of its kind. */
static enum kw_status engineer_said_once(struct kw_jnode o, const struct kw_scenario *s, struct kw_error *err)
{
    struct kw_jnode own = get(o, "operations_usd_month");
    if (!kw_json_present(own) || !s->tco.engineer_month) return KW_OK;
    return kw_json_fail(own, KW_ERANGE, err, "tco.engineer says what an engineer costs: state one of the two");
}

enum kw_status kw_scenario_migration_sides(const struct kw_scenario *s, const struct kw_candidate *c,
                                           uint8_t at[KW_MIGRATION_SIDES], struct kw_error *err)
{
    return kw_migration_sides(get(kw_json_root(&s->doc), "migration"), &s->migration, c, at, err);
}

/* The routing of the i-th. */
static enum kw_status migration_step(const struct kw_scenario *s, struct kw_jnode root, uint32_t i,
                                     struct kw_candidate *c, struct kw_error *err)
{
    uint8_t at[KW_MIGRATION_SIDES];
    if (kw_json_present(get(root, "routing")))
        return kw_json_fail(get(root, "routing"), KW_ERANGE, err, "\"migration\" says where requests go");
    enum kw_status st = kw_scenario_migration_sides(s, c, at, err);
    if (st == KW_OK) kw_migration_split(&c->routing, at, s->migration.share[i]);
    return st;
}

/* O(document) a point: it is parsed anew with the point's values in it. Small beside a simulation, and a value in a
 * grid means to the letter what it would mean in a file of its own. */
enum kw_status kw_scenario_candidate(const struct kw_scenario *s, uint32_t i, struct kw_catalogue *c,
                                     const struct kw_trace *t, struct kw_candidate *out, struct kw_unused_keys *unused,
                                     struct kw_error *err)
{
    struct kw_json doc;
    enum kw_status st = kw_json_parse(&doc, s->doc.name, s->doc.text, s->doc.len, err);
    if (st != KW_OK) return st;
    for (uint32_t a = 0; a < s->n_axes && st == KW_OK; a++) {
        char *json = axis_json(s, i, a);
        st = json ? kw_edit_put(&doc, s->axis[a].path, json, err) : kw_fail(err, KW_ENOMEM, "out of memory");
        free(json);
    }
    struct kw_jnode root = kw_json_root(&doc), list = get(root, "deployments");
    const char *model = NULL;
    READ(kw_json_str_or(get(root, "model"), NULL, &model, err));
    READ(kw_catalogue_routing(c, root, err));
    int n = kw_json_len(list);
    if (st == KW_OK && (!kw_json_is_array(list) || n == 0))
        st = kw_json_fail(list, KW_EPARSE, err, "want a list of at least one deployment");
    if (st == KW_OK && n > KW_FLEET_MAX_DEPLOYMENTS)
        st = kw_json_fail(list, KW_ERANGE, err, "at most %d deployments; there are %d", KW_FLEET_MAX_DEPLOYMENTS, n);
    for (int k = 0; k < n && st == KW_OK; k++) {
        struct kw_choice choice;
        memset(&choice, 0, sizeof choice);
        st = read_deployment(kw_json_at(list, k), model, s, c, t, &choice, err);
        READ(engineer_said_once(kw_json_at(list, k), s, err));
        if (st == KW_OK) kw_choice_tco(&choice, &s->tco);
        for (uint32_t j = 0; j < out->n && st == KW_OK; j++)
            if (!strcmp(out->choice[j].name, choice.name))
                st = kw_json_fail(kw_json_at(list, k), KW_ERANGE, err, "the name '%s' is taken by deployments[%u]",
                                  choice.name, j);
            else if (kw_choice_one_account(&out->choice[j], &choice) &&
                     !kw_rate_limits_same(&out->choice[j].limits, &choice.limits))
                st =
                    kw_json_fail(kw_json_at(list, k), KW_ERANGE, err,
                                 "its rate limits differ from those of deployments[%u], and one account has them once: "
                                 "give it an \"account\" of its own",
                                 j);
        READ(kw_candidate_add(out, &choice, err));
    }
    READ(names_sides(s) ? migration_step(s, root, i, out, err)
                        : read_routing(get(root, "routing"), t, &s->fine_tunes, out, err));
    READ(kw_adapters_check_routes(list, out, t, &s->fine_tunes, err));
    READ(kw_key_use_candidate(root, out, t, unused, err));
    kw_json_free(&doc);
    if (st != KW_OK) kw_candidate_free(out);
    return st;
}

bool kw_scenario_has_deployments(const struct kw_scenario *s)
{
    return kw_json_present(get(kw_json_root(&s->doc), "deployments"));
}

const char *kw_scenario_model_of(const struct kw_scenario *s, uint32_t d)
{
    const char *model = s->model;
    struct kw_jnode own = get(kw_json_at(get(kw_json_root(&s->doc), "deployments"), (int)d), "model");
    return kw_json_present(own) && kw_json_str(own, &model, NULL) != KW_OK ? s->model : model;
}

enum kw_status kw_scenario_check_use(const struct kw_scenario *s, enum kw_scenario_use use, struct kw_error *err)
{
    struct kw_jnode root = kw_json_root(&s->doc);
    if (use != KW_FOR_PLAN && kw_json_present(get(root, "candidates")))
        return kw_json_fail(get(root, "candidates"), KW_ERANGE, err,
                            "is what `keepwarm plan` chooses from; `%s` simulates the deployments as written",
                            use == KW_FOR_RUN ? "run" : "sweep");
    if (use == KW_FOR_PLAN && s->n_axes)
        return kw_json_fail(get(root, "sweep"), KW_ERANGE, err,
                            "is a grid for `keepwarm sweep`; what a plan tries stands under \"candidates\"");
    struct kw_jnode migration = get(root, "migration");
    if (use == KW_FOR_SWEEP && s->migration.n)
        return kw_json_fail(migration, KW_ERANGE, err, "is for `keepwarm run`, and for `plan` to what that recommends");
    if (use == KW_FOR_RUN && s->migration.n && !names_sides(s))
        return kw_json_fail(migration, KW_EPARSE, err, "say \"from\" and \"to\", the names of two deployments");
    if (use == KW_FOR_PLAN && s->migration.n && names_sides(s))
        return kw_json_fail(get(migration, s->migration.from ? "from" : "to"), KW_ERANGE, err,
                            "a plan goes from the deployment that stands there to the one that it recommends");
    if (use == KW_FOR_PLAN && s->migration.n && kw_json_len(get(root, "deployments")) != 1)
        return kw_json_fail(migration, KW_ERANGE, err,
                            "a plan goes on from what serves today: state one deployment; there are %d",
                            kw_json_len(get(root, "deployments")));
    if (use == KW_FOR_PLAN && kw_json_present(get(root, "routing")) && !kw_scenario_has_deployments(s))
        return kw_json_fail(get(root, "routing"), KW_ERANGE, err, "routes between deployments, and there are none");
    return KW_OK;
}

/* ---- what plan may choose from */

/* An absent list is an empty one. */
static enum kw_status check_list(struct kw_jnode list, int max, struct kw_error *err)
{
    if (!kw_json_present(list)) return KW_OK;
    if (!kw_json_is_array(list)) return kw_json_fail(list, KW_EPARSE, err, "want a list");
    if (kw_json_len(list) == 0)
        return kw_json_fail(list, KW_EPARSE, err, "the list is empty; leave the key out to allow all");
    if (kw_json_len(list) > max) return kw_json_fail(list, KW_ERANGE, err, "at most %d entries", max);
    return none_twice(list, err);
}

/* Lists are read into a local and stored by index: AddressSanitizer sees nothing of a write from one member of a
 * struct into the next, and UBSan only an index into an array whose length it knows. */
static enum kw_status read_words(struct kw_jnode list, const char **out, size_t *n, struct kw_error *err)
{
    const char *words[KW_PLAN_MAX_LIST];
    enum kw_status st = check_list(list, KW_PLAN_MAX_LIST, err);
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) st = kw_json_str(kw_json_at(list, i), &words[i], err);
    if (st != KW_OK || !kw_json_len(list)) return st;
    *n = (size_t)kw_json_len(list);
    memcpy(out, words, *n * sizeof *out);
    return KW_OK;
}

/* A list of whole numbers, each 1..most. */
static enum kw_status read_counts(struct kw_jnode list, uint32_t most, uint32_t *out, size_t *n, struct kw_error *err)
{
    uint32_t counts[KW_PLAN_MAX_LIST];
    enum kw_status st = check_list(list, KW_PLAN_MAX_LIST, err);
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++)
        st = count_or(kw_json_at(list, i), 1, 1, most, &counts[i], err);
    if (st != KW_OK || !kw_json_len(list)) return st;
    *n = (size_t)kw_json_len(list);
    memcpy(out, counts, *n * sizeof *out);
    return KW_OK;
}

/* Most replicas: a number, 0 for none stated, or a list of them. Each must leave room for some keep_warm, and each of
 * those must fit under one. */
static enum kw_status read_ceilings(struct kw_jnode most, struct kw_jnode warm, struct kw_plan_options *o,
                                    struct kw_error *err)
{
    uint32_t one = 0, highest = 0, least = o->n_keep_warm ? UINT32_MAX : 0;
    bool list = kw_json_present(most) && kw_json_is_array(most);
    enum kw_status st = list ? read_counts(most, 100000, o->max_replicas, &o->n_max_replicas, err)
                             : count_or(most, 0, 0, 100000, &one, err);
    if (one) o->max_replicas[o->n_max_replicas++] = one;
    for (size_t i = 0; i < o->n_max_replicas; i++)
        if (o->max_replicas[i] > highest) highest = o->max_replicas[i];
    for (size_t i = 0; i < o->n_keep_warm && st == KW_OK; i++) {
        if (o->keep_warm[i] < least) least = o->keep_warm[i];
        if (highest && o->keep_warm[i] > highest)
            st = kw_json_fail(kw_json_at(warm, (int)i), KW_ERANGE, err, "%u is more than candidates.max_replicas, %u",
                              o->keep_warm[i], highest);
    }
    for (size_t i = 0; list && i < o->n_max_replicas && st == KW_OK; i++)
        if (o->max_replicas[i] < least)
            st = kw_json_fail(kw_json_at(most, (int)i), KW_ERANGE, err,
                              "%u is less than each of candidates.keep_warm, at least %u", o->max_replicas[i], least);
    return st;
}

/* "region:eu" among what is required: "regions" says the same. */
static enum kw_status read_required_region(struct kw_jnode n, const char *name, struct kw_plan_options *o,
                                           struct kw_error *err)
{
    char hint[KW_NEAREST_HINT];
    if (o->n_regions)
        return kw_json_fail(n, KW_ERANGE, err,
                            "where deployments may lie is said already; several places go into candidates.regions");
    if (strchr(name, '?'))
        return kw_json_fail(n, KW_ERANGE, err,
                            "a platform of which no region is known lies nowhere that could be planned");
    if (!(o->regions[0] = kw_region_find(name)))
        return kw_json_fail(n, KW_ERANGE, err, "no region or area is called '%.40s'%s", name,
                            kw_nearest_hint(hint, name, kw_region_names()));
    o->n_regions = 1;
    return KW_OK;
}

/* "require": ["hipaa", "soc2?", "region:eu"]. */
static enum kw_status read_requirements(struct kw_jnode list, struct kw_plan_options *o, struct kw_error *err)
{
    enum kw_status st = check_list(list, KW_ATTRIBUTES + 1, err);
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        struct kw_jnode n = kw_json_at(list, i);
        const char *word;
        struct kw_error why;
        struct kw_requirement r;
        if ((st = kw_json_str(n, &word, err)) != KW_OK) break;
        if (!strncmp(word, "region:", 7)) {
            st = read_required_region(n, word + 7, o, err);
            continue;
        }
        if (kw_requirement_read(&r, word, &why) != KW_OK) return kw_json_fail(n, KW_ERANGE, err, "%s", why.msg);
        for (size_t k = 0; k < o->n_require; k++)
            if (o->require[k].attribute == r.attribute)
                return kw_json_fail(n, KW_ERANGE, err, "candidates.require[%zu] is of the same attribute", k);
        o->require[o->n_require++] = r;
    }
    return st;
}

#define QUALITY_MAX 100 /* a model a hundred times as good is a misplaced point */

/* One substitute: its quality, or an object of what is known of it. */
static enum kw_status read_substitute(struct kw_jnode n, const char *name, const char *of, struct kw_plan_options *o,
                                      struct kw_error *err)
{
    static const char *const keys[] = { "quality", "tokens", NULL };
    struct kw_substitute s = { .model = name, .of = of };
    double tokens = 0;
    bool object = kw_json_is_object(n);
    enum kw_status st = object ? kw_json_keys(n, keys, err) : KW_OK;
    READ(ratio_or(object ? get(n, "quality") : n, 0, 1e-6, QUALITY_MAX, &s.quality, err));
    if (object) READ(ratio_or(get(n, "tokens"), 0, 0.1, 10, &tokens, err));
    s.tokens_ppm = (uint32_t)(tokens * 1e6 + 0.5);
    if (st == KW_OK && o->n_substitutes == KW_PLAN_MAX_LIST)
        st = kw_json_fail(n, KW_ERANGE, err, "at most %d substitutes", KW_PLAN_MAX_LIST);
    if (st == KW_OK) o->substitute[o->n_substitutes++] = s;
    return st;
}

/* Whether what stands at a model's name are the substitutes of it, and not what is known of it as one. */
static bool is_of_a_model(struct kw_jnode n)
{
    for (int i = 0; i < kw_json_len(n); i++) {
        const char *key;
        kw_json_member(n, i, &key);
        if (kw_json_is_object(n) && strcmp(key, "quality") && strcmp(key, "tokens")) return true;
    }
    return false;
}

/* "substitutes": {"llama-3.3-70b": 0.92, "gpt-oss-120b": {"quality": 0.95, "tokens": 1.08}}, or, where a plan is of several
 * models, of each: {"gpt-4o": {"llama-3.3-70b": 0.92}}. */
static enum kw_status read_substitutes(struct kw_jnode all, struct kw_plan_options *o, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    if (kw_json_present(all) && !kw_json_is_object(all))
        return kw_json_fail(all, KW_EPARSE, err, "want an object: the name of a model -> its quality, such as 0.92");
    if (kw_json_present(all) && !kw_json_len(all))
        return kw_json_fail(all, KW_EPARSE, err, "it is empty; leave the key out to have none");
    for (int i = 0; i < kw_json_len(all) && st == KW_OK; i++) {
        const char *name, *other;
        struct kw_jnode n = kw_json_member(all, i, &name);
        bool nested = is_of_a_model(n);
        for (int k = 0; k < (nested ? kw_json_len(n) : 1) && st == KW_OK; k++) {
            struct kw_jnode at = nested ? kw_json_member(n, k, &other) : n;
            st = read_substitute(at, nested ? other : name, nested ? name : NULL, o, err);
        }
    }
    return st;
}

/* "attributes": {"modal": {"hipaa": true}}: what a contract of the user's says of a platform, in the place of its file. */
static enum kw_status state_attributes(struct kw_jnode all, struct kw_catalogue *c, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    if (kw_json_present(all) && !kw_json_is_object(all))
        return kw_json_fail(all, KW_EPARSE, err, "want an object: the name of a platform -> its attributes");
    for (int i = 0; i < kw_json_len(all) && st == KW_OK; i++) {
        const char *name;
        struct kw_jnode n = kw_json_member(all, i, &name);
        struct kw_error why;
        struct kw_platform *p = NULL;
        for (size_t k = 0; k < c->platforms.n; k++)
            if (!strcmp(c->platforms.p[k].name, name)) p = &c->platforms.p[k];
        if (!p) {
            const struct kw_platform *none;
            kw_catalogue_platform(c, name, &none, &why);
            return kw_json_fail(n, KW_ERANGE, err, "%s", why.msg);
        }
        st = kw_json_keys(n, kw_attribute_name, err);
        for (int a = 0; a < KW_ATTRIBUTES && st == KW_OK; a++) {
            struct kw_jnode v = kw_json_get(n, kw_attribute_name[a]);
            bool yes;
            if (kw_json_present(v) && (st = kw_json_bool_or(v, false, &yes, err)) == KW_OK)
                kw_attribute_state(&p->attribute[a], yes);
        }
    }
    return st;
}

/* "500M": tokens a month; k, M, B or G, T. */
static enum kw_status read_volume(struct kw_jnode n, double *tokens, struct kw_error *err)
{
    static const struct {
        char letter;
        double times;
    } unit[] = { { 'k', 1e3 }, { 'M', 1e6 }, { 'B', 1e9 }, { 'G', 1e9 }, { 'T', 1e12 } };
    const char *text;
    char *end;
    enum kw_status st = kw_json_str(n, &text, err);
    if (st != KW_OK) return st;
    bool number = *text >= '0' && *text <= '9';
    *tokens = strtod(text, &end);
    for (size_t k = 0; number && k < sizeof unit / sizeof *unit; k++)
        if (*end == unit[k].letter) {
            *tokens *= unit[k].times;
            end++;
            break;
        }
    if (!number || *end || !(*tokens > 0 && *tokens < 1e18))
        return kw_json_fail(n, KW_ERANGE, err, "\"%.60s\", want tokens a month such as \"500M\" or \"2B\"", text);
    return KW_OK;
}

static enum kw_status read_volumes(struct kw_jnode list, struct kw_plan_options *o, struct kw_error *err)
{
    enum kw_status st = check_list(list, KW_PLAN_MAX_LIST, err);
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++)
        st = read_volume(kw_json_at(list, i), &o->volume[o->n_volumes++], err);
    if (st == KW_OK && o->n_volumes && o->break_even)
        st = kw_json_fail(list, KW_ERANGE, err, "break_even looks at volumes of its own: state one of the two");
    return st;
}

static enum kw_status read_plan_batch(struct kw_jnode n, struct kw_plan_options *o, struct kw_error *err)
{
    int from = KW_BATCH_PROMISED;
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = known_keys(n, "candidates.batch", err);
    READ(kw_json_enum_or(get(n, "latency"), from, kw_batch_from_name, &from, err));
    READ(seconds_or(get(n, "collect_s"), 0, &o->batch_collect, err));
    READ(count_or(get(n, "requests"), 0, 1, 1000000000, &o->batch_requests, err));
    if (st == KW_OK && o->batch_requests && !o->batch_collect)
        return kw_json_fail(get(n, "requests"), KW_ERANGE, err,
                            "the last batch would never be full: say collect_s too, after which it is sent anyway");
    o->batch_from = (enum kw_batch_from)from;
    o->batch_from_stated = kw_json_present(get(n, "latency"));
    return st;
}

static enum kw_status read_regions(struct kw_jnode list, struct kw_plan_options *o, struct kw_error *err)
{
    enum kw_status st = check_list(list, KW_PLAN_MAX_LIST, err);
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        const char *name;
        struct kw_jnode n = kw_json_at(list, i);
        char hint[KW_NEAREST_HINT];
        if ((st = kw_json_str(n, &name, err)) != KW_OK) break;
        if (!(o->regions[i] = kw_region_find(name)))
            return kw_json_fail(n, KW_ERANGE, err, "no region or area is called '%.40s'%s", name,
                                kw_nearest_hint(hint, name, kw_region_names()));
        o->n_regions = (size_t)i + 1;
    }
    return st;
}

static enum kw_status read_plan_units(struct kw_jnode n, struct kw_plan_options *o, struct kw_error *err)
{
    bool spill = true;
    uint32_t units;
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = known_keys(n, "candidates.provisioned", err);
    struct kw_jnode list = get(n, "units");
    READ(check_list(list, KW_PLAN_MAX_LIST, err));
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        st = count_or(kw_json_at(list, i), 1, 1, 1000000, &units, err);
        if (st == KW_OK) o->units[o->n_units++] = units;
    }
    list = get(n, "terms");
    READ(check_list(list, KW_PLAN_MAX_LIST, err));
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        int term = 0;
        st = kw_json_enum(kw_json_at(list, i), kw_commitment_name, &term, err);
        o->commitments |= 1u << term;
    }
    READ(kw_json_bool_or(get(n, "spill"), spill, &spill, err));
    o->above_stated = kw_json_present(get(n, "spill"));
    o->above = spill ? KW_ABOVE_SPILL : KW_ABOVE_REJECT;
    return st;
}

/* An empty list tries none. A public model is named beside the rate at which others ask for it. */
static enum kw_status read_mitigations(struct kw_jnode list, bool others_stated, unsigned *which, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    if (!kw_json_present(list)) return KW_OK;
    if (!kw_json_is_array(list)) return kw_json_fail(list, KW_EPARSE, err, "want a list");
    *which = 0;
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        int m = 0;
        st = kw_json_enum(kw_json_at(list, i), kw_mitigation_name, &m, err);
        *which |= 1u << m;
        if (st == KW_OK && m == KW_MITIGATE_POOLED && !others_stated)
            return kw_json_fail(
                kw_json_at(list, i), KW_ERANGE, err,
                "how often others ask for a public model is yours to say: want candidates.pooled beside it");
    }
    return st;
}

static enum kw_status read_pooled(struct kw_jnode o, struct kw_plan_options *to, struct kw_error *err)
{
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = known_keys(o, "candidates.pooled", err);
    to->others_stated = true;
    return st == KW_OK ? kw_mitigations_others(o, &to->others_per_hour, err) : st;
}

enum kw_status kw_scenario_plan_options(const struct kw_scenario *s, struct kw_plan_options *o, struct kw_error *err)
{
    struct kw_jnode root = kw_json_root(&s->doc), c = get(root, "candidates"), list;
    uint32_t count;
    kw_ns idle;
    bool every_curve = false;
    kw_plan_options_default(o);
    o->hybrids = true;
    o->mitigations = (1u << KW_MITIGATIONS) - 1;
    o->curves = KW_CURVES_FIRST;
    o->fine_tunes = s->fine_tunes.n ? &s->fine_tunes : NULL;
    o->tco = s->tco;
    if (!kw_json_present(c)) return KW_OK;
    if (kw_json_present(get(c, "api_models")))
        return kw_json_fail(
            get(c, "api_models"), KW_ERANGE, err,
            "is candidates.substitutes now, for APIs and GPUs alike: {\"NAME\": QUALITY} or {\"NAME\": {}}");
    enum kw_status st = known_keys(c, "candidates", err);
    READ(kw_regions_load(err));
    READ(read_words(get(c, "platforms"), o->platforms, &o->n_platforms, err));
    READ(read_regions(get(c, "regions"), o, err));
    o->distances = &s->places.distances;
    READ(read_words(get(c, "gpus"), o->gpus, &o->n_gpus, err));
    for (size_t i = 0; i < o->n_gpus && st == KW_OK; i++) o->gpus[i] = kw_gpu_name(o->gpus[i]);
    READ(read_words(get(c, "precisions"), o->precisions, &o->n_precisions, err));
    READ(read_requirements(get(c, "require"), o, err));
    READ(read_substitutes(get(c, "substitutes"), o, err));
    READ(ratio_or(get(c, "quality_at_least"), 0, 1e-6, QUALITY_MAX, &o->quality_at_least, err));
    list = get(c, "kinds");
    READ(check_list(list, KW_PLAN_MAX_LIST, err));
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        int kind = 0;
        st = kw_json_enum(kw_json_at(list, i), kw_kind_name, &kind, err);
        o->kinds |= 1u << kind;
    }
    READ(read_counts(get(c, "dp"), KW_STEP_RANKS, o->dp, &o->n_dp, err));
    READ(read_counts(get(c, "ep"), 64 * KW_STEP_RANKS, o->ep, &o->n_ep, err));
    list = get(c, "tp");
    READ(check_list(list, (int)(sizeof o->tp / sizeof *o->tp), err));
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        st = count_or(kw_json_at(list, i), 1, 1, 64, &count, err);
        if (st == KW_OK) o->tp[o->n_tp++] = count;
    }
    list = get(c, "keep_warm");
    READ(check_list(list, KW_PLAN_MAX_LIST, err));
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        st = count_or(kw_json_at(list, i), 0, 0, 100000, &count, err);
        if (st == KW_OK) o->keep_warm[o->n_keep_warm++] = count;
    }
    list = get(c, "idle_timeout_s");
    READ(check_list(list, KW_PLAN_MAX_LIST, err));
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        st = seconds_or(kw_json_at(list, i), 0, &idle, err);
        if (st == KW_OK) o->idle_timeout[o->n_idle_timeouts++] = idle;
    }
    READ(read_counts(get(c, "concurrency"), 1000000, o->concurrency, &o->n_concurrency, err));
    READ(read_ceilings(get(c, "max_replicas"), get(c, "keep_warm"), o, err));
    READ(read_counts(get(c, "max_num_seqs"), 65536, o->max_num_seqs, &o->n_max_num_seqs, err));
    READ(read_counts(get(c, "max_num_batched_tokens"), 1048576, o->max_num_batched_tokens, &o->n_max_num_batched_tokens,
                     err));
    READ(count_or(get(c, "replicas_extra"), o->dedicated_extra, 0, 1000, &o->dedicated_extra, err));
    bool on_demand = false;
    list = get(c, "terms");
    READ(check_list(list, KW_PLAN_MAX_LIST, err));
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        int term = 0;
        st = kw_json_enum(kw_json_at(list, i), kw_term_name, &term, err);
        o->monthly |= term == KW_TERM_MONTHLY;
        if (st == KW_OK && term >= KW_TERM_COMMITTED) o->committed |= 1u << (term - KW_TERM_COMMITTED);
        o->spot |= term == KW_TERM_SPOT;
        o->batch |= term == KW_TERM_BATCH;
        o->flex |= term == KW_TERM_FLEX;
        o->priority |= term == KW_TERM_PRIORITY;
        o->provisioned |= term == KW_TERM_PROVISIONED;
        on_demand |= term == KW_TERM_ON_DEMAND;
    }
    o->terms_stated = kw_json_len(list) > 0;
    o->not_on_demand = o->terms_stated && !on_demand;
    READ(read_spot(get(c, "spot"), &o->own_spot, &o->own_cold, err));
    o->own_notice = kw_json_present(get(get(c, "spot"), "notice_s"));
    READ(read_plan_batch(get(c, "batch"), o, err));
    READ(read_plan_units(get(c, "provisioned"), o, err));
    READ(kw_json_bool_or(get(c, "allow_unknown"), o->allow_unknown, &o->allow_unknown, err));
    READ(kw_json_bool_or(get(c, "hybrids"), o->hybrids, &o->hybrids, err));
    READ(kw_json_bool_or(get(c, "mixes"), o->mixes, &o->mixes, err));
    list = get(c, "max_loras");
    READ(check_list(list, KW_PLAN_MAX_LIST, err));
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        st = count_or(kw_json_at(list, i), 1, 1, KW_SCHED_MAX_LORAS, &count, err);
        if (st == KW_OK) o->max_loras[o->n_max_loras++] = count;
    }
    list = get(c, "adapter_pools");
    READ(check_list(list, KW_PLAN_MAX_LIST, err));
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        static const char *const pools[] = { "shared", "apart", NULL };
        int pool = 0;
        st = kw_json_enum(kw_json_at(list, i), pools, &pool, err);
        o->pools_shared |= pool == 0;
        o->pools_apart |= pool == 1;
    }
    READ(read_pooled(get(c, "pooled"), o, err));
    READ(read_mitigations(get(c, "mitigations"), o->others_stated, &o->mitigations, err));
    bool schedules = !o->no_schedules;
    READ(kw_json_bool_or(get(c, "schedules"), schedules, &schedules, err));
    o->no_schedules = !schedules;
    READ(kw_json_bool_or(get(c, "exhaustive"), o->exhaustive, &o->exhaustive, err));
    READ(kw_json_bool_or(get(c, "break_even"), o->break_even, &o->break_even, err));
    READ(kw_json_bool_or(get(c, "curves"), every_curve, &every_curve, err));
    if (every_curve) o->curves = KW_CURVES_ALL;
    READ(kw_json_bool_or(get(c, "pareto"), o->frontier, &o->frontier, err));
    READ(read_volumes(get(c, "volumes"), o, err));
    if (st == KW_OK && o->pools_apart && !o->pools_shared && (o->n_volumes || o->break_even))
        st = kw_json_fail(list, KW_ERANGE, err, "other volumes are planned with adapters beside their base alone");
    READ(kw_json_nano_or(get(c, "operations_usd_month"), 0, 0, INT64_MAX, &o->operations_month, err));
    READ(engineer_said_once(c, s, err));
    READ(count_or(get(c, "egress_bytes_per_token"), 0, 0, 1000000, &o->egress_bytes, err));
    return st;
}

enum kw_status kw_scenario_plan_catalogue(const struct kw_scenario *s, struct kw_catalogue *c,
                                          struct kw_plan_options *o, struct kw_error *err)
{
    struct kw_jnode candidates = get(kw_json_root(&s->doc), "candidates"), zone = get(candidates, "timezone");
    const char *name = NULL;
    struct kw_error inner;
    enum kw_status st = kw_autoscalers_plan(candidates, &c->autoscalers, o, err);
    READ(kw_json_str_or(zone, NULL, &name, err));
    if (st != KW_OK || !name) return st;
    st = kw_catalogue_zone(c, name, &o->zone, &inner);
    return st == KW_OK ? st : kw_json_fail(zone, st, err, "%s", inner.msg);
}

static bool among(const char *const *list, size_t n, const char *word)
{
    while (n-- > 0)
        if (!strcmp(list[n], word)) return true;
    return false;
}

/* A kind that "kinds" leaves out, for a platform or a term that the user names. */
static enum kw_status left_out(struct kw_jnode n, const char *what, enum kw_kind kind, struct kw_error *err)
{
    return kw_json_fail(n, KW_ERANGE, err, "%s is of the kind '%s', which candidates.kinds leaves out", what,
                        kw_kind_name[kind]);
}

enum kw_status kw_scenario_check_plan(const struct kw_scenario *s, struct kw_catalogue *c,
                                      const struct kw_plan_options *o, struct kw_error *err)
{
    struct kw_jnode root = kw_json_root(&s->doc), list = get(root, "candidates");
    unsigned kinds = 0;
    bool shares = false;
    for (size_t i = 0; i < c->platforms.n; i++) {
        const struct kw_platform *p = &c->platforms.p[i];
        if (o->n_platforms && !among(o->platforms, o->n_platforms, p->name)) continue;
        if (!o->kinds || o->kinds & 1u << p->kind) {
            kinds |= 1u << p->kind;
            shares |= p->public_models.shared;
            continue;
        }
        for (size_t k = 0; k < o->n_platforms; k++)
            if (!strcmp(o->platforms[k], p->name))
                return left_out(kw_json_at(get(list, "platforms"), (int)k), p->name, p->kind, err);
    }
    if (o->others_stated && kinds & 1u << KW_KIND_SERVERLESS && !shares)
        return kw_json_fail(get(list, "pooled"), KW_ERANGE, err,
                            "no platform considered is known to have public models whose replicas customers share");
    enum kw_status stated = state_attributes(get(list, "attributes"), c, err);
    if (stated != KW_OK) return stated;
    struct kw_jnode terms = get(list, "terms");
    for (int i = 0; i < kw_json_len(terms); i++) {
        int term = KW_TERM_ON_DEMAND;
        enum kw_status st = kw_json_enum(kw_json_at(terms, i), kw_term_name, &term, err);
        if (st != KW_OK) return st;
        enum kw_kind of = kw_term_of_api((enum kw_term)term) ? KW_KIND_API : KW_KIND_DEDICATED;
        if (term != KW_TERM_ON_DEMAND && kinds && !(kinds & 1u << of))
            return kw_json_fail(kw_json_at(terms, i), KW_ERANGE, err,
                                "'%s' is a term of the kind '%s', and no platform considered is of it",
                                kw_term_name[term], kw_kind_name[of]);
    }
    return kinds ? kw_key_use_plan(root, o, &s->slo, kinds, err)
                 : KW_OK; /* a name that nobody has is told with its neighbours */
}
