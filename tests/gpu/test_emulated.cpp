/* The CUDA backend without a GPU: its own source under tests/gpu/emulate.h, held against the CPU reference and against
 * formulas written out here. What this cannot show: cuBLASLt (plain loops stand in), speed, and the hardware's rounding
 * of intrinsics; tests/gpu.sh does on a real device. */
#include "engine/cuda/gemm.cuh"
#include "tests/gpu/backend_tests.h"

extern "C" const kw_backend_ops *kw_backend_plugin(void);
static const kw_backend_ops *cuda_ops()
{
    return kw_backend_plugin();
}

static void fp32_is_the_reference()
{
    for (int i : { 0, 1, 2, 4 }) against_reference(SHAPES[i], KW_DT_FP32, i == 1, 1e-5);
}
static void bf16_is_near_the_reference()
{
    for (int i : { 0, 1, 3, 5 }) against_reference(SHAPES[i], KW_DT_BF16, i != 1, 1e-2);
}
static void fp16_is_near_the_reference()
{
    against_reference(SHAPES[2], KW_DT_FP16, false, 2e-3);
}
/* Both quantise the same way, but from activations that differ in bf16's last place (2^-9), so about one code in twenty
 * is its neighbour, 2^-4 away. A wrong scale or row is an error of 1; codes, scales and products are exact in tests
 * below. */
static void fp8_is_near_the_reference()
{
    against_reference(SHAPES[0], KW_DT_FP8, false, 5e-2);
    against_reference(SHAPES[1], KW_DT_FP8, true,
                      0.15); /* tied: a small residual stream, so more of it is such noise */
}

/* Threads and blocks in any order give the same bits: no barrier is missing, nothing depends on who comes first. */
static void order_does_not_matter()
{
    const kw_dtype types[] = { KW_DT_FP32, KW_DT_FP8 }; /* fp8 has bf16's attention */
    for (kw_dtype t : types) {
        vector<float> first[3];
        for (int k = 0; k < 3; k++) {
            harness r;
            emulate::order = (emulate::order_kind)k;
            CHECK(open_harness(&r, cuda_ops(), SHAPES[0], t, true));
            sequence a = new_sequence(&r, 300, 1), b = new_sequence(&r, 20, 2);
            if (t == KW_DT_FP32) { /* a long context without its prompt */
                CHECK(r.ops->kv_fill(r.b, 4, &r.err) == KW_OK);
                a.past = 260;
            }
            first[k] = step(&r, { { &a, t == KW_DT_FP32 ? 3u : 140u } });
            for (const vector<float> &more : { step(&r, { { &a, t == KW_DT_FP32 ? 2u : 130u } }),
                                               step(&r, { { &a, 1 }, { &b, 9 } }), step(&r, { { &a, 1 }, { &b, 1 } }) })
                first[k].insert(first[k].end(), more.begin(), more.end());
            r.ops->destroy(r.b);
        }
        emulate::order = emulate::FORWARD;
        CHECK(!memcmp(first[0].data(), first[1].data(), first[0].size() * sizeof(float)));
        CHECK(!memcmp(first[0].data(), first[2].data(), first[0].size() * sizeof(float)));
    }
}

/* Pieces of any alignment through two stage buffers; kv_fill makes the CPU's values, so decodes over them agree. */
static void uploads_and_random_kv()
{
    harness ref, gpu;
    CHECK(open_harness(&ref, &kw_backend_reference, SHAPES[0], KW_DT_FP32, true) &&
          open_harness(&gpu, cuda_ops(), SHAPES[0], KW_DT_FP32, true));
    vector<char> old(gpu.l.bytes), now(gpu.l.bytes);
    CHECK(gpu.ops->weights_read(gpu.b, 0, old.data(), old.size(), &gpu.err) == KW_OK);
    void *host[2];
    uint32_t handle[2];
    for (int i = 0; i < 2; i++) CHECK(gpu.ops->stage_alloc(gpu.b, 8192, &host[i], &handle[i], &gpu.err) == KW_OK);
    CHECK(handle[0] != handle[1]);
    uint64_t at = 0;
    for (uint32_t i = 0; at < old.size(); i++) {
        const size_t n = std::min<size_t>(1 + i * 997 % 8000, old.size() - at);
        CHECK(gpu.ops->upload_wait(gpu.b, handle[i % 2], &gpu.err) == KW_OK);
        memcpy(host[i % 2], &old[at], n);
        CHECK(gpu.ops->upload(gpu.b, handle[i % 2], at, host[i % 2], n, &gpu.err) == KW_OK);
        at += n;
    }
    for (int i = 0; i < 2; i++) CHECK(gpu.ops->upload_wait(gpu.b, handle[i], &gpu.err) == KW_OK);
    CHECK(gpu.ops->weights_read(gpu.b, 0, now.data(), now.size(), &gpu.err) == KW_OK);
    CHECK(now == old);
    CHECK(gpu.ops->upload(gpu.b, handle[0], gpu.l.bytes - 1, host[0], 2, &gpu.err) == KW_ERANGE);
    for (int i = 0; i < 2; i++) gpu.ops->stage_free(gpu.b, handle[i]);

    harness *both[2] = { &ref, &gpu };
    vector<float> got[2];
    for (int i = 0; i < 2; i++) {
        CHECK(both[i]->ops->kv_fill(both[i]->b, 9, &both[i]->err) == KW_OK);
        sequence a = new_sequence(both[i], 201, 1), b = new_sequence(both[i], 3, 2);
        a.past = 200, b.past = 2;
        got[i] = step(both[i], { { &a, 1 }, { &b, 1 } });
    }
    check_close(got[1], got[0], 1e-5, "over random KV");
    for (harness *r : both) r->ops->destroy(r->b);
}

static void refusals()
{
    harness r;
    shape s = SHAPES[0];
    const kw_backend_ops *ops = cuda_ops();
    uint32_t n;
    CHECK(open_harness(&r, ops, s, KW_DT_BF16, true));
    CHECK(ops->kv_alloc(r.b, 0, &n, &r.err) == KW_OK && n == 25 * 3); /* as many as all sequences can use */
    sequence a = new_sequence(&r, 5, 1);
    built t;
    build(&r, { { &a, 5 } }, &t);
    uint32_t id;
    kw_result out = { &id, nullptr, 0 };
    t.slots[2]++;
    CHECK(ops->submit(r.b, &t.t, &out, &r.err) == KW_ERANGE);
    t.slots[2]--, t.tokens[1] = KW_TOKEN_PREVIOUS;
    CHECK(ops->submit(r.b, &t.t, &out, &r.err) == KW_ERANGE); /* there was no batch before */
    t.tokens[1] = 1;
    CHECK(ops->submit(r.b, &t.t, &out, &r.err) == KW_OK && ops->submit(r.b, &t.t, &out, &r.err) == KW_OK);
    CHECK(ops->submit(r.b, &t.t, &out, &r.err) == KW_EFAIL);
    ops->destroy(r.b); /* with two under way */

    kw_backend *b;
    kw_backend_params p = r.p;
    r.c.head_dim = 96;
    CHECK(ops->create(&b, &p, &r.err) == KW_ERANGE && !b && strstr(r.err.msg, "96"));
    r.c.head_dim = 64, r.c.intermediate = 100;
    CHECK(ops->create(&b, &p, &r.err) == KW_ERANGE && !b && strstr(r.err.msg, "multiples of 8"));
    r.c.intermediate = s.intermediate, p.kv_dtype = KW_DT_FP32;
    CHECK(ops->create(&b, &p, &r.err) == KW_ERANGE && !b);
    p.kv_dtype = KW_DT_BF16, p.device = 1;
    CHECK(ops->create(&b, &p, &r.err) == KW_ERANGE && !b);
    p.device = 0;
    CHECK(ops->create(&b, &p, &r.err) == KW_OK);
    CHECK(ops->prepare(b, &r.err) == KW_EFAIL && ops->submit(b, &t.t, &out, &r.err) == KW_EFAIL);
    CHECK(ops->kv_alloc(b, 1u << 24, &n, &r.err) == KW_ENOMEM); /* the emulated device has 256 MiB */
    CHECK(ops->kv_alloc(b, 16, &n, &r.err) == KW_OK && n == 16);
    ops->destroy(b);
    ops->destroy(nullptr);
}

/* ---- kernels alone, each buffer ending at a forbidden page */

template <class T> static T *device(size_t n, const T *from = nullptr)
{
    void *p;
    if (cudaMalloc(&p, n * sizeof(T)) != cudaSuccess) abort();
    if (from) memcpy(p, from, n * sizeof(T));
    return (T *)p;
}

static kw::queue open_queue()
{
    kw::queue q = {};
    cudaStreamCreateWithFlags(&q.stream, cudaStreamNonBlocking);
    return q;
}

static void quantise_rounds_as_the_cpu()
{
    kw::queue q = open_queue();
    const uint32_t rows = 7, width = 336;
    vector<uint16_t> x(rows * width);
    std::mt19937 random(5);
    for (uint32_t i = 0; i < rows * width; i++) {
        float v = ((int)(random() % 20001) - 10000) * powf(2, (float)(i % 23) - 12);
        if (i / width == 3) v = 0;                       /* a row of zeros */
        if (i / width == 4) v = i % 2 ? 1e-38f : -3e38f; /* the widest range there is */
        if (i / width == 5) v = 448.0f * (i % 9) / 8;    /* codes hit and ties between them */
        x[i] = kw_f32_to_bf16(v);
    }
    kw::bf16 *in = device<kw::bf16>(rows * width, (const kw::bf16 *)x.data());
    kw::fp8 *codes = device<kw::fp8>(rows * width);
    float *scales = device<float>(rows);
    kw::run_quantise(q, KW_DT_BF16, rows, in, codes, scales, width);
    cudaStreamSynchronize(q.stream);
    for (uint32_t r = 0; r < rows; r++) {
        vector<float> row(width);
        vector<uint8_t> want(width);
        kw_dtype_convert(row.data(), KW_DT_FP32, &x[r * width], KW_DT_BF16, width);
        CHECK(kw_fp8_quantise(want.data(), row.data(), width) == scales[r]);
        CHECK(!memcmp(want.data(), codes + r * width, width));
    }
    cudaFree(in), cudaFree(codes), cudaFree(scales), cudaStreamDestroy(q.stream);
}

static void argmax_takes_the_smallest_of_the_largest()
{
    kw::queue q = open_queue();
    const uint32_t rows = 6, vocab = 5003;
    float *l = device<float>((size_t)rows * vocab);
    unsigned long long *key = device<unsigned long long>(rows);
    uint32_t *ticket = device<uint32_t>(rows), *previous = device<uint32_t>(rows), *result = device<uint32_t>(rows);
    memset(key, 0, rows * sizeof *key), memset(ticket, 0, rows * sizeof *ticket);
    for (int again = 0; again < 2; again++) {
        for (uint32_t i = 0; i < rows * vocab; i++) l[i] = -5 - (float)(i * 31 % 977);
        const uint32_t want[6] = { 0, 4998, 17, 2500, 0, 4000 };
        l[0] = 3, l[700] = 3; /* a tie: the first */
        l[vocab + 4998] = -1;
        l[2 * vocab + 17] = -0.0f, l[2 * vocab + 4000] = 0.0f; /* equal */
        l[3 * vocab + 2500] = INFINITY, l[3 * vocab + 2499] = NAN;
        for (uint32_t i = 0; i < vocab; i++) l[4 * vocab + i] = -INFINITY;
        l[5 * vocab + 4000] = 1e-40f, l[5 * vocab + 3999] = -1e-40f; /* subnormals */
        kw::run_argmax(q, rows, l, vocab, key, ticket, previous, result);
        cudaStreamSynchronize(q.stream);
        for (uint32_t r = 0; r < rows; r++)
            CHECK(result[r] == want[r] && previous[r] == want[r] && key[r] == 0 && ticket[r] == 0);
    }
    cudaFree(l), cudaFree(key), cudaFree(ticket), cudaFree(previous), cudaFree(result), cudaStreamDestroy(q.stream);
}

/* Every number of tokens and mode against sums in double; columns that no multiple of a block's stride divides. */
template <class T> static void gemv_of(kw_dtype t, double most)
{
    using namespace kw;
    queue q = open_queue();
    const uint32_t rows = 22, cols = 1096, table = 9; /* x has 9 rows, tokens gather from it */
    std::mt19937 random(8);
    auto uniform = [&] { return (float)(random() % 2001) / 1000 - 1; };
    T *w = device<T>(rows * cols), *x = device<T>(table * cols), *norm = device<T>(cols), *bias = device<T>(rows);
    for (uint32_t i = 0; i < rows * cols; i++) w[i] = to<T>(uniform() / 8);
    for (uint32_t i = 0; i < table * cols; i++) x[i] = to<T>(uniform());
    for (uint32_t i = 0; i < cols; i++) norm[i] = to<T>(uniform());
    for (uint32_t i = 0; i < rows; i++) bias[i] = to<T>(uniform());
    uint32_t *gather = device<uint32_t>(8);
    for (uint32_t i = 0; i < 8; i++) gather[i] = (i * 5 + 2) % table;
    for (uint32_t tokens = 1; tokens <= 8; tokens++)
        for (int mode = 0; mode < 5; mode++) { /* plain + bias, plain + add, normed + bias, gated, fp32 out gathered */
            const bool normed = mode >= 2, gated = mode == 3, fp32_out = mode == 4;
            const uint32_t out = gated ? rows / 2 : rows;
            T *y = device<T>(tokens * out);
            float *y32 = device<float>(tokens * out);
            vector<float> got(tokens * out), want(tokens * out);
            for (uint32_t i = 0; i < tokens * out; i++) y[i] = to<T>(mode == 1 ? uniform() : NAN);
            gemv g = {};
            g.w = w, g.x = x, g.rows = rows, g.cols = cols, g.tokens = tokens, g.eps = 1e-5f;
            g.norm = normed ? norm : nullptr, g.bias = mode == 0 || mode == 2 ? bias : nullptr, g.add = mode == 1;
            g.swiglu = gated, g.fp32_out = fp32_out, g.gather = fp32_out ? gather : nullptr,
            g.y = fp32_out ? (void *)y32 : y;
            for (uint32_t k = 0; k < tokens; k++) {
                const T *in = x + (fp32_out ? gather[k] : k) * cols;
                double squares = 0;
                for (uint32_t c = 0; c < cols; c++) squares += (double)to_float(in[c]) * to_float(in[c]);
                const double r = normed ? 1 / sqrt(squares / cols + 1e-5f) : 1;
                auto dot = [&](uint32_t row) {
                    double sum = 0;
                    for (uint32_t c = 0; c < cols; c++)
                        sum += (double)to_float(w[row * cols + c]) * to_float(in[c]) * (normed ? to_float(norm[c]) : 1);
                    return sum * r;
                };
                for (uint32_t i = 0; i < out; i++) {
                    double v = dot(i);
                    if (gated) v = v / (1 + exp(-v)) * dot(i + out);
                    if (g.bias) v += to_float(bias[i]);
                    if (g.add) v += to_float(y[k * out + i]);
                    want[k * out + i] = (float)v;
                }
            }
            run_gemv(q, t, g);
            cudaStreamSynchronize(q.stream);
            for (uint32_t i = 0; i < tokens * out; i++) got[i] = fp32_out ? y32[i] : to_float(y[i]);
            check_close(got, want, fp32_out ? 1e-5 : most, "gemv");
            cudaFree(y), cudaFree(y32);
        }
    cudaFree(w), cudaFree(x), cudaFree(norm), cudaFree(bias), cudaFree(gather), cudaStreamDestroy(q.stream);
}
static void gemv_is_a_product()
{
    gemv_of<float>(KW_DT_FP32, 1e-6);
    gemv_of<kw::bf16>(KW_DT_BF16, 3e-3);
    gemv_of<kw::fp16>(KW_DT_FP16, 4e-4);
}

/* Both attention kernels on the same random cache against softmax in double: chunks at every kind of edge, windows,
 * groups, scores large enough that a wrong position shows. */
template <class T>
static void attention_of(kw_dtype t, uint32_t heads, uint32_t kv_heads, uint32_t dim, uint32_t window, double most)
{
    using namespace kw;
    queue q = open_queue();
    const uint32_t bs = 16, lens[3] = { 67, 1, 129 }, pasts[3] = { 0, 70, 37 }, blocks = 40,
                   width = (heads + 2 * kv_heads) * dim, n = 197;
    std::mt19937 random(12);
    auto uniform = [&] { return (float)(random() % 2001) / 1000 - 1; };
    vector<uint32_t> order(blocks), tables, tokens(n, 1), positions, slots(n, 0), logits{ 0 };
    vector<kw_batch_seq> seqs;
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    for (uint32_t i = 0, start = 0; i < 3; start += lens[i++]) {
        seqs.push_back({ start, lens[i], pasts[i] });
        for (uint32_t j = 0; j < lens[i]; j++) positions.push_back(pasts[i] + j);
        for (uint32_t j = 0; j < 12; j++) tables.push_back(order[i * 12 + j]);
    }
    const kw_batch batch = {
        n, 3, 0, tokens.data(), positions.data(), slots.data(), seqs.data(), tables.data(), 12, 1, logits.data()
    };
    const size_t cache = (size_t)blocks * kv_heads * bs * dim;
    T *qkv = device<T>((size_t)n * width), *k = device<T>(cache), *v = device<T>(cache),
      *out = device<T>((size_t)n * heads * dim);
    for (size_t i = 0; i < (size_t)n * width; i++) qkv[i] = to<T>(3 * uniform());
    for (size_t i = 0; i < cache; i++) k[i] = to<T>(uniform()), v[i] = to<T>(uniform());

    vector<float> want((size_t)n * heads * dim), got(want.size());
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t j = 0; j < lens[i]; j++)
            for (uint32_t h = 0; h < heads; h++) {
                const uint32_t pos = pasts[i] + j, token = seqs[i].start + j,
                               first = window && pos >= window ? pos - window + 1 : 0;
                auto at = [&](const T *p, uint32_t x, uint32_t d) {
                    return (double)to_float(
                        p[(((size_t)tables[i * 12 + x / bs] * kv_heads + h / (heads / kv_heads)) * bs + x % bs) * dim +
                          d]);
                };
                vector<double> p(pos + 1), o(dim);
                double sum = 0;
                for (uint32_t x = first; x <= pos; x++) {
                    double dot = 0;
                    for (uint32_t d = 0; d < dim; d++)
                        dot += to_float(qkv[(size_t)token * width + h * dim + d]) * at(k, x, d);
                    sum += p[x] = exp(dot / sqrt(dim));
                }
                for (uint32_t x = first; x <= pos; x++)
                    for (uint32_t d = 0; d < dim; d++) o[d] += p[x] / sum * at(v, x, d);
                for (uint32_t d = 0; d < dim; d++) want[((size_t)token * heads + h) * dim + d] = (float)o[d];
            }
    for (int run = 0; run < 4; run++) {
        const bool tiles = run / 2;
        if (tiles && t == KW_DT_FP32) continue;
        emulate::order = run % 2 ? emulate::BACKWARD : emulate::FORWARD;
        const uint32_t extra = 5, single = tiles ? 0 : n, chunks = kv_heads * ((heads / kv_heads + 7) / 8);
        const step_caps caps = { n, 3, 1, tiles ? 0 : n + extra, tiles ? 6u : 0 };
        uint32_t *words = device<uint32_t>(step_words(caps, 3 * 12));
        step_pack(words, caps, batch, { single, extra, window }, 39, bs);
        const struct kw::step s = step_at(words, caps);
        float *partial = device<float>((size_t)(n + extra) * heads * (dim + 2));
        uint32_t *ticket = device<uint32_t>((size_t)n * chunks);
        memset(ticket, 0, (size_t)n * chunks * sizeof *ticket);
        memset(out, 0xff, got.size() * sizeof *out);
        const attention a = { qkv, k, v, out, width, { heads, kv_heads, dim, 4 }, window, partial, ticket };
        if (tiles)
            run_prefill_attention(q, t, s, s.header->n_tiles, a);
        else
            run_decode_attention(q, t, s, s.header->n_items, a);
        CHECK(!tiles || s.header->n_tiles == 6); /* 2 + 1 + 3 */
        cudaStreamSynchronize(q.stream);
        for (size_t i = 0; i < got.size(); i++) got[i] = to_float(out[i]);
        check_close(got, want, most, tiles ? "prefill attention" : "decode attention");
        double worst = 0; /* a single wrong row hides in a norm over all */
        for (size_t i = 0; i < got.size(); i++) worst = fmax(worst, fabs(got[i] - want[i]));
        CHECK(worst <= 4 * most);
        cudaFree(words), cudaFree(partial), cudaFree(ticket);
    }
    emulate::order = emulate::FORWARD;
    cudaFree(qkv), cudaFree(k), cudaFree(v), cudaFree(out), cudaStreamDestroy(q.stream);
}
static void attention_is_the_formula()
{
    attention_of<kw::fp16>(KW_DT_FP16, 4, 1, 64, 0, 1e-3);
    attention_of<kw::fp16>(KW_DT_FP16, 2, 2, 128, 50, 1e-3);
    attention_of<kw::bf16>(KW_DT_BF16, 7, 1, 64, 0, 6e-3);
    attention_of<float>(KW_DT_FP32, 2, 1, 128, 50, 1e-5);
}

static void gemv_of_fp8_is_the_scaled_product_of_codes()
{
    using namespace kw;
    queue q = open_queue();
    const uint32_t rows = 13, cols = 2064, tokens = 3;
    std::mt19937 random(9);
    fp8 *w = device<fp8>(rows * cols), *x = device<fp8>(tokens * cols);
    float *ws = device<float>(rows), *xs = device<float>(tokens);
    bf16 *y = device<bf16>(tokens * rows);
    auto code = [&] {
        uint8_t c = (uint8_t)random();
        return fp8{ (uint8_t)((c & 0x7f) == 0x7f ? 0x7e : c) };
    };
    for (uint32_t i = 0; i < rows * cols; i++) w[i] = code();
    for (uint32_t i = 0; i < tokens * cols; i++) x[i] = code();
    for (uint32_t i = 0; i < rows; i++) ws[i] = 0.001f * (i + 1);
    for (uint32_t i = 0; i < tokens; i++) xs[i] = 0.01f * (i + 1);
    gemv g = {};
    g.w = w, g.w_scale = ws, g.x = x, g.x_scale = xs, g.y = y, g.rows = rows, g.cols = cols, g.tokens = tokens;
    run_gemv(q, KW_DT_BF16, g);
    cudaStreamSynchronize(q.stream);
    for (uint32_t k = 0; k < tokens; k++)
        for (uint32_t r = 0; r < rows; r++) {
            double sum = 0, size = 0;
            for (uint32_t c = 0; c < cols; c++) {
                double p = (double)kw_fp8_to_f32(w[r * cols + c].v) * kw_fp8_to_f32(x[k * cols + c].v);
                sum += p, size += fabs(p);
            }
            CHECK_NEAR(to_float(y[k * rows + r]), sum * ws[r] * xs[k],
                       fabs(sum * ws[r] * xs[k]) / 256 + size * ws[r] * xs[k] * 1e-6);
        }
    cudaFree(w), cudaFree(x), cudaFree(ws), cudaFree(xs), cudaFree(y), cudaStreamDestroy(q.stream);
}

static void rescale_ends_an_fp8_product()
{
    using namespace kw;
    queue q = open_queue();
    const uint32_t rows = 3, width = 300;
    float *in = device<float>(rows * width), *ws = device<float>(width), *xs = device<float>(rows);
    bf16 *bias = device<bf16>(width), *y = device<bf16>(rows * width);
    for (int add = 0; add < 2; add++) {
        for (uint32_t i = 0; i < rows * width; i++) in[i] = (float)i - 400, y[i] = to<bf16>((float)(i % 7));
        for (uint32_t i = 0; i < width; i++) ws[i] = 0.01f * i, bias[i] = to<bf16>((float)(i % 5));
        for (uint32_t i = 0; i < rows; i++) xs[i] = 0.5f + i;
        run_rescale(q, KW_DT_BF16, rows, in, ws, xs, add ? nullptr : bias, add, y, width);
        cudaStreamSynchronize(q.stream);
        for (uint32_t i = 0; i < rows * width; i++) {
            float want = in[i] * ws[i % width] * xs[i / width] + (float)(add ? i % 7 : i % width % 5);
            CHECK(y[i].v == kw_f32_to_bf16(want));
        }
    }
    cudaFree(in), cudaFree(ws), cudaFree(xs), cudaFree(bias), cudaFree(y), cudaStreamDestroy(q.stream);
}

/* The cut into pieces: each position of each token once, within the room a graph was captured with. */
static void work_is_cut_without_gaps()
{
    using namespace kw;
    std::mt19937 random(11);
    for (int trial = 0; trial < 300; trial++) {
        const uint32_t n = 1 + random() % 12, extra = 1 + random() % 40, window = trial % 3 ? 0 : 1 + random() % 900,
                       bs = 1u << random() % 6;
        const uint32_t padded = n + random() % 4;
        vector<uint32_t> tokens(n, 1), positions(n), slots(n, 0), logits(n), tables;
        vector<kw_batch_seq> seqs(n);
        uint32_t stride = 0;
        for (uint32_t i = 0; i < n; i++) {
            positions[i] = random() % (random() % 8 ? 300 : 40000);
            seqs[i] = { i, 1, positions[i] }, logits[i] = i;
            stride = std::max(stride, positions[i] / bs + 1);
        }
        stride += random() % 3;
        for (uint32_t i = 0; i < n * stride; i++) tables.push_back(i);
        kw_batch t = {
            n, n, n, tokens.data(), positions.data(), slots.data(), seqs.data(), tables.data(), stride, n, logits.data()
        };
        const step_caps caps = { padded, padded, padded, padded + extra, 0 };
        vector<uint32_t> words(step_words(caps, (size_t)padded * stride) + 4, 0xabababab);
        const size_t used = step_pack(words.data(), caps, t, { n, extra, window }, 99, bs);
        CHECK(used <= words.size() - 4 && words[words.size() - 1] == 0xabababab);
        const struct kw::step s = step_at(words.data(), caps);
        CHECK(s.header->n_items <= caps.items && s.header->n_seqs == padded);
        uint32_t at = 0;
        for (uint32_t k = 0; k < padded; k++) {
            const uint32_t pos = k < n ? positions[k] : 0, first = window && pos >= window ? pos - window + 1 : 0,
                           head = at;
            CHECK(s.positions[k] == pos && s.token_seq[k] == k);
            uint32_t next = first;
            for (; at < s.header->n_items && s.items[at].token == k; at++) {
                const attention_item &i = s.items[at];
                CHECK(i.first == next && i.end > i.first && i.head == head && i.end <= pos + 1);
                next = i.end;
            }
            CHECK(next == pos + 1 && s.items[head].n == at - head);
            for (uint32_t j = 0; j <= pos / bs; j++)
                CHECK(s.tables[(size_t)k * s.header->table_stride + j] ==
                      (k < n ? tables[(size_t)k * stride + j] : 99));
        }
        CHECK(at == s.header->n_items);
    }
}

int main(void)
{
    RUN(work_is_cut_without_gaps);
    RUN(quantise_rounds_as_the_cpu);
    RUN(argmax_takes_the_smallest_of_the_largest);
    RUN(gemv_is_a_product);
    RUN(attention_is_the_formula);
    RUN(gemv_of_fp8_is_the_scaled_product_of_codes);
    RUN(rescale_ends_an_fp8_product);
    RUN(weights_are_the_cpu_s);
    RUN(uploads_and_random_kv);
    RUN(refusals);
    RUN(fp32_is_the_reference);
    RUN(bf16_is_near_the_reference);
    RUN(fp16_is_near_the_reference);
    RUN(fp8_is_near_the_reference);
    RUN(chunked_is_whole);
    RUN(batched_is_alone_and_graph_is_eager);
    RUN(submitted_ahead_is_one_by_one);
    RUN(the_engine_runs_a_step_ahead);
    RUN(order_does_not_matter);
    return check_report();
}
