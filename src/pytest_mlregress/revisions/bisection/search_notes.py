"""What a user should know about a search besides its answer, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mlregress.plurals import count_of
from pytest_mlregress.revisions.bisection.axis_rules import Axis
from pytest_mlregress.revisions.bisection.bisect_request import BisectRequest
from pytest_mlregress.revisions.bisection.commit_range import CommitRange
from pytest_mlregress.revisions.bisection.commit_trainer import CommitTrainer
from pytest_mlregress.revisions.bisection.moved_axes import MovedAxis
from pytest_mlregress.revisions.candidate_files import list_candidate
from pytest_mlregress.revisions.repository import Repository
from pytest_mlregress.running.reads import is_derived

__all__ = ["axis_notes", "unmet_notes", "working_tree_notes"]

_SHOWN = 3


def working_tree_notes(repository: Repository, between: CommitRange) -> Iterator[str]:
    """Uncommitted changes that the user may expect to be searched.

    Args:
        repository: the repository.
        between: the commits.

    Yields:
        One sentence, if there are any on top of the bad end.

    Raises:
        WorktreeError: git failed.
    """
    if between.bad.name != repository.head:
        return
    files = list_candidate(repository.top, between.bad.name)
    changed = [path for path in files.changed if not is_derived(path)]
    if changed:
        yield (
            f"{count_of(len(changed), 'file')} of the working tree "
            f"{'differs' if len(changed) == 1 else 'differ'} from "
            f"{between.bad.short}: its tests are laid over every commit, and its other changes "
            "are not part of the search"
        )


def unmet_notes(trainer: CommitTrainer, between: CommitRange) -> Iterator[str]:
    """What the ends declare and are trained without: a confounder of all that is found.

    Args:
        trainer: trains in this environment.
        between: the commits.

    Yields:
        One sentence per end.
    """
    for end in (between.good, between.bad):
        for text in trainer.unmet(end.name):
            yield f"{text}; what this changes is not seen"


def axis_notes(moved: tuple[MovedAxis, ...], request: BisectRequest) -> Iterator[str]:
    """The axes that moved with the commits and were not told apart.

    Args:
        moved: the axes that moved.
        request: what was asked.

    Yields:
        One sentence per axis.
    """
    others = {own.axis: own for own in moved if own.axis not in request.axes}
    beside = sorted(own.axis for own in moved if own.axis in ("config", "data"))
    for axis, own in others.items():
        if axis in ("config", "data") and not own.only_pointers:
            tell = ",".join(["commits", *beside])
            yield (
                f"{_NAMES[axis]} moved with the commits ({_what(own)}); to find out first whether "
                f"it lost: --axes={tell}"
            )
    yield from _not_moved(moved, request)
    for own in moved:
        if own.only_pointers:
            yield (
                f"data moved with the commits ({_what(own)}), but the data are the working tree's "
                "in every state, and what this changes is not seen; where versions lie side by "
                "side, name them: --data=data/v{version}"
            )
        if own.axis == "env" and "env" in request.axes and request.env_good is None:
            yield (
                f"the environment moved with the commits ({_what(own)}), and every state is "
                "trained in this one; to tell it apart, name an interpreter of each end: "
                "--env-good=PYTHON --env-bad=PYTHON"
            )


def _not_moved(moved: tuple[MovedAxis, ...], request: BisectRequest) -> Iterator[str]:
    """The axes that were asked for and cannot be told apart, since nothing on them moved."""
    own = {axis.axis: axis for axis in moved}
    template = request.rules.data
    for axis in request.axes:
        if axis == "data" and template is not None:
            if axis not in own:
                yield (
                    f"--axes data: no file that differs between both ends lies below "
                    f"{template.text} or names two versions by it; the template may not be the "
                    "one that this repository uses"
                )
        elif axis not in own:
            hint = _HINTS.get(axis, "")
            yield f"--axes {axis}: no file of this axis differs between both ends{hint}"


_HINTS: dict[Axis, str] = {
    "config": "; name other configuration files with --config",
    "env": "; name other lock files with --lock, or two interpreters with --env-good and --env-bad",
    "data": "; name where its versions lie with --data",
}

_NAMES: dict[Axis, str] = {"config": "configuration", "data": "the version of the data"}


def _what(own: MovedAxis) -> str:
    if own.versions is not None:
        return f"{own.versions[0]} to {own.versions[1]}"
    more = f" and {len(own.paths) - _SHOWN} more" if len(own.paths) > _SHOWN else ""
    return ", ".join(own.paths[:_SHOWN]) + more
