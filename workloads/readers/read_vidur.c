/* vidur's processed traces (microsoft/vidur, MIT): seconds since the start as a decimal. */
#include "sim/core/files/csv.h"
#include "workloads/readers/reader.h"

static const char *const columns[] = { "arrived_at", "num_prefill_tokens", "num_decode_tokens", NULL };

bool kw_vidur_detect(const char *head, size_t n)
{
    return kw_csv_has(head, n, columns);
}

enum kw_status kw_vidur_read(struct kw_rows *r, struct kw_source *s, const struct kw_columns *c, struct kw_error *err)
{
    (void)c;
    return kw_reader_plain_csv(r, s, columns, false, 9, err);
}
