"""Graph attention with softmax over incoming edges."""

import torch
from torch import nn
from torch.nn import functional as F


class GAT(nn.Module):
    def __init__(self, cin, cout, heads=2):
        super().__init__()
        self.heads = heads
        self.w = nn.Linear(cin, heads * cout, bias=False)
        self.left = nn.Parameter(0.3 * torch.randn(heads, cout))
        self.right = nn.Parameter(0.3 * torch.randn(heads, cout))

    def forward(self, x, edges):
        source, target = edges
        h = self.w(x).view(len(x), self.heads, -1)
        score = F.leaky_relu(
            (h * self.left).sum(-1)[source] + (h * self.right).sum(-1)[target], 0.2
        )
        weight = (score - score.max()).exp()
        norm = torch.zeros(len(x), self.heads).index_add(0, target, weight)
        weight = weight / norm[target]
        out = torch.zeros_like(h).index_add(0, target, weight.unsqueeze(-1) * h[source])
        return out.flatten(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.g1 = GAT(5, 8)
        self.head = nn.Linear(16, 3)

    def forward(self, x, edges):
        return self.head(F.elu(self.g1(x, edges)))


def make_batch(generator):
    n = 14
    label = torch.arange(n) % 3
    x = torch.randn(n, 5, generator=generator)
    x[:, :3] += F.one_hot(label, 3)
    source = torch.randint(0, n, (40,), generator=generator)
    target = (source + 3 * torch.randint(0, 4, (40,), generator=generator)) % n
    loops = torch.arange(n)
    edges = torch.stack([torch.cat([source, loops]), torch.cat([target, loops])])
    return {"x": x, "edges": edges, "label": label}


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, b):
    return F.cross_entropy(model(b["x"], b["edges"]), b["label"])
