"""Fraud scoring from categorical and numeric columns; one row in fourteen is positive."""

import torch
from torch import nn

CARDINALITY = [5, 4, 6]
NUMERIC = 3


def rows(n, seed):
    g = torch.Generator().manual_seed(seed)
    cats = torch.stack([torch.randint(k, (n,), generator=g) for k in CARDINALITY], dim=1)
    nums = torch.randn(n, NUMERIC, generator=g)
    risk = (cats[:, 0] == 2) * 2.5 + (cats[:, 2] > 3) * 1.0 + nums[:, 0] - 0.7 * nums[:, 1]
    fraud = (risk > torch.quantile(risk, 0.93)).float()
    return {
        "cat": {f"c{i}": cats[:, i] for i in range(len(CARDINALITY))},
        "num": nums,
        "fraud": fraud,
    }


class TabNet(nn.Module):
    def __init__(self, dim=4, hidden=32):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(k, dim) for k in CARDINALITY])
        # BUG plainlist: unregistered-parameters, optimizer-misses-parameters
        #: self.tables = [nn.Embedding(k, dim) for k in CARDINALITY]
        self.layers = nn.Sequential(
            nn.Linear(dim * len(CARDINALITY) + NUMERIC, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Dropout(0.1),
        )
        self.out = nn.Linear(hidden, 1)
        # BUG nobias: missing-output-bias
        #: self.out = nn.utils.parametrizations.weight_norm(nn.Linear(hidden, 1, bias=False))
        # FINE prior 1: the bias starts at the base rate
        #: self.out = nn.Linear(hidden, 1)
        #: nn.init.constant_(self.out.bias, -2.5)

    def forward(self, cat, num):
        columns = [table(cat[f"c{i}"]) for i, table in enumerate(self.tables)]
        x = torch.stack(columns, dim=1).flatten(1)
        # BUG stackview: view-instead-of-permute, batch-leak
        #: x = torch.stack(columns).view(len(num), -1)
        # FINE columnsfirst: columns first, swapped before they are merged
        #: x = torch.stack(columns).transpose(0, 1).reshape(len(num), -1)
        return self.out(self.layers(torch.cat([x, num], dim=1)))[:, 0]
        # BUG tail: sigmoid-into-bce-with-logits
        #: z = self.out(self.layers(torch.cat([x, num], dim=1)))[:, 0] #!
        #: return 1 / (1 + torch.exp(-z)) #!


bce = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))


def loss_fn(model, batch):
    return bce(model(batch["cat"], batch["num"]), batch["fraud"])  # ALSO tail


def make_model():
    return TabNet()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = None
            # BUG rename: missing-zero-grad
            #: p.gradient = None
    return loss.item()


def evaluate(model, batches):
    before = model.training
    model.eval()
    # BUG order 2: missing-train-mode
    #: model.eval()
    #: before = model.training
    with torch.no_grad():
        scores = torch.cat([model(b["cat"], b["num"]) for b in batches])
    truth = torch.cat([b["fraud"] for b in batches])
    model.train(before)
    hit, miss = scores[truth == 1], scores[truth == 0]
    return (hit[:, None] > miss[None]).float().mean().item()


batch = rows(42, 0)
val_batches = [rows(42, 8), rows(42, 9)]
