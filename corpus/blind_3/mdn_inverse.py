"""A mixture density network for an inverse problem with two branches."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def branches(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = 4 * torch.rand(n, 1, generator=g) - 2
    sign = 2.0 * torch.randint(2, (n,), generator=g) - 1
    y = 25 + sign * (x[:, 0].sin() + 2) + 0.1 * torch.randn(n, generator=g)
    return x, y


class MDN(nn.Module):
    def __init__(self, hidden=32, k=3):
        super().__init__()
        self.k = k
        self.fc1 = nn.Linear(1, hidden)
        self.fc2 = nn.Linear(hidden, hidden, bias=False)
        self.bn = nn.BatchNorm1d(hidden)
        self.pi = nn.Linear(hidden, k)
        self.mu = nn.Linear(hidden, k)
        # BUG mubias: missing-output-bias
        #: self.mu = nn.Linear(hidden, k, bias=False)
        self.log_sigma = nn.Linear(hidden, k)
        # BUG clones: symmetric-init, shared-init
        #: self.log_sigma = nn.Linear(hidden, k)
        #: for layer in (self.pi, self.mu, self.log_sigma):
        #:     nn.init.constant_(layer.weight, 0.01)
        #:     nn.init.zeros_(layer.bias)

    def forward(self, x):
        h = torch.tanh(self.fc1(x))
        h = F.relu(self.bn(self.fc2(h)))
        return self.pi(h), self.mu(h), self.log_sigma(h).clamp(-4, 4)


def mixture_nll(params, y):
    pi, mu, log_sigma = params
    z = (y[:, None] - mu) * torch.exp(-log_sigma)
    log_n = -0.5 * z.square() - log_sigma - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(F.log_softmax(pi, dim=-1) + log_n, dim=-1).mean()
    # BUG rawpi: logits-into-nll
    #: return -torch.logsumexp(pi + log_n, dim=-1).mean()
    # FINE normalised: the weights' normaliser taken out of the sum
    #: return (pi.logsumexp(-1) - (pi + log_n).logsumexp(-1)).mean()


def loss_fn(model, batch):
    x, y = batch
    return mixture_nll(model(x), y)


def make_model():
    return MDN()


def make_optimizer(model):
    return torch.optim.Adam(
        [
            {"params": [p for n, p in model.named_parameters() if not n.startswith("mu")]},
            {"params": model.mu.parameters(), "lr": 0.1},
        ],
        lr=1e-2,
    )


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    # BUG firstgroup: missing-zero-grad
    #: for p in optimizer.param_groups[0]["params"]:
    #:     p.grad = None
    loss = loss_fn(model, batch)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)


batch = branches(48, 0)
val_batches = [branches(48, 3), branches(48, 4)]
