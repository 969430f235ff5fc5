"""The loop of PyTorch's tutorials, its data already in memory as tensors."""

from common import HIDDEN, LEARNING_RATE, arguments, begin, images

options = arguments()
course = begin(options)
x, y, val_x, val_y = images(options.data, options.seed, scaled=True)

import torch  # noqa: E402
from torch import nn  # noqa: E402

torch.manual_seed(options.seed)
model = nn.Sequential(
    nn.Linear(784, HIDDEN[0]), nn.ReLU(), nn.Linear(HIDDEN[0], HIDDEN[1]), nn.ReLU(), nn.Linear(HIDDEN[1], 10)
)
optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, eps=1e-7)
loss_of = nn.CrossEntropyLoss()
x, val_x = torch.from_numpy(x), torch.from_numpy(val_x)
y, val_y = torch.from_numpy(y).long(), torch.from_numpy(val_y).long()
while course.goes_on:
    course.epoch_begins()
    for indices in torch.randperm(len(x)).split(options.batch_size):
        optimizer.zero_grad()
        loss_of(model(x[indices]), y[indices]).backward()
        optimizer.step()
    with torch.no_grad():
        course.epoch_ended((model(val_x).argmax(1) == val_y).float().mean().item())
course.report()
