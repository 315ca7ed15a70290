"""Multiple-choice forecasting: K futures are proposed, only the best one is trained (relaxed winner-takes-all)."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

K, PAST, FUTURE = 4, 6, 5
rng = torch.Generator().manual_seed(1214)


def tracks(n=48):
    v = torch.randn(n, 2, generator=rng) * 0.5
    past = v[:, None] * torch.arange(-PAST + 1, 1)[:, None] + 0.02 * torch.randn(
        n, PAST, 2, generator=rng
    )
    turn = (
        torch.randint(0, 3, (n,), generator=rng).sub(1) * 0.5
    )  # left, straight on, right: not foreseeable
    c, s = turn.cos(), turn.sin()
    rot = torch.stack([torch.stack([c, -s], 1), torch.stack([s, c], 1)], 1)
    w = torch.einsum("nij,nj->ni", rot, v)
    return past.flatten(1), w[:, None] * torch.arange(1, FUTURE + 1)[:, None]


batch = tracks()
val_batches = [tracks(96)]


class Proposals(nn.Module):
    def __init__(self, h=48):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(2 * PAST, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.heads = nn.ModuleList(nn.Linear(h, 2 * FUTURE) for _ in range(K))
        # BUG copies: shared-init
        #: head = nn.Linear(h, 2 * FUTURE)
        #: self.heads = nn.ModuleList(copy.deepcopy(head) for _ in range(K)) #!
        self.confidence = nn.Linear(h, K)

    def forward(self, past):
        h = self.trunk(past)
        paths = torch.stack([head(h) for head in self.heads], 1)
        return paths.unflatten(-1, (FUTURE, 2)), self.confidence(h)


def make_model():
    return Proposals()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    past, future = batch
    paths, conf = model(past)
    miss = (paths - future[:, None]).square().mean((2, 3))
    best = miss.detach().argmin(1)
    wta = miss.gather(1, best[:, None]).mean()
    # FINE relaxed: every proposal gets a little of the gradient
    #: wta = 0.95 * miss.min(1).values.mean() + 0.05 * miss.mean()
    return wta + 0.1 * F.cross_entropy(conf, best)


@torch.no_grad()
def evaluate(model, batches):
    """minADE over the K proposals."""
    errors = []
    for past, future in batches:
        paths, _ = model(past)
        errors.append((paths - future[:, None]).norm(dim=-1).mean(-1).min(1).values)
    return torch.cat(errors).mean().item()
