#!/usr/bin/python3
"""make_gguf.py FOLDER OUT.gguf [bf16|f16|f32] - a Llama checkpoint of engine synth-weights as GGUF without a vocabulary, so
that a peer that reads GGUF (tests/bench/bench_peer.py) computes the very same model. Matrices in the precision asked for, norms in
fp32, as the peers keep them.

The format: GGUF version 3, little-endian (ggml's docs/gguf.md): magic, version, counts, key-values, tensor infos, padding to
32, data. Its Llama rotates neighbouring values where Hugging Face's rotates halves, so the rows of Q and K change places."""
import json
import struct
import sys

import numpy as np

U32, F32, STRING = 4, 6, 8
TYPE = {"f32": (0, 4, 0), "f16": (1, 2, 1), "bf16": (30, 2, 32)}  # tensor type, bytes, general.file_type


def string(s):
    return struct.pack("<Q", len(s)) + s.encode()


def pair(key, kind, value):
    return string(key) + struct.pack("<I", kind) + (string(value) if kind == STRING else struct.pack("<f" if kind == F32 else "<I", value))


def safetensors(path):
    """name: bf16 values as uint16, of the file's shape, mapped."""
    data = np.memmap(path, np.uint8, "r")
    n = struct.unpack("<Q", data[:8].tobytes())[0]
    out = {}
    for name, t in json.loads(data[8:8 + n].tobytes()).items():
        if name != "__metadata__":
            assert t["dtype"] == "BF16", f"{name}: want BF16"
            begin, end = t["data_offsets"]
            out[name] = data[8 + n + begin:8 + n + end].view(np.uint16).reshape(t["shape"])
    return out


def halves_to_neighbours(w, heads):
    return w.reshape(heads, 2, -1, w.shape[-1]).swapaxes(1, 2).reshape(w.shape)


def convert(w, precision):
    if precision == "bf16":
        return w
    wide = (w.astype(np.uint32) << 16).view(np.float32)
    return wide if precision == "f32" else wide.astype(np.float16)


def rope_factors(c, head_dim):
    """What a frequency is divided by (transformers' llama3 rope, see engine/model/config.c)."""
    r = c["rope_scaling"]
    wave = 2 * np.pi * c["rope_theta"] ** (np.arange(0, head_dim, 2) / head_dim)
    low, high = r["low_freq_factor"], r["high_freq_factor"]
    s = np.clip((r["original_max_position_embeddings"] / wave - low) / (high - low), 0, 1)
    return (1 / ((1 - s) / r["factor"] + s)).astype(np.float32)


def main(folder, out, precision="bf16"):
    c = json.load(open(f"{folder}/config.json"))
    w = safetensors(f"{folder}/model.safetensors")
    heads, kv, dim = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
    tensors = []  # name, values (or what makes them), type

    def add(name, values, kind, make=None):
        tensors.append((name, values, kind, make or (lambda: convert(values, kind))))

    add("token_embd.weight", w["model.embed_tokens.weight"], precision)
    add("output_norm.weight", w["model.norm.weight"], "f32")
    if not c["tie_word_embeddings"]:
        add("output.weight", w["lm_head.weight"], precision)
    if c.get("rope_scaling", {}).get("rope_type") == "llama3":
        add("rope_freqs.weight", np.empty(dim // 2), "f32", lambda: rope_factors(c, dim))
    parts = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
             "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
             "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    for i in range(c["num_hidden_layers"]):
        for theirs, ours in parts.items():
            v = w[f"model.layers.{i}.{ours}.weight"]
            kind = "f32" if v.ndim == 1 else precision
            n = {"attn_q": heads, "attn_k": kv}.get(theirs)
            add(f"blk.{i}.{theirs}.weight", v, kind,
                (lambda v=v, n=n, kind=kind: convert(halves_to_neighbours(v, n), kind)) if n else None)

    pairs = [("general.architecture", STRING, "llama"), ("general.name", STRING, c["_name_or_path"]),
             ("general.file_type", U32, TYPE[precision][2]), ("llama.vocab_size", U32, c["vocab_size"]),
             ("llama.context_length", U32, c["max_position_embeddings"]), ("llama.embedding_length", U32, c["hidden_size"]),
             ("llama.block_count", U32, c["num_hidden_layers"]), ("llama.feed_forward_length", U32, c["intermediate_size"]),
             ("llama.attention.head_count", U32, heads), ("llama.attention.head_count_kv", U32, kv),
             ("llama.attention.key_length", U32, dim), ("llama.attention.value_length", U32, dim),
             ("llama.rope.dimension_count", U32, dim), ("llama.rope.freq_base", F32, c["rope_theta"]),
             ("llama.attention.layer_norm_rms_epsilon", F32, c["rms_norm_eps"]), ("tokenizer.ggml.model", STRING, "no_vocab")]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pair(*p) for p in pairs)
    at = 0
    for name, v, kind, _ in tensors:
        tensor_type, size, _ = TYPE[kind]
        head += string(name) + struct.pack("<I", v.ndim) + struct.pack(f"<{v.ndim}Q", *v.shape[::-1]) + struct.pack("<IQ", tensor_type, at)
        at += -(-v.size * size // 32) * 32
    with open(out, "wb") as f:
        f.write(head + bytes(-len(head) % 32))
        for _, _, _, make in tensors:
            data = np.ascontiguousarray(make())
            data.tofile(f)
            f.write(bytes(-data.nbytes % 32))


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["bf16"], ["f16"], ["f32"]):
        sys.exit(__doc__)
    main(*sys.argv[1:])
