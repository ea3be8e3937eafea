#include "sim/core/files/h5_integrity.h"
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#define MAGIC "\nkeepwarm seal: "
#define SEAL_BYTES 64
#define CHUNK (1 << 18)
#define NUMBERS_BYTES_MAX                                                                                              \
    ((size_t)1 << 28) /* larger columns of numbers hold no heap and are left to HDF5's own checks */

static void seal_text(char seal[SEAL_BYTES], uint32_t crc, uint64_t bytes)
{
    memset(seal, 0, SEAL_BYTES);
    snprintf(seal, SEAL_BYTES, MAGIC "crc32 %08" PRIx32 " of %" PRIu64 " bytes\n", crc, bytes);
}

/* CRC-32 of the first `bytes` bytes. 0, or -1 with errno. */
static int checksum(int fd, uint64_t bytes, uint32_t *crc)
{
    unsigned char *buf = malloc(CHUNK);
    if (!buf) return -1;
    uLong sum = crc32(0, NULL, 0);
    uint64_t at = 0;
    while (at < bytes) {
        ssize_t n = pread(fd, buf, bytes - at < CHUNK ? (size_t)(bytes - at) : CHUNK, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = EIO; /* it shrank under us */
        if (n <= 0) break;
        sum = crc32(sum, buf, (uInt)n);
        at += (uint64_t)n;
    }
    free(buf);
    *crc = (uint32_t)sum;
    return at == bytes ? 0 : -1;
}

/* All of the seal, or -1 with errno: a short write is a full disk. */
static int put_seal(int fd, const char seal[SEAL_BYTES], off_t at)
{
    for (size_t done = 0; done < SEAL_BYTES;) {
        ssize_t n = pwrite(fd, seal + done, SEAL_BYTES - done, at + (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0) return -1;
        done += (size_t)n;
    }
    return 0;
}

enum kw_status kw_h5_seal(const char *path, struct kw_error *err)
{
    char seal[SEAL_BYTES];
    struct stat sb;
    uint32_t crc;
    int fd = open(path, O_RDWR | O_CLOEXEC), rc = fd < 0 ? -1 : fstat(fd, &sb);
    if (rc == 0) rc = checksum(fd, (uint64_t)sb.st_size, &crc);
    if (rc == 0) {
        seal_text(seal, crc, (uint64_t)sb.st_size);
        rc = put_seal(fd, seal, sb.st_size);
    }
    int e = errno;
    if (fd >= 0 && close(fd) < 0 && rc == 0) {
        rc = -1;
        e = errno;
    }
    return rc == 0 ? KW_OK : kw_fail(err, KW_EIO, "%.300s: cannot write: %s", path, strerror(e));
}

/* ---- a file that carries no checksum: the child's part, which reads every string and every number once */

static int read_values(hid_t type, hid_t space, hid_t attribute, hid_t set)
{
    hssize_t n = H5Sget_simple_extent_npoints(space);
    hid_t mem = H5Tget_native_type(type, H5T_DIR_ASCEND);
    size_t size = mem < 0 ? 0 : H5Tget_size(mem);
    bool heap = mem >= 0 && H5Tdetect_class(mem, H5T_VLEN) + H5Tis_variable_str(mem) > 0;
    int rc = n < 0 || !size ? -1 : 0;
    bool skip = !rc && (n == 0 || (size_t)n > NUMBERS_BYTES_MAX / size);
    if (!rc && skip && heap && n) rc = -1; /* strings by the hundred million are none of ours */
    void *values = rc || skip ? NULL : calloc((size_t)n, size);
    if (!rc && !skip && !values) rc = -1;
    if (values) {
        rc =
            attribute >= 0 ? H5Aread(attribute, mem, values) : H5Dread(set, mem, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
        if (rc >= 0 && heap) H5Dvlen_reclaim(mem, space, H5P_DEFAULT, values);
    }
    free(values);
    if (mem >= 0) H5Tclose(mem);
    return rc < 0 ? -1 : 0;
}

static herr_t read_attribute(hid_t object, const char *name, const H5A_info_t *info, void *unused)
{
    (void)info, (void)unused;
    hid_t a = H5Aopen(object, name, H5P_DEFAULT), type = a < 0 ? a : H5Aget_type(a),
          space = a < 0 ? a : H5Aget_space(a);
    int rc = type < 0 || space < 0 ? -1 : read_values(type, space, a, H5I_INVALID_HID);
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    if (a >= 0) H5Aclose(a);
    return rc;
}

static herr_t read_object(hid_t file, const char *name, const H5O_info_t *info, void *unused)
{
    (void)unused;
    hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    if (object < 0) return -1;
    hsize_t from = 0;
    int rc = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, &from, read_attribute, NULL);
    if (rc >= 0 && info->type == H5O_TYPE_DATASET) {
        hid_t type = H5Dget_type(object), space = H5Dget_space(object);
        rc = type < 0 || space < 0 ? -1 : read_values(type, space, H5I_INVALID_HID, object);
        if (space >= 0) H5Sclose(space);
        if (type >= 0) H5Tclose(type);
    }
    H5Oclose(object);
    return rc < 0 ? -1 : 0;
}

/* Never returns. Limits of its own: what spins uses processor time, and no length in a damaged file is believed. */
static void read_whole_and_exit(const char *path, off_t bytes)
{
    rlim_t seconds = 2 + (rlim_t)(bytes / (8 << 20));
    struct rlimit cpu = { seconds, seconds }, core = { 0, 0 };
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &core);
    alarm((unsigned)(4 * seconds));
    for (int s = 1; s < 32; s++) signal(s, SIG_DFL);
    int null = open("/dev/null", O_WRONLY);
    if (null >= 0) dup2(null, STDERR_FILENO);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    int rc = file < 0 ? -1 : H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_NATIVE, read_object, NULL, H5O_INFO_BASIC);
    /* What a damaged heap did to the memory often shows only when it is given back. */
    if (file >= 0 && H5Fclose(file) < 0) rc = -1;
    if (H5close() < 0) rc = -1;
    _exit(rc < 0 ? 1 : 0);
}

static enum kw_status verify_by_child(const char *path, off_t bytes, struct kw_error *err)
{
    if (H5Fis_hdf5(path) <= 0) return kw_fail(err, KW_EPARSE, "%.300s: is no HDF5 file", path);
    fflush(NULL); /* the child leaves by _exit, so nothing is printed twice; this holds for a library's buffers too */
    pid_t pid = fork();
    if (pid < 0)
        return kw_fail(err, KW_EFAIL, "%.300s: cannot start a process that checks it: %s", path, strerror(errno));
    if (pid == 0) read_whole_and_exit(path, bytes);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return KW_OK;
    return kw_fail(err, KW_EPARSE, "%.300s: damaged HDF5 file: not all of it can be read", path);
}

enum kw_status kw_h5_verify(const char *path, struct kw_error *err)
{
    char seal[SEAL_BYTES], want[SEAL_BYTES];
    uint32_t crc = 0;
    struct stat sb;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &sb) < 0) {
        enum kw_status st = kw_fail(err, KW_EINPUT, "%.300s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return st;
    }
    if (!S_ISREG(sb.st_mode)) {
        close(fd);
        return kw_fail(err, KW_EINPUT, "%.300s: is no regular file", path);
    }
    off_t body = sb.st_size - SEAL_BYTES;
    bool sealed = body > 0 && pread(fd, seal, SEAL_BYTES, body) == SEAL_BYTES && !memcmp(seal, MAGIC, sizeof MAGIC - 1);
    int rc = sealed ? checksum(fd, (uint64_t)body, &crc) : 0, e = errno;
    close(fd);
    if (rc < 0) return kw_fail(err, KW_EINPUT, "%.300s: %s", path, strerror(e));
    if (!sealed) return verify_by_child(path, sb.st_size, err);
    seal_text(want, crc, (uint64_t)body);
    if (!memcmp(seal, want, SEAL_BYTES)) return KW_OK;
    return kw_fail(err, KW_EPARSE, "%.300s: damaged HDF5 file: its checksum is another", path);
}
