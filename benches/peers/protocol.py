"""How `cargo xtask bench` talks to a peer, a line at a time.

The peer gets the path of a file with raw f32 images `[N, 784]`, then one of raw
u8 labels `[N]`. It prints `ready NAME...`, the measurements that it knows, then
answers each line `NAME BATCH SECONDS` with how many samples it does in a second.
"""

import sys
import time

import numpy as np


def data():
    images = np.fromfile(sys.argv[1], dtype=np.float32).reshape(-1, 1, 28, 28)
    labels = np.fromfile(sys.argv[2], dtype=np.uint8).astype(np.int64)
    return images, labels


def serve(measurements):
    """`measurements[name](batch)` returns a function that does one step."""
    print("ready", *measurements, flush=True)
    steps = {}
    for line in sys.stdin:
        name, batch, seconds = line.split()
        batch, seconds = int(batch), float(seconds)
        if (name, batch) not in steps:
            steps[name, batch] = measurements[name](batch)
            rate(steps[name, batch], batch, seconds / 2)  # warm up
        print(rate(steps[name, batch], batch, seconds), flush=True)


def rate(step, batch, seconds):
    done, start = 0, time.perf_counter()
    while True:
        step()
        done += 1
        passed = time.perf_counter() - start
        if passed >= seconds:
            return done * batch / passed


def cycle(batches):
    while True:
        yield from batches
