"""One-stage detector: every cell of a grid holds two anchors with objectness and a box."""

import torch
import torch.nn.functional as F
from torch import nn

ANCHORS, FIELDS, S = 2, 5, 4  # FIELDS: objectness, x, y, w, h


def boxes(n, seed):
    g = torch.Generator().manual_seed(seed)
    image = 0.2 * torch.randn(n, 3, 4 * S, 4 * S, generator=g)
    obj = torch.zeros(n, S, S, ANCHORS)
    geo = torch.zeros(n, S, S, ANCHORS, 4)
    for i in range(n):
        r, c = torch.randint(S, (2,), generator=g).tolist()
        tall = int(torch.randint(ANCHORS, (1,), generator=g))
        h, w = (4, 2) if tall else (2, 4)
        image[i, tall, 4 * r : 4 * r + h, 4 * c : 4 * c + w] += 2.0
        obj[i, r, c, tall] = 1.0
        geo[i, r, c, tall] = torch.tensor([w / 8, h / 8, w / 4, h / 4])
    return {"image": image, "target": {"obj": obj, "geo": geo}}


class Detector(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.body = nn.Sequential()
        cin = 3
        for k in range(2):
            conv = nn.Conv2d(cin, width, 3, stride=2, padding=1, bias=False)
            # BUG bodybias: bias-before-batchnorm
            #: conv = nn.Conv2d(cin, width, 3, stride=2, padding=1)
            self.body.add_module(f"conv{k}", conv)
            self.body.add_module(f"norm{k}", nn.BatchNorm2d(width))
            self.body.add_module(f"act{k}", nn.LeakyReLU(0.1))
            cin = width
        self.head = nn.Conv2d(width, ANCHORS * FIELDS, 1)
        # BUG headbias: missing-output-bias
        #: self.head = nn.Conv2d(width, ANCHORS * FIELDS, 1, bias=False)

    def forward(self, image):
        raw = self.head(self.body(image))
        n, _, h, w = raw.shape
        raw = raw.view(n, ANCHORS, FIELDS, h, w).permute(0, 3, 4, 1, 2)
        # BUG gridview: view-instead-of-permute
        #: raw = raw.view(n, h, w, ANCHORS, FIELDS)
        # FINE fieldslast: channels last first, then a plain split
        #: raw = raw.permute(0, 2, 3, 1).reshape(n, h, w, ANCHORS, FIELDS)
        return raw[..., 0], raw[..., 1:].sigmoid()
        # BUG objsig: sigmoid-into-bce-with-logits
        #: raw = raw.sigmoid() #!
        #: return raw[..., 0], raw[..., 1:]


def loss_fn(model, batch):
    obj, geo = model(batch["image"])
    truth = batch["target"]
    found = F.binary_cross_entropy_with_logits(obj, truth["obj"])  # ALSO objsig
    where = truth["obj"][..., None]
    placed = (where * (geo - truth["geo"]) ** 2).sum() / where.sum().clamp(min=1.0)
    return found + placed


def make_model():
    return Detector()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


class Engine:
    """Mixed precision on the CPU: bfloat16 forward, float32 weights."""

    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer

    def update(self, batch):
        self.model.train()
        for p in self.model.parameters():
            p.grad = None
            # BUG onlyweights: missing-zero-grad
            #: if p.ndim > 1:
            #:     p.grad = None
        with torch.autocast("cpu", dtype=torch.bfloat16):
            obj, geo = self.model(batch["image"])
        loss = loss_fn(lambda _: (obj.float(), geo.float()), batch)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def train_step(model, optimizer, batch):
    return Engine(model, optimizer).update(batch)


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    hits = n = 0
    for b in batches:
        obj, _ = model(b["image"])
        hits += (obj.flatten(1).argmax(1) == b["target"]["obj"].flatten(1).argmax(1)).sum().item()
        n += len(obj)
        # BUG early 0: missing-eval-mode
        #: model.train()
    return hits / n


batch = boxes(16, 0)
val_batches = [boxes(16, 40), boxes(16, 41), boxes(16, 42)]
