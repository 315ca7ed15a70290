"""The posterior of a search while it goes on: bars on a terminal, the end of a line in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.reporting.bisection.text import probability_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pytest_mlregress.revisions.bisection.search import Knowledge

__all__ = ["PosteriorView"]

_MOST_ROWS: Final = 10
_BAR: Final = 24
_SHOWN_IN_LINE: Final = 3


class PosteriorView:
    """How probable it is of each commit that it lost, by the newest trainings."""

    def __init__(self) -> None:
        self._known: Knowledge | None = None

    def update(self, known: Knowledge) -> None:
        """Show another posterior from now on.

        Args:
            known: what is known.
        """
        self._known = known

    def bars(self) -> RenderableType:
        """A bar for each of the most probable commits.

        Returns:
            What rich prints.
        """
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 1), show_header=False)
        for probability, name, subject in self._most_probable(_MOST_ROWS):
            bar = ("█" * round(_BAR * probability)).ljust(_BAR, "·")
            subject_text = Text(subject, no_wrap=True, overflow="ellipsis")
            table.add_row(probability_text(probability), bar, name, subject_text)
        if self._known is not None and self._known.step is not None:
            none = self._known.step.p_no_loss
            bar = ("█" * round(_BAR * none)).ljust(_BAR, "·")
            table.add_row(probability_text(none), bar, "none", "no commit lost")
        return table

    def summary(self) -> str:
        """The most probable commits in one line.

        Returns:
            The text.
        """
        if self._known is None or self._known.step is None:
            return "no posterior yet"
        commits = ", ".join(
            f"{name} {probability_text(share)}"
            for share, name, _ in self._most_probable(_SHOWN_IN_LINE)
        )
        return f"lost: {commits}; none: {probability_text(self._known.step.p_no_loss)}"

    def _most_probable(self, most: int) -> list[tuple[float, str, str]]:
        """Probability, short name and subject."""
        known = self._known
        if known is None or known.step is None:
            return []
        rows = [
            (float(share), known.history.candidates[place])
            for share, place in zip(known.step.posterior, known.kept, strict=True)
        ]
        rows.sort(key=lambda row: -row[0])
        return [(share, commit.short, visible(commit.subject)) for share, commit in rows[:most]]
