"""One-stage detection on a grid: objectness, box offsets and classes per anchor."""

import torch
import torch.nn as nn
import torch.nn.functional as F

GRID, ANCHORS, CLASSES = 4, 2, 3


def conv_bn(cin, cout, stride=2):
    conv = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
    # BUG with-bias: bias-before-batchnorm
    #: conv = nn.Conv2d(cin, cout, 3, stride, 1)
    return nn.Sequential(conv, nn.BatchNorm2d(cout), nn.LeakyReLU(0.1))


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(conv_bn(1, 12), conv_bn(12, 24))
        self.pred = nn.Conv2d(24, ANCHORS * (5 + CLASSES), kernel_size=1)

    def forward(self, images):
        out = self.pred(self.backbone(images))
        n = out.size(0)
        out = out.view(n, ANCHORS, 5 + CLASSES, GRID, GRID).permute(0, 3, 4, 1, 2)
        # BUG head-view: view-instead-of-permute
        #: out = out.view(n, GRID, GRID, ANCHORS, 5 + CLASSES)
        # FINE nhwc: channels last, then the anchors apart
        #: out = out.permute(0, 2, 3, 1).reshape(n, GRID, GRID, ANCHORS, 5 + CLASSES)
        return out  # N, H, W, A, 5 + C


def scenes(n, seed):
    g = torch.Generator().manual_seed(seed)
    images = 0.1 * torch.randn(n, 1, 16, 16, generator=g)
    target = torch.zeros(n, GRID, GRID, ANCHORS, 6)
    for i in range(n):
        for cell in torch.randperm(GRID * GRID, generator=g)[:3].tolist():
            r, c = divmod(cell, GRID)
            cls = int(torch.randint(0, CLASSES, (1,), generator=g))
            dy, dx = torch.randint(0, 2, (2,), generator=g).tolist()
            y, x = 4 * r + dy, 4 * c + dx
            images[i, 0, y : y + 2, x : x + 2 + (cls == 2)] += 1.0 + 0.7 * cls
            a = int(cls == 2)
            target[i, r, c, a] = torch.tensor(
                [1.0, 0.5 * dy, 0.5 * dx, 0.5, 0.5 + 0.25 * a, float(cls)]
            )
    return {"image": images, "target": target}


batch = scenes(8, 0)
val_batches = [scenes(8, 1), scenes(8, 2)]


def make_model():
    return Detector()


def loss_fn(model, batch):
    out, target = model(batch["image"]), batch["target"]
    has = target[..., 0] == 1
    obj = F.binary_cross_entropy_with_logits(out[..., 0], target[..., 0])
    box = F.smooth_l1_loss(out[has][:, 1:5], target[has][:, 1:5])
    # BUG box-sum: loss-sum-vs-mean
    #: box = F.smooth_l1_loss(out[has][:, 1:5], target[has][:, 1:5], reduction="sum")
    cls = F.cross_entropy(out[has][:, 5:], target[has][:, 5].long())
    # BUG cls-probs: softmax-into-cross-entropy, double-softmax
    #: class_probs = out[..., 5:].softmax(dim=-1)
    #: cls = F.cross_entropy(class_probs[has], target[has][:, 5].long())
    return obj + 2.0 * box + cls


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    was_training = model.training
    model.eval()
    hits = []
    with torch.no_grad():
        for b in batches:
            out, has = model(b["image"]), b["target"][..., 0] == 1
            hits.append((out[has][:, 5:].argmax(-1) == b["target"][has][:, 5]).float())
    model.train(was_training)
    # BUG left: missing-train-mode
    #: model.train(False)
    return torch.cat(hits).mean().item()
