"""What a history can do wrong."""

from __future__ import annotations

__all__ = ["HistoryError"]


class HistoryError(Exception):
    """A history that cannot be read or written; its text names the place and the remedy.

    Args:
        place: the file or URL, without credentials.
        problem: what is wrong with it.
        remedy: what to do; one that ends with a command ends without a full stop.
    """

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        super().__init__(f"{place}: {problem}. {remedy}")
        self.place, self.problem, self.remedy = place, problem, remedy
