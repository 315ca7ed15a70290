"""EMA weights kept beside the live ones and swapped in for evaluation only."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(14)
basis = torch.randn(4, 3, 8, 8, generator=g)


def draw(n):
    y = torch.randint(0, 4, (n,), generator=g)
    amp = 0.5 + torch.rand(n, 1, 1, 1, generator=g)
    return {"image": amp * basis[y] + 0.4 * torch.randn(n, 3, 8, 8, generator=g), "label": y}


batch = draw(8)
val_batches = [draw(8) for _ in range(3)]


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(8 * 16, 4),
        )
        self.ema = copy.deepcopy(self.net).requires_grad_(False)
        self.updates = 0

    def forward(self, image):
        return self.net(image)

    @torch.no_grad()
    def update_ema(self, decay=0.99):
        self.updates += 1
        decay = min(decay, (1 + self.updates) / (10 + self.updates))
        for e, p in zip(self.ema.parameters(), self.net.parameters()):
            e.lerp_(p, 1 - decay)
        for e, b in zip(self.ema.buffers(), self.net.buffers()):
            e.copy_(b)


def make_model():
    return Wrapped()


def make_optimizer(model):
    return torch.optim.AdamW(model.net.parameters(), lr=1e-2)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch["image"]), batch["label"])


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    model.update_ema()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    was = model.training
    live = {k: v.clone() for k, v in model.net.state_dict().items()}
    model.net.load_state_dict(model.ema.state_dict())
    model.eval()
    correct = [(model(b["image"]).argmax(1) == b["label"]).float() for b in batches]
    model.net.load_state_dict(live)
    model.train(was)
    return torch.cat(correct).mean().item()
