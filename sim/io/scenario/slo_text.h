/* sim/io/scenario/slo_text.h - objectives as people write them:
 * "ttft_p95=2s,tpot_p95=50ms,cold=1%,error=0.1%,budget=500". */
#ifndef KW_SIM_IO_SCENARIO_SLO_TEXT_H
#define KW_SIM_IO_SCENARIO_SLO_TEXT_H
#include "sim/core/files/json.h"
#include "sim/core/text.h"
#include "sim/plan/sweep/candidate.h"

/* Puts each objective into doc's "slo" object. Times take s, ms or us (none: seconds), fractions take % or none.
 * KW_EUSAGE names the part that is off and the nearest known name, or what was given before: seen, 0 at first, keeps it. */
enum kw_status kw_slo_text_apply(struct kw_json *doc, const char *text, unsigned *seen, struct kw_error *err);

/* "TTFT p95 <= 2 s, cold <= 1 %"; "none" when nothing is asked. */
void kw_slo_text_print(const struct kw_slo *slo, struct kw_text *out);

#endif
