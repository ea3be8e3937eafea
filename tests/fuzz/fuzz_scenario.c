/* The scenario reader and what is made of it, with every platform and profile built in: any bytes give candidates and
 * plan options, or an error of one line. The first line may be an edit, as --set, --slo and the shell's other options
 * make: "path=value" or "slo:ttft_p95=2s", then a newline and the document. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "sim/io/scenario/scenario.h"
#include "tests/fuzz/elements.h"
#include "sim/core/files/source.h"
#include "workloads/trace.h"
#include "workloads/trace_load.h"

static struct kw_catalogue catalogue;
static struct kw_trace trace; /* with classes, models and regions, to route by */

static void hold(int what)
{
    if (!what) abort();
}

static void begin(void)
{
    struct kw_error err;
    hold(kw_catalogue_load(&catalogue, NULL, &err) == KW_OK);
}

/* A scenario may name its regions anew. */
static void requests(bool with_regions)
{
    static const char csv[] =
        "t,in,out,m,c,r\n0,5,5,small,chat,eu-west\n1,900,7,large,batch,us-east-1\n2,50,70,small,batch,\n";
    struct kw_source s;
    struct kw_error err;
    hold(kw_source_memory(&s, "fuzz", csv, sizeof csv - 1, &err) == KW_OK);
    hold(kw_trace_read(&trace, &s, "generic",
                       with_regions ? "arrival=t,prompt=in,output=out,model=m,class=c,region=r,unit=s"
                                    : "arrival=t,prompt=in,output=out,model=m,class=c,unit=s",
                       &err) == KW_OK);
    kw_source_close(&s);
}

static void check_error(enum kw_status st, const struct kw_error *err)
{
    hold(st == KW_EPARSE || st == KW_ERANGE || st == KW_EUSAGE || st == KW_EINPUT);
    hold(err->msg[0] && !strchr(err->msg, '\n'));
}

static struct kw_jnode top(const struct kw_scenario *s, const char *key)
{
    return kw_json_get(kw_json_root(&s->doc), key);
}

/* Every axis is the document's, in its order, and the grid has as many points as they make. */
static void axes(const struct kw_scenario *s)
{
    uint64_t points = 1;
    hold(s->n_axes <= KW_SCENARIO_MAX_AXES && (int)s->n_axes == kw_json_len(top(s, "sweep")));
    for (uint32_t a = 0; a < s->n_axes; a++) {
        const char *path;
        struct kw_jnode values = kw_json_member(top(s, "sweep"), (int)a, &path);
        hold(s->axis[a].path == path && s->axis[a].n >= 1 && (int)s->axis[a].n == kw_json_len(values));
        points *= s->axis[a].n;
    }
    const struct kw_migration_ask *m = &s->migration;
    hold(m->n <= KW_MIGRATION_STEPS && (m->n || !(m->from || m->to)) && !(m->n && s->n_axes));
    for (uint32_t i = 0; i < m->n; i++) hold(m->share[i] > (i ? m->share[i - 1] : 0) && m->share[i] <= 1);
    hold(!m->n || (m->failure >= KW_NS_PER_S && m->failure <= 31 * 24 * KW_NS_PER_HOUR));
    if (m->from || m->to) points = m->n;
    hold(s->n_points == points && points <= KW_SCENARIO_MAX_POINTS);
}

/* As many as the document lists and the array holds. A list one too long overwrites the count that follows it in the
 * struct, which no sanitizer sees and which may leave a count that is small. */
static size_t listed(const struct kw_scenario *s, const char *key, size_t n, size_t capacity)
{
    hold(n <= capacity && n == (size_t)kw_json_len(kw_json_get(top(s, "candidates"), key)));
    return n;
}

static void options(const struct kw_scenario *s, const struct kw_plan_options *o)
{
    const kw_ns ten_years = 87600 * KW_NS_PER_HOUR;
    const struct {
        const char *key, *const *word;
        size_t n;
    } words[] = { { "platforms", o->platforms, o->n_platforms },
                  { "gpus", o->gpus, o->n_gpus },
                  { "precisions", o->precisions, o->n_precisions } };
    hold(listed(s, "regions", o->n_regions, KW_PLAN_MAX_LIST) == o->n_regions);
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        for (size_t i = listed(s, words[k].key, words[k].n, KW_PLAN_MAX_LIST); i-- > 0;) {
            const char *word;
            struct kw_jnode list = kw_json_get(top(s, "candidates"), words[k].key);
            hold(kw_json_str(kw_json_at(list, (int)i), &word, NULL) == KW_OK && words[k].word[i] == word);
        }
    for (size_t i = 0; i < o->n_substitutes; i++) {
        const struct kw_substitute *x = &o->substitute[i];
        hold(x->model && (!x->quality || (x->quality >= 1e-6 && x->quality <= 100)));
        hold(!x->tokens_ppm || (x->tokens_ppm >= 100000 && x->tokens_ppm <= 10000000));
    }
    for (size_t i = listed(s, "tp", o->n_tp, sizeof o->tp / sizeof *o->tp); i-- > 0;)
        hold(o->tp[i] >= 1 && o->tp[i] <= 64);
    for (size_t i = listed(s, "keep_warm", o->n_keep_warm, KW_PLAN_MAX_LIST); i-- > 0;) hold(o->keep_warm[i] <= 100000);
    for (size_t i = listed(s, "idle_timeout_s", o->n_idle_timeouts, KW_PLAN_MAX_LIST); i-- > 0;)
        hold(o->idle_timeout[i] >= 0 && o->idle_timeout[i] <= ten_years);
    for (size_t i = listed(s, "max_num_seqs", o->n_max_num_seqs, KW_PLAN_MAX_LIST); i-- > 0;)
        hold(o->max_num_seqs[i] >= 1 && o->max_num_seqs[i] <= 65536);
    for (size_t i = listed(s, "max_num_batched_tokens", o->n_max_num_batched_tokens, KW_PLAN_MAX_LIST); i-- > 0;)
        hold(o->max_num_batched_tokens[i] >= 1 && o->max_num_batched_tokens[i] <= 1048576);
    for (size_t i = 0; i < o->n_max_replicas; i++) hold(o->max_replicas[i] >= 1 && o->max_replicas[i] <= 100000);
    hold(!(o->kinds >> (KW_KIND_DEDICATED + 1)) && o->n_max_replicas <= KW_PLAN_MAX_LIST && o->dedicated_extra <= 1000);
    hold(o->operations_month >= 0 && o->tco.engineer_month >= 0 && o->tco.egress_bytes <= 1000000);
    for (int k = 0; k < KW_TCO_KINDS; k++) hold(o->tco.share_ppb[k] >= 0 && o->tco.share_ppb[k] <= 100 * KW_NANO);
}

/* What the scenario set or the platform's defaults are, within what scenario.c asks for. */
static void choice(const struct kw_choice *x)
{
    const struct kw_sched_config *c = &x->sched;
    const struct kw_autoscaling *a = &x->scaling;
    const kw_ns ten_years = 87600 * KW_NS_PER_HOUR;
    hold(x->retry.max_attempts >= 1 && x->retry.max_attempts <= 255 && x->retry.base >= 0 && x->retry.cap <= ten_years);
    hold(x->network_rtt >= 0 && x->network_rtt <= ten_years && x->max_tokens <= 10000000 && x->operations_month >= 0);
    if (x->platform->kind == KW_KIND_API) return;
    hold(a->max_replicas >= 1 && a->max_replicas <= 100000 && a->keep_warm <= a->max_replicas);
    hold(a->buffer_replicas <= 100000 && a->hard_concurrency <= 1000000 && a->target >= 0 && a->target <= 1e9);
    hold(a->stockout_probability >= 0 && a->stockout_probability <= 0.999 && a->start_failure_probability >= 0 &&
         a->start_failure_probability <= 0.99);
    hold(!x->autoscaler || (x->node.places >= 1 && x->node.idle >= 0 && x->term == KW_TERM_ON_DEMAND &&
                            x->cold.provision.kind != KW_LAW_NONE && x->cold.pull.kind != KW_LAW_NONE &&
                            a->scaler == x->autoscaler->scaling.scaler && a->eval_period > 0));
    hold(c->block_size >= 1 && c->block_size <= 512 && !(c->block_size & (c->block_size - 1)));
    hold(c->max_num_seqs >= 1 && c->max_num_seqs <= 65536 && c->max_num_batched_tokens >= c->max_num_seqs &&
         c->max_num_batched_tokens <= 1 << 20);
    hold(c->max_model_len >= 2 && c->max_model_len <= 10000000 && c->num_blocks >= 1 && c->num_blocks <= 100000000);
    hold(x->cold.cache_hit >= 0 && x->cold.cache_hit <= 1 && x->cold.snapshot_probability >= 0 &&
         x->cold.snapshot_probability <= 1);
}

/* Each located deployment once: those in the region first, each then by distance. */
static void orders(const struct kw_candidate *c, size_t region)
{
    uint32_t seen = 0;
    kw_region_set from = kw_region_find(trace.region_name[region]);
    const struct kw_choice *last = NULL;
    for (uint32_t k = 0; k < c->n; k++) {
        uint8_t d = c->routing.order[region][k];
        const struct kw_choice *x = &c->choice[d];
        hold(d < c->n && !(seen >> d & 1) && x->located);
        bool in = from && x->region->where == from, after_in = last && from && last->region->where == from;
        hold(!last || (in == after_in ? x->region_rtt[region] >= last->region_rtt[region] : after_in));
        last = x;
        seen |= 1u << d;
    }
}

static void candidates(const struct kw_scenario *s)
{
    uint32_t step = s->n_points > 3 ? s->n_points / 3 : 1;
    for (uint32_t i = 0; i < s->n_points; i += step) {
        struct kw_candidate c;
        struct kw_error err = { "" };
        char text[600];
        kw_candidate_init(&c);
        for (uint32_t a = 0; a < s->n_axes; a++) kw_scenario_axis_value(s, i, a, text, sizeof text);
        enum kw_status st = kw_scenario_candidate(s, i, &catalogue, &trace, &c, NULL, &err);
        if (st != KW_OK) {
            check_error(st, &err);
            return;
        }
        hold(c.n >= 1 && c.n <= KW_FLEET_MAX_DEPLOYMENTS && kw_candidate_label(&c, text, sizeof text)[0]);
        double shares = 0;
        for (uint32_t k = 0; k < c.n; k++) {
            const struct kw_choice *x = &c.choice[k];
            hold(x->name[0] && kw_choice_settings(x, text, sizeof text));
            hold(x->platform->kind == KW_KIND_API ? x->api != NULL : x->gpu && x->profile && x->steptime);
            choice(x);
            for (size_t i = 0; x->located && i < trace.n_regions; i++)
                hold(x->region_rtt[i] >= 0 && x->region_rtt[i] <= 60 * KW_NS_PER_S);
            shares += c.routing.share[k];
        }
        hold(c.routing.policy != KW_ROUTE_SPLIT || (shares > 0.99 && shares < 1.01));
        for (int k = 0; k < 256; k++) hold(c.routing.class_to[k] < c.n);
        for (size_t i = 0; c.routing.policy == KW_ROUTE_REGION && i < trace.n_regions; i++) orders(&c, i);
        kw_candidate_free(&c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int runs;
    struct kw_scenario s;
    struct kw_error err = { "" };
    struct kw_scenario_edit edit = { KW_EDIT_SET, NULL, NULL };
    char line[200];
    size_t n_edits = 0;
    if (runs++ % 2000 == 0) { /* step times of every shape asked for are kept */
        if (runs > 1) kw_catalogue_free(&catalogue);
        begin();
    }
    const uint8_t *nl = n ? memchr(data, '\n', n < sizeof line ? n : sizeof line) : NULL;
    if (nl && data[0] != '{') {
        memcpy(line, data, (size_t)(nl - data));
        line[nl - data] = 0;
        n -= (size_t)(nl - data) + 1;
        data = nl + 1;
        n_edits = 1;
        edit.value = line;
        if (!strncmp(line, "slo:", 4)) {
            edit.kind = KW_EDIT_SLO;
            edit.value = line + 4;
        }
    }
    for (size_t i = 0; i + 5 < n; i++) /* a platform or a profile may be any file: not these */
        if (!memcmp(data + i, "/dev/", 5) || !memcmp(data + i, "/proc", 5)) return 0;
    enum kw_status st = kw_scenario_parse(&s, "fuzz", (const char *)data, n, &edit, n_edits, &err);
    if (st != KW_OK) {
        check_error(st, &err);
        return 0;
    }
    axes(&s);
    hold(s.replications >= 1 && s.replications <= KW_REPLICATIONS_MAX && s.trace_file[0]);
    hold(s.trace_speed >= 1e-6 && s.trace_speed <= 1e6 && s.month >= KW_NS_PER_HOUR && s.month <= 744 * KW_NS_PER_HOUR);
    struct kw_plan_options o;
    if ((st = kw_scenario_plan_options(&s, &o, &err)) != KW_OK) {
        check_error(st, &err);
    } else {
        options(&s, &o);
        if ((st = kw_scenario_plan_catalogue(&s, &catalogue, &o, &err)) != KW_OK) check_error(st, &err);
        hold(o.n_autoscalers <= KW_PLAN_MAX_AUTOSCALERS);
        for (size_t i = 0; i < o.n_autoscalers && st == KW_OK; i++)
            hold(o.autoscaler[i].scaling.scaler == o.autoscaler[i].file->scaling.scaler);
    }
    requests(!kw_json_present(top(&s, "regions")));
    if ((st = kw_scenario_meet_regions(&s, &trace, &err)) != KW_OK) {
        check_error(st, &err);
    } else {
        hold(!kw_json_present(top(&s, "regions")) || (trace.region && trace.n_regions == s.places.n_shares));
        for (size_t i = 0; trace.region && i < trace.n; i++) hold(trace.region[i] < trace.n_regions);
        candidates(&s);
    }
    kw_trace_free(&trace);
    kw_scenario_free(&s);
    return 0;
}
