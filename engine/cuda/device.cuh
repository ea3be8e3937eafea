/* engine/cuda/device.cuh - what the machine's GPUs are: counted, named, and the data sheets' figures. */
#ifndef KW_CUDA_DEVICE_CUH
#define KW_CUDA_DEVICE_CUH
#include "engine/cuda/target.cuh"
extern "C" {
#include "engine/backend.h"
}

namespace kw
{

/* A CUDA call that failed, as a kw_status: KW_ENOMEM where memory was short, else KW_EFAIL. */
kw_status cuda_fail(cudaError_t e, const char *what, kw_error *err);

/* KW_EFAIL with what to install when there is no driver, an old one, or no device. */
kw_status devices_probe(uint32_t *n, kw_error *err);
kw_status device_describe(int device, kw_device *d, kw_error *err);

} // namespace kw
#endif
