"""Information that reaches the model and must not.

Between examples, from the future, from padding.
"""

from __future__ import annotations

from typing import Final

FILES: Final[dict[str, tuple[str, ...]]] = {
    "batch-leak": ("batch_leak",),
    "causal-leak": ("causal_leak",),
    "padding-leak": ("padding_leak",),
    "labels-not-shifted": ("labels_not_shifted",),
    "shuffled-labels": ("shuffled_labels",),
    "train-val-leak": ("train_val_leak",),
}
"""The files of each mistake, hunt checks first, by its slug."""
