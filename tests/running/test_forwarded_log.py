"""What a process that the test starts logs is the seed's too; what would be lost is an error."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import pytest

from pytest_mlregress.running.recorded_metric import RecordError
from pytest_mlregress.running.run import Run, take_forwarded
from pytest_mlregress.running.run_record import RunRecord


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(
        test="test_a.py::test_it",
        seed=3,
        tier="default",
        params={"depth": 2},
        make_tmp_path=lambda: tmp_path,
        record=RunRecord(),
    )


def in_child(method: str, function: Any, *arguments: Any) -> int | None:
    process = multiprocessing.get_context(method).Process(target=function, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def train(run: Run, first: int) -> None:
    run.log_params({"lr": 0.1})
    for step in range(first, first + 3):
        run.log(step, loss=float("nan") if step == 1 else 1 / (1 + step))


def record_there(run: Run) -> None:
    for call in (
        lambda: run.record("loss", 0.5, higher_is_better=False),
        lambda: run.record_all({"loss": 0.5}, higher_is_better=False),
        lambda: run.fingerprint("data", b"data"),
    ):
        with pytest.raises(RecordError, match="runs in a process that the test has started"):
            call()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_logs_into_the_seed_and_the_test_goes_on(run: Run, method: str) -> None:
    record = run._record
    told: list[int] = []
    record.on_log = lambda step, values: told.append(step)
    assert in_child(method, train, run, 0) == 0
    run.log(3, loss=0.25)  # such as a validation after the training
    assert in_child(method, train, run, 4) == 0
    take_forwarded(run)
    assert [step for step, _ in record.curves["loss"]] == [0, 1, 2, 3, 4, 5, 6] == told
    assert record.curves["loss"][2:4] == [(2, 1 / 3), (3, 0.25)]
    assert record.params == {"lr": 0.1}
    assert not record.forwarded._file.exists()


def test_a_step_that_goes_back_in_a_child_is_an_error_of_the_test(run: Run) -> None:
    run.log(5, loss=1)
    assert in_child("fork", train, run, 0) == 0
    with pytest.raises(RecordError, match=r"log\(0, loss=\.\.\.\) in seed 3: the steps of a curve"):
        take_forwarded(run)


def test_a_metric_that_no_verdict_would_see_is_refused(run: Run) -> None:
    assert in_child("fork", record_there, run) == 0


def test_a_copied_logger_tells_the_same_run(run: Run) -> None:
    assert copy.deepcopy({"run": run})["run"] is run
    assert pickle.loads(pickle.dumps(run)).params == {"depth": 2}


def test_a_suite_that_trains_in_a_child_has_its_curves(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import multiprocessing

        def train(run):
            run.log(1, loss=0.5)

        def test_it(mlregress):
            process = multiprocessing.get_context("fork").Process(target=train, args=(mlregress,))
            process.start()
            process.join()
            mlregress.record("loss", 0.5, higher_is_better=False)

        def test_back(mlregress):
            mlregress.log(2, loss=0.5)
            process = multiprocessing.get_context("fork").Process(target=train, args=(mlregress,))
            process.start()
            process.join()
    """)
    result = pytester.runpytest("-p", "no:randomly", "--mlregress-report=report.json", "-v")
    result.stdout.fnmatch_lines(["*test_back: log(1, loss=...) in seed 0: the steps of a curve*"])
    assert '"loss":[[1,0.5]]' in "".join(Path("report.json").read_text().split())
