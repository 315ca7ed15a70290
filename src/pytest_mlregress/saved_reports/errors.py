"""What can be wrong with a report that is read again."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_mlregress.baselines.visible import visible


class SavedReportError(Exception):
    """A report that cannot be read; its text is safe to print."""

    def __init__(self, message: str) -> None:
        super().__init__(visible(message))


class MergeError(Exception):
    """Shards that do not make one run.

    Attributes:
        defects: everything that is wrong with them, a line each, safe to print.
    """

    def __init__(self, defects: Sequence[str]) -> None:
        self.defects = tuple(map(visible, defects))
        super().__init__("\n".join(self.defects))
