"""How much of a verdict pytest shows: a few lines, or everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.short_failure_text import short_failure_text
from pytest_mlregress.verdicts.verdict import Verdict


@dataclass(frozen=True, slots=True)
class VerdictText:
    """The text of a verdict, once for each reader.

    Attributes:
        line: in one line, for summaries and JUnit's message.
        full: everything, for files and for ``-rA``.
        shown: what a terminal of a width shows under FAILURES.
    """

    line: str
    full: str
    shown: Callable[[int], str]

    @classmethod
    def of(cls, text: str) -> VerdictText:
        """A text that is the same for all.

        Args:
            text: one line.
        """
        return cls(text, text, lambda width: text)


def verdict_text(config: pytest.Config, verdict: Verdict) -> VerdictText:
    """The text of a verdict as this run shows it.

    Args:
        config: pytest's, which says how much is shown.
        verdict: the verdict.
    """

    def shown(width: int) -> str:
        if config.option.tbstyle == "line":  # pytest prints the line, after its location
            return ""
        text = failure_text if _shows_everything(config) else short_failure_text
        return text(verdict, width=width)

    return VerdictText(headline(verdict), failure_text(verdict), shown)


def _shows_everything(config: pytest.Config) -> bool:
    """True with ``-v``, ``-rA`` or ``--tb=long``, and False with ``--tb=short``."""
    option = config.option
    if option.tbstyle == "short":
        return False
    return option.verbose > 0 or "A" in option.reportchars or option.tbstyle == "long"
