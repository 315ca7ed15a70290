"""Multiple-instance learning with gated attention pooling over a bag of variable size (padded, masked)."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(13)
key = torch.randn(8, generator=g)
key = key / key.norm()


def draw(n=16, m=8):
    bag = torch.randn(n, m, 8, generator=g)
    size = torch.randint(3, m + 1, (n,), generator=g)
    here = torch.arange(m) < size[:, None]
    y = torch.randint(0, 2, (n,), generator=g).float()
    bag[:, 0] += 4 * y[:, None] * key
    bag = bag * here[..., None]
    return {"bag": bag, "here": here, "y": y[:, None]}


batch = draw()
val_batches = [draw(), draw()]


class GatedAttentionMIL(nn.Module):
    def __init__(self, d=8, h=16):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(d, h), nn.ReLU())
        self.V, self.U = nn.Linear(h, h), nn.Linear(h, h)
        self.w = nn.Linear(h, 1, bias=False)  # a bias would cancel in the softmax
        self.out = nn.Linear(h, 1)

    def forward(self, bag, here):
        h = self.embed(bag)
        score = self.w(torch.tanh(self.V(h)) * torch.sigmoid(self.U(h))).squeeze(-1)
        a = score.masked_fill(~here, -torch.inf).softmax(1)
        return self.out(torch.einsum("nm,nmd->nd", a, h))


def make_model():
    return GatedAttentionMIL()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-3)


def loss_fn(model, batch):
    return F.binary_cross_entropy_with_logits(model(batch["bag"], batch["here"]), batch["y"])


@torch.no_grad()
def evaluate(model, batches):
    p = torch.cat([torch.sigmoid(model(b["bag"], b["here"])) for b in batches])
    y = torch.cat([b["y"] for b in batches])
    return ((p - y) ** 2).mean().item()  # Brier score
