#include "sim/core/ascending.h"
#include <math.h>
#include <stdlib.h>

int kw_ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double kw_median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, kw_ascending);
    return n ? n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2 : NAN;
}
