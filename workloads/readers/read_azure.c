/* Azure LLM inference traces (Azure/AzurePublicDataset, CC BY 4.0). 2023: CRLF, no newline at the end, seven fraction
 * digits, no zone (taken as UTC, as the 2024 release writes +00:00). */
#include "sim/core/files/csv.h"
#include "workloads/readers/reader.h"

static const char *const columns[] = { "TIMESTAMP", "ContextTokens", "GeneratedTokens", NULL };

bool kw_azure_detect(const char *head, size_t n)
{
    return kw_csv_has(head, n, columns);
}

enum kw_status kw_azure_read(struct kw_rows *r, struct kw_source *s, const struct kw_columns *c, struct kw_error *err)
{
    (void)c;
    r->dated = true;
    return kw_reader_plain_csv(r, s, columns, true, 0, err);
}
