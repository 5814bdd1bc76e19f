"""Writes the golden files: what PyTorch computes, for the tests of the crates.

    python3 benches/peers/golden

Each module of this folder with a function `files()` says what files it makes:
`{path from the root of the repository: {tensor name: tensor}}`. Made with Python
3.11, PyTorch 2.15.0 (CPU, on x86-64 with AVX-512), numpy 2.4 and safetensors 0.8.
The same versions on the same machine write the same bytes; others may differ in
the last bits of what is in f32. `docs/golden.md` tells what is compared, and how.
"""

import importlib
import pkgutil
from pathlib import Path

import torch
from safetensors.torch import save

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
torch.manual_seed(0)

total = 0
for module in sorted(module.name for module in pkgutil.iter_modules([str(HERE)])):
    files = getattr(importlib.import_module(module), "files", dict)
    for path, tensors in files().items():
        plain = {name: t.detach().contiguous() for name, t in sorted(tensors.items())}
        data = save(plain)  # in an order of its own that depends on nothing else
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        print(f"{len(data):>8} bytes  {len(plain):>4} tensors  {path}")
        total += len(data)
print(f"{total:>8} bytes in all")
