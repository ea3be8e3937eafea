/* sim/io/results/results_document.h - /document of a result: what its command says, block by block (sim/core/document.h),
 * laid out for no width. */
#ifndef KW_SIM_IO_RESULTS_RESULTS_DOCUMENT_H
#define KW_SIM_IO_RESULTS_RESULTS_DOCUMENT_H
#include "sim/core/document.h"
#include "sim/io/results/writer.h"

void kw_results_document(struct kw_writer *w, const struct kw_document *d);
/* Appends that of f to d; of a result from before there was one, nothing. KW_EPARSE: a block of no kind that is known. */
enum kw_status kw_results_document_read(struct kw_h5 *f, struct kw_document *d, struct kw_error *err);

#endif
