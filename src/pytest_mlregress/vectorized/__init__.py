"""All seeds of a test in one computation: the user's side of ``seeds(32, vectorized=True)``.

`Ensemble` trains the same torch model from several seeds at once, `batches` draws each seed's own
batches, and `PerSeed` marks a batch that has one part per seed. `JaxEnsemble` is the same for jax.
Names are imported when they are first used: neither torch nor jax is loaded before.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pytest_mlregress.vectorized.data import batches
    from pytest_mlregress.vectorized.ensemble import Ensemble
    from pytest_mlregress.vectorized.errors import VectorizedError
    from pytest_mlregress.vectorized.jax_ensemble import JaxEnsemble
    from pytest_mlregress.vectorized.nests import PerSeed

__all__ = ["Ensemble", "JaxEnsemble", "PerSeed", "VectorizedError", "batches"]

_HOMES: Final = {
    "Ensemble": "ensemble",
    "JaxEnsemble": "jax_ensemble",
    "PerSeed": "nests",
    "VectorizedError": "errors",
    "batches": "data",
}


if not TYPE_CHECKING:  # to a type checker an unknown name would have a value

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value  # asked for once
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
