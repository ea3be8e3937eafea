#include "calibrate/profile/show.h"
#include <stdlib.h>
#include "tests/check.h"

static struct kw_error err;

static void every_shipped_profile_fits_the_terminal(void)
{
    struct kw_profiles all;
    CHECK(kw_profiles_embedded(&all, &err) == KW_OK && all.n > 0);
    for (size_t i = 0; i < all.n; i++) {
        char *text;
        CHECK(kw_profile_show(&text, &all.p[i], "2026-11-24", &err) == KW_OK);
        for (const char *line = text; *line;) {
            size_t n = strcspn(line, "\n");
            if (n > KW_SHOW_COLUMNS) {
                CHECK(n <= KW_SHOW_COLUMNS);
                fprintf(stderr, "%zu columns: %.*s\n", n, (int)n, line);
            }
            line += n + (line[n] == '\n');
        }
        CHECK(!strstr(text, "nan") && !strstr(text, "inf ") && strstr(text, "day"));
        free(text);
    }
    kw_profiles_free(&all);
}

/* One profile with round numbers, so that every figure can be checked by eye. */
static void figures_are_those_of_the_tables(void)
{
    double zero[] = { 0 }, none[] = { 0 }, one[] = { 1, 2048 }, dense[] = { 0.004, 0.08 }, head[] = { 0.001, 0.001 };
    double s[] = { 0, 1048576 }, attn[] = { 0, 0.01024 }, batch[] = { 1 };
    struct kw_curve row = { 2, s, attn };
    struct kw_profile p = { .gpu = "CPU",
                            .model = "tiny",
                            .precision = "bf16",
                            .engine = "by hand",
                            .tp = 1,
                            .weight_bytes = 6e9,
                            .kv_bytes_per_token = 1000,
                            .block_size = 16,
                            .num_blocks = 256,
                            .max_num_seqs = 64,
                            .max_num_batched_tokens = 256,
                            .max_model_len = 4096 };
    p.tables = (struct kw_step_tables){ .dense = { 2, one, dense },
                                        .head = { 2, one, head },
                                        .n_decode_rows = 1,
                                        .decode_batch = batch,
                                        .decode = &row,
                                        .prefill_attn = { 1, zero, none },
                                        .comm = { 1, zero, none } };
    p.load_rate = p.cached_load_rate = (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { 2e9 } };
    p.init = (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { 12.5 } };
    strcpy(p.steps.date, "undated");
    char *text;
    CHECK(kw_profile_show(&text, &p, NULL, &err) == KW_OK);
    CHECK(strstr(text, "1 x CPU, tiny, bf16    (by hand)") != NULL);
    CHECK(strstr(text, "\n      1      5.01        200      -  ") !=
          NULL);                                                      /* 4 + 1 ms and 1024 of 1048576 x 10.24 ms */
    CHECK(strstr(text, "\n      4 ") && !strstr(text, "\n      8 ")); /* the KV cache holds 4096 tokens */
    CHECK(strstr(text, "  load                  3.0      3.0      3.0   6.0 GB at 2.00 GB/s") != NULL);
    CHECK(strstr(text, "  engine start         12.5     12.5     12.5") != NULL);
    free(text);
}

int main(void)
{
    RUN(every_shipped_profile_fits_the_terminal);
    RUN(figures_are_those_of_the_tables);
    return check_report();
}
