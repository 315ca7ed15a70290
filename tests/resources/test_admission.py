"""Seeds of several processes on the GPUs of one machine: who begins, who waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.resources.admission import Request, is_met
from pytest_mlregress.resources.device_sharing import (
    TrainedSeed,
    memory_of,
    most_at_once,
    share,
)

BUDGET = 1000


@dataclass(frozen=True)
class Test:
    """What a test declares of a GPU, and what its seeds take."""

    __test__ = False
    name: str
    declared: float | None
    memory: int | None
    seconds: float
    slows: float
    """Seconds go with the number of seeds side by side to this power."""


@dataclass
class Machine:
    """Workers with one GPU each, in turn, simulated from event to event."""

    queue: list[Test]
    workers: int
    devices: int
    clock: float = 0.0
    asked: int = 0
    waiting: dict[int, tuple[Test, Request]] = field(default_factory=dict)
    running: dict[int, tuple[Test, Request, float]] = field(default_factory=dict)
    trained: list[TrainedSeed] = field(default_factory=list)
    most: int = 0

    def amounts(self, test: Test, device: str) -> dict[str, float]:
        began = [r.since or 0.0 for _, r, _ in self.running.values() if device in r.amounts]
        most = most_at_once(device, self.trained, began)
        part = share(test.declared, memory_of(test.name, self.trained), BUDGET, most)
        return {device: part} if part else {}

    def device(self, worker: int) -> str:
        return str(worker % self.devices)

    def run(self) -> None:
        while self.queue or self.waiting or self.running:
            for worker in range(self.workers):
                if self.queue and worker not in self.waiting and worker not in self.running:
                    self.asked += 1
                    request = Request(f"{self.asked:06d}", {})
                    self.waiting[worker] = self.queue.pop(0), request
            self.begin_what_fits()
            assert self.running, "everything waits"
            self.end_the_next()

    def begin_what_fits(self) -> None:
        for worker, (test, request) in sorted(self.waiting.items(), key=lambda one: one[1][1].name):
            request = Request(request.name, self.amounts(test, self.device(worker)))
            self.waiting[worker] = test, request
            others = [r for w, (_, r) in self.waiting.items() if w != worker]
            others += [r for _, r, _ in self.running.values()]
            if is_met(request, others, {str(d): 1.0 for d in range(self.devices)}):
                del self.waiting[worker]
                beside = 1 + sum(
                    set(r.amounts) == set(request.amounts) for _, r, _ in self.running.values()
                )
                end = self.clock + test.seconds * beside**test.slows
                self.running[worker] = test, Request(request.name, request.amounts, self.clock), end
        self.most = max(self.most, len(self.running))
        self.check()

    def check(self) -> None:
        for device in map(str, range(self.devices)):
            here = [(t, r) for t, r, _ in self.running.values() if device in r.amounts]
            assert sum(t.declared or 0.0 for t, _ in here) <= 1 + 1e-9
            if any(r.amounts[device] == 1 for _, r in here):
                assert len(here) == 1

    def end_the_next(self) -> None:
        worker = min(self.running, key=lambda w: self.running[w][2])
        test, request, end = self.running.pop(worker)
        began = request.since or 0.0
        self.clock = end
        self.trained.append(
            TrainedSeed(test.name, (self.device(worker),), began, end, end - began, test.memory)
        )


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    tests = [
        Test(
            name=f"test_{k}",
            declared=draw(st.sampled_from([None, None, 0.0, 0.1, 0.25, 1 / 3, 0.5, 0.7, 1.0])),
            memory=draw(st.sampled_from([None, 0, 1, 100, 300, 500, 900, 5000])),
            seconds=draw(st.floats(0.5, 20)),
            slows=draw(st.floats(0, 1.5)),
        )
        for k in range(draw(st.integers(1, 4)))
    ]
    queue = draw(st.lists(st.sampled_from(tests), min_size=1, max_size=25))
    return Machine(queue, draw(st.integers(1, 8)), draw(st.integers(1, 3)))


@given(machines())
def test_every_seed_gets_its_turn_and_no_gpu_is_given_twice(machine: Machine) -> None:
    seeds = len(machine.queue)
    machine.run()  # checks at each step
    assert len(machine.trained) == seeds


def test_as_many_as_fit_train_at_once_after_the_first_seed() -> None:
    machine = Machine([Test("t", None, 300, 1.0, 0.0)] * 8, workers=8, devices=1)
    machine.run()
    assert [seed.began for seed in machine.trained] == [0, 1, 1, 1, 2, 2, 2, 3]


def test_seeds_that_gain_nothing_from_each_other_end_up_alone() -> None:
    machine = Machine([Test("t", None, 300, 1.0, 1.2)] * 20, workers=8, devices=1)
    machine.run()
    assert machine.most == 3
    last = machine.trained[-5:]
    assert all(one.ended <= two.began for one, two in pairwise(last))


@st.composite
def queues(draw: st.DrawFn) -> tuple[list[Request], Mapping[str, float]]:
    capacity = {"cpus": 4.0, "gpu 0": 1.0, "memory": 10.0}
    requests = [
        Request(
            f"{k:03d}",
            {
                name: draw(st.floats(0.01, 1)) * capacity[name]
                for name in draw(st.sets(st.sampled_from(sorted(capacity)), min_size=1))
            },
        )
        for k in range(draw(st.integers(1, 12)))
    ]
    return requests, capacity


@given(queues(), st.randoms())
def test_no_later_request_delays_an_earlier_one(
    queue: tuple[list[Request], Mapping[str, float]], random: object
) -> None:
    """With later requests in the queue, the first one that waits begins as without them."""
    requests, capacity = queue
    held: list[Request] = []
    waiting = list(requests)
    while waiting:
        first = waiting[0]
        begun = [
            Request(one.name, one.amounts, 0.0)
            for one in waiting
            if is_met(one, [*held, *(w for w in waiting if w is not one)], capacity)
        ]
        for one in begun[:1]:
            waiting = [w for w in waiting if w.name != one.name]
            held.append(one)
            for name, most in capacity.items():
                assert sum(h.amounts.get(name, 0) for h in held) <= most * (1 + 1e-6)
        if begun:
            continue
        earlier = [h for h in held if h.name < first.name]
        assert not is_met(first, earlier, capacity), "only later ones are in the way"
        held.remove(random.choice(held))  # type: ignore[attr-defined]
