"""``mlregress curve``, as a user types it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_mlregress.cli import main

pytestmark = pytest.mark.usefixtures("lean_pytest")

TESTS = """\
import random

import pytest


@pytest.mark.seeds(3)
def test_learns(mlregress):
    data = list(range(1000))
    data = data[: max(1, round(len(data) * mlregress.data_fraction))]
    end = 0.9 + random.gauss(0, 0.002)
    for step in range(0, 101, 10):
        mlregress.log(step, accuracy=end * min(1.0, step / 50), loss=2.0 - step / 100)
    accuracy = end * min(1.0, len(data) / 500)
    with open("trained", "a") as file:
        file.write(f"{len(data)} ")
    mlregress.record("accuracy", accuracy, higher_is_better=True)


@pytest.mark.seeds(2)
def test_whole(mlregress):
    mlregress.log(1, {"val/acc": 0.5})
    mlregress.log(2, {"val/acc": 0.8})
    mlregress.record("accuracy", 0.8 + mlregress.seed / 100, higher_is_better=True)
    mlregress.record("loss", 1.0, higher_is_better=False)


@pytest.mark.seeds(2)
def test_fails(mlregress):
    raise RuntimeError("out of memory")


@pytest.mark.seeds(3)
def test_two(mlregress):
    open(f"two{mlregress.seed}", "w").close()
    value = mlregress.data_fraction
    mlregress.record("accuracy", value, higher_is_better=True)
    mlregress.record("loss", value, higher_is_better=False)
"""


def curve(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["curve", *arguments, "--rootdir", str(folder)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is no git repository."""
    folder = tmp_path_factory.mktemp("curve")
    (folder / "test_toy.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:randomly -p no:asyncio\n")
    return folder


@pytest.mark.slow
def test_over_data(folder: Path) -> None:
    report = folder / "reports" / "curve.svg"
    arguments = ["test_toy.py::test_learns", "--over", "data", "--fractions", ".1,.3,1"]
    found = curve(folder, *arguments, "--svg", str(report), "--report", f"{report}.md")
    assert found.exit_code == 0, found.output
    lines = found.stdout.splitlines()
    assert lines[0] == "test_toy.py::test_learns: accuracy against the share of the data, 3 seeds"
    assert [line.split()[:2] for line in lines[3:6]] == [["10", "%"], ["30", "%"], ["100", "%"]]
    # From 0.6 of the end at .3 to all of it at 1: .9 of it at .3 + .7 * .75.
    answer = " ".join(lines[7:])
    assert answer.startswith("90 % of the final score (0.8")
    assert " at 82 % of the data [82 %," in answer
    assert max(map(len, lines)) <= 80
    svg = ElementTree.parse(report).getroot()
    assert svg.tag.endswith("svg")
    assert "| 30 % | 0.5" in report.with_name("curve.svg.md").read_text()
    trained = (folder / "trained").read_text().split()
    assert sorted(trained) == sorted(["100", "300", "1000"] * 3)

    (folder / "trained").unlink()
    again = json.loads(curve(folder, *arguments, "--json").stdout)
    assert not (folder / "trained").exists(), "the seeds come from the cache, each with its share"
    means = [point["mean"] for point in again["table"]]
    assert means[0] == pytest.approx(means[2] / 5)
    assert again["reached"]["share"] == pytest.approx(0.825)


def test_over_steps(folder: Path) -> None:
    found = curve(folder, "test_learns", "--over", "steps", "--seeds", "2")
    assert found.exit_code == 0, found.output
    lines = found.stdout.splitlines()
    assert lines[0] == "test_toy.py::test_learns: accuracy against the training steps, 2 seeds"
    assert lines[3].split()[:4] == ["10", "%,", "step", "10"]
    answer = " ".join(" ".join(lines[7:]).split())
    assert " at 45 % of the training, step 45 of 100 [45 %, 45 %]" in answer


@pytest.mark.slow
def test_several_metrics_cost_one_training(folder: Path) -> None:
    found = curve(folder, "test_two", "--over", "data")
    assert found.exit_code == 2
    assert "test_toy.py::test_two has several metrics: accuracy, loss; choose one" in found.stderr
    assert [file.name for file in folder.glob("two*")] == ["two0"]


@pytest.mark.slow
def test_another_curve(folder: Path) -> None:
    arguments = ["test_whole", "--over", "steps", "--metric", "accuracy", "--curve", "val/acc"]
    found = curve(folder, *arguments)
    assert found.exit_code == 0, found.output
    assert found.stdout.startswith("test_toy.py::test_whole: accuracy (curve val/acc) against")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["test_whole", "--over", "data"],
            2,
            "test_toy.py::test_whole does not read mlregress.data_fraction, so that it trains on "
            "all data whatever the share; add: data = data[: max(1, round(len(data) * "
            "mlregress.data_fraction))]",
        ),
        (
            ["test_whole", "--over", "steps"],
            2,
            "test_toy.py::test_whole has several metrics: accuracy, loss; choose one with --metric",
        ),
        (
            ["test_whole", "--over", "steps", "--metric", "loss"],
            2,
            "test_toy.py::test_whole logs no curve of the name 'loss', that of the metric; choose "
            "one with --curve: val/acc",
        ),
        (
            ["test_fails", "--over", "data", "--fractions", ".5,1"],
            1,
            "no seed of test_toy.py::test_fails passed: seed 0 is left out at 0.5 of the data: "
            "RuntimeError: out of memory",
        ),
        (
            ["test_learn", "--over", "data"],
            2,
            "there is no regression test test_learn; there are: test_toy.py::test_learns",
        ),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    folder: Path, arguments: list[str], code: int, message: str
) -> None:
    found = curve(folder, *arguments)
    assert found.exit_code == code, found.output
    (line,) = [line for line in found.stderr.splitlines() if line.startswith("Error: ")]
    assert line.startswith(f"Error: {message}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fractions", "0,1"], "'0,1' is not a list of shares above 0 and at most 1: .1,.5,1"),
        (["--fractions", "1"], "'1' has no share below 1 to compare the whole with"),
        (["--report", "curve.txt"], "--report curve.txt: a report's name ends with "),
        (["--curve", "loss"], "--curve goes with --over steps; over data the metric is drawn"),
    ],
)
def test_bad_options_train_nothing(tmp_path: Path, arguments: list[str], message: str) -> None:
    found = curve(tmp_path, "test_x", "--over", "data", *arguments)
    assert found.exit_code == 2
    assert message in found.stderr
