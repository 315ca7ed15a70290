"""Graph attention with an edge list and a scatter softmax; several graphs are merged into one, no padding."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(23)


def draw(graphs=8):
    xs, edges, owner, ys, base = [], [], [], [], 0
    for i in range(graphs):
        n = int(torch.randint(4, 9, (1,), generator=g))
        x = torch.randn(n, 4, generator=g)
        ring = torch.stack([torch.arange(n), (torch.arange(n) + 1) % n])
        e = torch.cat([ring, ring.flip(0), torch.arange(n).expand(2, n)], 1)
        xs.append(x)
        edges.append(e + base)
        owner.append(torch.full((n,), i))
        ys.append((x[ring[0], 0] * x[ring[1], 0]).mean())
        base += n
    return {
        "x": torch.cat(xs),
        "edge": torch.cat(edges, 1),
        "graph": torch.cat(owner),
        "y": torch.stack(ys),
        "count": torch.tensor(graphs),
    }


batch = draw()
val_batches = [draw(), draw()]


def scatter_softmax(score, index, n):
    idx = index[:, None].expand_as(score)
    top = torch.full((n, score.shape[1]), -torch.inf).scatter_reduce(0, idx, score.detach(), "amax")
    e = (score - top[index]).exp()
    return e / torch.zeros(n, score.shape[1]).index_add(0, index, e)[index]


class GAT(nn.Module):
    def __init__(self, i, heads=4, d=8):
        super().__init__()
        self.h, self.d = heads, d
        self.src, self.dst = nn.Linear(i, heads * d), nn.Linear(i, heads * d)
        self.att = nn.Parameter(torch.randn(heads, d) / d**0.5)

    def forward(self, x, edge):
        s, t = edge
        a, b = self.src(x).view(-1, self.h, self.d), self.dst(x).view(-1, self.h, self.d)
        alpha = scatter_softmax((F.leaky_relu(a[s] + b[t], 0.2) * self.att).sum(-1), t, len(x))
        return torch.zeros_like(a).index_add(0, t, alpha[..., None] * a[s]).flatten(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.g1, self.g2 = GAT(4), GAT(32)
        self.out = nn.Sequential(nn.Linear(36, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x, edge, graph, count):
        h = F.elu(self.g2(F.elu(self.g1(x, edge)), edge))
        h = torch.cat([x, h], -1)
        size = torch.bincount(graph, minlength=count).unsqueeze(1)
        return self.out(h.new_zeros(count, 36).index_add(0, graph, h) / size).squeeze(-1)


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    pred = model(batch["x"], batch["edge"], batch["graph"], int(batch["count"]))
    return F.mse_loss(pred, batch["y"])


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
