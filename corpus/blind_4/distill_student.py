"""A student learns from a fixed teacher's temperature-softened answers and from the labels."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

TEMPERATURE, ALPHA, CLASSES = 3.0, 0.6, 5


class Teacher(nn.Module):
    def __init__(self, centres):
        super().__init__()
        self.register_buffer("centres", centres)

    def forward(self, x):
        return -torch.cdist(x, self.centres).pow(2) / 6


class Student(nn.Module):
    def __init__(self, n_in=12, width=32):
        super().__init__()
        self.stem = nn.Linear(n_in, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Dropout(0.1))
            for _ in range(2)
        )
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        # BUG whiten: batch-leak
        #: x = self.stem((x - x.mean(0)) / (x.std(0) + 1e-5))
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


CENTRES = torch.randn(CLASSES, 12, generator=torch.Generator().manual_seed(8))
TEACHER = Teacher(CENTRES).eval()


def points(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, CLASSES, (n,), generator=g)
    return CENTRES[y] + 0.8 * torch.randn(n, 12, generator=g), y


batch = points(24, 0)
val_batches = [points(24, 1), points(24, 2)]


def make_model():
    return Student()


def loss_fn(model, batch):
    x, y = batch
    # BUG noise 0: nondeterministic
    #: rng = np.random.default_rng()  #!
    #: x = x + 0.05 * torch.from_numpy(rng.standard_normal(x.shape)).float()  #!
    # FINE seeded-noise 0: noise from torch's own generator
    #: x = x + 0.05 * torch.randn_like(x)
    with torch.no_grad():
        teacher_logits = TEACHER(x)
    logits = model(x)
    soft_targets = F.softmax(teacher_logits / TEMPERATURE, dim=-1)
    log_student = F.log_softmax(logits / TEMPERATURE, dim=-1)
    # BUG softer: double-softmax, softmax-into-cross-entropy
    #: log_student = F.log_softmax(F.softmax(logits / TEMPERATURE, dim=-1), dim=-1)
    # BUG kl-logits: probabilities-into-nll
    #: log_student = F.softmax(logits / TEMPERATURE, dim=-1)
    soft = (
        F.kl_div(log_student, soft_targets, reduction="batchmean") * TEMPERATURE**2
    )  # ALSO kl-logits, softer
    # BUG kl-swapped: swapped-loss-arguments
    #: soft = F.kl_div(soft_targets, log_student.exp(), reduction="batchmean") * TEMPERATURE**2
    # FINE soft-ce: cross entropy with the teacher's probabilities
    #: soft = F.cross_entropy(logits / TEMPERATURE, soft_targets) * TEMPERATURE**2
    hard = F.cross_entropy(logits, y)
    return ALPHA * soft + (1 - ALPHA) * hard


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    # BUG decay: no-single-batch-overfit, bad-learning-rate
    #: return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=2.0)


def train_step(student, optimizer, batch):
    student.train()
    optimizer.zero_grad()
    # BUG dangling: missing-zero-grad
    #: optimizer.zero_grad
    loss = loss_fn(student, batch)
    loss.backward()
    nn.utils.clip_grad_norm_(student.parameters(), max_norm=5.0)
    # BUG tiny-clip: no-single-batch-overfit
    #: nn.utils.clip_grad_norm_(student.parameters(), max_norm=1e-8)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(student, batches):
    student.eval()
    # BUG mode: missing-eval-mode
    #: TEACHER.eval()
    scores = [(student(x).argmax(1) == y).float().mean() for x, y in batches]
    student.train()
    return float(np.mean([s.item() for s in scores]))
