"""The layers, losses and initialisation of `lenet-nn`, against `torch.nn`."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from case import Case, DTYPES


def files():
    tensors = {}
    for add in (batch_norm2d, pointwise, nll, init):
        add(tensors)
    return {"crates/lenet-nn/tests/golden/layers.safetensors": tensors}


def batch_norm2d(tensors):
    """Three batches in training mode, then one in evaluation mode."""

    def case(name, shape, **more):
        c = Case(tensors, f"batch_norm2d/{name}", **more)
        channels = shape[1]
        batches = [c.input(f"x{i}", *shape) for i in range(4)]
        weight, bias = c.input("weight", channels), c.input("bias", channels)
        grad = c.input("grad", *shape)
        for dtype in DTYPES.values():
            norm = nn.BatchNorm2d(channels, dtype=dtype)
            norm.load_state_dict({"weight": weight, "bias": bias}, strict=False)
            for i, batch in enumerate(batches):
                norm.train(i < 3)
                x = batch.to(dtype).requires_grad_()
                norm.zero_grad()
                y = norm(x * 2 + 0.5)  # away from mean 0
                y.backward(grad.to(dtype))
                c.result(f"y{i}", y)
                for what, t in {"x": x, "weight": norm.weight, "bias": norm.bias}.items():
                    c.result(f"{what}{i}.grad", t.grad)
                c.result(f"running_mean{i}", norm.running_mean)
                c.result(f"running_var{i}", norm.running_var)
                c.result(f"num_batches_tracked{i}", norm.num_batches_tracked.to(dtype).reshape(1))

    case("plain", (3, 2, 3, 4))
    case("three-values", (3, 2, 1, 1))
    case("lenet5-plus", (4, 24, 12, 12), large=True)


def pointwise(tensors):
    for name, function in {"tanh": torch.tanh, "log_softmax": lambda x: F.log_softmax(x, 1)}.items():
        c = Case(tensors, f"{name}/plain")
        c.run(function, x=c.input("x", 5, 10))
        wide = torch.tensor([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [1e4, 1e4, -1e4], [20, -20, 0]])
        c = Case(tensors, f"{name}/extreme")
        c.run(function, x=c.input("x", *wide.shape, values=wide.double()))


def nll(tensors):
    def case(name, logits, labels):
        c = Case(tensors, f"nll/{name}")
        c.integers("labels", *labels)
        target = torch.tensor(labels)
        c.run(lambda x: F.nll_loss(x, target), x=c.input("x", *logits.shape, values=logits))

    case("plain", torch.linspace(-4, -0.25, 30).double().reshape(5, 6), [0, 5, 2, 2, 4])
    case("extreme", torch.tensor([[0, -2e4, -1e4], [-1e4, 0, -2e4]]).double(), [1, 1])


def init(tensors):
    """What 100,000 values and more of fresh layers look like."""

    def case(name, make, fan_in):
        layers = [make() for _ in range(1 + 100_000 // make().weight.numel())]
        for what in ("weight", "bias"):
            c = Case(tensors, f"init/{name}-{what}")
            values = torch.cat([getattr(layer, what).detach().flatten() for layer in layers]).double()
            # nn.Linear.reset_parameters and nn.modules.conv._ConvNd.reset_parameters.
            gain = nn.init.calculate_gain("leaky_relu", math.sqrt(5))
            bound = math.sqrt(3) * gain / math.sqrt(fan_in) if what == "weight" else 1 / math.sqrt(fan_in)
            assert values.abs().max() <= bound * (1 + 2**-24)
            c.integers("fan_in", fan_in)
            c.integers("drawn", len(values))
            c.floats("bound", bound)
            c.floats("mean", values.mean())
            c.floats("std", values.std(unbiased=False))
            c.store("deciles", values.quantile(torch.arange(1, 10).double() / 10))

    case("conv2d", lambda: nn.Conv2d(6, 16, 5), 150)
    case("conv2d-groups", lambda: nn.Conv2d(4, 6, (3, 2), groups=2), 12)
    case("linear", lambda: nn.Linear(256, 120), 256)
