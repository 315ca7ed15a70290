"""Where seeds of one test are trained: this environment, and others that the user names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pytest_mlregress.revisions.bisection.commit_trainer import CommitTrainer
from pytest_mlregress.revisions.cells.cell import Cells
from pytest_mlregress.revisions.cells.journal import Journal
from pytest_mlregress.revisions.cells.suite import Suite, SuiteTest, describe_test
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest, TrainedSeed
from pytest_mlregress.revisions.cells.trainer import Trainer
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.revisions.environments import (
    EnvironmentProbeError,
    find_interpreter,
    probe,
    refuse_other_plugin,
    running_environment,
)

__all__ = ["SiteOptions", "TrainingSites", "collect_test", "interpreter_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteOptions:
    """What all environments have in common.

    Attributes:
        test: the node id of the test, or the end of it.
        rootdir: where pytest is started.
        pytest_args: further arguments of pytest.
        seeds: the number of seeds that are collected.
        workers: the number of seeds that train at once.
        on_start: called with each seed before it trains.
        on_seed: called with each seed that is known.
        warn: told of what cannot be used of the cache.
        use_cache: whether seeds of earlier runs are taken from the cache of seeds.
    """

    test: str
    rootdir: Path
    pytest_args: tuple[str, ...]
    seeds: int
    workers: int
    on_start: Callable[[SeedRequest], None]
    on_seed: Callable[[TrainedSeed], None]
    warn: Callable[[str], None]
    use_cache: bool = True


def collect_test(options: SiteOptions, python: str = sys.executable) -> tuple[Suite, SuiteTest]:
    """Collect the test in an environment.

    Args:
        options: which test.
        python: the interpreter.

    Returns:
        The suite, and the test.

    Raises:
        CommandError: pytest could not collect it, or there is no such test.
    """
    return describe_test(
        options.test,
        directory=options.rootdir,
        seeds=options.seeds,
        pytest_args=options.pytest_args,
        python=python,
    )


def interpreter_of(text: str | None, rootdir: Path) -> str:
    """The interpreter that the user names.

    Args:
        text: its path, a folder that holds one, or a command; None for this one.
        rootdir: where relative paths start.

    Returns:
        Its path; this one's where it belongs to this environment.

    Raises:
        CommandError: it is missing, broken, or lacks this plugin.
    """
    if text is None:
        return sys.executable
    try:
        facts = probe(find_interpreter(text, rootdir))
        here = running_environment()
        if (facts.prefix, facts.version) == (here.prefix, here.version):
            return sys.executable
        refuse_other_plugin(facts)
    except EnvironmentProbeError as error:
        raise CommandError(str(error)) from None
    return str(facts.python)


class TrainingSites:
    """The trainers of a search; a context manager, which ends them and removes their checkouts.

    Args:
        options: what they have in common.
        python: the interpreter of most of them.
        suite: the working tree's tests as that environment has them.
        test: the test among them.
        labels: a commit in a few words, by its full name; may grow.
    """

    def __init__(
        self,
        options: SiteOptions,
        python: str,
        suite: Suite,
        test: SuiteTest,
        labels: Mapping[str, str],
    ) -> None:
        self._options = options
        self._python = python
        self._suite = suite
        self._test = test
        self._labels = labels
        self._stack = ExitStack()
        self._opened: dict[str, CommitTrainer] = {}
        self.cells = self._stack.enter_context(_cells(suite, python))
        self.journal: Journal | None = None

    def __enter__(self) -> TrainingSites:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def keep(self, journal: Journal) -> None:
        """Keep what is trained, from now on; the journal is closed at the end.

        Args:
            journal: that of the question.
        """
        self.journal = journal
        self._stack.callback(journal.close)

    def trainer(self, python: str | None = None) -> CommitTrainer:
        """The trainer of an environment.

        Args:
            python: its interpreter; None for the one of most.

        Returns:
            The trainer, the same each time.

        Raises:
            CommandError: pytest cannot collect the test there.
        """
        wanted = python or self._python
        if wanted not in self._opened:
            self._opened[wanted] = self._open(wanted)
        return self._opened[wanted]

    @property
    def sources(self) -> Mapping[str, int]:
        """How many results were trained now, and how many were there already."""
        found: dict[str, int] = {}
        for trainer in self._opened.values():
            for source, number in trainer.sources.items():
                found[source] = found.get(source, 0) + number
        return found

    def _open(self, python: str) -> CommitTrainer:
        suite, test, cells = self._suite, self._test, self.cells
        if python != self._python:
            suite, test = collect_test(self._options, python)
            cells = self._stack.enter_context(_cells(suite, python))
        trainer = self._stack.enter_context(
            Trainer(
                suite,
                workers=self._options.workers,
                journal=self.journal,
                use_cache=self._options.use_cache,
                warn=self._options.warn,
                on_start=self._options.on_start,
                on_seed=self._options.on_seed,
            )
        )
        return CommitTrainer(
            cells, trainer, test.test, labels=self._labels, workers=self._options.workers
        )


def _cells(suite: Suite, python: str) -> Cells:
    other = None if python == sys.executable else python
    return Cells(suite, any_dependencies=True, python=other)
