"""The base of an A/B run: made by the process that judges, before anything is collected."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from pytest_mlregress.baselines.git_command import GitError, git
from pytest_mlregress.revisions.against import Against
from pytest_mlregress.revisions.base_side import BaseSide
from pytest_mlregress.revisions.environments import (
    EnvironmentFacts,
    EnvironmentProbeError,
    open_environment,
)
from pytest_mlregress.revisions.first_party import plugin_problem, watch_candidate
from pytest_mlregress.revisions.refusals import refuse_mismatch
from pytest_mlregress.revisions.worktree import (
    BaseCheckout,
    WorktreeError,
    changed_files,
    prepare_checkout,
)

WORKTREES: Final = "mlregress-worktrees"


@dataclass(slots=True)
class BaseOfRun:
    """The base, and what has to be put away after the run.

    Attributes:
        side: the base.
        environment: of its interpreter; None where that is the candidate's.
        notes: what the user should know about it.
        release: put it away; kept for the next run where that is asked for.
    """

    side: BaseSide
    environment: EnvironmentFacts | None
    notes: tuple[str, ...]
    release: Callable[[bool], None]


def prepare_base(config: pytest.Config, against: Against) -> BaseOfRun:
    """Find the base's interpreter and check out its code.

    Args:
        config: pytest's.
        against: what the user named.

    Returns:
        The base.

    Raises:
        pytest.UsageError: there is none, or it cannot be compared with.
    """
    try:
        environment = _environment(config, against)
        if against.ref is None:
            return _same_code(config, against, environment)
        return _of_ref(config, against, environment)
    except (WorktreeError, EnvironmentProbeError) as error:
        raise pytest.UsageError(f"--mlregress-against={against.text}: {error}") from None


def _environment(config: pytest.Config, against: Against) -> EnvironmentFacts | None:
    if against.python is None:
        return None
    return open_environment(against.python, config.invocation_params.dir)


def _same_code(
    config: pytest.Config, against: Against, environment: EnvironmentFacts | None
) -> BaseOfRun:
    """The candidate's own files, in another environment."""
    assert environment is not None  # the option names a ref or an environment
    top, commit = _repository(config.rootpath)
    side = BaseSide(
        label=against.text,
        checkout=top,
        rootdir=config.rootpath,
        candidate_checkout=top,
        candidate_rootdir=config.rootpath,
        commit=commit,
        python=str(environment.python),
        other_environment=True,
    )
    return BaseOfRun(side, environment, (), lambda keep: None)


def _repository(rootdir: Path) -> tuple[Path, str | None]:
    """The top folder of the code and its commit; outside git the rootdir and None."""
    try:
        top, commit = git(rootdir, "rev-parse", "--show-toplevel", "HEAD").decode().splitlines()
    except (GitError, ValueError):
        return rootdir, None
    return Path(top), commit


def _of_ref(
    config: pytest.Config, against: Against, environment: EnvironmentFacts | None
) -> BaseOfRun:
    place, lasting = _place(config)
    try:
        checkout = prepare_checkout(
            config.rootpath,
            against,
            place=place,
            test_patterns=config.getini("python_files"),
            test_folders=[config.rootpath / folder for folder in config.getini("testpaths")],
        )
    except BaseException:
        if not lasting:
            shutil.rmtree(place, ignore_errors=True)
        raise

    def release(keep: bool) -> None:
        checkout.release(keep=keep and lasting)
        if not lasting:
            shutil.rmtree(place, ignore_errors=True)

    try:
        if environment is None:
            refuse_mismatch(checkout)
        _refuse_other_code(checkout, config.rootpath)
        changed = changed_files(checkout)
    except BaseException:
        release(False)
        raise
    side = BaseSide(
        label=checkout.label,
        checkout=checkout.top,
        rootdir=checkout.rootdir,
        candidate_checkout=checkout.candidate_top,
        candidate_rootdir=config.rootpath,
        commit=checkout.commit,
        merge_base_of=checkout.merge_base_of,
        python=str(environment.python) if environment is not None else sys.executable,
        other_environment=environment is not None,
        own_tests=against.own_tests,
        changed=changed,
    )

    notes = (*checkout.notes, *_note_on_tests(checkout.laid_over, against))
    return BaseOfRun(side, environment, notes, release)


def _note_on_tests(laid_over: Sequence[str], against: Against) -> Iterator[str]:
    """That a change of the tests themselves is on both sides, and compared with nothing."""
    files = [path for path in laid_over if path.endswith(".py")]
    if files:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        yield (
            f"{files[0]}{more}: both sides run this tree's tests, so what changed in them is not "
            f"compared; to run each side's own: --mlregress-against=own-tests:{against.text}"
        )


def _refuse_other_code(checkout: BaseCheckout, rootdir: Path) -> None:
    """Refuse a run whose candidate would not be the code of the tree.

    Raises:
        WorktreeError: with the reason and the remedy.
    """
    problem = plugin_problem(checkout.candidate_top, checkout.top)
    if problem is None:
        first_party = watch_candidate(checkout.candidate_top, rootdir, checkout.top, "this tree")
        problem = first_party.install_problem()
        first_party.stop()
    if problem is not None:
        raise WorktreeError(problem)


def _place(config: pytest.Config) -> tuple[Path, bool]:
    """Where worktrees are kept, and whether that place stays after the run.

    In pytest's cache folder; in a temporary one where the cache is off or cannot be written.
    """
    cache: pytest.Cache | None = getattr(config, "cache", None)
    if cache is not None:
        try:
            return cache.mkdir(WORKTREES), True
        except OSError:
            pass
    return Path(tempfile.mkdtemp(prefix=f"{WORKTREES}-")), False
