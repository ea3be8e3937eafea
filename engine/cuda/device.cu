#include "engine/cuda/device.cuh"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

namespace kw
{

kw_status cuda_fail(cudaError_t e, const char *what, kw_error *err)
{
    cudaGetLastError(); /* what is not sticky is dealt with here */
    return kw_fail(err, e == cudaErrorMemoryAllocation ? KW_ENOMEM : KW_EFAIL, "CUDA: %s: %s", what,
                   cudaGetErrorString(e));
}

kw_status devices_probe(uint32_t *n, kw_error *err)
{
    int count = 0, runtime = 0;
    cudaError_t e = cudaGetDeviceCount(&count);
    cudaRuntimeGetVersion(&runtime);
    *n = e == cudaSuccess ? (uint32_t)count : 0;
    if (e == cudaErrorInsufficientDriver) {
        cudaGetLastError();
        return kw_fail(err, KW_EFAIL,
                       "CUDA: no NVIDIA driver, or one older than CUDA %d.%d needs: install a driver of branch "
                       "580 or newer; --backend cpu needs none",
                       runtime / 1000, runtime / 10 % 100);
    }
    if (e == cudaErrorNoDevice || (e == cudaSuccess && count == 0)) {
        cudaGetLastError();
        return kw_fail(err, KW_EFAIL,
                       "CUDA: the driver sees no GPU (nvidia-smi lists them; CUDA_VISIBLE_DEVICES may hide "
                       "them); --backend cpu needs none");
    }
    return e == cudaSuccess ? KW_OK : cuda_fail(e, "counting devices", err);
}

/* Dense figures of NVIDIA's data sheets, read 2026-11: bytes/s, FLOP/s with 16 and 8 bits (0: no fp8 there). */
static const struct {
    const char *name; /* the first that is part of the device's name */
    double bandwidth, flops_16, flops_8;
} data_sheets[] = {
    { "H200", 4.8e12, 989.5e12, 1979e12 },
    { "H100 NVL", 3.9e12, 835e12, 1671e12 },
    { "H100 PCIe", 2.0e12, 756e12, 1513e12 },
    { "H100", 3.35e12, 989.5e12, 1979e12 },
    { "A100-SXM4-80GB", 2.039e12, 312e12, 0 },
    { "A100 80GB PCIe", 1.935e12, 312e12, 0 },
    { "A100", 1.555e12, 312e12, 0 },
    { "B200", 8.0e12, 2250e12, 4500e12 },
    { "L40S", 864e9, 362e12, 733e12 },
    { "L4", 300e9, 121e12, 242e12 },
    { "A10G", 600e9, 70e12, 0 },
    { "RTX 4090", 1008e9, 165.2e12, 330.3e12 },
};

/* The driver's version and the clocks now, from NVML where it can be opened; unknown otherwise. */
static void describe_nvml(const char *bus_id, kw_device *d)
{
    void *lib = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!lib) return;
    int (*init)(void) = (int (*)(void))dlsym(lib, "nvmlInit_v2");
    int (*version)(char *, unsigned) = (int (*)(char *, unsigned))dlsym(lib, "nvmlSystemGetDriverVersion");
    int (*handle)(const char *, void **) =
        (int (*)(const char *, void **))dlsym(lib, "nvmlDeviceGetHandleByPciBusId_v2");
    int (*clock)(void *, int, unsigned *) = (int (*)(void *, int, unsigned *))dlsym(lib, "nvmlDeviceGetClockInfo");
    int (*stop)(void) = (int (*)(void))dlsym(lib, "nvmlShutdown");
    if (init && version && handle && clock && stop && init() == 0) {
        char v[40];
        void *h;
        unsigned mhz;
        if (version(v, sizeof v) == 0) {
            char rest[sizeof d->driver];
            memcpy(rest, d->driver, sizeof rest);
            snprintf(d->driver, sizeof d->driver, "driver %.20s, %.32s", v, rest);
        }
        if (handle(bus_id, &h) == 0) {
            if (clock(h, 1, &mhz) == 0) d->clock_mhz = mhz;        /* NVML_CLOCK_SM */
            if (clock(h, 2, &mhz) == 0) d->memory_clock_mhz = mhz; /* NVML_CLOCK_MEM */
        }
        stop();
    }
    dlclose(lib);
}

kw_status device_describe(int device, kw_device *d, kw_error *err)
{
    cudaDeviceProp p;
    size_t free_bytes, all;
    int version = 0;
    char bus_id[32] = "";
    memset(d, 0, sizeof *d);
    cudaError_t e = cudaGetDeviceProperties(&p, device);
    if (e == cudaSuccess) e = cudaSetDevice(device);
    if (e == cudaSuccess) e = cudaMemGetInfo(&free_bytes, &all);
    if (e != cudaSuccess) return cuda_fail(e, "describing the device", err);
    snprintf(d->name, sizeof d->name, "%.90s", p.name);
    cudaDriverGetVersion(&version);
    snprintf(d->driver, sizeof d->driver, "CUDA %d.%d", version / 1000, version / 10 % 100);
    d->memory_bytes = all, d->memory_free = free_bytes;
    d->units = (uint32_t)p.multiProcessorCount;
    for (const auto &s : data_sheets)
        if (strstr(p.name, s.name)) {
            d->bandwidth = s.bandwidth, d->flops_16 = s.flops_16, d->flops_8 = s.flops_8;
            break;
        }
    if (cudaDeviceGetPCIBusId(bus_id, sizeof bus_id, device) == cudaSuccess) describe_nvml(bus_id, d);
    return KW_OK;
}

} // namespace kw
