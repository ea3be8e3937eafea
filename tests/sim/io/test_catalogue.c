/* What a result keeps of the platform files it was made with: lines written now, lines of results of before, and text that
 * is none of ours; profiles made for a deployment. */
#include "sim/io/scenario/catalogue.h"
#include "tests/check.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static bool is(const struct kw_platform_line *l, bool hashed, bool offered, const char *name, const char *path)
{
    return (l->sha256 != NULL) == hashed && l->offered == offered && (size_t)l->name_len == strlen(name) &&
           !strncmp(l->name, name, strlen(name)) && (size_t)l->path_len == strlen(path) &&
           !strncmp(l->path, path, strlen(path));
}

static void lines_of_platform_files(void)
{
    const char *text = SHA " offered groq my folder/groq.json\n" SHA
                           " named modal ./mine.json\nmodal old file.json\n" SHA " named\nnothing\n\nlast p";
    struct kw_platform_line l;
    CHECK(kw_platform_line_next(&text, &l) && is(&l, true, true, "groq", "my folder/groq.json"));
    CHECK(kw_platform_line_next(&text, &l) && is(&l, true, false, "modal", "./mine.json"));
    CHECK(kw_platform_line_next(&text, &l) &&
          is(&l, false, false, "modal", "old file.json")); /* as results of before have it */
    CHECK(kw_platform_line_next(&text, &l) && is(&l, false, false, SHA, "named"));
    CHECK(kw_platform_line_next(&text, &l) && is(&l, false, false, "nothing", ""));
    CHECK(kw_platform_line_next(&text, &l) && is(&l, false, false, "", ""));
    CHECK(kw_platform_line_next(&text, &l) && is(&l, false, false, "last", "p"));
    CHECK(!kw_platform_line_next(&text, &l));
}

/* One for each routing, and the same one again; of a dense model one for all. */
static void a_profile_is_of_the_routing_asked_for(void)
{
    struct kw_catalogue c;
    struct kw_error err = { "" };
    const struct kw_profile *p, *q, *again;
    const struct kw_parallel par = { 1, 2, 2 }, one = { .tp = 2 };
    CHECK(kw_catalogue_load(&c, "2026-11-29", &err) == KW_OK);
    CHECK(kw_catalogue_group(&c, "H100", "qwen3-30b-a3b", "bf16", par, &p, &err) == KW_OK);
    c.routing = KW_EXPERTS_BALANCED;
    CHECK(kw_catalogue_group(&c, "H100", "qwen3-30b-a3b", "bf16", par, &q, &err) == KW_OK);
    CHECK(q != p && p->routing == KW_EXPERTS_POWER_LAW && q->routing == KW_EXPERTS_BALANCED);
    CHECK(kw_catalogue_group(&c, "H100", "qwen3-30b-a3b", "bf16", par, &again, &err) == KW_OK && again == q);
    CHECK(!kw_catalogue_routes(&c, p) && kw_catalogue_routes(&c, q));
    c.routing = KW_EXPERTS_POWER_LAW;
    CHECK(kw_catalogue_group(&c, "H100", "qwen3-30b-a3b", "bf16", par, &again, &err) == KW_OK && again == p);
    CHECK(kw_catalogue_group(&c, "H100", "qwen3-32b", "fp8", one, &p, &err) == KW_OK);
    c.routing = KW_EXPERTS_BALANCED;
    CHECK(kw_catalogue_routes(&c, p));
    CHECK(kw_catalogue_group(&c, "H100", "qwen3-32b", "fp8", one, &again, &err) == KW_OK && again == p);
    kw_catalogue_free(&c);
}

int main(void)
{
    RUN(a_profile_is_of_the_routing_asked_for);
    RUN(lines_of_platform_files);
    return check_report();
}
