/* sim/core/files/zip_member.h - the one file in a zip archive, as a stream: its header before it and what follows it. PKWARE,
 * APPNOTE.TXT 6.3.10, sections 4.3.7 and 4.3.9. */
#ifndef KW_SIM_CORE_FILES_ZIP_MEMBER_H
#define KW_SIM_CORE_FILES_ZIP_MEMBER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"

enum { KW_ZIP_HEADERS = 96 << 10 }; /* bytes in which the headers up to the file's data must lie */
enum { KW_ZIP_TRAILER = 64 };       /* bytes behind the data that say what it was and what follows */

struct kw_zip_member {
    bool deflated;  /* else stored, `bytes` of it */
    bool described; /* its CRC stands behind the data */
    uint32_t crc;
    uint64_t bytes;
};

/* p[0..n): the archive's first bytes, KW_ZIP_HEADERS or all of it; *used: where the first file's data begins, folders before
 * it left out. KW_EPARSE: cut off, empty, encrypted, of another method than deflate. */
enum kw_status kw_zip_begin(const unsigned char *p, size_t n, struct kw_zip_member *m, size_t *used,
                            struct kw_error *err);
/* p[0..n): what follows the data, KW_ZIP_TRAILER bytes or all there is; crc: of what was unpacked. KW_EPARSE: corrupt, or another
 * file follows (what macOS adds of its own is none). */
enum kw_status kw_zip_end(const unsigned char *p, size_t n, const struct kw_zip_member *m, uint32_t crc,
                          struct kw_error *err);

#endif
