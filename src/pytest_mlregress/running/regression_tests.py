"""Which functions are regression tests, told from all others at every start of pytest.

So nothing is imported here that only a regression test needs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

import pytest

SEED: Final = "seed"
FIXTURE: Final = "mlregress"

MARKERS: Final = ("mlregress", "seeds", "tiers")

MARKER_HELP: Final = (
    "mlregress(test=None, pairing=None, expect=None, deterministic=None, on_nonfinite=None, "
    "suppress=(), num_cpus=None, num_gpus=None, memory=None): a training-based regression "
    "test, run across seeds and judged against its baseline",
    "seeds(n_or_list, vectorized=False): the seeds of a check: at most n (0 ... n-1), or exactly "
    "those listed; vectorized=True trains all of them in one run of the test; implies mlregress",
    "tiers(**name={...}): named sizes of the same training; --mlregress-tier picks one",
)


def is_regression_test(metafunc: pytest.Metafunc, plugin: str) -> bool:
    """True for a test with one of the markers, or with a fixture of this plugin.

    Args:
        metafunc: pytest's, of the test.
        plugin: the module that defines the plugin's fixture ``seed``; a project's fixture of that
            name makes no regression test.

    Returns:
        Whether it is one.
    """
    if FIXTURE in metafunc.fixturenames or _is_marked(metafunc.definition):
        return True
    if SEED not in metafunc.fixturenames:
        return False
    from pytest_mlregress import _compat

    return _compat.resolves_to(metafunc, SEED, plugin) and not parametrizes_seed(metafunc)


def parametrizes_seed(metafunc: pytest.Metafunc) -> bool:
    """True where the test itself parametrizes ``seed``.

    Args:
        metafunc: pytest's, of the test.

    Returns:
        Whether it does.
    """
    for mark in metafunc.definition.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
        listed = names.split(",") if isinstance(names, str) else names
        if SEED in [str(name).strip() for name in listed]:
            return True
    return False


def unittest_problem(collected: Iterable[object]) -> str | None:
    """Why what a collector returned cannot be used, or None.

    pytest does not parametrize the methods of ``unittest.TestCase``, so that a marked one would
    silently run once, with no seed and no verdict.

    Args:
        collected: the collected nodes.

    Returns:
        The message.
    """
    unittest = sys.modules.get("unittest")
    if unittest is None:  # then there is no class that inherits from its own
        return None
    for node in collected:
        if not isinstance(node, pytest.Function) or isinstance(node.parent, pytest.Module):
            continue
        if node.cls is None:
            continue
        if issubclass(node.cls, unittest.TestCase) and _is_marked(node):
            return (
                f"{node.nodeid}: a method of unittest.TestCase cannot be run across seeds, since "
                "pytest does not parametrize it; make it a plain test function or a method of a "
                "class that does not inherit from unittest.TestCase"
            )
    return None


def _is_marked(node: pytest.Item | pytest.Collector) -> bool:
    return any(node.get_closest_marker(name) is not None for name in MARKERS)
