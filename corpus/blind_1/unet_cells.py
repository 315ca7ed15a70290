"""Per-pixel classes from a two-level U-Net."""

import torch
from torch import nn
from torch.nn import functional as F


def double_conv(cin, cout):
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, padding=1, bias=False),
        nn.BatchNorm2d(cout),
        nn.ReLU(),
        nn.Conv2d(cout, cout, 3, padding=1, bias=False),
        nn.BatchNorm2d(cout),
        nn.ReLU(),
    )


class UNet(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.down = double_conv(1, 8)
        self.deep = double_conv(8, 16)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.merge = double_conv(16, 8)
        self.classify = nn.Conv2d(8, classes, 1)
        self.drop = nn.Dropout2d(0.1)

    def forward(self, x):
        high = self.down(x)
        low = self.drop(self.deep(F.max_pool2d(high, 2)))
        out = self.classify(self.merge(torch.cat([high, self.up(low)], dim=1)))
        return out
        # BUG last-drop: dropout-on-logits
        #: return self.drop(out)
        # BUG last-relu: relu-on-logits
        #: return F.relu(out)


def cells(seed, n=8, size=8):
    g = torch.Generator().manual_seed(seed)
    label = torch.randint(0, 3, (n, size // 4, size // 4), generator=g)
    label = label.repeat_interleave(4, 1).repeat_interleave(4, 2)
    image = label.float()[:, None] + 0.3 * torch.randn(n, 1, size, size, generator=g)
    return image, label


batch = cells(0)
train_batches = [cells(0), cells(1)]
val_batches = [cells(60)]


def make_model():
    return UNet()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    image, label = batch
    logits = model(image)
    flat = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    # BUG pixelview: view-instead-of-permute
    #: flat = logits.reshape(-1, logits.shape[1])
    return F.cross_entropy(flat, label.reshape(-1))


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
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches) / len(batches)
