/* tests/engine/test_cpu_kernels.c - the matrix kernels of each instruction set against sums in double, at extents that
 * leave something over in every direction; and their promise: a result is the same to the bit whatever comes with it.
 */
#define _POSIX_C_SOURCE 200809L
#include "engine/cpu/cpu_kernels.h"
#include "tests/check.h"
#include <stdlib.h>

enum { ROWS = 29, COLS = 2150, TOKENS = 17, LDX = COLS + 3, LDW = COLS + 5 };

static const char *const sets[] = { "avx512", "avx2", "portable" };
static unsigned char weights[(ROWS + 1) * LDW * 4];
static float plain[TOKENS * LDX], x[TOKENS * COLS], one[COLS], y[TOKENS * ROWS], alone[ROWS];

static float value(uint32_t i)
{
    return (float)((i * 2654435761u >> 8) % 2001) / 1000 - 1;
}

static void fill(enum kw_dtype dt)
{
    static float row[LDW];
    for (uint32_t r = 0; r < ROWS; r++) {
        for (uint32_t c = 0; c < LDW; c++) row[c] = value(r * LDW + c);
        kw_dtype_convert(weights + (size_t)r * LDW * kw_dtype_bytes(dt), dt, row, KW_DT_FP32, LDW);
    }
    for (uint32_t t = 0; t < TOKENS; t++)
        for (uint32_t c = 0; c < LDX; c++) plain[t * LDX + c] = value(77 + t * 4001 + c);
}

static double exact(enum kw_dtype dt, uint32_t r, uint32_t t, uint32_t cols, double *size)
{
    static float row[LDW];
    double sum = 0;
    *size = 0;
    kw_dtype_convert(row, KW_DT_FP32, weights + (size_t)r * LDW * kw_dtype_bytes(dt), dt, cols);
    for (uint32_t c = 0; c < cols; c++) {
        sum += (double)row[c] * plain[t * LDX + c];
        *size += fabs((double)row[c] * plain[t * LDX + c]);
    }
    return sum;
}

static void products(const struct kw_cpu_kernels *k, enum kw_dtype dt, uint32_t cols)
{
    fill(dt);
    int wrong = 0, differ = 0;
    for (uint32_t n = 1; n <= TOKENS; n++) {
        for (uint32_t t = 0; t < n; t++) k->pack[dt](x, plain + t * LDX, cols, t, n);
        for (uint32_t rows = ROWS - 6; rows <= ROWS; rows++) {
            memset(y, 0xff, sizeof y);
            k->gemm[dt](y, ROWS, x, weights, LDW, rows, cols, n, n % 2 ? weights : NULL);
            for (uint32_t r = 0; r < ROWS; r++) {
                const unsigned char *w = weights + (size_t)r * LDW * kw_dtype_bytes(dt);
                uint32_t t = (r + n) % n, bits;
                memcpy(&bits, &y[t * ROWS + r], sizeof bits);
                if (r >= rows) { /* rows that were not asked for stay */
                    wrong += bits != 0xffffffffu;
                    continue;
                }
                double size, want = exact(dt, r, t, cols, &size);
                wrong += !(fabs(y[t * ROWS + r] - want) <= 1e-6 * size);
                k->pack[dt](one, plain + t * LDX, cols, 0, 1);
                k->gemm[dt](&alone[r], ROWS, one, w, LDW, 1, cols, 1, NULL);
                differ += memcmp(&alone[r], &y[t * ROWS + r], sizeof *y) != 0;
            }
        }
    }
    if (wrong || differ)
        printf("%s %s, %u columns: %d wrong, %d not as alone\n", k->name, kw_dtype_name(dt), cols, wrong, differ);
    CHECK(wrong == 0);
    CHECK(differ == 0);
}

static void products_are_right_and_the_same_in_any_company(void)
{
    static const uint32_t cols[] = { 1, 8, 31, 64, 1024, 1040, COLS };
    for (int i = 0; i < 3; i++) {
        const struct kw_cpu_kernels *k = kw_cpu_kernels(sets[i]);
        if (!k) continue;
        CHECK_STR(k->name, sets[i]);
        for (int dt = KW_DT_FP32; dt <= KW_DT_FP8; dt++)
            for (size_t c = 0; c < sizeof cols / sizeof *cols; c++) products(k, (enum kw_dtype)dt, cols[c]);
    }
}

int main(void)
{
    RUN(products_are_right_and_the_same_in_any_company);
    return check_report();
}
