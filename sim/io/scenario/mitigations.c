#include "sim/io/scenario/mitigations.h"
#include "sim/io/scenario/key_use.h"

#define LONGEST (87600 * KW_NS_PER_HOUR) /* ten years, as of all times of a scenario */

static enum kw_status known_keys(struct kw_jnode o, const char *object, struct kw_error *err)
{
    const char *names[KW_KEYS_MAX];
    kw_key_names(object, names);
    return kw_json_keys(o, names, err);
}

/* "ping": {"every_s": "59"}: the least that a platform counts as a request is one token in and one out. */
static enum kw_status read_ping(struct kw_jnode o, struct kw_ping *p, struct kw_error *err)
{
    int64_t prompt = 1;
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = known_keys(o, "deployments[].ping", err);
    if (st == KW_OK) st = kw_json_nano(kw_json_get(o, "every_s"), KW_NS_PER_S, LONGEST, &p->every, err);
    if (st == KW_OK) st = kw_json_i64_or(kw_json_get(o, "prompt_tokens"), 1, 1, 100000, &prompt, err);
    p->prompt = (uint32_t)prompt;
    p->output = 1;
    return st;
}

enum kw_status kw_mitigations_read(struct kw_jnode deployment, struct kw_choice *c, struct kw_error *err)
{
    return read_ping(kw_json_get(deployment, "ping"), &c->ping, err);
}
