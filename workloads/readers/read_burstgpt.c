/* BurstGPT (HPMLL/BurstGPT, CC BY 4.0), v1 and v3: columns were inserted between the versions, so all go by name. A row
 * without response tokens is a failed request (387,963 of 5,344,021 rows of BurstGPT_3): left out and counted. Seconds
 * from midnight of day 1, integer in v1, float with a large offset in v3. */
#include "sim/core/files/csv.h"
#include "workloads/readers/reader.h"

static const char *const columns[] = { "Timestamp", "Model", "Request tokens", "Response tokens", "Log Type", NULL };

bool kw_burstgpt_detect(const char *head, size_t n)
{
    return kw_csv_has(head, n, columns);
}

enum kw_status kw_burstgpt_read(struct kw_rows *r, struct kw_source *s, const struct kw_columns *cols,
                                struct kw_error *err)
{
    (void)cols;
    struct kw_csv c;
    struct kw_row row = { 0 };
    int at[5];
    bool more;
    r->drop_zero = true;
    enum kw_status st = kw_csv_begin(&c, s, err);
    for (int i = 0; i < 5 && st == KW_OK; i++) st = kw_csv_need(&c, columns[i], &at[i], err);
    while (st == KW_OK && (st = kw_csv_next(&c, &more, err)) == KW_OK && more) {
        st = kw_timestamp_decimal(c.field[at[0]], 9, &row.at, err);
        row.model = c.field[at[1]];
        row.klass = c.field[at[4]];
        if (st == KW_OK) st = kw_timestamp_count(c.field[at[2]], &row.prompt, err);
        if (st == KW_OK) st = kw_timestamp_count(c.field[at[3]], &row.output, err);
        if (st == KW_OK) st = kw_rows_push(r, &row, err);
    }
    kw_csv_close(&c);
    return st;
}
