"""A run tells when its workers trained, whichever engine they are of."""

from __future__ import annotations

import re

import pytest
from training_suite import TRAINING, Suite

LINE = re.compile(
    r"(\d) workers?: training \d+ %, other tests \d+ %, start-up \d+ %, waiting \d+ %; "
    r"[\d.e+]+ x the ideal .* s"
)
EVERY_RUN = """
    from pytest_mlregress.reporting import timeline_text

    timeline_text.LEAST_WORK_S = 0.0  # so that trainings of milliseconds have a line
"""
PLAIN = "def test_plain():\n    pass\n"


@pytest.mark.parametrize(
    ("options", "workers"),
    [
        (("-n0",), {"main"}),
        (("-n2",), {"gw0", "gw1"}),
        (("--mlregress-workers=2",), {"gw0", "gw1"}),
    ],
)
def test_every_item_is_on_one_worker(
    recorded: Suite, options: tuple[str, ...], workers: set[str], lean_pytest: None
) -> None:
    recorded.write(EVERY_RUN, "conftest.py")
    recorded.write(PLAIN, "test_plain.py")
    done = recorded.run(*options, "-v", "--mlregress-stop=never", apart=True)
    timeline = recorded.report["timeline"]
    assert {worker["id"] for worker in timeline["workers"]} == workers
    items = [item for worker in timeline["workers"] for item in worker["items"]]
    assert sorted((item["id"], item["side"], item["outcome"]) for item in items) == [
        ("test_plain.py::test_plain", None, "finished"),
        *((f"test_training.py::test_training[seed{s}]", "candidate", "finished") for s in range(5)),
    ]
    for worker in timeline["workers"]:
        assert worker["collection"] is not None
        assert (worker["began"], worker["ended"]) == (0.0, timeline["seconds"])
        assert all(0 < item["start"] < timeline["seconds"] for item in worker["items"])
    assert timeline["ratio"] >= 1
    found = [match for line in done.outlines if (match := LINE.fullmatch(line))]
    assert [match[1] for match in found] == [str(len(workers))]
    rows = [line.split()[:2] for line in done.outlines if re.match(r"  (gw\d|main) ", line)]
    assert {name for name, _ in rows} == workers
    assert sum(int(number) for _, number in rows) == 6


def test_a_worker_that_died_leaves_its_place(recorded: Suite, lean_pytest: None) -> None:
    recorded.write(
        TRAINING.replace(
            "        accuracy",
            """
        from pathlib import Path

        if mlregress.seed == 1 and not Path("died").exists():
            Path("died").touch()
            os._exit(1)
        accuracy""",
            1,
        )
    )
    recorded.run("--mlregress-workers=2", "--mlregress-stop=never", apart=True)
    timeline = recorded.report["timeline"]
    died = [worker for worker in timeline["workers"] if worker["ended"] < timeline["seconds"]]
    assert [worker["items"][-1]["outcome"] for worker in died] == ["lost"]
    new = timeline["workers"][-1]
    assert (new["id"], new["began"]) == ("gw2", died[0]["ended"])


def test_shards_are_side_by_side(recorded: Suite) -> None:
    from click.testing import CliRunner

    from pytest_mlregress.cli import main

    for number in (1, 2):
        report = f"--mlregress-report=shard-{number}.json"
        recorded.pytester.runpytest_inprocess(f"--mlregress-shard={number}/2", report)
    arguments = ["merge", "shard-1.json", "shard-2.json", "--report", "report.json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(recorded.path)
        done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    timeline = recorded.report["timeline"]
    assert [worker["id"] for worker in timeline["workers"]] == ["1/main", "2/main"]
    items = [item["id"] for worker in timeline["workers"] for item in worker["items"]]
    assert sorted(items) == [f"test_training.py::test_training[seed{s}]" for s in range(5)]

    damaged = (recorded.path / "shard-1.json").read_text().replace('"finished"', '"fine"')
    (recorded.path / "shard-1.json").write_text(damaged)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(recorded.path)
        done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    assert "shard-1.json: at $." in done.output
