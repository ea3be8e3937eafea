/* The shipped profiles are what `make profiles` writes from the published tables, to the byte: a change of a fit, or of
 * an error it states, that did not reach calibrate/data/profiles fails here. */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>
#include "calibrate/import/import.h"
#include "sim/core/files/embedded.h"
#include "tests/check.h"

static void silent(const char *line, void *arg)
{
    (void)line;
    (void)arg;
}

/* True where dir/name holds the text shipped under that name; removes the file. */
static int as_shipped(const char *dir, const char *name)
{
    char path[512], text[64 * 1024];
    size_t len;
    snprintf(path, sizeof path, "calibrate/data/profiles/%s", name);
    const char *shipped = kw_embedded_find(path, &len);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;
    if (f) fclose(f);
    remove(path);
    if (shipped && n == len && !memcmp(text, shipped, n)) return 1;
    fprintf(stderr, "%s: `make profiles` writes %s\n", name,
            shipped ? "another text than the one committed" : "it, but it is not committed");
    return 0;
}

static void make_profiles_writes_what_is_committed(void)
{
    const char *data = getenv("KEEPWARM_DATA");
    if (!data) data = "../shared/data";
    if (access(data, R_OK) != 0) {
        SKIP("no KEEPWARM_DATA with the published tables");
        return;
    }
    struct kw_error err = { .msg = "" };
    char dir[] = "/tmp/kw_shipped_XXXXXX";
    CHECK(mkdtemp(dir) != NULL);
    CHECK(kw_calibrate_ship(data, dir, silent, NULL, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    size_t written = 0, from_tables = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        CHECK(as_shipped(dir, e->d_name));
        written++;
    }
    if (d) closedir(d);
    CHECK(rmdir(dir) == 0);
    struct kw_profiles all;
    CHECK(kw_profiles_embedded(&all, &err) == KW_OK);
    for (size_t i = 0; i < all.n; i++) from_tables += all.p[i].steps.grade != KW_GRADE_MEASURED;
    CHECK(written == from_tables); /* none is left over that nothing writes any more */
    kw_profiles_free(&all);
}

int main(void)
{
    RUN(make_profiles_writes_what_is_committed);
    return check_report();
}
