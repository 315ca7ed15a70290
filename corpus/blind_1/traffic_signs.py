"""Sign classification with a small convolutional net built from blocks."""

import torch
from torch import nn


class Block(nn.Sequential):
    def __init__(self, cin, cout):
        super().__init__(
            nn.Conv2d(cin, cout, 3, padding=1, stride=2, bias=False),
            # the norm brings its own shift
            nn.BatchNorm2d(cout),
            nn.ReLU(inplace=True),
        )
        # BUG block-bias: bias-before-batchnorm
        #: super().__init__(
        #:     nn.Conv2d(cin, cout, 3, padding=1, stride=2),  #!
        #:     nn.BatchNorm2d(cout),
        #:     nn.ReLU(inplace=True),
        #: )


class SignNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Block(3, 12)
        self.body = Block(12, 24)
        self.classifier = nn.Linear(24, 6)

    def features(self, image):
        return self.body(self.stem(image)).mean(dim=(2, 3))

    def forward(self, image):
        return self.classifier(self.features(image))
        # BUG handmade: softmax-into-cross-entropy, double-softmax
        #: scores = torch.exp(self.classifier(self.features(image)))
        #: return scores / scores.sum(dim=1, keepdim=True)


def photos(seed, n=12):
    g = torch.Generator().manual_seed(seed)
    sign = torch.randint(0, 6, (n,), generator=g)
    image = torch.randn(n, 3, 12, 12, generator=g) * 0.5
    for i, s in enumerate(sign.tolist()):
        image[i, s % 3, 4 * (s // 3) : 4 * (s // 3) + 4] += 1.5
    return {"image": image, "sign": sign}


batch = photos(3)
train_batches = [photos(3), photos(4)]
val_batches = [photos(50), photos(51)]
criterion = nn.CrossEntropyLoss()


def make_model():
    return SignNet()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def loss_fn(model, batch):
    return criterion(model(batch["image"]), batch["sign"])


def train_step(model, optimizer, batch):
    model.train()
    # BUG stays-eval: missing-train-mode
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    # BUG keeps-grad: missing-zero-grad
    loss.backward()
    optimizer.step()
    return float(loss.detach())


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    right = [(model(b["image"]).argmax(1) == b["sign"]).float().mean() for b in batches]
    return torch.stack(right).mean().item()
