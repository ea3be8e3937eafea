/* The scenario reader's limits, exactly: as many as allowed pass and arrive as written, one more is refused in one
 * line; a number at each end of its range passes and the next one does not. */
#include "sim/io/scenario/scenario.h"
#include "sim/core/text.h"
#include "tests/check.h"
#include <stdlib.h>

static struct kw_catalogue cat;

/* A scenario with its deployment's, its candidates', its sweep's and its own further members, each "" or ", "key":
 * value". */
static enum kw_status read(struct kw_scenario *s, const char *deployment, const char *candidates, const char *sweep,
                           const char *more, struct kw_error *err)
{
    struct kw_text t = { 0 };
    kw_text_add(&t,
                "{ \"keepwarm\": 1, \"trace\": { \"file\": \"t.csv\" }, \"model\": \"llama-3.1-8b\",\n"
                "  \"deployments\": [ { \"platform\": \"modal\", \"gpu\": \"H100\", \"max_replicas\": 100000%s } ],\n"
                "  \"candidates\": { \"exhaustive\": true%s }, \"sweep\": { %s }%s }",
                deployment, candidates, sweep, more);
    *err = (struct kw_error){ "" };
    enum kw_status st = kw_scenario_parse(s, "s.json", t.s, strlen(t.s), NULL, 0, err);
    free(t.s);
    return st;
}

/* Refused with this status and one line that names the place. */
static void refused(enum kw_status got, enum kw_status want, const struct kw_error *err, const char *place)
{
    if (got != want || !strstr(err->msg, place))
        fprintf(stderr, "status %d, '%s'; want '%s'\n", (int)got, err->msg, place);
    CHECK(got == want && strstr(err->msg, place) && !strchr(err->msg, '\n'));
}

/* ", "key": [element, ...]", n elements; %d in the element is its index. */
static void list(struct kw_text *t, const char *key, const char *element, int n)
{
    kw_text_add(t, ", \"%s\": [", key);
    for (int i = 0; i < n; i++) {
        char one[40];
        snprintf(one, sizeof one, "%s%d%s", element, i + 1, *element ? "\"" : "");
        kw_text_add(t, "%s%s", i ? ", " : "", one);
    }
    kw_text_add(t, "]");
}

static const struct {
    const char *key, *element; /* a string begins with its quote */
    int most;
} lists[] = { { "platforms", "\"p", KW_PLAN_MAX_LIST },  { "gpus", "\"g", KW_PLAN_MAX_LIST },
              { "precisions", "\"b", KW_PLAN_MAX_LIST }, { "tp", "", 8 },
              { "keep_warm", "", KW_PLAN_MAX_LIST },     { "idle_timeout_s", "", KW_PLAN_MAX_LIST } };
enum { N_LISTS = sizeof lists / sizeof *lists };

static void every_list_at_its_limit(void)
{
    struct kw_text t = { 0 };
    struct kw_scenario s;
    struct kw_plan_options o;
    struct kw_error err;
    for (int k = 0; k < N_LISTS; k++) list(&t, lists[k].key, lists[k].element, lists[k].most);
    CHECK(read(&s, "", t.s, "", "", &err) == KW_OK && kw_scenario_plan_options(&s, &o, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    CHECK(o.n_platforms == 64 && o.n_gpus == 64 && o.n_precisions == 64);
    CHECK(o.n_tp == 8 && o.n_keep_warm == 64 && o.n_idle_timeouts == 64);
    const char *const *words[] = { o.platforms, o.gpus, o.precisions };
    for (int i = 0; i < 64; i++) {
        char want[8];
        for (int k = 0; k < 3; k++) {
            snprintf(want, sizeof want, "%c%d", "pgb"[k], i + 1);
            CHECK_STR(words[k][i], want);
        }
        CHECK(o.keep_warm[i] == (uint32_t)i + 1 && o.idle_timeout[i] == (i + 1) * KW_NS_PER_S);
    }
    for (uint32_t i = 0; i < 8; i++) CHECK(o.tp[i] == i + 1);
    CHECK(o.exhaustive && o.n_max_replicas == 0 && o.kinds == 0 && !o.monthly &&
          !o.spot); /* what lies around the arrays */
    kw_scenario_free(&s);
    kw_text_free(&t);
}

static void a_list_one_too_long_is_refused(void)
{
    for (int k = 0; k < N_LISTS + 2; k++) {
        static const char *const fixed[][2] = { { "kinds", "\"api\"" }, { "terms", "\"spot\"" } };
        struct kw_text t = { 0 };
        struct kw_scenario s;
        struct kw_plan_options o;
        struct kw_error err;
        char place[60];
        const char *key = k < N_LISTS ? lists[k].key : fixed[k - N_LISTS][0];
        const int most = k < N_LISTS ? lists[k].most : KW_PLAN_MAX_LIST;
        if (k < N_LISTS) {
            list(&t, key, lists[k].element, most + 1);
        } else {
            kw_text_add(&t, ", \"%s\": [", key);
            for (int i = 0; i < most; i++) kw_text_add(&t, "%s, ", fixed[k - N_LISTS][1]);
            kw_text_add(&t, "%s]", fixed[k - N_LISTS][1]);
        }
        snprintf(place, sizeof place, "candidates.%s: at most %d entries", key, most);
        CHECK(read(&s, "", t.s, "", "", &err) == KW_OK);
        refused(kw_scenario_plan_options(&s, &o, &err), KW_ERANGE, &err, place);
        kw_scenario_free(&s);
        kw_text_free(&t);
        kw_text_add(&t, ", \"%s\": []", key);
        snprintf(place, sizeof place, "candidates.%s: the list is empty", key);
        CHECK(read(&s, "", t.s, "", "", &err) == KW_OK);
        refused(kw_scenario_plan_options(&s, &o, &err), KW_EPARSE, &err, place);
        kw_scenario_free(&s);
        kw_text_free(&t);
    }
}

/* ---- the grid */

static void a_ninth_axis_is_refused(void)
{
    static const char *const path[] = { "deployments[0].keep_warm",
                                        "deployments[0].max_replicas",
                                        "deployments[0].idle_timeout_s",
                                        "deployments[0].gpu",
                                        "deployments[0].precision",
                                        "deployments[0].tp",
                                        "deployments[0].platform",
                                        "routing.policy",
                                        "model" };
    struct kw_text t = { 0 };
    struct kw_scenario s;
    struct kw_error err;
    for (uint32_t a = 0; a < 9; a++) {
        kw_text_add(&t, "%s\"%s\": [1%s]", a ? ", " : "", path[a], a % 3 ? ", 2" : "");
        enum kw_status st = read(&s, "", "", t.s, ", \"routing\": { \"policy\": \"single\" }", &err);
        if (a == KW_SCENARIO_MAX_AXES) {
            refused(st, KW_ERANGE, &err, "sweep.model: a sweep has at most 8 axes");
            break;
        }
        CHECK(st == KW_OK && s.n_axes == a + 1);
        CHECK_STR(err.msg, "");
        uint32_t points = 1;
        for (uint32_t i = 0; i <= a && i < s.n_axes; i++) {
            CHECK_STR(s.axis[i].path, path[i]);
            CHECK(s.axis[i].n == (i % 3 ? 2 : 1));
            points *= s.axis[i].n;
        }
        CHECK(s.n_points == points);
        kw_scenario_free(&s);
    }
    kw_text_free(&t);
}

static void a_grid_has_100000_points_at_most(void)
{
    struct kw_scenario s;
    struct kw_error err;
    for (int n = KW_SCENARIO_MAX_POINTS; n <= KW_SCENARIO_MAX_POINTS + 1; n++) {
        struct kw_text t = { 0 };
        kw_text_add(&t, "\"deployments[0].keep_warm\": [0");
        for (int i = 1; i < n; i++) kw_text_add(&t, ",%d", i);
        kw_text_add(&t, "]");
        enum kw_status st = read(&s, "", "", t.s, "", &err);
        if (n == KW_SCENARIO_MAX_POINTS) {
            CHECK(st == KW_OK && s.n_points == 100000);
            kw_scenario_free(&s);
        } else {
            refused(st, KW_ERANGE, &err, "sweep: the grid has more than 100000 points");
        }
        kw_text_free(&t);
    }
}

/* ---- deployments */

static enum kw_status candidate(const char *text, struct kw_candidate *c, struct kw_error *err)
{
    struct kw_scenario s;
    kw_candidate_init(c);
    *err = (struct kw_error){ "" };
    CHECK(kw_scenario_parse(&s, "s.json", text, strlen(text), NULL, 0, err) == KW_OK);
    CHECK_STR(err->msg, "");
    enum kw_status st = kw_scenario_candidate(&s, 0, &cat, NULL, c, NULL, err);
    kw_scenario_free(&s);
    return st;
}

static void a_seventeenth_deployment_is_refused(void)
{
    for (int n = KW_FLEET_MAX_DEPLOYMENTS; n <= KW_FLEET_MAX_DEPLOYMENTS + 1; n++) {
        struct kw_text t = { 0 };
        struct kw_candidate c;
        struct kw_error err;
        kw_text_add(
            &t,
            "{ \"keepwarm\": 1, \"trace\": { \"file\": \"t.csv\" }, \"model\": \"llama-3.1-8b\", \"deployments\": [");
        for (int i = 0; i < n; i++)
            kw_text_add(&t, "%s{ \"name\": \"d%d\", \"platform\": \"modal\", \"gpu\": \"H100\" }", i ? ", " : "", i);
        kw_text_add(&t, "], \"routing\": { \"policy\": \"split\", \"shares\": [1");
        for (int i = 1; i < n; i++) kw_text_add(&t, ", 0");
        kw_text_add(&t, "] } }");
        enum kw_status st = candidate(t.s, &c, &err);
        if (n == KW_FLEET_MAX_DEPLOYMENTS) {
            CHECK(st == KW_OK && c.n == 16 && c.routing.share[0] == 1 && c.routing.share[15] == 0);
            CHECK_STR(err.msg, "");
            CHECK(c.n == 16 && !strcmp(c.choice[15].name, "d15"));
        } else {
            refused(st, KW_ERANGE, &err, "deployments: at most 16 deployments; there are 17");
        }
        kw_candidate_free(&c);
        kw_text_free(&t);
    }
}

static void a_name_has_31_bytes_at_most(void)
{
    static const char format[] =
        "{ \"keepwarm\": 1, \"trace\": { \"file\": \"t.csv\" }, \"model\": \"llama-3.1-8b\", \"deployments\": "
        "[{ \"name\": \"%s\", \"platform\": \"modal\", \"gpu\": \"H100\" }] }";
    char text[400];
    struct kw_candidate c;
    struct kw_error err;
    snprintf(text, sizeof text, format, "abcdefghijklmnopqrstuvwxyz01234");
    CHECK(candidate(text, &c, &err) == KW_OK && c.n == 1);
    if (c.n == 1) CHECK_STR(c.choice[0].name, "abcdefghijklmnopqrstuvwxyz01234");
    kw_candidate_free(&c);
    snprintf(text, sizeof text, format, "abcdefghijklmnopqrstuvwxyz012345");
    refused(candidate(text, &c, &err), KW_ERANGE, &err, "deployments[0].name: want 1 to 31 bytes");
    kw_candidate_free(&c);
}

/* ---- numbers */

static void numbers_at_and_beyond_their_range(void)
{
    enum { TOP, CANDIDATES, DEPLOYMENT };
    static const struct {
        int where;
        const char *format;                   /* of the member; %s is the number */
        const char *below, *lo, *hi, *beyond; /* NULL: none */
    } cases[] = {
        { TOP, ", \"replications\": %s", "0", "1", "256", "257" },
        { TOP, ", \"seed\": %s", "-1", "0", "9007199254740991", "9007199254740994" },
        { TOP, ", \"series_step_s\": \"%s\"", "-0.000000001", "0", "315360000", "315360000.000000001" },
        { CANDIDATES, ", \"tp\": [2, %s]", "0", "1", "64", "65" },
        { CANDIDATES, ", \"keep_warm\": [1, %s]", "-1", "0", "100000", "100001" },
        { CANDIDATES, ", \"idle_timeout_s\": [\"1\", \"%s\"]", "-0.000000001", "0", "315360000",
          "315360000.000000001" },
        { CANDIDATES, ", \"max_replicas\": %s", "-1", "0", "100000", "100001" },
        { CANDIDATES, ", \"replicas_extra\": %s", "-1", "0", "1000", "1001" },
        { CANDIDATES, ", \"operations_usd_month\": \"%s\"", "-0.000000001", "0", "9223372036.854775807", NULL },
        { DEPLOYMENT, ", \"keep_warm\": %s", "-1", "0", "100000", "100001" },
        { DEPLOYMENT, ", \"buffer_replicas\": %s", "-1", "0", "100000", "100001" },
        { DEPLOYMENT, ", \"hard_concurrency\": %s", "-1", "1", "1000000", "1000001" },
        { DEPLOYMENT, ", \"stockout_retry_s\": \"9\", \"stockout_probability\": \"%s\"", "-0.001", "0.001", "0.999",
          "0.9991" },
        { DEPLOYMENT, ", \"stockout_probability\": \"0.1\", \"stockout_retry_s\": \"%s\"", "-0.000000001",
          "0.000000001", "315360000", "315360000.000000001" },
        { DEPLOYMENT, ", \"start_failure_probability\": \"%s\"", "-0.001", "0", "0.99", "0.991" },
        { DEPLOYMENT, ", \"network_rtt_s\": \"%s\"", "-0.000000001", "0", "315360000", "315360000.000000001" },
        { DEPLOYMENT, ", \"retry\": { \"max_attempts\": %s }", "0", "1", "255", "256" },
        { DEPLOYMENT, ", \"queue_limit\": %s", "-1", "0", "1000000000", "1000000001" },
        { DEPLOYMENT, ", \"cold_start\": { \"cache_hit\": \"%s\" }", "-0.001", "0", "1", "1.001" },
        { DEPLOYMENT, ", \"scheduler\": { \"block_size\": %s }", "0", "1", "512", "513" },
        { DEPLOYMENT, ", \"scheduler\": { \"max_num_seqs\": 1, \"max_num_batched_tokens\": %s }", "0", "1", "1048576",
          "1048577" },
        { DEPLOYMENT, ", \"scheduler\": { \"max_num_batched_tokens\": 1048576, \"max_num_seqs\": %s }", "0", "1",
          "65536", "65537" },
        { DEPLOYMENT, ", \"scheduler\": { \"num_blocks\": %s }", "0", "1", "100000000", "100000001" },
        { DEPLOYMENT, ", \"scheduler\": { \"max_model_len\": %s }", "1", "2", "10000000", "10000001" },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const char *const value[] = { cases[k].below, cases[k].lo, cases[k].hi, cases[k].beyond };
        for (int i = 0; i < 4; i++) {
            char member[160];
            struct kw_scenario s;
            struct kw_plan_options o;
            struct kw_candidate c;
            struct kw_error err;
            if (!value[i]) continue;
            snprintf(member, sizeof member, cases[k].format, value[i]);
            enum kw_status st =
                read(&s, cases[k].where == DEPLOYMENT ? member : "", cases[k].where == CANDIDATES ? member : "", "",
                     cases[k].where == TOP ? member : "", &err);
            const bool parsed = st == KW_OK;
            kw_candidate_init(&c);
            if (st == KW_OK && cases[k].where == CANDIDATES) st = kw_scenario_plan_options(&s, &o, &err);
            if (st == KW_OK && cases[k].where == DEPLOYMENT)
                st = kw_scenario_candidate(&s, 0, &cat, NULL, &c, NULL, &err);
            if (i == 1 || i == 2) {
                if (st != KW_OK) fprintf(stderr, "%s: %s\n", member, err.msg);
                CHECK(st == KW_OK);
            } else {
                refused(st, KW_ERANGE, &err, value[i]);
            }
            kw_candidate_free(&c);
            if (parsed) kw_scenario_free(&s);
        }
    }
}

int main(void)
{
    struct kw_error err = { "" };
    if (kw_catalogue_load(&cat, NULL, &err) != KW_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    RUN(every_list_at_its_limit);
    RUN(a_list_one_too_long_is_refused);
    RUN(a_ninth_axis_is_refused);
    RUN(a_grid_has_100000_points_at_most);
    RUN(a_seventeenth_deployment_is_refused);
    RUN(a_name_has_31_bytes_at_most);
    RUN(numbers_at_and_beyond_their_range);
    kw_catalogue_free(&cat);
    return check_report();
}
