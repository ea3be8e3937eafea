/* The scenario reader and what is made of it, with every platform and profile built in: any bytes give candidates and plan
 * options, or an error of one line. The first line may be an edit, as --set, --slo and the shell's other options make:
 * "path=value" or "slo:ttft_p95=2s", then a newline and the document. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "sim/io/scenario.h"
#include "tests/fuzz/elements.h"
#include "workloads/source.h"
#include "workloads/trace.h"

static struct kw_catalogue catalogue;
static struct kw_trace trace; /* with classes and models, to route by */

static void hold(int what)
{
    if (!what) abort();
}

static void begin(void)
{
    static const char csv[] = "t,in,out,m,c\n0,5,5,small,chat\n1,900,7,large,batch\n2,50,70,small,batch\n";
    struct kw_source s;
    struct kw_error err;
    hold(kw_catalogue_load(&catalogue, &err) == KW_OK);
    hold(kw_source_memory(&s, "fuzz", csv, sizeof csv - 1, &err) == KW_OK);
    hold(kw_trace_read(&trace, &s, "generic", "arrival=t,prompt=in,output=out,model=m,class=c", &err) == KW_OK);
    kw_source_close(&s);
}

static void check_error(enum kw_status st, const struct kw_error *err)
{
    hold(st == KW_EPARSE || st == KW_ERANGE || st == KW_EUSAGE || st == KW_EINPUT);
    hold(err->msg[0] && !strchr(err->msg, '\n'));
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
        enum kw_status st = kw_scenario_candidate(s, i, &catalogue, &trace, &c, &err);
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
            hold(x->platform->kind == KW_KIND_API || x->scaling.keep_warm <= x->scaling.max_replicas);
            shares += c.routing.share[k];
        }
        hold(c.routing.policy != KW_ROUTE_SPLIT || (shares > 0.99 && shares < 1.01));
        for (int k = 0; k < 256; k++) hold(c.routing.class_to[k] < c.n);
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
        if (runs > 1) {
            kw_catalogue_free(&catalogue);
            kw_trace_free(&trace);
        }
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
    hold(s.n_points >= 1 && s.n_points <= KW_SCENARIO_MAX_POINTS && s.n_axes <= KW_SCENARIO_MAX_AXES);
    hold(s.replications >= 1 && s.replications <= KW_REPLICATIONS_MAX && s.trace_file[0]);
    hold(s.trace_speed >= 1e-6 && s.trace_speed <= 1e6 && s.trace_from >= 0);
    struct kw_plan_options o;
    if ((st = kw_scenario_plan_options(&s, &o, &err)) != KW_OK) {
        check_error(st, &err);
    } else {
        hold(o.n_platforms <= KW_PLAN_MAX_LIST && o.n_tp <= 8 && o.n_keep_warm <= KW_PLAN_MAX_LIST);
    }
    candidates(&s);
    kw_scenario_free(&s);
    return 0;
}
