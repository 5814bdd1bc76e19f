"""The `lenet` program and its data, as the checks beside this file use them."""

import gzip
import os
import subprocess
from pathlib import Path

import numpy as np

SAMPLE = Path(__file__).resolve().parents[2] / "crates" / "lenet-data" / "sample"


class Lenet:
    """The program at `path`: `lenet("train", "--epochs", 1)` gives what it prints."""

    def __init__(self, path):
        self.path = Path(path).resolve()
        # No setting of the user's own.
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("LENET_")}

    def run(self, *words):
        """Its outcome, with `stdout` and `stderr`; a `RuntimeError` where it fails."""
        command = [str(word) for word in (self.path, *words)]
        ran = subprocess.run(command, capture_output=True, text=True, env=self.env)
        if ran.returncode != 0:
            raise RuntimeError(f"lenet {words[0]}: {ran.stderr.strip()}")
        return ran

    def __call__(self, *words):
        return self.run(*words, "--quiet").stdout


def add_argument(parser):
    """`--lenet PROGRAM`."""
    parser.add_argument("--lenet", required=True, type=Lenet, metavar="PROGRAM", help="the program")


def idx(folder, name):
    """The bytes of an IDX file, `.gz` or not, without its header."""
    for path, read in ((folder / name, open), (folder / f"{name}.gz", gzip.open)):
        if path.exists():
            with read(path, "rb") as file:
                return np.frombuffer(file.read(), np.uint8, offset=16 if "images" in name else 8)
    raise FileNotFoundError(f"{folder}: no {name}, with .gz or without")


def test_images(folder, most):
    """`[most, 1, 28, 28]` f32 in [0, 1]."""
    pixels = idx(folder, "t10k-images-idx3-ubyte").reshape(-1, 1, 28, 28)[:most]
    return pixels.astype(np.float32) / np.float32(255)
