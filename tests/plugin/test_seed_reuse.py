"""Seeds that were trained before are taken from the cache, in A/B runs of either kind."""

from __future__ import annotations

import pytest
from training_suite import TRAINING, Suite

TEST = "test_training.py::test_training"


def summary(suite: Suite) -> tuple[int, int]:
    """Seeds that trained, and seeds from the cache."""
    totals = suite.report["summary"]
    return totals["seeds_run"], totals["seeds_cached"]


def test_a_second_comparison_of_the_same_commits_trains_nothing(suite: Suite) -> None:
    suite.write(TRAINING)
    suite.run("--mlregress-against=HEAD", "--mlregress-no-cache", apart=True)
    assert summary(suite)[1] == 0
    (suite.path / "README.md").write_text("words")
    first = suite.run("--mlregress-against=HEAD", apart=True)
    assert first.ret == 0, first.stdout.str()

    suite.run("--mlregress-against=HEAD", apart=True)
    assert suite.verdicts == {TEST: "identical"}
    assert summary(suite) == (0, 4)

    (suite.path / "test_training.py").write_text(
        (suite.path / "test_training.py").read_text().replace("0.9,", "0.91,")
    )
    suite.run("--mlregress-against=HEAD", apart=True)
    assert summary(suite)[0] > 0


def test_an_ordinary_run_keeps_seeds_only_where_it_is_told(
    suite: Suite, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("seeds")
    suite.write(TRAINING)
    suite.run("--mlregress-missing=warn")
    assert not (suite.path / ".pytest_cache" / "d" / "mlregress-seeds").exists()
    suite.run("--mlregress-missing=warn", f"--mlregress-cache={place}")
    assert summary(suite) == (5, 0)
    assert len(list(place.rglob("*.json.gz"))) == 5
