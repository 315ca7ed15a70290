"""Guards: the checks that need nothing but to listen while somebody else's training runs.

`watch` is a context manager around any training: a plain loop, a framework's trainer, several
optimizers. It changes no number of the training, and what goes wrong inside of it ends the
watching, never the training.
"""

from __future__ import annotations

from pytest_mlregress.bughunt.errors import GuardWarning
from pytest_mlregress.bughunt.guards.guard import Guard, watch

__all__ = ["Guard", "GuardWarning", "watch"]
