"""tests/engine/fp8.py TRACE - the engine in fp8 against float64 (make_engine_fixtures.py), roundings followed. TRACE is build/tests/engine/fp8_trace.

E4M3 has 3 bits of mantissa: an activation beside the middle of two codes goes to the other one when fp32 sums end 1e-7 elsewhere,
and one such flip moves every later logit of its sequence by a percent. So logits alone prove little. Here float64 computes each layer
from the engine's own codes and K/V, and every step on the way is held to what fp32 can lose:
- codes and scales are kw_fp8_quantise's of the engine's values, to the bit;
- those values are float64's, within NOISE of their row's largest;
- a code or a bf16 K/V that differs from float64's is float64's for a value less than NOISE away: a flip, and a rare one;
- the logits agree within LOGITS at every position;
- left to its own roundings, float64 agrees too, at every position before the first flip.
Cases: four models quantised at load or by the hash, and a checkpoint that is fp8 on disk. Prints the figures and the closing line "N passed, N failed, N skipped"."""
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np

import make_engine_fixtures as fixtures

NOISE = 2e-6   # of a row's largest value; 4e-7 is what fp32 has lost on these models
LOGITS = 1e-5  # 1e-6 is what was seen
RARE = 5e-4    # of roundings may flip; 1e-4 did
HERE = os.path.dirname(os.path.abspath(__file__))
SETS = [("reference", None), ("cpu", "portable"), ("cpu", "avx2"), ("cpu", "avx512")]


def recipe(x):
    """kw_fp8_quantise by its contract in dtype.h: s = max|x| / 448, codes of x * (1 / s), both in fp32."""
    one = np.float32(1)
    s = np.abs(x).max(-1, keepdims=True) / np.float32(448)
    s = np.where(s < np.finfo(np.float32).tiny, one, s)
    return fixtures.e4m3((x * (one / s)).astype(np.float64)), s


def e4m3_values():
    """The value of each of the 256 codes; 0x7f and 0xff are NaN."""
    code = np.arange(256)
    exponent, mantissa = code >> 3 & 15, code & 7
    v = np.where(exponent == 0, mantissa * 2.0 ** -9, (8 + mantissa) * 2.0 ** (exponent - 10.0))
    return np.where(code & 127 == 127, np.nan, np.where(code & 128, -v, v))


VALUE = e4m3_values()


class Followed(fixtures.Rounding):
    """The roundings of a trace in the place of float64's own, which they are compared with."""

    def __init__(self, c, trace, n):
        self.trace, self.at, self.n = trace, 0, n
        kv = (c["num_hidden_layers"], 2, n, c["num_key_value_heads"], fixtures.head_dim(c))
        n_kv = int(np.prod(kv))
        self.end = len(trace) - 4 * (n_kv + n * c["vocab_size"])
        floats = np.frombuffer(trace, np.float32, offset=self.end)
        self.kv, self.logits = floats[:n_kv].reshape(kv), floats[n_kv:].reshape(n, -1).astype(np.float64)
        self.off_recipe = self.unexplained = self.flips = self.roundings = 0
        self.lost = 0.0        # the largest |engine - float64| / the row's largest
        self.first_flip = n    # the token it happened in

    def row(self):
        n, = struct.unpack_from("<I", self.trace, self.at)
        x = np.frombuffer(self.trace, np.float32, n, self.at + 4)
        s = np.frombuffer(self.trace, np.float32, 1, self.at + 4 + 4 * n)
        q = np.frombuffer(self.trace, np.uint8, n, self.at + 8 + 4 * n)
        self.at += 8 + 5 * n
        return x, s, VALUE[q]

    def compare(self, theirs, own, below, above):
        """own: what float64 rounds to; below, above: what it would for a value NOISE less or more."""
        differs = theirs != own
        self.flips += differs.sum()
        self.roundings += differs.size
        self.unexplained += (differs & (theirs != below) & (theirs != above)).sum() + np.isnan(theirs).sum()
        if differs.any():
            self.first_flip = min(self.first_flip, np.nonzero(differs)[0].min())

    def input(self, x, name):
        got, s, q = (np.stack(part) for part in zip(*(self.row() for _ in range(self.n))))
        want, scale = recipe(got)
        self.off_recipe += (want != q).sum() + (scale != s).sum()
        most = np.abs(x).max(-1, keepdims=True)
        self.lost = max(self.lost, (np.abs(got - x) / most).max())
        s = s.astype(np.float64)
        self.compare(q, fixtures.quantised(x)[0], *(fixtures.e4m3((x + d * most) / s) for d in (-NOISE, NOISE)))
        return q, s

    def stored(self, x, name):
        theirs = self.kv[int(name.split(".")[2]), "kv".index(name[-1])].astype(np.float64)
        d = NOISE * np.abs(x).max(-1, keepdims=True)
        self.compare(theirs, fixtures.as_bf16(x), fixtures.as_bf16(x - d), fixtures.as_bf16(x + d))
        return theirs


class Noisy(fixtures.Rounding):
    """float64's own roundings of values that are off as fp32's are."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def off(self, x):
        return x + np.abs(x).max(-1, keepdims=True) * self.rng.uniform(-1e-7, 1e-7, x.shape)

    def input(self, x, name):
        return fixtures.quantised(self.off(x))

    def stored(self, x, name):
        return fixtures.as_bf16(self.off(x))


def distance(a, b, axis=None):
    return np.linalg.norm(a - b, axis=axis) / np.linalg.norm(b, axis=axis)


def write_fp8_checkpoint(folder, c, w):
    """One scale for all of q_proj, one a row (bf16) for the other matrices but down_proj, which stays bf16. Returns the weights as
    they are on disk: values and scales of the rows."""
    tensors, disk = {}, {}
    for name, x in w.items():
        if name == "lm_head.weight":
            continue
        disk[name] = x
        if not name.endswith("proj.weight") or "down_proj" in name:
            tensors[name] = ("BF16", x.shape, fixtures.bf16(x).tobytes())
            continue
        whole = "q_proj" in name
        s = (np.abs(x).max(keepdims=True) if whole else np.abs(x).max(-1, keepdims=True)) / 448
        s = np.float32(s) if whole else fixtures.as_bf16(np.float32(s) * np.float32(1.01)).astype(np.float32)
        values = fixtures.e4m3((x / s).astype(np.float64))
        code = np.searchsorted(VALUE[:127], np.abs(values))
        code = np.where(np.signbit(values), code | 128, code).astype(np.uint8)
        assert np.array_equal(VALUE[code], values)
        tensors[name] = ("F8_E4M3", x.shape, code.tobytes())
        tensors[name + "_scale"] = ("F32", (), s.tobytes()) if whole else ("BF16", (len(x), 1), fixtures.bf16(s).tobytes())
        disk[name] = values, np.broadcast_to(s, (len(x), 1)).astype(np.float64)
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump({**c, "quantization_config": {"quant_method": "fp8"}}, f)
    return disk


def cases(scratch):
    """name, config, folder, "synthetic" or "files", weights as the engine's arena holds them."""
    for name, c in fixtures.MODELS.items():
        on_disk = name == "sharded"
        w = fixtures.random_bf16(c, 5) if on_disk else fixtures.synthetic(c, 7)
        yield name, c, os.path.join(HERE, "models", name), "files" if on_disk else "synthetic", w
    c = fixtures.MODELS["sharded"]
    yield "fp8 on disk", c, scratch, "files", write_fp8_checkpoint(scratch, c, fixtures.random_bf16(c, 11))


def at_load(w):
    """Matrices that are not E4M3 yet, quantised as the engine does at load."""
    made = {}
    for name, x in w.items():
        made[name] = x
        if name.endswith("proj.weight") and not isinstance(x, tuple):
            q, s = recipe(x.astype(np.float32))
            made[name] = q, s.astype(np.float64)
    return made


def engine(program, folder, source, backend, which, ids, out):
    """The trace, or None where this machine has no such kernels."""
    env = {k: v for k, v in os.environ.items() if k != "KEEPWARM_CPU"}
    if which:
        env["KEEPWARM_CPU"] = which
    r = subprocess.run([program, folder, source, backend, out, *map(str, ids)], env=env)
    if r.returncode == 77:
        return None
    assert r.returncode == 0, f"{program}: exit status {r.returncode}"
    with open(out, "rb") as f:
        return f.read()


def judge(program, scratch):
    """Every case on every backend: how many passed, how many failed."""
    passed = failed = 0
    for name, c, folder, source, w in cases(scratch):
        with open(os.path.join(HERE, "models", "sharded" if folder == scratch else name, "expected.json")) as f:
            ids = json.load(f)["prompt"]
        w = at_load(w)
        free = fixtures.forward(c, w, ids, fp8=True)
        noise = max(distance(fixtures.forward(c, w, ids, fp8=True, rounding=Noisy(seed)), free) for seed in range(4))
        for backend, which in SETS:
            trace = engine(program, folder, source, backend, which, ids, os.path.join(scratch, "trace"))
            if trace is None:
                continue
            e = Followed(c, trace, len(ids))
            followed = fixtures.forward(c, w, ids, fp8=True, rounding=e)
            off, apart = np.abs(followed - e.logits).max(), distance(e.logits, free)
            before = distance(e.logits, free, axis=1)[:e.first_flip]
            print(f"{name}, {which or backend}: {e.flips} of {e.roundings} roundings flip; logits off by {off:.1e} with them followed, "
                  f"{apart:.1e} of their norm without ({noise:.1e} from noise of 1e-7); values by {e.lost:.1e}")
            checks = {
                "the whole trace was followed": e.at == e.end,
                "codes and scales are the recipe's": e.off_recipe == 0,
                "values are float64's": e.lost <= NOISE,
                "roundings that differ are flips": e.unexplained == 0,
                "flips are rare": e.flips <= RARE * e.roundings,
                "logits agree": off <= LOGITS,
                "before the first flip nothing differs": (before <= LOGITS).all(),
                "no flip, no difference": e.flips > 0 or apart <= LOGITS,
            }
            bad = [what for what, ok in checks.items() if not ok]
            for what in bad:
                print(f"FAIL {name}, {which or backend}: {what}")
            passed, failed = passed + (not bad), failed + bool(bad)
    return passed, failed


def main():
    with tempfile.TemporaryDirectory() as scratch:
        passed, failed = judge(sys.argv[1], scratch)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
