/* tests/gpu/backend_tests.h - what the CUDA backend must do on any device, emulated or real, held against the CPU
 * reference. The including program defines cuda_ops(). */
#ifndef KW_TESTS_GPU_BACKEND_TESTS_H
#define KW_TESTS_GPU_BACKEND_TESTS_H
extern "C" {
#include "engine/engine.h"
#include "engine/startup.h"
#include "engine/model/weights.h"
#include "tests/check.h"
}
#include <algorithm>
#include <numeric>
#include <random>
#include <stdlib.h>
#include <vector>

using std::vector;

static const kw_backend_ops *cuda_ops();

/* ---- a model in a backend, and sequences in it */

struct sequence {
    vector<uint32_t> ids, table;
    uint32_t past;
};

struct harness {
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
    c.sliding_window = s.window, c.qkv_bias = s.bias, c.tied_embeddings = s.tied, c.dtype = KW_DT_BF16,
    c.bos = UINT32_MAX;
    if (s.llama3)
        c.rope = KW_ROPE_LLAMA3, c.rope_factor = 8, c.rope_low_freq = 1, c.rope_high_freq = 4, c.rope_original = 64;
    return c;
}

/* Eager rigs skip prepare, whose timings would cost most of the test; so do batches of up to three (only larger ones
 * are tuned). */
static bool open_harness(harness *r, const kw_backend_ops *ops, const shape &s, kw_dtype precision, bool eager,
                         uint32_t max_seqs = 3)
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

static sequence new_sequence(harness *r, uint32_t n, uint32_t salt)
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

static void build(harness *r, const vector<piece> &pieces, built *o)
{
    const uint32_t bs = r->p.block_size, stride = (r->p.max_model_len + bs - 1) / bs;
    uint32_t decodes = 0;
    *o = {};
    for (const piece &p : pieces) {
        sequence *s = p.s;
        while (s->table.size() * bs < s->past + p.len)
            s->table.push_back(r->free_blocks.back()), r->free_blocks.pop_back();
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
static vector<float> step(harness *r, const vector<piece> &pieces, vector<uint32_t> *ids = nullptr)
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

static const shape SHAPES[] = {
    /* heads kv dim hidden inter vocab layers bias tied llama3 window block */
    { 4, 1, 64, 64, 96, 203, 2, false, false, true, 0, 16 },   /* groups of 4 */
    { 7, 1, 64, 48, 80, 131, 2, true, true, false, 0, 4 },     /* Qwen2.5's 7, bias, tied */
    { 4, 2, 128, 64, 112, 97, 2, false, false, false, 33, 8 }, /* groups of 2, sliding window */
    { 12, 1, 64, 32, 64, 64, 1, true, false, false, 0, 32 },   /* more than eight heads a group */
    { 2, 2, 128, 32, 48, 77, 1, false, false, false, 0, 1 },   /* no groups, blocks of one token */
    { 8, 1, 128, 32, 48, 65, 1, false, false, false, 0, 16 },
};

/* Chunks with and without past, mixed steps, decodes by graph and without: every row of logits against the reference.
 */
static void against_reference(const shape &s, kw_dtype precision, bool eager, double most)
{
    harness ref, gpu;
    char what[96];
    if (!open_harness(&ref, &kw_backend_reference, s, precision, true) ||
        !open_harness(&gpu, cuda_ops(), s, precision, eager)) {
        CHECK(!"a backend opens");
        return;
    }
    harness *both[2] = { &ref, &gpu };
    sequence a[2], b[2], c[2], d[2];
    for (int i = 0; i < 2; i++)
        a[i] = new_sequence(both[i], 90, 1), b[i] = new_sequence(both[i], 40, 2), c[i] = new_sequence(both[i], 20, 3),
        d[i] = new_sequence(both[i], 150, 4);
    vector<float> got[2];
    auto run = [&](const char *name, auto pieces) {
        for (int i = 0; i < 2; i++) got[i] = step(both[i], pieces(i));
        snprintf(what, sizeof what, "%s %u:%u x %u, %s", kw_dtype_name(precision), s.heads, s.kv_heads, s.head_dim,
                 name);
        check_close(got[1], got[0], most, what);
    };
    const bool tiles = precision != KW_DT_FP32; /* fp32 takes every token singly, which is slow to emulate */
    run("prompt", [&](int i) { return vector<piece>{ { &a[i], tiles ? 70u : 18u } }; });
    run("chunk after past, and a new prompt", [&](int i) {
        return vector<piece>{ { &a[i], 13 }, { &b[i], tiles ? 31u : 6u } };
    });
    run("decode of one", [&](int i) { return vector<piece>{ { &a[i], 1 } }; });
    run("decode of two", [&](int i) { return vector<piece>{ { &a[i], 1 }, { &b[i], 1 } }; });
    run("decodes beside a chunk", [&](int i) { return vector<piece>{ { &b[i], 1 }, { &a[i], 1 }, { &c[i], 17 } }; });
    run("decode of three", [&](int i) { return vector<piece>{ { &c[i], 1 }, { &b[i], 1 }, { &a[i], 1 } }; });
    if (tiles) run("129 tokens beside a decode", [&](int i) { return vector<piece>{ { &c[i], 1 }, { &d[i], 129 } }; });
    if (tiles) run("decode of a long one", [&](int i) { return vector<piece>{ { &d[i], 1 } }; });
    for (harness *r : both) r->ops->destroy(r->b);
}

static void chunked_is_whole()
{
    for (kw_dtype t : { KW_DT_FP32, KW_DT_BF16 }) {
        harness r;
        const uint32_t whole_len = t == KW_DT_FP32 ? 30 : 101, part[4] = { 1, 7, whole_len - 14, 6 };
        CHECK(open_harness(&r, cuda_ops(), SHAPES[0], t, true));
        sequence whole = new_sequence(&r, whole_len, 5), parts = whole;
        vector<float> a = step(&r, { { &whole, whole_len } }), b;
        for (uint32_t n : part) b = step(&r, { { &parts, n } });
        check_close(b, a, t == KW_DT_FP32 ? 1e-5 : 1e-2, "chunked");
        r.ops->destroy(r.b);
    }
}

static void batched_is_alone_and_graph_is_eager()
{
    harness graph, eager;
    const shape s0 = { 4, 1, 64, 32, 48, 61, 1, false, false, false, 0, 16 };
    CHECK(open_harness(&graph, cuda_ops(), s0, KW_DT_FP32, false, 12));
    CHECK(open_harness(&eager, cuda_ops(), s0, KW_DT_FP32, true, 12));
    harness *both[2] = { &graph, &eager };
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
            got[k] = step(both[k], pieces[k]);
        }
        check_close(got[0], got[1], 1e-5, "graph against eager");
        for (uint32_t i = 0; i < n; i++) { /* the same token again, alone */
            s[1][i].past--;
            alone = step(&eager, { { &s[1][i], 1 } });
            check_close(alone, vector<float>(&got[1][i * eager.c.vocab], &got[1][(i + 1) * eager.c.vocab]), 1e-5,
                        "alone against batched");
        }
    }
    for (harness *r : both) r->ops->destroy(r->b);
}

/* Two batches under way, the second fed by the first's ids that the host has not seen: the same tokens as one by one.
 */
static void submitted_ahead_is_one_by_one()
{
    for (bool eager : { false, true }) {
        harness r;
        CHECK(open_harness(&r, cuda_ops(), SHAPES[0], KW_DT_FP32, eager));
        sequence a[2] = { new_sequence(&r, 12, 1), new_sequence(&r, 12, 1) },
                 b[2] = { new_sequence(&r, 7, 2), new_sequence(&r, 7, 2) };
        vector<uint32_t> ids, one[9];
        vector<float> logits[9], got_logits[9];
        logits[0] = step(&r, { { &a[0], 12 }, { &b[0], 7 } }, &one[0]);
        ids = one[0];
        for (int k = 1; k < 9; k++) {
            a[0].ids.push_back(ids[0]), b[0].ids.push_back(ids[1]);
            logits[k] = step(&r, { { &a[0], 1 }, { &b[0], 1 } }, &ids);
            one[k] = ids;
        }
        uint32_t got[9][2];
        memset(got, 0xff, sizeof got);
        kw_result out[9];
        built t;
        build(&r, { { &a[1], 12 }, { &b[1], 7 } }, &t);
        for (int k = 0; k < 9; k++) {
            got_logits[k].resize(k % 3 ? logits[k].size() : 0,
                                 NAN); /* the next batch must not take their place too early */
            out[k] = { got[k], k % 3 ? got_logits[k].data() : nullptr, 0 };
            CHECK(r.ops->submit(r.b, &t.t, &out[k], &r.err) == KW_OK);
            if (k)
                CHECK(r.ops->wait(r.b, &r.err) == KW_OK && got[k - 1][0] == one[k - 1][0] && got[k][0] == UINT32_MAX);
            a[1].ids.push_back(KW_TOKEN_PREVIOUS | 0), b[1].ids.push_back(KW_TOKEN_PREVIOUS | 1);
            build(&r, { { &a[1], 1 }, { &b[1], 1 } }, &t); /* the arrays of the batch under way may go */
        }
        CHECK(r.ops->wait(r.b, &r.err) == KW_OK);
        CHECK(r.ops->wait(r.b, &r.err) == KW_EFAIL);
        for (int k = 0; k < 9; k++) {
            CHECK(got[k][0] == one[k][0] && got[k][1] == one[k][1]);
            if (k % 3) check_close(got_logits[k], logits[k], 1e-6, "logits of a batch with another behind it");
        }
        r.ops->destroy(r.b);
    }
}

/* ---- the engine on top: two batches under way, blocks short, so that they change hands between a batch and the next
 */

/* An engine over the reference, whose backend is then replaced: kw_engine_open itself opens plugins by file alone. */
static bool open_engine(kw_engine *e, const kw_backend_ops *ops, kw_engine_async async)
{
    kw_error err = {};
    kw_engine_options o = {};
    o.model = "tests/engine/models/llama", o.backend = "reference", o.precision = "fp32", o.synthetic = true,
    o.seed = 7, o.threads = 1;
    o.block_size = 4, o.num_blocks = 13, o.max_model_len = 48, o.max_num_seqs = 4, o.max_num_batched_tokens = 16;
    o.async_scheduling = async;
    kw_status st = kw_engine_open(e, &o, nullptr, &err);
    if (st == KW_OK && ops) {
        kw_backend_params p = {};
        p.config = &e->config, p.layout = &e->layout, p.kv_dtype = KW_DT_FP32, p.block_size = 4, p.max_tokens = 16,
        p.max_seqs = 4;
        p.max_model_len = 48, p.memory_fraction = 0.5;
        e->ops->destroy(e->backend);
        e->backend = nullptr, e->ops = ops;
        uint32_t got = 0;
        st = ops->create(&e->backend, &p, &err);
        if (st == KW_OK) st = ops->weights_fill(e->backend, 7, &err);
        if (st == KW_OK) st = ops->kv_alloc(e->backend, 13, &got, &err);
        if (st == KW_OK) st = ops->prepare(e->backend, &err);
    }
    if (st != KW_OK) fprintf(stderr, "engine: %s\n", err.msg);
    return st == KW_OK;
}

enum { GUESTS = 7, GUEST_TOKENS = 20 };
/* Requests that come one a step: some sampled on the host, one with a stop token, one cancelled after five tokens.
 * Returns preemptions. */
static uint32_t serve_guests(kw_engine *e, const uint32_t *stop, uint32_t out[GUESTS][GUEST_TOKENS])
{
    kw_error err = {};
    uint32_t preempted = 0, next = 0;
    bool ran = true;
    while (ran || next < GUESTS) {
        if (next < GUESTS) {
            kw_engine_request r = {};
            uint32_t prompt[12];
            for (uint32_t i = 0; i < 12; i++) prompt[i] = (next * 31 + i * 7) % 128;
            r.id = r.stream = next, r.prompt = prompt, r.n_prompt = 5 + next, r.max_new = GUEST_TOKENS - next,
            r.ignore_eos = true;
            if (next == 2) r.sampling.temperature = 1, r.sampling.top_p = 1, r.sampling.seed = 5;
            if (next == 3) r.stop = stop, r.n_stop = stop != nullptr;
            CHECK(kw_engine_add(e, &r, &err) == KW_OK);
            next++;
        }
        struct kw_engine_step s;
        if (kw_engine_step(e, &s, &ran, &err) != KW_OK) {
            CHECK(!"a step");
            fprintf(stderr, "engine: %s\n", err.msg);
            return 0;
        }
        preempted += ran ? s.batch.n_preempted : 0;
        for (uint32_t i = 0; i < s.n_events; i++) {
            const kw_engine_event *v = &s.events[i];
            out[v->id][v->index] = v->token;
            if (v->id == 4 && v->index == 4) CHECK(kw_engine_cancel(e, 4));
        }
    }
    CHECK(kw_engine_active(e) == 0 && kw_sched_blocks_free(e->sched) == e->limits.num_blocks);
    return preempted;
}

static void the_engine_runs_a_step_ahead()
{
    uint32_t want[GUESTS][GUEST_TOKENS], got[GUESTS][GUEST_TOKENS], stop = 0;
    kw_engine e;
    for (int k = 0; k < 3; k++) { /* the reference, this backend step by step, and ahead */
        if (!open_engine(&e, k ? cuda_ops() : nullptr, k == 2 ? KW_ASYNC_ON : KW_ASYNC_OFF)) {
            CHECK(!"an engine opens");
            return;
        }
        memset(got, 0xff, sizeof got);
        if (k == 0) {
            serve_guests(&e, nullptr, got);
            stop = got[3][7]; /* or where it comes first */
            memset(got, 0xff, sizeof got);
        }
        CHECK(serve_guests(&e, &stop, got) > 0);
        if (k == 0) memcpy(want, got, sizeof want);
        CHECK(!memcmp(want, got, sizeof want));
        kw_engine_close(&e);
    }
}

static void weights_are_the_cpu_s()
{
    for (kw_dtype t : { KW_DT_FP32, KW_DT_BF16, KW_DT_FP16, KW_DT_FP8 }) {
        harness ref, gpu;
        kw_weight w;
        CHECK(open_harness(&ref, &kw_backend_reference, SHAPES[0], t, true) &&
              open_harness(&gpu, cuda_ops(), SHAPES[0], t, true));
        for (size_t i = 0; kw_weights_at(&ref.l, i, &w); i++) {
            vector<char> a(w.matrix.bytes), b(w.matrix.bytes);
            CHECK(ref.ops->weights_read(ref.b, w.matrix.offset, a.data(), a.size(), &ref.err) == KW_OK);
            CHECK(gpu.ops->weights_read(gpu.b, w.matrix.offset, b.data(), b.size(), &gpu.err) == KW_OK);
            CHECK(a == b);
            if (!w.matrix.scales) continue;
            vector<float> x(w.matrix.rows), y(w.matrix.rows);
            CHECK(ref.ops->weights_read(ref.b, w.matrix.scales, x.data(), x.size() * 4, &ref.err) == KW_OK);
            CHECK(gpu.ops->weights_read(gpu.b, w.matrix.scales, y.data(), y.size() * 4, &gpu.err) == KW_OK);
            CHECK(x == y);
        }
        ref.ops->destroy(ref.b), gpu.ops->destroy(gpu.b);
    }
}

#endif
