"""A one-shot detector on a 4 x 4 grid with two anchors per cell."""

import torch
from torch import nn
from torch.nn import functional as F

ANCHORS, CLASSES, GRID = 2, 3, 4
FIELDS = 5 + CLASSES


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.LeakyReLU(0.1),
            nn.Conv2d(16, 24, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
        )
        # BUG stem-bias: bias-before-batchnorm
        #: stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)  #!
        #: self.backbone = nn.Sequential(
        #:     stem,
        #:     nn.BatchNorm2d(16),
        #:     nn.LeakyReLU(0.1),
        #:     nn.Conv2d(16, 24, 3, stride=2, padding=1),
        #:     nn.LeakyReLU(0.1),
        #: )
        self.head = nn.Conv2d(24, ANCHORS * FIELDS, 1)

    def forward(self, image):
        raw = self.head(self.backbone(image))
        n = raw.shape[0]
        return raw.view(n, ANCHORS, FIELDS, GRID, GRID).permute(0, 3, 4, 1, 2)
        # BUG grid-view: view-instead-of-permute
        #: return raw.view(n, GRID, GRID, ANCHORS, FIELDS)
        # FINE channels-last: channels moved to the end before they are split
        #: return raw.movedim(1, -1).unflatten(-1, (ANCHORS, FIELDS))


def scenes(seed, n=8):
    g = torch.Generator().manual_seed(seed)
    image = 0.2 * torch.randn(n, 3, 16, 16, generator=g)
    there = torch.zeros(n, GRID, GRID, ANCHORS)
    box = torch.zeros(n, GRID, GRID, ANCHORS, 4)
    kind = torch.zeros(n, GRID, GRID, ANCHORS, dtype=torch.long)
    for i in range(n):
        for _ in range(2):
            r, c, k = torch.randint(0, 4, (3,), generator=g).tolist()
            k = k % CLASSES
            a = k % ANCHORS
            image[i, k, 4 * r : 4 * r + 4, 4 * c : 4 * c + 4] += 1.5
            there[i, r, c, a] = 1
            box[i, r, c, a] = torch.tensor([0.5, 0.5, 0.3 * (k + 1), 0.2])
            kind[i, r, c, a] = k
    return {"image": image, "there": there, "box": box, "kind": kind}


batch = scenes(0)
train_batches = [scenes(0), scenes(1)]
val_batches = [scenes(40)]


def make_model():
    return Detector()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, b):
    out = model(b["image"])
    object_logits = out[..., 0]
    # BUG relu-objectness: relu-on-logits
    #: object_logits = F.relu(out[..., 0])
    # BUG sigmoid-objectness: sigmoid-into-bce-with-logits
    #: object_logits = out[..., 0].sigmoid()
    present = b["there"] > 0
    objectness = F.binary_cross_entropy_with_logits(
        object_logits, b["there"]
    )  # ALSO sigmoid-objectness
    box = F.smooth_l1_loss(out[..., 1:5][present], b["box"][present])
    # BUG box-summed: loss-sum-vs-mean
    #: box = ((out[..., 1:5] - b["box"]) ** 2 * b["there"][..., None]).sum()
    kind = F.cross_entropy(out[..., 5:][present], b["kind"][present])
    # BUG kind-softmax: softmax-into-cross-entropy, double-softmax
    #: kind = F.cross_entropy(out[..., 5:].softmax(-1)[present], b["kind"][present])  #!
    return objectness + box + kind


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    # BUG backbone-live: missing-eval-mode
    #: model.head.eval()
    good = 0.0
    for b in batches:
        seen = model(b["image"])[..., 0] > 0
        good += (seen == (b["there"] > 0)).float().mean().item()
    model.train()
    # BUG backbone-left: missing-train-mode
    #: model.head.train()
    return good / len(batches)
    # FINE remembers-mode 5: restores the mode that it found
    #: before = model.training
    #: model.eval()
    #: seen = [(model(b["image"])[..., 0] > 0) == (b["there"] > 0) for b in batches]
    #: model.train(before)
    #: return torch.stack([s.float().mean() for s in seen]).mean().item()
