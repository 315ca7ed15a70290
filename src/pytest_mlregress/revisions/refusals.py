"""Comparisons that one environment cannot serve, refused before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_mlregress.revisions.base_commit import ABBREVIATED
from pytest_mlregress.revisions.dependencies import changed_dependencies
from pytest_mlregress.revisions.extension_sources import changed_extension_sources
from pytest_mlregress.revisions.worktree import BaseCheckout
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["refuse_mismatch"]

_SHOWN: Final = 3


def refuse_mismatch(checkout: BaseCheckout) -> None:
    """Refuse two sides that need different environments; not to be asked where `env:` is given.

    Args:
        checkout: the base's checkout.

    Raises:
        WorktreeError: declared dependencies, or the sources of compiled extensions, differ.
    """
    sides = {"candidate": checkout.candidate_top, "base": checkout.top}
    sources = changed_extension_sources(checkout.files, **sides)
    if sources:
        raise _refused(
            checkout,
            f"the sources of compiled extensions differ ({_some(sources, ', ')})",
            "built from its sources",
        )
    root = checkout.rootdir.relative_to(checkout.top).as_posix()
    declared = changed_dependencies(checkout.files, "" if root == "." else root, **sides)
    if declared:
        raise _refused(
            checkout,
            f"the declared dependencies differ ({_some(declared, '; ')})",
            "with the dependencies that it declares",
        )


def _refused(checkout: BaseCheckout, difference: str, made: str) -> WorktreeError:
    option = f"--mlregress-against={checkout.against.text}"
    commit = checkout.commit[:ABBREVIATED]
    return WorktreeError(
        f"{difference} between the base {commit} and the working tree, and one "
        f"environment cannot serve both sides; name an environment of the base, {made}: "
        f"{option},env:PYTHON"
    )


def _some(names: Sequence[str], separator: str) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return separator.join(names[:_SHOWN]) + more
