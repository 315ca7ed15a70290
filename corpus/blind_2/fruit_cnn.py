"""Fruit photographs, channels last as the image reader gives them, in a small VGG."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def conv_bn(cin, cout, stride):
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(cout),
        nn.ReLU(inplace=True),
    )
    # BUG conv-bias: bias-before-batchnorm
    #: return nn.Sequential(
    #:     nn.Conv2d(cin, cout, 3, stride=stride, padding=1),  #!
    #:     nn.BatchNorm2d(cout),
    #:     nn.ReLU(inplace=True),
    #: )


class FruitNet(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.features = nn.Sequential(conv_bn(3, 12, 1), conv_bn(12, 24, 2))
        self.drop = nn.Dropout(0.2)
        self.classifier = nn.Sequential(nn.Linear(24 * 4 * 4, classes))
        # BUG softmax-layer: softmax-into-cross-entropy, double-softmax
        #: self.classifier = nn.Sequential(
        #:     nn.Linear(24 * 4 * 4, classes),
        #:     nn.Softmax(dim=1),  #!
        #: )

    def forward(self, images):
        n, h, w, c = images.shape
        x = images.permute(0, 3, 1, 2)
        # BUG nhwc-view: view-instead-of-permute
        #: x = images.view(n, c, h, w)
        # FINE strided: copies before it views
        #: x = images.movedim(-1, 1).contiguous().view(n, c, h, w)
        x = self.drop(self.features(x))
        return self.classifier(torch.flatten(x, 1))


def photos(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 4, (n,), generator=g)
    x = 0.6 * torch.randn(n, 8, 8, 3, generator=g)
    for i, label in enumerate(y.tolist()):
        x[i, 2 * (label // 2) : 2 * (label // 2) + 4, :, label % 3] += 1.0
        x[i, :, 4 * (label % 2) : 4 * (label % 2) + 3, 2] -= 1.0
    return x, y


batch = photos(1)
train_batches = [photos(1), photos(2), photos(3)]
val_batches = [photos(101), photos(102)]


def make_model():
    return FruitNet()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    # FINE frozen-statistics: fine-tuning takes a smaller rate
    #: return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def loss_fn(model, batch):
    images, labels = batch
    return F.cross_entropy(model(images), labels)
    # FINE log-softmax: the two halves of cross entropy
    #: return F.nll_loss(torch.log_softmax(model(images), dim=1), labels)


def train_step(model, optimizer, batch):
    # FINE frozen-statistics 0: fine-tuning keeps the statistics of the pretrained network
    #: for layer in model.features.modules():
    #:     if isinstance(layer, nn.BatchNorm2d):
    #:         layer.eval()
    optimizer.zero_grad()
    # BUG no-zero: missing-zero-grad
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    # BUG train-statistics: missing-eval-mode
    hits = total = 0
    for images, labels in batches:
        hits += (model(images).argmax(1) == labels).sum().item()
        total += len(labels)
    model.train()
    # BUG stays-eval: missing-train-mode
    # FINE frozen-statistics: train_step sets the batch norms back
    #: model.train()
    return hits / total
