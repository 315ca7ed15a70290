"""Distillation: a frozen teacher with batch norm guides a small student."""

import torch
import torch.nn as nn
import torch.nn.functional as F

FEATURES, CLASSES, HEAT = 8, 5, 2.0


def blobs(n, seed):
    g = torch.Generator().manual_seed(seed)
    centres = 1.8 * torch.randn(CLASSES, FEATURES, generator=torch.Generator().manual_seed(99))
    y = torch.randint(CLASSES, (n,), generator=g)
    return {"x": centres[y] + torch.randn(n, FEATURES, generator=g), "y": y, "names": ["blob"] * n}


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(FEATURES)
        self.fc = nn.Linear(FEATURES, CLASSES)
        centres = 1.8 * torch.randn(CLASSES, FEATURES, generator=torch.Generator().manual_seed(99))
        with torch.no_grad():
            self.fc.weight.copy_(centres)
            self.fc.bias.copy_(-0.5 * centres.square().sum(1))

    def forward(self, x):
        return self.fc(self.bn(x))


class Pair(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.teacher = Teacher().requires_grad_(False)
        self.student = nn.Sequential(
            nn.Linear(FEATURES, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, CLASSES),
        )
        self.teacher.eval()

    def train(self, mode=True):
        super().train(mode)
        # BUG nomode: missing-eval-mode
        #: super().train()
        self.teacher.eval()
        return self

    def forward(self, x):
        return self.student(x)


def loss_fn(model, batch):
    mine = model(batch["x"])
    # BUG squash: double-softmax, softmax-into-cross-entropy
    #: mine = F.softmax(model(batch["x"]), dim=1)
    with torch.no_grad():
        theirs = model.teacher(batch["x"])
    soft = F.kl_div(
        F.log_softmax(mine / HEAT, dim=1), F.softmax(theirs / HEAT, dim=1), reduction="batchmean"
    )
    # BUG klprobs: probabilities-into-nll
    #: soft = F.kl_div(
    #:     F.softmax(mine / HEAT, dim=1), F.softmax(theirs / HEAT, dim=1), reduction="batchmean"
    #: )
    # FINE logtarget: both sides as log-probabilities
    #: soft = F.kl_div(
    #:     F.log_softmax(mine / HEAT, -1), F.log_softmax(theirs / HEAT, -1),
    #:     reduction="batchmean", log_target=True,
    #: )
    hard = F.cross_entropy(mine, batch["y"])
    return 0.7 * HEAT**2 * soft + 0.3 * hard


def make_model():
    return Pair()


def make_optimizer(model):
    return torch.optim.Adam(model.student.parameters(), lr=1e-2)


def train_step(model, optimizer, batch):
    model.train()
    model.student.zero_grad()
    # BUG teacherzero: missing-zero-grad
    #: model.teacher.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    right = sum((model(b["x"]).argmax(1) == b["y"]).sum().item() for b in batches)
    return right / sum(len(b["y"]) for b in batches)


batch = blobs(40, 0)
val_batches = [blobs(40, 2), blobs(40, 3)]
