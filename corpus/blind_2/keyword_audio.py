"""Keywords from spectrograms by depthwise convolutions; everything in nn.Sequential."""

import torch
from torch import nn

functional = torch.nn.functional


class Transpose(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)
        # BUG reshaped: view-instead-of-permute
        #: return x.reshape(x.size(0), x.size(2), x.size(1))


def separable(i, o):
    return [
        nn.Conv1d(i, i, 3, padding=1, groups=i, bias=False),
        nn.Conv1d(i, o, 1, bias=False),
        nn.BatchNorm1d(o),
        nn.Hardswish(),
    ]
    # BUG pointwise-bias: bias-before-batchnorm
    #: depthwise = nn.Conv1d(i, i, 3, padding=1, groups=i, bias=False)
    #: pointwise = nn.Conv1d(i, o, 1)  #!
    #: return [depthwise, pointwise, nn.BatchNorm1d(o), nn.Hardswish()]


def make_model():
    return nn.Sequential(
        Transpose(),
        *separable(10, 16),
        *separable(16, 16),
        nn.AdaptiveAvgPool1d(2),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(32, 5),
    )
    # BUG ends-softmax: softmax-into-cross-entropy, double-softmax
    #: front = [Transpose(), *separable(10, 16), *separable(16, 16), nn.AdaptiveAvgPool1d(2)]
    #: back = [nn.Flatten(), nn.Dropout(0.1), nn.Linear(32, 5), nn.Softmax(dim=-1)]  #!
    #: return nn.Sequential(*front, *back)
    # BUG ends-dropout: dropout-on-logits
    #: front = [Transpose(), *separable(10, 16), *separable(16, 16), nn.AdaptiveAvgPool1d(2)]
    #: return nn.Sequential(*front, nn.Flatten(), nn.Linear(32, 5), nn.Dropout(0.1))  #!
    # FINE ends-log-softmax: log-probabilities with nll_loss
    #: front = [Transpose(), *separable(10, 16), *separable(16, 16), nn.AdaptiveAvgPool1d(2)]
    #: back = [nn.Flatten(), nn.Dropout(0.1), nn.Linear(32, 5), nn.LogSoftmax(dim=-1)]
    #: return nn.Sequential(*front, *back)


def clips(seed, n=16, t=14):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 5, (n,), generator=g)
    x = 0.7 * torch.randn(n, t, 10, generator=g)
    half = torch.where(y.eq(4), 7, 0)
    for i in range(n):
        x[i, half[i] : half[i] + 7, 2 * (y[i] % 4) : 2 * (y[i] % 4) + 2] += 1.5
    return x, y


batch = clips(0)
train_batches = [clips(0), clips(1)]
val_batches = [clips(25)]


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)


def loss_fn(model, batch):
    x, y = batch
    return functional.cross_entropy(model(x), y)
    # BUG raw-nll: logits-into-nll
    #: return functional.nll_loss(model(x), y)
    # BUG softmax-nll: probabilities-into-nll
    #: return functional.nll_loss(functional.softmax(model(x), dim=1), y)
    # FINE ends-log-softmax: the loss of log-probabilities
    #: return functional.nll_loss(model(x), y)


def evaluate(model, batches):
    model.eval()
    # BUG noisy: missing-eval-mode
    #: for layer in model:
    #:     if isinstance(layer, nn.Dropout):
    #:         layer.eval()
    with torch.no_grad():
        right = [(model(x).argmax(1) == y).float().mean().item() for x, y in batches]
    model.train()
    # BUG not-back: missing-train-mode
    return sum(right) / len(right)
