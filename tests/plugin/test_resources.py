"""What a seed needs of a machine, as the marker says it."""

from __future__ import annotations

import pytest

from pytest_mlregress.settings import Settings, override


@pytest.mark.parametrize(
    ("written", "in_bytes"),
    [(1000, 1000.0), ("4GB", 4e9), ("1.5 GiB", 1.5 * 2**30), ("512", 512.0), ("2kb", 2000.0)],
)
def test_memory_is_kept_in_bytes(written: float | str, in_bytes: float) -> None:
    assert override(Settings(), {"memory": written}).memory == in_bytes
