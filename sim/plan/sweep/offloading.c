#include "sim/plan/sweep/offloading.h"
#include <inttypes.h>
#include <math.h>

enum kw_status kw_choice_offload(struct kw_choice *c, double bytes, double gpu_bytes_s, kw_ns latency,
                                 struct kw_error *err)
{
    if (!c->sched.prefix_caching) return kw_fail(err, KW_ERANGE, "keeps blocks of the prefix cache, which is off");
    if (c->sched.policy != KW_SCHED_VLLM && c->sched.policy != KW_SCHED_SARATHI)
        return kw_fail(err, KW_ERANGE, "only the schedulers vllm and sarathi have a host tier");
    if (c->dp > 1)
        return kw_fail(err, KW_ERANGE, "not simulated on several data-parallel ranks (dp %" PRIu32 ")", c->dp);
    if (c->engines.decode) return kw_fail(err, KW_ERANGE, "not simulated with engines apart");
    if (c->speculative.tokens) return kw_fail(err, KW_ERANGE, "not simulated with speculative decoding");
    double block = c->profile->kv_bytes_per_token * c->sched.block_size, n = floor(bytes / block);
    double ps = block / c->tp / gpu_bytes_s * 1e12;
    if (!(n <= 0x1p31)) return kw_fail(err, KW_ERANGE, "%g blocks of %g bytes, want at most 2^31", n, block);
    if (!(ps < 1e15))
        return kw_fail(err, KW_ERANGE, "a block of %g bytes takes %g s, want less than 1000", block, ps * 1e-12);
    c->sched.host_blocks = (uint32_t)n;
    c->offload =
        (struct kw_kv_offload){ .latency = n > 0 ? latency : 0, .block_ps = n > 0 ? (int64_t)fmax(1, round(ps)) : 0 };
    return KW_OK;
}
