"""Linear attention as running sums. The labels come shifted from the data, with a bool mask of what counts."""

import torch
import torch.nn.functional as F
from torch import nn

A, N, D = 10, 16, 24
g = torch.Generator().manual_seed(2006)


def sentences(b=16):
    """Counting up from a random start by a step that is the first symbol; then padding."""
    first = torch.randint(1, 4, (b, 1), generator=g)
    start = torch.randint(0, A, (b, 1), generator=g)
    line = torch.cat([first, (start + first * torch.arange(N)) % A], 1)
    wrong = torch.rand(line.shape, generator=g) < 0.05
    line = torch.where(wrong, torch.randint(0, A, line.shape, generator=g), line)
    length = torch.randint(8, N + 1, (b, 1), generator=g)
    counts = (torch.arange(N) < length) & (torch.arange(N) > 0)
    return {"x": line[:, :-1].contiguous(), "y": line[:, 1:].contiguous(), "counts": counts}


train_batches = [sentences() for _ in range(8)]
batch = train_batches[0]
val_batches = [sentences(48)]


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.fused = nn.Linear(D, 4 * D, bias=False)
        self.back = nn.Linear(D, D, bias=False)

    def forward(self, x):
        q, k, v, gate = self.fused(self.norm(x)).chunk(4, dim=-1)
        q, k = F.elu(q) + 1, F.elu(k) + 1
        memory = (k.unsqueeze(-1) * v.unsqueeze(-2)).cumsum(1)
        total = k.cumsum(1)
        # BUG whole-sum: causal-leak
        #: memory = (k.unsqueeze(-1) * v.unsqueeze(-2)).cumsum(1)
        #: total = k.sum(1, keepdim=True).expand_as(k) #!
        read = torch.einsum("btd,btde->bte", q, memory) / (q * total).sum(-1, keepdim=True)
        return x + self.back(read * torch.sigmoid(gate))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.sym, self.at = nn.Embedding(A, D), nn.Embedding(N, D)
        self.layers = nn.Sequential(Layer(), Layer())
        self.mlp = nn.Sequential(nn.LayerNorm(D), nn.Linear(D, 64), nn.ReLU(), nn.Linear(64, A))

    def forward(self, x):
        return self.mlp(self.layers(self.sym(x) + self.at.weight[: x.shape[1]]))


def make_model():
    return Model()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    nll = F.cross_entropy(model(batch["x"]).transpose(1, 2), batch["y"], reduction="none")
    return (nll * batch["counts"]).sum() / batch["counts"].sum()
    # FINE indexed: the same mean, by indexing
    #: return nll[batch["counts"]].mean()


@torch.no_grad()
def evaluate(model, batches):
    right = [(model(b["x"]).argmax(-1) == b["y"])[b["counts"]] for b in batches]
    return torch.cat(right).float().mean().item()
