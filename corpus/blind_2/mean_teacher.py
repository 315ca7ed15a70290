"""Semi-supervised digits: consistency with a mean teacher; batch norm and dropout."""

from copy import deepcopy

import torch
from torch import nn
from torch.nn import functional as F


def network():
    return nn.Sequential(
        nn.Linear(16, 32, bias=False),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(32, 4),
    )
    # BUG with-bias: bias-before-batchnorm
    #: layers = [nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1)]  #!
    #: return nn.Sequential(*layers, nn.Linear(32, 4))


class MeanTeacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = network()
        self.teacher = deepcopy(self.student)
        for p in self.teacher.parameters():
            p.requires_grad_(False)
        # BUG alias 2: target-alias
        #: self.teacher = self.student
        # BUG wrong-frozen: frozen-parameter
        #: for p in self.student[:2].parameters():  #!
        #:     p.requires_grad_(False)  #!
        #: for p in self.teacher.parameters():
        #:     p.requires_grad_(False)

    def forward(self, x):
        return self.student(x)

    @torch.no_grad()
    def follow(self, rate=0.95):
        for slow, fast in zip(
            self.teacher.state_dict().values(), self.student.state_dict().values()
        ):
            if slow.dtype.is_floating_point:
                slow.mul_(rate).add_(fast, alpha=1 - rate)


def digits(seed, n=24):
    g = torch.Generator().manual_seed(seed)
    shapes = torch.randn(4, 16, generator=torch.Generator().manual_seed(12))
    y = torch.randint(0, 4, (n,), generator=g)
    x = shapes[y] + 0.9 * torch.randn(n, 16, generator=g)
    return {"x": x, "y": y[: n // 2]}


batch = digits(0)
train_batches = [digits(0), digits(1)]
val_batches = [digits(20), digits(21)]


def make_model():
    return MeanTeacher()


def make_optimizer(model):
    return torch.optim.SGD(model.student.parameters(), lr=0.05, momentum=0.9, nesterov=True)


def loss_fn(model, b):
    logits = model(b["x"])
    labelled = len(b["y"])
    supervised = F.cross_entropy(logits[:labelled], b["y"])
    # BUG probabilities: softmax-into-cross-entropy, double-softmax
    #: supervised = F.cross_entropy(torch.softmax(logits, 1)[:labelled], b["y"])
    with torch.no_grad():
        goal = model.teacher(b["x"]).softmax(1)
    consistency = F.mse_loss(logits.softmax(1), goal)
    # FINE hard-goal: pseudo labels of the teacher
    #: consistency = F.cross_entropy(logits, goal.argmax(1))
    # FINE kl: divergence from the teacher
    #: consistency = F.kl_div(logits.log_softmax(1), goal, reduction="batchmean")
    return supervised + 0.5 * consistency


def train_step(model, optimizer, b):
    model.train()
    optimizer.zero_grad()
    # BUG restarts 2: missing-train-mode
    #: optimizer.zero_grad()
    loss = loss_fn(model, b)
    # BUG late-zero 2: missing-zero-grad
    #: loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    model.follow()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG student-only: missing-eval-mode
    #: model.student.eval()
    # BUG no-eval: missing-eval-mode
    #: model.teacher.requires_grad_(False)
    right = 0.0
    for b in batches:
        with torch.no_grad():
            guess = model.teacher(b["x"]).argmax(1)[: len(b["y"])]
        right += (guess == b["y"]).float().mean().item()
    # BUG follows-in-test 0: eval-mutates-model
    #: model.follow(0.9)  #!
    return right / len(batches)
