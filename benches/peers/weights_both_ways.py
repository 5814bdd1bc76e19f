"""Weights from here into PyTorch and from PyTorch to here, for every model: the strict
load takes them, and both give the same logits.

    python3 benches/peers/weights_both_ways.py --lenet PROGRAM

PROGRAM is a `lenet` that is built already. Each model trains a few steps on the built-in
sample; `load_state_dict(strict=True)` takes the file; and PyTorch's own weights, after
some training steps of PyTorch, are read by `lenet predict`, as f32, f16, bf16 and f64.
PyTorch's pickles are refused with a command that converts them, which then is run.
A line a model on stdout; the exit code is 1 when one fails. It needs PyTorch, numpy and
safetensors.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

import program

sys.path.insert(0, str(Path(__file__).resolve().parent / "golden"))
from models import MODELS, Dropout  # noqa: E402

IMAGES = 100
# As a part of the largest logit: the same f32 weights, summed in another order.
TOLERANCE = 1e-4
# Weights in fewer bits than f32 are the same weights to both sides.
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64]


def flags(name):
    return ["--model", "lenet5-32", "--flavour", "1998"] if name == "lenet5-32-1998" else ["--model", name]


def images(name):
    """`[100, 1, 28, 28]` in [0, 1], padded for the networks of 32×32."""
    x = torch.from_numpy(program.test_images(program.SAMPLE, IMAGES))
    return F.pad(x, [2] * 4) if "32" in name else x


def ours(lenet, weights, more=()):
    places = [word for at in range(IMAGES) for word in ("--index", str(at))]
    told = ["--json", "--dataset", "sample", "--split", "test"]
    text = lenet("predict", "--weights", weights, *told, *more, *places)
    return np.array([one["logits"] for one in json.loads(text)], np.float32)


def theirs(model, x):
    model.eval()
    with torch.no_grad():
        return model(x).numpy()


def apart(theirs, ours):
    return np.abs(theirs - ours).max() / np.abs(theirs).max()


def to_pytorch(lenet, name, folder):
    """Trained here, loaded there."""
    told = ["--dataset", "sample", "--max-steps", "20", "--no-normalize", "--out-dir", folder]
    lenet("train", *told, *flags(name))
    weights = folder / "model.safetensors"
    model = MODELS[name]()
    model.load_state_dict(load_file(weights), strict=True)
    counters = [n for n in model.state_dict() if n.endswith("num_batches_tracked")]
    for counter in counters:
        value = model.state_dict()[counter]
        assert value.dtype == torch.int64 and value == 20, f"{counter} is {value}, {value.dtype}"
    return apart(theirs(model, images(name)), ours(lenet, weights))


def from_pytorch(lenet, name, folder):
    """Trained there, loaded here."""
    torch.manual_seed(1)
    model = MODELS[name]()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(5):
        Dropout.step, Dropout.call = step, 0
        optimizer.zero_grad()
        model(images(name)).square().mean().backward()
        optimizer.step()
    largest = 0.0
    for dtype in DTYPES:
        state = {n: t.to(dtype) if t.is_floating_point() else t for n, t in model.state_dict().items()}
        weights = folder / "from-pytorch.safetensors"
        save_file(state, weights)
        rounded = MODELS[name]()
        rounded.load_state_dict({n: t.to(torch.float32) if t.is_floating_point() else t for n, t in state.items()})
        found = ours(lenet, weights, [*flags(name), "--no-normalize"])
        largest = max(largest, apart(theirs(rounded, images(name)), found))
    state = model.state_dict()
    for number, (pickle, zipped) in enumerate([(state, True), (state, False), ({"state_dict": state}, True)]):
        converted = convert(lenet, name, pickle, zipped, folder / f"a pickle's no. {number}.pt")
        found = ours(lenet, converted, [*flags(name), "--no-normalize"])
        largest = max(largest, apart(theirs(model, images(name)), found))
    return largest


def convert(lenet, name, pickle, zipped, path):
    """A pickle is refused with the line that makes safetensors of it."""
    torch.save(pickle, path, _use_new_zipfile_serialization=zipped)
    try:
        ours(lenet, path, flags(name))
    except RuntimeError as error:
        _, python, command = str(error).partition("python3 ")
        assert python, error
        subprocess.run(f"{shlex.quote(sys.executable)} {command}", shell=True, check=True)
        return path.with_suffix(".safetensors")
    raise AssertionError(f"{path.name} was read")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    program.add_argument(parser)
    lenet = parser.parse_args().lenet
    torch.set_num_threads(1)

    failed = 0
    for name in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                there = to_pytorch(lenet, name, Path(folder) / "run")
                here = from_pytorch(lenet, name, Path(folder))
            except Exception as error:  # whatever it is, the other models are checked too
                failed += 1
                print(f"FAILED {name}: {' '.join(str(error).split())}", flush=True)
                continue
        fits = max(there, here) <= TOLERANCE
        failed += not fits
        print(
            f"{'ok    ' if fits else 'FAILED'} {name}: to PyTorch {there:.1e}, from PyTorch {here:.1e}"
            f" (allowed {TOLERANCE:.0e})",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
