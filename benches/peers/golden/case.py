"""A case of a golden file: inputs, and what PyTorch makes of them in f32 and f64.

`crates/lenet-tensor/src/testing/golden.rs` reads what is written here.
"""

import numpy as np
import torch

DTYPES = {"f32": torch.float32, "f64": torch.float64}
PICKS = 32


def fnv1a(text):
    """FNV-1a, 64 bits: a name as a number."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def uniform(name, *shape):
    """Values in [-1, 1) on a grid of 2^-23, by name: SplitMix64 (Steele 2014)."""
    n = int(np.prod(shape))
    z = np.uint64(fnv1a(name)) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    values = (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1
    return torch.from_numpy(values).reshape(shape)


def digest(tensor):
    """Up to 32 values at even distances, the sum of squares, and the dot product
    with the values of the name `digest`, in f64."""
    values = tensor.detach().double().flatten()
    n = len(values)
    picks = min(n, PICKS)
    at = torch.tensor([i * n // picks for i in range(picks)])
    sums = torch.stack([values.square().sum(), values @ uniform("digest", n)])
    return torch.cat([values[at], sums])


class Case:
    """A case `operation/name`; one that is `large` stores no array of its size:
    inputs come from their names' hash, results are stored as digests."""

    def __init__(self, tensors, name, large=False):
        self.tensors, self.name, self.large = tensors, name, large

    def store(self, name, tensor):
        key = f"{self.name}/{name}"
        assert key not in self.tensors, key
        self.tensors[key] = tensor

    def integers(self, name, *values):
        self.store(name, torch.tensor(values, dtype=torch.int64))

    def floats(self, name, *values):
        self.store(name, torch.tensor(values, dtype=torch.float64))

    def input(self, name, *shape, values=None):
        """An input that f32 holds exactly, as f64."""
        if self.large:
            self.integers(f"{name}/shape", *shape)
            return uniform(f"{self.name}/{name}", *shape)
        drawn = uniform(f"{self.name}/{name}", *shape) if values is None else values
        self.store(name, drawn.float())
        return drawn.float().double()

    def result(self, name, tensor):
        dtype = next(short for short, dtype in DTYPES.items() if dtype == tensor.dtype)
        if self.large:
            self.store(f"{name}/{dtype}/digest", digest(tensor))
        else:
            self.store(f"{name}/{dtype}", tensor.detach().clone())

    def run(self, function, **inputs):
        """Stores `y = function(**inputs)` and each input's gradient, for an
        upstream gradient `grad`."""
        grad = None
        for dtype in DTYPES.values():
            leaves = {name: t.to(dtype).requires_grad_() for name, t in inputs.items()}
            y = function(**leaves)
            if grad is None:
                grad = self.input("grad", *y.shape)
            y.backward(grad.to(dtype))
            self.result("y", y)
            for name, leaf in leaves.items():
                self.result(f"{name}.grad", leaf.grad)
