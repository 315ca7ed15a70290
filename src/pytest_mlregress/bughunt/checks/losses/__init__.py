"""Losses that are given what they do not expect, or that reward the wrong thing."""

from __future__ import annotations

from typing import Final

FILES: Final[dict[str, tuple[str, ...]]] = {
    "softmax-into-cross-entropy": (
        "loss_inputs",
        "bounded_logits",
        "squashing",
        "loss_inputs_guard",
    ),
    "double-softmax": ("loss_inputs", "loss_inputs_guard"),
    "sigmoid-into-bce-with-logits": ("loss_inputs", "loss_inputs_guard"),
    "probabilities-into-nll": ("loss_inputs", "loss_inputs_guard"),
    "logits-into-nll": ("loss_inputs", "loss_inputs_guard"),
    "wrong-softmax-dim": ("loss_inputs", "softmax_dim", "loss_inputs_guard", "softmax_dim_guard"),
    "dropout-on-logits": ("loss_inputs", "loss_inputs_guard"),
    "relu-on-logits": ("loss_inputs", "loss_inputs_guard"),
    "swapped-loss-arguments": ("loss_inputs", "loss_inputs_guard"),
    "broadcast-loss": ("broadcast", "broadcast_loss_guard"),
    "broadcast-metric": ("broadcast", "broadcast_metric_guard"),
    "wrong-loss-sign": ("loss_sign", "residuals", "unbounded_loss", "loss_sign_guard"),
    "loss-sum-vs-mean": ("sum_vs_mean",),
}
"""The files of each mistake, hunt checks first, by its slug."""
