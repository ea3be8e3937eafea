#include "sim/core/files/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The rename itself must survive a power cut. A file system that cannot sync directories is no failure. */
static void sync_directory(const char *path)
{
    char dir[1024];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof dir) return;
    memcpy(dir, path, n);
    strcpy(dir + n, slash ? "/" : ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

/* The temporary file, open to write; its name in tmp. */
static enum kw_status open_beside(FILE **f, char tmp[1024], const char *path, struct kw_error *err)
{
    struct stat s;
    if (!stat(path, &s) && !S_ISREG(s.st_mode))
        return kw_fail(err, KW_EIO, "%.300s: %s", path,
                       S_ISDIR(s.st_mode) ? "is a directory" : "is no regular file; results need one");
    if (snprintf(tmp, 1024, "%s.tmp.%ld", path, (long)getpid()) >= 1024)
        return kw_fail(err, KW_EIO, "%.300s: %s", path, strerror(ENAMETOOLONG));
    *f = fopen(tmp, "w");
    return *f ? KW_OK : kw_fail(err, KW_EIO, "%.300s: %s", path, strerror(errno));
}

enum kw_status kw_file_check(const char *path, struct kw_error *err)
{
    char tmp[1024];
    FILE *f;
    enum kw_status st = open_beside(&f, tmp, path, err);
    if (st != KW_OK) return st;
    fclose(f);
    unlink(tmp);
    return KW_OK;
}

enum kw_status kw_file_replace(const char *path, const char *text, size_t n, struct kw_error *err)
{
    char tmp[1024];
    FILE *f;
    enum kw_status st = open_beside(&f, tmp, path, err);
    if (st != KW_OK) return st;
    int why = 0;
    if ((n && fwrite(text, 1, n, f) != n) || fflush(f) || fsync(fileno(f))) why = errno ? errno : EIO;
    if (fclose(f) && !why) why = errno;
    if (!why && rename(tmp, path)) why = errno;
    if (why) {
        unlink(tmp);
        return kw_fail(err, KW_EIO, "%.300s: %s", path, strerror(why));
    }
    sync_directory(path);
    return KW_OK;
}
