"""In a job of GitHub Actions, what tests have printed is text, and no workflow command.

pytest shows the output of a failed test in a section of its own, line by line as it was printed,
and GitHub would obey a line such as ``::error::…`` in it. It heeds no command between
``::stop-commands::TOKEN`` and ``::TOKEN::``, see
https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

import pytest

from pytest_mlregress.integrations import github_actions

_STOP: Final = "::stop-commands::{token}"
_RESUME: Final = "::{token}::"


def stop_printed_commands(config: pytest.Config) -> None:
    """Stop commands while pytest prints its own sections: errors, failures, warnings, passes.

    Does nothing elsewhere. The sections of plugins are left out, and with them the annotations.

    Args:
        config: of the process that prints, before its summary.
    """
    if not github_actions.runs_here():
        return
    import secrets

    token = secrets.token_hex(16)  # what a training could not have printed
    config.pluginmanager.register(_Stop(token), "mlregress-stop-commands")
    config.pluginmanager.register(_Resume(token), "mlregress-resume-commands")


class _Stop:
    """Before pytest's sections, which precede those of all plugins."""

    def __init__(self, token: str) -> None:
        self._token = token

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, object, object]:
        terminalreporter.write_line(_STOP.format(token=self._token))
        return (yield)


class _Resume:
    """The first of the plugins."""

    def __init__(self, token: str) -> None:
        self._token = token

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.write_line(_RESUME.format(token=self._token))
