"""Soft actor-critic, offline: the smaller of two critics, slow targets, a tanh-squashed policy."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(1801)
S, A = 4, 2
B = torch.randn(S, A, generator=g) * 0.7


def transitions(n=48):
    s = torch.randn(n, S, generator=g)
    a = torch.rand(n, A, generator=g) * 2 - 1
    r = 1 - (a - torch.tanh(s @ B)).square().sum(1)
    return s, a, r, torch.randn(n, S, generator=g), torch.rand(n, generator=g) < 0.3


batch = transitions()
train_batches = [batch] + [transitions() for _ in range(5)]
val_batches = [transitions(96)]


def net(i, o, h=40):
    return nn.Sequential(nn.Linear(i, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, o))


class SAC(nn.Module):
    def __init__(self, alpha=0.05, gamma=0.9):
        super().__init__()
        self.actor = net(S, 2 * A)
        self.q1 = net(S + A, 1)
        self.q2 = net(S + A, 1)
        # BUG twins: shared-init
        #: self.q2 = net(S + A, 1)
        #: self.q2.load_state_dict(self.q1.state_dict()) #!
        self.slow = nn.ModuleList([copy.deepcopy(self.q1), copy.deepcopy(self.q2)]).requires_grad_(
            False
        )
        self.alpha, self.gamma = alpha, gamma

    def act(self, s):
        mu, log_std = self.actor(s).chunk(2, dim=-1)
        pi = torch.distributions.Normal(mu, log_std.clamp(-4, 1).exp())
        u = pi.rsample()
        logp = (pi.log_prob(u) - 2 * (0.6931 - u - F.softplus(-2 * u))).sum(-1)
        return u.tanh(), logp

    def critics(self, s, a):
        x = torch.cat([s, a], 1)
        return self.q1(x).squeeze(1), self.q2(x).squeeze(1)

    @torch.no_grad()
    def polyak(self, tau=0.05):
        for slow, fast in zip(self.slow, (self.q1, self.q2)):
            for t, p in zip(slow.parameters(), fast.parameters()):
                t.lerp_(p, tau)
                # BUG frozen-target: lost-update
                #: t.data.lerp(p.data, tau)


def loss_fn(model, batch):
    s, a, r, s2, done = batch
    with torch.no_grad():
        a2, logp = model.act(s2)
        x2 = torch.cat([s2, a2], 1)
        v2 = torch.min(model.slow[0](x2), model.slow[1](x2)).squeeze(1) - model.alpha * logp
        goal = r + model.gamma * (~done).float() * v2
    return sum(F.mse_loss(q, goal) for q in model.critics(s, a))


def actor_loss(model, s):
    a, logp = model.act(s)
    return (model.alpha * logp - torch.min(*model.critics(s, a))).mean()


def make_model():
    return SAC()


def make_optimizer(model):
    opt = torch.optim.Adam([*model.q1.parameters(), *model.q2.parameters()], lr=3e-3)
    opt.actor = torch.optim.Adam(model.actor.parameters(), lr=3e-3)
    return opt


def train_step(model, opt, batch):
    opt.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    opt.step()
    opt.actor.zero_grad()
    actor_loss(model, batch[0]).backward()
    opt.actor.step()
    model.polyak()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    s = torch.cat([b[0] for b in batches])
    a = model.actor(s)[:, :A].tanh()
    return (1 - (a - torch.tanh(s @ B)).square().sum(1)).mean().item()
