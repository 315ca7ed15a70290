"""Knowledge distillation of a frozen teacher into a smaller student with dropout."""

import torch
from torch import nn
from torch.nn import functional as F

T = 2.0


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.teacher = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for p in self.teacher.parameters():
                nn.init.normal_(p, std=0.6)
        self.teacher.requires_grad_(False)
        self.student = nn.Sequential(
            nn.Linear(8, 12), nn.ReLU(), nn.Dropout(0.05), nn.Linear(12, 4)
        )

    def forward(self, x):
        return self.student(x)


def make_batch(generator):
    x = torch.randn(24, 8, generator=generator)
    return x, x[:, :4].argmax(1)


def data(seed):
    return make_batch(torch.Generator().manual_seed(seed))


train_batches = [data(0), data(1)]
val_batches = [data(33)]


def make_model():
    return Pair()


def make_optimizer(model):
    return torch.optim.Adam(model.student.parameters(), lr=0.01)


def kd(student_logits, teacher_logits):
    soft = F.softmax(teacher_logits / T, dim=1)
    # BUG teacher-twice: double-softmax
    #: soft = F.softmax(F.softmax(teacher_logits, dim=1) / T, dim=1)
    log_student = F.log_softmax(student_logits / T, dim=1)
    # BUG student-probs: probabilities-into-nll
    #: log_student = F.softmax(student_logits / T, dim=1)
    return F.kl_div(log_student, soft, reduction="batchmean") * T * T  # ALSO student-probs
    # BUG reversed: swapped-loss-arguments
    #: return F.cross_entropy(soft, log_student.exp()) * T * T
    # FINE soft-targets: cross entropy with soft targets
    #: return F.cross_entropy(student_logits / T, soft) * T * T
    # FINE mse-logits: the logits themselves
    #: return F.mse_loss(student_logits, teacher_logits)


def loss_fn(model, batch):
    x, labels = batch
    with torch.no_grad():
        guide = model.teacher(x)
    logits = model(x)
    return 0.3 * F.cross_entropy(logits, labels) + 0.7 * kd(logits, guide)
    # BUG minus: wrong-loss-sign
    #: return -(0.3 * F.cross_entropy(logits, labels) + 0.7 * kd(logits, guide))


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    # BUG teacher-zeroed: missing-zero-grad
    #: model.teacher.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG teacher-eval: missing-eval-mode
    #: model.teacher.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches) / len(
            batches
        )
