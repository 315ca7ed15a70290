"""`mlregress diff` and the update that it looks back on say the same of one comparison."""

from __future__ import annotations

import json

import pytest
from baseline_files import TEST
from click.testing import CliRunner
from training_suite import Suite

from pytest_mlregress.cli import main

CHECK = """
    import random

    import pytest


    @pytest.mark.seeds(3)
    def test_training(mlregress):
        mlregress.record("accuracy", random.gauss({mean}, 0.01), higher_is_better=True)
        for margin in (0.02, "2%", "1.5sd"):
            value = random.gauss({mean}, 0.01)
            mlregress.record(f"f1 {{margin}}", value, higher_is_better=True, margin=margin)
"""


@pytest.mark.parametrize("mean", [0.87, 0.905])
def test_both_have_one_interval_and_one_margin(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, mean: float
) -> None:
    suite.configure(ini="mlregress_alpha = 0.02")
    suite.write(CHECK.format(mean=0.9))
    suite.record("--mlregress-baseline-seeds=10")
    suite.write(CHECK.format(mean=mean))
    assert suite.run("--mlregress-update", "--mlregress-rebase-anchor=why").ret == 0
    monkeypatch.chdir(suite.path)
    rows = json.loads(CliRunner().invoke(main, ["diff", TEST, "--json"]).output)
    shown = ("difference", "interval", "interval_level", "margin")
    found = {row["metric"]: {name: row[name] for name in shown} for row in rows}
    assert found == {
        metric["name"]: {name: metric[name] for name in shown}
        for metric in suite.tests[TEST]["metrics"]
    }
    output = CliRunner().invoke(main, ["diff", TEST]).output
    assert f"{100 * rows[0]['interval_level']:.2g} %):" in output
