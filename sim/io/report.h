/* sim/io/report.h - a result as one self-contained HTML page: the ranking, cost against latency, the keep-warm
 * curve, cost by line item, replicas over time; SVG drawn here, no script, nothing fetched. */
#ifndef KW_SIM_IO_REPORT_H
#define KW_SIM_IO_REPORT_H
#include "sim/core/status.h"

/* Reads a result file and writes the page to out (temporary file, sync, rename). */
enum kw_status kw_report_write(const char *result, const char *out, struct kw_error *err);

#endif
