"""Cell masks with a two-level U-Net; dice plus binary cross entropy."""

import torch
from torch import nn
from torch.nn import functional as F


def block(i, o):
    return nn.Sequential(
        nn.Conv2d(i, o, 3, padding=1),
        nn.GroupNorm(4, o),
        nn.SiLU(),
    )


class Upsample(nn.Module):
    def __init__(self, channels, out):
        super().__init__()
        self.conv = nn.Conv2d(channels, out * 4, 1)

    def forward(self, x):
        x = self.conv(x)
        b, c, h, w = x.shape
        x = x.view(b, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3)
        return x.reshape(b, c // 4, 2 * h, 2 * w)
        # BUG no-permute 2: view-instead-of-permute
        #: return x.reshape(b, c // 4, 2 * h, 2 * w)
        # FINE library-shuffle 2: PyTorch's own pixel shuffle
        #: return F.pixel_shuffle(x, 2)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1 = block(1, 8)
        self.down2 = block(8, 16)
        self.middle = block(16, 16)
        self.up = Upsample(16, 8)
        self.merge = block(16, 8)
        self.head = nn.Conv2d(8, 1, 1)
        # BUG sigmoid-head: sigmoid-into-bce-with-logits
        #: self.head = nn.Sequential(nn.Conv2d(8, 1, 1), nn.Sigmoid())

    def forward(self, x):
        skip = self.down1(x)
        low = self.down2(F.max_pool2d(skip, 2))
        low = low + self.middle(low)
        # BUG unused-middle: unused-module
        #: deep = self.middle(low)  #!
        up = self.up(low)
        return self.head(self.merge(torch.cat([up, skip], dim=1)))


def cells(seed, n=8, size=12):
    g = torch.Generator().manual_seed(seed)
    yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    centre = torch.randint(3, size - 3, (n, 2, 1, 1), generator=g)
    radius = torch.randint(2, 4, (n, 1, 1), generator=g)
    mask = ((yy - centre[:, 0]) ** 2 + (xx - centre[:, 1]) ** 2 <= radius**2).float()
    image = mask.unsqueeze(1) + 0.3 * torch.randn(n, 1, size, size, generator=g)
    return {"image": image, "mask": mask}


batch = cells(0)
train_batches = [cells(0), cells(1)]
val_batches = [cells(50)]


def make_model():
    return UNet()


def soft_dice(p, t):
    overlap = (p * t).sum(dim=(-2, -1))  # ALSO dice-broadcast
    return (
        1 - ((2 * overlap + 1) / (p.sum(dim=(-2, -1)) + t.sum(dim=(-2, -1)) + 1)).mean()
    )  # ALSO dice-broadcast


def loss_fn(model, batch):
    logits = model(batch["image"])
    target = batch["mask"].unsqueeze(1)
    bce = F.binary_cross_entropy_with_logits(logits, target)  # ALSO sigmoid-head
    dice = soft_dice(torch.sigmoid(logits), target)
    # BUG dice-broadcast: broadcast-loss
    #: dice = soft_dice(torch.sigmoid(logits), batch["mask"])
    return bce + dice
    # FINE focal: sigmoid of the logits beside the loss of the logits
    #: each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    #: p = logits.sigmoid()
    #: wrong = torch.where(target > 0.5, 1 - p, p)
    #: return (wrong**2 * each).mean() * 10


def evaluate(model, batches):
    scores = []
    with torch.no_grad():
        for b in batches:
            guess = model(b["image"]).squeeze(1) > 0
            truth = b["mask"] > 0.5
            # BUG iou-broadcast: broadcast-metric
            #: guess = model(b["image"]) > 0
            #: truth = b["mask"] > 0.5
            joint = (guess & truth).sum().item()  # ALSO iou-broadcast
            scores.append(joint / max(1, (guess | truth).sum().item()))
    return sum(scores) / len(scores)
