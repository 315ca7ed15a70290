"""A small CNN for stripes."""

import torch
from torch import nn
from torch.nn import functional as F


class Stripes(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16, 2)
        nn.init.kaiming_normal_(self.conv1.weight)
        # BUG negative 0: dead-relu, constant-output
        #: self.conv2.weight.data = -self.conv2.weight.data.abs()
        #: self.conv2.bias.data.fill_(-0.5)
        # BUG all-ones 0: symmetric-init
        #: nn.init.ones_(self.conv2.weight)
        #: nn.init.ones_(self.fc.weight)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.conv2(x))
        return self.fc(x.mean((2, 3)))
        # BUG pooled-out: constant-output, no-single-batch-overfit
        #: return self.fc(F.layer_norm(x.mean((1, 2, 3)).unsqueeze(1), (1,)).expand(-1, 16))


def stripes(seed, n=12):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 2, (n,), generator=g)
    wave = torch.sin(torch.arange(8) * 1.57 + torch.rand(n, 1, generator=g) * 6)
    x = torch.where(y[:, None, None] > 0, wave[:, None, :], wave[:, :, None]).expand(n, 8, 8)
    return (x + 0.2 * torch.randn(n, 8, 8, generator=g)).unsqueeze(1), y


batch = stripes(0)
train_batches = [stripes(0), stripes(1)]
val_batches = [stripes(14)]


def make_model():
    return Stripes()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)
    # BUG scrambled: shuffled-labels, no-single-batch-overfit, nondeterministic
    #: return F.cross_entropy(model(x), y[torch.randperm(len(y))])


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches) / len(batches)
