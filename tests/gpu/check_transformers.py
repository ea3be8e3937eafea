"""The engine against transformers' LlamaForCausalLM and Qwen2ForCausalLM with random weights: logits of every position of a
prompt, and greedy tokens in fp32. Arguments: the program (tests/gpu/logits), a scratch folder. Needs torch and transformers.
Prints the closing line that tests/run.sh reads."""
import json
import os
import subprocess
import sys

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

program, scratch = sys.argv[1:3]
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
SHAPES = {  # name: (family, hidden, intermediate, layers, heads, kv_heads, head_dim, tied, rope scaling)
    "llama-gqa4": ("llama", 256, 704, 4, 4, 1, 64, False, None),
    "llama-llama3-rope-128": ("llama", 512, 1024, 2, 8, 2, 128, False, LLAMA3),
    "qwen2-groups-of-7": ("qwen2", 448, 896, 3, 7, 1, 64, False, None),
    "qwen2-tied-128": ("qwen2", 512, 1024, 2, 4, 2, 128, True, None),
}
VOCAB, GREEDY = 512, 64


def reference(family, hidden, inter, layers, heads, kv_heads, head_dim, tied, scaling):
    """The model in float64, and the config.json that names its shape as published checkpoints do."""
    plain = dict(vocab_size=VOCAB, hidden_size=hidden, intermediate_size=inter, num_hidden_layers=layers,
                 num_attention_heads=heads, num_key_value_heads=kv_heads, max_position_embeddings=2048, rms_norm_eps=1e-5,
                 tie_word_embeddings=tied)
    if family == "llama":
        plain["head_dim"] = head_dim
    rope = dict(rope_theta=10000.0, **(scaling or {"rope_type": "default"}))
    if int(transformers.__version__.split(".")[0]) >= 5:
        extra = dict(rope_parameters=rope)
    else:
        extra = dict(rope_theta=10000.0, rope_scaling=scaling)
    kind, model = {"llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
                   "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM)}[family]
    torch.manual_seed(1)
    net = model(kind(**plain, **extra, attn_implementation="eager")).double().eval()
    with torch.no_grad():  # the library's own start is so small that all logits are alike
        for name, p in net.named_parameters():
            if p.dim() == 2:
                p.normal_(0, p.shape[1] ** -0.5)
            elif name.endswith("bias"):
                p.normal_(0, 0.1)
            else:
                p.copy_(1 + 0.1 * torch.randn_like(p))
            p.copy_(p.float())  # exactly what the checkpoint holds
    published = dict(plain, rope_theta=10000.0, rope_scaling=scaling, hidden_act="silu", torch_dtype="float32",
                     model_type=family, architectures=[model.__name__], bos_token_id=1, eos_token_id=2)
    return net, published


def run(folder, precision, prompt):
    path = os.path.join(scratch, "logits.bin")
    done = subprocess.run([program, folder, precision, path, str(GREEDY), *map(str, prompt)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return np.fromfile(path, np.float32).reshape(len(prompt), VOCAB).astype(float), [int(t) for t in done.stdout.split()]


def main():
    passed = failed = 0
    for name, shape in SHAPES.items():
        net, config = reference(*shape)
        folder = os.path.join(scratch, name)
        os.makedirs(folder, exist_ok=True)
        weights = {k: v.float().contiguous() for k, v in net.state_dict().items()
                   if "inv_freq" not in k and not (config["tie_word_embeddings"] and k == "lm_head.weight")}
        save_file(weights, os.path.join(folder, "model.safetensors"))
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(config, f)
        prompt = [(i * 37 + 11) % VOCAB for i in range(100)]
        with torch.no_grad():
            want = net(torch.tensor([prompt])).logits[0].numpy()
            ids = list(prompt)
            for _ in range(GREEDY):
                ids.append(int(net(torch.tensor([ids])).logits[0, -1].argmax()))
        for precision, most in (("fp32", 1e-3), ("bf16", 1.5e-2), ("fp16", 4e-3)):
            got, greedy = run(folder, precision, prompt)
            off = np.linalg.norm(got - want) / np.linalg.norm(want)
            same = precision != "fp32" or greedy == ids[len(prompt):]
            ok = bool(off <= most and same)
            passed, failed = passed + ok, failed + (not ok)
            print(f"{'ok  ' if ok else 'FAIL'} {name} {precision}: ||d||/||ref|| {off:.2e} (at most {most:.0e})"
                  + (f", {GREEDY} greedy tokens {'equal' if same else 'differ'}" if precision == "fp32" else ""))
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed != 0


sys.exit(main())
