/* Whole or not at all: a full disk, a missing directory and a device leave what was there. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <dirent.h>
#include "sim/core/files/file.h"
#include "tests/check.h"

static char dir[] = "/tmp/keepwarm-file-XXXXXX";

static int entries(void)
{
    int n = 0;
    DIR *d = opendir(dir);
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n - 2; /* . and .. */
}

static int holds(const char *path, const char *want)
{
    char buf[64] = "";
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    size_t n = fread(buf, 1, sizeof buf - 1, f);
    fclose(f);
    return n == strlen(want) && !strcmp(buf, want);
}

static void replaces_whole(void)
{
    char path[80];
    snprintf(path, sizeof path, "%s/a", dir);
    CHECK(!kw_file_replace(path, "one", 3, NULL) && holds(path, "one"));
    CHECK(!kw_file_replace(path, "", 0, NULL) && holds(path, ""));
    CHECK(!kw_file_replace(path, "two", 3, NULL) && holds(path, "two"));
    CHECK(entries() == 1);
}

static void a_full_disk_leaves_the_old_file(void)
{
    char path[80], big[100000];
    struct kw_error err = { "" };
    struct rlimit was, small;
    snprintf(path, sizeof path, "%s/a", dir);
    memset(big, 'x', sizeof big);
    getrlimit(RLIMIT_FSIZE, &was);
    small = was;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    CHECK(kw_file_replace(path, big, sizeof big, &err) == KW_EIO);
    setrlimit(RLIMIT_FSIZE, &was);
    CHECK(strstr(err.msg, "File too large") != NULL);
    CHECK(holds(path, "two") && entries() == 1);
}

static void what_cannot_be_written_says_why(void)
{
    struct kw_error err = { "" };
    CHECK(kw_file_replace("/nowhere/at/all", "x", 1, &err) == KW_EIO);
    CHECK_STR(err.msg, "/nowhere/at/all: No such file or directory");
    CHECK(kw_file_replace("/dev/null", "x", 1, &err) == KW_EIO);
    CHECK_STR(err.msg, "/dev/null: is no regular file; results need one");
    CHECK(kw_file_check("/nowhere/at/all", &err) == KW_EIO && kw_file_check("/dev/null", &err) == KW_EIO);
    CHECK_STR(err.msg, "/dev/null: is no regular file; results need one");
    char path[200];
    snprintf(path, sizeof path, "%s/checked", dir);
    int before = entries();
    CHECK(kw_file_check(path, &err) == KW_OK && entries() == before); /* nothing is left of it */
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    RUN(replaces_whole);
    RUN(a_full_disk_leaves_the_old_file);
    RUN(what_cannot_be_written_says_why);
    char path[80];
    snprintf(path, sizeof path, "%s/a", dir);
    unlink(path);
    rmdir(dir);
    return check_report();
}
