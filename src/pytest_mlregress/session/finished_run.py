"""A run whose verdicts are final, as its outputs get it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import pytest

from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.revisions.history import History
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.group import SeedGroup


@dataclass(frozen=True)
class FinishedRun:
    """A run whose verdicts are final.

    Attributes:
        config: pytest's.
        settings: those of the run.
        groups: by test, its seeds.
        published: by test, the report of the verdict's call that pytest has seen.
        history: what git knows of the working tree.
        make_report: puts the report together, which costs time where nobody reads it.
    """

    config: pytest.Config
    settings: Settings
    groups: Mapping[str, SeedGroup]
    published: Mapping[str, pytest.TestReport]
    history: History
    make_report: Callable[[], RunReport]

    @cached_property
    def report(self) -> RunReport:
        """The report of the run."""
        return self.make_report()
