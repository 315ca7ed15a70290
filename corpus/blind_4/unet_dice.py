"""Binary segmentation with a small U-Net, BCE plus soft dice."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class DoubleConv(nn.Module):
    """(conv => BN => ReLU) * 2"""

    def __init__(self, in_ch, out_ch):
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_ch, out_ch, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_ch),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_ch, out_ch, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_ch),
            nn.ReLU(inplace=True),
        )
        # BUG conv-bias: bias-before-batchnorm
        #: self.double_conv = nn.Sequential(
        #:     nn.Conv2d(in_ch, out_ch, kernel_size=3, padding=1),  #!
        #:     nn.BatchNorm2d(out_ch),
        #:     nn.ReLU(inplace=True),
        #:     nn.Conv2d(out_ch, out_ch, kernel_size=3, padding=1),  #!
        #:     nn.BatchNorm2d(out_ch),
        #:     nn.ReLU(inplace=True),
        #: )
        # FINE group-norm: biased convolutions before a group norm
        #: self.double_conv = nn.Sequential(
        #:     nn.Conv2d(in_ch, out_ch, 3, padding=1),
        #:     nn.GroupNorm(2, out_ch),
        #:     nn.ReLU(inplace=True),
        #:     nn.Conv2d(out_ch, out_ch, 3, padding=1),
        #:     nn.GroupNorm(2, out_ch),
        #:     nn.ReLU(inplace=True),
        #: )

    def forward(self, x):
        return self.double_conv(x)


class UNet(nn.Module):
    def __init__(self, n_channels=1, base=8):
        super().__init__()
        self.inc = DoubleConv(n_channels, base)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(base, base * 2))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(base * 2, base * 4))
        self.up1 = nn.ConvTranspose2d(base * 4, base * 2, 2, stride=2)
        self.conv1 = DoubleConv(base * 4, base * 2)
        self.up2 = nn.ConvTranspose2d(base * 2, base, 2, stride=2)
        self.conv2 = DoubleConv(base * 2, base)
        self.outc = nn.Conv2d(base, 1, kernel_size=1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x = self.conv1(torch.cat([self.up1(x3), x2], dim=1))
        x = self.conv2(torch.cat([self.up2(x), x1], dim=1))
        return self.outc(x)
        # BUG sigmoid-out: sigmoid-into-bce-with-logits
        #: return torch.sigmoid(self.outc(x))  #!


def dice_loss(probs, target, eps=1.0):
    inter = (probs * target).sum((1, 2, 3))
    total = probs.sum((1, 2, 3)) + target.sum((1, 2, 3))
    return (1 - (2 * inter + eps) / (total + eps)).mean()


def blobs(n, seed):
    g = torch.Generator().manual_seed(seed)
    centre = torch.rand(n, 2, generator=g) * 8 + 4
    radius = torch.rand(n, generator=g) * 2 + 2
    yy, xx = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    dist = ((yy - centre[:, 0, None, None]) ** 2 + (xx - centre[:, 1, None, None]) ** 2).sqrt()
    mask = (dist < radius[:, None, None]).float().unsqueeze(1)
    image = mask + 0.5 * torch.randn(n, 1, 16, 16, generator=g)
    return image, mask


batch = blobs(8, 0)
val_batches = [blobs(8, 10), blobs(8, 11)]


def make_model():
    return UNet()


def loss_fn(model, batch):
    images, true_masks = batch
    pred = model(images)
    loss = F.binary_cross_entropy_with_logits(pred, true_masks)
    loss = loss + dice_loss(torch.sigmoid(pred), true_masks)
    return loss


def make_optimizer(model):
    return torch.optim.RMSprop(model.parameters(), lr=1e-3, momentum=0.9, foreach=True)


def train_step(net, optimizer, batch):
    net.train()
    # BUG never-back: missing-train-mode
    optimizer.zero_grad(set_to_none=True)
    loss = loss_fn(net, batch)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    return loss


@torch.inference_mode()
def evaluate(net, batches):
    net.eval()
    # BUG no-eval: missing-eval-mode, eval-mutates-model
    score = 0.0
    for image, mask in batches:
        pred = (torch.sigmoid(net(image)) > 0.5).float()
        score += 1 - dice_loss(pred, mask).item()
    return score / max(len(batches), 1)
