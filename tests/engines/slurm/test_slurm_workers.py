"""What becomes of workers as the states of their jobs change, with a cluster that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mlregress.engines import slurm_workers
from pytest_mlregress.engines.job_channels import claim_channel
from pytest_mlregress.engines.message_files import MessageReader, MessageWriter
from pytest_mlregress.engines.slurm_parameters import read_parameters
from pytest_mlregress.engines.slurm_workers import JobArray, SlurmWorkers
from pytest_mlregress.engines.workers import WorkersLostError

HERE = ("here", "node7")


class Cluster:
    """Jobs with the states that a test gives them."""

    is_local = True

    def __init__(self, folder: Path) -> None:
        self.states: dict[str, str] = {}
        self.arrays: list[int] = []
        self.cancelled: list[str] = []
        self._folder = folder

    def submit(self, functions: Sequence[Any], parameters: Any) -> list[Any]:
        self.arrays.append(len(functions))
        jobs = []
        for function in functions:
            number = function.folder.name.removeprefix("job-")
            log = self._folder / f"{number}.err"
            paths = SimpleNamespace(stderr=log, stdout=log)
            jobs.append(SimpleNamespace(job_id=number, paths=paths))
            self.states[number] = "PENDING"
        return jobs

    def refresh(self, jobs: Sequence[Any]) -> None:
        pass

    def state(self, job: Any) -> str:
        return self.states[job.job_id]

    def cancel(self, jobs: Sequence[Any]) -> None:
        self.cancelled += [job.job_id for job in jobs]

    def wait(self, jobs: Sequence[Any], seconds: float) -> bool:
        return False


class Run:
    def __init__(self, folder: Path, jobs: int) -> None:
        self.folder = folder
        self.cluster = Cluster(folder)
        self.workers = SlurmWorkers(
            self.cluster,  # type: ignore[arg-type]
            folder,
            [JobArray(read_parameters([]), jobs)],
            lambda number: ("begin", number),
            lambda line: None,
        )
        for number in range(jobs):
            self.workers.begin(number)

    def job_begins(self, number: int) -> tuple[MessageReader, MessageWriter]:
        inbox, outbox = claim_channel(self.folder / f"job-{number}")
        outbox.send((*HERE, 1))
        return inbox, outbox

    def receive(self) -> list[tuple[int, tuple[Any, ...]]]:
        return list(self.workers.receive())


@pytest.fixture(autouse=True)
def _ask_for_states_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_workers, "_LOCAL_STATES_EVERY_S", 0.0)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("OUT_OF_MEMORY", "ran out of memory, declare what a seed needs: memory=\"8GB\" in the "
         "marker mlregress, or mem in mlregress_slurm_parameters"),
        ("CANCELLED", "was cancelled"),
        ("TIMEOUT", "reached its time limit, see time in mlregress_slurm_parameters"),
        ("NODE_FAIL", "was lost with its node"),
        ("REVOKED", "is in the state REVOKED"),
    ],
)  # fmt: skip
def test_a_job_that_is_over_has_lost_its_worker(tmp_path: Path, state: str, why: str) -> None:
    run = Run(tmp_path, jobs=2)
    assert run.cluster.arrays == [2]
    inbox, outbox = run.job_begins(0)
    assert run.receive() == [(0, HERE)]
    assert inbox.received() == [("begin", 0)]
    outbox.send(("ready",))
    run.cluster.states["0"] = state
    assert run.receive() == [
        (0, ("ready",)),
        (0, ("lost", f"its job 0 {why} (log {tmp_path}/0.err)")),
    ]
    run.workers.end(0)
    run.workers.begin(2)
    assert run.cluster.arrays == [2, 1]


def test_a_job_that_was_queued_again_has_the_next_worker(tmp_path: Path) -> None:
    run = Run(tmp_path, jobs=1)
    _, outbox = run.job_begins(0)
    outbox.send(("lost", "its job was pre-empted"))
    assert run.receive() == [
        (0, HERE),
        (0, ("lost", f"its job was pre-empted (log {tmp_path}/0.err)")),
    ]
    run.workers.end(0)
    run.workers.begin(1)
    run.receive()
    inbox, outbox = run.job_begins(0)
    outbox.send(("ready",))
    assert run.receive() == [(1, HERE), (1, ("ready",))]
    assert inbox.received() == [("begin", 1)]
    assert run.cluster.arrays == [1]


def test_a_job_that_is_back_first_tells_its_machine_of_the_next_worker(tmp_path: Path) -> None:
    run = Run(tmp_path, jobs=1)
    _, outbox = run.job_begins(0)
    outbox.send(("lost", "its process has died"))
    run.receive()
    run.workers.end(0)
    run.job_begins(0)
    run.workers.begin(1)
    assert run.receive() == [(1, HERE)]


def test_jobs_that_all_fail_to_start_end_the_run(tmp_path: Path) -> None:
    run = Run(tmp_path, jobs=2)
    (tmp_path / "1.err").write_text("Traceback\nImportError: no torch here\n")
    run.cluster.states["0"] = "FAILED"
    assert run.receive() == []  # the other one may start
    run.cluster.states["1"] = "FAILED"
    with pytest.raises(WorkersLostError) as lost:
        run.receive()
    assert str(lost.value) == (
        f"no job could start: its job 1 failed\nthe end of {tmp_path}/1.err:\n"
        "Traceback\nImportError: no torch here"
    )


def test_a_job_that_fails_to_start_is_lost_once_another_has_started(tmp_path: Path) -> None:
    run = Run(tmp_path, jobs=2)
    run.cluster.states["0"] = "FAILED"
    assert run.receive() == []
    run.job_begins(1)
    assert run.receive() == [(1, HERE), (0, ("lost", "its job 0 failed"))]


def test_a_job_that_is_silent_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path, jobs=1)
    run.job_begins(0)
    run.cluster.states["0"] = "RUNNING"
    assert run.receive() == [(0, HERE)]
    monkeypatch.setattr(slurm_workers, "_SILENT_S", 0.0)
    assert run.receive() == [
        (0, ("lost", f"its job 0 has said nothing for 0 seconds (log {tmp_path}/0.err)"))
    ]
    assert run.cluster.cancelled == ["0"]


def test_a_worker_that_has_ended_leaves_its_job_to_end(tmp_path: Path) -> None:
    run = Run(tmp_path, jobs=2)
    _, outbox = run.job_begins(0)
    outbox.send(("end",))
    assert run.receive() == [(0, HERE), (0, ("end",))]
    run.workers.end(0)
    run.cluster.states["0"] = "COMPLETED"
    assert run.receive() == []
    run.cluster.is_local = False  # where what ends by itself is not cancelled
    run.workers.close()
    assert run.cluster.cancelled == ["1"]
