/* The rows of silicon_public as they are read: halves by configuration, repeats left out, splits as the rows mean them. */
#include "tests/fidelity/silicon.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tests/check.h"

static struct kw_silicon s;
static struct kw_error err;

static const struct kw_silicon_run *row(const char *engine, const char *version, const char *model, uint32_t tp)
{
    for (size_t i = 0; i < s.n; i++) {
        const struct kw_silicon_run *r = &s.run[i];
        if (!strcmp(r->engine, engine) && !strcmp(r->version, version) && r->m && !strcmp(r->m->name, model) &&
            r->split.tp == tp && r->why == KW_SILICON_JUDGED)
            return r;
    }
    return NULL;
}

static bool siblings(const struct kw_silicon_run *a, const struct kw_silicon_run *b)
{
    return kw_model_same_shape(a->m->name, b->m->name) && !strcmp(a->gpu, b->gpu) && !strcmp(a->engine, b->engine) &&
           !strcmp(a->version, b->version) && !strcmp(a->precision, b->precision) && a->split.tp == b->split.tp &&
           a->split.ep == b->split.ep && a->split.dp == b->split.dp;
}

static void siblings_share_a_half_and_halves_are_halves(void)
{
    size_t held = 0, judged = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.run[i].why != KW_SILICON_JUDGED) continue;
        judged++, held += s.run[i].held_out;
        for (size_t k = 0; k < i; k++)
            if (s.run[k].why == KW_SILICON_JUDGED && siblings(&s.run[k], &s.run[i]))
                CHECK(s.run[k].held_out == s.run[i].held_out);
    }
    CHECK(s.n == 1749 && judged > 1200 && held * 10 > judged * 4 && held * 10 < judged * 6);
}

static void rows_are_read_as_they_mean(void)
{
    size_t repeated = 0;
    for (size_t i = 0; i < s.n; i++) repeated += s.run[i].why == KW_SILICON_REPEATED;
    CHECK(repeated >= 15); /* DeepSeek-R1 once more as V3 */
    const struct kw_silicon_run *r = row("vllm", "0.12.0", "qwen3-235b-a22b-fp8", 1);
    CHECK(r && r->split.dp > 1); /* tp 1 beside experts over 2 or 4 GPUs: ranks */
    r = row("vllm", "0.18.0", "gpt-oss-120b", 4);
    CHECK(r && !strcmp(r->precision, "mxfp4") && r->split.ep == 1 && !r->split.kv_fp8);
    r = row("trtllm", "", "llama-3.1-70b", 8);
    CHECK(r && r->split.kv_fp8);
    for (size_t i = 0; i < s.n; i++) {
        r = &s.run[i];
        if (r->why == KW_SILICON_JUDGED) CHECK(r->split.tp * r->split.dp <= 8 && r->tpot_s > 0);
        if (!strcmp(r->version, "1.0.0rc3")) CHECK(isnan(r->ttft_s));
    }
}

/* n requests of osl tokens in flight for TTFT + (osl - 1) TPOT. */
static void the_rate_is_littles(void)
{
    const struct kw_silicon_run r = { .at_once = 10, .output = 101 };
    CHECK_NEAR(kw_silicon_rate(&r, 1, 0.01), 10 * 101 / 2.0, 1e-9);
}

int main(void)
{
    const char *dir = getenv("KEEPWARM_DATA");
    RUN(the_rate_is_littles);
    if (!dir) {
        SKIP("no KEEPWARM_DATA");
        return check_report();
    }
    CHECK(kw_silicon_load(&s, dir, &err) == KW_OK);
    RUN(siblings_share_a_half_and_halves_are_halves);
    RUN(rows_are_read_as_they_mean);
    kw_silicon_free(&s);
    return check_report();
}
