"""How much of a GPU a seed takes, by its memory and its time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.resources.device_sharing import (
    CONTEXT,
    TrainedSeed,
    budget,
    memory_of,
    most_at_once,
    share,
)
from pytest_mlregress.resources.nvml import DeviceMemory

GB = 10**9


def trained(
    began: float,
    ended: float,
    *,
    test: str = "t",
    device: str = "0",
    memory: int | None = GB,
    first: bool = False,
) -> TrainedSeed:
    return TrainedSeed(test, (device,), began, ended, ended - began, memory, first)


def test_nine_tenths_of_a_gpu_less_what_others_and_cuda_itself_take() -> None:
    assert budget(DeviceMemory(80 * GB, 2 * GB), 4) == 70 * GB - 4 * CONTEXT
    assert budget(DeviceMemory(2 * GB, GB), 4) == 0


@pytest.mark.parametrize(
    ("declared", "memory", "most", "part"),
    [
        (None, None, None, 1.0),  # nothing is known: alone
        (None, 0, None, 0.0),  # it uses no GPU
        (None, 250, None, 0.25),
        (None, 5000, None, 1.0),
        (None, 250, 2, 0.5),
        (None, 0, 2, 0.0),
        (0.5, None, None, 0.5),
        (0.5, 100, None, 0.5),
        (0.25, 600, None, 0.6),  # it declares less than it takes
        (0.25, None, 1, 1.0),
        (0.25, 0, None, 0.25),
        (2.0, 100, None, 1.0),
        (0.0, 900, None, 0.0),
    ],
)
def test_the_share_of_a_seed(
    declared: float | None, memory: int | None, most: int | None, part: float
) -> None:
    assert share(declared, memory, 1000, most) == part


def test_without_any_room_one_seed_trains_at_a_time() -> None:
    assert share(None, 100, 0, None) == 1.0


@given(
    st.none() | st.floats(0, 1),
    st.none() | st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.none() | st.integers(1, 50),
)
def test_a_share_is_a_part_and_never_less_than_declared(
    declared: float | None, memory: int | None, room: int, most: int | None
) -> None:
    part = share(declared, memory, room, most)
    assert (declared or 0.0) <= part <= 1.0


def test_the_largest_seed_of_a_test_counts() -> None:
    seeds = [
        trained(0, 1, memory=5),
        trained(0, 1, memory=None),
        trained(0, 1, memory=7),
        trained(0, 1, test="other", memory=99),
    ]
    assert memory_of("t", seeds) == 7
    assert memory_of("new", seeds) is None
    assert memory_of("t", seeds[1:2]) is None


def test_side_by_side_without_gain_is_one_too_many() -> None:
    alone = [trained(0, 10)]
    three = [trained(10, 41), trained(10, 41), trained(10, 41)]
    assert most_at_once("0", [*alone, *three]) == 2
    assert most_at_once("1", [*alone, *three]) is None
    two = [trained(50, 69), trained(50, 69), trained(69, 88), trained(69, 88)]
    assert most_at_once("0", [*alone, *three, *two]) == 2


def test_side_by_side_with_gain_goes_on() -> None:
    seeds = [trained(0, 10), trained(10, 35), trained(10, 35), trained(10, 35)]
    assert most_at_once("0", seeds) is None


def test_too_few_seeds_say_nothing() -> None:
    assert most_at_once("0", [trained(0, 10), trained(10, 40), trained(10, 40)]) is None


def test_a_first_seed_counts_only_where_no_other_does() -> None:
    cold = trained(0, 30, first=True)
    three = [trained(40, 71), trained(40, 71), trained(40, 71)]
    assert most_at_once("0", [cold, *three]) is None
    assert most_at_once("0", [cold, trained(30, 40), *three]) == 2


def test_seeds_that_still_run_and_seeds_that_use_no_gpu() -> None:
    seeds = [trained(0, 10), trained(10, 32), trained(10, 32), trained(10, 31)]
    # Beside a fourth that has not ended, three took a fourth of their time each: a gain.
    assert most_at_once("0", seeds, running=[10]) is None
    seeds = [trained(0, 10), *(trained(10, 31, memory=0) for _ in range(3))]
    assert most_at_once("0", seeds) is None


def test_tests_are_compared_with_themselves() -> None:
    short = [trained(0, 1, test="short"), trained(1, 2.1, test="short"), trained(1, 2.1)]
    long = [trained(10, 110, test="long")]
    assert most_at_once("0", [*short, *long]) is None
