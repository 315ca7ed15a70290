"""Quantile regression on a table with numeric and categorical columns."""

import torch
import torch.nn as nn

QUANTILES = (0.1, 0.5, 0.9)
CARDINALITIES = (6, 4)


class TabularModel(nn.Module):
    def __init__(self, n_cont=5, layers=(32, 16), p=0.1):
        super().__init__()
        self.embeds = nn.ModuleList([nn.Embedding(c, 3) for c in CARDINALITIES])
        self.bn_cont = nn.BatchNorm1d(n_cont)
        n_in, blocks = n_cont + 3 * len(CARDINALITIES), []
        for width in layers:
            blocks += [
                nn.Linear(n_in, width, bias=False),
                nn.BatchNorm1d(width),
                nn.ReLU(),
                nn.Dropout(p),
            ]
            # BUG lin-bn: bias-before-batchnorm
            #: blocks += [nn.Linear(n_in, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(p)]
            # FINE act-first: the activation stands between the linear layer and the norm
            #: blocks += [nn.Linear(n_in, width), nn.ReLU(), nn.BatchNorm1d(width), nn.Dropout(p)]
            n_in = width
        self.layers = nn.Sequential(*blocks)
        self.out = nn.Linear(n_in, len(QUANTILES))
        # BUG no-bias: missing-output-bias
        #: self.out = nn.Linear(n_in, len(QUANTILES), bias=False)

    def forward(self, x_cat, x_cont):
        x = [e(x_cat[:, i]) for i, e in enumerate(self.embeds)]
        x = torch.cat(x + [self.bn_cont(x_cont)], 1)
        return self.out(self.layers(x))


def table(n, seed):
    g = torch.Generator().manual_seed(seed)
    cat = torch.stack([torch.randint(0, c, (n,), generator=g) for c in CARDINALITIES], 1)
    cont = torch.randn(n, 5, generator=g) * 3 + 1
    y = (
        12
        + cont[:, 0]
        - 0.5 * cont[:, 1]
        + cat[:, 0]
        + (cat[:, 1] == 2) * 2
        + 0.3 * torch.randn(n, generator=g)
    )
    return cat, cont, y


batch = table(32, 0)
val_batches = [table(32, 1), table(32, 2)]


def make_model():
    return TabularModel()


def pinball(pred, y):
    q = torch.tensor(QUANTILES)
    diff = y.unsqueeze(1) - pred
    return torch.maximum(q * diff, (q - 1) * diff).mean()


def loss_fn(model, batch):
    x_cat, x_cont, y = batch
    return pinball(model(x_cat, x_cont), y)


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=2e-2, weight_decay=1e-2)


def train_step(model, optimizer, batch):
    model.train()
    # BUG forgot-train: missing-train-mode
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG no-grad-only: missing-eval-mode, eval-mutates-model
    #: torch.set_grad_enabled(False)
    with torch.no_grad():
        losses = [loss_fn(model, b).item() for b in batches]
    # BUG no-grad-only: missing-eval-mode, eval-mutates-model
    #: losses = [loss_fn(model, b).item() for b in batches]
    #: torch.set_grad_enabled(True)
    return sum(losses) / len(losses)
