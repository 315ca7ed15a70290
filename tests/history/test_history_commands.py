"""`mlregress history`, `health` and `replay`, as a user types them."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from history_cases import TEST, run, values

from pytest_mlregress.baselines.artifact import MetricBaseline, Provenance
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.baselines.json_document import document_of
from pytest_mlregress.cli import main
from pytest_mlregress.history.database import Database
from pytest_mlregress.history.place import DEFAULT_PLACE

RED = {"colour": "red", "verdict": "regression"}


def write(folder: Path, *runs: object) -> Path:
    Database(folder / DEFAULT_PLACE).append(runs)  # type: ignore[arg-type]
    return folder


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight good runs, then four that lost."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    good = [run(number, 0.9 + 0.0002 * (number % 3)) for number in range(1, 9)]
    return write(tmp_path, *good, *(run(number, 0.88, **RED) for number in range(9, 13)))


def call(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output.splitlines()


def test_history_at_a_glance(suite: Path) -> None:
    code, lines = call("history")
    assert code == 0
    assert lines[0].startswith("12 runs, 1 Mar 2026 to 12 Mar 2026, in")
    i = lines.index(TEST)
    assert lines[i - 1 : i + 2] == ["", TEST, "  regression in the newest of 12 runs, 4 red"]
    text = " ".join(" ".join(lines).split())
    assert re.search(r"accuracy 0.88 loss between 8888888 and 9999999, 9 Mar 2026: 0.9002 ->", text)


def test_history_of_a_test_has_a_plot_its_changes_and_its_runs(suite: Path) -> None:
    code, lines = call("history", "test_fit", "--runs", "2")
    assert code == 0
    assert lines[0] == f"{TEST}: accuracy (higher is better), 12 runs"
    assert sum(line.count("●") for line in lines) == 12
    assert sum("┃" in line for line in lines) >= 5
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert re.search(r"loss between 8888888 and 9999999, 9 Mar 2026: 0.9002 -> 0.88", text)
    assert lines[-3:] == [
        "  11 Mar 2026  bbbbbbb      5  0.88       -0.02  regression",
        "  12 Mar 2026  ccccccc      5  0.88       -0.02  regression",
        "  and 10 earlier runs: --runs 12",
    ]


def test_history_without_a_change_says_so(tmp_path: Path) -> None:
    write(tmp_path, *(run(number) for number in range(1, 6)))
    _, lines = call("history", "test_fit", "--rootdir", str(tmp_path))
    assert "no change of the mean is shown (level 0.01)" in lines


def test_a_history_without_any_metric_says_so(tmp_path: Path) -> None:
    write(tmp_path, run(1, test={"metrics": ()}))
    assert call("history", "test_fit", "--rootdir", str(tmp_path)) == (
        1,
        ["Error: no run has recorded any metric"],
    )


def test_runs_of_one_day_name_it_once(tmp_path: Path) -> None:
    write(tmp_path, run(1))
    for command in ("history", "health"):
        _, lines = call(command, "--rootdir", str(tmp_path))
        assert lines[0].removesuffix(", in") == "1 run, 1 Mar 2026"


def test_history_since_a_day_or_a_commit(suite: Path) -> None:
    _, lines = call("history", "--since", "2026-03-10", "--json")
    (series,) = json.loads("\n".join(lines))["series"]
    assert [one["time"][:10] for one in series["runs"]] == [
        f"2026-03-{day}" for day in (10, 11, 12)
    ]
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    environment = {"GIT_COMMITTER_DATE": "2026-03-11T11:00:00+02:00", "PATH": "/usr/bin:/bin"}
    commit = [*git, "commit", "-q", "--allow-empty", "-m", "one"]
    subprocess.run(commit, check=True, env=environment)
    _, lines = call("history", "--since", "HEAD", "--json")
    (series,) = json.loads("\n".join(lines))["series"]
    assert len(series["runs"]) == 2
    code, lines = call("history", "--since", "nosuch")
    assert code == 2
    assert "'nosuch' is neither a date such as 2026-03-12 nor a git ref" in lines[-1]


def changes_of(*arguments: str) -> list[tuple[str, str, float, float]]:
    """Per change: the last commit before it, the first after it, both means."""
    _, lines = call("history", "--json", *arguments)
    (series,) = json.loads("\n".join(lines))["series"]
    return [
        (one["last_commit"], one["first_commit"], round(one["before"], 6), round(one["after"], 6))
        for one in series["changes"]
    ]


def test_history_goes_by_commits_and_not_by_when_they_were_run(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    for _ in range(8):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    listed = subprocess.run([*git, "rev-list", "--reverse", "HEAD"], capture_output=True, text=True)
    commits = listed.stdout.split()
    bisected = (0, 7, 3, 5, 4, 1)  # the commit after the fifth lost 0.02
    runs = [
        run(day, 0.9 if at < 5 else 0.88, commit=commits[at])
        for day, at in enumerate(bisected, start=1)
    ]
    write(tmp_path, *runs)
    assert changes_of("--rootdir", str(tmp_path)) == [(commits[4], commits[5], 0.9, 0.88)]
    _, lines = call("history", "test_fit", "--rootdir", str(tmp_path))
    assert lines[-1].startswith("  6 Mar 2026 ")  # the table is one of runs


def test_history_without_git_keeps_runs_of_the_same_code_together(tmp_path: Path) -> None:
    good, bad = "a" * 40, "b" * 40
    known = [(good, 0.9), (good, 0.9), (bad, 0.88), (bad, 0.88), (good, 0.9), (bad, 0.88)]
    write(tmp_path, *(run(day, mean, commit=of) for day, (of, mean) in enumerate(known, start=1)))
    assert changes_of("--rootdir", str(tmp_path)) == [(good, bad, 0.9, 0.88)]


def test_history_takes_a_few_seeds_of_a_known_run_for_that_run(tmp_path: Path) -> None:
    recorded = values(0.9, seed=1, n=20, sd=0.01)
    few = dict(sorted(recorded.items(), key=lambda item: item[1])[:2])
    assert sum(few.values()) / 2 < 0.89
    write(
        tmp_path,
        run(1, 0.9, metric={"values": recorded, "n": 20}),
        run(2, 0.7),
        run(3, 0.9, metric={"values": few, "n": 2}),
    )
    first, second, third = ("1" * 40, "2" * 40, "3" * 40)
    assert changes_of("--rootdir", str(tmp_path)) == [
        (first, second, 0.9, 0.7),
        (second, third, 0.7, 0.9),
    ]


def test_history_shows_the_mean_that_the_run_has_shown(tmp_path: Path) -> None:
    """Seeds that ended after the verdict do not enter it, and outliers do."""
    trained = values(0.8, seed=2, n=5) | {2: 0.75, 4: 0.1}
    shown = sum(trained[seed] for seed in range(4)) / 4
    late = {"values": trained, "n": 4, "mean": shown}
    test = {"decided_after": 4, **RED}
    write(tmp_path, run(1, 0.9), run(2, 0.8, metric=late, test=test))
    ((_, _, before, after),) = changes_of("--rootdir", str(tmp_path))
    assert (before, after) == (0.9, round(shown, 6))
    _, lines = call("history", "--rootdir", str(tmp_path))
    text = " ".join(" ".join(lines).split())
    assert f"accuracy {shown:.4g} loss between 1111111 and 2222222" in text
    assert f": 0.9000 -> {shown:.4f} (" in text


def test_history_as_a_page_loads_nothing_and_escapes(tmp_path: Path) -> None:
    evil = {"test": "test_a.py::test_<script>alert(1)</script>"}
    write(tmp_path, run(1, test=evil), run(2, 0.7, test=evil))
    page = tmp_path / "pages/history.html"
    code, _ = call("history", "--rootdir", str(tmp_path), "--html", str(page))
    assert code == 0
    text = page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert not re.findall(r"(?:src|href)=\"(?!#)", text)
    assert str(tmp_path) not in text
    assert text.count("<circle") == 2


def test_history_of_nothing_is_an_error_with_the_next_command(suite: Path, tmp_path: Path) -> None:
    code, (line,) = call("history", "nope")
    assert code == 1
    assert line.startswith("Error: no run of a test that contains 'nope' in ")
    empty = tmp_path / "empty"
    empty.mkdir()
    code, (line,) = call("health", "--rootdir", str(empty))
    assert code == 1
    assert line == (
        f"Error: no runs in {empty / DEFAULT_PLACE} yet; each check adds one: pytest -m mlregress"
    )


def test_the_place_is_that_of_the_ini_file(suite: Path) -> None:
    Database(suite / "kept.sqlite").append([run(1)])
    (suite / "pytest.ini").write_text("[pytest]\nmlregress_history = kept.sqlite\n")
    assert call("history")[1][0].startswith("1 run, ")
    (suite / "pytest.ini").write_text("[pytest]\nmlregress_history = off\n")
    code, (line,) = call("history")
    assert code == 1
    assert (
        line == "Error: ini mlregress_history is off: no history is kept; name one: --history PATH"
    )


def test_health_counts_the_reds_of_unchanged_code(tmp_path: Path) -> None:
    same = {"same_code": True}
    runs = [run(number, test=same) for number in range(1, 20)]
    write(tmp_path, *runs, run(20, 0.88, **RED, test=same), run(21, 0.88, **RED))
    _, lines = call("health", "--rootdir", str(tmp_path), "--json")
    found = json.loads("\n".join(lines))["false_reds"]
    assert (found["runs"], found["red"], found["tests"]) == (20, 1, {TEST: 1})
    low, high = found["interval"]
    assert (round(low, 4), round(high, 4)) == (0.0013, 0.2487)
    _, lines = call("health", "--rootdir", str(tmp_path))
    text = " ".join(" ".join(lines).split())
    assert "unchanged code: 1 of 20 runs red: 5 % [0.13 %, 25 %], promised at most 5 %" in text


def test_health_counts_identical_runs_by_the_tests_that_were_compared(tmp_path: Path) -> None:
    same = run(1, verdict="identical", test={"same_code": True})
    (test,) = same.tests
    unaffordable = replace(test, test="test_a.py::test_b", verdict="unaffordable")
    write(tmp_path, replace(same, tests=(test, unaffordable)))
    _, lines = call("health", "--rootdir", str(tmp_path))
    assert "; 1 of them bit-identical in every test" in " ".join(" ".join(lines).split())


def test_health_names_flaky_tests_and_what_was_detected(tmp_path: Path) -> None:
    one = "a" * 40
    seeds = {"planned": tuple(range(8)), "decided_after": 3}
    write(
        tmp_path,
        run(1, 0.898, commit=one, test=seeds),
        run(2, 0.88, commit=one, test=seeds, **RED),
        run(3, 0.87, test=seeds, **RED),
    )
    code, lines = call("health", "--rootdir", str(tmp_path))
    assert code == 0
    assert f"flaky: {TEST}: 1 of 2 runs of aaaaaaa red" in lines
    row = next(line for line in lines if line.startswith("  accuracy"))
    assert row.split() == ["accuracy", "3", "0.01", "0.008", "0.02", "0.002"]
    assert (
        "seeds: 15 trained in checks, 6 of them (6 s) ended after their verdict was certain"
        in lines
    )
    assert f"  {TEST}: declares 8, took at most 3 in 3 checks" in lines


def recorded() -> dict[str, object]:
    sample = values(0.9, seed=99, n=20)
    metrics = {"accuracy": MetricBaseline(higher_is_better=True, values=sample, margin=0.01)}
    provenance = Provenance(plugin="0.1.0", time="2026-01-01T00:00:00Z", seeds=tuple(range(20)))
    return document_of(first_artifact("test_digits.py::test_fit", "default", metrics, provenance))


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A pass and a regression by 0.02 with a declared margin of 0.01."""
    settings = {"test": "robust-t", "pairing": "auto", "expect": None, "deterministic": False}
    test = {"settings": settings | {"on_nonfinite": "fail"}, "decided_after": 3}
    metric = {"declared": 0.01}
    baselines = {"0123456789abcdef": recorded()}
    return write(
        tmp_path,
        run(1, 0.9, test=test, metric=metric, baselines=baselines),
        run(2, 0.88, test=test, metric=metric, baselines=baselines, **RED),
    )


def test_replay_as_judged_changes_nothing(judged: Path) -> None:
    assert call("replay", "--rootdir", str(judged)) == (
        0,
        ["2 verdicts judged again as they were judged: none would change"],
    )


def test_replay_with_another_margin_says_which_change(judged: Path) -> None:
    assert call("replay", "--rootdir", str(judged), "--margin", "0.05") == (
        1,
        [
            f"2 Mar 2026   2222222  regression -> minor  {TEST}",
            "  accuracy: regression -> minor",
            "",
            "2 verdicts judged again with margin 0.05: 1 would change (1 red to green)",
        ],
    )
    assert call("replay", "--rootdir", str(judged), "--margin", "accuracy=0.05")[0] == 1


def test_replay_refuses_the_margin_of_a_metric_that_no_run_has(judged: Path) -> None:
    code, lines = call("replay", "--rootdir", str(judged), "--margin", "accurcy=0.05")
    assert code == 2
    assert "no run has a metric 'accurcy'; there are: accuracy" in lines[-1]


def test_replay_with_more_seeds_than_were_trained(judged: Path) -> None:
    code, lines = call("replay", "--rootdir", str(judged), "--seeds", "7")
    assert code == 0
    assert lines[-1].endswith("would have gone on: more seeds would decide than were trained")


def test_replay_leaves_out_what_it_does_not_reach_again(tmp_path: Path, judged: Path) -> None:
    settings = {"deterministic": False, "test": "robust-t"}
    write(tmp_path, run(3, 0.9, **RED, test={"settings": settings}, metric={"declared": 0.01}))
    code, lines = call("replay", "--rootdir", str(judged), "--alpha", "0.01")
    assert code == 0
    assert lines[-1].startswith("left out: 1 verdict that this version does not reach again")
    assert call("replay", "--rootdir", str(judged))[0] == 1


@pytest.mark.parametrize("margin", ["-1", "oops", "nan", "accuracy=1parsec"])
def test_replay_refuses_what_is_no_margin(judged: Path, margin: str) -> None:
    code, lines = call("replay", "--rootdir", str(judged), f"--margin={margin}")
    assert code == 2
    assert "is no margin: 0.01, 1%, 1sd or auto, or METRIC=0.01" in " ".join(lines)


def test_replay_without_a_history_is_status_2(tmp_path: Path) -> None:
    assert call("replay", "--rootdir", str(tmp_path))[0] == 2
