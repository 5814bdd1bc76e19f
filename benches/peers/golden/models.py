"""The six networks in PyTorch, with the names that `lenet-nn` gives its parameters;
ten steps of each from the same weights, on the same batch.
"""

import math
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from case import DTYPES, digest, uniform
from keys import Key

STEPS, BATCH, SEED = 10, 8, 7


def files():
    tensors = {}
    for name, model in MODELS.items():
        for short, dtype in DTYPES.items():
            ten_steps(tensors, f"{name}/{short}", model, dtype)
    return {"crates/lenet-train/tests/golden/models.safetensors": tensors}


class LeNet5(nn.Module):
    def __init__(self, maps=4, act=F.relu, pool=F.max_pool2d):
        super().__init__()
        self.act, self.pool = act, pool
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * maps * maps, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(self.act(self.conv1(x)), 2)
        x = self.pool(self.act(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = self.act(self.fc1(x))
        x = self.act(self.fc2(x))
        return self.fc3(x)


def lenet5_sequential():
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 6, 5),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(6, 16, 5),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(256, 120),
            relu3=nn.ReLU(),
            fc2=nn.Linear(120, 84),
            relu4=nn.ReLU(),
            fc3=nn.Linear(84, 10),
        )
    )


def article_sequential():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 120),
        nn.Linear(120, 84),
        nn.Linear(84, 10),
    )


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 5)
        self.conv2 = nn.Conv2d(10, 20, 5)
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        return F.log_softmax(self.fc2(x), 1)


class Dropout(nn.Module):
    """nn.Dropout with the masks of `lenet_nn::layers::Dropout`: by the layer's name,
    the step, and how many dropouts ran in the step before it."""

    step, call = 0, 0

    def __init__(self, p, name):
        super().__init__()
        self.p, self.key = p, Key.from_seed(SEED).fold_in(name).fold_in("step")

    def forward(self, x):
        if not self.training:
            return x
        key = self.key.fold_in_index(Dropout.step).fold_in_index(Dropout.call)
        Dropout.call += 1
        return x * (key.mask(x.shape, 1 - self.p).to(x.dtype) / (1 - self.p))


def block(name, channels_in, channels):
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels_in, channels, 3),
            norm1=nn.BatchNorm2d(channels),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(channels, channels, 3),
            norm2=nn.BatchNorm2d(channels),
            relu2=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            drop=Dropout(0.1, f"{name}.drop"),
        )
    )


class LeNet5Plus(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = block("block1", 1, 24)
        self.block2 = block("block2", 24, 48)
        self.fc1 = nn.Linear(48 * 4 * 4, 128)
        self.drop = Dropout(0.5, "drop")
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = torch.flatten(self.block2(self.block1(x)), 1)
        return self.fc2(self.drop(F.relu(self.fc1(x))))


MODELS = {
    "lenet5": LeNet5,
    "lenet5-sequential": lenet5_sequential,
    "lenet5-32": lambda: LeNet5(maps=5),
    "lenet5-32-1998": lambda: LeNet5(maps=5, act=torch.tanh, pool=F.avg_pool2d),
    "lenet5-plus": LeNet5Plus,
    "article-sequential": article_sequential,
    "convnet": ConvNet,
}


def start(name, shape):
    """A parameter's first values: those of its name, as large as they usually are."""
    drawn = uniform(name, *shape)
    if len(shape) > 1:
        return drawn / math.sqrt(math.prod(shape[1:]))
    return drawn / 2 + 1 if name.endswith("weight") else drawn / 10


def shifts_for_nothing(name):
    """BatchNorm takes a bias before it away again: its gradient is rounding alone,
    which Adam would make whole steps of. No optimizer gets it."""
    return "block" in name and "conv" in name and name.endswith("bias")


def ten_steps(tensors, case, make, dtype):
    model = make().to(dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(start(name, parameter.shape))
    side = 32 if "lenet5-32" in case else 28
    images = ((uniform("images", BATCH, 1, side, side) + 1) / 2).to(dtype)
    labels = torch.tensor([7 * n % 10 for n in range(BATCH)])
    plain = "convnet" in case
    loss_of = F.nll_loss if plain else F.cross_entropy
    parameters = [p for name, p in model.named_parameters() if not shifts_for_nothing(name)]
    optimizer = torch.optim.SGD(parameters, lr=0.01) if plain else torch.optim.Adam(parameters, lr=1e-3)
    losses = []
    for step in range(1, STEPS + 1):
        Dropout.step, Dropout.call = step, 0
        optimizer.zero_grad()
        loss = loss_of(model(images), labels)
        loss.backward()
        if step == 1:
            for name, parameter in model.named_parameters():
                tensors[f"{case}/gradient/{name}"] = digest(parameter.grad)
        optimizer.step()
        losses.append(loss.detach().double())
    tensors[f"{case}/losses"] = torch.stack(losses)
    for name, value in model.state_dict().items():
        tensors[f"{case}/after/{name}"] = digest(value)
    model.eval()
    with torch.no_grad():
        tensors[f"{case}/evaluated"] = digest(model(images))
