"""Golden vectors of the ops that have no official reference, made by NumPy in float64.

    python3 packages/conformance/scripts/make_vectors.py

Rewrites linear, rms-norm, silu, softplus, cross-entropy and sample in ../vectors, and their entries of the
index; everything else there stays. Same format as the rest: inputs rounded to their storage dtype, outputs
evaluated in float64 on the rounded inputs and stored as float32. Deterministic.
"""

import json
import struct
from pathlib import Path

import numpy as np

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
random = np.random.default_rng(20231201)


def rounded(x, dtype):
    """To the nearest number of a storage dtype, as float64."""
    if dtype == "f16":
        return x.astype(np.float16).astype(np.float64)
    single = x.astype(np.float32)
    if dtype == "bf16":
        bits = single.view(np.uint32)
        nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
        single = nearest.view(np.float32)
    return single.astype(np.float64)


def stored(x, dtype):
    """The safetensors name of a dtype, and the bytes of already rounded numbers."""
    if dtype == "bf16":
        return "BF16", (x.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes()
    name, kind = {"f32": ("F32", np.float32), "f16": ("F16", np.float16), "i32": ("I32", np.int32)}[dtype]
    return name, x.astype(kind).tobytes()


def normal(*shape, dtype="f32", scale=1.0):
    return rounded(scale * random.standard_normal(shape), dtype)


class Op:
    """Cases of one op, and the file they go to."""

    def __init__(self, name, prefix):
        self.name, self.prefix = name, prefix
        self.entries, self.tensors = [], {}

    def add(self, inputs, outputs, **options):
        """inputs: name -> (array, dtype); outputs: name -> (array, dtype)."""
        case = f"{self.prefix}-{len(self.entries):03d}"
        self.entries.append({"op": self.name, "id": case, **options})
        for kind, tensors in (("in", inputs), ("out", outputs)):
            for name, (array, dtype) in tensors.items():
                if array is not None:
                    self.tensors[f"{case}/{kind}.{name}"] = (array.shape, *stored(array, dtype))

    def save(self):
        header, data = {}, b""
        for key, (shape, dtype, raw) in self.tensors.items():
            header[key] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        file = "".join("-" + c.lower() if c.isupper() else c for c in self.name)
        (VECTORS / f"{file}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


def silu(x):
    return x / (1 + np.exp(-x))


def linear(op):
    for itype, wtype, R, K, M, bias, residual in [
        ("f32", "f32", 1, 1, 1, 0, 0),
        ("f32", "f32", 1, 64, 33, 1, 0),
        ("f32", "f32", 5, 17, 9, 1, 1),
        ("f32", "f32", 3, 260, 11, 0, 1),
        ("f32", "bf16", 1, 96, 31, 0, 0),
        ("f32", "bf16", 7, 33, 16, 1, 0),
        ("f32", "f16", 4, 40, 12, 1, 0),
        ("bf16", "bf16", 3, 65, 8, 1, 1),
        ("f16", "f16", 3, 65, 8, 1, 1),
        ("bf16", "f32", 2, 128, 24, 0, 0),
    ]:
        x, weight = normal(R, K, dtype=itype), normal(M, K, dtype=wtype)
        b = normal(M) if bias else None
        r = normal(R, M, dtype=itype) if residual else None
        y = x @ weight.T + (0 if b is None else b) + (0 if r is None else r)
        op.add(
            {"x": (x, itype), "weight": (weight, wtype), "bias": (b, "f32"), "residual": (r, itype)},
            {"y": (y, "f32")},
            itype=itype,
        )


def rms_norm(op):
    for itype, R, K, weight, residual, gate, groups, eps, scale in [
        ("f32", 1, 1, 0, None, 0, 1, 1e-5, 1),
        ("f32", 3, 17, 1, None, 0, 1, 1e-5, 1),
        ("f32", 2, 64, 1, "f32", 0, 1, 1e-5, 1),
        ("f32", 2, 48, 1, "f32", 1, 4, 1e-6, 1),
        ("f32", 2, 33, 1, None, 1, 3, 1e-5, 1e-4),
        ("f16", 3, 40, 1, "f32", 0, 1, 1e-5, 1),
        ("bf16", 3, 40, 1, "f32", 0, 2, 1e-5, 1),
        ("bf16", 2, 96, 1, "bf16", 1, 1, 1e-2, 1),
    ]:
        x, w = normal(R, K, dtype=itype, scale=scale), normal(K) if weight else None
        r = normal(R, K, dtype=residual) if residual else None
        g = normal(R, K, dtype=itype) if gate else None
        total = x if r is None else x + r
        gated = total if g is None else total * silu(g)
        parts = gated.reshape(R, groups, K // groups)
        y = (parts / np.sqrt((parts**2).mean(-1, keepdims=True) + eps)).reshape(R, K) * (1 if w is None else w)
        op.add(
            {"x": (x, itype), "weight": (w, "f32"), "residual": (r, residual), "gate": (g, itype)},
            {"y": (y, "f32"), "sum": (None if r is None else total, "f32")},
            itype=itype,
            eps=eps,
            groups=groups,
        )


def pointwise(op, function):
    for itype in ("f32", "f16", "bf16"):
        x = rounded(np.concatenate([np.linspace(-30, 30, 241), [-100, -88, 88, 100, 0, 1e-4, -1e-4]]), itype)
        op.add({"x": (x, itype)}, {"y": (function(x), "f32")}, itype=itype)


def log_softmax(x):
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def cross_entropy(op):
    for itype, R, V, scale in [("f32", 4, 2, 1), ("f32", 3, 257, 5), ("f32", 2, 33, 300), ("f16", 3, 65, 4), ("bf16", 3, 65, 4)]:
        logits = normal(R, V, dtype=itype, scale=scale)
        targets = random.integers(0, V, R)
        targets[-1] = -1
        loss = np.where(targets < 0, 0, -log_softmax(logits)[np.arange(R), targets])
        op.add({"logits": (logits, itype), "targets": (targets, "i32")}, {"loss": (loss, "f32")}, itype=itype)


def draw(row, uniform, recent, temperature, topK, topP, minP, repetitionPenalty, vocabulary):
    """One id, and how far `uniform` is from where another one would be drawn."""
    logits = row[:vocabulary].copy()
    for id in set(i for i in recent if 0 <= i < vocabulary):
        logits[id] = logits[id] / repetitionPenalty if logits[id] > 0 else logits[id] * repetitionPenalty
    if temperature == 0:
        return int(logits.argmax()), 1.0
    order = np.argsort(-logits, kind="stable")
    if topK > 0:
        order = order[:topK]
    p = np.exp((logits[order] - logits[order[0]]) / temperature)
    p /= p.sum()
    margin = 1.0
    if topP < 1:
        margin = np.abs(np.cumsum(p) - topP).min()
        keep = int(np.searchsorted(np.cumsum(p), topP)) + 1
        order, p = order[:keep], p[:keep]
    keep = p >= minP * p[0]
    margin = min(margin, np.abs(p / p[0] - minP).min())
    order, p = order[keep], p[keep] / p[keep].sum()
    edges = np.cumsum(p)
    return int(order[min(np.searchsorted(edges, uniform, side="right"), len(order) - 1)]), min(margin, np.abs(edges[:-1] - uniform).min(initial=1.0))


def sample(op):
    for options in [
        {},
        {"temperature": 0.0},
        {"temperature": 0.7, "topK": 5},
        {"topP": 0.8},
        {"minP": 0.1},
        {"temperature": 1.5, "topK": 12, "topP": 0.9, "minP": 0.02},
        {"repetitionPenalty": 1.4, "topK": 4},
        {"vocabulary": 29, "topP": 0.95},
    ]:
        rules = {"temperature": 1.0, "topK": 0, "topP": 1.0, "minP": 0.0, "repetitionPenalty": 1.0, "vocabulary": 31, **options}
        while True:
            logits, uniform = normal(4, 31, scale=2), rounded(random.random(4), "f32")
            recent = random.integers(-1, 31, (4, 3))
            drawn = [draw(logits[r], uniform[r], recent[r], **rules) for r in range(4)]
            # Far enough from every boundary for a sum in f32 to agree.
            if min(margin for _, margin in drawn) > 1e-4:
                break
        ids = np.array([id for id, _ in drawn])
        log_probs = log_softmax(logits[:, : rules["vocabulary"]])[np.arange(4), ids]
        penalised = "repetitionPenalty" in options
        op.add(
            {"logits": (logits, "f32"), "uniform": (uniform, "f32"), "recentIds": (recent if penalised else None, "i32")},
            {"ids": (ids, "i32"), "logProbs": (log_probs, "f32")},
            itype="f32",
            **options,
        )


ops = {
    "linear": linear,
    "rmsNorm": rms_norm,
    "silu": lambda op: pointwise(op, silu),
    "softplus": lambda op: pointwise(op, lambda x: np.logaddexp(0, x)),
    "crossEntropy": cross_entropy,
    "sample": sample,
}
prefixes = {"linear": "linear", "rmsNorm": "norm", "silu": "silu", "softplus": "softplus", "crossEntropy": "loss", "sample": "sample"}

made = []
for name, make in ops.items():
    op = Op(name, prefixes[name])
    make(op)
    op.save()
    made += op.entries

index = VECTORS / "index.json"
kept = [entry for entry in json.loads(index.read_text()) if entry["op"] not in ops]
index.write_text(json.dumps(kept + made, indent=1) + "\n")
