"""Workers in actors of a Ray cluster, on the side of the process that hands items out.

An actor holds the resources of one need, and is given items of that need alone. It is asked one
call at a time: a call brings messages there, and comes back with what the worker process said.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from pytest_mlregress.engines.ray_actor import REFUSED, ActorStart, Heard, RayActor
from pytest_mlregress.engines.ray_losses import Loss, loss_of
from pytest_mlregress.engines.workers import Message, WorkersLostError

LONGEST_CALL_S: Final = 10.0
"""An actor answers after so long at the latest, whether there is something to say or not."""

_LOOK_S: Final = 1.0
_SHORT_S: Final = 0.1
_PATIENCE_S: Final = 30.0
"""After so long without a worker, the user is told what the run waits for."""
_MEMORY_PAUSE_S: Final = 5.0
"""So long after a node ran out of memory, that of the lost process is free: before, Ray would end
the next one as well."""
_END_S: Final = 3.0
"""Actors get so long to end their worker processes before they are killed."""
_UNREACHABLE_S: Final = 60.0
"""An actor that does not answer for so long is given up."""


class Queue(Protocol):
    """What is asked of the queue of items."""

    def waits(self, kind: int) -> bool:
        """Whether an item is left that a new worker could begin with."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Actors of one need.

    Attributes:
        options: the resources, as Ray's ``options`` take them.
        most: how many there are at the same time.
    """

    options: Mapping[str, Any]
    most: int


@dataclass(slots=True, eq=False)
class _Actor:
    number: int
    kind: int
    handle: Any
    outbox: list[Message] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    call: int = 0
    is_called: bool = False
    sent: tuple[list[Message], list[str]] = ((), ())  # type: ignore[assignment]
    answered: bool = False
    unreachable_since: float | None = None


class RayWorkers:
    """Workers in actors.

    Args:
        ray: the library, connected.
        kinds: the needs of the items.
        queue: the queue of items.
        most: how many actors there are at the same time.
        start_of: what the actor with a number is told.
        digests: those of the working tree, in Ray's store; None where it need not be compared.
        stopped: a test whose seed is to be run, by the number of its item, if it needs none.
        keep_progress: takes what a worker's seed has logged, by the number of the worker.
        call_s: how long a call takes at most, in seconds.
        say: takes a line for the user.
        describe: in words, what the cluster has, for the user who waits.

    Attributes:
        kinds: as given.
    """

    def __init__(
        self,
        ray: Any,
        kinds: Sequence[Kind],
        queue: Queue,
        most: int,
        *,
        start_of: Callable[[int], ActorStart],
        digests: Any,
        stopped: Callable[[int], str | None],
        keep_progress: Callable[[int, str], None],
        call_s: float,
        say: Callable[[str], None],
        describe: Callable[[], str],
    ) -> None:
        self._ray = ray
        self.kinds = kinds
        self._queue = queue
        self._most = most
        self._start_of = start_of
        self._digests = digests
        self._stopped = stopped
        self._keep_progress = keep_progress
        self._call_s = call_s
        self._say = say
        self._describe = describe
        self._class = ray.remote(RayActor)
        self._waiting: deque[int] = deque()
        self._actors: dict[int, _Actor] = {}
        self._calls: dict[Any, _Actor] = {}
        self._kind_of: dict[int, int] = {}
        self._ends: dict[Any, _Actor] = {}
        self._not_before = 0.0
        self._patient_until: float | None = None

    def kind_of(self, number: int) -> int:
        """The need of a worker.

        Args:
            number: its number.
        """
        return self._kind_of.get(number, 0)

    def begin(self, number: int) -> None:
        """See `Workers`; the actor is made once there is a place for it."""
        self._waiting.append(number)
        self._make_actors()

    def send(self, number: int, message: Message) -> None:
        """See `Workers`."""
        actor = self._actors.get(number)
        if actor is None:
            return
        if message[0] == "run" and message[1] >= 0:
            test = self._stopped(message[1])
            if test is not None:
                actor.stopped.append(test)
        actor.outbox.append(message)

    def receive(self) -> Iterable[tuple[int, Message]]:
        """See `Workers`."""
        self._make_actors()
        ended = self._not_needed()
        if ended:
            return ended
        for actor in self._actors.values():
            if not actor.is_called:
                self._call(actor)
        if not self._calls:
            time.sleep(_SHORT_S)
            return []
        self._tell_what_is_waited_for()
        said_or_ended = [*self._calls, *self._ends]
        ready, _ = self._ray.wait(said_or_ended, num_returns=1, timeout=_LOOK_S)
        self._kill_ended(0.0)
        if ready:
            calls = list(self._calls)
            ready, _ = self._ray.wait(calls, num_returns=len(calls), timeout=0)
        said: list[tuple[int, Message]] = []
        for call in ready:
            said += self._answer(self._calls.pop(call), call)
        return said

    def end(self, number: int) -> None:
        """See `Workers`."""
        actor = self._actors.pop(number, None)
        if actor is None:
            return
        self._calls = {call: one for call, one in self._calls.items() if one is not actor}
        if actor.answered:
            self._ends[actor.handle.end.remote()] = actor
        else:
            self._kill(actor)

    def close(self) -> None:
        """See `Workers`."""
        self._waiting.clear()
        for number in list(self._actors):
            self.end(number)
        self._kill_ended(_END_S)
        for actor in self._ends.values():
            self._kill(actor)
        self._ends.clear()

    def _make_actors(self) -> None:
        if time.monotonic() < self._not_before:
            return
        while self._waiting and len(self._actors) < self._most:
            kind = self._needed_kind()
            if kind is None:
                return
            number = self._waiting.popleft()
            self._kind_of[number] = kind
            options = self.kinds[kind].options
            make = self._class.options(
                max_restarts=0,
                max_task_retries=0,
                max_concurrency=2,  # an actor is ended during a call
                scheduling_strategy="SPREAD",
                **options,
            )
            handle = make.remote(self._start_of(number), self._digests)
            self._actors[number] = _Actor(number, kind, handle)
            if self._patient_until is None:
                self._patient_until = time.monotonic() + _PATIENCE_S

    def _needed_kind(self) -> int | None:
        """The kind of which the smallest part of the actors that there may be is there."""
        live = Counter(actor.kind for actor in self._actors.values())
        parts = {
            kind: live[kind] / one.most
            for kind, one in enumerate(self.kinds)
            if live[kind] < one.most and self._queue.waits(kind)
        }
        return min(parts, key=lambda kind: (parts[kind], kind)) if parts else None

    def _not_needed(self) -> list[tuple[int, Message]]:
        """Workers that have not begun, and have nothing left to do."""
        numbers = [
            actor.number
            for actor in self._actors.values()
            if not actor.answered and not self._queue.waits(actor.kind)
        ]
        if not any(self._queue.waits(kind) for kind in range(len(self.kinds))):
            numbers += self._waiting
            self._waiting.clear()
        return [(number, ("end",)) for number in numbers]

    def _call(self, actor: _Actor) -> None:
        if actor.unreachable_since is None:
            actor.call += 1
            actor.sent = (actor.outbox, actor.stopped)
            actor.outbox, actor.stopped = [], []
        messages, stopped = actor.sent
        call = actor.handle.exchange.remote(actor.call, messages, stopped, self._call_s)
        self._calls[call] = actor
        actor.is_called = True

    def _answer(self, actor: _Actor, call: Any) -> list[tuple[int, Message]]:
        actor.is_called = False
        try:
            heard: Heard = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            return self._on_error(actor, loss_of(error, self._ray.exceptions))
        actor.unreachable_since = None
        found = [] if actor.answered else [("here", heard.machine)]
        actor.answered = True
        self._patient_until = None
        if heard.progress is not None:
            self._keep_progress(actor.number, heard.progress)
        for kind, *content in heard.messages:
            if kind == REFUSED:
                raise WorkersLostError(content[0])
        return [(actor.number, message) for message in (*found, *heard.messages)]

    def _on_error(self, actor: _Actor, loss: Loss) -> list[tuple[int, Message]]:
        if loss.is_final:
            raise WorkersLostError(loss.reason)
        if loss.may_answer:
            now = time.monotonic()
            actor.unreachable_since = actor.unreachable_since or now
            if now < actor.unreachable_since + _UNREACHABLE_S:
                return []
        if loss.is_of_memory:
            self._not_before = time.monotonic() + _MEMORY_PAUSE_S
        return [(actor.number, ("lost", loss.reason))]

    def _tell_what_is_waited_for(self) -> None:
        if self._patient_until is not None and time.monotonic() > self._patient_until:
            self._patient_until = None
            self._say(f"mlregress: no worker has begun yet: {self._describe()}")

    def _kill_ended(self, seconds: float) -> None:
        """Kill actors whose worker process has ended, and that have tidied up."""
        if self._ends:
            ended, _ = self._ray.wait(
                list(self._ends), num_returns=len(self._ends), timeout=seconds
            )
            for call in ended:
                self._kill(self._ends.pop(call))

    def _kill(self, actor: _Actor) -> None:
        try:
            self._ray.kill(actor.handle, no_restart=True)
        except Exception:  # it is gone, or Ray is
            return
