"""What runs in an actor of a Ray cluster: a worker process, and what passes its messages on.

Ray imports this module on the nodes; it imports nothing of Ray.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.engines.child_worker import ChildWorker
from pytest_mlregress.engines.worker_process import WorkerStart
from pytest_mlregress.engines.workers import Message
from pytest_mlregress.engines.working_tree import first_difference
from pytest_mlregress.running.progress_channel import worker_file
from pytest_mlregress.running.stop_flags import WORKER_INPUT, StopFlags

REFUSED: Final = "refused"
"""The kind of a message of an actor that cannot do what is asked of it; the text says why."""

_TURNS: Final = frozenset({"ready", "end", "error", "lost", "collected", REFUSED})
"""Messages that the other side waits for."""

_TOGETHER_S: Final = 0.05
"""Messages that come this shortly after each other are passed on together."""

DEVICE_VARIABLES: Final[tuple[str, ...]] = (
    *("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
    *("ASCEND_RT_VISIBLE_DEVICES", "HABANA_VISIBLE_MODULES", "ONEAPI_DEVICE_SELECTOR"),
    *("NEURON_RT_VISIBLE_CORES", "TPU_VISIBLE_CHIPS"),
)
"""Variables in which Ray names the devices of an actor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorStart:
    """What an actor is told.

    Attributes:
        start: how its worker process starts, as on the machine of the run.
        root: the top folder of the working tree there.
        is_shipped: whether the tree was sent; its copy is where Ray starts the actor.
        inside: import paths in the tree, from its root.
        environment: environment variables of the run that are to be set.
        is_whole: whether they are all there is, besides those that name devices.
        checked: the nodes whose tree was compared before the run.
        version: of pytest-mlregress.
        prefix: of the Python of the run.
    """

    start: WorkerStart
    root: str
    is_shipped: bool
    inside: Sequence[str]
    environment: Mapping[str, str]
    is_whole: bool
    checked: frozenset[str]
    version: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What an actor passes on.

    Attributes:
        messages: of the worker process.
        progress: what its seed has logged, if that is new.
        machine: the name of the node.
    """

    messages: list[Message]
    progress: str | None
    machine: str


class RayActor:
    """Runs a worker process, and passes its messages on.

    Args:
        start: what there is to know.
        digests: those of the working tree; None where they need no look.
    """

    def __init__(self, start: ActorStart, digests: Mapping[str, str] | None) -> None:
        self._given = start
        self._digests = None if _node() in start.checked else digests
        self._child: ChildWorker | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="pytest-mlregress-"))
        self._flags = StopFlags(self._folder, owner=True)
        self._progress = ""
        self._one_call = threading.Lock()
        self._last: tuple[int, Heard | None] = (-1, None)

    def exchange(
        self, number: int, messages: Sequence[Message], stopped: Sequence[str], seconds: float
    ) -> Heard:
        """Pass messages on, and wait for what the worker process says.

        Args:
            number: that of the call; one that comes again is answered as it was.
            messages: for the worker process.
            stopped: tests that need no more seeds, without the seed.
            seconds: how long to wait at most.

        Returns:
            What it says, and what its seed has logged.
        """
        with self._one_call:
            return self._exchange(number, messages, stopped, seconds)

    def _exchange(
        self, number: int, messages: Sequence[Message], stopped: Sequence[str], seconds: float
    ) -> Heard:
        if number == self._last[0] and self._last[1] is not None:
            return self._last[1]
        if self._child is None:
            refusal = self._begin()
            if refusal is not None:
                return Heard([(REFUSED, refusal)], None, platform.node())
        for test in stopped:
            self._flags.raise_for(test)
        for message in messages:
            self._worker.send(message)
        heard = Heard(self._listen(seconds), self._new_progress(), platform.node())
        self._last = (number, heard)
        return heard

    def end(self) -> None:
        """End the worker process."""
        if self._child is not None:
            self._child.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _worker(self) -> ChildWorker:
        assert self._child is not None
        return self._child

    def _listen(self, seconds: float) -> list[Message]:
        heard: list[Message] = []
        until = time.monotonic() + seconds
        while self._worker.wait(until - time.monotonic()):
            if not heard:
                until = min(until, time.monotonic() + _TOGETHER_S)
            heard += self._worker.received()
            if any(message[0] in _TURNS for message in heard):
                break
        if self._given.is_shipped:
            return [_with_paths(message, str(Path.cwd()), self._given.root) for message in heard]
        return heard

    def _new_progress(self) -> str | None:
        file = worker_file(self._folder, self._given.start.workerinput["workerid"])
        try:
            text = file.read_text(encoding="utf-8")
        except OSError:
            return None
        if text == self._progress:
            return None
        self._progress = text
        return text

    def _begin(self) -> str | None:
        """Start the worker process.

        Returns:
            Why it cannot be started; None where it was.
        """
        from pytest_mlregress import __version__

        given = self._given
        if __version__ != given.version:
            return (
                f"pytest-mlregress is {given.version} here and {__version__} on the node "
                f"{platform.node()}: install the same version on both"
            )
        root = str(Path.cwd()) if given.is_shipped else given.root
        if self._digests is not None:
            difference = first_difference(self._digests, Path(root))
            if difference is not None:
                return self._difference(difference, root)
        start = self._start(root)
        try:
            self._child = ChildWorker(self._environment(root), start.directory)
        except OSError as error:
            return f"no process can be started on the node {platform.node()}: {error}"
        self._worker.send(start.message())
        return None

    def _difference(self, difference: str, root: str) -> str:
        if self._given.is_shipped:
            remedy = "the copy that Ray keeps was changed: end what writes there and run again"
        else:
            remedy = "it was changed since the run began, or this node has another one: run again"
        return (
            f"the working tree {root} of the node {platform.node()} is not the one whose tests "
            f"were collected: {difference}; {remedy}"
        )

    def _start(self, root: str) -> WorkerStart:
        given = self._given
        start = replace(
            given.start,
            workerinput={**given.start.workerinput, WORKER_INPUT: str(self._folder)},
        )
        if given.is_shipped:
            here = root.rstrip(os.sep)
            start = replace(
                start,
                args=[_moved(argument, given.root, here) for argument in start.args],
                directory=_moved(start.directory, given.root, here),
                workerinput=start.workerinput,
            )
        return replace(start, path=start.path if self._has_same_python() else None)

    def _has_same_python(self) -> bool:
        return not self._given.is_shipped and self._given.prefix == sys.prefix

    def _environment(self, root: str) -> dict[str, str]:
        given = self._given
        own = dict(os.environ)
        if given.is_whole:
            devices = {name: own[name] for name in DEVICE_VARIABLES if name in own}
            return {**given.environment, **devices}
        own.pop("PYTHONBREAKPOINT", None)  # Ray's debugger, which waits for nobody here
        variables = {**own, **given.environment}
        if not self._has_same_python():
            paths = [str(Path(root, entry)) for entry in given.inside]
            paths += [own["PYTHONPATH"]] if own.get("PYTHONPATH") else []
            variables["PYTHONPATH"] = os.pathsep.join(paths)
        return variables


def _node() -> str:
    """Ray's name of this node; empty outside of Ray."""
    ray: Any = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return ""
    return str(ray.get_runtime_context().get_node_id())


def _moved(text: str, root: str, here: str) -> str:
    """A path, or an option with one, as it is in a copy of the tree."""
    if text == root or text.endswith("=" + root):
        return text.removesuffix(root) + here
    return text.replace(root + os.sep, here + os.sep)


def _with_paths(value: Any, here: str, root: str) -> Any:
    """Plain builtins with the paths of the machine of the run, which looks for files there."""
    if isinstance(value, str):
        return value.replace(here, root) if here in value else value
    if isinstance(value, dict):
        return {name: _with_paths(entry, here, root) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_with_paths(entry, here, root) for entry in value)
    return value


def tree_is_same(root: str, digests: Mapping[str, str]) -> bool:
    """On a node: whether it has a working tree at the same path.

    Args:
        root: the top folder.
        digests: those of the tree.
    """
    with suppress(OSError):
        return first_difference(digests, Path(root)) is None
    return False
