"""Importance weighted autoencoder on sparse binary vectors."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal

DIM, LATENT, SAMPLES = 24, 3, 5


def sparse_bits(n, seed):
    g = torch.Generator().manual_seed(seed)
    group = torch.randint(6, (n,), generator=g)
    prob = torch.full((n, DIM), 0.01)
    for j in range(4):
        prob[torch.arange(n), 4 * group + j] = 0.3
    return torch.bernoulli(prob, generator=g)


class IWAE(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(DIM, hidden, bias=False), nn.BatchNorm1d(hidden), nn.SiLU()
        )
        self.mu = nn.Linear(hidden, LATENT)
        self.logvar = nn.Linear(hidden, LATENT)
        self.decoder = nn.Sequential(nn.Linear(LATENT, hidden), nn.SiLU(), nn.Linear(hidden, DIM))
        # BUG decbias: missing-output-bias
        #: self.decoder = nn.Sequential(
        #:     nn.Linear(LATENT, hidden), nn.SiLU(), nn.Linear(hidden, DIM, bias=False) #!
        #: )
        # BUG decsig: sigmoid-into-bce-with-logits
        #: self.decoder = nn.Sequential(
        #:     nn.Linear(LATENT, hidden), nn.SiLU(), nn.Linear(hidden, DIM), nn.Sigmoid() #!
        #: )

    def log_weights(self, x):
        h = self.body(x)
        q = Normal(self.mu(h), (0.5 * self.logvar(h)).exp())
        z = q.rsample((SAMPLES,))
        log_q = q.log_prob(z).sum(-1)
        log_p = Normal(0.0, 1.0).log_prob(z).sum(-1)
        flat = self.decoder(z.flatten(0, 1))
        target = x.repeat(SAMPLES, 1)
        rec = -F.binary_cross_entropy_with_logits(flat, target, reduction="none").sum(
            -1
        )  # ALSO decsig
        rec = rec.view(SAMPLES, len(x))
        # BUG samples: view-instead-of-permute, batch-leak
        #: rec = rec.view(len(x), SAMPLES).t()
        # FINE unflatten: samples are the slow axis here
        #: rec = rec.unflatten(0, (SAMPLES, -1))
        return rec + log_p - log_q
        # BUG signq: wrong-loss-sign
        #: return rec - log_p + log_q


def loss_fn(model, x):
    return -(torch.logsumexp(model.log_weights(x), dim=0) - math.log(SAMPLES)).mean()


def make_model():
    return IWAE()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def phase(model, name):
    model.train(name != "eval")
    # BUG phases: missing-eval-mode
    #: model.train(name != "test")


def train_step(model, optimizer, x):
    phase(model, "train")
    loss = loss_fn(model, x)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    phase(model, "eval")
    return sum(loss_fn(model, x).item() for x in batches) / len(batches)


batch = sparse_bits(32, 0)
val_batches = [sparse_bits(32, 10), sparse_bits(32, 11)]
