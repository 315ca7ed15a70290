"""What a seed needs of a machine, as the marker says it."""

from __future__ import annotations

import sys

import pytest
from training_suite import Suite

from pytest_mlregress.settings import Settings, override

MIB = 2**20


@pytest.mark.parametrize(
    ("written", "in_bytes"),
    [(1000, 1000.0), ("4GB", 4e9), ("1.5 GiB", 1.5 * 2**30), ("512", 512.0), ("2kb", 2000.0)],
)
def test_memory_is_kept_in_bytes(written: float | str, in_bytes: float) -> None:
    assert override(Settings(), {"memory": written}).memory == in_bytes


def test_each_seed_reports_its_own_peak(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import pytest
        @pytest.mark.seeds([1, 0])
        def test_it(mlregress):
            block = bytearray(b"x") * (mlregress.seed * 96 * 2**20 + 1)
            mlregress.record("size", len(block), higher_is_better=True)
        """
    )
    (test,) = suite.check(workers, "--mlregress-stop=never", apart=True).values()
    peaks = {seed["seed"]: seed["peak_memory"] for seed in test["seeds"]}
    assert peaks[1] > 96 * MIB
    if sys.platform == "linux":
        assert peaks[1] - peaks[0] > 64 * MIB
    assert {seed["peak_gpu_memory"] for seed in test["seeds"]} == {None}
