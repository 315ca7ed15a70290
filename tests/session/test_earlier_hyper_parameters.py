"""The HTML report draws the hyper-parameters of earlier baselines that the history holds."""

import re

import pytest

SUITE = """
import os
import pytest

@pytest.mark.mlregress
def test_training(mlregress):
    mlregress.log_params({"lr": float(os.environ["LR"])})
    mlregress.record("accuracy", 0.9 + mlregress.seed / 1000, margin=0.5, higher_is_better=True)
"""
UPDATE = ("--mlregress-update", "--mlregress-allow-dirty", "--mlregress-baseline-seeds=5")

pytestmark = pytest.mark.slow


def test_earlier_baselines_are_lines_of_the_plot(pytester, monkeypatch):
    pytester.makepyfile(test_it=SUITE)
    for rate in ("0.1", "0.2"):
        monkeypatch.setenv("LR", rate)
        assert pytester.runpytest_subprocess("-q", *UPDATE).ret == 0
    pytester.runpytest_subprocess("-q", "--mlregress-seeds=3", "--mlregress-report=report.html")
    page = (pytester.path / "report.html").read_text("utf-8")
    lines = re.findall(r'<path class="run (\w+)"', page)
    assert [lines.count(side) for side in ("past", "before")] == [1, 5]
    assert "Dotted, by their means: 1 earlier revision of the baseline" in page
