"""Seeds that were trained before are taken from the cache, in A/B runs of either kind."""

from __future__ import annotations

import gzip
import json

import pytest
from training_suite import TRAINING, Suite

TEST = "test_training.py::test_training"


def summary(suite: Suite) -> tuple[int, int]:
    """Seeds that trained, and seeds from the cache."""
    totals = suite.report["summary"]
    return totals["seeds_run"], totals["seeds_cached"]


DATA = """
    import random
    from pathlib import Path

    import pytest

    @pytest.mark.seeds(4)
    def test_training(mlregress):
        level = float(Path(__file__).with_name("level.csv").read_text())
        accuracy = level + random.gauss(0, 0.001)
        mlregress.record("accuracy", accuracy, higher_is_better=True)
"""


def test_data_alone_that_differ_are_a_regression_in_every_run(suite: Suite) -> None:
    (suite.path / "level.csv").write_text("0.9")
    suite.write(DATA)
    (suite.path / "level.csv").write_text("0.5")
    for _ in range(2):
        suite.run("--mlregress-against=HEAD", apart=True)
        assert suite.verdicts == {TEST: "regression"}
    assert summary(suite)[0] == 0
    entries = list((suite.path / ".pytest_cache" / "d" / "mlregress-seeds").rglob("*.json.gz"))
    contents = [
        json.loads(json.loads(gzip.decompress(entry.read_bytes()))["content"]) for entry in entries
    ]
    assert len({content["reads"]["files"]["level.csv"] for content in contents}) == 2


def test_a_second_comparison_of_the_same_commits_trains_nothing(suite: Suite) -> None:
    suite.write(TRAINING)
    suite.run("--mlregress-against=HEAD", "--mlregress-no-cache", apart=True)
    assert summary(suite)[1] == 0
    (suite.path / "README.md").write_text("words")
    first = suite.run("--mlregress-against=HEAD", apart=True)
    assert first.ret == 0, first.stdout.str()
    assert summary(suite) == (4, 0)  # no side is a copy of the other one

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


def test_a_cache_folder_that_cannot_be_made_is_told_once(suite: Suite) -> None:
    suite.write(TRAINING)
    (suite.path / "occupied").write_text("")
    result = suite.run("--mlregress-against=HEAD", "-o", "cache_dir=occupied", apart=True)
    assert result.ret == 0, result.stdout.str()
    lines = [line.strip() for line in result.outlines]
    (at,) = [place for place, line in enumerate(lines) if "this run goes on without it" in line]
    assert "MLRegressWarning: cache: " in lines[at]
    assert lines[at + 1] == ""  # no line of ours as the source
