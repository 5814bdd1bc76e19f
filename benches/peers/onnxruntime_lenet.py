"""LeNet-5 in onnxruntime, for inference."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import protocol

images, _ = protocol.data()


def model():
    rng = np.random.default_rng(0)
    shapes = [(6, 1, 5, 5), (16, 6, 5, 5), (120, 256), (84, 120), (10, 84)]
    weights = []
    for i, shape in enumerate(shapes):
        bound = np.prod(shape[1:]) ** -0.5
        for name, size in ((f"w{i}", shape), (f"b{i}", shape[0])):
            values = rng.uniform(-bound, bound, size).astype(np.float32)
            weights.append(numpy_helper.from_array(values, name))
    node = helper.make_node
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        node("Conv", ["x", "w0", "b0"], ["c0"]),
        node("Relu", ["c0"], ["r0"]),
        node("MaxPool", ["r0"], ["p0"], **pool),
        node("Conv", ["p0", "w1", "b1"], ["c1"]),
        node("Relu", ["c1"], ["r1"]),
        node("MaxPool", ["r1"], ["p1"], **pool),
        node("Flatten", ["p1"], ["f"]),
        node("Gemm", ["f", "w2", "b2"], ["g2"], transB=1),
        node("Relu", ["g2"], ["r2"]),
        node("Gemm", ["r2", "w3", "b3"], ["g3"], transB=1),
        node("Relu", ["g3"], ["r3"]),
        node("Gemm", ["r3", "w4", "b4"], ["y"], transB=1),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "lenet5",
        [value("x", TensorProto.FLOAT, ["n", 1, 28, 28])],
        [value("y", TensorProto.FLOAT, ["n", 10])],
        weights,
    )
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()


def predictor(batch):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(model(), options, ["CPUExecutionProvider"])
    n = len(images) // batch * batch
    data = protocol.cycle(np.split(images[:n], n // batch))
    return lambda: session.run(None, {"x": next(data)})[0].argmax(1)


protocol.serve({"predict": predictor})
