"""Where recorded values come from."""

import re
from pathlib import Path

import pytest
from baseline_examples import example

import pytest_mlregress
from pytest_mlregress.baselines.environment import describe_environment
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.baselines.json_text import dumps, loads
from pytest_mlregress.baselines.provenance import collect_provenance, utc_now, working_tree


def test_the_state_of_the_code_and_the_run_are_recorded(repository: Path) -> None:
    (repository / "train.py").write_text("lr = 0.2\n")
    tree = working_tree(repository)

    provenance = collect_provenance(
        repository,
        seeds=[0, 1, 2],
        environment={"threads": 1},
        command=["pytest", "--mlregress-update"],
        time="2026-03-01T12:00:00Z",
    )

    assert provenance.plugin == pytest_mlregress.__version__
    assert provenance.time == "2026-03-01T12:00:00Z"
    assert (provenance.commit, provenance.branch) == (tree.commit, "main")
    assert (provenance.dirty, provenance.diff_hash) == (True, tree.diff_hash)
    assert provenance.command == ("pytest", "--mlregress-update")
    assert provenance.seeds == (0, 1, 2)
    assert provenance.environment == {"threads": 1}


def test_what_is_not_given_is_found_out(repository: Path) -> None:
    provenance = collect_provenance(repository, seeds=[], environment={}, command=["pytest"])

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", provenance.time)
    assert not provenance.dirty


def test_a_tree_that_was_looked_up_before_is_taken(repository: Path) -> None:
    tree = working_tree(repository)
    (repository / "train.py").write_text("written meanwhile")

    provenance = collect_provenance(
        repository, seeds=[], environment={}, command=["pytest"], tree=tree
    )

    assert not provenance.dirty


def test_a_real_provenance_comes_back_from_a_file(repository: Path) -> None:
    environment = describe_environment()
    provenance = collect_provenance(
        repository, seeds=range(3), environment=environment, command=["pytest"]
    )
    artifact = first_artifact("test_a.py::test_a", "full", example().metrics, provenance)

    assert loads(dumps(artifact), source="a.json").provenance == provenance


def test_nothing_of_it_needs_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    provenance = collect_provenance(
        tmp_path / "nowhere", seeds=[], environment={}, command=["pytest"]
    )

    assert provenance.commit is None
    assert not provenance.dirty


def test_the_time_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    from datetime import UTC, datetime

    now = datetime.fromisoformat(utc_now())

    assert abs((datetime.now(UTC) - now).total_seconds()) < 60
