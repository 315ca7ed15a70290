"""Mistakes that gradients show: kept, discarded, vanishing, exploding, not finite."""

from __future__ import annotations

from typing import Final

FILES: Final[dict[str, tuple[str, ...]]] = {
    "missing-zero-grad": ("accumulation", "zero_grad", "accumulation_guard", "zero_grad_guard"),
    "nan-gradient": ("gradient_health", "nan_gradient_guard"),
    "exploding-gradient": ("gradient_health",),
    "vanishing-gradient": ("gradient_health",),
    "dead-relu": ("dead_relu",),
    "graph-growth": ("graph_growth", "graph_growth_guard"),
}
"""The files of each mistake, hunt checks first, by its slug."""
