"""Optimizers over 20 steps of recorded gradients, and schedules over a whole run."""

import torch
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    OneCycleLR,
    SequentialLR,
    StepLR,
)

from case import DTYPES, Case, uniform

SHAPE = (5, 5)  # more than a vector, and a rest
STEPS = 20
SEEN = [1, 2, 5, 20]
EPOCH = 10  # steps an epoch, where a schedule asks


def files():
    tensors = {}
    optimizers(tensors)
    schedules(tensors)
    return {"crates/lenet-train/tests/golden/training.safetensors": tensors}


def optimizers(tensors):
    adam = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
    for operation, kind in {"adam": Adam, "adamw": AdamW}.items():
        for name, more in {
            "plain": {},
            "decay": {"weight_decay": 0.1},
            "other": {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.01},
        }.items():
            case = Case(tensors, f"{operation}/{name}")
            hyper = adam | more
            case.floats("hyper", hyper["lr"], *hyper["betas"], hyper["eps"], hyper["weight_decay"])
            steps(case, lambda p, hyper=hyper: kind(p, **hyper, foreach=False))
    sgd = {"lr": 0.1, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0}
    for name, more in {
        "plain": {},
        "decay": {"weight_decay": 0.05},
        "momentum": {"momentum": 0.9},
        "momentum-decay": {"momentum": 0.9, "weight_decay": 0.05},
        "nesterov": {"momentum": 0.9, "nesterov": True},
        "nesterov-decay": {"momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
    }.items():
        case = Case(tensors, f"sgd/{name}")
        hyper = sgd | more
        case.floats("hyper", *(float(value) for value in hyper.values()))
        steps(case, lambda p, hyper=hyper: SGD(p, **hyper, foreach=False))
    # A learning rate that changes under an optimizer that remembers.
    case = Case(tensors, "scheduled/adam-one-cycle")
    schedule = lambda optimizer: OneCycleLR(optimizer, 0.1, STEPS, cycle_momentum=False)
    steps(case, lambda p: Adam(p, lr=0.1, foreach=False), schedule)


def steps(case, make, schedule=None):
    """Gradients of 1 down to 1e-7, the last one always zero, and what becomes of the
    parameters and of what the optimizer remembers."""
    scale = 2.0 ** -torch.arange(25, dtype=torch.float64)
    scale[-1] = 0
    gradients = uniform(f"{case.name}/gradients", STEPS, 25) * scale
    gradients = case.input("gradients", values=gradients.reshape(STEPS, *SHAPE))
    start = case.input("start", *SHAPE)
    for dtype in DTYPES.values():
        parameter = start.to(dtype).requires_grad_()
        optimizer = make([parameter])
        scheduler = schedule(optimizer) if schedule else None
        seen = []
        for step in range(1, STEPS + 1):
            parameter.grad = gradients[step - 1].to(dtype)
            optimizer.step()
            if scheduler and step < STEPS:
                scheduler.step()
            if step in SEEN:
                seen.append(parameter.detach().clone())
        case.result("parameters", torch.stack(seen))
        for name in ("exp_avg", "exp_avg_sq", "momentum_buffer"):
            remembered = optimizer.state[parameter].get(name)
            if remembered is not None:
                case.result(name, remembered)


def schedules(tensors):
    def warm(steps, then):
        """`steps` steps from lr / steps up to lr, then another schedule from its start."""
        return lambda optimizer: SequentialLR(
            optimizer,
            [LinearLR(optimizer, 1 / steps, total_iters=steps - 1), then(optimizer)],
            [steps],
        )

    def one_cycle(steps):
        return lambda optimizer: OneCycleLR(optimizer, LR, steps, cycle_momentum=False)

    # A StepLR that is asked once an epoch, as in PyTorch's own example for MNIST, gives
    # what one of EPOCH steps gives that is asked once a step.
    none = lambda optimizer: ConstantLR(optimizer, 1.0)
    step = lambda optimizer: StepLR(optimizer, EPOCH, gamma=0.7)
    for name, scheduler, steps, warmup, make in [
        ("none", 0, 100, 0, none),
        ("step", 1, 100, 0, step),
        ("cosine", 2, 100, 0, lambda o: CosineAnnealingLR(o, 100)),
        ("one-cycle", 3, 100, 0, one_cycle(100)),
        ("one-cycle-of-1", 3, 1, 0, one_cycle(1)),
        ("one-cycle-of-3", 3, 3, 0, one_cycle(3)),
        ("one-cycle-of-4", 3, 4, 0, one_cycle(4)),
        ("one-cycle-of-10", 3, 10, 0, one_cycle(10)),
        ("warm-none", 0, 100, 25, warm(25, none)),
        ("warm-step", 1, 100, 20, warm(20, step)),
        ("warm-cosine", 2, 100, 15, warm(15, lambda o: CosineAnnealingLR(o, 85))),
    ]:
        case = Case(tensors, f"schedule/{name}")
        case.integers("run", scheduler, EPOCH, steps, warmup)
        case.floats("hyper", LR, 0.7)
        optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=LR)
        schedule = make(optimizer)
        lrs = []
        for at in range(steps):
            lrs.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if at + 1 < steps:
                schedule.step()
        case.result("lr", torch.tensor(lrs, dtype=torch.float64))


LR = 0.05
