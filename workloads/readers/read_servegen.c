/* Requests drawn from ServeGen's client model (alibaba/ServeGen, Apache-2.0): seconds, maybe with a large offset. */
#include "sim/core/files/csv.h"
#include "workloads/readers/reader.h"

static const char *const columns[] = { "arrival_s", "input_tokens", "output_tokens", NULL };

bool kw_servegen_detect(const char *head, size_t n)
{
    return kw_csv_has(head, n, columns);
}

enum kw_status kw_servegen_read(struct kw_rows *r, struct kw_source *s, const struct kw_columns *c,
                                struct kw_error *err)
{
    (void)c;
    return kw_reader_plain_csv(r, s, columns, false, 9, err);
}
