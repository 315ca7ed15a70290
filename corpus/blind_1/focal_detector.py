"""Anchor-based detection with a YOLO-style head and focal loss."""

import torch
from torch import nn
from torch.nn import functional as F


class Detector(nn.Module):
    def __init__(self, anchors=2, classes=3):
        super().__init__()
        self.anchors, self.classes = anchors, classes
        self.backbone = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.SiLU())
        self.head = nn.Conv2d(16, anchors * (4 + classes), 1)
        nn.init.constant_(self.head.bias, -1.0)

    def forward(self, image):
        raw = self.head(self.backbone(image))
        n, _, h, w = raw.shape
        raw = raw.view(n, self.anchors, 4 + self.classes, h, w).permute(0, 1, 3, 4, 2)
        return raw[..., :4], raw[..., 4:]


def make_batch(generator):
    image = torch.randn(6, 3, 8, 8, generator=generator)
    hot = (image[:, :, ::2, ::2] > 0.8).float().permute(0, 2, 3, 1)
    cls = hot.unsqueeze(1).repeat(1, 2, 1, 1, 1)
    box = torch.rand(6, 2, 4, 4, 4, generator=generator)
    return {"image": image, "cls": cls, "box": box}


def make_model():
    return Detector()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    box, logits = model(batch["image"])
    p = torch.sigmoid(logits)
    ce = F.binary_cross_entropy_with_logits(logits, batch["cls"], reduction="none")
    pt = p * batch["cls"] + (1 - p) * (1 - batch["cls"])
    focal = (ce * (1 - pt) ** 2).mean()
    found = batch["cls"].amax(-1, keepdim=True)
    fit = (F.smooth_l1_loss(box, batch["box"], reduction="none") * found).mean()
    return focal + fit
