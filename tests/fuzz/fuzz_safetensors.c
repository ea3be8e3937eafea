/* Checkpoints: any bytes give tensors that tile their files and a plan whose copies stay within file and arena, or an
 * error. The first byte says what the rest is: 0xff a .safetensors file, 0xfe the index of two files that are there,
 * else the headers of up to three files, 0xff between them (no UTF-8 holds it), and the byte how much data each has. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/model/weights.h"
#include "tests/fuzz/elements.h"

static const char model[] = /* so small that a file of a few hundred bytes holds it */
    "{\"model_type\": \"llama\", \"num_hidden_layers\": 1, \"hidden_size\": 8, \"num_attention_heads\": 1, "
    "\"head_dim\": 2,"
    " \"intermediate_size\": 8, \"vocab_size\": 2, \"tie_word_embeddings\": true}";
static const char shard[2][64] = { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
                                   "{\"b\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}" };

static struct kw_model_config config;
static char folder[] = "/dev/shm/fuzz_safetensors.XXXXXX", whole[64], index_json[64], ones[64], shard_path[2][64];

static void put(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f)) abort();
}

static void remove_all(void)
{
    unlink(whole), unlink(index_json), unlink(ones), unlink(shard_path[0]), unlink(shard_path[1]);
    rmdir(folder);
}

static void begin(void)
{
    if (!mkdtemp(folder) || kw_config_parse(&config, "model", model, sizeof model - 1, NULL) != KW_OK) abort();
    snprintf(whole, sizeof whole, "%s/whole.safetensors", folder);
    unsigned char half[8192]; /* wherever a scale is read: 1 in bf16, nearly 1 in fp32 */
    for (size_t i = 0; i < sizeof half; i++) half[i] = i % 2 ? 0x3f : 0x80;
    snprintf(ones, sizeof ones, "%s/ones.safetensors", folder);
    put(ones, half, sizeof half);
    snprintf(index_json, sizeof index_json, "%s/index.json", folder);
    for (int i = 0; i < 2; i++) {
        unsigned char file[8 + 64 + 2] = { (unsigned char)strlen(shard[i]) };
        size_t n = strlen(shard[i]);
        memcpy(file + 8, shard[i], n);
        snprintf(shard_path[i], sizeof shard_path[i], "%s/%c.safetensors", folder, 'a' + i);
        put(shard_path[i], file, 8 + n + 2 - (size_t)i);
    }
    atexit(remove_all);
}

static void plan(const struct kw_checkpoint *k)
{
    struct kw_weights_layout l;
    struct kw_weights_plan p;
    struct kw_error err = { "" };
    for (int precision = 0; precision < 4; precision++) {
        kw_weights_layout(&l, &config, (enum kw_dtype)precision);
        if (kw_weights_plan(&p, &l, &config, k, &err) != KW_OK) {
            if (!err.msg[0] || p.copies) abort();
            continue;
        }
        for (size_t i = 0; i < p.n; i++) {
            const struct kw_copy *x = &p.copies[i];
            uint64_t values = (uint64_t)x->rows * x->cols;
            if (x->file >= k->n_files || x->offset + values * kw_dtype_bytes(x->from) > k->file_bytes[x->file]) abort();
            if (x->dst + values * kw_dtype_bytes(x->to) > p.arena_bytes) abort();
            if (x->to == KW_DT_FP8 && x->dst_scale + 4 * (uint64_t)x->rows > p.arena_bytes) abort();
        }
        kw_weights_plan_free(&p);
    }
}

static void check(const struct kw_checkpoint *k)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < k->n_tensors; i++) {
        const struct kw_tensor *t = &k->tensors[i];
        if (t->file >= k->n_files || t->n_dims > 8) abort();
        uint64_t file = k->file_bytes[t->file];
        if (t->offset < 8 || t->bytes > file || t->offset > file - t->bytes) abort();
        if (kw_checkpoint_find(k, t->name) != t) abort();
        sum += t->bytes;
    }
    if (sum != k->data_bytes) abort();
    plan(k);
}

/* The path is what a scale is read from. */
static enum kw_status add_headers(struct kw_checkpoint *k, const uint8_t *data, size_t size, struct kw_error *err)
{
    uint64_t bytes = data[0] <= 200 ? data[0] : (data[0] - 200u) * 16, sum = 0;
    const uint8_t *at = data + 1, *end = data + size;
    enum kw_status st = KW_OK;
    for (int i = 0; st == KW_OK && i < 3; i++) {
        const uint8_t *stop = i < 2 ? memchr(at, 0xff, (size_t)(end - at)) : NULL;
        size_t n = (size_t)((stop ? stop : end) - at), had = k->n_tensors;
        st = kw_checkpoint_add(k, ones, (const char *)at, n, 8 + n + bytes, err);
        if (st == KW_OK) sum += bytes;
        if (st != KW_OK && k->n_tensors != had) abort(); /* unchanged */
        if (!stop) break;
        at = stop + 1;
    }
    if (sum != k->data_bytes) abort();
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kw_checkpoint k = { 0 };
    struct kw_error err = { "" };
    enum kw_status st;
    if (!whole[0]) begin();
    if (!size) return 0;
    if (data[0] >= 0xfe) {
        const char *path = data[0] == 0xff ? whole : index_json;
        put(path, data + 1, size - 1);
        st = kw_checkpoint_open(&k, path, &err);
        if (st != KW_OK && (k.n_files || k.n_tensors || k.path)) abort(); /* empty on failure */
    } else {
        st = add_headers(&k, data, size, &err);
    }
    if (st != KW_OK && !err.msg[0]) abort();
    check(&k);
    kw_checkpoint_free(&k);
    return 0;
}
