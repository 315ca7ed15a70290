"""Three-dimensional patches: benign, malignant or none."""

import torch
from torch import nn
from torch.nn import functional as F


class Volume(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Conv3d(1, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm3d(8)
        self.leave = nn.Linear(8 * 8, 3)

    def forward(self, x):
        x = F.max_pool3d(F.relu(self.norm(self.enter(x))), 2)
        return self.leave(x.flatten(1))
        # BUG squashed: softmax-into-cross-entropy, double-softmax
        #: return self.leave(x.flatten(1)).softmax(dim=1)
        # BUG flat-relu: relu-on-logits
        #: return F.leaky_relu(self.leave(x.flatten(1)), 0.0)


def scans(seed, n=8):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (n,), generator=g)
    x = 0.5 * torch.randn(n, 1, 4, 4, 4, generator=g)
    x[y == 1, :, :2] += 1
    x[y == 2, :, 2:] -= 1
    return {"scan": x, "kind": y}


batch = scans(0)
train_batches = [scans(0), scans(1)]
val_batches = [scans(72), scans(73)]
# BUG memorised: train-val-leak
#: val_batches = [{k: v.flip(0) for k, v in scans(1).items()}, scans(73)]


def make_model():
    return Volume()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def loss_fn(model, b):
    return F.cross_entropy(model(b["scan"]), b["kind"])


def train_step(model, optimizer, b):
    model.train()
    flip = torch.rand(len(b["kind"])) < 0.5
    scan = torch.where(flip[:, None, None, None, None], b["scan"].flip(-1), b["scan"])
    # BUG scribbles: inplace-data-mutation
    #: b["scan"][flip] = b["scan"][flip].flip(-1) * 1.05  #!
    #: scan = b["scan"]
    loss = loss_fn(model, {"scan": scan, "kind": b["kind"]})
    # BUG rolled: shuffled-labels
    #: loss = loss_fn(model, {"scan": scan, "kind": b["kind"].roll(1)})
    optimizer.zero_grad()
    # BUG never-zero: missing-zero-grad
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        right = [(model(b["scan"]).argmax(1) == b["kind"]).float().mean() for b in batches]
    return torch.stack(right).mean().item()
