"""All seeds of a test in one computation: the user's side of ``seeds(32, vectorized=True)``.

`Ensemble` trains the same torch model from several seeds at once, `batches` draws each seed's own
batches, and `PerSeed` marks a batch that has one part per seed. `JaxEnsemble` is the same for jax.
`VectorizedRun` is the type of the fixture ``mlregress`` in such a test, for annotations.
Names are imported when they are first used: neither torch nor jax is loaded before.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pytest_mlregress.running.vectorized_run import VectorizedRun
    from pytest_mlregress.vectorized.data import batches
    from pytest_mlregress.vectorized.ensemble import Ensemble
    from pytest_mlregress.vectorized.errors import VectorizedError
    from pytest_mlregress.vectorized.jax_ensemble import JaxEnsemble
    from pytest_mlregress.vectorized.nests import PerSeed

__all__ = ["Ensemble", "JaxEnsemble", "PerSeed", "VectorizedError", "VectorizedRun", "batches"]

_HOMES: Final = {
    "Ensemble": "vectorized.ensemble",
    "JaxEnsemble": "vectorized.jax_ensemble",
    "PerSeed": "vectorized.nests",
    "VectorizedError": "vectorized.errors",
    "VectorizedRun": "running.vectorized_run",
    "batches": "vectorized.data",
}


if not TYPE_CHECKING:  # to a type checker an unknown name would have a value

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"pytest_mlregress.{_HOMES[name]}"), name)
        globals()[name] = value  # asked for once
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
