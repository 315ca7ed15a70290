"""Switch routing: top-1 expert with a load-balancing loss."""

import torch
from torch import nn
from torch.nn import functional as F


class Switch(nn.Module):
    def __init__(self, width=12, experts=3):
        super().__init__()
        self.router = nn.Linear(width, experts, bias=False)
        self.w1 = nn.Parameter(torch.randn(experts, width, 24) * 0.2)
        self.w2 = nn.Parameter(torch.randn(experts, 24, width) * 0.2)

    def forward(self, x):
        probs = self.router(x).softmax(-1)
        best, index = probs.max(-1)
        dispatch = F.one_hot(index, probs.shape[-1]).float()
        hidden = torch.einsum("nd,edh,ne->nh", x, self.w1, dispatch).relu()
        out = torch.einsum("nh,ehd,ne->nd", hidden, self.w2, dispatch)
        balance = probs.shape[-1] * (dispatch.mean(0) * probs.mean(0)).sum()
        return best.unsqueeze(-1) * out, balance


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.moe, self.leave = nn.Linear(6, 12), Switch(), nn.Linear(12, 4)

    def forward(self, x):
        h = torch.tanh(self.enter(x))
        y, balance = self.moe(h)
        return {"logits": self.leave(h + y), "balance": balance}


def make_batch(generator):
    x = torch.randn(16, 6, generator=generator)
    return x, x[:, :4].argmax(1)


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    x, y = batch
    out = model(x)
    return F.cross_entropy(out["logits"], y) + 0.01 * out["balance"]
