#include "platforms/facts/platform.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const kw_kind_name[] = { "api", "serverless", "dedicated", NULL };
const char *const kw_phase_name[] = { "provision", "pull", "load",  "init",         "restore", "active",
                                      "keep_warm", "idle", "drain", "failed_start", NULL };
const char *const kw_count_rule_name[] = {
    "actual", "reserve_max_tokens", "max_of_max_tokens_and_estimate", "estimate_then_settle", "reserve_then_refund",
    NULL
};
const uint32_t kw_gpu_term_months[KW_GPU_TERMS] = { 3, 6, 12, 36 };
const char *const kw_batch_cache_name[] = { "unknown", "multiplies", "cache_wins", NULL };
const char *const kw_scaler_name[] = { "fixed", "capacity",    "queue_delay", "request_count",
                                       "queue", "load_target", "concurrency", "kpa",
                                       "hpa",   "ray_serve",   "skyserve",    "dynamo",
                                       "setup", NULL };
static_assert(sizeof kw_scaler_name / sizeof *kw_scaler_name == KW_SCALER_SETUP + 2, "a name for each");
const char *const kw_trigger_metric_name[] = { "num_requests_waiting", "num_requests_running", "num_requests", NULL };
const char *const kw_select_policy_name[] = { "Max", "Min", "Disabled", NULL };
const char *const kw_balance_name[] = {
    "round_robin", "least_outstanding", "power_of_two", "prefix", "pack", "random", "adapter", NULL
};
static_assert(sizeof kw_balance_name / sizeof *kw_balance_name == KW_BALANCES + 1, "a name for each");
const char *kw_lora_refusal(const struct kw_lora_rule *r, enum kw_kind kind, uint32_t n, char *buf, size_t size)
{
    if (r->served == KW_LORA_SERVED_UNKNOWN)
        snprintf(buf, size, "whether it serves LoRA adapters is not known");
    else if (r->served == KW_LORA_NOT_SERVED)
        snprintf(buf, size, "it does not serve LoRA adapters");
    else if (r->served == KW_LORA_OWN_REPLICA)
        snprintf(buf, size, "it serves each fine-tune in a pool of its own");
    else if (kind == KW_KIND_API && r->price != KW_LORA_PRICE_BASE)
        snprintf(buf, size, "what it takes for LoRA adapters %s",
                 r->price == KW_LORA_PRICE_OWN ? "is not the base's price, and was not found" : "was not found");
    else if (r->most && n > r->most)
        snprintf(buf, size, "it serves %u LoRA adapters on a deployment, and there are %u", r->most, n);
    else
        return NULL;
    return buf;
}
const char *const kw_delay_from_name[] = { "last_start", "arrival", NULL };
const char *const kw_idle_release_name[] = { "timeout", "early", NULL };
const char *const kw_at_zero_name[] = { "queue", "reject_and_start", "stopped", NULL };

void kw_platform_free(struct kw_platform *p)
{
    for (size_t i = 0; i < p->n_not_found; i++) free(p->not_found[i]);
    free(p->not_found);
    free(p->facts);
    free(p->gpus);
    free(p->apis);
    free(p->tiers);
    for (struct kw_brackets *b = p->brackets, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    for (size_t i = 0; i < p->n_regions; i++) {
        free(p->regions[i].gpus);
        free(p->regions[i].apis);
    }
    free(p->regions);
    *p = (struct kw_platform){ 0 };
}

/* ---- what a platform offers */

uint32_t kw_gpu_offer_step(const struct kw_gpu_offer *o, uint32_t tp)
{
    if (tp == 0 || tp > o->gpus_max) return 0;
    if (tp % o->gpus_min == 0) return 1;
    return o->gpus_min % tp == 0 ? o->gpus_min / tp : 0;
}

uint32_t kw_platform_step(const struct kw_platform *p, const struct kw_gpu_offer *o, uint32_t tp)
{
    uint32_t step = kw_gpu_offer_step(o, tp);
    return step > 1 && p->kind != KW_KIND_DEDICATED ? 0 : step;
}

/* Is a the better of two offers for the same GPU? What is sold before what is not, known prices before unknown, then
 * the lower. */
static bool better(const struct kw_gpu_offer *a, const struct kw_gpu_offer *b)
{
    if (kw_sale_open(&a->sale) != kw_sale_open(&b->sale)) return kw_sale_open(&a->sale);
    if (a->gpu_hour.known != b->gpu_hour.known) return a->gpu_hour.known;
    return a->gpu_hour.known && a->gpu_hour.v < b->gpu_hour.v;
}

const struct kw_gpu_offer *kw_platform_gpu(const struct kw_platform *p, const char *gpu, uint32_t tp)
{
    const struct kw_gpu_offer *best = NULL;
    uint32_t best_step = 0;
    for (size_t i = 0; i < p->n_gpus; i++) {
        const struct kw_gpu_offer *o = &p->gpus[i];
        uint32_t step = strcmp(o->gpu, gpu) ? 0 : kw_platform_step(p, o, tp);
        if (step == 0) continue;
        if (!best || step < best_step || (step == best_step && better(o, best))) best = o, best_step = step;
    }
    return best;
}

/* ---- where it offers it */

const struct kw_region_offer *kw_platform_region(const struct kw_platform *p, const char *name)
{
    for (size_t i = 0; i < p->n_regions; i++)
        if (!strcmp(p->regions[i].name, name) || !strcmp(p->regions[i].vendor, name)) return &p->regions[i];
    kw_region_set s = kw_region_find(name);
    for (size_t i = 0; i < p->n_regions && s; i++)
        if (p->regions[i].where == s) return &p->regions[i];
    return NULL;
}

const struct kw_gpu_offer *kw_region_gpu(const struct kw_platform *p, const struct kw_region_offer *r,
                                         const struct kw_gpu_offer *o)
{
    for (size_t i = 0; i < p->n_gpus; i++)
        if (!strcmp(p->gpus[i].gpu, o->gpu) && !strcmp(p->gpus[i].sku, o->sku))
            return r->gpus[i].sku[0] ? &r->gpus[i] : NULL;
    return NULL;
}

const struct kw_api_offer *kw_region_api(const struct kw_platform *p, const struct kw_region_offer *r,
                                         const struct kw_api_offer *o)
{
    for (size_t i = 0; i < p->n_apis; i++)
        if (!strcmp(p->apis[i].model, o->model)) return r->apis[i].sku[0] ? &r->apis[i] : NULL;
    return NULL;
}

/* The one of `of` that `to` is nearest to; the first of equals; 0 where none is known. */
static kw_region_set nearest(kw_region_set of, kw_region_set to)
{
    kw_region_set best = 0;
    for (int i = 0; i < KW_REGIONS_MAX; i++) {
        kw_region_set one = of & (kw_region_set)1 << i;
        kw_ns rtt = one ? kw_region_rtt(one, to) : KW_RTT_UNKNOWN;
        if (rtt != KW_RTT_UNKNOWN && (!best || rtt < kw_region_rtt(best, to))) best = one;
    }
    return best;
}

/* Where the gateway lies in the deployment's own region, its way there is no further one. */
kw_ns kw_platform_rtt(const struct kw_platform *p, kw_region_set from, kw_region_set to, kw_region_set via)
{
    if (!p->via) return kw_region_rtt(from, to);
    if (!via) via = nearest(p->via, to);
    kw_ns there = kw_region_rtt(from, via), on = via == to ? 0 : kw_region_rtt(via, to);
    return there == KW_RTT_UNKNOWN || on == KW_RTT_UNKNOWN ? KW_RTT_UNKNOWN : there + on;
}

void kw_platform_as_of(struct kw_platform *p, const char *today)
{
    for (size_t i = 0; i < p->n_gpus; i++) kw_sale_judge(&p->gpus[i].sale, today);
    for (size_t i = 0; i < p->n_apis; i++) kw_sale_judge(&p->apis[i].sale, today);
    for (size_t k = 0; k < p->n_regions; k++) {
        for (size_t i = 0; i < p->n_gpus; i++) kw_sale_judge(&p->regions[k].gpus[i].sale, today);
        for (size_t i = 0; i < p->n_apis; i++) kw_sale_judge(&p->regions[k].apis[i].sale, today);
    }
}

const struct kw_rate_limits *kw_platform_tier(const struct kw_platform *p, const char *tier)
{
    for (size_t i = 0; i < p->n_tiers; i++)
        if (!strcmp(p->tiers[i].tier, tier)) return &p->tiers[i];
    return NULL;
}

/* Days as a list of runs, "1-5" or "MON,WED"; cron counts from Sunday, 0. */
static void cron_days(uint8_t days, const char *const names[7], char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = 0;
    for (int from = 0, to; from < 7; from = to) {
        to = from + 1;
        if (!(days & 1u << from)) continue;
        while (to < 7 && days & 1u << to) to++;
        at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? "," : "", names[from]);
        if (to - from > 1)
            at += (size_t)snprintf(buf + at, size - at, "%s%s", to - from > 2 ? "-" : ",", names[to - 1]);
    }
}

char *kw_scheduled_cron(uint8_t days, uint32_t minute, char *buf, size_t size)
{
    static const char *const names[7] = { "1", "2", "3", "4", "5", "6", "7" }; /* cron takes 7 for Sunday, too */
    char list[40] = "*";
    if (days != 0x7f) cron_days(days, names, list, sizeof list);
    snprintf(buf, size, "%u %u * * %s", minute % 60, minute / 60, list);
    return buf;
}

static void aws_cron(uint8_t days, uint32_t minute, char *buf, size_t size)
{
    static const char *const names[7] = { "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN" };
    char list[40] = "*";
    if (days != 0x7f) cron_days(days, names, list, sizeof list);
    snprintf(buf, size, "cron(%u %u ? * %s *)", minute % 60, minute / 60, list);
}

char *kw_scheduled_call(const struct kw_scheduled *s, uint32_t n, uint8_t days, uint32_t minute, const char *timezone,
                        uint32_t i, char *buf, size_t size)
{
    char number[16], ordinal[16], cron[64], aws[64];
    const struct {
        const char *name, *text;
    } slot[] = { { "{n}", number },
                 { "{i}", ordinal },
                 { "{cron}", kw_scheduled_cron(days, minute, cron, sizeof cron) },
                 { "{aws_cron}", aws },
                 { "{timezone}", timezone } };
    size_t at = 0;
    snprintf(number, sizeof number, "%u", n);
    snprintf(ordinal, sizeof ordinal, "%u", i);
    aws_cron(days, minute, aws, sizeof aws);
    buf[0] = 0;
    for (const char *c = s->call; *c && at + 1 < size;) {
        size_t k = 0;
        while (k < sizeof slot / sizeof *slot && strncmp(c, slot[k].name, strlen(slot[k].name))) k++;
        if (k == sizeof slot / sizeof *slot) {
            buf[at++] = *c++;
            buf[at] = 0;
            continue;
        }
        at += (size_t)snprintf(buf + at, size - at, "%s", slot[k].text);
        c += strlen(slot[k].name);
    }
    return buf;
}
