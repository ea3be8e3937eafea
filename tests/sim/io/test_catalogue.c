/* What a result keeps of the platform files it was made with: lines written now, lines of results of before, and text that
 * is none of ours. */
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

int main(void)
{
    RUN(lines_of_platform_files);
    return check_report();
}
