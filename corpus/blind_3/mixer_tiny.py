"""An MLP-Mixer on small images whose classes differ in where two spots lie."""

from functools import partial

import torch
import torch.nn as nn
import torch.nn.functional as F

SIDE, TOKENS, DIM, CLASSES = 8, 16, 20, 4


def spots(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(CLASSES, (n,), generator=g)
    x = 0.3 * torch.randn(n, 1, SIDE, SIDE, generator=g)
    for i, k in enumerate(y.tolist()):
        x[i, 0, 2 * k : 2 * k + 2, 0:2] += 2
        x[i, 0, 6 - 2 * k : 8 - 2 * k, 6:8] += 2
    return {"x": x, "y": y}


class TokenMix(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(DIM)
        self.fc1, self.fc2 = nn.Linear(TOKENS, 32), nn.Linear(32, TOKENS)

    def forward(self, x):
        y = self.norm(x).transpose(1, 2)
        # BUG square: view-instead-of-permute
        #: y = self.norm(x).reshape(len(x), DIM, TOKENS)
        y = self.fc2(F.gelu(self.fc1(y)))
        return x + y.transpose(1, 2)


class ChannelMix(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.norm = nn.LayerNorm(DIM)
        self.net = nn.Sequential(nn.Linear(DIM, 32), nn.GELU(), nn.Dropout(p), nn.Linear(32, DIM))

    def forward(self, x):
        return x + self.net(self.norm(x))


class Mixer(nn.Module):
    def __init__(self, depth=2):
        super().__init__()
        self.stem = nn.Conv2d(1, DIM, 2, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(DIM)
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            self.blocks.extend([TokenMix(), ChannelMix(0.1)])
        self.head = nn.Linear(DIM, CLASSES)
        # FINE zerohead: a head that starts at zero
        #: self.head = nn.Linear(DIM, CLASSES)
        #: nn.init.zeros_(self.head.weight)

    def forward(self, x):
        x = self.bn(self.stem(x)).flatten(2).mT
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))
        # BUG act: relu-on-logits
        #: return F.relu(self.head(x.mean(1)))
        # BUG logitdrop: dropout-on-logits
        #: return F.dropout(self.head(x.mean(1)), 0.3, self.training)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], label_smoothing=0.02)
    # FINE brier: squared distance of the probabilities
    #: hot = F.one_hot(batch["y"], CLASSES).float()
    #: return (model(batch["x"]).softmax(-1) - hot).square().sum(-1).mean()
    # FINE mixed: soft targets made by a convex mix of two examples
    #: hot = F.one_hot(batch["y"], CLASSES).float()
    #: mixed = 0.9 * batch["x"] + 0.1 * batch["x"].roll(1, 0)
    #: return F.cross_entropy(model(mixed), 0.9 * hot + 0.1 * hot.roll(1, 0))


make_model = partial(Mixer, depth=2)


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=4e-3)


def train_step(model, optimizer, batch):
    model.requires_grad_(True).train()
    # BUG partial: missing-train-mode
    #: for block in model.blocks:
    #:     block.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.requires_grad_(False).eval()
    # BUG nomode: missing-eval-mode
    #: model.requires_grad_(False)
    accuracy = [(model(b["x"]).argmax(-1) == b["y"]).float().mean() for b in batches]
    model.requires_grad_(True)
    return torch.stack(accuracy).mean().item()


batch = spots(20, 0)
val_batches = [spots(20, 12), spots(20, 13)]
