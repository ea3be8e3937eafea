#include "sim/fleet/pool/pooled.h"
#include <math.h>

double kw_pooled_warm(double per_hour, const struct kw_autoscaling *a)
{
    kw_ns idle = a->zero_timeout ? a->zero_timeout : a->idle_timeout;
    return -expm1(-per_hour * ((double)idle / (double)KW_NS_PER_HOUR));
}
