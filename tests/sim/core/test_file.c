/* Whole or not at all: a full disk, a missing directory and a device leave what was there; and everything that the
 * program writes under its own name is synced, renamed and its directory synced, in this order. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "calibrate/profile/profile.h"
#include "engine/model/synthetic.h"
#include "sim/core/files/embedded.h"
#include "sim/core/files/file.h"
#include "sim/core/files/h5.h"
#include "tests/check.h"
#include "workloads/model.h"
#include "workloads/trace_h5.h"

static char dir[] = "/tmp/keepwarm-file-XXXXXX";

/* What the program asks of the disk, in order: f a file synced, d a directory synced, r a rename. These stand before
 * libc's own for all that is linked into this test. */
static char asked[64];
static int refuse_sync;

static void note(char c)
{
    size_t n = strlen(asked);
    if (n + 1 < sizeof asked) asked[n] = c, asked[n + 1] = 0;
}

int fsync(int fd)
{
    struct stat s;
    int is_dir = !fstat(fd, &s) && S_ISDIR(s.st_mode);
    note(is_dir ? 'd' : 'f');
    if (refuse_sync == (is_dir ? 'd' : 'f')) {
        errno = EIO;
        return -1;
    }
    return fdatasync(fd); /* libc's fsync is hidden by this one */
}

int rename(const char *from, const char *to)
{
    note('r');
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

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

static void what_is_in_the_way_of_the_temporary_file(void)
{
    char path[80], tmp[128], other[80];
    struct kw_file f;
    snprintf(path, sizeof path, "%s/b", dir);
    snprintf(other, sizeof other, "%s/a", dir); /* holds "two" */
    snprintf(tmp, sizeof tmp, "%s.tmp.%ld", path, (long)getpid());
    CHECK(!kw_file_replace(tmp, "left by a crash", 15, NULL));
    CHECK(!kw_file_create(&f, path, NULL) && !strcmp(f.tmp, tmp) && !kw_file_write(&f, "b", 1, NULL));
    CHECK(holds(tmp, "b") && access(path, F_OK)); /* truncated; nothing under the name yet */
    kw_file_abandon(&f);
    CHECK(access(tmp, F_OK) && access(path, F_OK));
    CHECK(!symlink(other, tmp));
    CHECK(kw_file_replace(path, "b", 1, NULL) == KW_EIO && holds(other, "two")); /* a link is not written through */
    unlink(tmp);
    CHECK(entries() == 1);
}

static void a_sync_that_fails_is_told(void)
{
    char path[80], want[160];
    struct kw_error err = { "" };
    snprintf(path, sizeof path, "%s/a", dir);
    refuse_sync = 'f';
    CHECK(kw_file_replace(path, "three", 5, &err) == KW_EIO && holds(path, "two") && entries() == 1);
    snprintf(want, sizeof want, "%s: %s", path, strerror(EIO));
    CHECK_STR(err.msg, want);
    refuse_sync = 'd';
    CHECK(kw_file_replace(path, "two", 3, &err) == KW_EIO && holds(path, "two") && entries() == 1);
    snprintf(want, sizeof want, "%s: cannot sync its directory: %s", path, strerror(EIO));
    CHECK_STR(err.msg, want);
    refuse_sync = 0;
}

/* Each kind of file the program makes, all through kw_file_commit. */
static void every_writer_syncs_and_renames(void)
{
    static struct kw_profile p;
    static struct kw_workload w;
    char path[120];
    const char *text;
    size_t n;
    struct kw_h5 *h;
    struct kw_error err = { "" };
    kw_ns arrival[] = { 0, 5 };
    uint32_t tokens[] = { 3, 4 };
    struct kw_trace t = { .n = 2, .arrival = arrival, .prompt = tokens, .output = tokens, .span = 5 };

    snprintf(path, sizeof path, "%s/written", dir);
    asked[0] = 0;
    CHECK(!kw_file_replace(path, "x", 1, &err));
    CHECK_STR(asked, "frd");

    asked[0] = 0;
    CHECK(!kw_h5_create(&h, path, &err) && !kw_h5_attr_i64(h, "/", "x", 1, &err) && !kw_h5_commit(h, &err));
    CHECK_STR(asked, "frd");

    asked[0] = 0;
    CHECK(!kw_trace_save(&t, path, &err));
    CHECK_STR(asked, "frd");

    CHECK((text = kw_embedded_find("workloads/chat-week.json", &n)) != NULL);
    CHECK(text && !kw_workload_parse(&w, "chat-week.json", text, n, &err));
    asked[0] = 0;
    CHECK(!kw_workload_save(&w, path, &err));
    CHECK_STR(asked, "frd");

    CHECK((text = kw_embedded_find("calibrate/data/profiles/H100-llama-3.1-8b-bf16-tp1.json", &n)) != NULL);
    CHECK(text && !kw_profile_parse(&p, "H100", text, n, &err));
    asked[0] = 0;
    CHECK(!kw_profile_save(&p, path, &err));
    CHECK_STR(asked, "frd");
    kw_profile_free(&p);

    struct kw_model_config c;
    CHECK(!kw_config_named(&c, "tiny", &err));
    snprintf(path, sizeof path, "%s/model", dir);
    asked[0] = 0;
    CHECK(!kw_synthetic_write(&c, path, 1, 0, &err)); /* one shard of weights, then config.json */
    CHECK_STR(asked, "frdfrd");
    snprintf(path, sizeof path, "%s/model/model.safetensors", dir);
    CHECK(!unlink(path));
    snprintf(path, sizeof path, "%s/model/config.json", dir);
    CHECK(!unlink(path));
    snprintf(path, sizeof path, "%s/model", dir);
    CHECK(!rmdir(path)); /* nothing else was left in it */
    snprintf(path, sizeof path, "%s/written", dir);
    CHECK(!unlink(path) && entries() == 1);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    RUN(replaces_whole);
    RUN(a_full_disk_leaves_the_old_file);
    RUN(what_cannot_be_written_says_why);
    RUN(what_is_in_the_way_of_the_temporary_file);
    RUN(a_sync_that_fails_is_told);
    RUN(every_writer_syncs_and_renames);
    char path[80];
    snprintf(path, sizeof path, "%s/a", dir);
    unlink(path);
    rmdir(dir);
    return check_report();
}
