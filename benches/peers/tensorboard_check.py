"""Does TensorBoard read from a run's event files what metrics.jsonl says?

    python3 benches/peers/tensorboard_check.py --lenet target/release/lenet

A run on the built-in sample ends amid an epoch and goes on, so that it has two event
files, one of which takes a point of the other back. Exit code 0 when TensorBoard's own
reader finds the same scalars at the same steps; a line a tag on stdout.
"""

import argparse
import json
import pathlib
import struct
import sys
import tempfile

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import program

TAGS = {
    "train/loss": "train_loss",
    "train/accuracy": "train_accuracy",
    "train/lr": "lr",
    "train/samples_per_second": "samples_per_second",
    "val/loss": "val_loss",
    "val/accuracy": "val_accuracy",
}


def f32(value):
    """Scalars are f32; they are that of the f64, so nothing is left to tolerate."""
    return struct.unpack("f", struct.pack("f", value))[0]


def main():
    parser = argparse.ArgumentParser(description="Reads a run with TensorBoard's own reader.")
    program.add_argument(parser)
    lenet = parser.parse_args().lenet

    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        data = ["--dataset", "sample", "--val-split", "0.9", "--scheduler", "step"]
        lenet("train", *data, "--max-steps", "20", "--tensorboard", "--out-dir", run)
        lenet("train", "--resume", run, "--max-steps", "50")
        files = sorted(run.glob("events.out.tfevents.*"))
        assert len(files) == 2, files
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        events = EventAccumulator(str(run)).Reload()
        found = set(events.Tags()["scalars"])
        for tag, name in TAGS.items():
            read = [(one.step, one.value) for one in events.Scalars(tag)] if tag in found else []
            expected = [(line["step"], f32(line[name])) for line in lines]
            fits = read == expected
            failed += not fits
            said = f"{len(read)} points" if fits else f"{read}, expected {expected}"
            print(f"{'ok    ' if fits else 'FAILED'} {tag}: {said}", flush=True)
        if found != set(TAGS):
            failed += 1
            print(f"FAILED tags: {sorted(found ^ set(TAGS))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
