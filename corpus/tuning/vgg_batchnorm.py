"""A VGG-like stack in one Sequential."""

import torch
from torch import nn

model_layers = [
    (3, 8),
    (8, 16),
]


def make_layers():
    layers = []
    for cin, cout in model_layers:
        layers.append(nn.Conv2d(cin, cout, kernel_size=3, padding=1, bias=False))
        # BUG bias: bias-before-batchnorm
        #: layers.append(nn.Conv2d(cin, cout, kernel_size=3, padding=1))
        layers.append(nn.BatchNorm2d(cout))
        layers.append(nn.ReLU(inplace=True))
        layers.append(nn.MaxPool2d(2))
    return layers


def make_model():
    return nn.Sequential(
        *make_layers(),
        nn.Flatten(),
        nn.Linear(16 * 2 * 2, 32),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(32, 5),
    )
    # BUG module: softmax-into-cross-entropy, double-softmax
    #: return nn.Sequential(
    #:     *make_layers(),
    #:     nn.Flatten(),
    #:     nn.Linear(16 * 2 * 2, 32),
    #:     nn.ReLU(),
    #:     nn.Dropout(0.2),
    #:     nn.Linear(32, 5),
    #:     nn.Softmax(dim=-1),  #!
    #: )


def photos(seed, n=8):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 5, (n,), generator=g)
    x = 0.5 * torch.randn(n, 3, 8, 8, generator=g)
    for i, k in enumerate(y.tolist()):
        x[i, k % 3, :4] += 1
        x[i, (k + 1) % 3, 4:] += k / 5
    return x, y


batch = photos(0)
train_batches = [photos(0), photos(1)]
val_batches = [photos(50)]
criterion = nn.CrossEntropyLoss()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)


def loss_fn(model, batch):
    x, y = batch
    return criterion(model(x), y)


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    # BUG between: missing-zero-grad, step-before-backward
    loss.backward()
    # BUG between: missing-zero-grad, step-before-backward
    #: loss.backward()
    #: model.zero_grad(set_to_none=False)  #!
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    # BUG stats: missing-eval-mode, eval-mutates-model
    accuracy = [(model(x).argmax(1) == y).float().mean().item() for x, y in batches]
    model.train()
    # BUG lost: missing-train-mode
    return sum(accuracy) / len(accuracy)
