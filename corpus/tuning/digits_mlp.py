"""The first program of every course: an MLP on small digit pictures."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 32)
        self.fc2 = nn.Linear(32, 10)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        x = x.view(x.size(0), -1)
        x = self.dropout(F.relu(self.fc1(x)))
        return self.fc2(x)
        # BUG softmax: softmax-into-cross-entropy, double-softmax
        #: return F.softmax(self.fc2(x), dim=1)
        # BUG sigmoid: softmax-into-cross-entropy
        #: return torch.sigmoid(self.fc2(x))
        # FINE capped: a cap so far out that the softmax can become certain
        #: return 30 * torch.tanh(self.fc2(x) / 30)
        # BUG relu: relu-on-logits
        #: return F.relu(self.fc2(x))
        # BUG dropout: dropout-on-logits
        #: return self.dropout(self.fc2(x))
        # BUG softmax-dim: softmax-into-cross-entropy, wrong-softmax-dim, batch-leak
        #: return F.softmax(self.fc2(x), dim=0)


def digits(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    shapes = torch.randn(10, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    y = torch.randint(0, 10, (n,), generator=g)
    return shapes[y] + 0.4 * torch.randn(n, 1, 8, 8, generator=g), y


batch = digits(0)
train_batches = [digits(s) for s in range(3)]
val_batches = [digits(100), digits(101)]


def make_model():
    return MLP()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def loss_fn(model, batch):
    images, labels = batch
    return F.cross_entropy(model(images), labels)


def train_step(model, optimizer, batch):
    model.train()
    # BUG stays-eval: missing-train-mode
    # BUG late: missing-train-mode
    optimizer.zero_grad()
    # BUG no-zero: missing-zero-grad
    loss = loss_fn(model, batch)
    # BUG late: missing-train-mode
    #: loss = loss_fn(model, batch)
    #: model.train()
    loss.backward()
    # FINE measured-first: the accuracy is measured in evaluation mode, with gradients on
    #: model.eval()
    #: hits = (model(batch[0]).argmax(dim=1) == batch[1]).sum().item()
    #: loss.backward()
    #: assert hits <= len(batch[1])
    optimizer.step()
    # BUG step-first 2: step-before-backward
    #: optimizer.step()  #!
    #: loss.backward()
    return loss.item()
    # FINE measured: the accuracy after the update is measured in evaluation mode
    #: model.eval()
    #: return (model(batch[0]).argmax(dim=1) == batch[1]).float().mean().item()


def evaluate(model, batches):
    model.eval()
    # BUG noisy: missing-eval-mode
    correct = 0
    total = 0
    with torch.no_grad():
        for images, labels in batches:
            correct += (model(images).argmax(dim=1) == labels).sum().item()
            total += labels.size(0)
    return correct / total
