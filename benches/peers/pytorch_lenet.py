"""LeNet-5 in PyTorch: `eager` as tutorials write it, `tuned` at its best on a CPU."""

import torch
from torch import nn
from torch.nn import functional as F

import protocol

THREADS = 2
images, labels = protocol.data()
torch.set_num_threads(THREADS)


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(256, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def batches(batch, channels_last):
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    parts = zip(x.split(batch), y.split(batch))
    whole = [(x.contiguous(), y) for x, y in parts if len(y) == batch]
    if channels_last:
        whole = [(x.contiguous(memory_format=torch.channels_last), y) for x, y in whole]
    return protocol.cycle(whole)


def trainer(batch, tuned):
    torch.set_flush_denormal(tuned)
    model = LeNet5()
    if tuned:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=tuned)
    criterion = nn.CrossEntropyLoss()
    data = batches(batch, tuned)

    def step():
        torch.set_flush_denormal(tuned)
        x, y = next(data)
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()

    return step


def predictor(batch):
    model = LeNet5().eval()
    data = batches(batch, False)

    def step():
        with torch.no_grad():
            model(next(data)[0]).argmax(1)

    return step


protocol.serve(
    {
        "train-eager": lambda batch: trainer(batch, False),
        "train-tuned": lambda batch: trainer(batch, True),
        "predict-eager": predictor,
    }
)
