"""Three classes on a scale far from one, and a classifier that normalises them."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812


def flowers(seed, n=18):
    """Three classes that lie apart, measured in units far from one."""
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 3
    x = 500 + 40 * F.one_hot(y, 4).float() + 10 * torch.randn(n, 4, generator=g)
    return x, y


DATA = {
    "batch": flowers(0),
    "train_batches": [flowers(0), flowers(1)],
    "val_batches": [flowers(5), flowers(6)],
}
