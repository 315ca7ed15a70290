"""Baselines whose test is gone: listed after a run of the whole suite, deleted on request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

import pytest

from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.paths import BaselineKey
from pytest_mlregress.node_ids import split_file
from pytest_mlregress.running.splitting import is_split
from pytest_mlregress.verdicts.group import GroupPlan
from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines
from pytest_mlregress.verdicts.unused_baselines import unused_keys


class UnusedBaselines:
    """What is told of the unused baselines at the end of a run, and their deletion."""

    def __init__(
        self, session: pytest.Session, baselines: SuiteBaselines, plans: Iterable[GroupPlan]
    ) -> None:
        self._session = session
        self._baselines = baselines
        self._plans = plans
        self._deleted: set[BaselineKey] = set()

    def prune(self) -> None:
        """Delete them.

        Raises:
            BaselineError: one of them cannot be deleted.
        """
        for key in self._keys:
            self._baselines.store.delete(key)
            self._deleted.add(key)

    def notes(self) -> Iterator[str]:
        """A line on all of them, for the end of the summary; with ``-v`` one on each."""
        deleted = [key for key in self._keys if key in self._deleted]
        unused = [key for key in self._keys if key not in self._deleted]
        yield from self._lines(deleted, "deleted ", "")
        yield from self._lines(unused, "", "; delete {} with --mlregress-prune")

    def _lines(self, keys: Sequence[BaselineKey], did: str, remedy: str) -> Iterator[str]:
        if len(keys) <= 1 or self._session.config.option.verbose > 0:
            for key in keys:
                place = self._baselines.store.describe(key)
                yield f"{did}unused baseline {place}: its test is gone{remedy.format('it')}"
            return
        first = self._baselines.store.describe(keys[0])
        yield (
            f"{did}{len(keys)} unused baselines, whose tests are gone: {first} and "
            f"{len(keys) - 1} more (-v lists them){remedy.format('them')}"
        )

    @cached_property
    def _keys(self) -> tuple[BaselineKey, ...]:
        try:
            return unused_baselines(self._session, self._baselines, self._plans)
        except BaselineError:  # every verdict of the run has said so
            return ()


def unused_baselines(
    session: pytest.Session, baselines: SuiteBaselines, plans: Iterable[GroupPlan]
) -> tuple[BaselineKey, ...]:
    """The baselines of tests that this run would have collected, had they been there.

    Empty where the run was filtered or cut short, since a test that did not get its turn is not
    gone.

    Raises:
        StoreError: the baselines cannot be listed.
    """
    folders = _whole_folders(session.config)
    uncollected = _uncollected(session.config)
    if folders is None or uncollected is None or _cut_short(session):
        return ()
    plans = tuple(plans)
    return unused_keys(
        baselines,
        tests={(baselines.key(plan).directory, plan.baseline_id) for plan in plans},
        files={plan.file for plan in plans},
        folders=folders,
        uncollected=uncollected,
    )


def is_whole_suite(session: pytest.Session) -> bool:
    """True for a run that neither was filtered nor left out or lost a file, nor was cut short."""
    return (
        _whole_folders(session.config) is not None
        and _uncollected(session.config) == ()
        and not _cut_short(session)
    )


def _cut_short(session: pytest.Session) -> bool:
    """True for a run that did not come to its last test."""
    ended = (
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    )
    return session.exitstatus not in ended or bool(session.shouldfail or session.shouldstop)


def _whole_folders(config: pytest.Config) -> tuple[PurePosixPath, ...] | None:
    """The folders whose tests all ran, relative to the rootdir; None for a filtered run."""
    option = config.option
    filters = (
        option.keyword,
        option.markexpr not in ("", "mlregress"),
        option.deselect,
        option.collectonly,
        option.mlregress_plan,
        option.mlregress_update_new_only,  # it leaves out the tests that have a baseline
        is_split(config),
        getattr(option, "ignore", None),
        getattr(option, "ignore_glob", None),
        getattr(option, "lf", False),
        getattr(option, "stepwise", False),
    )
    if any(filters):
        return None
    folders = []
    for argument in config.args:
        file, names = split_file(argument)
        path = Path(file)
        absolute = path if path.is_absolute() else config.invocation_params.dir / path
        if names or not absolute.is_dir():
            return None
        try:
            folders.append(PurePosixPath(absolute.relative_to(config.rootpath).as_posix()))
        except ValueError:
            return None
    return tuple(folders)


def _uncollected(config: pytest.Config) -> tuple[PurePosixPath, ...] | None:
    """The files that were skipped as a whole or could not be imported, relative to the rootdir.

    The terminal reporter keeps their reports, workers' too; None where there is none to ask.
    """
    terminal = config.pluginmanager.getplugin("terminalreporter")
    if terminal is None:
        return None
    return tuple(
        PurePosixPath(split_file(report.nodeid)[0])
        for category in ("error", "skipped")
        for report in terminal.stats.get(category, ())
        if isinstance(report, pytest.CollectReport)
    )
