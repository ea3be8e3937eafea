#include "engine/cuda/gemm.cuh"
#include <cublasLt.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace kw
{

constexpr uint32_t PRODUCTS = 8;
constexpr int SUGGESTIONS = 8, REPEATS = 5;
constexpr size_t WORKSPACE = (size_t)32 << 20; /* what cuBLAS advises for Hopper */

struct plan { /* of one product for one number of tokens */
    cublasLtMatmulAlgo_t algo;
    cublasLtMatrixLayoutOpaque_t w, x, y;
    bool tuned;
};
struct slot {
    product p;
    cublasLtMatmulDesc_t desc;
    plan **plans; /* [max_tokens + 1] */
    bool rescale; /* fp8 without vectors of scales: y in fp32 to scratch, then run_rescale */
};
struct gemm {
    void *lib;
    cublasLtHandle_t handle;
    cublasLtMatmulPreference_t preference;
    uint32_t capability, max_tokens;
    void *workspace, *scratch;
    slot slots[PRODUCTS];
    /* the library's functions, by the types of its header */
    decltype(&cublasLtCreate) create;
    decltype(&cublasLtDestroy) destroy;
    decltype(&cublasLtGetStatusString) status_string;
    decltype(&cublasLtMatmulDescCreate) desc_create;
    decltype(&cublasLtMatmulDescDestroy) desc_destroy;
    decltype(&cublasLtMatmulDescSetAttribute) desc_set;
    decltype(&cublasLtMatrixLayoutInit_internal) layout_init;
    decltype(&cublasLtMatmulPreferenceCreate) preference_create;
    decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
    decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;
    decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
    decltype(&cublasLtMatmulAlgoCheck) check;
    decltype(&cublasLtMatmul) matmul;
};

static kw_status lt_fail(gemm *g, cublasStatus_t s, const char *what, kw_error *err)
{
    return kw_fail(err, s == CUBLAS_STATUS_ALLOC_FAILED ? KW_ENOMEM : KW_EFAIL, "cuBLASLt: %s: %s", what,
                   g->status_string(s));
}

/* The version whose header this was compiled with, from the loader's path or the toolkit's usual place. */
static void *open_library(void)
{
    char name[64], path[128];
    snprintf(name, sizeof name, "libcublasLt.so.%d", CUBLAS_VER_MAJOR);
    void *lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    snprintf(path, sizeof path, "/usr/local/cuda/lib64/%s", name);
    return lib ? lib : dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

template <class F> static bool find(void *lib, const char *name, F *f)
{
    void *s = dlsym(lib, name);
    memcpy(f, &s, sizeof s);
    return s != nullptr;
}

kw_status gemm_open(gemm **out, uint32_t capability, uint32_t max_tokens, kw_error *err)
{
    *out = nullptr;
    gemm *g = (gemm *)calloc(1, sizeof *g);
    if (!g) return kw_fail(err, KW_ENOMEM, "out of memory for cuBLASLt's plans");
    g->capability = capability, g->max_tokens = max_tokens;
    g->lib = open_library();
    kw_status st = KW_OK;
    if (!g->lib) {
        st = kw_fail(err, KW_EFAIL,
                     "no libcublasLt.so.%d: install the CUDA toolkit %d (Debian: libcublas-13-0 of NVIDIA's "
                     "repository; pip: nvidia-cublas) and add its folder to LD_LIBRARY_PATH",
                     CUBLAS_VER_MAJOR, CUBLAS_VER_MAJOR);
    } else if (!(find(g->lib, "cublasLtCreate", &g->create) && find(g->lib, "cublasLtDestroy", &g->destroy) &&
                 find(g->lib, "cublasLtGetStatusString", &g->status_string) &&
                 find(g->lib, "cublasLtMatmulDescCreate", &g->desc_create) &&
                 find(g->lib, "cublasLtMatmulDescDestroy", &g->desc_destroy) &&
                 find(g->lib, "cublasLtMatmulDescSetAttribute", &g->desc_set) &&
                 find(g->lib, "cublasLtMatrixLayoutInit_internal", &g->layout_init) &&
                 find(g->lib, "cublasLtMatmulPreferenceCreate", &g->preference_create) &&
                 find(g->lib, "cublasLtMatmulPreferenceDestroy", &g->preference_destroy) &&
                 find(g->lib, "cublasLtMatmulPreferenceSetAttribute", &g->preference_set) &&
                 find(g->lib, "cublasLtMatmulAlgoGetHeuristic", &g->heuristic) &&
                 find(g->lib, "cublasLtMatmulAlgoCheck", &g->check) && find(g->lib, "cublasLtMatmul", &g->matmul))) {
        st = kw_fail(err, KW_EFAIL, "libcublasLt.so.%d lacks functions of its header", CUBLAS_VER_MAJOR);
    } else {
        cublasStatus_t s = g->create(&g->handle);
        if (s == CUBLAS_STATUS_SUCCESS) s = g->preference_create(&g->preference);
        if (s == CUBLAS_STATUS_SUCCESS)
            s = g->preference_set(g->preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &WORKSPACE,
                                  sizeof WORKSPACE);
        if (s != CUBLAS_STATUS_SUCCESS)
            st = lt_fail(g, s, "opening", err);
        else if (cudaMalloc(&g->workspace, WORKSPACE) != cudaSuccess)
            st = kw_fail(err, KW_ENOMEM, "no device memory for cuBLASLt's workspace (32 MiB)");
    }
    if (st != KW_OK)
        gemm_close(g);
    else
        *out = g;
    return st;
}

void gemm_close(gemm *g)
{
    if (!g) return;
    for (slot &s : g->slots) {
        for (uint32_t i = 0; s.plans && i <= g->max_tokens; i++) free(s.plans[i]);
        free(s.plans);
        if (s.desc) g->desc_destroy(s.desc);
    }
    cudaFree(g->workspace);
    if (g->preference) g->preference_destroy(g->preference);
    if (g->handle) g->destroy(g->handle);
    free(g); /* the library stays: CUDA's do not unload cleanly */
}

static cudaDataType_t type_of(kw_dtype t)
{
    return t == KW_DT_FP32 ? CUDA_R_32F : t == KW_DT_BF16 ? CUDA_R_16BF : t == KW_DT_FP16 ? CUDA_R_16F : CUDA_R_8F_E4M3;
}

static kw_dtype out_type(const slot &s)
{
    return s.rescale ? KW_DT_FP32 : s.p.out;
}

/* cuBLASLt is column-major: W is a (cols x rows) matrix to be transposed, x is (cols x tokens), y (rows x tokens). */
static cublasStatus_t init_layouts(gemm *g, const slot &s, uint32_t tokens, plan *p)
{
    cublasStatus_t st = g->layout_init(&p->w, sizeof p->w, type_of(s.p.in), s.p.cols, s.p.rows, s.p.cols);
    if (st == CUBLAS_STATUS_SUCCESS)
        st = g->layout_init(&p->x, sizeof p->x, type_of(s.p.in), s.p.cols, tokens, s.p.cols);
    if (st == CUBLAS_STATUS_SUCCESS)
        st = g->layout_init(&p->y, sizeof p->y, type_of(out_type(s)), s.p.rows, tokens, s.p.rows);
    return st;
}

static int suggest(gemm *g, const slot &s, plan *p, cublasLtMatmulHeuristicResult_t *r, int most)
{
    int n = 0;
    cublasStatus_t st = g->heuristic(g->handle, s.desc, &p->w, &p->x, &p->y, &p->y, g->preference, most, r, &n);
    return st == CUBLAS_STATUS_SUCCESS ? n : 0;
}

static cublasStatus_t make_desc(gemm *g, slot *s)
{
    const cublasOperation_t transposed = CUBLAS_OP_T;
    if (s->desc) g->desc_destroy(s->desc);
    s->desc = nullptr;
    cublasStatus_t st = g->desc_create(&s->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    if (st == CUBLAS_STATUS_SUCCESS)
        st = g->desc_set(s->desc, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed);
    if (st == CUBLAS_STATUS_SUCCESS && s->p.bias && !s->rescale) {
        const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
        const void *some = g->workspace; /* as below */
        st = g->desc_set(s->desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
        if (st == CUBLAS_STATUS_SUCCESS)
            st = g->desc_set(s->desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &some, sizeof some);
    }
    if (st == CUBLAS_STATUS_SUCCESS && s->p.in == KW_DT_FP8 && !s->rescale) {
        const cublasLtMatmulMatrixScale_t mode = CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F;
        const float *some = (const float *)g->workspace; /* suggestions want to see pointers; run sets the real ones */
        st = g->desc_set(s->desc, CUBLASLT_MATMUL_DESC_A_SCALE_MODE, &mode, sizeof mode);
        if (st == CUBLAS_STATUS_SUCCESS)
            st = g->desc_set(s->desc, CUBLASLT_MATMUL_DESC_B_SCALE_MODE, &mode, sizeof mode);
        if (st == CUBLAS_STATUS_SUCCESS)
            st = g->desc_set(s->desc, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &some, sizeof some);
        if (st == CUBLAS_STATUS_SUCCESS)
            st = g->desc_set(s->desc, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &some, sizeof some);
    }
    return st;
}

kw_status gemm_add(gemm *g, uint32_t id, const product &p, size_t *scratch, kw_error *err)
{
    slot *s = &g->slots[id];
    plan trial;
    cublasLtMatmulHeuristicResult_t r;
    s->p = p;
    *scratch = 0;
    if (!s->plans && !(s->plans = (plan **)calloc((size_t)g->max_tokens + 1, sizeof *s->plans)))
        return kw_fail(err, KW_ENOMEM, "out of memory for cuBLASLt's plans");
    const uint32_t tokens = g->max_tokens < 16 ? g->max_tokens : 16;
    bool found = make_desc(g, s) == CUBLAS_STATUS_SUCCESS &&
                 init_layouts(g, *s, tokens, &trial) == CUBLAS_STATUS_SUCCESS && suggest(g, *s, &trial, &r, 1) == 1;
    if (!found && p.in == KW_DT_FP8) { /* vectors of scales are Hopper's alone */
        s->rescale = true;
        found = make_desc(g, s) == CUBLAS_STATUS_SUCCESS &&
                init_layouts(g, *s, tokens, &trial) == CUBLAS_STATUS_SUCCESS && suggest(g, *s, &trial, &r, 1) == 1;
        *scratch = (size_t)g->max_tokens * p.rows * sizeof(float);
    }
    if (!found)
        return kw_fail(err, KW_ERANGE, "cuBLASLt has no %s kernel for compute capability %u.%u%s", kw_dtype_name(p.in),
                       g->capability / 10, g->capability % 10, p.in == KW_DT_FP8 ? "; fp8 needs 8.9 or newer" : "");
    return KW_OK;
}

void gemm_set_scratch(gemm *g, void *scratch)
{
    g->scratch = scratch;
}

static cublasStatus_t enqueue(gemm *g, queue &q, slot *s, uint32_t tokens, const plan *p, const operands &o)
{
    const float one = 1, zero = 0, *beta = s->p.add && !s->rescale ? &one : &zero;
    void *y = s->rescale ? g->scratch : o.y;
    cublasStatus_t st = CUBLAS_STATUS_SUCCESS;
    if (s->p.bias && !s->rescale) st = g->desc_set(s->desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &o.bias, sizeof o.bias);
    if (s->p.in == KW_DT_FP8 && !s->rescale) {
        st = g->desc_set(s->desc, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &o.w_scale, sizeof o.w_scale);
        if (st == CUBLAS_STATUS_SUCCESS)
            st = g->desc_set(s->desc, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &o.x_scale, sizeof o.x_scale);
    }
    if (st == CUBLAS_STATUS_SUCCESS)
        st = g->matmul(g->handle, s->desc, &one, o.w, (cublasLtMatrixLayout_t)&p->w, o.x, (cublasLtMatrixLayout_t)&p->x,
                       beta, y, (cublasLtMatrixLayout_t)&p->y, y, (cublasLtMatrixLayout_t)&p->y, &p->algo, g->workspace,
                       WORKSPACE, q.stream);
    if (st == CUBLAS_STATUS_SUCCESS && s->rescale)
        run_rescale(q, s->p.out, tokens, (const float *)y, o.w_scale, o.x_scale, s->p.bias ? o.bias : nullptr, s->p.add,
                    o.y, s->p.rows);
    return st;
}

static plan *new_plan(gemm *g, slot *s, uint32_t tokens, kw_error *err)
{
    plan *p = (plan *)calloc(1, sizeof *p);
    cublasStatus_t st = p ? init_layouts(g, *s, tokens, p) : CUBLAS_STATUS_ALLOC_FAILED;
    if (st == CUBLAS_STATUS_SUCCESS) return p;
    lt_fail(g, st, "planning", err);
    free(p);
    return nullptr;
}

kw_status gemm_tune(gemm *g, queue &q, uint32_t id, uint32_t tokens, operands o, uint64_t stride, uint32_t layers,
                    double *seconds, kw_error *err)
{
    slot *s = &g->slots[id];
    cublasLtMatmulHeuristicResult_t r[SUGGESTIONS];
    cudaEvent_t began, ended;
    plan *p = new_plan(g, s, tokens, err);
    if (!p) return KW_EFAIL;
    const int n = suggest(g, *s, p, r, SUGGESTIONS);
    if (cudaEventCreate(&began) != cudaSuccess) {
        free(p);
        return kw_fail(err, KW_EFAIL, "CUDA: no event to time cuBLASLt with");
    }
    if (cudaEventCreate(&ended) != cudaSuccess) {
        cudaEventDestroy(began);
        free(p);
        return kw_fail(err, KW_EFAIL, "CUDA: no event to time cuBLASLt with");
    }
    const unsigned char *w = (const unsigned char *)o.w;
    float best = -1;
    uint32_t layer = 0;
    for (int i = 0; i < n; i++) {
        plan trial = *p;
        float ms, sum = 0;
        bool ok = r[i].state == CUBLAS_STATUS_SUCCESS;
        trial.algo = r[i].algo;
        for (int k = -1; ok && k < REPEATS; k++) { /* the first loads the kernel */
            o.w = w + layer * stride;
            layer = (layer + 1) % layers;
            ok = cudaEventRecord(began, q.stream) == cudaSuccess &&
                 enqueue(g, q, s, tokens, &trial, o) == CUBLAS_STATUS_SUCCESS && q.err == cudaSuccess &&
                 cudaEventRecord(ended, q.stream) == cudaSuccess && cudaEventSynchronize(ended) == cudaSuccess &&
                 cudaEventElapsedTime(&ms, began, ended) == cudaSuccess;
            if (k >= 0) sum += ms;
        }
        if (ok && (best < 0 || sum < best)) best = sum, p->algo = trial.algo;
    }
    cudaEventDestroy(began);
    cudaEventDestroy(ended);
    if (best < 0) {
        free(p);
        return kw_fail(err, KW_EFAIL, "cuBLASLt: no kernel runs %s [%u x %u] for %u tokens", kw_dtype_name(s->p.in),
                       s->p.rows, s->p.cols, tokens);
    }
    p->tuned = true;
    free(s->plans[tokens]);
    s->plans[tokens] = p;
    *seconds = best * 1e-3 / REPEATS;
    return KW_OK;
}

/* The plan for this many tokens, made on first use. */
static plan *plan_for(gemm *g, slot *s, uint32_t tokens, kw_error *err)
{
    if (s->plans[tokens]) return s->plans[tokens];
    plan *p = new_plan(g, s, tokens, err);
    if (!p) return nullptr;
    cublasLtMatmulHeuristicResult_t r;
    uint32_t next = tokens;
    while (next <= g->max_tokens && !(s->plans[next] && s->plans[next]->tuned)) next++;
    if (next <= g->max_tokens &&
        g->check(g->handle, s->desc, &p->w, &p->x, &p->y, &p->y, &s->plans[next]->algo, &r) == CUBLAS_STATUS_SUCCESS &&
        r.workspaceSize <= WORKSPACE) {
        p->algo = s->plans[next]->algo;
    } else if (suggest(g, *s, p, &r, 1) == 1) {
        p->algo = r.algo;
    } else {
        kw_fail(err, KW_EFAIL, "cuBLASLt: no kernel for %s [%u x %u] and %u tokens", kw_dtype_name(s->p.in), s->p.rows,
                s->p.cols, tokens);
        free(p);
        return nullptr;
    }
    return s->plans[tokens] = p;
}

kw_status gemm_run(gemm *g, queue &q, uint32_t id, uint32_t tokens, const operands &o, kw_error *err)
{
    slot *s = &g->slots[id];
    const plan *p = plan_for(g, s, tokens, err);
    if (!p) return KW_EFAIL;
    cublasStatus_t st = enqueue(g, q, s, tokens, p, o);
    return st == CUBLAS_STATUS_SUCCESS ? KW_OK : lt_fail(g, st, "cublasLtMatmul", err);
}

} // namespace kw
