"""How much of a verdict pytest shows: a few lines, or everything."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.verdicts.verdict import Verdict


@dataclass(frozen=True, slots=True)
class VerdictText:
    """The text of a verdict, made when somebody reads it.

    Attributes:
        config: pytest's, which says how much is shown.
        verdict: the verdict.
        instead: a text in its place; empty for the verdict's own.
    """

    config: pytest.Config
    verdict: Verdict
    instead: str = ""

    @property
    def line(self) -> str:
        """One line, for summaries and JUnit's message."""
        return self.instead or headline(self.verdict)

    def full(self) -> str:
        """Everything, for files."""
        if self.instead:
            return self.instead
        from pytest_mlregress.reporting.failure_text import failure_text

        return failure_text(self.verdict)

    def shown(self, width: int) -> str:
        """What is shown under FAILURES of a terminal of that width.

        Everything with ``-v``, ``-rA`` or ``--tb=long``, nothing with ``--tb=line``: pytest then
        prints the line, after its location.
        """
        style = getattr(self.config.option, "tbstyle", "auto")
        if style == "line":
            return ""
        if self.instead:
            return self.instead
        from pytest_mlregress.reporting.failure_text import failure_text
        from pytest_mlregress.reporting.short_failure_text import short_failure_text

        whole = style == "long" or (style != "short" and self._verbose)
        text = failure_text if whole else short_failure_text
        return text(self.verdict, width=width)

    @property
    def is_section_read(self) -> bool:
        """Whether anybody reads the captured sections of a test that passed."""
        option = self.config.option
        return (
            bool({"A", "P"} & set(self._report_characters))
            or getattr(option, "htmlpath", None) is not None
            or getattr(option, "report_log", None) is not None
        )

    @property
    def _verbose(self) -> bool:
        return getattr(self.config.option, "verbose", 0) > 0 or "A" in self._report_characters

    @property
    def _report_characters(self) -> str:
        """Those of ``-r``; none without pytest's terminal reporter."""
        return getattr(self.config.option, "reportchars", "")
