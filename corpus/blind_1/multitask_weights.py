"""Two tasks on one trunk with learned uncertainty weights in the criterion."""

import torch
from torch import nn
from torch.nn import functional as F


class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(8, 32), nn.Mish(), nn.Dropout(0.05))
        self.kind = nn.Linear(32, 3)
        self.size = nn.Linear(32, 1)
        self.log_var = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        h = self.trunk(x)
        return {"kind": self.kind(h), "size": self.size(h).squeeze(-1)}


def things(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 8, generator=g)
    return {"x": x, "kind": x[:, :3].argmax(1), "size": 5 + x.sum(1) / 2}


batch = things(0)
train_batches = [things(0), things(1)]
val_batches = [things(3)]


def make_model():
    return MultiTask()


def make_optimizer(model):
    decay = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}], lr=0.01
    )


def loss_fn(model, batch):
    out = model(batch["x"])
    losses = torch.stack(
        [F.cross_entropy(out["kind"], batch["kind"]), F.huber_loss(out["size"], batch["size"])]
    )
    return (losses * torch.exp(-model.log_var) + model.log_var).sum()


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum(
        (model(b["x"])["kind"].argmax(1) == b["kind"]).float().mean().item() for b in batches
    )
