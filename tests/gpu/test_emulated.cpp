/* The CUDA backend without a GPU: its own source under tests/gpu/emulate.h, held against the CPU reference and against
 * formulas written out here. What this cannot show: cuBLASLt (plain loops stand in), speed, and the hardware's rounding of
 * intrinsics; tests/gpu.sh does on a real device. */
#include "engine/cuda/gemm.cuh"
extern "C" {
#include "engine/startup.h"
#include "engine/synthetic.h"
#include "tests/check.h"
}
#include <algorithm>
#include <numeric>
#include <random>
#include <stdlib.h>
#include <vector>

extern "C" const kw_backend_ops *kw_backend_plugin(void);
using std::vector;

/* ---- a model in a backend, and sequences in it */

struct sequence {
    vector<uint32_t> ids, table;
    uint32_t past;
};

struct rig {
    kw_model_config c;
    struct kw_weights_layout l;
    kw_backend_params p;
    const kw_backend_ops *ops;
    kw_backend *b;
    vector<uint32_t> free_blocks; /* in no order */
    kw_error err;
};

struct shape {
    uint32_t heads, kv_heads, head_dim, hidden, intermediate, vocab, layers;
    bool bias, tied, llama3;
    uint32_t window, block_size;
};

static kw_model_config config_of(const shape &s)
{
    kw_model_config c = {};
    c.arch = s.bias ? KW_ARCH_QWEN2 : KW_ARCH_LLAMA;
    c.layers = s.layers, c.hidden = s.hidden, c.heads = s.heads, c.kv_heads = s.kv_heads, c.head_dim = s.head_dim;
    c.intermediate = s.intermediate, c.vocab = s.vocab, c.max_position = 4096, c.rms_eps = 1e-5f, c.rope_theta = 10000;
    c.sliding_window = s.window, c.qkv_bias = s.bias, c.tied_embeddings = s.tied, c.dtype = KW_DT_BF16, c.bos = UINT32_MAX;
    if (s.llama3) c.rope = KW_ROPE_LLAMA3, c.rope_factor = 8, c.rope_low_freq = 1, c.rope_high_freq = 4, c.rope_original = 64;
    return c;
}

/* Eager rigs skip prepare, whose timings would cost most of the test; so do batches of up to three (only larger ones are
 * tuned). */
static bool open_rig(rig *r, const kw_backend_ops *ops, const shape &s, kw_dtype precision, bool eager, uint32_t max_seqs = 3)
{
    *r = {};
    r->c = config_of(s);
    kw_weights_layout(&r->l, &r->c, precision);
    r->ops = ops;
    r->p.config = &r->c, r->p.layout = &r->l;
    r->p.kv_dtype = precision == KW_DT_FP8 ? KW_DT_BF16 : precision;
    r->p.block_size = s.block_size, r->p.max_tokens = 160, r->p.max_seqs = max_seqs, r->p.max_model_len = 400;
    r->p.memory_fraction = 0.5, r->p.eager = eager;
    uint32_t got = 0;
    kw_status st = ops->create(&r->b, &r->p, &r->err);
    if (st == KW_OK) st = ops->weights_fill(r->b, 7, &r->err);
    if (st == KW_OK) st = ops->kv_alloc(r->b, 640 / s.block_size, &got, &r->err);
    if (st == KW_OK && !eager) st = ops->prepare(r->b, &r->err);
    if (st != KW_OK) fprintf(stderr, "%s: %s\n", ops->name, r->err.msg);
    r->free_blocks.resize(got);
    std::iota(r->free_blocks.begin(), r->free_blocks.end(), 0);
    std::mt19937 random(3);
    std::shuffle(r->free_blocks.begin(), r->free_blocks.end(), random);
    return st == KW_OK;
}

static sequence new_sequence(rig *r, uint32_t n, uint32_t salt)
{
    sequence s = {};
    for (uint32_t i = 0; i < n; i++) s.ids.push_back((i * 37 + salt * 101 + i * i) % r->c.vocab);
    return s;
}

struct piece {
    sequence *s;
    uint32_t len; /* tokens of s->ids from s->past on */
};

struct built { /* a batch and its arrays */
    kw_batch t;
    vector<uint32_t> tokens, positions, slots, tables, logit_tokens;
    vector<kw_batch_seq> seqs;
};

static void build(rig *r, const vector<piece> &pieces, built *o)
{
    const uint32_t bs = r->p.block_size, stride = (r->p.max_model_len + bs - 1) / bs;
    uint32_t decodes = 0;
    *o = {};
    for (const piece &p : pieces) {
        sequence *s = p.s;
        while (s->table.size() * bs < s->past + p.len) s->table.push_back(r->free_blocks.back()), r->free_blocks.pop_back();
        o->seqs.push_back({ (uint32_t)o->tokens.size(), p.len, s->past });
        for (uint32_t i = s->past; i < s->past + p.len; i++) {
            o->tokens.push_back(s->ids[i]);
            o->positions.push_back(i);
            o->slots.push_back(s->table[i / bs] * bs + i % bs);
        }
        for (uint32_t i = 0; i < stride; i++) o->tables.push_back(i < s->table.size() ? s->table[i] : 0xdeadbeefu);
        o->logit_tokens.push_back((uint32_t)o->tokens.size() - 1);
        s->past += p.len;
        if (p.len == 1 && decodes + 1 == o->seqs.size()) decodes++;
    }
    o->t.n_tokens = (uint32_t)o->tokens.size(), o->t.n_seqs = (uint32_t)o->seqs.size(), o->t.n_decode = decodes;
    o->t.tokens = o->tokens.data(), o->t.positions = o->positions.data(), o->t.slots = o->slots.data();
    o->t.seqs = o->seqs.data(), o->t.tables = o->tables.data(), o->t.table_stride = stride;
    o->t.n_logits = o->t.n_seqs, o->t.logit_tokens = o->logit_tokens.data();
}

/* Logits of each piece's last token, one row after the other; ids: the argmax. */
static vector<float> step(rig *r, const vector<piece> &pieces, vector<uint32_t> *ids = nullptr)
{
    built t;
    build(r, pieces, &t);
    vector<float> logits(pieces.size() * r->c.vocab, NAN);
    vector<uint32_t> argmax(pieces.size(), UINT32_MAX);
    kw_result out = { argmax.data(), logits.data(), 0 };
    kw_status st = r->ops->submit(r->b, &t.t, &out, &r->err);
    if (st == KW_OK) st = r->ops->wait(r->b, &r->err);
    if (st != KW_OK) fprintf(stderr, "%s: %s\n", r->ops->name, r->err.msg);
    CHECK(st == KW_OK);
    for (size_t i = 0; i < pieces.size(); i++) {
        const float *row = &logits[i * r->c.vocab];
        CHECK(argmax[i] == (uint32_t)(std::max_element(row, row + r->c.vocab) - row));
    }
    if (ids) *ids = argmax;
    return logits;
}

/* ||a - b|| / ||b||; NaN when anything is. */
static double distance(const vector<float> &a, const vector<float> &b)
{
    double d = 0, n = 0;
    for (size_t i = 0; i < b.size(); i++) d += ((double)a[i] - b[i]) * ((double)a[i] - b[i]), n += (double)b[i] * b[i];
    return sqrt(d / n);
}

static void check_close(const vector<float> &got, const vector<float> &want, double most, const char *what)
{
    double d = distance(got, want);
    if (!(d <= most)) fprintf(stderr, "%s: %.3g, want at most %.3g\n", what, d, most);
    CHECK(d <= most);
}

static const shape SHAPES[] = { /* heads kv dim hidden inter vocab layers bias tied llama3 window block */
    { 4, 1, 64, 64, 96, 203, 2, false, false, true, 0, 16 },    /* groups of 4 */
    { 7, 1, 64, 48, 80, 131, 2, true, true, false, 0, 4 },      /* Qwen2.5's 7, bias, tied */
    { 4, 2, 128, 64, 112, 97, 2, false, false, false, 33, 8 },  /* groups of 2, sliding window */
    { 12, 1, 64, 32, 64, 64, 1, true, false, false, 0, 32 },    /* more than eight heads a group */
    { 2, 2, 128, 32, 48, 77, 1, false, false, false, 0, 1 },    /* no groups, blocks of one token */
    { 8, 1, 128, 32, 48, 65, 1, false, false, false, 0, 16 },
};

/* Chunks with and without past, mixed steps, decodes by graph and without: every row of logits against the reference. */
static void against_reference(const shape &s, kw_dtype precision, bool eager, double most)
{
    rig ref, gpu;
    char what[96];
    if (!open_rig(&ref, &kw_backend_reference, s, precision, true) || !open_rig(&gpu, kw_backend_plugin(), s, precision, eager)) {
        CHECK(!"a backend opens");
        return;
    }
    rig *both[2] = { &ref, &gpu };
    sequence a[2], b[2], c[2], d[2];
    for (int i = 0; i < 2; i++)
        a[i] = new_sequence(both[i], 90, 1), b[i] = new_sequence(both[i], 40, 2), c[i] = new_sequence(both[i], 20, 3),
        d[i] = new_sequence(both[i], 150, 4);
    vector<float> got[2];
    auto run = [&](const char *name, auto pieces) {
        for (int i = 0; i < 2; i++) got[i] = step(both[i], pieces(i));
        snprintf(what, sizeof what, "%s %u:%u x %u, %s", kw_dtype_name(precision), s.heads, s.kv_heads, s.head_dim, name);
        check_close(got[1], got[0], most, what);
    };
    run("prompt", [&](int i) { return vector<piece>{ { &a[i], 70 } }; });
    run("chunk after past, and a new prompt", [&](int i) { return vector<piece>{ { &a[i], 13 }, { &b[i], 31 } }; });
    run("decode of one", [&](int i) { return vector<piece>{ { &a[i], 1 } }; });
    run("decode of two", [&](int i) { return vector<piece>{ { &a[i], 1 }, { &b[i], 1 } }; });
    run("decodes beside a chunk", [&](int i) { return vector<piece>{ { &b[i], 1 }, { &a[i], 1 }, { &c[i], 17 } }; });
    run("decode of three", [&](int i) { return vector<piece>{ { &c[i], 1 }, { &b[i], 1 }, { &a[i], 1 } }; });
    run("a prompt of 129 tokens beside a decode", [&](int i) { return vector<piece>{ { &c[i], 1 }, { &d[i], 129 } }; });
    run("decode of a long one", [&](int i) { return vector<piece>{ { &d[i], 1 } }; });
    for (rig *r : both) r->ops->destroy(r->b);
}

static void fp32_is_the_reference()
{
    for (const shape &s : SHAPES) against_reference(s, KW_DT_FP32, s.heads == 7, 1e-5);
}
static void bf16_is_near_the_reference()
{
    for (const shape &s : SHAPES) against_reference(s, KW_DT_BF16, s.heads != 7, 1e-2);
}
static void fp16_is_near_the_reference()
{
    against_reference(SHAPES[0], KW_DT_FP16, true, 2e-3);
    against_reference(SHAPES[2], KW_DT_FP16, false, 2e-3);
}
/* Both quantise the same way, but from activations that differ in bf16's last place (2^-9), so about one code in twenty is
 * its neighbour, 2^-4 away. A wrong scale or row is an error of 1; codes, scales and products are exact in tests below. */
static void fp8_is_near_the_reference()
{
    against_reference(SHAPES[0], KW_DT_FP8, false, 5e-2);
    against_reference(SHAPES[1], KW_DT_FP8, true, 0.15); /* tied: a small residual stream, so more of it is such noise */
}

/* Threads and blocks in any order give the same bits: no barrier is missing, nothing depends on who comes first. */
static void order_does_not_matter()
{
    const kw_dtype types[] = { KW_DT_FP32, KW_DT_BF16, KW_DT_FP8 };
    for (kw_dtype t : types) {
        vector<float> first[3];
        for (int k = 0; k < 3; k++) {
            rig r;
            emulate::order = (emulate::order_kind)k;
            CHECK(open_rig(&r, kw_backend_plugin(), SHAPES[0], t, true));
            sequence a = new_sequence(&r, 300, 1), b = new_sequence(&r, 20, 2);
            first[k] = step(&r, { { &a, 140 } });
            for (const vector<float> &more : { step(&r, { { &a, 130 } }), step(&r, { { &a, 1 }, { &b, 9 } }), step(&r, { { &a, 1 }, { &b, 1 } }) })
                first[k].insert(first[k].end(), more.begin(), more.end());
            r.ops->destroy(r.b);
        }
        emulate::order = emulate::FORWARD;
        CHECK(!memcmp(first[0].data(), first[1].data(), first[0].size() * sizeof(float)));
        CHECK(!memcmp(first[0].data(), first[2].data(), first[0].size() * sizeof(float)));
    }
}

static void chunked_is_whole()
{
    for (kw_dtype t : { KW_DT_FP32, KW_DT_BF16 }) {
        rig r;
        CHECK(open_rig(&r, kw_backend_plugin(), SHAPES[0], t, true));
        sequence whole = new_sequence(&r, 101, 5), parts = whole;
        vector<float> a = step(&r, { { &whole, 101 } }), b;
        for (uint32_t n : { 1, 30, 64, 6 }) b = step(&r, { { &parts, n } });
        check_close(b, a, t == KW_DT_FP32 ? 1e-5 : 1e-2, "chunked");
        r.ops->destroy(r.b);
    }
}

static void batched_is_alone_and_graph_is_eager()
{
    rig graph, eager;
    const shape s0 = { 4, 1, 64, 32, 48, 61, 1, false, false, false, 0, 16 };
    CHECK(open_rig(&graph, kw_backend_plugin(), s0, KW_DT_FP32, false, 12));
    CHECK(open_rig(&eager, kw_backend_plugin(), s0, KW_DT_FP32, true, 12));
    rig *both[2] = { &graph, &eager };
    vector<sequence> s[2];
    vector<float> got[2], alone;
    for (int k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < 11; i++) s[k].push_back(new_sequence(both[k], 10 + 2 * i, i));
        for (uint32_t i = 0; i < 11; i++) step(both[k], { { &s[k][i], 9 + i } });
    }
    for (uint32_t n : { 11u, 5u }) { /* through cuBLASLt's stand-in and through gemv; 11 is padded to 12, 5 to 8 */
        vector<piece> pieces[2];
        for (int k = 0; k < 2; k++) {
            for (uint32_t i = 0; i < n; i++) s[k][i].ids.push_back(i), pieces[k].push_back({ &s[k][i], 1 });
            const uint64_t before = emulate::launches;
            got[k] = step(both[k], pieces[k]);
            CHECK(emulate::launches > before);
        }
        check_close(got[0], got[1], 1e-5, "graph against eager");
        for (uint32_t i = 0; i < n; i++) { /* the same token again, alone */
            s[1][i].past--;
            alone = step(&eager, { { &s[1][i], 1 } });
            check_close(alone, vector<float>(&got[1][i * eager.c.vocab], &got[1][(i + 1) * eager.c.vocab]), 1e-5, "alone against batched");
        }
    }
    for (rig *r : both) r->ops->destroy(r->b);
}

/* Two batches under way, the second fed by the first's ids that the host has not seen: the same tokens as one by one. */
static void submitted_ahead_is_one_by_one()
{
    for (bool eager : { false, true }) {
        rig r;
        CHECK(open_rig(&r, kw_backend_plugin(), SHAPES[0], KW_DT_FP32, eager));
        sequence a[2] = { new_sequence(&r, 12, 1), new_sequence(&r, 12, 1) }, b[2] = { new_sequence(&r, 7, 2), new_sequence(&r, 7, 2) };
        vector<uint32_t> ids, one[8];
        step(&r, { { &a[0], 12 }, { &b[0], 7 } }, &ids);
        for (int k = 0; k < 8; k++) {
            a[0].ids.push_back(ids[0]), b[0].ids.push_back(ids[1]);
            step(&r, { { &a[0], 1 }, { &b[0], 1 } }, &ids);
            one[k] = ids;
        }
        uint32_t got[9][2];
        kw_result out[9];
        built t;
        build(&r, { { &a[1], 12 }, { &b[1], 7 } }, &t);
        for (int k = 0; k < 9; k++) {
            out[k] = { got[k], nullptr, 0 };
            CHECK(r.ops->submit(r.b, &t.t, &out[k], &r.err) == KW_OK);
            if (k) CHECK(r.ops->wait(r.b, &r.err) == KW_OK);
            a[1].ids.push_back(KW_TOKEN_PREVIOUS | 0), b[1].ids.push_back(KW_TOKEN_PREVIOUS | 1);
            build(&r, { { &a[1], 1 }, { &b[1], 1 } }, &t); /* the arrays of the batch under way may go */
        }
        CHECK(r.ops->wait(r.b, &r.err) == KW_OK);
        CHECK(r.ops->wait(r.b, &r.err) == KW_EFAIL);
        for (int k = 0; k < 8; k++) CHECK(got[k + 1][0] == one[k][0] && got[k + 1][1] == one[k][1]);
        r.ops->destroy(r.b);
    }
}

static void weights_are_the_cpu_s()
{
    for (kw_dtype t : { KW_DT_FP32, KW_DT_BF16, KW_DT_FP16, KW_DT_FP8 }) {
        rig ref, gpu;
        kw_weight w;
        CHECK(open_rig(&ref, &kw_backend_reference, SHAPES[0], t, true) && open_rig(&gpu, kw_backend_plugin(), SHAPES[0], t, true));
        for (size_t i = 0; kw_weights_at(&ref.l, i, &w); i++) {
            vector<char> a(w.place.bytes), b(w.place.bytes);
            CHECK(ref.ops->weights_read(ref.b, w.place.offset, a.data(), a.size(), &ref.err) == KW_OK);
            CHECK(gpu.ops->weights_read(gpu.b, w.place.offset, b.data(), b.size(), &gpu.err) == KW_OK);
            CHECK(a == b);
            if (!w.place.scales) continue;
            vector<float> x(w.place.rows), y(w.place.rows);
            CHECK(ref.ops->weights_read(ref.b, w.place.scales, x.data(), x.size() * 4, &ref.err) == KW_OK);
            CHECK(gpu.ops->weights_read(gpu.b, w.place.scales, y.data(), y.size() * 4, &gpu.err) == KW_OK);
            CHECK(x == y);
        }
        ref.ops->destroy(ref.b), gpu.ops->destroy(gpu.b);
    }
}

/* Pieces of any alignment through two stage buffers; kv_fill makes the CPU's values, so decodes over them agree. */
static void uploads_and_random_kv()
{
    rig ref, gpu;
    CHECK(open_rig(&ref, &kw_backend_reference, SHAPES[0], KW_DT_FP32, true) && open_rig(&gpu, kw_backend_plugin(), SHAPES[0], KW_DT_FP32, true));
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

    rig *both[2] = { &ref, &gpu };
    vector<float> got[2];
    for (int i = 0; i < 2; i++) {
        CHECK(both[i]->ops->kv_fill(both[i]->b, 9, &both[i]->err) == KW_OK);
        sequence a = new_sequence(both[i], 201, 1), b = new_sequence(both[i], 3, 2);
        a.past = 200, b.past = 2;
        got[i] = step(both[i], { { &a, 1 }, { &b, 1 } });
    }
    check_close(got[1], got[0], 1e-5, "over random KV");
    for (rig *r : both) r->ops->destroy(r->b);
}

static void refusals()
{
    rig r;
    shape s = SHAPES[0];
    const kw_backend_ops *ops = kw_backend_plugin();
    uint32_t n;
    CHECK(open_rig(&r, ops, s, KW_DT_BF16, true));
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
    r.c.head_dim = 64, p.kv_dtype = KW_DT_FP32;
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
        if (i / width == 3) v = 0;                     /* a row of zeros */
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
        l[0] = 3, l[700] = 3;                                                     /* a tie: the first */
        l[vocab + 4998] = -1;
        l[2 * vocab + 17] = -0.0f, l[2 * vocab + 4000] = 0.0f;                    /* equal */
        l[3 * vocab + 2500] = INFINITY, l[3 * vocab + 2499] = NAN;
        for (uint32_t i = 0; i < vocab; i++) l[4 * vocab + i] = -INFINITY;
        l[5 * vocab + 4000] = 1e-40f, l[5 * vocab + 3999] = -1e-40f;              /* subnormals */
        kw::run_argmax(q, rows, l, vocab, key, ticket, previous, result);
        cudaStreamSynchronize(q.stream);
        for (uint32_t r = 0; r < rows; r++) CHECK(result[r] == want[r] && previous[r] == want[r] && key[r] == 0 && ticket[r] == 0);
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
            g.swiglu = gated, g.fp32_out = fp32_out, g.gather = fp32_out ? gather : nullptr, g.y = fp32_out ? (void *)y32 : y;
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

static void gemv_of_fp8_is_the_scaled_product_of_codes()
{
    using namespace kw;
    queue q = open_queue();
    const uint32_t rows = 13, cols = 2064, tokens = 3;
    std::mt19937 random(9);
    fp8 *w = device<fp8>(rows * cols), *x = device<fp8>(tokens * cols);
    float *ws = device<float>(rows), *xs = device<float>(tokens);
    bf16 *y = device<bf16>(tokens * rows);
    auto code = [&] { uint8_t c = (uint8_t)random(); return fp8{ (uint8_t)((c & 0x7f) == 0x7f ? 0x7e : c) }; };
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
            CHECK_NEAR(to_float(y[k * rows + r]), sum * ws[r] * xs[k], fabs(sum * ws[r] * xs[k]) / 256 + size * ws[r] * xs[k] * 1e-6);
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
        const uint32_t n = 1 + random() % 12, extra = 1 + random() % 40, window = trial % 3 ? 0 : 1 + random() % 900, bs = 1u << random() % 6;
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
        kw_batch t = { n, n, n, tokens.data(), positions.data(), slots.data(), seqs.data(), tables.data(), stride, n, logits.data() };
        const step_caps caps = { padded, padded, padded, padded + extra, 0 };
        vector<uint32_t> words(step_words(caps, (size_t)padded * stride) + 4, 0xabababab);
        const size_t used = step_pack(words.data(), caps, t, { n, extra, window }, 99, bs);
        CHECK(used <= words.size() - 4 && words[words.size() - 1] == 0xabababab);
        const struct kw::step s = step_at(words.data(), caps);
        CHECK(s.header->n_items <= caps.items && s.header->n_seqs == padded);
        uint32_t at = 0;
        for (uint32_t k = 0; k < padded; k++) {
            const uint32_t pos = k < n ? positions[k] : 0, first = window && pos >= window ? pos - window + 1 : 0, head = at;
            CHECK(s.positions[k] == pos && s.token_seq[k] == k);
            uint32_t next = first;
            for (; at < s.header->n_items && s.items[at].token == k; at++) {
                const attention_item &i = s.items[at];
                CHECK(i.first == next && i.end > i.first && i.head == head && i.end <= pos + 1);
                next = i.end;
            }
            CHECK(next == pos + 1 && s.items[head].n == at - head);
            for (uint32_t j = 0; j <= pos / bs; j++)
                CHECK(s.tables[(size_t)k * s.header->table_stride + j] == (k < n ? tables[(size_t)k * stride + j] : 99));
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
    RUN(order_does_not_matter);
    return check_report();
}
