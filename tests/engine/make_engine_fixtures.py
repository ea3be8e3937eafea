#!/usr/bin/python3
"""tests/engine/make_engine_fixtures.py - the fixtures of test_engine.c, in tests/engine/: tiny Llama, Qwen2 and Mistral models
run in float64 by a decoder written here from the papers and from transformers' conventions, sharing no code with engine/.

Each model gets config.json and expected.json (prompt, logits of its last positions, 64 greedy tokens). Weights: either the
hash of engine/model/synthetic.h, written again here, or ("sharded") random bf16 values in safetensors shards written by hand.
Sources: Llama (Touvron et al., arXiv:2302.13971), RMSNorm (arXiv:1910.07467), RoPE (arXiv:2104.09864), SwiGLU
(arXiv:2002.05202), GQA (arXiv:2305.13245), llama3 rope scaling (transformers, modeling_rope_utils.py)."""
import json
import os
import struct

import numpy as np

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models")
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
COMMON = {"hidden_act": "silu", "vocab_size": 128, "max_position_embeddings": 512, "torch_dtype": "float32",
          "bos_token_id": 1, "eos_token_id": None}
MODELS = {
    "llama": {**COMMON, "model_type": "llama", "num_hidden_layers": 3, "hidden_size": 64, "num_attention_heads": 8,
              "num_key_value_heads": 2, "head_dim": 64, "intermediate_size": 96, "rms_norm_eps": 1e-5,
              "rope_theta": 500000.0, "rope_scaling": LLAMA3, "tie_word_embeddings": False},
    "qwen2": {**COMMON, "model_type": "qwen2", "num_hidden_layers": 2, "hidden_size": 56, "num_attention_heads": 7,
              "num_key_value_heads": 1, "head_dim": 128, "intermediate_size": 72, "rms_norm_eps": 1e-6,
              "rope_theta": 1000000.0, "tie_word_embeddings": True, "use_sliding_window": False, "sliding_window": 8},
    "mistral": {**COMMON, "model_type": "mistral", "num_hidden_layers": 4, "hidden_size": 48, "num_attention_heads": 4,
                "num_key_value_heads": 2, "head_dim": 20, "intermediate_size": 80, "rms_norm_eps": 1e-5,
                "rope_theta": 10000.0, "sliding_window": 24, "tie_word_embeddings": False},
    "sharded": {**COMMON, "model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4,
                "num_key_value_heads": 4, "intermediate_size": 88, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
                "rope_scaling": {"type": "linear", "factor": 4.0}, "tie_word_embeddings": True, "torch_dtype": "bfloat16"},
}


# ---- weights

MASK = (1 << 64) - 1


def unit(seed, ident, n):
    """kw_synthetic_unit for indices 0..n-1."""
    i = np.arange(n, dtype=np.uint64) + np.uint64((ident << 40) + 1)
    with np.errstate(over="ignore"):
        x = np.uint64(seed) + np.uint64(0x9e3779b97f4a7c15) * i
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        x ^= x >> np.uint64(31)
    return ((x >> np.uint64(40)).astype(np.int64) - (1 << 23)).astype(np.float32) * np.float32(1 / (1 << 23))


def synthetic(c, seed):
    layers, hidden, inter = c["num_hidden_layers"], c["hidden_size"], c["intermediate_size"]
    heads, kv, dim = c["num_attention_heads"], c["num_key_value_heads"], head_dim(c)
    tied = c["tie_word_embeddings"]

    def matrix(ident, rows, cols, variance):
        return np.float32(np.sqrt(3 * variance)) * unit(seed, ident, rows * cols).reshape(rows, cols)

    w = {"model.embed_tokens.weight": matrix(0, c["vocab_size"], hidden, 1 / hidden if tied else 1.0),
         "model.norm.weight": np.ones(hidden, np.float32)}
    if not tied:
        w["lm_head.weight"] = matrix(2, c["vocab_size"], hidden, 1 / hidden)
    for layer in range(layers):
        p, at = f"model.layers.{layer}.", (layer + 1) * 16
        qkv = matrix(at + 4, (heads + 2 * kv) * dim, hidden, 1 / hidden)
        for name, rows in zip("qkv", np.split(qkv, [heads * dim, (heads + kv) * dim])):
            w[p + f"self_attn.{name}_proj.weight"] = rows
        if c["model_type"] == "qwen2":
            bias = matrix(at + 5, 1, (heads + 2 * kv) * dim, 0.01)[0]
            for name, part in zip("qkv", np.split(bias, [heads * dim, (heads + kv) * dim])):
                w[p + f"self_attn.{name}_proj.bias"] = part
        w[p + "self_attn.o_proj.weight"] = matrix(at + 6, hidden, heads * dim, 1 / (heads * dim) / (2 * layers))
        gate_up = matrix(at + 8, 2 * inter, hidden, 1 / hidden)
        w[p + "mlp.gate_proj.weight"], w[p + "mlp.up_proj.weight"] = gate_up[:inter], gate_up[inter:]
        w[p + "mlp.down_proj.weight"] = matrix(at + 9, hidden, inter, 1 / inter / (2 * layers))
        w[p + "input_layernorm.weight"] = w[p + "post_attention_layernorm.weight"] = np.ones(hidden, np.float32)
    return w


def bf16(x):
    """Rounded to nearest even, as the upper halves of fp32."""
    u = x.astype(np.float32).view(np.uint32)
    return ((u + 0x7fff + ((u >> 16) & 1)) >> 16).astype(np.uint16)


def random_bf16(c, seed):
    """Shapes of synthetic(), values and norms random."""
    r = np.random.default_rng(seed)
    w = {}
    for name, x in synthetic(c, 0).items():
        x = 1 + 0.2 * r.standard_normal(x.shape) if "norm" in name else r.standard_normal(x.shape) * x.std()
        w[name] = (bf16(x).astype(np.uint32) << 16).view(np.float32)
    return w


def write_shards(folder, w):
    """Two files; the second holds its tensors in reverse order, an odd header length and a tensor nobody reads."""
    names = sorted(w)
    shards = [("model-00001-of-00002.safetensors", names[::2]), ("model-00002-of-00002.safetensors", names[1::2][::-1])]
    where = {}
    for i, (file, members) in enumerate(shards):
        header, data = {"__metadata__": {"format": "pt"}}, b""
        for name in members:
            raw = bf16(w[name]).tobytes()
            header[name] = {"dtype": "BF16", "shape": list(w[name].shape), "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
            where[name] = file
        if i:
            header["model.layers.0.self_attn.rotary_emb.inv_freq"] = {"dtype": "F32", "shape": [0],
                                                                      "data_offsets": [len(data), len(data)]}
        text = json.dumps(header).encode()
        text += b" " * ((len(text) + 1) % 2)  # odd: the data lies at no multiple of two
        with open(os.path.join(folder, file), "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text + data)
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {"total_size": 0}, "weight_map": where}, f, indent=1)


# ---- the decoder

def head_dim(c):
    return c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]


def inv_freq(c):
    dim = head_dim(c)
    f = 1.0 / c["rope_theta"] ** (np.arange(0, dim, 2) / dim)
    s = c.get("rope_scaling")
    if not s:
        return f
    if s.get("rope_type", s.get("type")) == "linear":
        return f / s["factor"]
    wavelength = 2 * np.pi / f
    smooth = (s["original_max_position_embeddings"] / wavelength - s["low_freq_factor"]) / (
        s["high_freq_factor"] - s["low_freq_factor"])
    between = (1 - smooth) * f / s["factor"] + smooth * f
    f2 = np.where(wavelength > s["original_max_position_embeddings"] / s["low_freq_factor"], f / s["factor"], between)
    return np.where(wavelength < s["original_max_position_embeddings"] / s["high_freq_factor"], f, f2)


def rms(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def as_bf16(x):
    return (bf16(x).astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def e4m3(x):
    """The nearest E4M3 value, ties to even, saturating at 448: 3 bits of mantissa, exponents from 2^-6, then steps of 2^-9."""
    step = 2.0 ** (np.maximum(np.floor(np.log2(np.maximum(np.abs(x), 2.0 ** -40))), -6) - 3)
    return np.clip(np.round(x / step) * step, -448, 448)


def quantised(x):
    """Each row of x as E4M3 values and a scale, max / 448."""
    s = np.abs(x).max(-1, keepdims=True) / 448
    return e4m3(x / s), s


class Rounding:
    """What fp8 rounds on the way, each as its own values say. tests/engine/fp8.py puts another's roundings in their place."""

    def input(self, x, name):
        """The input of a linear layer, [n][cols]: E4M3 values and a scale a row. Layers that share an input are asked once."""
        return quantised(x)

    def stored(self, x, name):
        """K or V of one layer, [n][kv_heads][head_dim], as the cache holds it."""
        return as_bf16(x)


def forward(c, w, ids, fp8=False, rounding=Rounding()):
    """Logits [n][vocab] of all positions, everything in float64. fp8: the layers' matrices and their inputs in E4M3, all
    other weights and the KV cache in bf16. A matrix that is E4M3 already is a pair: values, scales of the rows [rows][1]."""
    w = {k: v if isinstance(v, tuple) else as_bf16(v) if fp8 and not k.endswith("proj.weight") else v.astype(np.float64)
         for k, v in w.items()}

    def linears(x, prefix, names):
        if not fp8:
            return [x @ w[prefix + name].T for name in names]
        xq, xs = rounding.input(x, prefix + names[0])
        pairs = [w[prefix + name] if isinstance(w[prefix + name], tuple) else quantised(w[prefix + name]) for name in names]
        return [xq @ wq.T * xs * ws.T for wq, ws in pairs]

    def stored(x, name):
        return rounding.stored(x, name) if fp8 else x
    n, heads, kv, dim, eps = len(ids), c["num_attention_heads"], c["num_key_value_heads"], head_dim(c), c["rms_norm_eps"]
    angle = np.concatenate([np.outer(np.arange(n), inv_freq(c))] * 2, -1)[:, None, :]
    cos, sin = np.cos(angle), np.sin(angle)

    def rope(x):
        half = dim // 2
        return x * cos + np.concatenate([-x[..., half:], x[..., :half]], -1) * sin

    i, j = np.arange(n)[:, None], np.arange(n)[None, :]
    seen = j <= i
    if c["model_type"] == "mistral" and c.get("sliding_window"):
        seen &= i - j < c["sliding_window"]
    x = w["model.embed_tokens.weight"][ids]
    for layer in range(c["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        h = rms(x, w[p + "input_layernorm.weight"], eps)
        q, k, v = (y + w.get(p + f"self_attn.{a}_proj.bias", 0.0)
                   for a, y in zip("qkv", linears(h, p, [f"self_attn.{a}_proj.weight" for a in "qkv"])))
        q, k, v = rope(q.reshape(n, heads, dim)), rope(k.reshape(n, kv, dim)), v.reshape(n, kv, dim)
        k, v = stored(k, p + "k"), stored(v, p + "v")
        k, v = np.repeat(k, heads // kv, 1), np.repeat(v, heads // kv, 1)
        s = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(dim)
        s = np.where(seen, s, -np.inf)
        s = np.exp(s - s.max(-1, keepdims=True))
        s /= s.sum(-1, keepdims=True)
        a = np.einsum("hij,jhd->ihd", s, v).reshape(n, heads * dim)
        x = x + linears(a, p, ["self_attn.o_proj.weight"])[0]
        h = rms(x, w[p + "post_attention_layernorm.weight"], eps)
        gate, up = linears(h, p, [f"mlp.{m}_proj.weight" for m in ("gate", "up")])
        x = x + linears(gate / (1 + np.exp(-gate)) * up, p, ["mlp.down_proj.weight"])[0]
    head = "model.embed_tokens.weight" if c["tie_word_embeddings"] else "lm_head.weight"
    return rms(x, w["model.norm.weight"], eps) @ w[head].T


# ---- fixtures

def expected(c, w, seed):
    """A prompt whose 64 greedy tokens are never a close call: the second best logit is 0.002 or more below the best."""
    for attempt in range(1000):
        ids = list(np.random.default_rng(seed + attempt).integers(0, c["vocab_size"], 45))
        prompt, first = list(ids), None
        while len(ids) < len(prompt) + 64:
            logits = forward(c, w, ids)
            first = logits if first is None else first
            best = np.sort(logits[-1])[-2:]
            if best[1] - best[0] < 0.002:
                break
            ids.append(int(logits[-1].argmax()))
        else:
            rows = (0, 17, 31, 44)
            fp8 = forward(c, w, prompt, fp8=True)
            return {"prompt": [int(t) for t in prompt], "rows": rows,
                    "logits": [[round(float(v), 6) for v in first[r]] for r in rows],
                    "fp8_logits": [[round(float(v), 6) for v in fp8[r]] for r in rows], "greedy": ids[len(prompt):]}
    raise SystemExit("no prompt without a close call")


def main():
    for name, c in MODELS.items():
        folder = os.path.join(HERE, name)
        os.makedirs(folder, exist_ok=True)
        w = random_bf16(c, 5) if name == "sharded" else synthetic(c, 7)
        if name == "sharded":
            write_shards(folder, {k: v for k, v in w.items() if k != "lm_head.weight"})
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(c, f, indent=1)
        with open(os.path.join(folder, "expected.json"), "w") as f:
            json.dump(expected(c, w, 100), f)
        print(name, "done")


if __name__ == "__main__":
    main()
