"""A tiny character language model on the data set descriptions that ship with scikit-learn.

43,000 characters of English; the last fifth is held out.  The text is the same wherever
`constraints.txt` is followed, and the test takes its fingerprint, because another release of
scikit-learn brings another text, and figures on different texts do not compare.
"""

import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

CONTEXT: Final = 12
"""How many characters the model sees before the one that it predicts."""


@dataclass(frozen=True)
class Corpus:
    """Character codes: windows of shape (n, CONTEXT + 1), the last column to be predicted."""

    text: str
    vocabulary: str
    train_windows: Tensor
    test_windows: Tensor


@cache
def load() -> Corpus:
    """The descriptions in the order of their file names, cut into overlapping windows."""
    folder = files("sklearn.datasets.descr")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".rst"))
    text = "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
    vocabulary = "".join(sorted(set(text)))
    codes = torch.tensor([vocabulary.index(character) for character in text])
    split = len(codes) * 4 // 5
    return Corpus(
        text,
        vocabulary,
        train_windows=codes[:split].unfold(0, CONTEXT + 1, 1),
        test_windows=codes[split:].unfold(0, CONTEXT + 1, 1),
    )


def make_model(vocabulary_size: int) -> nn.Module:
    """An embedding, one hidden layer, logits: codes (n, CONTEXT) to (n, vocabulary_size)."""
    return nn.Sequential(
        nn.Embedding(vocabulary_size, 16),
        nn.Flatten(),
        nn.Linear(16 * CONTEXT, 128),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(128, vocabulary_size),
    )


def train(corpus: Corpus, *, seed: int, steps: int) -> nn.Module:
    """Adam with a learning rate that falls to zero along a cosine, on batches of 256 windows."""
    torch.manual_seed(seed)
    model = make_model(len(corpus.vocabulary))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    for _ in range(steps):
        batch = corpus.train_windows[torch.randint(len(corpus.train_windows), (256,))]
        optimizer.zero_grad()
        cross_entropy(model(batch[:, :-1]), batch[:, -1]).backward()
        optimizer.step()
        schedule.step()
    return model


@torch.no_grad()
def bits_per_character(model: nn.Module, corpus: Corpus) -> float:
    """The mean surprise at the held-out text; a uniform guess takes 6.5 bits."""
    model.eval()
    windows = corpus.test_windows
    return cross_entropy(model(windows[:, :-1]), windows[:, -1]).item() / math.log(2)
