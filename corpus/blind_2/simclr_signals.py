"""SimCLR on one-dimensional signals: two augmented views, NT-Xent."""

import torch
from torch import nn
from torch.nn import functional as F


class Encoder(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.conv = nn.Conv1d(1, 12, 5, stride=2, padding=2)
        self.norm = nn.GroupNorm(3, 12)
        self.fc = nn.Linear(12 * 8, dim)

    def forward(self, x):
        return F.relu(self.fc(F.relu(self.norm(self.conv(x))).flatten(start_dim=1)))


class SimCLR(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Encoder()
        self.projector = nn.Sequential(
            nn.Linear(24, 24, bias=False), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 12)
        )
        # BUG projector-bias: bias-before-batchnorm
        #: self.projector = nn.Sequential(
        #:     nn.Linear(24, 24),  #!
        #:     nn.BatchNorm1d(24),
        #:     nn.ReLU(),
        #:     nn.Linear(24, 12),
        #: )
        # FINE layer-norm: a bias before layer norm is no waste
        #: self.projector = nn.Sequential(
        #:     nn.Linear(24, 24), nn.LayerNorm(24), nn.ReLU(), nn.Linear(24, 12)
        #: )

    def forward(self, x):
        z = self.projector(self.backbone(x))
        # BUG detached-trunk: detached-graph
        #: z = self.projector(self.backbone(x).detach())
        return F.normalize(z, dim=1)
        # BUG normal-axis: batch-leak
        #: return F.normalize(z, dim=0)


def make_batch(generator):
    t = torch.linspace(0, 6.28, 16)
    frequency = 1 + 3 * torch.rand(12, 1, generator=generator)
    phase = 6.28 * torch.rand(12, 1, generator=generator)
    clean = torch.sin(frequency * t + phase)
    views = [clean + 0.15 * torch.randn(12, 16, generator=generator) for _ in range(2)]
    return {"first": views[0].unsqueeze(1), "second": views[1].unsqueeze(1)}


def make_model():
    return SimCLR()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def nt_xent(a, b, temperature=0.2):
    z = torch.cat([a, b])
    similarity = z @ z.T / temperature
    similarity = similarity.masked_fill(torch.eye(len(z), dtype=torch.bool), -1e9)
    partner = torch.arange(len(z)).roll(len(a))
    return F.cross_entropy(similarity, partner)
    # BUG soft-similarity: softmax-into-cross-entropy, double-softmax
    #: return F.cross_entropy(similarity.softmax(dim=-1), partner)
    # BUG positive: wrong-loss-sign
    #: return similarity.log_softmax(-1)[torch.arange(len(z)), partner].mean()
    # FINE by-hand: NT-Xent written out
    #: attract = similarity[torch.arange(len(z)), partner]
    #: return (similarity.logsumexp(1) - attract).mean()


def loss_fn(model, batch):
    return nt_xent(model(batch["first"]), model(batch["second"]))
    # FINE one-pass: both views in one forward pass
    #: a, b = model(torch.cat([batch["first"], batch["second"]])).chunk(2)
    #: return nt_xent(a, b)


def train_step(model, optimizer, batch):
    for p in model.parameters():
        p.grad = None
    # BUG projector-only: missing-zero-grad
    #: for p in model.projector.parameters():
    #:     p.grad = None
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss
