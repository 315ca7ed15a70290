"""Binary masks from an encoder and decoder with skip connections."""

import torch
from torch import nn
from torch.nn import functional as F


class Step(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class SegNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inc = Step(1, 8)
        self.down = Step(8, 16)
        self.up = nn.ConvTranspose2d(16, 8, 2, 2)
        self.outc = nn.Conv2d(16, 1, 1)

    def forward(self, x):
        a = self.inc(x)
        b = self.down(F.max_pool2d(a, 2))
        return self.outc(torch.cat([a, self.up(b)], 1))
        # BUG clipped: relu-on-logits
        #: return torch.clamp(self.outc(torch.cat([a, self.up(b)], 1)), min=0)
        # BUG dropped: dropout-on-logits
        #: return F.dropout2d(self.outc(torch.cat([a, self.up(b)], 1)), 0.1, self.training)


def masks(seed, n=8):
    g = torch.Generator().manual_seed(seed)
    m = (torch.rand(n, 1, 2, 2, generator=g) > 0.5).float().repeat_interleave(4, 2)
    m = m.repeat_interleave(4, 3)
    return m + 0.4 * torch.randn(n, 1, 8, 8, generator=g), m


batch = masks(0)
train_batches = [masks(0), masks(1)]
val_batches = [masks(25)]


def make_model():
    return SegNet()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def dice(p, m):
    return 1 - (2 * (p * m).sum((1, 2, 3)) + 1) / (p.sum((1, 2, 3)) + m.sum((1, 2, 3)) + 1)


def loss_fn(model, batch):
    x, m = batch
    logits = model(x)
    bce = F.binary_cross_entropy_with_logits(logits, m)
    # BUG double-sigmoid: sigmoid-into-bce-with-logits
    #: bce = F.binary_cross_entropy_with_logits(torch.sigmoid(logits), m)
    # BUG channel: broadcast-loss
    #: bce = ((torch.sigmoid(logits) - m.squeeze(1)) ** 2).mean()
    return bce + dice(torch.sigmoid(logits), m).mean()
    # BUG sums: loss-sum-vs-mean
    #: return bce + dice(torch.sigmoid(logits), m).sum()


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    iou = []
    for x, m in batches:
        p = model(x) > 0
        iou.append(((p & (m > 0)).sum() / (p | (m > 0)).sum()).item())
    model.train()
    # BUG head-only: missing-train-mode
    #: model.outc.train()
    return sum(iou) / len(iou)
