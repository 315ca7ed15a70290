"""Multi-label tagging with sharpness-aware minimisation written out in the step."""

import torch
from torch import nn

FEATURES, LABELS = 10, 6


def tagged(n, seed):
    g = torch.Generator().manual_seed(seed)
    rule = torch.randn(FEATURES, LABELS, generator=torch.Generator().manual_seed(4))
    x = torch.randn(n, FEATURES, generator=g)
    return {"x": x, "tags": (x @ rule > 1.0).float()}


class Tagger(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.fc1 = nn.Linear(FEATURES, hidden, bias=False)
        self.norm = nn.BatchNorm1d(hidden)
        self.drop = nn.Dropout(0.05)
        self.fc2 = nn.Linear(hidden, LABELS)

    def forward(self, x):
        return self.fc2(self.drop(torch.relu(self.norm(self.fc1(x)))))

    def probabilities(self, x):
        return torch.sigmoid(self(x))


criterion = nn.MultiLabelSoftMarginLoss()


def loss_fn(model, batch):
    return criterion(model(batch["x"]), batch["tags"])
    # BUG probs: sigmoid-into-bce-with-logits
    #: return criterion(model.probabilities(batch["x"]), batch["tags"])
    # BUG swapped: swapped-loss-arguments
    #: return nn.functional.binary_cross_entropy_with_logits(batch["tags"], model(batch["x"]))
    # FINE focal: probabilities weigh a loss on logits
    #: z, y = model(batch["x"]), batch["tags"]
    #: p = torch.sigmoid(z)
    #: each = nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    #: return ((p * (1 - y) + (1 - p) * y).square() * each).mean()
    # FINE bce: probabilities belong into the plain loss
    #: return nn.functional.binary_cross_entropy(model.probabilities(batch["x"]), batch["tags"])


def make_model():
    return Tagger()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)


def train_step(model, optimizer, batch, rho=0.05):
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    grads = [p.grad.clone() for p in model.parameters()]
    norm = torch.stack([g.norm() for g in grads]).norm() + 1e-12
    with torch.no_grad():
        for p, g in zip(model.parameters(), grads):
            p.add_(g, alpha=float(rho / norm))
    optimizer.zero_grad()
    # BUG both: missing-zero-grad
    loss = loss_fn(model, batch)
    loss.backward()
    with torch.no_grad():
        for p, g in zip(model.parameters(), grads):
            p.sub_(g, alpha=float(rho / norm))
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG inner: missing-eval-mode
    #: model.drop.eval()
    with torch.no_grad():
        right = [((model(b["x"]) > 0).float() == b["tags"]).float().mean().item() for b in batches]
        # FINE mcdrop: dropout is kept on by name and averaged over
        #: for m in model.modules():
        #:     if isinstance(m, nn.Dropout):
        #:         m.train()
        #: means = [torch.stack([model.probabilities(b["x"]) for _ in range(8)]).mean(0) for b in batches]
        #: right = [((m > 0.5) == (b["tags"] > 0)).float().mean().item() for m, b in zip(means, batches)]
        # FINE thresholded: the decision is taken on probabilities
        #: right = [((model.probabilities(b["x"]) > 0.5) == b["tags"].bool()).float().mean().item() for b in batches]
    model.train()
    # BUG noreturn: missing-train-mode
    return sum(right) / len(right)


batch = tagged(40, 0)
val_batches = [tagged(40, 61), tagged(40, 62)]
