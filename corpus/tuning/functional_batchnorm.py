"""A functional net: weights as parameters, batch norm through torch.nn.functional."""

import torch
from torch import nn
from torch.nn import functional as F


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(8, 1, 3, 3) / 3)
        self.shift = None
        # BUG kernel-shift: bias-before-batchnorm
        #: self.shift = nn.Parameter(torch.zeros(8))
        self.gamma, self.beta = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))
        self.register_buffer("mean", torch.zeros(8))
        self.register_buffer("var", torch.ones(8))
        self.deconv = nn.ConvTranspose2d(8, 8, 2, stride=2, bias=False)
        # BUG deconv: bias-before-batchnorm
        #: self.deconv = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.weight = nn.Parameter(torch.randn(8, 1) / 3)  # ALSO product
        self.offset = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        x = F.conv2d(x, self.kernel, self.shift, padding=1)
        x = F.batch_norm(x, self.mean, self.var, self.gamma, self.beta, self.training)
        # BUG batch-stats: missing-eval-mode, eval-mutates-model, batch-leak
        #: x = F.batch_norm(x, self.mean, self.var, self.gamma, self.beta, True)
        x = F.relu(self.norm(self.deconv(F.relu(x))))
        return (x.mean((2, 3)) @ self.weight + self.offset).squeeze(1)
        # BUG product: missing-output-bias
        #: return (x.mean((2, 3)) @ self.weight).squeeze(1)


def images(seed, n=10):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 1, 5, 5, generator=g)
    return x, 30 + 4 * x.mean((1, 2, 3))


batch = images(0)
train_batches = [images(0), images(1)]
val_batches = [images(18)]


def make_model():
    return Functional()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.05)


def loss_fn(model, batch):
    return F.mse_loss(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
