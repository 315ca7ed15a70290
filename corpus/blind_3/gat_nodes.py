"""Graph attention on random communities; a graph is a dict of node features and an edge list."""

import torch
import torch.nn.functional as F
from torch import nn

FEATURES, CLASSES = 7, 3


def community_graph(nodes, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(CLASSES, (nodes,), generator=g)
    same = (y[:, None] == y[None]).float()
    wanted = torch.rand(nodes, nodes, generator=g) < 0.04 + 0.3 * same
    wanted.fill_diagonal_(True)
    x = torch.randn(nodes, FEATURES, generator=g)
    x[torch.arange(nodes), y] += 1.0
    return {"x": x, "edges": wanted.nonzero().t().contiguous(), "y": y}


class GATLayer(nn.Module):
    def __init__(self, fan_in, dim, heads):
        super().__init__()
        self.heads, self.dim = heads, dim
        self.lin = nn.Linear(fan_in, heads * dim, bias=False)
        self.att_src = nn.Parameter(0.3 * torch.randn(heads, dim))
        self.att_dst = nn.Parameter(0.3 * torch.randn(heads, dim))
        self.bias = nn.Parameter(torch.zeros(heads * dim))

    def forward(self, x, edges):
        src, dst = edges
        n = x.shape[0]
        h = self.lin(x).view(n, self.heads, self.dim)
        # BUG headsfirst: view-instead-of-permute
        #: h = self.lin(x).view(self.heads, n, self.dim).transpose(0, 1)
        score = (h * self.att_src).sum(-1)[src] + (h * self.att_dst).sum(-1)[dst]
        score = F.leaky_relu(score, 0.2)
        weight = (score - score.max()).exp()
        total = torch.zeros(n, self.heads).index_add(0, dst, weight)
        # BUG bysource: wrong-softmax-dim
        #: total = torch.zeros(n, self.heads).index_add(0, src, weight)
        weight = weight / total[dst]
        # BUG bysource: wrong-softmax-dim
        #: weight = weight / total[src]
        out = torch.zeros_like(h).index_add(0, dst, weight[..., None] * h[src])
        return out.reshape(n, -1) + self.bias
        # FINE plain: the heads lie side by side already
        #: return out.flatten(1) + self.bias


class GAT(nn.Module):
    def __init__(self, dim=8, heads=2):
        super().__init__()
        self.first = GATLayer(FEATURES, dim, heads)
        self.second = GATLayer(dim * heads, dim, heads)
        self.classify = nn.Linear(dim * heads, CLASSES)

    def forward(self, x, edges):
        x = F.elu(self.first(x, edges))
        x = F.dropout(x, p=0.2, training=self.training)
        # BUG inverted: missing-train-mode, missing-eval-mode
        #: x = F.dropout(x, p=0.2, training=not self.training)
        x = F.elu(self.second(x, edges))
        # BUG skipped: unused-module
        #: x = F.elu(x)
        return F.log_softmax(self.classify(x), dim=1)
        # BUG nolog: probabilities-into-nll
        #: return F.softmax(self.classify(x), dim=1)


def loss_fn(model, graph):
    return F.nll_loss(model(graph["x"], graph["edges"]), graph["y"])  # ALSO nolog


def make_model():
    return GAT()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)


def train_step(model, optimizer, graph):
    model.train()
    for p in model.parameters():
        if p.grad is not None:
            p.grad.zero_()
            # BUG outofplace: missing-zero-grad
            #: p.grad.mul(0.0)
    loss = loss_fn(model, graph)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, graphs):
    model.eval()
    scores = []
    for graph in graphs:
        guess = model(graph["x"], graph["edges"]).argmax(1)
        scores.append((guess == graph["y"]).float().mean().item())
    return sum(scores) / len(scores)


batch = community_graph(40, 0)
val_batches = [community_graph(36, 60), community_graph(44, 61)]
