"""CPU threads and GPUs per seed.

Two workers with all cores each run several times slower than two with their share, and the number
of threads changes the order of floating-point sums, hence the metrics: it is a setting, the same on
every machine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import pytest

from pytest_mlregress.running.start_of_run import DEVICES
from pytest_mlregress.settings import Threads

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

THREAD_VARIABLES: Final = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
)
"""Read once, when a library is loaded: they must be set before a worker starts."""

_VARIABLES: Final = pytest.StashKey[Mapping[str, str | None]]()


def export_threads(threads: Threads) -> Mapping[str, str | None]:
    """Set the environment variables that workers inherit.

    Args:
        threads: CPU threads per seed, or `"keep"`.

    Returns:
        What they were, for `restore_variables`; None for one that was not set.
    """
    if threads == "keep":
        return {}
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    for name, value in before.items():
        if value != str(threads):
            os.environ[name] = str(threads)
    return before


def restore_variables(before: Mapping[str, str | None]) -> None:
    """Restore environment variables.

    Args:
        before: what `export_threads` returned.
    """
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        elif os.environ.get(name) != value:
            os.environ[name] = value


def export_threads_until_the_end(config: pytest.Config, threads: Threads) -> None:
    """As `export_threads`, until `restore_at_the_end`.

    Args:
        config: pytest's.
        threads: CPU threads per seed, or `"keep"`.
    """
    before = export_threads(threads)
    config.stash.setdefault(_VARIABLES, before)


def restore_at_the_end(config: pytest.Config) -> None:
    """Undo `export_threads_until_the_end`.

    Args:
        config: pytest's.
    """
    restore_variables(config.stash.get(_VARIABLES, {}))


@contextmanager
def limited_threads(threads: Threads) -> Iterator[None]:
    """Run one seed with that many threads in torch and in every loaded BLAS and OpenMP library.

    BLAS libraries are limited through threadpoolctl; in xdist's workers the variables have done it
    already.

    Args:
        threads: CPU threads per seed, or `"keep"`.

    Yields:
        Once, around the seed.
    """
    if threads == "keep":
        yield
        return
    variables = export_threads(threads)  # for a library that the test is the first to import
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else None
    if torch is not None:
        torch.set_num_threads(threads)
    try:
        with _limited_pools(threads):
            yield
    finally:
        restore_variables(variables)
        if torch is not None and before is not None:
            torch.set_num_threads(before)


@contextmanager
def _limited_pools(threads: int) -> Iterator[None]:
    if "numpy" not in sys.modules:
        yield
        return
    with _pools(len(sys.modules)).limit(limits=threads):
        yield


@lru_cache(maxsize=1)
def _pools(modules: int) -> ThreadpoolController:
    """The loaded libraries.

    Finding them takes about 10 ms, as long as some tests: it is repeated only if ``modules``, the
    number of imported ones, has changed.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def pin_device(worker: str) -> None:
    """Give the k-th xdist worker (``gw3``) the k-th of the caller's ``CUDA_VISIBLE_DEVICES``.

    Without that variable it is unknown which GPUs are free, and nothing is changed. More workers
    than GPUs share them in turn.

    Args:
        worker: the id of the worker.
    """
    number = worker.removeprefix("gw")
    if not (os.environ.get(DEVICES, "").strip() and number.isdigit()):
        return
    from pytest_mlregress.resources.devices import listed_devices

    devices = listed_devices(os.environ)
    if devices:
        os.environ[DEVICES] = devices[int(number) % len(devices)]
