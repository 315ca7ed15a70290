"""Fine-tuning with frozen batch norm: pre-collected statistics, affine parameters frozen, layers stay in eval()
while the rest trains; stochastic depth on the residual branch."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(45)
tpl = torch.randn(4, 3, 6, 6, generator=g)


def draw(n=16):
    y = torch.randint(0, 4, (n,), generator=g)
    return tpl[y] + 0.6 * torch.randn(n, 3, 6, 6, generator=g), y


batch = draw()
val_batches = [draw(), draw()]
PRETRAIN = torch.cat([draw(64)[0] for _ in range(2)])


class Net(nn.Module):
    def __init__(self, drop_path=0.2):
        super().__init__()
        self.c1 = nn.Conv2d(3, 12, 3, padding=1, bias=False)
        self.b1 = nn.BatchNorm2d(12)
        self.c2 = nn.Conv2d(12, 12, 3, padding=1, bias=False)
        self.b2 = nn.BatchNorm2d(12)
        self.head = nn.Linear(12 * 9, 4)
        self.drop_path = drop_path

    def forward(self, x):
        x = F.relu(self.b1(self.c1(x)))
        branch = self.b2(self.c2(x))
        if self.training and self.drop_path:
            keep = (torch.rand(len(x), 1, 1, 1) >= self.drop_path).to(x)
            branch = branch * keep / (1 - self.drop_path)
        return self.head(F.avg_pool2d(F.relu(x + branch), 2).flatten(1))

    def freeze_bn(self):
        for m in self.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.requires_grad_(False)
                m.eval()


def make_model():
    """Stands for loading a checkpoint: statistics come from unlabeled data, then batch norm is frozen."""
    net = Net()
    for b in (net.b1, net.b2):
        b.momentum = None  # cumulative average
    with torch.no_grad():
        net(PRETRAIN)
    net.freeze_bn()
    return net


def make_optimizer(model):
    return torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=0.02, momentum=0.9
    )


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    model.train()
    model.freeze_bn()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    was = model.training
    model.eval()
    acc = sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches) / len(batches)
    model.train(was)
    model.freeze_bn()
    return acc
