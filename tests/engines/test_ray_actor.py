"""What runs in an actor, without Ray."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_mlregress import __version__
from pytest_mlregress.engines.ray_actor import ActorStart, RayActor
from pytest_mlregress.engines.worker_process import WorkerStart
from pytest_mlregress.engines.workers import collection_digest

WORKERINPUT = {"workerid": "gw0", "workercount": 1, "testrunuid": "run", "mainargv": ["pytest"]}


def start_in(folder: Path) -> ActorStart:
    return ActorStart(
        start=WorkerStart(
            args=["-p", "pytest_mlregress.plugin", "-p", "no:cacheprovider"],
            directory=str(folder),
            path=list(sys.path),
            workerinput=WORKERINPUT,
            variables={},
            basetemp=None,
        ),
        root=str(folder),
        is_shipped=False,
        inside=(),
        environment={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        is_whole=True,
        checked=frozenset(),
        version=__version__,
        prefix=sys.prefix,
    )


def test_a_tree_that_differs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("WIDTH = 2\n")
    heard = RayActor(start_in(tmp_path), {"net.py": "other"}).exchange(1, [], [], 1.0)
    ((kind, reason),) = heard.messages
    assert kind == "refused"
    assert reason == (
        f"the working tree {tmp_path} of the node {heard.machine} is not the one whose tests were "
        "collected: net.py differs; it was changed since the run began, or this node has another "
        "one: run again"
    )


def test_another_version_is_refused(tmp_path: Path) -> None:
    heard = RayActor(replace(start_in(tmp_path), version="0.0.1"), None).exchange(1, [], [], 1.0)
    assert heard.messages == [
        (
            "refused",
            f"pytest-mlregress is 0.0.1 here and {__version__} on the node {heard.machine}: "
            "install the same version on both",
        )
    ]


@pytest.mark.slow
def test_messages_are_passed_on_and_a_loss_is_told(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(
        "import os, signal\n\n\ndef test_one():\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    actor = RayActor(start_in(tmp_path), None)
    number, said = 0, []
    while ("ready",) not in said:
        number += 1
        heard = actor.exchange(number, [], [], 30.0)
        assert actor.exchange(number, [], [], 30.0) is heard  # a call that comes again
        said += heard.messages
    assert said[0] == ("collected", ["test_one.py::test_one"])
    said = []
    messages = [("run", 0, -1)]
    while not said or said[-1][0] != "lost":
        number += 1
        said += actor.exchange(number, messages, [], 30.0).messages
        messages = []
    actor.end()
    reason = f"its process was killed by {signal.SIGKILL.name}, as happens where memory runs out"
    assert said[-1] == ("lost", reason)


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2])
def test_what_was_collected_is_told_where_it_differs(tmp_path: Path, number: int) -> None:
    (tmp_path / "test_one.py").write_text("def test_1():\n    pass\n")
    collection = collection_digest([f"test_one.py::test_{number}"])
    given = start_in(tmp_path)
    actor = RayActor(replace(given, start=replace(given.start, collection=collection)), None)
    call, said = 0, []
    while ("ready",) not in said:
        call += 1
        said += actor.exchange(call, [], [], 30.0).messages
    actor.end()
    assert said[0] == ("collected", None if number == 1 else ["test_one.py::test_1"])


@pytest.mark.slow
def test_why_pytest_does_not_start_there_is_told(tmp_path: Path) -> None:
    given = start_in(tmp_path)
    start = replace(given.start, args=[*given.start.args, "-p", "nowhere"])
    actor = RayActor(replace(given, start=start), None)
    ((kind, reason),) = actor.exchange(1, [], [], 30.0).messages
    actor.end()
    assert kind == "error"
    assert reason.startswith("pytest ended with status 4:\nERROR: ")
    assert "nowhere" in reason
