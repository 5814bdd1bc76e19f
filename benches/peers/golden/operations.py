"""The operations of `lenet-tensor`, against PyTorch's functions."""

import torch
from torch.nn import functional as F

from case import Case, DTYPES
from keys import Key

NAN, INF = float("nan"), float("inf")


def files():
    tensors = {}
    for add in (conv2d, pools, relu, linear, fused, cross_entropy, dropout):
        add(tensors)
    return {"crates/lenet-tensor/tests/golden/operations.safetensors": tensors}


def conv2d(tensors):
    def case(name, x, weight, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, **more):
        c = Case(tensors, f"conv2d/{name}", **more)
        c.integers("options", *stride, *padding, *dilation, groups)
        c.run(
            lambda x, weight, bias: F.conv2d(x, weight, bias, stride, padding, dilation, groups),
            x=c.input("x", *x),
            weight=c.input("weight", *weight),
            bias=c.input("bias", weight[0]),
        )

    case("plain", (2, 3, 5, 6), (4, 3, 3, 3))
    case("pixel", (2, 3, 3, 2), (2, 3, 1, 1))
    case("not-square", (1, 2, 7, 4), (3, 2, 2, 4))
    case("stride", (2, 2, 8, 7), (3, 2, 3, 2), stride=(2, 3))
    case("padding", (1, 2, 4, 5), (2, 2, 3, 3), padding=(1, 2))
    case("padding-wider-than-kernel", (1, 1, 3, 2), (2, 1, 2, 2), padding=(2, 3))
    case("dilation", (1, 2, 9, 8), (2, 2, 3, 2), dilation=(2, 3))
    case("groups", (2, 4, 5, 5), (6, 2, 3, 3), groups=2)
    case("depthwise", (1, 3, 5, 4), (6, 1, 2, 2), groups=3)
    case("all", (2, 4, 9, 8), (4, 2, 3, 2), (2, 1), (1, 2), (1, 2), 2)
    case("lenet-conv1", (5, 1, 28, 28), (6, 1, 5, 5), large=True)
    case("lenet-conv2", (5, 6, 12, 12), (16, 6, 5, 5), large=True)


def pools(tensors):
    def case(pool, name, x, kernel, stride, values=None, **more):
        c = Case(tensors, f"{pool}/{name}", **more)
        c.integers("options", *kernel, *stride)
        function = {"max_pool2d": F.max_pool2d, "avg_pool2d": F.avg_pool2d}[pool]
        c.run(lambda x: function(x, kernel, stride), x=c.input("x", *x, values=values))

    for pool in ("max_pool2d", "avg_pool2d"):
        case(pool, "lenet", (2, 3, 4, 6), (2, 2), (2, 2))
        case(pool, "odd", (2, 2, 5, 7), (2, 2), (2, 2))
        case(pool, "overlap", (1, 2, 5, 6), (3, 3), (1, 2))
        case(pool, "gaps", (1, 2, 8, 7), (2, 1), (3, 2))
        case(pool, "not-square", (1, 2, 6, 5), (3, 2), (2, 1))
        case(pool, "maps-of-lenet", (4, 6, 24, 24), (2, 2), (2, 2), large=True)
    # Few different values: most windows have ties. Each NaN is alone in its window.
    ties = (torch.arange(2 * 6 * 6) * 7 % 5 // 2).reshape(1, 2, 6, 6).double()
    case("max_pool2d", "ties", ties.shape, (2, 2), (2, 2), values=ties)
    case("max_pool2d", "ties-overlap", ties.shape, (3, 2), (1, 1), values=ties)
    edges = torch.tensor([[[[NAN, 1, -0.0, 0], [INF, 2, 0, -0.0], [-INF, -INF, 3, INF], [-INF, -INF, INF, 1]]]])
    case("max_pool2d", "edges", edges.shape, (2, 2), (2, 2), values=edges.double())


def relu(tensors):
    values = torch.tensor([-2, -1e-45, -0.0, 0, 1e-45, 3, INF, -INF, NAN], dtype=torch.float64)
    c = Case(tensors, "relu/edges")
    c.run(F.relu, **{"input": c.input("input", *values.shape, values=values)})
    c = Case(tensors, "relu/plain")
    c.run(F.relu, **{"input": c.input("input", 3, 2, 4)})


def linear(tensors):
    def case(name, x, outputs, **more):
        for operation, after in {"linear": lambda y: y, "linear_relu": F.relu}.items():
            c = Case(tensors, f"{operation}/{name}", **more)
            c.run(
                lambda x, weight, bias: after(F.linear(x, weight, bias)),
                x=c.input("x", *x),
                weight=c.input("weight", outputs, x[-1]),
                bias=c.input("bias", outputs),
            )

    case("plain", (3, 5), 4)
    case("one", (1, 1), 1)
    case("axes", (2, 3, 5), 4)
    case("lenet-fc1", (9, 256), 120, large=True)
    case("lenet-fc3", (9, 84), 10, large=True)


def fused(tensors):
    def case(name, x, weight, stride=1, padding=0, dilation=1, kernel=2, step=2, **more):
        c = Case(tensors, f"conv2d_relu_max_pool2d/{name}", **more)
        c.integers("options", stride, padding, dilation, kernel, step)
        c.run(
            lambda x, weight, bias: F.max_pool2d(
                F.relu(F.conv2d(x, weight, bias, stride, padding, dilation)), kernel, step
            ),
            x=c.input("x", *x),
            weight=c.input("weight", *weight),
            bias=c.input("bias", weight[0]),
        )

    case("plain", (2, 2, 9, 10), (3, 2, 2, 3))
    case("odd", (1, 1, 12, 13), (2, 1, 3, 3), padding=1)
    case("three-operations", (1, 2, 10, 9), (3, 2, 3, 2), stride=2, kernel=3, step=1)
    case("dilated", (1, 2, 12, 11), (2, 2, 2, 2), dilation=2)
    case("lenet-conv1", (5, 1, 28, 28), (6, 1, 5, 5), large=True)
    case("lenet-conv2", (5, 6, 12, 12), (16, 6, 5, 5), large=True)
    case("lenet-32-conv1", (3, 1, 32, 32), (6, 1, 5, 5), large=True)
    case("lenet-32-conv2", (3, 6, 14, 14), (16, 6, 5, 5), large=True)
    case("convnet-conv1", (3, 1, 28, 28), (10, 1, 5, 5), large=True)
    case("convnet-conv2", (3, 10, 12, 12), (20, 10, 5, 5), large=True)


def cross_entropy(tensors):
    def case(name, shape, labels, values=None):
        c = Case(tensors, f"cross_entropy/{name}")
        c.integers("labels", *labels)
        target = torch.tensor(labels)
        c.run(lambda logits: F.cross_entropy(logits, target), logits=c.input("logits", *shape, values=values))

    case("plain", (6, 10), [3, 0, 9, 9, 1, 5])
    case("one-sample", (1, 3), [2])
    case("one-class", (2, 1), [0, 0])
    wide = torch.tensor([[1e4, -1e4, 0], [1e4, -1e4, 0], [-1e4, -1e4, -1e4], [1e4, 1e4, -1e4]]).double()
    case("extreme", wide.shape, [0, 1, 2, 0], values=wide)


def dropout(tensors):
    for name, p in {"quarter": 0.25, "half": 0.5, "tenth": 0.1}.items():
        c = Case(tensors, f"dropout/{name}")
        c.floats("p", p)
        x = c.input("x", 5, 12)
        for dtype in DTYPES.values():
            # What PyTorch keeps is what the formula below makes of it, bit by bit.
            ones = torch.ones(1000, dtype=dtype)
            kept = F.dropout(ones, p)
            assert torch.equal(kept, ones * ((kept != 0).to(dtype) / (1 - p)))
        mask = Key.from_seed(7).fold_in(name).mask(x.shape, 1 - p)
        c.run(lambda x: x * (mask.to(x.dtype) / (1 - p)), x=x)
