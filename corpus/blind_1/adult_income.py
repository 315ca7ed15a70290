"""Income above a threshold from categorical and numeric columns."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class IncomeNet(nn.Module):
    def __init__(self, cardinalities=(7, 5, 3), numeric=4, width=24):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(size, 4) for size in cardinalities)
        self.fc1 = nn.Linear(4 * len(cardinalities) + numeric, width, bias=False)
        # BUG bn-bias: bias-before-batchnorm
        #: self.fc1 = nn.Linear(4 * len(cardinalities) + numeric, width)
        self.bn1 = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(width, 1)

    def forward(self, categories, numbers):
        columns = [table(categories[:, i]) for i, table in enumerate(self.embeddings)]
        x = torch.cat([*columns, numbers], dim=1)
        x = self.drop(F.relu(self.bn1(self.fc1(x))))
        return self.out(x)
        # BUG squash: sigmoid-into-bce-with-logits
        #: return 0.5 * (1 + torch.tanh(self.out(x) / 2))


def records(n, seed):
    g = torch.Generator().manual_seed(seed)
    categories = torch.stack([torch.randint(0, c, (n,), generator=g) for c in (7, 5, 3)], 1)
    numbers = torch.randn(n, 4, generator=g)
    rich = (numbers[:, 0] + (categories[:, 0] > 3).float() - 0.5 > 0).float()
    return categories, numbers, rich


batch = records(16, 0)
train_batches = [records(16, s) for s in (0, 1)]
val_batches = [records(16, s) for s in (20, 21)]


def make_model():
    return IncomeNet()


def loss_fn(model, batch):
    categories, numbers, rich = batch
    score = model(categories, numbers).squeeze(1)
    return F.binary_cross_entropy_with_logits(score, rich)


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad(set_to_none=True)
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG noisy-eval: missing-eval-mode
    hits, seen = 0, 0
    with torch.no_grad():
        for categories, numbers, rich in batches:
            guess = (model(categories, numbers) > 0).float().squeeze(1)
            # BUG table: broadcast-metric
            #: guess = (model(categories, numbers) > 0).float()
            hits += (guess == rich).sum().item()
            seen += len(rich)
    return hits / seen
