#include "sim/io/scenario/autoscalers.h"
#include "sim/io/scenario/key_use.h"
#include "sim/io/scenario/user_law.h"

/* The autoscaler that n names, its parameters from own. */
static enum kw_status read_one(struct kw_jnode n, struct kw_jnode own, const struct kw_self_managed_all *all,
                               const struct kw_self_managed **f, struct kw_autoscaling *a, struct kw_error *err)
{
    const char *name;
    struct kw_error inner;
    enum kw_status st = kw_json_str(n, &name, err);
    if (st != KW_OK) return st;
    if ((st = kw_self_managed_find(all, name, f, &inner)) != KW_OK) return kw_json_fail(n, st, err, "%s", inner.msg);
    return kw_self_managed_read(*f, own, a, err);
}

static enum kw_status read_node(struct kw_jnode o, const char *object, struct kw_node_own *own, struct kw_error *err)
{
    const char *names[KW_KEYS_MAX];
    *own = (struct kw_node_own){ .idle = 0 };
    if (!kw_json_present(o)) return KW_OK;
    kw_key_names(object, names);
    enum kw_status st = kw_json_keys(o, names, err);
    if (st == KW_OK) st = kw_user_time_or_law(kw_json_get(o, "provision_s"), &own->provision, err);
    if (st == KW_OK) st = kw_user_time_or_law(kw_json_get(o, "pull_s"), &own->pull, err);
    own->idle_stated = kw_json_present(kw_json_get(o, "idle_s"));
    if (st == KW_OK) st = kw_json_nano_or(kw_json_get(o, "idle_s"), 0, 0, 168 * KW_NS_PER_HOUR, &own->idle, err);
    return st;
}

enum kw_status kw_autoscalers_deployment(struct kw_jnode o, const struct kw_self_managed_all *all, struct kw_choice *c,
                                         struct kw_error *err)
{
    const struct kw_self_managed *f;
    struct kw_autoscaling a;
    struct kw_node_own node;
    struct kw_jnode n = kw_json_get(o, "autoscaler");
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = read_one(n, kw_json_get(o, "autoscaling"), all, &f, &a, err);
    if (st == KW_OK) st = read_node(kw_json_get(o, "node"), "deployments[].node", &node, err);
    if (st == KW_OK && !kw_json_present(kw_json_get(o, "max_replicas")))
        st = kw_json_fail(n, KW_EPARSE, err, "has no default for the most replicas: state max_replicas beside it");
    if (st == KW_OK) kw_choice_self_managed(c, f, &a, &node);
    return st;
}

enum kw_status kw_autoscalers_plan(struct kw_jnode o, const struct kw_self_managed_all *all, struct kw_plan_options *p,
                                   struct kw_error *err)
{
    static const char *const keys[] = { "autoscaler", "autoscaling", NULL };
    struct kw_jnode list = kw_json_get(o, "autoscalers");
    p->n_autoscalers = 0;
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = read_node(kw_json_get(o, "node"), "candidates.node", &p->own_node, err);
    if (st != KW_OK || !kw_json_present(list)) return st;
    if (!kw_json_is_array(list)) return kw_json_fail(list, KW_EPARSE, err, "want a list");
    if (kw_json_len(list) > KW_PLAN_MAX_AUTOSCALERS)
        return kw_json_fail(list, KW_ERANGE, err, "at most %d", KW_PLAN_MAX_AUTOSCALERS);
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++) {
        struct kw_jnode n = kw_json_at(list, i), name = n, own = kw_json_get(n, "autoscaling");
        struct kw_plan_autoscaler *x = &p->autoscaler[p->n_autoscalers++];
        if (kw_json_is_object(n)) {
            st = kw_json_keys(n, keys, err);
            name = kw_json_get(n, "autoscaler");
        }
        if (st == KW_OK) st = read_one(name, own, all, &x->file, &x->scaling, err);
    }
    return st;
}
