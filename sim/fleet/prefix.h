/* sim/fleet/prefix.h - what a prompt shares with others: the hashes of its blocks, each over all tokens up to its end. */
#ifndef KW_SIM_FLEET_PREFIX_H
#define KW_SIM_FLEET_PREFIX_H
#include <stdint.h>

struct kw_prefix {
    const uint64_t *hash;
    uint32_t n;             /* 0: none known */
    uint32_t block, tokens; /* tokens that a hash covers; of the whole prompt */
    uint32_t beyond;        /* hashes behind those n: of what else the prompt holds, and of its answer (sessions) */
};

#endif
