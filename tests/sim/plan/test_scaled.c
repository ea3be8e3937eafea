/* Step times that are `by` times as long are so in every step that a profile knows, whatever its parts. */
#include "calibrate/profile/profile.h"
#include "sim/plan/scaled.h"
#include "tests/check.h"

enum { SEQS = 32, TOKENS = 1024 };

/* Decodes alone, one prompt alone, and both together: the last has an attention of its own (kw_step_mixed). Tables hold
 * whole ps for a token of context, hence 1e-5. */
static void every_step_of_every_profile(void)
{
    const double by[] = { 0.25, 1.5 };
    const struct kw_sched_chunk chunk = { .past = 256, .len = 128 };
    const struct kw_step step[] = {
        { .n_decode = 16, .decode_context = 16000 },
        { .n_chunks = 1, .chunks = &chunk, .prefill_tokens = 128, .prefill_pairs2 = 2 * 128 * 256 + 128 * 128 },
        { .n_decode = 16,
          .decode_context = 16000,
          .n_chunks = 1,
          .chunks = &chunk,
          .prefill_tokens = 128,
          .prefill_pairs2 = 2 * 128 * 256 + 128 * 128 },
    };
    struct kw_error err = { .msg = "" };
    struct kw_profiles all;
    int with_mixed = 0;
    CHECK(kw_profiles_embedded(&all, &err) == KW_OK && all.n > 50);
    for (size_t p = 0; p < all.n; p++) {
        struct kw_choice c = { .profile = &all.p[p],
                               .sched = { .max_num_seqs = SEQS, .max_num_batched_tokens = TOKENS } };
        struct kw_steptime *as_is = NULL;
        CHECK(kw_steptime_compile(&as_is, &c.profile->tables, SEQS, TOKENS, &err) == KW_OK);
        with_mixed += c.profile->tables.mixed.sequence_s > 0;
        for (size_t b = 0; b < sizeof by / sizeof *by; b++) {
            struct kw_steptime *scaled = NULL;
            CHECK(kw_scaled_steps(&scaled, &c, by[b], &err) == KW_OK);
            for (size_t s = 0; s < sizeof step / sizeof *step; s++) {
                double want = by[b] * (double)kw_steptime_ps(as_is, &step[s]);
                CHECK_NEAR((double)kw_steptime_ps(scaled, &step[s]), want, 1e-5 * want);
            }
            kw_steptime_delete(scaled);
        }
        kw_steptime_delete(as_is);
    }
    CHECK(with_mixed > 10);
    kw_profiles_free(&all);
}

int main(void)
{
    RUN(every_step_of_every_profile);
    return check_report();
}
