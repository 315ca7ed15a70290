"""Generators of random numbers are seeded, compared and put back, each library by itself."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

from pytest_mlregress.seeding import (
    SEED_LIBRARY,
    RandomState,
    preserved_generators,
    seed_everything,
    seed_python_numpy_torch,
)

DRAWS: dict[str, Callable[[], object]] = {
    "python": random.random,
    "numpy": np.random.rand,
    "torch": lambda: torch.rand(()).item(),
}


@pytest.fixture(autouse=True)
def _preserved():
    with preserved_generators():
        yield


def drawn() -> list[object]:
    return [draw() for draw in DRAWS.values()]


@pytest.mark.parametrize("seed_generators", [seed_everything, seed_python_numpy_torch])
def test_one_seed_gives_the_same_numbers(seed_generators: Callable[[int], None]) -> None:
    seed_generators(2**32 - 1)
    first = drawn()
    assert drawn() != first
    seed_generators(2**32 - 1)
    assert drawn() == first


def test_a_state_is_put_back() -> None:
    state = RandomState.now()
    first = drawn()
    state.restore()
    assert drawn() == first


@pytest.mark.parametrize("name", DRAWS)
def test_a_difference_names_the_generator(name: str) -> None:
    state = RandomState.now()
    assert state.differences(RandomState.now()) == []
    DRAWS[name]()
    assert RandomState.now().differences(state) == [name]


@pytest.mark.parametrize(("library", "name"), [("numpy.random", "numpy"), ("torch", "torch")])
def test_one_library_is_seeded_alone(library: str, name: str) -> None:
    drawn()  # so that no earlier test has left just this state
    state = RandomState.now()
    SEED_LIBRARY[library](3)
    assert RandomState.now().differences(state) == [name]


def test_nothing_is_imported_to_be_seeded() -> None:
    program = """
import sys
from pytest_mlregress.seeding import RandomState, seed_everything
seed_everything(1)
RandomState.now().restore()
print([name for name in ("pytest", "numpy", "torch", "tensorflow") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_torch_is_seeded_as_by_manual_seed() -> None:
    torch.manual_seed(7)
    expected = torch.get_rng_state()
    torch.rand(3)
    seed_everything(7)
    assert torch.equal(torch.get_rng_state(), expected)


def test_a_build_with_an_accelerator_has_its_generators_seeded_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds: list[int] = []
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch, "manual_seed", seeds.append)
    seed_everything(7)
    assert seeds == [7]


def test_a_torch_that_cannot_tell_of_accelerators_is_seeded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``torch.accelerator`` came with 2.6."""
    monkeypatch.delattr(torch, "accelerator")
    seed_everything(7)
    state = torch.get_rng_state()
    torch.manual_seed(7)
    assert torch.equal(state, torch.get_rng_state())
