"""What counts as a seed's time: its training, not what the plugin imports to watch it."""

from __future__ import annotations

import pytest

LOGS = """
    import os
    import sys

    import pytest


    @pytest.mark.seeds(3)
    def test_fit(mlregress):
        loaded = "scipy" in sys.modules
        mlregress.log(0, accuracy=0.9 + mlregress.seed / 1000)
        mlregress.record("accuracy", 0.9 + mlregress.seed / 1000, higher_is_better=True)
        if "CHECKS" in os.environ:
            assert loaded == ("scipy" in sys.modules)
"""


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_log_imports_no_statistics(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    pytester.makepyfile(test_fit=LOGS)
    arguments = ("--mlregress-allow-dirty", workers)
    assert pytester.runpytest_subprocess(*arguments, "--mlregress-update").ret == 0
    monkeypatch.setenv("CHECKS", "1")
    assert pytester.runpytest_subprocess(*arguments).ret == 0
