"""Set attention that tags the odd ones out of each set; the answer depends on the rest of the set."""

import torch
import torch.nn.functional as F
from torch import nn

SIZE, F_IN, D = 8, 5, 32
g = torch.Generator().manual_seed(1703)


def sets(n=16):
    centre = 2 * torch.randn(n, 1, F_IN, generator=g)
    odd = torch.rand(n, SIZE, generator=g) < 0.25
    x = centre + 0.4 * torch.randn(n, SIZE, F_IN, generator=g)
    other = 2 * torch.randn(n, SIZE, F_IN, generator=g)
    return {"x": torch.where(odd[..., None], other, x), "odd": odd}


train_batches = [sets() for _ in range(10)]
batch = train_batches[0]
val_batches = [sets(48)]


class SetBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(D, 4, batch_first=True)
        # BUG sequence-first: batch-leak
        #: self.attend = nn.MultiheadAttention(D, 4)
        self.norm, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.ff = nn.Sequential(nn.Linear(D, 2 * D), nn.ReLU(), nn.Linear(2 * D, D))

    def forward(self, x):
        y, _ = self.attend(x, x, x)
        x = self.norm(x + y)
        return self.norm2(x + self.ff(x))


class OddOneOut(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(F_IN, D)
        self.blocks = nn.Sequential(SetBlock(), SetBlock())
        self.tag = nn.Linear(2 * D, 1)

    def forward(self, x):
        h = self.blocks(self.embed(x))
        whole = h.mean(1, keepdim=True).expand_as(h)
        return self.tag(torch.cat([h, h * whole], -1)).squeeze(-1)


def make_model():
    return OddOneOut()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3)


def loss_fn(model, batch):
    return F.binary_cross_entropy_with_logits(model(batch["x"]), batch["odd"].float())


@torch.no_grad()
def evaluate(model, batches):
    return torch.cat([(model(b["x"]) > 0) == b["odd"] for b in batches]).float().mean().item()
