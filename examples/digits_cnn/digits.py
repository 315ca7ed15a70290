"""A small convolutional network on scikit-learn's handwritten digits.

The training that `test_digits.py` watches: 1,797 images of 8x8 pixels that ship with scikit-learn,
half of them for training, about a second a seed on one CPU thread.

`DIGITS_BUG=flip` plants a bug on purpose, for `make demo-broken` and the README: an augmentation
that mirrors every second image, which is right for photographs and wrong for digits.  The network
still learns, and a plain `assert accuracy > 0.9` stays green.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


@dataclass(frozen=True)
class Digits:
    """Images of shape (n, 1, 8, 8), scaled to 0..1, with labels 0..9 of shape (n,)."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


@cache
def load() -> Digits:
    """The data, split once and for all: the split does not depend on the seed of the training."""
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, torch.tensor(labels), test_size=0.5, stratify=labels, random_state=0
    )
    return Digits(train_images, train_labels, test_images, test_labels)


def make_model() -> nn.Module:
    """Two convolutions and a linear layer, 21,000 parameters; returns logits of shape (n, 10).

    The convolutions have no bias: the batch norm after each would subtract it.
    """
    return nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 2 * 2, 10),
    )


def train(
    data: Digits,
    *,
    seed: int,
    epochs: int = 15,
    on_epoch: Callable[[int, float], None] = lambda epoch, loss: None,
) -> nn.Module:
    """Train from scratch; `on_epoch(epoch, mean training loss)` is called after every epoch."""
    torch.manual_seed(seed)
    model = make_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(data.train_labels)).split(64):
            images, labels = augment(data.train_images[batch]), data.train_labels[batch]
            optimizer.zero_grad()
            loss = cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        on_epoch(epoch, total / len(data.train_labels))
    return model


def augment(images: Tensor) -> Tensor:
    """Nothing, unless `DIGITS_BUG=flip` asks for the planted bug: half of the images mirrored."""
    bug = os.environ.get("DIGITS_BUG", "")
    if bug == "":
        return images
    if bug == "flip":
        mirrored = torch.rand(len(images), 1, 1, 1) < 0.5
        return torch.where(mirrored, images.flip(dims=[-1]), images)
    raise ValueError(f"DIGITS_BUG={bug!r} is not a known bug: use DIGITS_BUG=flip, or unset it")


@torch.no_grad()
def evaluate(model: nn.Module, data: Digits) -> tuple[float, float]:
    """Accuracy (0..1) and mean cross-entropy (nats) on the test images."""
    model.eval()
    logits = model(data.test_images)
    accuracy = (logits.argmax(dim=-1) == data.test_labels).float().mean().item()
    return accuracy, cross_entropy(logits, data.test_labels).item()
