/* Where a scenario's files lie: its folder before the working folder, a result's between them. */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include "sim/io/scenario/search_path.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/check.h"

static char buf[KW_SEARCH_PATH_SIZE];
static bool beside;

static void touch(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f) abort();
    fclose(f);
}

static void the_scenario_s_folder_comes_first(void)
{
    struct kw_search_path p;
    kw_search_path_init(&p, "s/scenario.json", NULL);
    CHECK_STR(p.folder[0], "s");
    CHECK_STR(kw_search_path_find(&p, "both.json", buf, &beside), "s/both.json");
    CHECK(beside);
    CHECK_STR(kw_search_path_find(&p, "here.json", buf, &beside), "here.json");
    CHECK(!beside);
    CHECK_STR(kw_search_path_find(&p, "nowhere.json", buf, &beside), "nowhere.json");
    CHECK_STR(kw_search_path_find(&p, "-", buf, &beside), "-");
    CHECK_STR(kw_search_path_find(&p, "", buf, NULL), "");
    char absolute[256], cwd[128];
    CHECK(getcwd(cwd, sizeof cwd) != NULL);
    snprintf(absolute, sizeof absolute, "%s/both.json", cwd);
    CHECK_STR(kw_search_path_find(&p, absolute, buf, &beside), absolute);
    CHECK(!beside);
    const char *none[] = { NULL, "-", "scenario.json" };
    for (int i = 0; i < 3; i++) {
        kw_search_path_init(&p, none[i], NULL);
        CHECK_STR(kw_search_path_find(&p, "both.json", buf, &beside), "both.json");
        CHECK(!beside);
    }
    kw_search_path_init(&p, "/scenario.json", NULL);
    CHECK_STR(p.folder[0], "/");
    CHECK_STR(kw_search_path_find(&p, "tmp", buf, &beside), "/tmp");
}

static void a_result_tells_of_the_scenario_s_folder(void)
{
    struct kw_search_path p;
    kw_search_path_init(&p, "r/result.h5", "s");
    CHECK_STR(kw_search_path_find(&p, "both.json", buf, &beside), "s/both.json");
    CHECK(beside);
    CHECK_STR(kw_search_path_find(&p, "kept.json", buf, &beside), "r/kept.json");
    CHECK(!beside);
    CHECK_STR(kw_search_path_find(&p, "here.json", buf, &beside), "here.json");
    kw_search_path_init(&p, "r/result.h5", NULL);
    CHECK_STR(kw_search_path_find(&p, "both.json", buf, &beside), "both.json");
}

static void what_is_nowhere_was_looked_for_everywhere(void)
{
    struct kw_search_path p;
    struct kw_error err = { "gone.json: No such file or directory" };
    kw_search_path_init(&p, "r/result.h5", "s");
    CHECK(kw_search_path_nor(&p, "gone.json", KW_EINPUT, &err) == KW_EINPUT);
    CHECK_STR(err.msg, "gone.json: No such file or directory (nor is there s/gone.json) (nor is there r/gone.json)");
    err = (struct kw_error){ "here.json: it is a folder" };
    kw_search_path_nor(&p, "here.json", KW_EINPUT, &err);
    CHECK_STR(err.msg, "here.json: it is a folder");
    kw_search_path_init(&p, "s/result.h5", "s"); /* one place, named once */
    err = (struct kw_error){ "gone.json: gone" };
    kw_search_path_nor(&p, "gone.json", KW_EINPUT, &err);
    CHECK_STR(err.msg, "gone.json: gone (nor is there s/gone.json)");
}

static void long_names_are_no_danger(void)
{
    static char document[3 * KW_SEARCH_PATH_SIZE];
    struct kw_search_path p;
    memset(document, 'x', sizeof document - 1);
    CHECK_STR(kw_search_path_find((kw_search_path_init(&p, "s/a.json", NULL), &p), document, buf, &beside), document);
    memcpy(document + 2 * KW_SEARCH_PATH_SIZE, "/a.json", 8);
    kw_search_path_init(&p, document, document);
    CHECK_STR(p.folder[0], "");
    CHECK_STR(kw_search_path_find(&p, "here.json", buf, &beside), "here.json");
}

int main(void)
{
    char dir[] = "/tmp/kw_search_path_XXXXXX";
    if (!mkdtemp(dir) || chdir(dir) || mkdir("s", 0700) || mkdir("r", 0700)) return 1;
    touch("both.json");
    touch("s/both.json");
    touch("here.json");
    touch("r/kept.json");
    RUN(the_scenario_s_folder_comes_first);
    RUN(a_result_tells_of_the_scenario_s_folder);
    RUN(what_is_nowhere_was_looked_for_everywhere);
    RUN(long_names_are_no_danger);
    const char *files[] = { "both.json", "s/both.json", "here.json", "r/kept.json", "s", "r", dir };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) remove(files[i]);
    return check_report();
}
