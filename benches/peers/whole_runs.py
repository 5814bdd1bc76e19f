"""Whole runs of `lenet train` and of PyTorch, from the same weights over the same
batches: the losses of the first 50 steps have to agree to 1e-3.

    python3 benches/peers/whole_runs.py --lenet PROGRAM [--data-dir DIR]

DIR holds the four IDX files, `.gz` or not; without it the built-in sample is used.
PROGRAM is a `lenet` that is built already. A line for each run tells the largest relative
difference; the exit code is 1 when one is too large. It needs PyTorch, numpy and safetensors. `docs/golden.md` says more.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

import program

sys.path.insert(0, str(Path(__file__).resolve().parent / "golden"))
from models import MODELS  # noqa: E402

STEPS, CHECKED, BATCH = 200, 50, 64
TOLERANCE = 1e-3

# The case, the model in PyTorch, and what `lenet train` is told.
RUNS = {
    "lenet5, Adam": ("lenet5", ["--optimizer", "adam"]),
    "lenet5, SGD with momentum": ("lenet5", ["--optimizer", "sgd", "--momentum", "0.9"]),
    "lenet5-32 of 1998, Adam": ("lenet5-32-1998", ["--model", "lenet5-32", "--flavour", "1998"]),
    "convnet, SGD": ("convnet", ["--model", "convnet", "--optimizer", "sgd"]),
}


def batches(folder, padding):
    """In the order of the file, the last one short, epoch after epoch."""
    images = program.idx(folder, "train-images-idx3-ubyte").reshape(-1, 1, 28, 28) / 255
    labels = torch.from_numpy(program.idx(folder, "train-labels-idx1-ubyte").astype(np.int64))
    mean, std = images.mean(), images.std()
    images = torch.from_numpy(images.astype(np.float32))
    while True:
        for x, y in zip(images.split(BATCH), labels.split(BATCH)):
            yield (F.pad(x, [padding] * 4) - mean) / std, y


def theirs(start, name, flags, folder, dtype):
    """PyTorch's loss of each step."""
    model = MODELS[name]().to(dtype)
    model.load_state_dict(start)
    if "sgd" in flags:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9 * ("--momentum" in flags))
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_of = F.nll_loss if name == "convnet" else F.cross_entropy
    losses = []
    for _, (x, y) in zip(range(STEPS), batches(folder, 2 if "32" in name else 0)):
        optimizer.zero_grad()
        loss = loss_of(model(x.to(dtype)), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def ours(lenet, weights, flags, folder, out):
    """`lenet train`'s loss of each step, to the six decimals that it prints."""
    settings = ["--init-from", weights, "--no-shuffle", "--batch-size", BATCH, "--max-steps", STEPS]
    data = ["--dataset", "idx", "--data-dir", folder, "--offline", "--device", "cpu"]
    told = ["--log-interval", 1, "--out-dir", out, "--epochs", STEPS]
    done = lenet.run("train", *settings, *data, *told, *flags)
    losses = re.findall(r"^epoch \d+ step .* loss (\S+)$", done.stderr, re.M)
    return np.array([float(loss) for loss in losses])


def difference(losses, expected):
    """The largest relative difference of the steps that are checked, and of all."""
    off = np.abs(losses - expected) / np.abs(expected)
    return off[:CHECKED].max(), off.max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    program.add_argument(parser)
    parser.add_argument("--data-dir", type=Path, default=program.SAMPLE)
    arguments = parser.parse_args()
    folder = arguments.data_dir.resolve()

    torch.set_num_threads(1)
    agreed = True
    for case, (name, flags) in RUNS.items():
        torch.manual_seed(0)
        start = MODELS[name]().state_dict()
        with tempfile.TemporaryDirectory() as scratch:
            weights = Path(scratch) / "start.safetensors"
            save_file(start, weights)
            found = ours(arguments.lenet, weights, flags, folder, Path(scratch) / "run")
        if len(found) != STEPS:
            sys.exit(f"{case}: {len(found)} losses where {STEPS} steps were asked for")
        expected = theirs(start, name, flags, folder, torch.float32)
        checked, whole = difference(found, expected)
        own = difference(theirs(start, name, flags, folder, torch.float64), expected)
        fine = bool(checked <= TOLERANCE)
        agreed &= fine
        print(
            f"{'ok    ' if fine else 'FAILED'} {case}: {checked:.1e} in {CHECKED} steps (allowed"
            f" {TOLERANCE:.0e}), {whole:.1e} in {STEPS}; PyTorch's f64 and f32: {own[0]:.1e},"
            f" {own[1]:.1e}; loss {expected[0]:.4f} to {expected[-1]:.4f}",
            flush=True,
        )
    sys.exit(0 if agreed else 1)


main()
