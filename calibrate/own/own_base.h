/* calibrate/own/own_base.h - what a profile from a user's own step times holds beside them: the best that is known of the
 * same GPU, model, precision and tp (a profile built in, else one made on the spot), whose KV cache, limits and loading it
 * keeps, and whose steps stand in where the user's tables say nothing. And the end of all such imports: checked, then
 * written whole or not at all. */
#ifndef KW_CALIBRATE_OWN_OWN_BASE_H
#define KW_CALIBRATE_OWN_OWN_BASE_H
#include <stdio.h>
#include "calibrate/profile/profile.h"

/* Everything of *p, its tables too; the caller frees it. precision NULL: the checkpoint's own, 16 bits. KW_ERANGE: unknown
 * GPU or model, a precision the GPU lacks, heads that tp does not divide, a model that does not fit. */
enum kw_status kw_own_base(struct kw_profile *p, const char *gpu, const char *model, const char *precision, uint32_t tp,
                           struct kw_error *err);
/* Takes the tables out of p: they are empty afterwards, in the caller's hands. */
struct kw_step_tables kw_own_take_tables(struct kw_profile *p);
void kw_own_free_tables(struct kw_step_tables *t);

struct kw_own_origin { /* what the user says of tables that are not their own; NULL: they are, and of today */
    const char *text, *date;
};
/* measured, today, "FILE (sha256 0123456789ab), 64 rows: HOW"; with origin->text published, as it says. sha256
 * may be "". KW_EUSAGE: origin->date is no day. */
enum kw_status kw_own_provenance(struct kw_provenance *v, const struct kw_own_origin *origin, const char *path,
                                 const char *sha256, size_t rows, const char *how, struct kw_error *err);
/* Parses what it would write first: KW_ERANGE says what is not physical. Nothing is written then. */
enum kw_status kw_own_save(struct kw_profile *p, const char *path, struct kw_error *err);

#endif
