"""Knowledge distillation with soft targets from a fixed teacher."""

import torch
from torch import nn
from torch.nn import functional as F


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, x):
        return self.net(x)


def teacher(x):
    g = torch.Generator().manual_seed(42)
    return (x @ torch.randn(8, 4, generator=g)) / 2


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 8, generator=g)
    return {"x": x, "soft": teacher(x).softmax(-1)}


batch = rows(0)
train_batches = [rows(0), rows(1)]


def make_model():
    return Student()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    return F.kl_div(F.log_softmax(model(batch["x"]), -1), batch["soft"], reduction="batchmean")
    # BUG reverse: swapped-loss-arguments
    #: return F.kl_div(batch["soft"].log(), F.softmax(model(batch["x"]), -1), reduction="batchmean")
    # BUG ce-swapped: swapped-loss-arguments
    #: return F.cross_entropy(batch["soft"].log(), F.softmax(model(batch["x"]), -1))
    # BUG kl-probs: probabilities-into-nll
    #: return F.kl_div(F.softmax(model(batch["x"]), -1), batch["soft"], reduction="batchmean")
    # BUG kl-logits: logits-into-nll
    #: return F.kl_div(model(batch["x"]), batch["soft"], reduction="batchmean")


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
