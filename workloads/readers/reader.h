/* workloads/readers/reader.h - the readers of text traces: how to recognise a format by the first bytes of a file
 * (decoded) and how to read it. A reader is a pure core over a source of lines; its caller puts "path:line:" before its
 * messages. */
#ifndef KW_WORKLOADS_READERS_READER_H
#define KW_WORKLOADS_READERS_READER_H
#include "workloads/readers/rows.h"
#include "sim/core/files/source.h"

struct kw_columns { /* what the caller said about the file; "" where nothing */
    char arrival[64], prompt[64], output[64], model[64], klass[64], cached[64];
    enum { KW_UNIT_AUTO, KW_UNIT_S, KW_UNIT_MS, KW_UNIT_US, KW_UNIT_NS, KW_UNIT_ISO } unit;
    bool drop_zero;
};

/* Reads "arrival=ts,prompt=in,output=out,unit=ms" (keys and units: kw_trace_load); text NULL or "" gives none.
 * KW_EPARSE. */
enum kw_status kw_columns_parse(struct kw_columns *c, const char *text, struct kw_error *err);

/* By the words in them, which fields of the first line (a CSV's head, a JSON object's keys) may be arrival, prompt and
 * output: "arrival=ts,prompt=in,output=out" into buf, "" where any of them is missing. For a message: nothing is read by
 * a guess. Returns buf. */
char *kw_columns_guess(const char *head, size_t n, char *buf, size_t size);

typedef enum kw_status kw_read_fn(struct kw_rows *r, struct kw_source *s, const struct kw_columns *c,
                                  struct kw_error *err);

bool kw_azure_detect(const char *head, size_t n);
bool kw_burstgpt_detect(const char *head, size_t n);
bool kw_mooncake_detect(const char *head, size_t n);
bool kw_ragpulse_detect(const char *head, size_t n);
bool kw_vidur_detect(const char *head, size_t n);
bool kw_servegen_detect(const char *head, size_t n);
bool kw_served_detect(const char *head, size_t n);
kw_read_fn kw_azure_read, kw_burstgpt_read, kw_mooncake_read, kw_ragpulse_read, kw_vidur_read, kw_servegen_read,
    kw_generic_read, kw_served_read;

/* The plainest CSV: a time in units of 10^exp10 ns and two counts, by column name. Azure, vidur and ServeGen are this.
 */
enum kw_status kw_reader_plain_csv(struct kw_rows *r, struct kw_source *s, const char *const names[3], bool iso,
                                   int exp10, struct kw_error *err);

#endif
