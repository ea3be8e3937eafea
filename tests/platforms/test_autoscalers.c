/* The autoscalers that users run: what their files say becomes what the event loop reads, and a user's object says more,
 * by their own names and within their ranges. */
#include <string.h>
#include "platforms/facts/self_managed.h"
#include "tests/check.h"

#define S KW_NS_PER_S

static struct kw_self_managed_all all;
static struct kw_error err;

static const struct kw_self_managed *get(const char *name)
{
    const struct kw_self_managed *f = NULL;
    CHECK(kw_self_managed_find(&all, name, &f, &err) == KW_OK);
    return f;
}

static enum kw_status read_text(const char *name, const char *json, struct kw_autoscaling *a)
{
    struct kw_json doc;
    enum kw_status st = kw_json_parse(&doc, "t", json, strlen(json), &err);
    if (st != KW_OK) return st;
    st = kw_self_managed_read(get(name), kw_json_get(kw_json_root(&doc), "autoscaling"), a, &err);
    kw_json_free(&doc);
    return st;
}

static void refuses(const char *name, const char *own, const char *message)
{
    char json[512];
    struct kw_autoscaling a;
    snprintf(json, sizeof json, "{\"autoscaling\": %s}", own);
    CHECK(read_text(name, json, &a) != KW_OK);
    if (!strstr(err.msg, message)) fprintf(stderr, "got '%s', want '%s'\n", err.msg, message);
    CHECK(strstr(err.msg, message));
}

/* The defaults of PLATFORMS.md section 7 and of the sources that each file cites. */
static void defaults_are_theirs(void)
{
    struct kw_autoscaling a;
    CHECK(all.n == 5);
    CHECK(read_text("keda", "{\"autoscaling\": {\"triggers\": [{\"metric\": \"num_requests\", \"threshold\": 10}]}}",
                    &a) == KW_OK);
    CHECK(a.scaler == KW_SCALER_HPA && a.hpa.poll == 30 * S && a.zero_timeout == 300 * S && a.eval_period == 15 * S);
    CHECK(a.hpa.tolerance == 0.1 && a.scale_down_delay == 300 * S && !a.hpa.behaves && a.at_zero == KW_ZERO_QUEUE);
    CHECK(a.hpa.n_triggers == 1 && a.hpa.trigger[0].metric == KW_TRIGGER_BOTH && a.hpa.trigger[0].threshold == 10 &&
          a.hpa.trigger[0].activation == 0);
    CHECK(read_text("ray_serve", "{}", &a) == KW_OK);
    CHECK(a.scaler == KW_SCALER_RAY_SERVE && a.target == 2 && a.hard_concurrency == 5 && a.scale_up_delay == 30 * S);
    CHECK(a.scale_down_delay == 600 * S && a.zero_timeout == 600 * S && a.max_up_rate == 1 && a.max_down_rate == 1);
    CHECK(a.eval_period == 10 * S && a.scale_up_window == 30 * S && a.utilisation == 1);
    CHECK(read_text("skyserve", "{\"autoscaling\": {\"target_qps_per_replica\": \"2.5\"}}", &a) == KW_OK);
    CHECK(a.scaler == KW_SCALER_SKYSERVE && a.target == 2.5 && a.scale_up_delay == 300 * S &&
          a.scale_down_delay == 1200 * S && a.eval_period == 20 * S && a.at_zero == KW_ZERO_REJECT_AND_START &&
          a.reject_code == 503);
    CHECK(read_text("kpa", "{}", &a) == KW_OK);
    CHECK(a.scaler == KW_SCALER_KPA && a.target == 100 && a.utilisation == 0.7 && a.scale_up_window == 60 * S &&
          a.panic_window_share == 0.1 && a.panic_threshold == 2 && a.max_up_rate == 1000 && a.max_down_rate == 2 &&
          a.zero_timeout == 60 * S && a.hard_concurrency == 0 && a.eval_period == 2 * S);
    CHECK(read_text("dynamo", "{}", &a) == KW_OK);
    CHECK(a.scaler == KW_SCALER_DYNAMO && a.eval_period == 5 * S && a.up_above == 1 && a.down_below == 0.6);
    CHECK(get("keda")->node_idle == 600 * S && get("keda")->packs && get("ray_serve")->node_idle == 300 * S);
    CHECK(get("skyserve")->node_idle == 0 && !get("skyserve")->packs && get("dynamo")->least_warm == 1);
    for (size_t i = 0; i < all.n; i++) {
        CHECK(all.p[i].weakest == KW_GRADE_PUBLISHED && all.p[i].n_facts > 5);
        for (size_t k = 0; k < all.p[i].n_facts; k++)
            CHECK(all.p[i].facts[k].provenance.source[0] && all.p[i].facts[k].provenance.date[0]);
    }
}

static void a_user_says_more(void)
{
    struct kw_autoscaling a;
    char text[200];
    CHECK(read_text("ray_serve",
                    "{\"autoscaling\": {\"downscale_delay_s\": 60, \"target_ongoing_requests\": \"16.5\", "
                    "\"max_ongoing_requests\": 64}}",
                    &a) == KW_OK);
    CHECK(a.scale_down_delay == 60 * S && a.zero_timeout == 60 * S && a.target == 16.5 && a.hard_concurrency == 64);
    CHECK(!strcmp(
        kw_self_managed_settings(get("ray_serve"), &a, text, sizeof text),
        "target_ongoing_requests=16.5 max_ongoing_requests=64 downscale_delay_s=60 downscale_to_zero_delay_s=60"));
    CHECK(read_text("ray_serve", "{\"autoscaling\": {\"downscale_to_zero_delay_s\": \"1200\"}}", &a) == KW_OK);
    CHECK(a.scale_down_delay == 600 * S && a.zero_timeout == 1200 * S);
    CHECK(read_text("kpa", "{\"autoscaling\": {\"containerConcurrency\": 8, \"stable-window\": 30}}", &a) == KW_OK);
    CHECK(a.hard_concurrency == 8 && a.target == 8 && a.zero_timeout == 30 * S);
    CHECK(read_text("kpa",
                    "{\"autoscaling\": {\"containerConcurrency\": 8, \"container-concurrency-target-default\": 4}}",
                    &a) == KW_OK);
    CHECK(a.target == 4);
    CHECK(read_text("dynamo", "{\"autoscaling\": {\"optimization_target\": \"latency\"}}", &a) == KW_OK);
    CHECK(a.up_above == 0.4 && a.down_below == 0.1);
    CHECK(read_text("dynamo",
                    "{\"autoscaling\": {\"optimization_target\": \"load\", \"decode_scale_up_kv_rate\": 75, "
                    "\"decode_scale_down_kv_rate\": \"25\"}}",
                    &a) == KW_OK);
    CHECK(a.up_above == 0.75 && a.down_below == 0.25);
    CHECK(read_text("skyserve", "{\"autoscaling\": {\"target_qps_per_replica\": 1}}", &a) == KW_OK);
    CHECK(!strcmp(kw_self_managed_settings(get("skyserve"), &a, text, sizeof text), "target_qps_per_replica=1"));
}

/* A behavior is filled in as the API server does: what is not said of it is the default's, a window down the
 * controller's. */
static void a_behavior_is_filled_in(void)
{
    struct kw_autoscaling a;
    CHECK(read_text(
              "keda",
              "{\"autoscaling\": {\"behavior\": {\"scaleDown\": {\"policies\": [{\"type\": \"Pods\", \"value\": 1, "
              "\"periodSeconds\": 60}]}}, \"horizontal-pod-autoscaler-downscale-stabilization\": 120, \"triggers\": "
              "[{\"metric\": \"num_requests_waiting\", \"threshold\": 1, \"activationThreshold\": 2}]}}",
              &a) == KW_OK);
    CHECK(a.hpa.behaves && a.hpa.up.n == 2 && a.hpa.up.policy[0].pods && a.hpa.up.policy[0].value == 4 &&
          a.hpa.up.policy[0].period == 15 * S && !a.hpa.up.policy[1].pods && a.hpa.up.policy[1].value == 100 &&
          a.hpa.up.window == 0 && a.hpa.up.select == KW_SELECT_MAX);
    CHECK(a.hpa.down.n == 1 && a.hpa.down.policy[0].pods && a.hpa.down.policy[0].value == 1 &&
          a.hpa.down.policy[0].period == 60 * S && a.hpa.down.window == 120 * S);
    CHECK(a.hpa.trigger[0].activation == 2);
}

static void what_is_wrong_is_named(void)
{
    const struct kw_self_managed *f;
    refuses("keda", "{}", "has no default of 'triggers'");
    refuses("keda", "{\"pollingIntervall\": 5}",
            "has no parameter 'pollingIntervall' (did you mean 'pollingInterval'?)");
    refuses("keda", "{\"minReplicaCount\": 1}", "is keep_warm beside \"autoscaler\"");
    refuses("keda", "{\"idleReplicaCount\": 0}", "is not modelled (a floor");
    refuses("keda", "{\"pollingInterval\": 0}", "pollingInterval: want");
    refuses("keda", "{\"triggers\": []}", "want a list of 1 to 4 triggers");
    refuses("keda", "{\"triggers\": [{\"metric\": \"cpu\", \"threshold\": 1}]}", "triggers[0].metric");
    refuses("keda", "{\"triggers\": [{\"metric\": \"num_requests\", \"threshold\": 0}]}", "triggers[0].threshold");
    refuses("keda",
            "{\"triggers\": [{\"metric\": \"num_requests\", \"threshold\": 1}], \"behavior\": {\"scaleUp\": "
            "{\"policies\": [{\"type\": \"Pods\", \"value\": 1, \"periodSeconds\": 1801}]}}}",
            "scaleUp.policies[0].periodSeconds");
    refuses("skyserve", "{}", "has no default of 'target_qps_per_replica'");
    refuses("skyserve", "{\"AUTOSCALER_QPS_WINDOW_SIZE_SECONDS\": 30}", "is a constant of SkyServe");
    refuses("ray_serve", "{\"max_ongoing_requests\": \"1.5\"}", "want a whole number");
    refuses("ray_serve", "{\"upscaling_factor\": 0}", "upscaling_factor: want");
    refuses("ray_serve", "7", "want an object");
    refuses("dynamo", "{\"optimization_target\": \"sla\"}", "optimization_target");
    refuses("dynamo", "{\"optimization_target\": \"load\"}", "no default of 'decode_scale_up_kv_rate'");
    refuses("dynamo", "{\"decode_scale_up_kv_rate\": 50}", "is of optimization_target 'load'; it is 'throughput'");
    refuses("dynamo",
            "{\"optimization_target\": \"load\", \"decode_scale_up_kv_rate\": 5, \"decode_scale_down_kv_rate\": 5}",
            "must be above decode_scale_down_kv_rate");
    CHECK(kw_self_managed_find(&all, "keta", &f, &err) == KW_ERANGE && strstr(err.msg, "did you mean 'keda'"));
}

static void a_file_is_whole(void)
{
    static const struct {
        const char *from, *to, *message;
    } change[] = { { "\"upscaling_factor\"", "\"upscaling_faktor\"", "missing parameter 'upscaling_factor'" },
                   { "\"value\": \"ray_serve\", \"src\": \"policy\"", "\"value\": \"fixed\", \"src\": \"policy\"",
                     "users do not run 'fixed' themselves" },
                   { "\"default\": \"2\"", "\"default\": \"0\"", "want" },
                   { "\"range\": [\"1\", \"1000000\"]", "\"range\": [\"1\"]", "want [least, most]" } };
    const struct kw_json *doc = &get("ray_serve")->doc;
    for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
        char text[8192];
        const char *at = strstr(doc->text, change[i].from);
        CHECK(at && doc->len + 100 < sizeof text);
        if (!at) continue;
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - doc->text), doc->text, change[i].to,
                 at + strlen(change[i].from));
        struct kw_self_managed f = { .name = "" };
        CHECK(kw_self_managed_parse(&f, "t", text, strlen(text), &err) != KW_OK && strstr(err.msg, change[i].message));
    }
}

int main(void)
{
    if (kw_self_managed_embedded(&all, &err) != KW_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    RUN(defaults_are_theirs);
    RUN(a_user_says_more);
    RUN(a_behavior_is_filled_in);
    RUN(what_is_wrong_is_named);
    RUN(a_file_is_whole);
    kw_self_managed_free(&all);
    return check_report();
}
