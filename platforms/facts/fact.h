/* platforms/facts/fact.h - the facts of a platform file. Every number is one: it is stated as a plain value, whose
 * source is its section's "src", or as {"value": ..., "src": "S41", "note": "..."}. A price is {"usd": "3.95", "src":
 * ...}, a law
 * {"constant": ...}. What was read is kept with its provenance in the platform's facts, for people to check. Messages
 * go to r->err with line and path. */
#ifndef KW_PLATFORMS_FACTS_FACT_H
#define KW_PLATFORMS_FACTS_FACT_H
#include <stdbool.h>
#include <stddef.h>
#include "platforms/facts/platform.h"
#include "sim/core/files/json.h"
#include "sim/core/law.h"

struct kw_fact_reader { /* owns ids and sources, and p until its reader hands it on */
    struct kw_platform p;
    const char **ids;              /* [n_sources + 1] NULL-terminated, borrowed from the document */
    struct kw_provenance *sources; /* [n_sources] */
    size_t n_sources, facts_cap;
    struct kw_error *err;
};

struct kw_fact_source { /* a section's own "src", or none */
    bool known;
    struct kw_provenance provenance;
};

struct kw_fact_found {         /* one opened fact */
    struct kw_jnode at, value; /* where it stands; its plain value or the object that holds it */
    bool present;
    struct kw_provenance provenance;
    const char *note;
};

enum kw_status kw_fact_no_memory(const struct kw_fact_reader *r);

/* "sources": {"S41": {"source", "date", "grade", "evidence"}}; before everything that cites them. */
enum kw_status kw_fact_sources(struct kw_fact_reader *r, struct kw_jnode obj);
/* The "src" of a section. */
enum kw_status kw_fact_section(struct kw_fact_reader *r, struct kw_jnode section, struct kw_fact_source *s);

/* Opens the number, list or word at `at`, absent or not. KW_EPARSE: it has no source, neither its own nor its
 * section's. */
enum kw_status kw_fact_open(struct kw_fact_reader *r, struct kw_jnode at, const struct kw_fact_source *section,
                            struct kw_fact_found *f);
/* Keeps an opened fact under path (NULL: where it stands) with its value as text. */
enum kw_status kw_fact_keep(struct kw_fact_reader *r, const struct kw_fact_found *f, const char *path, const char *fmt,
                            ...) KW_PRINTF(4, 5);

/* Copies a required or optional string that has to fit: no number, so no fact. */
enum kw_status kw_fact_text(struct kw_fact_reader *r, struct kw_jnode n, bool required, char *out, size_t size);

/* A table of numbers: one row a key, read into base + offset where present, and kept. */
enum kw_fact_type { KW_FACT_U32, KW_FACT_I64, KW_FACT_INT, KW_FACT_F64, KW_FACT_SECONDS, KW_FACT_USD, KW_FACT_BOOL };
struct kw_fact_row {
    const char *key;
    enum kw_fact_type type;
    size_t offset;
    double lo, hi; /* inclusive; in seconds or dollars for those types */
};
enum kw_status kw_fact_rows(struct kw_fact_reader *r, struct kw_jnode obj, const struct kw_fact_source *src,
                            const struct kw_fact_row rows[], size_t n, void *base);
/* A word of a NULL-terminated list: its index. */
enum kw_status kw_fact_word(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                            const char *const words[], int *out);
/* {"usd": "3.95"} per the unit the key names, or {"usd_per_second": "0.001097"} where hours are meant and the vendor
 * quotes seconds. Of an Mtok, a GB or a GiB also {"brackets": [{"upto": "100", "usd": "0.09"}, ..., {"usd": "0.05"}]} by the
 * account's use in a month, in the unit; with "whole_volume": true all of it costs what the last part does. unit: for the
 * fact's text, too. */
enum kw_status kw_fact_price(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                             const char *path, const char *unit, bool per_hour, struct kw_price *out);
/* "terms": [{"months": 12, "hour": ..., "upfront": "0.5"}] of a GPU offer, under path; absent: none. */
enum kw_status kw_fact_gpu_terms(struct kw_fact_reader *r, struct kw_jnode list, const struct kw_fact_source *src,
                                 const char *path, struct kw_gpu_term out[KW_GPU_TERMS]);
/* A day, a month or a year; out: "" where absent. provenance: NULL allowed. */
enum kw_status kw_fact_date(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                            const char *path, char out[11], struct kw_provenance *provenance);
/* A law of seconds ("s") or of a rate (any other unit), which has to be above 0 throughout. */
enum kw_status kw_fact_law(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                           const char *path, const char *unit, struct kw_law *out);

#endif
