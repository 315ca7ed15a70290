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


SLOWLY_SEEDED = """
    import time

    import pytest

    durations = {}


    def pytest_mlregress_seed(seed):
        time.sleep(0.1)


    def pytest_runtest_logreport(report):
        if hasattr(report, "mlregress"):
            phases = durations.setdefault(report.nodeid, [])
            phases.append(report.duration)
            if "spent" in report.mlregress:  # seeded before its fixtures and before the function
                assert sum(phases) - report.mlregress["spent"]["duration"] >= 0.2
"""


def test_what_seeding_takes_is_no_training(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(SLOWLY_SEEDED)
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.seeds(2)
        def test_fit(mlregress):
            mlregress.record("accuracy", 0.9, higher_is_better=True)
        """
    )
    done = pytester.runpytest_subprocess("-n0")
    assert done.ret == pytest.ExitCode.TESTS_FAILED  # there is no baseline
    done.stdout.no_fnmatch_line("INTERNALERROR*")
