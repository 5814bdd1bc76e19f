"""Exports every model and runs it in onnxruntime: same logits as lenet's own?

    python3 benches/peers/onnx_check.py --lenet target/release/lenet [--data-dir DIR]

Each model trains for a few steps on the built-in sample, is exported, checked by
onnx.checker in full, and run on 1,000 test images of the sample, or of the four IDX
files in DIR, one by one and all at once. Exit code 0 when every logit is within 1e-4
of what `lenet predict` gives; a line a model on stdout.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime

import program

MODELS = [
    ("lenet5",),
    ("lenet5-sequential",),
    ("lenet5-32",),
    ("lenet5-32", "--flavour", "1998"),
    ("lenet5-plus",),
    ("article-sequential",),
    ("convnet",),
    ("lenet5", "--no-normalize"),
]
IMAGES = 1000
# Logits of a few units, each a sum of at most some hundred f32 products in another
# order: 1e-5 at most; ten times that would be another computation.
TOLERANCE = 1e-4


def largest_difference(lenet, model, data, images, folder):
    weights, exported = folder / "run" / "model.safetensors", folder / "model.onnx"
    train = ["train", "--dataset", "sample", "--max-steps", "30", "--out-dir", folder / "run"]
    lenet(*train, "--model", *model)
    lenet("export", "--weights", weights, "--output", exported)

    graph = onnx.load(exported)
    onnx.checker.check_model(graph, full_check=True)
    card = json.loads((folder / "model.json").read_text())
    assert card["weights_sha256"] in {p.value for p in graph.metadata_props}, "card and file differ"

    places = [word for index in range(len(images)) for word in ("--index", str(index))]
    predictions = lenet("predict", "--weights", weights, "--json", "--split", "test", *data, *places)
    expected = np.array([one["logits"] for one in json.loads(predictions)], np.float32)

    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    [image], [output] = session.get_inputs(), session.get_outputs()
    assert output.name == card["output"]["name"], output.name
    at_once = session.run(None, {image.name: images})[0]
    one_by_one = np.concatenate([session.run(None, {image.name: x[None]})[0] for x in images])
    return max(np.abs(found - expected).max() for found in (at_once, one_by_one))


def main():
    parser = argparse.ArgumentParser(description="Compares exported models in onnxruntime.")
    program.add_argument(parser)
    parser.add_argument("--data-dir", type=pathlib.Path, help="the four IDX files [default: the sample]")
    args = parser.parse_args()
    data = ["--data-dir", args.data_dir] if args.data_dir else ["--dataset", "sample"]
    images = program.test_images(args.data_dir or program.SAMPLE, IMAGES)

    failed = 0
    for model in MODELS:
        name, start = " ".join(model), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            try:
                difference = largest_difference(args.lenet, model, data, images, pathlib.Path(folder))
            except Exception as error:  # whatever it is, the other models are checked too
                failed += 1
                print(f"FAILED {name}: {' '.join(str(error).split())}", flush=True)
                continue
        # A NaN is not within it either.
        fits = difference <= TOLERANCE
        failed += not fits
        seconds = time.perf_counter() - start
        word = "ok    " if fits else "FAILED"
        print(
            f"{word} {name}: {len(images)} images, one by one and at once: "
            f"largest difference {difference:.1e} ({seconds:.1f} s)",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
