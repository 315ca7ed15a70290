"""What the user asks a search for, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pytest_mlregress.revisions.bisection.axis_rules import Axis, AxisRules
from pytest_mlregress.revisions.bisection.next_commands import Invocation
from pytest_mlregress.revisions.bisection.search import Knowledge
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest, TrainedSeed
from pytest_mlregress.revisions.command_error import CommandError

__all__ = ["BisectRequest", "Observer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectRequest:
    """A search.

    Attributes:
        good: the ref of the end without the loss.
        bad: the ref of the end with it.
        test: the node id of the test without the seed.
        metric: the metric; None for the one that lost most.
        confidence: the posterior probability that an answer needs.
        budget: the most trainings.
        all_parents: whether the whole graph is searched.
        fresh: whether all seeds are trained again: none is taken from the cache or a run before.
        workers: the number of seeds that train at once.
        rootdir: where pytest is started.
        pytest_args: further arguments of pytest.
        axes: the axes to tell apart; empty for a search over all changes together.
        rules: which file belongs to which axis.
        env_good: the interpreter of the good end's environment; None where there is none.
        env_bad: that of the bad end's.
    """

    good: str
    bad: str
    test: str
    metric: str | None
    confidence: float
    budget: int
    all_parents: bool
    fresh: bool
    workers: int
    rootdir: Path
    pytest_args: tuple[str, ...]
    axes: tuple[Axis, ...] = ()
    rules: AxisRules = field(default_factory=AxisRules)
    env_good: str | None = None
    env_bad: str | None = None

    def __post_init__(self) -> None:
        """Check what belongs together.

        Raises:
            CommandError: an option without the one that it belongs to.
        """
        if (self.env_good is None) != (self.env_bad is None):
            lacking = "--env-bad" if self.env_bad is None else "--env-good"
            raise CommandError(
                "--env-good and --env-bad go together; name the other interpreter: "
                f"{lacking} PYTHON"
            )
        if self.env_good is not None and "env" not in self.axes:
            raise CommandError(
                "--env-good and --env-bad are the two ends of the axis env; add it: "
                "--axes commits,env"
            )

    def invocation(self) -> Invocation:
        """The command again, without what concerns this run alone.

        Returns:
            Its parts.
        """
        options = tuple(self._options())
        return Invocation(self.good, self.bad, self.test, options, self.pytest_args, self.budget)

    def _options(self) -> Iterator[str]:
        if self.metric is not None:
            yield f"--metric={self.metric}"
        if self.all_parents:
            yield "--all-parents"
        if self.axes:
            yield f"--axes={','.join(self.axes)}"
        yield from (f"--lock={path}" for path in self.rules.locks)
        yield from (f"--config={path}" for path in self.rules.configs)
        if self.rules.data is not None:
            yield f"--data={self.rules.data.text}"
        if self.env_good is not None and self.env_bad is not None:
            yield from (f"--env-good={self.env_good}", f"--env-bad={self.env_bad}")


@dataclass(frozen=True, slots=True)
class Observer:
    """Is told how a search goes.

    Attributes:
        on_start: a seed begins to train.
        on_seed: a seed is known.
        on_knowledge: the posterior has been updated.
        warn: something cannot be used, and the search goes on.
    """

    on_start: Callable[[SeedRequest], None]
    on_seed: Callable[[TrainedSeed], None]
    on_knowledge: Callable[[Knowledge], None]
    warn: Callable[[str], None]
