#include "sim/core/files/h5disk.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct disk {
    H5FD_t pub; /* HDF5's part, must be first */
    int fd;
    haddr_t eoa, eof; /* end of the addresses HDF5 has allocated, and of the file it believes in */
    int *failed;
};

struct info { /* what an access list carries for the driver */
    int *failed;
};

static void fail(int *failed)
{
    if (!*failed) *failed = errno ? errno : EIO;
}

static H5FD_t *disk_open(const char *name, unsigned flags, hid_t access, haddr_t max)
{
    (void)flags, (void)max; /* only ever to create */
    const struct info *info = H5Pget_driver_info(access);
    struct disk *d = calloc(1, sizeof *d);
    if (!info || !d) {
        free(d);
        return NULL;
    }
    d->failed = info->failed;
    d->fd = open(name, O_RDWR | O_TRUNC | O_NOFOLLOW); /* kw_file_create made it */
    if (d->fd < 0) {
        fail(d->failed);
        free(d);
        return NULL;
    }
    return &d->pub;
}

static herr_t disk_close(H5FD_t *f)
{
    struct disk *d = (struct disk *)f;
    if (close(d->fd) < 0) fail(d->failed);
    free(d);
    return 0;
}

static herr_t disk_query(const H5FD_t *f,
                         unsigned long *flags) /* what the default driver says, so files come out alike */
{
    (void)f;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

static haddr_t disk_get_eoa(const H5FD_t *f, H5FD_mem_t type)
{
    (void)type;
    return ((const struct disk *)f)->eoa;
}

static herr_t disk_set_eoa(H5FD_t *f, H5FD_mem_t type, haddr_t to)
{
    (void)type;
    ((struct disk *)f)->eoa = to;
    return 0;
}

static haddr_t disk_get_eof(const H5FD_t *f, H5FD_mem_t type)
{
    (void)type;
    return ((const struct disk *)f)->eof;
}

static herr_t disk_read(H5FD_t *f, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t n, void *to)
{
    (void)type, (void)transfer;
    struct disk *d = (struct disk *)f;
    char *p = to;
    while (n > 0) {
        ssize_t got = pread(d->fd, p, n, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) { /* past the end of the file but not of the addresses: zeros */
            memset(p, 0, n);
            break;
        }
        p += got;
        at += (haddr_t)got;
        n -= (size_t)got;
    }
    return 0;
}

static herr_t disk_write(H5FD_t *f, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t n, const void *from)
{
    (void)type, (void)transfer;
    struct disk *d = (struct disk *)f;
    const char *p = from;
    if (at + n > d->eof) d->eof = at + n;
    while (n > 0 && !*d->failed) {
        errno = 0;
        ssize_t put = pwrite(d->fd, p, n, (off_t)at);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) {
            fail(d->failed);
            break;
        }
        p += put;
        at += (haddr_t)put;
        n -= (size_t)put;
    }
    return 0;
}

static herr_t disk_truncate(H5FD_t *f, hid_t transfer, hbool_t closing)
{
    (void)transfer, (void)closing;
    struct disk *d = (struct disk *)f;
    if (d->eoa != d->eof && !*d->failed && ftruncate(d->fd, (off_t)d->eoa) < 0) fail(d->failed);
    d->eof = d->eoa;
    return 0;
}

static const H5FD_class_t driver = {
#ifdef H5FD_CLASS_VERSION /* from HDF5 1.14 on */
    .version = H5FD_CLASS_VERSION,
    .value = 600, /* of the range that HDF5 leaves to drivers of one's own */
#endif
    .name = "keepwarm_disk",
    .maxaddr = ((haddr_t)1 << 62) - 1,
    .fc_degree = H5F_CLOSE_WEAK,
    .fapl_size = sizeof(struct info),
    .open = disk_open,
    .close = disk_close,
    .query = disk_query,
    .get_eoa = disk_get_eoa,
    .set_eoa = disk_set_eoa,
    .get_eof = disk_get_eof,
    .read = disk_read,
    .write = disk_write,
    .truncate = disk_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

herr_t kw_h5disk_use(hid_t access_list, int *failed)
{
    static hid_t id = H5I_INVALID_HID; /* registered once, for the life of the process */
    if (id < 0 && (id = H5FDregister(&driver)) < 0) return -1;
    struct info info = { failed };
    return H5Pset_driver(access_list, id, &info);
}
