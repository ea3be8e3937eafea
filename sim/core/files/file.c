#include "sim/core/files/file.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum kw_status refused(const char *path, int why, struct kw_error *err)
{
    return kw_fail(err, why == ENOMEM ? KW_ENOMEM : KW_EIO, "%.300s: %s", path, strerror(why));
}

static void release(struct kw_file *f)
{
    free(f->path);
    free(f->tmp);
    *f = (struct kw_file){ .fd = -1 };
}

enum kw_status kw_file_create(struct kw_file *f, const char *path, struct kw_error *err)
{
    struct stat s;
    *f = (struct kw_file){ .fd = -1 };
    if (!stat(path, &s) && !S_ISREG(s.st_mode))
        return kw_fail(err, KW_EIO, "%.300s: %s", path,
                       S_ISDIR(s.st_mode) ? "is a directory" : "is no regular file; results need one");
    size_t n = strlen(path), with_suffix = n + 32;
    f->path = malloc(n + 1);
    f->tmp = malloc(with_suffix);
    if (!f->path || !f->tmp) {
        release(f);
        return kw_fail(err, KW_ENOMEM, "%.300s: out of memory", path);
    }
    memcpy(f->path, path, n + 1);
    snprintf(f->tmp, with_suffix, "%s.tmp.%ld", path, (long)getpid());
    /* Truncated and not O_EXCL: what a crashed process of the same id left behind must not be in the way. Not through a
     * symbolic link, which somebody else may have put there. */
    f->fd = open(f->tmp, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (f->fd >= 0) return KW_OK;
    enum kw_status st = refused(path, errno, err);
    release(f);
    return st;
}

enum kw_status kw_file_write(struct kw_file *f, const void *from, size_t n, struct kw_error *err)
{
    assert(f->fd >= 0);
    for (const char *p = from; n;) {
        errno = 0;
        ssize_t put = write(f->fd, p, n);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return refused(f->path, errno ? errno : EIO, err);
        p += put;
        n -= (size_t)put;
    }
    return KW_OK;
}

/* The rename itself must survive a power cut. Some file systems cannot sync a directory, and one may be writable
 * without being readable: neither is a failure. 0, or errno. */
static int sync_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    char *dir = malloc(n + 2);
    if (!dir) return ENOMEM;
    snprintf(dir, n + 2, "%.*s", n ? (int)n : 1, slash ? path : ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), why = fd < 0 || fsync(fd) ? errno : 0;
    if (fd >= 0) close(fd);
    free(dir);
    return why == EINVAL || why == EACCES ? 0 : why;
}

enum kw_status kw_file_commit(struct kw_file *f, struct kw_error *err)
{
    assert(f->fd >= 0);
    /* fsync before close and rename: otherwise a crash can leave the new name on an empty file. */
    int why = fsync(f->fd) ? errno : 0;
    if (close(f->fd) && !why) why = errno;
    f->fd = -1;
    if (!why && rename(f->tmp, f->path)) why = errno;
    enum kw_status st = KW_OK;
    if (why) {
        unlink(f->tmp);
        st = refused(f->path, why, err);
    } else if ((why = sync_directory_of(f->path)) != 0) {
        st = kw_fail(err, why == ENOMEM ? KW_ENOMEM : KW_EIO, "%.300s: cannot sync its directory: %s", f->path,
                     strerror(why));
    }
    release(f);
    return st;
}

void kw_file_abandon(struct kw_file *f)
{
    if (f->fd >= 0) close(f->fd);
    if (f->tmp) unlink(f->tmp);
    release(f);
}

enum kw_status kw_file_check(const char *path, struct kw_error *err)
{
    struct kw_file f;
    enum kw_status st = kw_file_create(&f, path, err);
    if (st == KW_OK) kw_file_abandon(&f);
    return st;
}

enum kw_status kw_file_replace(const char *path, const char *text, size_t n, struct kw_error *err)
{
    struct kw_file f;
    enum kw_status st = kw_file_create(&f, path, err);
    if (st != KW_OK) return st;
    if ((st = kw_file_write(&f, text, n, err)) == KW_OK) return kw_file_commit(&f, err);
    kw_file_abandon(&f);
    return st;
}
