"""Mistakes in evaluation: modes, generators that are reset, data and models that change."""

from __future__ import annotations

from typing import Final

FILES: Final[dict[str, tuple[str, ...]]] = {
    "missing-train-mode": ("train_eval_mode", "train_eval_mode_guard"),
    "missing-eval-mode": ("train_eval_mode", "train_eval_mode_guard"),
    "rng-reset": ("rng_reset", "rng_reset_guard"),
    "eval-mutates-model": ("eval_mutates_model",),
    "inplace-data-mutation": ("inplace_data_mutation",),
    "nondeterministic": ("nondeterministic", "nondeterministic_guard"),
}
"""The files of each mistake, hunt checks first, by its slug."""
