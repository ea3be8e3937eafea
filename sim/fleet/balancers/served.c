#include "sim/fleet/balancers/served.h"
#include <stdlib.h>

enum kw_status kw_served_begin(struct kw_balancer *b, struct kw_error *err)
{
    if (!b->served && !(b->served = malloc(KW_SERVED_SLOTS * sizeof *b->served)))
        return kw_fail(err, KW_ENOMEM, "load balancer: no memory for the table of prefixes");
    for (uint32_t i = 0; i < KW_SERVED_SLOTS; i++) b->served[i].replica = KW_NO_REPLICA;
    return KW_OK;
}
