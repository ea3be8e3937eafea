#include "sim/cli/commands/brief.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/cli/session.h"
#include "sim/fleet/pool/cold_start.h"
#include "sim/io/quantity.h"
#include "sim/io/summary.h"
#include "sim/io/text_table.h"
#include "sim/plan/brief.h"
#include "sim/plan/kinds.h"

#define MODEL "llama-3.1-70b"
#define GPU "A100-80"
enum { STARTS = 10000, A_DAY = 100 };

/* What is simulated beside the brief's figures. */
struct simulated {
    struct kw_volume_point volume[KW_BRIEF_VOLUMES], claim, step[2]; /* claim: 3.2B tokens; step: 5 % and 50 % of 2B */
    double input_share;                                              /* of the traffic's tokens */
    double cold_usd, cold_fraction; /* A_DAY requests a day to a pool that is at zero between them */
    double pinged_hour, kept_hour;  /* USD an hour of a replica kept by pings, and by keep_warm */
    double alone_usd, alone_ttft, hybrid_usd,
        hybrid_ttft; /* 50M tokens: serverless from zero, and with an API while cold */
};

static const struct kw_api_offer *api_of(const struct kw_platform *p, const char *model)
{
    for (size_t i = 0; i < p->n_apis; i++)
        if (!strcmp(p->apis[i].model, model)) return &p->apis[i];
    return NULL;
}

static enum kw_status gpu_choice(struct kw_session *s, const char *platform, const char *gpu, const char *model,
                                 uint32_t tp, uint32_t keep_warm, struct kw_choice *c, struct kw_error *err)
{
    const struct kw_platform *p = kw_platforms_find(&s->catalogue.platforms, platform);
    const struct kw_profile *prof = kw_profiles_find(&s->catalogue.profiles, gpu, model, "bf16", tp);
    const struct kw_gpu_offer *o = p ? kw_platform_gpu(p, gpu, tp) : NULL;
    const struct kw_steptime *steps;
    if (!o || !prof) return kw_fail(err, KW_ERANGE, "no %s of %s for %s", gpu, platform, model);
    enum kw_status st = kw_steptimes_get(&s->catalogue.steptimes, prof, 0, 0, &steps, err);
    if (st == KW_OK) st = kw_choice_gpu(c, p, o, prof, steps, err);
    if (st != KW_OK) return st;
    c->scaling.keep_warm = keep_warm;
    snprintf(c->name, sizeof c->name, "%s", platform);
    return KW_OK;
}

/* n requests of these tokens, one every `gap`. */
static enum kw_status every(struct kw_trace *t, size_t n, kw_ns gap, uint32_t prompt, uint32_t output,
                            struct kw_error *err)
{
    *t = (struct kw_trace){ .n = n, .span = (kw_ns)n * gap, .epoch_unix = INT64_MIN };
    t->arrival = malloc(n * sizeof *t->arrival);
    t->prompt = malloc(n * sizeof *t->prompt);
    t->output = malloc(n * sizeof *t->output);
    if (!t->arrival || !t->prompt || !t->output) {
        kw_trace_free(t);
        return kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", n);
    }
    for (size_t i = 0; i < n; i++) {
        t->arrival[i] = (kw_ns)i * gap;
        t->prompt[i] = prompt;
        t->output[i] = output;
    }
    return KW_OK;
}

/* One candidate, of one or two deployments, on a trace: the figures of a month. */
static enum kw_status once(struct kw_session *s, const struct kw_options *o, const struct kw_trace *t,
                           const struct kw_choice *c, uint32_t n, struct kw_point *p, struct kw_error *err)
{
    struct kw_candidate x;
    struct kw_study study = kw_session_study(s, o);
    struct kw_sweep_options run = { .threads = (uint32_t)o->threads };
    study.trace = t;
    study.replications = 1;
    study.series_step = 0;
    kw_candidate_init(&x);
    enum kw_status st = KW_OK;
    for (uint32_t i = 0; i < n && st == KW_OK; i++) st = kw_candidate_add(&x, &c[i], err);
    if (n > 1) x.routing.policy = KW_ROUTE_FALLBACK;
    if (st == KW_OK) st = kw_point_init(p, err);
    if (st == KW_OK && (st = kw_sweep(p, &x, 1, &study, &run, err)) != KW_OK) kw_point_free(p);
    kw_candidate_free(&x);
    return st;
}

/* A sparse pool on Replicate, whose A100s the brief prices its cold starts by; a 70B takes two of them. */
static enum kw_status cold_month(struct kw_session *s, const struct kw_options *o, struct simulated *f,
                                 struct kw_error *err)
{
    struct kw_trace t;
    struct kw_choice c;
    struct kw_point p;
    enum kw_status st = gpu_choice(s, "replicate", GPU, MODEL, 2, 0, &c, err);
    if (st == KW_OK) st = every(&t, A_DAY, 86400 * KW_NS_PER_S / A_DAY, 1000, 250, err);
    if (st != KW_OK) return st;
    if ((st = once(s, o, &t, &c, 1, &p, err)) == KW_OK) {
        f->cold_usd = p.m[KW_METRIC_COST].value;
        f->cold_fraction = p.m[KW_METRIC_COLD_FRACTION].value;
        kw_point_free(&p);
    }
    kw_trace_free(&t);
    return st;
}

/* A replica held by a ping just before each timeout, and one held by keep_warm; a request now and then. */
static enum kw_status pings(struct kw_session *s, const struct kw_options *o, struct simulated *f, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int kept = 0; kept < 2 && st == KW_OK; kept++) {
        struct kw_trace t;
        struct kw_choice c;
        struct kw_point p;
        if ((st = gpu_choice(s, "modal", GPU, MODEL, 2, (uint32_t)kept, &c, err)) != KW_OK) return st;
        kw_ns gap = c.scaling.idle_timeout - KW_NS_PER_S;
        if (!kept) c.ping = (struct kw_ping){ gap, 1, 1 };
        if ((st = every(&t, (size_t)(86400 * KW_NS_PER_S / gap) / 100, 100 * gap, 1, 1, err)) != KW_OK) return st;
        if ((st = once(s, o, &t, &c, 1, &p, err)) == KW_OK) {
            *(kept ? &f->kept_hour : &f->pinged_hour) = p.m[KW_METRIC_COST].value / KW_HOURS_PER_MONTH;
            kw_point_free(&p);
        }
        kw_trace_free(&t);
    }
    return st;
}

/* 50 million tokens a month to a pool that goes to zero, alone and with an API that answers while it is cold. */
static enum kw_status hybrid(struct kw_session *s, const struct kw_options *o, double factor, struct simulated *f,
                             struct kw_error *err)
{
    const struct kw_platform *bedrock = kw_platforms_find(&s->catalogue.platforms, "bedrock");
    const struct kw_api_offer *offer = bedrock ? api_of(bedrock, MODEL) : NULL;
    struct kw_trace t;
    struct kw_choice c[2];
    struct kw_point p;
    if (!offer) return kw_fail(err, KW_ERANGE, "bedrock sells no " MODEL);
    enum kw_status st = gpu_choice(s, "modal", GPU, MODEL, 2, 0, &c[0], err);
    if (st == KW_OK) st = kw_choice_api(&c[1], bedrock, offer, err);
    if (st != KW_OK) return st;
    c[0].scaling.max_replicas = 4;
    snprintf(c[1].name, sizeof c[1].name, "api");
    if ((st = kw_volume_scale(&t, &s->trace, factor, 1, s->scenario.seed, err)) != KW_OK) return st;
    for (uint32_t n = 1; n <= 2 && st == KW_OK; n++) {
        if ((st = once(s, o, &t, c, n, &p, err)) != KW_OK) break;
        *(n > 1 ? &f->hybrid_usd : &f->alone_usd) = p.m[KW_METRIC_COST].value;
        *(n > 1 ? &f->hybrid_ttft : &f->alone_ttft) = p.m[KW_METRIC_TTFT_P95].value;
        kw_point_free(&p);
    }
    kw_trace_free(&t);
    return st;
}

static enum kw_status volumes(struct kw_session *s, const struct kw_options *o, struct simulated *f,
                              double *tokens_month, struct kw_error *err)
{
    struct kw_plan_options options;
    struct kw_study study = kw_session_study(s, o);
    struct kw_kinds *k = NULL;
    enum kw_status st = kw_scenario_plan_options(&s->scenario, &options, err);
    if (st != KW_OK) return st;
    options.run = kw_session_sweep(s, o);
    struct kw_kinds_of of = {
        &s->catalogue.platforms, &s->catalogue.profiles, &s->catalogue.steptimes, MODEL, &study, &options
    };
    if ((st = kw_kinds_open(&k, &of, err)) != KW_OK) return st;
    *tokens_month = kw_kinds_tokens_month(k);
    for (int i = 0; i < KW_BRIEF_VOLUMES && st == KW_OK; i++)
        st = kw_kinds_plan(k, &f->volume[i], (double)kw_brief_volume[i].tokens / *tokens_month, err);
    if (st == KW_OK) st = kw_kinds_plan(k, &f->claim, 3.2e9 / *tokens_month, err);
    for (int i = 0; i < 2 && st == KW_OK; i++)
        st = kw_kinds_plan(k, &f->step[i], (i ? 1e9 : 100e6) / *tokens_month, err);
    kw_kinds_close(k);
    return st;
}

static enum kw_status simulate(struct kw_session *s, const struct kw_options *o, struct simulated *f,
                               struct kw_error *err)
{
    double in = 0, out = 0, tokens_month = 0;
    for (size_t i = 0; i < s->trace.n; i++) {
        in += s->trace.prompt[i];
        out += s->trace.output[i];
    }
    f->input_share = in / (in + out);
    enum kw_status st = volumes(s, o, f, &tokens_month, err);
    if (st == KW_OK) st = cold_month(s, o, f, err);
    if (st == KW_OK) st = pings(s, o, f, err);
    if (st == KW_OK) st = hybrid(s, o, (double)kw_brief_volume[0].tokens / tokens_month, f, err);
    return st;
}

/* ---- tables */

static const char *usd(kw_nusd v, char buf[32])
{
    return kw_quantity_cents(kw_nano_to_double(v), buf); /* to the cent: that is what is compared */
}

static const char *simulated_usd(const struct kw_kind_best *k, char buf[32])
{
    return isnan(k->cost.value) ? "-" : kw_quantity_usd(k->cost.value, buf);
}

static void say(struct kw_text *out, const char *head, const char *text)
{
    kw_summary_paragraph(head, text, out);
}

static void volume_table(const struct simulated *f, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    char a[32], b[32], text[400];
    kw_text_add(out,
                "Cost of a month by volume, in dollars: the brief's figure, then the same by its own assumptions\n");
    kw_text_table_column(&t, "tokens", "/month", true);
    kw_text_table_column(&t, "GPT-4o", "brief", true);
    kw_text_table_column(&t, "", "$2.50 $10", true);
    kw_text_table_column(&t, "by token", "brief", true);
    kw_text_table_column(&t, "", "at $0.54", true);
    kw_text_table_column(&t, "", "at $1.08", true);
    kw_text_table_column(&t, "A100", "brief", true);
    kw_text_table_column(&t, "", "$1.29 x 720 h", true);
    for (int i = 0; i < KW_BRIEF_VOLUMES; i++) {
        const struct kw_brief_volume *v = &kw_brief_volume[i];
        struct kw_brief_own own = kw_brief_own(v);
        kw_text_table_cell(&t, "%s", kw_text_si(a, (double)v->tokens));
        kw_text_table_cell(&t, "%s", kw_quantity_usd(kw_nano_to_double(v->api), a));
        kw_text_table_cell(&t, "%s", usd(own.api, a));
        kw_text_table_cell(&t, "%s", kw_quantity_usd(kw_nano_to_double(v->serverless), a));
        kw_text_table_cell(&t, "%s", usd(own.serverless, a));
        kw_text_table_cell(&t, "%s", usd(own.serverless_was, a));
        kw_text_table_cell(&t, "%s", kw_quantity_usd(kw_nano_to_double(v->dedicated), a));
        kw_text_table_cell(&t, "%s", usd(own.dedicated, a));
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    say(out, "why",
        "Its GPT-4o column holds for traffic of one part input and two parts output. Its serverless column is twice "
        "what its own price of $0.54 makes, and its A100 is rented for a month of 720 hours.");
    kw_text_add(out,
                "\nThe same volumes of a 70B, simulated on the embedded week: TTFT p95 within 2 s, A100s of 80 GB\n");
    struct kw_text_table s = { 0 };
    kw_text_table_column(&s, "tokens", "/month", true);
    kw_text_table_column(&s, "GPT-4o", "$/month", true);
    for (int k = 0; k < KW_KINDS; k++) kw_text_table_column(&s, kw_kind_name[k], "$/month", true);
    kw_text_table_column(&s, "rented", "", false);
    for (int i = 0; i < KW_BRIEF_VOLUMES; i++) {
        double n = (double)kw_brief_volume[i].tokens / 1e6;
        kw_text_table_cell(&s, "%s", kw_text_si(a, n * 1e6));
        kw_text_table_cell(&s, "%s", kw_quantity_usd(n * (f->input_share * 2.5 + (1 - f->input_share) * 10), a));
        for (int k = 0; k < KW_KINDS; k++) kw_text_table_cell(&s, "%s", simulated_usd(&f->volume[i].kind[k], b));
        kw_text_table_cell(&s, "%s", f->volume[i].kind[KW_KIND_DEDICATED].label);
    }
    kw_text_table_print(&s, out);
    kw_text_table_free(&s);
    snprintf(text, sizeof text,
             "A 70B has 140 GB of weights, so that each replica takes two of these GPUs, and bursts take more replicas "
             "than the "
             "mean does. Here %.0f %% of the tokens are input, which makes GPT-4o cheaper than the brief's mix does.",
             100 * f->input_share);
    say(out, "why", text);
}

/* The price of ours, "" where none is known. */
static const char *ours(const struct kw_session *s, const struct kw_brief_price *b, char *buf, size_t size,
                        const char **seen, bool *sold)
{
    const struct kw_platform *p = kw_platforms_find(&s->catalogue.platforms, b->platform);
    char in[32], out[32];
    *seen = "";
    *sold = false;
    buf[0] = 0;
    if (!p || !b->offer) return buf;
    const struct kw_api_offer *a = api_of(p, b->offer);
    const struct kw_gpu_offer *g = b->out ? NULL : kw_platform_gpu(p, b->offer, 1);
    const struct kw_sale *sale = a ? &a->sale : g ? &g->sale : NULL;
    if (sale) {
        *sold = kw_sale_open(sale);
        *seen = *sold ? sale->seen : sale->ends;
    }
    if (a && a->price.in_mtok.known)
        snprintf(buf, size, "%s %s", kw_nano_format(in, sizeof in, a->price.in_mtok.v),
                 kw_nano_format(out, sizeof out, a->price.out_mtok.v));
    else if (g && g->gpu_hour.known)
        snprintf(buf, size, "%.6f", kw_nano_to_double(g->gpu_hour.v) / 3600);
    return buf;
}

static void price_table(const struct kw_session *s, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    char in[32], to[32], buf[80];
    kw_text_add(out,
                "\nIts prices, in dollars per million tokens in and out or per second of a GPU, and the files' own\n");
    kw_text_table_column(&t, "", "", false);
    kw_text_table_column(&t, "brief", "", true);
    kw_text_table_column(&t, "ours", "", true);
    kw_text_table_column(&t, "sold", "", false);
    for (const struct kw_brief_price *b = kw_brief_price; b->name; b++) {
        const char *seen;
        bool sold;
        kw_text_table_cell(&t, "%s", b->name);
        if (b->out)
            kw_text_table_cell(&t, "%s %s", kw_nano_format(in, sizeof in, b->in),
                               kw_nano_format(to, sizeof to, b->out));
        else
            kw_text_table_cell(&t, "%.6f", kw_nano_to_double(b->in));
        ours(s, b, buf, sizeof buf, &seen, &sold);
        kw_text_table_cell(&t, "%s", buf[0] ? buf : "-");
        kw_text_table_cell(&t, "%s%s", sold ? "seen " : b->offer ? "ended " : "not any more", b->offer ? seen : "");
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    say(out, "why",
        "Of its models of early 2026 some have ended, and a price is of the day on which it was seen. Modal's two "
        "stand above any list price that was found; `keepwarm platforms show` has the source of each of ours.");
}

static int ascending(const void *a, const void *b)
{
    const kw_ns *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The median and the 95th percentile of a whole start, "-" where nobody knows it. */
static const char *start(struct kw_session *s, const char *platform, const char *gpu, const char *model, char *buf,
                         size_t size)
{
    struct kw_start_streams streams = { 0 };
    struct kw_choice c;
    static kw_ns took[STARTS];
    uint32_t tp = !strcmp(model, MODEL) ? 2 : 1;
    if (gpu_choice(s, platform, gpu, model, tp, 0, &c, NULL) != KW_OK ||
        kw_start_streams_begin(&streams, 1, 0, NULL) != KW_OK)
        return "-";
    for (int i = 0; i < STARTS; i++) {
        struct kw_start one = kw_start_draw(&c.cold, &c.scaling, &streams);
        took[i] = 0;
        for (int k = KW_PHASE_PROVISION; k <= KW_PHASE_RESTORE; k++) took[i] += one.phase[k];
    }
    kw_start_streams_free(&streams);
    qsort(took, STARTS, sizeof *took, ascending);
    snprintf(buf, size, "%.0f %.0f", kw_nano_to_double(took[STARTS / 2]), kw_nano_to_double(took[STARTS / 100 * 95]));
    return buf;
}

static void start_table(struct kw_session *s, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    char a[48];
    kw_text_add(out, "\nIts cold starts in seconds, the sum of its own phases, and ours: median and p95\n");
    kw_text_table_column(&t, "", "", false);
    kw_text_table_column(&t, "brief", "from to", true);
    kw_text_table_column(&t, "its phases", "from to", true);
    kw_text_table_column(&t, "Replicate", "brief", true);
    kw_text_table_column(&t, "", "p50 p95", true);
    kw_text_table_column(&t, "Modal", "brief", true);
    kw_text_table_column(&t, "", "p50 p95", true);
    for (const struct kw_brief_start *b = kw_brief_start; b->size; b++) {
        double lo, hi;
        kw_brief_phases(b, &lo, &hi);
        kw_text_table_cell(&t, "%s", b->size);
        kw_text_table_cell(&t, "%d %d", b->lo, b->hi);
        kw_text_table_cell(&t, "%.1f %.1f", lo, hi);
        kw_text_table_cell(&t, "%d", b->replicate);
        kw_text_table_cell(&t, "%s", b->model ? start(s, "replicate", GPU, b->model, a, sizeof a) : "-");
        kw_text_table_cell(&t, "%d", b->modal);
        kw_text_table_cell(&t, "%s", b->model ? start(s, "modal", "H100", b->model, a, sizeof a) : "-");
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    say(out, "why",
        "Not one row lies within the sum of its own phases: 2 to 10 s for a machine, two bytes a parameter at 10 GB/s "
        "and 2 to 5 s for the engine. The engine alone takes longer than that, as its graphs and kernels are made; a "
        "row without a profile of its size is left open.");
}

static void claim(struct kw_text *out, const char *head, const char *fmt, ...) KW_PRINTF(3, 4);
static void claim(struct kw_text *out, const char *head, const char *fmt, ...)
{
    char text[700];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    kw_summary_paragraph(head, text, out);
}

static double rate(const struct kw_session *s, const char *platform)
{
    const struct kw_platform *p = kw_platforms_find(&s->catalogue.platforms, platform);
    const struct kw_gpu_offer *g = p ? kw_platform_gpu(p, GPU, 1) : NULL;
    return g && g->gpu_hour.known ? kw_nano_to_double(g->gpu_hour.v) : NAN;
}

static void claims(const struct kw_session *s, const struct simulated *f, struct kw_text *out)
{
    kw_nusd by_token, rented;
    char a[32], b[32], c[32], d[32];
    double saving = kw_brief_saving(&by_token, &rented), api = f->volume[2].kind[KW_KIND_API].cost.value;
    double own = rate(s, "runpod-community");
    const struct kw_kind_best *now = &f->claim.kind[KW_KIND_DEDICATED];
    kw_text_add(out, "\nWhat it says, and what comes of it\n");
    claim(out, "cold starts",
          "$252 a month for 100 cold starts a day of 60 s at $0.0014 a second: $%s, as it says. Simulated on "
          "Replicate, 100 requests "
          "a day that each find it at zero (%.0f %% cold) cost $%s: two GPUs for a 70B, its start and three idle "
          "minutes after "
          "each answer are paid too.",
          usd(kw_brief_cold_month(), a), 100 * f->cold_fraction, kw_quantity_usd(f->cold_usd, b));
    claim(out, "40 % rule",
          "\"Below 40 %% utilisation serverless wins\" is the quotient of two prices and no more: an A100 of RunPod's "
          "community "
          "cloud is %.0f %% of RunPod Serverless, %.0f %% of Modal and %.0f %% of Replicate. Simulated at 2 billion "
          "tokens the rented "
          "A100s use %.0f %% of the tokens they could make and the best serverless pool costs %s: bursts, idle tails "
          "and cold "
          "starts decide as much as prices do.",
          100 * own / rate(s, "runpod"), 100 * own / rate(s, "modal"), 100 * own / rate(s, "replicate"),
          100 * f->volume[2].kind[KW_KIND_DEDICATED].capacity_used,
          isnan(f->volume[2].kind[KW_KIND_SERVERLESS].cost.value)
              ? "more than it may, as none meets the objective"
              : kw_quantity_usd(f->volume[2].kind[KW_KIND_SERVERLESS].cost.value, a));
    claim(out, "3.2B tokens",
          "$1,728 by the token against $929 rented, 46 %% less: $%s and $%s, %.0f %%. Simulated, that traffic of a 70B "
          "costs $%s on %s "
          "and $%s by the token: it does not fit one A100, so renting saves nothing there.",
          usd(by_token, a), usd(rented, b), 100 * saving, simulated_usd(now, c),
          now->label[0] ? now->label : "no A100s", simulated_usd(&f->claim.kind[KW_KIND_API], d));
    claim(out, "pings",
          "\"A few cents an hour\" to keep a replica warm by health checks. Simulated on Modal, a ping before each "
          "timeout costs "
          "$%.2f an hour and keep_warm $%.2f: whoever bills idle time bills the replica that a ping holds.",
          f->pinged_hour, f->kept_hour);
    claim(out, "hybrid",
          "An API while the pool is cold. Simulated at 50M tokens on Modal with Bedrock beside it: $%s a month with a "
          "TTFT p95 of "
          "%.2f s, against $%s and %.0f s alone; at this volume the API by itself, $%s, is cheaper than either.",
          kw_quantity_usd(f->hybrid_usd, a), f->hybrid_ttft, kw_quantity_usd(f->alone_usd, b), f->alone_ttft,
          simulated_usd(&f->volume[0].kind[KW_KIND_API], c));
    claim(out, "migration",
          "5, 25, 50 and 100 %% of 2 billion tokens moved from the API to rented A100s: $%s before, then $%s, $%s, $%s "
          "and $%s. The "
          "first steps pay for both; what does not pay at 100 %% pays at none.",
          kw_quantity_usd(api, (char[32]){ 0 }),
          kw_quantity_usd(0.95 * api + f->step[0].kind[KW_KIND_DEDICATED].cost.value, a),
          kw_quantity_usd(0.75 * api + f->volume[1].kind[KW_KIND_DEDICATED].cost.value, b),
          kw_quantity_usd(0.5 * api + f->step[1].kind[KW_KIND_DEDICATED].cost.value, c),
          simulated_usd(&f->volume[2].kind[KW_KIND_DEDICATED], d));
}

int kw_cli_brief(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_session s;
    struct simulated f;
    struct kw_options with = *o;
    with.trace = "workloads/chat-week.json";
    with.model = MODEL;
    with.seed = with.replications = -1;
    with.set = (struct kw_list){ .v = { "candidates.gpus=[\"" GPU "\"]", "slo.ttft_p95_s=2" }, .n = 2 };
    memset(&f, 0, sizeof f);
    enum kw_status st = kw_session_open(&s, &with, NULL, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = simulate(&s, &with, &f, &err);
    kw_progress_end(&s.progress);
    int code = 0;
    if (st == KW_OK) {
        struct kw_text out = { .columns = kw_cli_columns() };
        volume_table(&f, &out);
        price_table(&s, &out);
        start_table(&s, &out);
        claims(&s, &f, &out);
        code = kw_cli_print(&out);
    }
    for (int i = 0; i < KW_BRIEF_VOLUMES; i++) kw_volume_point_free(&f.volume[i]);
    kw_volume_point_free(&f.claim);
    for (int i = 0; i < 2; i++) kw_volume_point_free(&f.step[i]);
    kw_session_close(&s);
    return st == KW_OK ? code : kw_cli_fail(st, &err);
}
