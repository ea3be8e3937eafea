#include "platforms/facts/platform_read.h"
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "platforms/facts/fact.h"
#include "platforms/facts/provisioned_read.h"
#include "platforms/facts/region_read.h"
#include "platforms/facts/spot_read.h"
#include "sim/core/date.h"

#define SECONDS_MAX (INT64_C(31536000) * KW_NS_PER_S) /* a year */

/* ---- when it is sold */

/* Who saw it last: "seen" where it is stated, else whoever quoted the newest of its prices. */
static void last_seen(struct kw_sale *s, const struct kw_price *const prices[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct kw_provenance *v = &prices[i]->provenance;
        if (!prices[i]->known) continue;
        s->vouched |= v->grade == KW_GRADE_USER;
        if (kw_date_age_days(v->date, v->date) != 0 || (s->seen[0] && kw_date_age_days(v->date, s->seen) >= 0))
            continue;
        memcpy(s->seen, v->date, sizeof s->seen);
        s->seen_at = *v;
    }
}

/* name: "apis[MODEL]" or "gpus[SKU]". */
static enum kw_status read_sale(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                                const char *name, struct kw_sale *s)
{
    char path[88];
    struct kw_jnode status = kw_json_get(n, "status");
    snprintf(path, sizeof path, "%.70s.available_from", name);
    KW_TRY(kw_fact_date(r, kw_json_get(n, "available_from"), src, path, s->available_from, NULL));
    snprintf(path, sizeof path, "%.70s.ends", name);
    KW_TRY(kw_fact_date(r, kw_json_get(n, "ends"), src, path, s->ends, &s->ends_at));
    snprintf(path, sizeof path, "%.70s.seen", name);
    KW_TRY(kw_fact_date(r, kw_json_get(n, "seen"), src, path, s->seen, &s->seen_at));
    if (s->ends[0] && s->available_from[0] && kw_date_age_days(s->available_from, s->ends) <= 0)
        return kw_json_fail(kw_json_get(n, "ends"), KW_ERANGE, r->err, "it ends before it begins (available_from %s)",
                            s->available_from);
    if (!kw_json_present(status)) return KW_OK;
    struct kw_fact_found f;
    int word;
    KW_TRY(kw_fact_open(r, status, src, &f));
    KW_TRY(kw_json_enum(f.value, kw_sale_status_name, &word, r->err));
    s->status = (enum kw_sale_status)word;
    snprintf(path, sizeof path, "%.70s.status", name);
    return kw_fact_keep(r, &f, path, "%s", kw_sale_status_name[word]);
}

/* ---- sections */

static enum kw_status read_gpu(struct kw_fact_reader *r, struct kw_jnode n, struct kw_gpu_offer *o)
{
    static const char *const keys[] = { "gpu",       "sku",  "count",          "src",  "hour",   "month", "terms",
                                        "spot_hour", "spot", "available_from", "ends", "status", "seen",  NULL };
    struct kw_fact_source src;
    struct kw_fact_found f;
    char path[88];
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    KW_TRY(kw_fact_text(r, kw_json_get(n, "gpu"), true, o->gpu, sizeof o->gpu));
    KW_TRY(kw_fact_text(r, kw_json_get(n, "sku"), true, o->sku, sizeof o->sku));
    KW_TRY(kw_fact_open(r, kw_json_get(n, "count"), &src, &f));
    if (kw_json_len(f.value) != 2 || !kw_json_is_array(f.value))
        return kw_json_fail(f.present ? f.value : n, KW_EPARSE, r->err,
                            "want \"count\": [fewest, most] GPUs of a replica");
    int64_t lo, hi;
    KW_TRY(kw_json_i64(kw_json_at(f.value, 0), 1, 64, &lo, r->err));
    KW_TRY(kw_json_i64(kw_json_at(f.value, 1), 1, 64, &hi, r->err));
    if (hi < lo || hi % lo)
        return kw_json_fail(f.value, KW_ERANGE, r->err,
                            "the most (%" PRId64 ") has to be a multiple of the fewest (%" PRId64 ")", hi, lo);
    o->gpus_min = (uint32_t)lo;
    o->gpus_max = (uint32_t)hi;
    snprintf(path, sizeof path, "gpus[%s].count", o->sku);
    KW_TRY(kw_fact_keep(r, &f, path, "%" PRId64 "..%" PRId64 " GPUs of type %s", lo, hi, o->gpu));
    snprintf(path, sizeof path, "gpus[%s].hour", o->sku);
    KW_TRY(kw_fact_price(r, kw_json_get(n, "hour"), &src, path, "GPU-hour", true, &o->gpu_hour));
    snprintf(path, sizeof path, "gpus[%s].month", o->sku);
    KW_TRY(kw_fact_price(r, kw_json_get(n, "month"), &src, path, "GPU-month", false, &o->gpu_month));
    snprintf(path, sizeof path, "gpus[%s]", o->sku);
    KW_TRY(kw_fact_gpu_terms(r, kw_json_get(n, "terms"), &src, path, o->committed));
    if (r->p.kind != KW_KIND_DEDICATED && kw_json_present(kw_json_get(n, "terms")))
        return kw_json_fail(kw_json_get(n, "terms"), KW_ERANGE, r->err, "a platform of kind '%s' has none",
                            kw_kind_name[r->p.kind]);
    snprintf(path, sizeof path, "gpus[%s].spot_hour", o->sku);
    KW_TRY(kw_fact_price(r, kw_json_get(n, "spot_hour"), &src, path, "GPU-hour", true, &o->gpu_hour_spot));
    o->spot = r->p.spot;
    snprintf(path, sizeof path, "gpus[%s].", o->sku);
    KW_TRY(kw_fact_spot(r, kw_json_get(n, "spot"), path, &o->spot));
    snprintf(path, sizeof path, "gpus[%s]", o->sku);
    KW_TRY(read_sale(r, n, &src, path, &o->sale));
    const struct kw_price *prices[3 + KW_GPU_TERMS] = { &o->gpu_hour, &o->gpu_month, &o->gpu_hour_spot };
    for (int k = 0; k < KW_GPU_TERMS; k++) prices[3 + k] = &o->committed[k].hour;
    last_seen(&o->sale, prices, 3 + KW_GPU_TERMS);
    return KW_OK;
}

static enum kw_status read_gpus(struct kw_fact_reader *r, struct kw_jnode arr)
{
    struct kw_platform *p = &r->p;
    if (!kw_json_present(arr)) return KW_OK;
    if (!kw_json_is_array(arr)) return kw_json_fail(arr, KW_EPARSE, r->err, "want an array of GPU offers");
    size_t n = (size_t)kw_json_len(arr);
    if (!(p->gpus = calloc(n + 1, sizeof *p->gpus))) return kw_fact_no_memory(r);
    for (size_t i = 0; i < n; i++) {
        struct kw_jnode at = kw_json_at(arr, (int)i);
        KW_TRY(read_gpu(r, at, &p->gpus[i]));
        for (size_t k = 0; k < i; k++)
            if (!strcmp(p->gpus[k].gpu, p->gpus[i].gpu) && !strcmp(p->gpus[k].sku, p->gpus[i].sku))
                return kw_json_fail(at, KW_ERANGE, r->err, "offer '%s' is stated twice (first as gpus[%zu])",
                                    p->gpus[i].sku, k);
        p->n_gpus = i + 1;
    }
    return KW_OK;
}

/* CPU and memory metered beside each GPU; the same for every offer of a platform. */
static enum kw_status read_host(struct kw_fact_reader *r, struct kw_jnode n)
{
    static const char *const keys[] = { "src", "cpu_core_hour", "memory_gib_hour", "cpu_cores", "memory_gib", NULL };
    static const struct kw_fact_row rows[] = {
        { "cpu_cores", KW_FACT_F64, offsetof(struct kw_gpu_offer, cpu_cores), 0, 1024 },
        { "memory_gib", KW_FACT_F64, offsetof(struct kw_gpu_offer, memory_gib), 0, 65536 },
    };
    struct kw_gpu_offer h = { 0 };
    struct kw_fact_source src;
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    KW_TRY(kw_fact_price(r, kw_json_get(n, "cpu_core_hour"), &src, NULL, "core-hour", true, &h.cpu_core_hour));
    KW_TRY(kw_fact_price(r, kw_json_get(n, "memory_gib_hour"), &src, NULL, "GiB-hour", true, &h.memory_gib_hour));
    KW_TRY(kw_fact_rows(r, n, &src, rows, sizeof rows / sizeof *rows, &h));
    for (size_t i = 0; i < r->p.n_gpus; i++) {
        struct kw_gpu_offer *o = &r->p.gpus[i];
        o->cpu_core_hour = h.cpu_core_hour;
        o->memory_gib_hour = h.memory_gib_hour;
        o->cpu_cores = h.cpu_cores;
        o->memory_gib = h.memory_gib;
    }
    return KW_OK;
}

/* "yes" and "no" as the source says; "inferred": it follows from what the source says; "assumed": it is silent. */
static enum kw_status read_bills(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *meter,
                                 struct kw_meter *m)
{
    static const char *const words[] = {
        "no", "yes", "inferred no", "inferred yes", "assumed no", "assumed yes", NULL
    };
    const char *keys[KW_PHASES + 2] = { "src" };
    struct kw_fact_source src;
    memcpy(keys + 1, kw_phase_name, (KW_PHASES + 1) * sizeof *keys);
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    if (!src.known) src = *meter;
    for (int i = 0; i < KW_PHASES; i++) {
        struct kw_fact_found f;
        int word;
        struct kw_jnode at = kw_json_get(n, kw_phase_name[i]);
        KW_TRY(kw_fact_open(r, at, &src, &f));
        KW_TRY(kw_json_enum(f.value, words, &word, r->err));
        m->bills[i] = word & 1;
        f.provenance.grade = word >= 4   ? KW_GRADE_UNKNOWN
                             : word >= 2 ? kw_grade_weaker(f.provenance.grade, KW_GRADE_ESTIMATED)
                                         : f.provenance.grade;
        m->bills_grade[i] = f.provenance.grade;
        KW_TRY(kw_fact_keep(r, &f, NULL, "%s", words[word]));
    }
    return KW_OK;
}

static enum kw_status read_meter(struct kw_fact_reader *r, struct kw_jnode n)
{
    static const char *const keys[] = { "src",
                                        "granularity_s",
                                        "min_charge_s",
                                        "window_s",
                                        "multiplier",
                                        "monthly_fee_usd",
                                        "monthly_credit_usd",
                                        "credit_covers",
                                        "one_off_credit_usd",
                                        "bills",
                                        NULL };
    static const char *const covers[] = { "use", "use and fee", NULL };
    static const struct kw_fact_row rows[] = {
        { "granularity_s", KW_FACT_SECONDS, offsetof(struct kw_meter, granularity), 0, 86400 },
        { "min_charge_s", KW_FACT_SECONDS, offsetof(struct kw_meter, min_charge), 0, 86400 },
        { "window_s", KW_FACT_SECONDS, offsetof(struct kw_meter, window), 0, 86400 },
        { "monthly_fee_usd", KW_FACT_USD, offsetof(struct kw_meter, monthly_fee), 0, 1e6 },
        { "monthly_credit_usd", KW_FACT_USD, offsetof(struct kw_meter, monthly_credit), 0, 1e6 },
        { "one_off_credit_usd", KW_FACT_USD, offsetof(struct kw_meter, one_off_credit), 0, 1e6 },
    };
    struct kw_meter *m = &r->p.meter;
    struct kw_fact_source src;
    m->granularity = 1;
    m->multiplier_ppm = 1000000;
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    m->provenance = src.provenance;
    KW_TRY(kw_fact_rows(r, n, &src, rows, sizeof rows / sizeof *rows, m));
    if (m->granularity == 0) m->granularity = 1;
    if (kw_json_present(kw_json_get(n, "credit_covers"))) {
        int word;
        KW_TRY(kw_fact_word(r, kw_json_get(n, "credit_covers"), &src, covers, &word));
        m->credit_pays_fee = word == 1;
    }
    struct kw_fact_found f;
    KW_TRY(kw_fact_open(r, kw_json_get(n, "multiplier"), &src, &f));
    if (f.present) {
        int64_t v;
        KW_TRY(kw_json_nano(f.value, KW_NANO / 100, 100 * KW_NANO, &v, r->err));
        if (v % 1000) return kw_json_fail(f.value, KW_ERANGE, r->err, "want at most six digits after the point");
        m->multiplier_ppm = v / 1000;
        char buf[32];
        KW_TRY(kw_fact_keep(r, &f, NULL, "x %s", kw_nano_format(buf, sizeof buf, v)));
    }
    struct kw_jnode bills = kw_json_get(n, "bills");
    if (r->p.kind == KW_KIND_API && !kw_json_present(bills)) return KW_OK;
    if (!kw_json_present(kw_json_get(n, "granularity_s")))
        return kw_json_fail(n, KW_EPARSE, r->err, "missing key 'granularity_s'");
    if (!kw_json_present(bills)) return kw_json_fail(n, KW_EPARSE, r->err, "missing key 'bills'");
    return read_bills(r, bills, &src, m);
}

/* What a customer pays of the replicas that all share. */
static enum kw_status read_public_models(struct kw_fact_reader *r, struct kw_jnode n)
{
    static const char *const keys[] = { "src", "bills", NULL };
    struct kw_public_models *m = &r->p.public_models;
    struct kw_fact_source src;
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    if (r->p.kind != KW_KIND_SERVERLESS)
        return kw_json_fail(n, KW_ERANGE, r->err, "a platform of kind '%s' has none", kw_kind_name[r->p.kind]);
    if (r->p.scaling.at_zero != KW_ZERO_QUEUE)
        return kw_json_fail(n, KW_ERANGE, r->err, "wants \"at_zero\": \"queue\" in scaling");
    if (!kw_json_present(kw_json_get(n, "bills"))) return kw_json_fail(n, KW_EPARSE, r->err, "missing key 'bills'");
    m->shared = true;
    m->meter = r->p.meter;
    m->meter.provenance = src.provenance;
    return read_bills(r, kw_json_get(n, "bills"), &src, &m->meter);
}

static enum kw_status check_scaling(struct kw_fact_reader *r, struct kw_jnode n)
{
    const struct kw_platform *p = &r->p;
    const struct kw_autoscaling *a = &p->scaling;
    const char *scaler = kw_scaler_name[a->scaler];
    if (a->keep_warm > a->max_replicas)
        return kw_json_fail(kw_json_get(n, "keep_warm"), KW_ERANGE, r->err, "keep_warm %u is above max_replicas %u",
                            a->keep_warm, a->max_replicas);
    if (a->scaler == KW_SCALER_FIXED) return KW_OK;
    if (!kw_json_present(kw_json_get(n, "idle_timeout_s")))
        return kw_json_fail(n, KW_EPARSE, r->err, "missing key 'idle_timeout_s'");
    if (a->idle_timeout < p->idle_timeout_min_s * KW_NS_PER_S || a->idle_timeout > p->idle_timeout_max_s * KW_NS_PER_S)
        return kw_json_fail(kw_json_get(n, "idle_timeout_s"), KW_ERANGE, r->err,
                            "outside idle_timeout_range_s %" PRId64 "..%" PRId64, p->idle_timeout_min_s,
                            p->idle_timeout_max_s);
    if (a->zero_timeout < a->idle_timeout)
        return kw_json_fail(kw_json_get(n, "zero_timeout_s"), KW_ERANGE, r->err, "want at least idle_timeout_s");
    if (a->eval_period && a->eval_period < 10 * KW_NS_PER_MS)
        return kw_json_fail(kw_json_get(n, "eval_period_s"), KW_ERANGE, r->err,
                            "want 0 or at least 0.01 s: a loop looks once a period");
    if (a->scaler == KW_SCALER_QUEUE_DELAY && a->target_delay == 0)
        return kw_json_fail(n, KW_ERANGE, r->err, "scaler '%s' wants a target_delay_s above 0", scaler);
    bool by_target = a->scaler == KW_SCALER_REQUEST_COUNT || a->scaler == KW_SCALER_LOAD_TARGET ||
                     a->scaler == KW_SCALER_CONCURRENCY || a->scaler == KW_SCALER_KPA;
    if (by_target && !(a->target > 0))
        return kw_json_fail(n, KW_ERANGE, r->err, "scaler '%s' wants a target above 0", scaler);
    if (a->scaler == KW_SCALER_LOAD_TARGET && a->target > 1)
        return kw_json_fail(kw_json_get(n, "target"), KW_ERANGE, r->err, "a load is 0..1, got %g", a->target);
    if (a->at_zero == KW_ZERO_REJECT_AND_START && a->reject_code == 0)
        return kw_json_fail(n, KW_EPARSE, r->err, "at_zero 'reject_and_start' wants a reject_code");
    return KW_OK;
}

static enum kw_status read_scaling(struct kw_fact_reader *r, struct kw_jnode n)
{
#define SECONDS(key, field)                                                                                            \
    {                                                                                                                  \
        key, KW_FACT_SECONDS, offsetof(struct kw_autoscaling, field), 0, 31536000                                      \
    }
#define SHARE(key, field)                                                                                              \
    {                                                                                                                  \
        key, KW_FACT_F64, offsetof(struct kw_autoscaling, field), 0, 1                                                 \
    }
    static const struct kw_fact_row rows[] = {
        { "keep_warm", KW_FACT_U32, offsetof(struct kw_autoscaling, keep_warm), 0, 100000 },
        { "max_replicas", KW_FACT_U32, offsetof(struct kw_autoscaling, max_replicas), 1, 100000 },
        { "buffer_replicas", KW_FACT_U32, offsetof(struct kw_autoscaling, buffer_replicas), 0, 100000 },
        { "hard_concurrency", KW_FACT_U32, offsetof(struct kw_autoscaling, hard_concurrency), 0, 1000000 },
        { "target", KW_FACT_F64, offsetof(struct kw_autoscaling, target), 0, 1e9 },
        SHARE("utilisation", utilisation),
        SECONDS("target_delay_s", target_delay),
        SECONDS("scale_up_window_s", scale_up_window),
        SECONDS("eval_period_s", eval_period),
        SECONDS("idle_timeout_s", idle_timeout),
        SECONDS("zero_timeout_s", zero_timeout),
        SECONDS("scale_down_delay_s", scale_down_delay),
        SECONDS("min_up_s", min_up),
        { "max_up_rate", KW_FACT_F64, offsetof(struct kw_autoscaling, max_up_rate), 0, 1e6 },
        { "max_down_rate", KW_FACT_F64, offsetof(struct kw_autoscaling, max_down_rate), 0, 1e6 },
        { "panic_threshold", KW_FACT_F64, offsetof(struct kw_autoscaling, panic_threshold), 0, 1000 },
        SHARE("panic_window_share", panic_window_share),
        { "reject_code", KW_FACT_INT, offsetof(struct kw_autoscaling, reject_code), 400, 599 },
        { "queue_limit", KW_FACT_I64, offsetof(struct kw_autoscaling, queue_limit), 0, 1e15 },
        { "no_queue", KW_FACT_BOOL, offsetof(struct kw_autoscaling, no_queue), 0, 0 },
        SECONDS("queue_timeout_s", queue_timeout),
        SECONDS("request_timeout_s", request_timeout),
        SHARE("stockout_probability", stockout_probability),
        SECONDS("stockout_retry_s", stockout_retry),
        SHARE("start_failure_probability", start_failure_probability),
    };
#undef SECONDS
#undef SHARE
    enum { N = sizeof rows / sizeof *rows };
    struct kw_platform *p = &r->p;
    struct kw_autoscaling *a = &p->scaling;
    struct kw_fact_source src;
    a->max_replicas = 1;
    a->utilisation = 1;
    p->balance = KW_BALANCE_LEAST_OUTSTANDING;
    p->balance_grade = KW_GRADE_ESTIMATED;
    p->idle_timeout_max_s = SECONDS_MAX / KW_NS_PER_S;
    if (!kw_json_present(n)) return KW_OK;
    const char *keys[N + 9] = {
        "src",         "scaler", "at_zero", "idle_timeout_range_s", "balance", "concurrency_range", "target_delay_from",
        "idle_release"
    };
    for (int i = 0; i < N; i++) keys[8 + i] = rows[i].key;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    p->scaling_provenance = src.provenance;
    int word;
    KW_TRY(kw_fact_word(r, kw_json_get(n, "scaler"), &src, kw_scaler_name, &word));
    a->scaler = (enum kw_scaler)word;
    if (KW_SCALERS_SELF_MANAGED & 1u << word)
        return kw_json_fail(kw_json_get(n, "scaler"), KW_ERANGE, r->err,
                            "'%s' runs in a user's own cluster: a deployment of a scenario names it",
                            kw_scaler_name[word]);
    KW_TRY(kw_fact_word(r, kw_json_get(n, "at_zero"), &src, kw_at_zero_name, &word));
    a->at_zero = (enum kw_at_zero)word;
    if (kw_json_present(kw_json_get(n, "balance"))) {
        KW_TRY(kw_fact_word(r, kw_json_get(n, "balance"), &src, kw_balance_name, &word));
        p->balance = (enum kw_balance)word;
        p->balance_grade = p->facts[p->n_facts - 1].provenance.grade;
    }
    p->delay_from_grade = KW_GRADE_UNKNOWN;
    if (kw_json_present(kw_json_get(n, "target_delay_from"))) {
        KW_TRY(kw_fact_word(r, kw_json_get(n, "target_delay_from"), &src, kw_delay_from_name, &word));
        a->target_delay_from = (enum kw_delay_from)word;
        p->delay_from_grade = p->facts[p->n_facts - 1].provenance.grade;
    }
    p->idle_release_grade = KW_GRADE_UNKNOWN;
    if (kw_json_present(kw_json_get(n, "idle_release"))) {
        KW_TRY(kw_fact_word(r, kw_json_get(n, "idle_release"), &src, kw_idle_release_name, &word));
        a->idle_release = (enum kw_idle_release)word;
        p->idle_release_grade = p->facts[p->n_facts - 1].provenance.grade;
    }
    KW_TRY(kw_fact_rows(r, n, &src, rows, N, a));
    if (!kw_json_present(kw_json_get(n, "zero_timeout_s"))) a->zero_timeout = a->idle_timeout;
    struct kw_fact_found f;
    KW_TRY(kw_fact_open(r, kw_json_get(n, "idle_timeout_range_s"), &src, &f));
    if (f.present) {
        if (!kw_json_is_array(f.value) || kw_json_len(f.value) != 2)
            return kw_json_fail(f.value, KW_EPARSE, r->err, "want [least, most] seconds");
        KW_TRY(kw_json_i64(kw_json_at(f.value, 0), 0, p->idle_timeout_max_s, &p->idle_timeout_min_s, r->err));
        KW_TRY(kw_json_i64(kw_json_at(f.value, 1), p->idle_timeout_min_s, p->idle_timeout_max_s, &p->idle_timeout_max_s,
                           r->err));
        p->idle_timeout_ranged = true;
        KW_TRY(kw_fact_keep(r, &f, NULL, "%" PRId64 "..%" PRId64 " s", p->idle_timeout_min_s, p->idle_timeout_max_s));
    }
    KW_TRY(kw_fact_open(r, kw_json_get(n, "concurrency_range"), &src, &f));
    if (f.present) {
        int64_t lo, hi;
        if (!kw_json_is_array(f.value) || kw_json_len(f.value) != 2)
            return kw_json_fail(f.value, KW_EPARSE, r->err, "want [least, most] requests per replica");
        KW_TRY(kw_json_i64(kw_json_at(f.value, 0), 1, 1000000, &lo, r->err));
        KW_TRY(kw_json_i64(kw_json_at(f.value, 1), lo, 1000000, &hi, r->err));
        p->concurrency_min = (uint32_t)lo;
        p->concurrency_max = (uint32_t)hi;
        KW_TRY(kw_fact_keep(r, &f, NULL, "%" PRId64 "..%" PRId64 " requests per replica", lo, hi));
    }
    return check_scaling(r, n);
}

static enum kw_status read_cold(struct kw_fact_reader *r, struct kw_jnode n)
{
    static const struct {
        const char *key, *unit;
        size_t offset;
    } laws[] = {
        { "provision", "s", offsetof(struct kw_cold_start, provision) },
        { "pull", "s", offsetof(struct kw_cold_start, pull) },
        { "load", "s", offsetof(struct kw_cold_start, load) },
        { "load_rate", "B/s", offsetof(struct kw_cold_start, load_rate) },
        { "cached_load_rate", "B/s", offsetof(struct kw_cold_start, cached_load_rate) },
        { "init", "s", offsetof(struct kw_cold_start, init) },
        { "engine_start", "s", offsetof(struct kw_cold_start, engine_start) },
        { "restore", "s", offsetof(struct kw_cold_start, restore) },
    };
    static const struct kw_fact_row rows[] = {
        { "cache_hit", KW_FACT_F64, offsetof(struct kw_cold_start, cache_hit), 0, 1 },
        { "snapshot_probability", KW_FACT_F64, offsetof(struct kw_cold_start, snapshot_probability), 0, 1 },
    };
    static const struct kw_fact_row options[] = {
        { "node_cache", KW_FACT_BOOL, offsetof(struct kw_start_options, node_cache), 0, 0 },
        { "snapshot", KW_FACT_BOOL, offsetof(struct kw_start_options, snapshot), 0, 0 },
        { "snapshot_gpus_max", KW_FACT_U32, offsetof(struct kw_start_options, snapshot_gpus_max), 1, 64 },
    };
    static const char *const keys[] = { "src",
                                        "provision",
                                        "pull",
                                        "load",
                                        "load_rate",
                                        "cached_load_rate",
                                        "init",
                                        "engine_start",
                                        "restore",
                                        "cache_hit",
                                        "snapshot_probability",
                                        "node_cache",
                                        "snapshot",
                                        "snapshot_gpus_max",
                                        NULL };
    struct kw_fact_source src;
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++)
        KW_TRY(kw_fact_law(r, kw_json_get(n, laws[i].key), &src, NULL, laws[i].unit,
                           (struct kw_law *)((char *)&r->p.cold + laws[i].offset)));
    KW_TRY(kw_fact_rows(r, n, &src, rows, sizeof rows / sizeof *rows, &r->p.cold));
    if (r->p.cold.snapshot_probability > 0 && r->p.cold.restore.kind == KW_LAW_NONE)
        return kw_json_fail(kw_json_get(n, "snapshot_probability"), KW_ERANGE, r->err, "wants a restore law beside it");
    KW_TRY(kw_fact_rows(r, n, &src, options, sizeof options / sizeof *options, &r->p.start_options));
    if (r->p.start_options.snapshot && r->p.cold.restore.kind == KW_LAW_NONE)
        return kw_json_fail(kw_json_get(n, "snapshot"), KW_ERANGE, r->err, "wants a restore law beside it");
    if (r->p.start_options.snapshot_gpus_max && !r->p.start_options.snapshot)
        return kw_json_fail(kw_json_get(n, "snapshot_gpus_max"), KW_ERANGE, r->err,
                            "wants \"snapshot\": true beside it");
    return KW_OK;
}

static enum kw_status read_retry(struct kw_fact_reader *r, struct kw_jnode n)
{
    static const char *const keys[] = { "src", "max_attempts", "base_s", "cap_s", NULL };
    static const struct kw_fact_row rows[] = {
        { "max_attempts", KW_FACT_U32, offsetof(struct kw_client_retry, max_attempts), 1, 255 },
        { "base_s", KW_FACT_SECONDS, offsetof(struct kw_client_retry, base), 0, 3600 },
        { "cap_s", KW_FACT_SECONDS, offsetof(struct kw_client_retry, cap), 0, 86400 },
    };
    struct kw_fact_source src;
    r->p.retry.max_attempts = 1;
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    KW_TRY(kw_fact_rows(r, n, &src, rows, sizeof rows / sizeof *rows, &r->p.retry));
    if (r->p.retry.cap < r->p.retry.base)
        return kw_json_fail(kw_json_get(n, "cap_s"), KW_ERANGE, r->err, "want at least base_s");
    return KW_OK;
}

static enum kw_status read_tier(struct kw_fact_reader *r, struct kw_jnode n, const char *name, struct kw_rate_limits *l)
{
#define LIMIT(field)                                                                                                   \
    {                                                                                                                  \
#field, KW_FACT_I64, offsetof(struct kw_rate_limits, field), 1, 1e15                                           \
    }
    static const struct kw_fact_row rows[] = {
        LIMIT(rpm),
        LIMIT(rpd),
        LIMIT(tpm),
        LIMIT(itpm),
        LIMIT(otpm),
        LIMIT(tpd),
        { "cache_reads_count", KW_FACT_BOOL, offsetof(struct kw_rate_limits, cache_reads_count), 0, 0 },
        { "output_burndown", KW_FACT_F64, offsetof(struct kw_rate_limits, output_burndown), 0, 1000 },
        { "window_s", KW_FACT_SECONDS, offsetof(struct kw_rate_limits, window), 0, 86400 },
        { "reject_code", KW_FACT_INT, offsetof(struct kw_rate_limits, reject_code), 400, 599 },
    };
#undef LIMIT
    static const char *const keys[] = {
        "src",      "rule",        "rpm", "rpd", "tpm", "itpm", "otpm", "tpd", "cache_reads_count", "output_burndown",
        "window_s", "reject_code", NULL
    };
    struct kw_fact_source src;
    int rule;
    *l = (struct kw_rate_limits){ .cache_reads_count = true, .output_burndown = 1, .reject_code = 429 };
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    if (strlen(name) >= sizeof l->tier || !*name)
        return kw_json_fail(n, KW_ERANGE, r->err, "want a tier name of 1..%zu bytes", sizeof l->tier - 1);
    memcpy(l->tier, name, strlen(name) + 1);
    l->provenance = src.provenance;
    KW_TRY(kw_fact_word(r, kw_json_get(n, "rule"), &src, kw_count_rule_name, &rule));
    l->rule = (enum kw_count_rule)rule;
    return kw_fact_rows(r, n, &src, rows, sizeof rows / sizeof *rows, l);
}

static enum kw_status read_tiers(struct kw_fact_reader *r, struct kw_jnode root, const struct kw_rate_limits **chosen)
{
    struct kw_platform *p = &r->p;
    struct kw_jnode obj = kw_json_get(root, "tiers"), tier = kw_json_get(root, "tier");
    *chosen = NULL;
    if (!kw_json_present(obj)) {
        if (kw_json_present(tier)) return kw_json_fail(tier, KW_EPARSE, r->err, "there are no tiers to choose from");
        return KW_OK;
    }
    if (!kw_json_is_object(obj) || kw_json_len(obj) == 0)
        return kw_json_fail(obj, KW_EPARSE, r->err, "want an object of tiers: {\"Tier 1\": {\"rpm\": 50, ...}}");
    size_t n = (size_t)kw_json_len(obj);
    if (!(p->tiers = calloc(n, sizeof *p->tiers))) return kw_fact_no_memory(r);
    for (size_t i = 0; i < n; i++) {
        const char *name;
        struct kw_jnode at = kw_json_member(obj, (int)i, &name);
        KW_TRY(read_tier(r, at, name, &p->tiers[i]));
        p->n_tiers = i + 1;
    }
    const char *want;
    KW_TRY(kw_json_str(tier, &want, r->err));
    *chosen = kw_platform_tier(p, want);
    if (!*chosen) return kw_json_fail(tier, KW_EPARSE, r->err, "\"%.40s\" is not among the tiers", want);
    return KW_OK;
}

static enum kw_status read_cache(struct kw_fact_reader *r, struct kw_jnode n)
{
    static const char *const keys[] = { "src", "mode", "min_tokens", "step_tokens", "lifetime_s", NULL };
    static const char *const modes[] = { "automatic", "explicit", NULL };
    static const struct kw_fact_row rows[] = {
        { "min_tokens", KW_FACT_U32, offsetof(struct kw_cache_rule, min_tokens), 1, 1e7 },
        { "step_tokens", KW_FACT_U32, offsetof(struct kw_cache_rule, step_tokens), 1, 1e7 },
        { "lifetime_s", KW_FACT_SECONDS, offsetof(struct kw_cache_rule, lifetime), 0, 31536000 },
    };
    struct kw_fact_source src;
    int mode;
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    KW_TRY(kw_fact_word(r, kw_json_get(n, "mode"), &src, modes, &mode));
    r->p.cache.mode = mode ? KW_CACHE_EXPLICIT : KW_CACHE_AUTOMATIC;
    return kw_fact_rows(r, n, &src, rows, sizeof rows / sizeof *rows, &r->p.cache);
}

/* {"src": ..., "gb": ...} or per "gib". */
static enum kw_status read_egress(struct kw_fact_reader *r, struct kw_jnode n)
{
    static const char *const keys[] = { "src", "gb", "gib", NULL };
    struct kw_egress *e = &r->p.egress;
    struct kw_fact_source src;
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    bool gib = kw_json_present(kw_json_get(n, "gib"));
    if (gib == kw_json_present(kw_json_get(n, "gb")))
        return kw_json_fail(n, KW_EPARSE, r->err, "want one of gb and gib: the price of so many bytes sent out");
    e->per = gib ? 1 << 30 : 1000000000;
    return kw_fact_price(r, kw_json_get(n, gib ? "gib" : "gb"), &src, NULL, gib ? "GiB" : "GB", false, &e->price);
}

static enum kw_status read_batch(struct kw_fact_reader *r, struct kw_jnode n)
{
    static const char *const keys[] = { "src",           "window_s", "observed", "max_requests", "queued_requests",
                                        "queued_tokens", "cache",    NULL };
    static const struct kw_fact_row rows[] = {
        { "window_s", KW_FACT_SECONDS, offsetof(struct kw_batch_rule, window), 0, 31536000 },
        { "max_requests", KW_FACT_U32, offsetof(struct kw_batch_rule, max_requests), 1, 1e9 },
        { "queued_requests", KW_FACT_I64, offsetof(struct kw_batch_rule, queued_requests), 1, 1e15 },
        { "queued_tokens", KW_FACT_I64, offsetof(struct kw_batch_rule, queued_tokens), 1, 1e15 },
    };
    struct kw_batch_rule *b = &r->p.batch;
    struct kw_fact_source src;
    int word;
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    KW_TRY(kw_fact_rows(r, n, &src, rows, sizeof rows / sizeof *rows, b));
    struct kw_jnode observed = kw_json_get(n, "observed");
    KW_TRY(kw_fact_law(r, observed, &src, NULL, "s", &b->observed));
    if (b->observed.kind != KW_LAW_NONE && !b->window)
        return kw_json_fail(observed, KW_EPARSE, r->err, "wants the window that is promised beside it: window_s");
    if (b->window && kw_law_quantile(&b->observed, 0.999999) > kw_nano_to_double(b->window))
        return kw_json_fail(observed, KW_ERANGE, r->err, "takes longer than the window that is promised");
    if (!kw_json_present(kw_json_get(n, "cache"))) return KW_OK;
    KW_TRY(kw_fact_word(r, kw_json_get(n, "cache"), &src, kw_batch_cache_name + 1, &word)); /* unknown: leave it out */
    b->cache = (enum kw_batch_cache)(word + 1);
    return KW_OK;
}

static enum kw_status read_token_prices(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                                        const char *under, struct kw_token_prices *p)
{
    const struct {
        const char *key;
        struct kw_price *price;
    } prices[] = { { "in_mtok", &p->in_mtok },
                   { "cached_in_mtok", &p->cached_in_mtok },
                   { "cache_write_mtok", &p->cache_write_mtok },
                   { "out_mtok", &p->out_mtok } };
    for (size_t i = 0; i < sizeof prices / sizeof *prices; i++) {
        char path[88];
        snprintf(path, sizeof path, "%.64s.%s", under, prices[i].key);
        KW_TRY(kw_fact_price(r, kw_json_get(n, prices[i].key), src, path, "Mtok", false, prices[i].price));
    }
    return KW_OK;
}

/* A service tier that has its own prices: {"src": ..., "in_mtok": ..., "out_mtok": ...}, of an offer or of its long
 * prompts. */
static enum kw_status read_service_tier(struct kw_fact_reader *r, struct kw_jnode of,
                                        const struct kw_fact_source *of_src, const char *under, const char *tier,
                                        struct kw_token_prices *p)
{
    static const char *const keys[] = { "src", "in_mtok", "cached_in_mtok", "cache_write_mtok", "out_mtok", NULL };
    struct kw_jnode n = kw_json_get(of, tier);
    struct kw_fact_source src;
    char path[88];
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    if (!src.known) src = *of_src;
    snprintf(path, sizeof path, "%.64s.%s", under, tier);
    KW_TRY(read_token_prices(r, n, &src, path, p));
    if (!p->in_mtok.known || !p->out_mtok.known)
        return kw_json_fail(n, KW_EPARSE, r->err, "want the prices of input and output tokens: in_mtok and out_mtok");
    return KW_OK;
}

/* What requests with long prompts cost: {"tokens": 200000, "src": ..., "in_mtok": ..., "out_mtok": ...}. Of a service tier
 * that is not on offer nothing long is sold either. */
static enum kw_status read_above(struct kw_fact_reader *r, struct kw_jnode offer, const struct kw_fact_source *of_offer,
                                 const char *under, struct kw_api_offer *o)
{
    static const char *const keys[] = { "src",  "tokens",   "in_mtok", "cached_in_mtok", "cache_write_mtok", "out_mtok",
                                        "flex", "priority", NULL };
    const struct {
        const char *key;
        const struct kw_token_prices *tier;
        struct kw_token_prices *above;
    } tiers[] = { { "flex", &o->flex, &o->above.flex }, { "priority", &o->priority, &o->above.priority } };
    struct kw_jnode n = kw_json_get(offer, "above");
    struct kw_fact_source src;
    struct kw_fact_found f;
    char path[88];
    int64_t tokens;
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    if (!src.known) src = *of_offer;
    KW_TRY(kw_fact_open(r, kw_json_get(n, "tokens"), &src, &f));
    KW_TRY(kw_json_i64(f.value, 1, 100000000, &tokens, r->err));
    o->above.tokens = (uint32_t)tokens;
    snprintf(path, sizeof path, "%.60s.above.tokens", under);
    KW_TRY(kw_fact_keep(r, &f, path, "prompts of more than %" PRId64 " tokens", tokens));
    snprintf(path, sizeof path, "%.60s.above", under);
    KW_TRY(read_token_prices(r, n, &src, path, &o->above.price));
    if (!o->above.price.in_mtok.known || !o->above.price.out_mtok.known)
        return kw_json_fail(n, KW_EPARSE, r->err, "want the prices of input and output tokens: in_mtok and out_mtok");
    for (int i = 0; i < 2; i++) {
        struct kw_jnode at = kw_json_get(n, tiers[i].key);
        if (kw_json_present(at) && !tiers[i].tier->in_mtok.known)
            return kw_json_fail(at, KW_ERANGE, r->err, "the offer has no service tier '%s'", tiers[i].key);
        KW_TRY(read_service_tier(r, n, &src, path, tiers[i].key, tiers[i].above));
    }
    return KW_OK;
}

static enum kw_status read_api(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_rate_limits *tier,
                               struct kw_api_offer *o)
{
    static const char *const keys[] = { "model",
                                        "sku",
                                        "src",
                                        "params_b",
                                        "max_model_len",
                                        "in_mtok",
                                        "cached_in_mtok",
                                        "cache_write_mtok",
                                        "cache_min_tokens",
                                        "out_mtok",
                                        "above",
                                        "batch",
                                        "flex",
                                        "priority",
                                        "ttft_s",
                                        "ttft_known_to",
                                        "ttft_per_ktok_s",
                                        "output_rate",
                                        "output_rate_known_to",
                                        "output_burndown",
                                        "latency_of",
                                        "provisioned",
                                        "available_from",
                                        "ends",
                                        "status",
                                        "seen",
                                        NULL };
    static const struct {
        const char *key, *unit;
        size_t offset;
    } laws[] = {
        { "ttft_s", "s", offsetof(struct kw_api_offer, ttft_s) },
        { "ttft_per_ktok_s", "s", offsetof(struct kw_api_offer, ttft_per_ktok_s) },
        { "output_rate", "tok/s", offsetof(struct kw_api_offer, output_rate) },
    };
    struct kw_fact_source src;
    struct kw_fact_found f;
    char path[88];
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    KW_TRY(kw_fact_text(r, kw_json_get(n, "model"), true, o->model, sizeof o->model));
    KW_TRY(kw_fact_text(r, kw_json_get(n, "sku"), true, o->sku, sizeof o->sku));
    if (tier) o->limits = *tier;
    o->batch_ppm = 1000000;
    int64_t v;
    KW_TRY(kw_fact_open(r, kw_json_get(n, "params_b"), &src, &f));
    if (f.present) {
        KW_TRY(kw_json_i64(f.value, 0, 100000, &v, r->err));
        snprintf(path, sizeof path, "apis[%s].params_b", o->model);
        KW_TRY(kw_fact_keep(r, &f, path, "%" PRId64 "e9 parameters", v));
    }
    snprintf(path, sizeof path, "apis[%s]", o->model);
    KW_TRY(read_token_prices(r, n, &src, path, &o->price));
    KW_TRY(read_service_tier(r, n, &src, path, "flex", &o->flex));
    KW_TRY(read_service_tier(r, n, &src, path, "priority", &o->priority));
    KW_TRY(read_above(r, n, &src, path, o));
    KW_TRY(kw_fact_open(r, kw_json_get(n, "max_model_len"), &src, &f));
    if (f.present) {
        KW_TRY(kw_json_i64(f.value, 1, UINT32_MAX, &v, r->err));
        o->max_model_len = (uint32_t)v;
        snprintf(path, sizeof path, "apis[%s].max_model_len", o->model);
        KW_TRY(kw_fact_keep(r, &f, path, "%" PRId64 " tokens", v));
    }
    KW_TRY(kw_fact_open(r, kw_json_get(n, "ttft_known_to"), &src, &f));
    if (f.present) {
        KW_TRY(kw_json_i64(f.value, 1, 10000000, &v, r->err));
        o->ttft_known_to = (uint32_t)v;
        snprintf(path, sizeof path, "apis[%s].ttft_known_to", o->model);
        KW_TRY(kw_fact_keep(r, &f, path, "%" PRId64 " prompt tokens", v));
    }
    KW_TRY(kw_fact_open(r, kw_json_get(n, "output_rate_known_to"), &src, &f));
    if (f.present) {
        KW_TRY(kw_json_i64(f.value, 1, 10000000, &v, r->err));
        o->rate_known_to = (uint32_t)v;
        snprintf(path, sizeof path, "apis[%s].output_rate_known_to", o->model);
        KW_TRY(kw_fact_keep(r, &f, path, "%" PRId64 " tokens of prompt and output", v));
    }
    o->provisioned = r->p.provisioned;
    KW_TRY(kw_provisioned_read_offer(r, kw_json_get(n, "provisioned"), &src, o->model, &o->provisioned));
    o->cache = r->p.cache;
    KW_TRY(kw_fact_open(r, kw_json_get(n, "cache_min_tokens"), &src, &f));
    if (f.present) {
        KW_TRY(kw_json_i64(f.value, 1, 10000000, &v, r->err));
        o->cache.min_tokens = (uint32_t)v;
        snprintf(path, sizeof path, "apis[%s].cache_min_tokens", o->model);
        KW_TRY(kw_fact_keep(r, &f, path, "%" PRId64 " tokens", v));
    }
    KW_TRY(kw_fact_open(r, kw_json_get(n, "batch"), &src, &f));
    if (f.present) {
        KW_TRY(kw_json_nano(f.value, 0, KW_NANO, &v, r->err));
        o->batch_ppm = v / 1000;
        snprintf(path, sizeof path, "apis[%s].batch", o->model);
        KW_TRY(kw_fact_keep(r, &f, path, "x %g", (double)o->batch_ppm / 1e6));
    }
    KW_TRY(kw_fact_open(r, kw_json_get(n, "output_burndown"), &src, &f));
    if (f.present) {
        KW_TRY(kw_json_f64(f.value, 0, 1000, &o->limits.output_burndown, r->err));
        snprintf(path, sizeof path, "apis[%s].output_burndown", o->model);
        KW_TRY(kw_fact_keep(r, &f, path, "x %g", o->limits.output_burndown));
    }
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++) {
        snprintf(path, sizeof path, "apis[%s].%s", o->model, laws[i].key);
        KW_TRY(kw_fact_law(r, kw_json_get(n, laws[i].key), &src, path, laws[i].unit,
                           (struct kw_law *)((char *)o + laws[i].offset)));
    }
    KW_TRY(kw_fact_open(r, kw_json_get(n, "latency_of"), &src, &f));
    if (f.present) {
        KW_TRY(kw_fact_text(r, f.value, true, o->latency_of, sizeof o->latency_of));
        snprintf(path, sizeof path, "apis[%s].latency_of", o->model);
        KW_TRY(kw_fact_keep(r, &f, path, "%s", o->latency_of));
    }
    snprintf(path, sizeof path, "apis[%s]", o->model);
    KW_TRY(read_sale(r, n, &src, path, &o->sale));
    const struct kw_price *const quoted[] = { &o->price.in_mtok, &o->price.out_mtok };
    last_seen(&o->sale, quoted, 2);
    return KW_OK;
}

static enum kw_status read_apis(struct kw_fact_reader *r, struct kw_jnode root)
{
    struct kw_platform *p = &r->p;
    struct kw_jnode arr = kw_json_get(root, "apis");
    const struct kw_rate_limits *tier;
    KW_TRY(read_tiers(r, root, &tier));
    if (!kw_json_present(arr)) return KW_OK;
    if (!kw_json_is_array(arr)) return kw_json_fail(arr, KW_EPARSE, r->err, "want an array of model offers");
    size_t n = (size_t)kw_json_len(arr);
    if (!(p->apis = calloc(n + 1, sizeof *p->apis))) return kw_fact_no_memory(r);
    for (size_t i = 0; i < n; i++) {
        struct kw_jnode at = kw_json_at(arr, (int)i);
        KW_TRY(read_api(r, at, tier, &p->apis[i]));
        for (size_t k = 0; k < i; k++)
            if (!strcmp(p->apis[k].model, p->apis[i].model))
                return kw_json_fail(at, KW_ERANGE, r->err, "model '%s' is stated twice (first as apis[%zu])",
                                    p->apis[i].model, k);
        p->n_apis = i + 1;
    }
    return KW_OK;
}

static enum kw_status read_words(struct kw_fact_reader *r, struct kw_jnode n)
{
    static const char *const keys[] = { "keep_warm", "max_replicas", "idle_timeout", "buffer", "target", NULL };
    struct kw_platform *p = &r->p;
    char *const out[] = { p->word_keep_warm, p->word_max_replicas, p->word_idle_timeout, p->word_buffer,
                          p->word_target };
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    for (int i = 0; keys[i]; i++)
        KW_TRY(kw_fact_text(r, kw_json_get(n, keys[i]), false, out[i], sizeof p->word_target));
    return KW_OK;
}

/* "not_known": {"iso27001": "why"}: looked for, and no source says. */
static enum kw_status read_not_known(struct kw_fact_reader *r, struct kw_jnode n)
{
    const char *keys[KW_ATTRIBUTES_OF_FILE + 1] = { NULL };
    if (!kw_json_present(n)) return KW_OK;
    memcpy(keys, kw_attribute_name, KW_ATTRIBUTES_OF_FILE * sizeof *keys);
    KW_TRY(kw_json_keys(n, keys, r->err));
    for (int a = 0; a < KW_ATTRIBUTES_OF_FILE; a++) {
        struct kw_attribute_fact *f = &r->p.attribute[a];
        struct kw_jnode why = kw_json_get(n, kw_attribute_name[a]);
        if (!kw_json_present(why)) continue;
        if (f->answer != KW_ANSWER_UNKNOWN)
            return kw_json_fail(why, KW_ERANGE, r->err, "attributes.%s says %s", kw_attribute_name[a],
                                kw_answer_name[f->answer]);
        KW_TRY(kw_fact_text(r, why, true, f->note, sizeof f->note));
    }
    return KW_OK;
}

static enum kw_status read_attributes(struct kw_fact_reader *r, struct kw_jnode n)
{
    const char *keys[KW_ATTRIBUTES_OF_FILE + 3] = { "src", "not_known" };
    struct kw_fact_source src;
    if (!kw_json_present(n)) return KW_OK;
    memcpy(keys + 2, kw_attribute_name, KW_ATTRIBUTES_OF_FILE * sizeof *keys);
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    for (int a = 0; a < KW_ATTRIBUTES_OF_FILE; a++) {
        struct kw_attribute_fact *to = &r->p.attribute[a];
        struct kw_fact_found f;
        bool yes;
        KW_TRY(kw_fact_open(r, kw_json_get(n, kw_attribute_name[a]), &src, &f));
        if (!f.present) continue;
        if (!kw_json_present(f.value)) return kw_json_fail(f.at, KW_EPARSE, r->err, "missing key 'value'");
        KW_TRY(kw_json_bool_or(f.value, false, &yes, r->err));
        if (f.provenance.grade == KW_GRADE_UNKNOWN)
            return kw_json_fail(f.at, KW_ERANGE, r->err, "what is not known goes into attributes.not_known");
        to->answer = yes ? KW_ANSWER_YES : KW_ANSWER_NO;
        to->provenance = f.provenance;
        snprintf(to->note, sizeof to->note, "%s", f.note);
        KW_TRY(kw_fact_keep(r, &f, NULL, "%s", kw_answer_name[to->answer]));
    }
    return read_not_known(r, kw_json_get(n, "not_known"));
}

static enum kw_status read_not_found(struct kw_fact_reader *r, struct kw_jnode arr)
{
    struct kw_platform *p = &r->p;
    if (!kw_json_present(arr)) return KW_OK;
    if (!kw_json_is_array(arr)) return kw_json_fail(arr, KW_EPARSE, r->err, "want an array of sentences");
    size_t n = (size_t)kw_json_len(arr);
    if (!(p->not_found = calloc(n + 1, sizeof *p->not_found))) return kw_fact_no_memory(r);
    for (size_t i = 0; i < n; i++) {
        char line[200];
        KW_TRY(kw_fact_text(r, kw_json_at(arr, (int)i), true, line, sizeof line));
        if (!(p->not_found[i] = malloc(strlen(line) + 1))) return kw_fact_no_memory(r);
        memcpy(p->not_found[i], line, strlen(line) + 1);
        p->n_not_found = i + 1;
    }
    return KW_OK;
}

/* ---- what follows from the facts */

static void say_why_not(struct kw_platform *p, const char *why, const char *mend)
{
    p->can_plan = false;
    snprintf(p->why_not, sizeof p->why_not, "%s", why);
    snprintf(p->mend, sizeof p->mend, "%s", mend);
}

static enum kw_status read_lora(struct kw_fact_reader *r, struct kw_jnode n)
{
    static const char *const keys[] = { "src", "served", "price", "max_adapters", NULL };
    static const char *const served[] = { "no", "own_replica", "base_replica", NULL };
    static const char *const prices[] = { "base", "own", NULL };
    static const struct kw_fact_row rows[] = {
        { "max_adapters", KW_FACT_U32, offsetof(struct kw_lora_rule, most), 1, 1000000 },
    };
    struct kw_lora_rule *l = &r->p.lora;
    struct kw_attribute_fact *answer = &r->p.attribute[KW_ATTRIBUTE_LORA];
    struct kw_fact_source src;
    int word;
    snprintf(answer->note, sizeof answer->note, "its file does not say how adapters are served");
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    KW_TRY(kw_fact_word(r, kw_json_get(n, "served"), &src, served, &word));
    l->served = (enum kw_lora_served)(KW_LORA_NOT_SERVED + word);
    const struct kw_fact *said = &r->p.facts[r->p.n_facts - 1];
    answer->answer = l->served == KW_LORA_NOT_SERVED ? KW_ANSWER_NO : KW_ANSWER_YES;
    answer->provenance = said->provenance;
    memcpy(answer->note, said->note, sizeof answer->note);
    if (l->served != KW_LORA_BASE_REPLICA)
        for (int i = 2; keys[i]; i++)
            if (kw_json_present(kw_json_get(n, keys[i])))
                return kw_json_fail(kw_json_get(n, keys[i]), KW_ERANGE, r->err,
                                    "is of adapters that share the replicas of their base; served is '%s'",
                                    served[word]);
    if (kw_json_present(kw_json_get(n, "price"))) {
        if (r->p.kind != KW_KIND_API)
            return kw_json_fail(kw_json_get(n, "price"), KW_ERANGE, r->err, "replicas are billed as replicas");
        KW_TRY(kw_fact_word(r, kw_json_get(n, "price"), &src, prices, &word));
        l->price = (enum kw_lora_price)(KW_LORA_PRICE_BASE + word);
    }
    return kw_fact_rows(r, n, &src, rows, 1, l);
}

/* Of serverless platforms: what a program calls to keep another number warm. */
static enum kw_status read_scheduled(struct kw_fact_reader *r, struct kw_jnode n)
{
    static const char *const keys[] = { "src", "own", "call", NULL };
    static const char *const own[] = { "no", "yes", NULL };
    struct kw_scheduled *s = &r->p.scheduled;
    struct kw_fact_source src;
    struct kw_fact_found call;
    const char *text;
    int word;
    if (!kw_json_present(n)) return KW_OK;
    if (r->p.kind != KW_KIND_SERVERLESS)
        return kw_json_fail(n, KW_EPARSE, r->err, "a platform of kind '%s' has none", kw_kind_name[r->p.kind]);
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    if (kw_json_present(kw_json_get(n, "own"))) {
        KW_TRY(kw_fact_word(r, kw_json_get(n, "own"), &src, own, &word));
        s->own = (enum kw_scheduled_own)(KW_SCHEDULED_NO + word);
    }
    if (!kw_json_present(kw_json_get(n, "call")))
        return kw_json_fail(n, KW_EPARSE, r->err, "want a \"call\" that sets the number");
    KW_TRY(kw_fact_open(r, kw_json_get(n, "call"), &src, &call));
    KW_TRY(kw_json_str(call.value, &text, r->err));
    if (strlen(text) >= sizeof s->call || !strstr(text, "{n}"))
        return kw_json_fail(call.value, KW_ERANGE, r->err, "want a call with {n} in it, of less than %zu bytes",
                            sizeof s->call);
    snprintf(s->call, sizeof s->call, "%s", text);
    s->provenance = call.provenance;
    return kw_fact_keep(r, &call, NULL, "%.24s...", text);
}

static void judge(struct kw_platform *p, bool has_scaling, bool has_meter)
{
    bool priced = false, timed = false;
    for (size_t i = 0; i < p->n_facts; i++) {
        const struct kw_provenance *v = &p->facts[i].provenance;
        bool beside = !strncmp(p->facts[i].path, "attributes.", 11) || !strncmp(p->facts[i].path, "lora.", 5) ||
                      !strncmp(p->facts[i].path, "scheduled.", 10) || !strncmp(p->facts[i].path, "public_models.", 14);
        if (beside) continue; /* no bill or latency of what a customer has alone rests on it */
        if (v->grade != KW_GRADE_UNKNOWN) p->weakest = kw_grade_weaker(p->weakest, v->grade);
        bool ours = v->grade == KW_GRADE_USER || v->grade == KW_GRADE_UNKNOWN; /* a choice or assumption has no age */
        bool dated = !ours && v->date[0] >= '0' && v->date[0] <= '9';
        if (dated && (!p->oldest[0] || strcmp(v->date, p->oldest) < 0)) memcpy(p->oldest, v->date, sizeof p->oldest);
    }
    for (size_t i = 0; i < p->n_gpus; i++) {
        priced |= p->gpus[i].gpu_hour.known || p->gpus[i].gpu_month.known;
        for (int k = 0; k < KW_GPU_TERMS; k++) priced |= p->gpus[i].committed[k].hour.known;
    }
    for (size_t i = 0; i < p->n_apis; i++) {
        const struct kw_api_offer *o = &p->apis[i];
        priced |= o->price.in_mtok.known && o->price.out_mtok.known;
        timed |= o->price.in_mtok.known && o->price.out_mtok.known && o->ttft_s.kind != KW_LAW_NONE &&
                 o->output_rate.kind != KW_LAW_NONE;
    }
    p->can_plan = false;
    if (!priced)
        say_why_not(p, "no price was found",
                    p->kind == KW_KIND_API ? "apis[].in_mtok, apis[].out_mtok" : "gpus[].hour");
    else if (p->kind == KW_KIND_API && !timed) {
        say_why_not(p, "latency was not found: ranked by cost alone", "deployments[].ttft, deployments[].output_rate");
        p->user_mends = true;
    } else if (p->kind != KW_KIND_API && !has_meter)
        say_why_not(p, "what its meter counts was not found", "meter");
    else if (p->kind != KW_KIND_API && !has_scaling)
        say_why_not(p, "how it scales was not found", "scaling");
    else if (p->why_not[0]) /* the file itself says so */
        p->user_mends = true;
    else
        p->can_plan = true;
}

static enum kw_status read_root(struct kw_fact_reader *r, struct kw_jnode root)
{
    static const char *const keys[] = { "keepwarm_platform",
                                        "name",
                                        "title",
                                        "kind",
                                        "url",
                                        "sources",
                                        "gpus",
                                        "spot",
                                        "host",
                                        "egress",
                                        "tier",
                                        "tiers",
                                        "cache",
                                        "batch",
                                        "provisioned",
                                        "apis",
                                        "regions",
                                        "meter",
                                        "public_models",
                                        "scaling",
                                        "cold",
                                        "retry",
                                        "words",
                                        "attributes",
                                        "lora",
                                        "scheduled",
                                        "cannot_plan",
                                        "mend",
                                        "not_found",
                                        "notes",
                                        NULL };
    struct kw_platform *p = &r->p;
    int64_t version;
    int kind;
    KW_TRY(kw_json_keys(root, keys, r->err));
    KW_TRY(kw_json_i64(kw_json_get(root, "keepwarm_platform"), 1, 1, &version, r->err));
    KW_TRY(kw_fact_text(r, kw_json_get(root, "name"), true, p->name, sizeof p->name));
    KW_TRY(kw_fact_text(r, kw_json_get(root, "title"), true, p->title, sizeof p->title));
    KW_TRY(kw_json_enum(kw_json_get(root, "kind"), kw_kind_name, &kind, r->err));
    p->kind = (enum kw_kind)kind;
    KW_TRY(kw_fact_text(r, kw_json_get(root, "url"), false, p->url, sizeof p->url));
    KW_TRY(kw_fact_sources(r, kw_json_get(root, "sources")));
    static const char *const gpu_only[] = { "gpus", "host", "cold", "spot", "egress", NULL }, *const api_only[] = {
        "apis", "tiers", "tier", "cache", "batch", "provisioned"
    };
    for (int i = 0; i < 6; i++) {
        const char *key = p->kind == KW_KIND_API ? gpu_only[i] : api_only[i];
        if (!key) break;
        struct kw_jnode n = kw_json_get(root, key);
        if (kw_json_present(n))
            return kw_json_fail(n, KW_EPARSE, r->err, "a platform of kind '%s' has none", kw_kind_name[p->kind]);
    }
    KW_TRY(kw_fact_spot(r, kw_json_get(root, "spot"), "", &p->spot));
    KW_TRY(read_gpus(r, kw_json_get(root, "gpus")));
    KW_TRY(read_host(r, kw_json_get(root, "host")));
    KW_TRY(read_egress(r, kw_json_get(root, "egress")));
    KW_TRY(read_cache(r, kw_json_get(root, "cache")));
    KW_TRY(read_batch(r, kw_json_get(root, "batch")));
    KW_TRY(kw_provisioned_read(r, kw_json_get(root, "provisioned"), &r->p.provisioned));
    KW_TRY(read_apis(r, root));
    KW_TRY(kw_fact_regions(r, kw_json_get(root, "regions")));
    KW_TRY(read_meter(r, kw_json_get(root, "meter")));
    KW_TRY(read_scaling(r, kw_json_get(root, "scaling")));
    KW_TRY(read_public_models(r, kw_json_get(root, "public_models")));
    KW_TRY(read_cold(r, kw_json_get(root, "cold")));
    KW_TRY(read_retry(r, kw_json_get(root, "retry")));
    KW_TRY(read_words(r, kw_json_get(root, "words")));
    KW_TRY(read_attributes(r, kw_json_get(root, "attributes")));
    KW_TRY(read_lora(r, kw_json_get(root, "lora")));
    KW_TRY(read_scheduled(r, kw_json_get(root, "scheduled")));
    KW_TRY(kw_fact_text(r, kw_json_get(root, "cannot_plan"), false, p->why_not, sizeof p->why_not));
    KW_TRY(kw_fact_text(r, kw_json_get(root, "mend"), p->why_not[0] != 0, p->mend, sizeof p->mend));
    if (p->mend[0] && !p->why_not[0])
        return kw_json_fail(kw_json_get(root, "mend"), KW_ERANGE, r->err, "mends what? there is no cannot_plan");
    KW_TRY(read_not_found(r, kw_json_get(root, "not_found")));
    KW_TRY(kw_fact_text(r, kw_json_get(root, "notes"), false, p->notes, sizeof p->notes));
    judge(p, kw_json_present(kw_json_get(root, "scaling")), kw_json_present(kw_json_get(root, "meter")));
    return KW_OK;
}

static enum kw_status read_document(struct kw_platform *p, const struct kw_json *doc, struct kw_error *err)
{
    struct kw_fact_reader r = { .err = err };
    enum kw_status st = read_root(&r, kw_json_root(doc));
    free(r.ids);
    free(r.sources);
    if (st == KW_OK)
        *p = r.p;
    else
        kw_platform_free(&r.p);
    return st;
}

enum kw_status kw_platform_parse(struct kw_platform *p, const char *name, const char *text, size_t len,
                                 struct kw_error *err)
{
    struct kw_json doc;
    KW_TRY(kw_json_parse(&doc, name, text, len, err));
    enum kw_status st = read_document(p, &doc, err);
    kw_json_free(&doc);
    return st;
}

enum kw_status kw_platform_load(struct kw_platform *p, const char *path, struct kw_error *err)
{
    struct kw_json doc;
    KW_TRY(kw_json_load(&doc, path, err));
    enum kw_status st = read_document(p, &doc, err);
    kw_json_free(&doc);
    return st;
}
