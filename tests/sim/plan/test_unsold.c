/* Nothing that cannot be bought on the day of a plan is among its candidates: every model and every offer of every file,
 * on several days. */
#include <stdio.h>
#include <stdlib.h>
#include "platforms/facts/platforms.h"
#include "sim/core/date.h"
#include "sim/io/scenario/catalogue.h"
#include "sim/plan/plan_internal.h"
#include "tests/check.h"

static struct kw_trace trace;

static void make_trace(void)
{
    enum { N = 240 };
    trace = (struct kw_trace){ .n = N, .span = 600 * KW_NS_PER_S };
    trace.arrival = malloc(N * sizeof *trace.arrival);
    trace.prompt = malloc(N * sizeof *trace.prompt);
    trace.output = malloc(N * sizeof *trace.output);
    for (int i = 0; i < N; i++) {
        trace.arrival[i] = i * KW_NS_PER_S;
        trace.prompt[i] = 300;
        trace.output[i] = 100;
    }
}

/* What a plan for the model may choose on that day. KW_ERANGE: nothing. */
static enum kw_status choices(struct kw_plan *p, struct kw_catalogue *c, const char *model, struct kw_plan_options *o)
{
    struct kw_error err;
    kw_plan_init(p);
    return kw_plan_enumerate(p, &c->platforms, &c->profiles, &c->steptimes, &trace, model, o, &err);
}

static bool chosen(const struct kw_plan *p, const struct kw_sale *s)
{
    for (size_t i = 0; i < p->n; i++)
        for (uint32_t d = 0; d < p->candidates[i].n; d++)
            if (kw_choice_sale(&p->candidates[i].choice[d]) == s) return true;
    return false;
}

/* "ended 2026-08-16 ...", of an offer that begins with its platform's name. */
static bool told(const struct kw_plan *p, const char *platform, const char *offer, const char *ends)
{
    char what[96], why[32];
    snprintf(what, sizeof what, "%s %s", platform, offer);
    snprintf(why, sizeof why, "ended %s", ends);
    for (size_t i = 0; i < p->n_dropped; i++)
        if (p->dropped[i].unsold && !strcmp(p->dropped[i].what, what) && strstr(p->dropped[i].why, why)) return true;
    return false;
}

static void judge_a_day(const char *day, size_t *n_ended)
{
    static const char *const served[] = { "llama-3.1-8b", "llama-3.1-70b" };
    struct kw_catalogue c;
    struct kw_error err = { "" };
    struct kw_plan_options o;
    kw_plan_options_default(&o);
    o.monthly = o.spot = o.allow_unknown = true;
    CHECK(kw_catalogue_load(&c, day, &err) == KW_OK);
    for (size_t i = 0; i < c.platforms.n; i++) {
        const struct kw_platform *q = &c.platforms.p[i];
        for (size_t k = 0; k < q->n_apis; k++) {
            const struct kw_api_offer *a = &q->apis[k];
            struct kw_plan p;
            enum kw_status st = choices(&p, &c, a->model, &o);
            CHECK(st == KW_OK || st == KW_ERANGE);
            *n_ended += a->sale.ended;
            if (!kw_sale_open(&a->sale)) CHECK(!chosen(&p, &a->sale));
            if (a->sale.ended) CHECK(told(&p, q->name, a->model, a->sale.ends));
            if (kw_sale_open(&a->sale)) CHECK(chosen(&p, &a->sale));
            kw_plan_free(&p);
        }
    }
    for (size_t m = 0; m < sizeof served / sizeof *served; m++) {
        struct kw_plan p;
        CHECK(choices(&p, &c, served[m], &o) == KW_OK);
        for (size_t i = 0; i < p.n; i++)
            for (uint32_t d = 0; d < p.candidates[i].n; d++)
                CHECK(kw_sale_open(kw_choice_sale(&p.candidates[i].choice[d])));
        for (size_t i = 0; i < c.platforms.n; i++)
            for (size_t g = 0; g < c.platforms.p[i].n_gpus; g++) {
                const struct kw_gpu_offer *offer = &c.platforms.p[i].gpus[g];
                if (offer->sale.ended && (c.platforms.p[i].can_plan || c.platforms.p[i].user_mends))
                    CHECK(told(&p, c.platforms.p[i].name, offer->sku, offer->sale.ends));
                *n_ended += offer->sale.ended && m == 0;
            }
        kw_plan_free(&p);
    }
    kw_catalogue_free(&c);
}

static void no_ended_offer_on_the_day_of_the_files(void)
{
    size_t ended = 0;
    judge_a_day("2026-11-29", &ended);
    CHECK(ended >= 15);
}

static void more_have_ended_when_the_day_moves_on(void)
{
    size_t now = 0, later = 0, before = 0;
    judge_a_day("2026-11-29", &now);
    judge_a_day("2027-02-01", &later); /* past gpt-4o, gpt-5 and Gemini 2.5 */
    judge_a_day("2025-01-01", &before);
    CHECK(later >= now + 9);
    CHECK(before == 0);
}

/* Of each offer with an end: a candidate on the day before, none on the day itself. */
static void an_offer_is_chosen_up_to_the_day_before_it_ends(void)
{
    struct kw_catalogue c;
    struct kw_error err = { "" };
    struct kw_plan_options o;
    kw_plan_options_default(&o);
    CHECK(kw_catalogue_load(&c, "2026-11-29", &err) == KW_OK);
    size_t seen = 0;
    for (size_t i = 0; i < c.platforms.n; i++) {
        struct kw_platform *q = &c.platforms.p[i];
        for (size_t k = 0; k < q->n_apis; k++) {
            struct kw_sale *s = &q->apis[k].sale;
            if (!s->ends[0] || strlen(s->ends) < 10 || !strcmp(s->ends + 8, "01")) continue;
            char eve[11];
            memcpy(eve, s->ends, sizeof eve);
            int day = atoi(eve + 8) - 1;
            eve[8] = (char)('0' + day / 10);
            eve[9] = (char)('0' + day % 10);
            for (int after = 0; after < 2; after++) {
                struct kw_plan p;
                kw_platform_as_of(q, after ? s->ends : eve);
                (void)choices(&p, &c, q->apis[k].model, &o);
                CHECK(chosen(&p, s) == !after);
                CHECK(after || s->soon);
                kw_plan_free(&p);
            }
            kw_platform_as_of(q, "2026-11-29");
            seen++;
        }
    }
    CHECK(seen >= 12);
    kw_catalogue_free(&c);
}

int main(void)
{
    make_trace();
    RUN(no_ended_offer_on_the_day_of_the_files);
    RUN(more_have_ended_when_the_day_moves_on);
    RUN(an_offer_is_chosen_up_to_the_day_before_it_ends);
    kw_trace_free(&trace);
    return check_report();
}
