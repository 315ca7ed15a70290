"""Hurdle model for counts: a logit for zero / non-zero and a zero-truncated negative binomial with exposure."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(30)
w = torch.tensor([0.8, -0.5, 0.3, 0.0, 0.6])


def draw(n=128):
    x = torch.randn(n, 5, generator=g)
    exposure = 0.5 + torch.rand(n, generator=g)
    rate = exposure * torch.exp(0.8 + 0.5 * x @ w)
    count = torch.poisson(rate, generator=g).clamp(min=1)
    zero = torch.rand(n, generator=g) < torch.sigmoid(x[:, 1] - 0.5)
    return {"x": x, "exposure": exposure, "count": torch.where(zero, 0.0, count)}


batch = draw()
val_batches = [draw(), draw()]


class Hurdle(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 24), nn.Softplus())
        self.some = nn.Linear(24, 1)
        self.log_rate = nn.Linear(24, 1)
        self.log_shape = nn.Parameter(torch.zeros(1))  # one dispersion for all

    def forward(self, x, exposure):
        h = self.body(x)
        return self.some(h)[:, 0], self.log_rate(h)[:, 0] + exposure.log()


def make_model():
    return Hurdle()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def loss_fn(model, batch):
    logit, log_mu = model(batch["x"], batch["exposure"])
    k = batch["count"]
    r = model.log_shape.exp()
    log_r_mu = torch.logaddexp(model.log_shape, log_mu)
    log_nb = (
        torch.lgamma(k + r)
        - torch.lgamma(r)
        - torch.lgamma(k + 1)
        + r * (model.log_shape - log_r_mu)
        + k * (log_mu - log_r_mu)
    )
    log_p0 = r * (model.log_shape - log_r_mu)
    truncated = log_nb - torch.log1p(-log_p0.exp().clamp(max=1 - 1e-6))
    positive = k > 0
    hurdle = F.binary_cross_entropy_with_logits(logit, positive.float(), reduction="none")
    return (hurdle - torch.where(positive, truncated, 0.0)).mean()


@torch.no_grad()
def evaluate(model, batches):
    return torch.stack([loss_fn(model, b) for b in batches]).mean().item()
