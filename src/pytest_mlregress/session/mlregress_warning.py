"""The plugin's warnings and how they are issued; light, since filters import it at start-up."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

import pytest

from pytest_mlregress import _compat

if TYPE_CHECKING:
    from pytest_mlregress.verdicts.group import GroupPlan


class MLRegressWarning(pytest.PytestWarning):
    """A verdict that passes and still needs attention, or a test that is not what it seems."""


_WARNED: Final = pytest.StashKey[set[str]]()


def warn_of_overridden_seed(item: pytest.Item, message: str | None) -> None:
    """Warn in the set-up of a seed, once per test and process; None says nothing.

    The filters of the run and of the test decide, so that a filter ``error`` fails the test.
    """
    warned = item.config.stash.setdefault(_WARNED, set())
    if message is None or message in warned:
        return
    warnings.warn_explicit(
        MLRegressWarning(message),
        category=None,
        filename=str(item.path),
        lineno=(item.location[1] or 0) + 1,
    )
    warned.add(message)


def warn_of_verdict(session: pytest.Session, plan: GroupPlan, message: str) -> None:
    """Put a line into pytest's warnings summary under the test's node id, at its place.

    No test runs that could raise it, so that a filter ``error`` shows it too. Only a filter that
    names this warning hides it: ``ignore::UserWarning`` is about other code's.
    """
    _, line, _ = plan.location
    warning = warnings.WarningMessage(
        message=MLRegressWarning(message),
        category=MLRegressWarning,
        filename=str(plan.file),
        lineno=(line or 0) + 1,
    )
    if not _compat.is_ignored(session.config, warning):
        session.config.hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": warning,
                "when": "runtest",
                "nodeid": plan.test,
                "location": None,
            }
        )


def warn_of_run(config: pytest.Config, message: str) -> None:
    """Put a line into pytest's warnings summary that belongs to no test.

    As in `warn_of_verdict`, no filter makes an error of it. Its place is the project's, since no
    line of code raised it, and pytest would print one below the warning.
    """
    warning = warnings.WarningMessage(
        message=MLRegressWarning(message),
        category=MLRegressWarning,
        filename=str(config.inipath or config.rootpath),
        lineno=1,
        line="",
    )
    if not _compat.is_ignored(config, warning):
        config.hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": warning,
                "when": "config",
                "nodeid": "",
                "location": None,
            }
        )
