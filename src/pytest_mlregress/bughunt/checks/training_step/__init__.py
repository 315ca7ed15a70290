"""Mistakes in the order and the parts of a training step."""

from __future__ import annotations

from typing import Final

FILES: Final[dict[str, tuple[str, ...]]] = {
    "step-before-backward": ("step_order", "step_order_guard"),
    "clip-misorder": ("step_order", "step_order_guard"),
    "scheduler-misorder": ("step_order", "learning_rate_guard", "step_order_guard"),
    "optimizer-recreated": ("optimizer_recreated", "optimizer_recreated_guard"),
    "lost-update": ("lost_update", "learning_rate_guard"),
    "bad-learning-rate": ("learning_rate",),
}
"""The files of each mistake, hunt checks first, by its slug."""
