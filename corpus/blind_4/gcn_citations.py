"""Graph convolutions for node classification on a planted partition."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.parameter import Parameter


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = Parameter(torch.empty(in_features, out_features))
        self.bias = Parameter(torch.zeros(out_features))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, edge_index, norm):
        h = x @ self.weight
        src, dst = edge_index
        out = torch.zeros_like(h).index_add(0, dst, h[src] * norm[:, None])
        return out + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat=16, nhid=16, nclass=4, dropout=0.4, hidden_layers=1):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.hidden = nn.ModuleList([GraphConvolution(nhid, nhid) for _ in range(hidden_layers)])
        # BUG plain-list: unregistered-parameters, optimizer-misses-parameters
        #: self.hidden = [GraphConvolution(nhid, nhid) for _ in range(hidden_layers)]
        self.gc2 = GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, edge_index, norm):
        x = F.relu(self.gc1(x, edge_index, norm))
        x = F.dropout(x, self.dropout, training=self.training)
        # BUG always-drop: missing-eval-mode
        #: x = F.dropout(x, self.dropout)
        for layer in self.hidden:
            x = F.relu(layer(x, edge_index, norm))
        x = self.gc2(x, edge_index, norm)
        return F.log_softmax(x, dim=1)
        # BUG no-log: probabilities-into-nll
        #: return F.softmax(x, dim=1)  #!
        # BUG nothing: logits-into-nll
        #: return x  #!
        # FINE by-hand: the log-softmax by hand
        #: return x - x.logsumexp(dim=1, keepdim=True)


def graph(seed, n=48, classes=4):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, classes, (n,), generator=g)
    same = y[:, None] == y[None]
    p = torch.where(same, 0.3, 0.03)
    adj = torch.triu(torch.rand(n, n, generator=g) < p, 1)
    adj = adj | adj.t() | torch.eye(n, dtype=torch.bool)
    edge_index = adj.nonzero().t()
    deg = adj.sum(1).float()
    norm = (deg[edge_index[0]] * deg[edge_index[1]]).rsqrt()
    centres = torch.randn(classes, 16, generator=torch.Generator().manual_seed(5))
    x = centres[y] + torch.randn(n, 16, generator=g)
    train = torch.rand(n, generator=g) < 0.6
    return {"x": x, "edge_index": edge_index, "norm": norm, "y": y, "train_mask": train}


batch = graph(0)
val_batches = [graph(1)]


def make_model():
    return GCN()


def loss_fn(model, data):
    output = model(data["x"], data["edge_index"], data["norm"])
    mask = data["train_mask"]
    return F.nll_loss(output[mask], data["y"][mask])  # ALSO no-log, nothing


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)


def train_step(model, optimizer, data):
    model.train()
    optimizer.zero_grad()
    loss_fn(model, data).backward()
    optimizer.step()


@torch.no_grad()
def evaluate(model, graphs):
    model.eval()
    scores = []
    for data in graphs:
        output = model(data["x"], data["edge_index"], data["norm"])
        rest = ~data["train_mask"]
        scores.append((output[rest].argmax(1) == data["y"][rest]).double().mean().item())
    return sum(scores) / len(scores)
