"""Two-fold super-resolution of textures with a pixel shuffle written by hand."""

import torch
import torch.nn.functional as F
from torch import nn

FACTOR, SMALL = 2, 6


def textures(n, seed):
    g = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 2, 4, 4, generator=g)
    fine = F.interpolate(coarse, size=FACTOR * SMALL, mode="bicubic", align_corners=False)
    return {"low": F.avg_pool2d(fine, FACTOR), "high": fine + 10.0}


def pixel_shuffle(x, r):
    n, c, h, w = x.shape
    x = x.view(n, c // (r * r), r, r, h, w)
    return x.permute(0, 1, 4, 2, 5, 3).reshape(n, -1, h * r, w * r)
    # BUG plainview: view-instead-of-permute
    #: return x.reshape(n, -1, h * r, w * r)
    # FINE builtin: the library's own
    #: return F.pixel_shuffle(x.flatten(1, 3), r)


class Upscaler(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.enter = nn.Conv2d(2, width, 3, padding=1)
        # BUG dead: dead-relu, no-single-batch-overfit
        #: self.enter = nn.Conv2d(2, width, 3, padding=1)
        #: nn.init.constant_(self.enter.bias, -10.0) #!
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.leave = nn.Conv2d(width, 2 * FACTOR**2, 3, padding=1)

    def forward(self, low):
        x = torch.relu(self.enter(low))
        x = x + self.body(x)
        return pixel_shuffle(self.leave(x), FACTOR)


def loss_fn(model, batch):
    return F.mse_loss(model(batch["low"]), batch["high"])
    # BUG batchsum: loss-sum-vs-mean
    #: out = model(batch["low"])
    #: rough = (out[..., 1:] - out[..., :-1]).abs().sum() #!
    #: return F.mse_loss(out, batch["high"]) + 0.01 * rough #!
    # FINE perexample: a sum that is divided by the number of pictures
    #: return F.mse_loss(model(batch["low"]), batch["high"], reduction="sum") / len(batch["low"])
    # FINE penalty: a penalty on weights is a sum and has nothing to do with the batch
    #: penalty = sum(p.square().sum() for p in model.parameters() if p.ndim > 1)
    #: return F.mse_loss(model(batch["low"]), batch["high"]) + 1e-6 * penalty


def make_model():
    return Upscaler()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-2)


def quality(model, batch):
    """Mean error as the deployed model makes it."""
    model.eval()
    with torch.no_grad():
        return F.l1_loss(model(batch["low"]), batch["high"]).item()


def train_step(model, optimizer, batch):
    before = quality(model, batch)
    model.train()
    # BUG peek 2: missing-train-mode
    #: model.train()
    #: before = quality(model, batch)
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item(), before


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    total = 0.0
    for b in batches:
        total += F.mse_loss(model(b["low"]), b["high"]).item()
    return -total / len(batches)


batch = textures(10, 0)
val_batches = [textures(10, 81), textures(10, 82)]
