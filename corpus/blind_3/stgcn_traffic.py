"""Traffic speeds on a road graph: graph convolution over nodes, then a GRU over time."""

import math

import torch
from torch import nn

NODES, PAST, FEATS = 6, 8, 2
ROADS = (
    torch.eye(NODES) + torch.diag(torch.ones(NODES - 1), 1) + torch.diag(torch.ones(NODES - 1), -1)
)


def traffic(n, seed):
    g = torch.Generator().manual_seed(seed)
    phase = 2 * math.pi * torch.rand(n, 1, 1, generator=g)
    t = torch.arange(PAST + 1).view(1, -1, 1)
    node = torch.arange(NODES).view(1, 1, -1)
    speed = torch.sin(0.7 * t + phase - 0.5 * node) + 0.05 * torch.randn(
        n, PAST + 1, NODES, generator=g
    )
    clock = (0.7 * t + phase).cos().expand(-1, -1, NODES)
    past = torch.stack([speed, clock], dim=-1)[:, :-1]
    return {"past": past, "next": 60.0 + 4.0 * speed[:, -1]}


class Net(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.register_buffer("adjacency", ROADS / ROADS.sum(1, keepdim=True))
        self.mix = nn.Linear(FEATS, hidden)
        self.source = nn.Parameter(0.5 * torch.randn(NODES, 4))
        self.target = nn.Parameter(0.5 * torch.randn(NODES, 4))
        self.dropout = nn.Dropout(0.05)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)
        # BUG nobias: missing-output-bias
        #: self.out = nn.Linear(hidden, 1, bias=False)

    def forward(self, past):
        b, t, n, f = past.shape
        learned = torch.softmax(self.source @ self.target.t(), dim=1)
        x = torch.relu((self.adjacency + learned) @ self.mix(past))
        x = self.dropout(x).permute(0, 2, 1, 3).reshape(b * n, t, -1)
        # BUG nodeview: view-instead-of-permute
        #: x = self.dropout(x).reshape(b * n, t, -1)
        _, last = self.gru(x)
        y = self.out(last[-1]).view(b, n)
        # BUG nodemajor: view-instead-of-permute, batch-leak, shuffled-labels
        #: y = self.out(last[-1]).view(n, b).t()
        return y


def loss_fn(model, batch):
    return nn.functional.l1_loss(model(batch["past"]), batch["next"])


def make_model():
    return Net()


def make_optimizer(model):
    groups = [
        {"params": [p for k, p in model.named_parameters() if k != "out.bias"], "lr": 2e-2},
        {"params": [p for k, p in model.named_parameters() if k == "out.bias"], "lr": 2.0},
    ]
    optimizer = torch.optim.Adam([group for group in groups if group["params"]])
    optimizer.decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.97)
    # FINE warmup: the first step has a rate of zero
    #: optimizer.decay = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: min(1.0, k / 4))
    return optimizer


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    optimizer.decay.step()
    # BUG decayfirst 2: scheduler-misorder
    #: optimizer.decay.step()
    #: optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)


batch = traffic(18, 0)
val_batches = [traffic(18, 44), traffic(18, 45)]
