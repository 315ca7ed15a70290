"""Programs that do not learn, or learn what cannot be learned."""

from __future__ import annotations

from typing import Final

FILES: Final[dict[str, tuple[str, ...]]] = {
    "not-above-trivial": ("above_trivial",),
    "constant-output": ("constant_output", "constant_output_guard"),
    "learns-shuffled-labels": ("learns_shuffled_labels",),
    "no-single-batch-overfit": ("single_batch_overfit",),
}
"""The files of each mistake, hunt checks first, by its slug."""
