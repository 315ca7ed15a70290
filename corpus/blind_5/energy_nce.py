"""An energy model fitted by noise-contrastive ranking: which of sixteen candidates is the data point?"""

import torch
from torch import nn

K = 15
g = torch.Generator().manual_seed(1809)


def spiral(n=48):
    t = 1 + 2 * torch.rand(n, 1, generator=g)
    return 0.5 * t * torch.cat([(3 * t).cos(), (3 * t).sin()], 1) + 0.05 * torch.randn(
        n, 2, generator=g
    )


train_batches = [spiral() for _ in range(8)]
batch = train_batches[0]
val_batches = [spiral(96)]


class Energy(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 1, bias=False)
        )

    def forward(self, x):
        return self.net(x).squeeze(-1)  # only differences of energies count


def make_model():
    return Energy()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def ranking(model, x, generator=None):
    noise = torch.randn(len(x), K, 2, generator=generator)
    candidates = torch.cat([x.unsqueeze(1), noise], 1)
    log_noise = -0.5 * candidates.square().sum(-1)
    score = -model(candidates) - log_noise
    return score.logsumexp(1) - score[:, 0]


def loss_fn(model, batch):
    return ranking(model, batch).mean()


@torch.no_grad()
def evaluate(model, batches):
    fixed = torch.Generator().manual_seed(4)
    return torch.cat([ranking(model, b, fixed) for b in batches]).mean().item()
