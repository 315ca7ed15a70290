"""The families of checks; importing one enters its checks into the registry."""

from __future__ import annotations

from importlib import import_module

FAMILIES = (
    "ablation",
    "above_trivial",
    "accumulation",
    "biases",
    "broadcasting",
    "constant_output",
    "data",
    "determinism",
    "evaluation",
    "gradient_health",
    "growth",
    "influence",
    "initialisation",
    "label_shuffle",
    "layout",
    "leaks",
    "learning",
    "loss_inputs",
    "loss_sign",
    "memorising",
    "mixed_reduction",
    "modes",
    "padding",
    "pairing",
    "parameters",
    "residuals",
    "sampled_cut",
    "sequence_leaks",
    "softmax_axis",
    "splits",
    "step_order",
    "unbounded",
    "zero_grad",
)

LOADED = tuple(import_module(f"{__package__}.{name}") for name in FAMILIES)
