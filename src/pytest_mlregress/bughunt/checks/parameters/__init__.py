"""Parameters that do not train, are not needed, or start in the wrong place."""

from __future__ import annotations

from typing import Final

FILES: Final[dict[str, tuple[str, ...]]] = {
    "detached-graph": ("detached_sample", "unused_or_detached", "untrained_guard"),
    "unregistered-parameters": ("untrained", "untrained_guard"),
    "optimizer-misses-parameters": ("untrained", "untrained_guard"),
    "frozen-parameter": ("untrained",),
    "unused-module": ("unused_or_detached", "unused_module_guard"),
    "unused-component": ("unused_component",),
    "symmetric-init": ("initialisation", "initialisation_guard"),
    "shared-init": ("initialisation", "initialisation_guard"),
    "target-alias": ("initialisation", "target_alias"),
    "bias-before-batchnorm": ("biases", "bias_before_batchnorm_guard"),
    "missing-output-bias": ("biases", "output_bias_guard"),
}
"""The files of each mistake, hunt checks first, by its slug."""
