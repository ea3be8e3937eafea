/* sim/core/files/source.h - a source of lines: a file, stdin or memory, gzip, zstd, a zip archive's one file and UTF-16 decoded on
 * the way, the SHA-256 of the raw bytes kept. Readers see only this, so that tests and fuzzers hand them memory. */
#ifndef KW_SIM_CORE_FILES_SOURCE_H
#define KW_SIM_CORE_FILES_SOURCE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>
#include <zstd.h>
#include "sim/core/status.h"
#include "sim/core/files/sha256.h"
#include "sim/core/files/zip_member.h"

#define KW_SOURCE_MAX_LINE (16u << 20) /* bytes; a longer line is refused, never cut */
#define KW_SOURCE_SLACK 64             /* bytes behind a line's end that may be read: something or other */

struct kw_source {
    char name[200];           /* path, for messages; "stdin" for "-" */
    long line;                /* number of the line last returned, from 1; blank ones count */
    uint64_t raw;             /* bytes read, before decoding */
    uint64_t raw_most;        /* read no more of them; 0: to the end */
    int fd;                   /* -1: memory */
    const unsigned char *mem; /* borrowed; the rest of the memory */
    size_t mem_n;
    unsigned char *in; /* raw bytes waiting for inflate, [in_at, in_n) */
    size_t in_at, in_n;
    enum { KW_SOURCE_PLAIN, KW_SOURCE_GZIP, KW_SOURCE_ZSTD, KW_SOURCE_ZIP, KW_SOURCE_UTF16 } coding;
    bool member_open, frame_open, raw_end, end, text_checked;
    bool binary;       /* a NUL byte was in the line last read */
    bool unterminated; /* the line last returned ended without a newline: the file may have been cut off there */
    z_stream z;
    ZSTD_DStream *zstd;
    struct kw_zip_member zip;
    uint64_t zip_done;   /* bytes unpacked */
    uint32_t zip_crc;    /* of them */
    unsigned char *wide; /* raw UTF-16 that is not decoded yet: `in` has what is */
    size_t wide_n;
    bool wide_big; /* the high byte first */
    char *buf;     /* decoded bytes, [at, n); KW_SOURCE_SLACK more are allocated, the first of them for a NUL */
    size_t at, n, cap;
    struct kw_sha256 sha;
};

/* "-" is stdin; a path that does not exist but names a file built into the program (workloads/chat-week.json) means
 * that one. KW_EINPUT when it cannot be opened or is a directory; KW_ENOMEM. On failure nothing is left open. */
enum kw_status kw_source_open(struct kw_source *s, const char *path, struct kw_error *err);
/* Bytes [from, to) of a plain file, to > from, as if head[0..n) stood before them: the rest of a log behind its CSV header. KW_ERANGE: a
 * head of more than 256 KiB. */
enum kw_status kw_source_open_part(struct kw_source *s, const char *path, uint64_t from, uint64_t to, const char *head,
                                   size_t n, struct kw_error *err);
/* data is borrowed until close; what it is packed in is recognised as in a file. */
enum kw_status kw_source_memory(struct kw_source *s, const char *name, const void *data, size_t n,
                                struct kw_error *err);
void kw_source_close(struct kw_source *s); /* safe to call again */

/* The next line, NUL-terminated in place of its newline and without a CR before it; *line is NULL at the end. It may be
 * changed by the caller and lives until the next call. A byte-order mark at the start of the file is left out.
 * KW_EPARSE: a NUL byte ("looks binary"), a line above KW_SOURCE_MAX_LINE, gzip, zstd or zip truncated, corrupt or (gzip,
 * zip) followed by something else, UTF-16 that is none. */
enum kw_status kw_source_line(struct kw_source *s, char **line, size_t *n, struct kw_error *err);

/* The next decoded bytes without consuming them, at least `want` unless the source ends before. */
enum kw_status kw_source_peek(struct kw_source *s, size_t want, const char **head, size_t *n, struct kw_error *err);
/* Consumes n of the bytes that were peeked at, counting their lines. */
void kw_source_skip(struct kw_source *s, size_t n);

/* Everything that is left, NUL-terminated (malloc'd, the caller frees), refused above `limit` bytes. */
enum kw_status kw_source_all(struct kw_source *s, size_t limit, char **text, size_t *n, struct kw_error *err);

/* Reads what is left without keeping it, then the SHA-256 of all raw bytes. */
enum kw_status kw_source_hash(struct kw_source *s, char hex[65], struct kw_error *err);

#endif
