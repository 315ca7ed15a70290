"""What ends a comparison with another commit before anything is trained."""

from __future__ import annotations

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.revisions.command_error import CommandError

__all__ = ["WorktreeError"]


class WorktreeError(CommandError):
    """A commit that cannot be checked out or compared with; the text names it and the remedy.

    The text is safe to print, whatever the names in the repository hold.
    """

    def __init__(self, message: str) -> None:
        super().__init__(visible(message))
