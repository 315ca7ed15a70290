"""ResNet for 16x16 images, SGD with momentum and label smoothing."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_planes, planes, kernel_size=3, stride=stride, padding=1, bias=False
        )
        # BUG bias-conv1: bias-before-batchnorm
        #: self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, planes, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(planes),
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    def __init__(self, num_classes=5):
        super().__init__()
        self.in_planes = 8
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.layer1 = self._make_layer(8, 1, stride=1)
        self.layer2 = self._make_layer(16, 1, stride=2)
        self.layer3 = self._make_layer(32, 1, stride=2)
        self.linear = nn.Linear(32, num_classes)

    def _make_layer(self, planes, blocks, stride):
        layers = []
        for s in [stride] + [1] * (blocks - 1):
            layers.append(BasicBlock(self.in_planes, planes, s))
            self.in_planes = planes
        return nn.Sequential(*layers)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        out = F.adaptive_avg_pool2d(out, 1)
        out = out.view(out.size(0), -1)
        out = self.linear(out)
        # BUG relu-last: relu-on-logits
        #: out = F.relu(self.linear(out))
        return out


MEAN, STD = 0.4, 0.7


def make_images(n, seed):
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 5
    labels = labels[torch.randperm(n, generator=g)]
    proto = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(7))
    images = F.interpolate(proto[labels], scale_factor=4.0) + 0.6 * torch.randn(
        n, 3, 16, 16, generator=g
    )
    return images * STD + MEAN, labels


batch = make_images(20, 0)
train_batches = [batch, make_images(20, 1)]
val_batches = [make_images(20, 2), make_images(20, 3)]


def make_model():
    return ResNet()


def loss_fn(model, batch):
    inputs, targets = batch
    inputs = (inputs - MEAN) / STD
    # BUG inplace: inplace-data-mutation
    #: inputs.sub_(MEAN).div_(STD)
    outputs = model(inputs)
    return F.cross_entropy(outputs, targets, label_smoothing=0.1)


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    # BUG lr: bad-learning-rate, no-single-batch-overfit
    #: return torch.optim.SGD(model.parameters(), lr=50.0, momentum=0.9, weight_decay=5e-4)


def train_step(net, optimizer, batch):
    net.train()
    # BUG eval-train: missing-train-mode
    #: net.eval()
    # FINE training-flag: the mode by its argument
    #: net.train(mode=True)
    optimizer.zero_grad()
    loss = loss_fn(net, batch)
    loss.backward()
    optimizer.step()
    return {"loss": loss.item()}


def evaluate(net, batches):
    net.eval()
    # BUG not-eval: missing-eval-mode, eval-mutates-model
    #: net.train(True)
    correct = total = 0
    with torch.no_grad():
        for images, labels in batches:
            _, predicted = net((images - MEAN) / STD).max(1)
            total += labels.size(0)
            correct += predicted.eq(labels).sum().item()
    return 100.0 * correct / total
