"""Dynamic checks that find training bugs in a PyTorch program and name the line.

`hunt` runs them all on a model, a batch and a step; `overfit_single_batch`,
`check_view_permute` and `check_logits` make one check each.

The names are imported when they are first used: torch is slow to import, and the plugin finds its
fixtures in this package at every start of pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pytest_mlregress.bughunt.errors import BughuntError
    from pytest_mlregress.bughunt.findings import Finding, Findings, Skip
    from pytest_mlregress.bughunt.hunt_runner import hunt
    from pytest_mlregress.bughunt.single_checks import (
        check_logits,
        check_view_permute,
        overfit_single_batch,
    )

__all__ = [
    "BughuntError",
    "Finding",
    "Findings",
    "Skip",
    "check_logits",
    "check_view_permute",
    "hunt",
    "overfit_single_batch",
]

_HOMES: Final = {
    "BughuntError": "errors",
    "Finding": "findings",
    "Findings": "findings",
    "Skip": "findings",
    "check_logits": "single_checks",
    "check_view_permute": "single_checks",
    "hunt": "hunt_runner",
    "overfit_single_batch": "single_checks",
}


if not TYPE_CHECKING:  # to a type checker an unknown name would have a value

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
        return getattr(module, name)
