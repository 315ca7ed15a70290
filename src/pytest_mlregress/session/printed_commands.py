"""In a job of GitHub Actions, what tests have printed or raised is text, and no workflow command.

pytest shows the output of a failed test in a section of its own, line by line as it was printed,
and GitHub would obey a line such as ``::error::…`` in it, also an indented one. It heeds no command
between ``::stop-commands::TOKEN`` and ``::TOKEN::``, see
https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from pytest_mlregress.integrations import github_actions

_TOKEN: Final = pytest.StashKey[str]()


def stop_printed_commands(config: pytest.Config) -> None:
    """Stop commands while pytest prints its own sections, from errors to the short summary.

    Does nothing elsewhere. The sections of plugins are left out, and with them the annotations.

    Args:
        config: of the process that prints, before its summary.
    """
    if not github_actions.runs_here():
        return
    import secrets

    token = secrets.token_hex(16)  # what a training could not have printed
    config.stash[_TOKEN] = token
    config.pluginmanager.register(_Sections(token), "mlregress-stop-commands")
    config.pluginmanager.register(_PluginSections(token), "mlregress-resume-commands")


@contextmanager
def commands_stopped(config: pytest.Config, terminal: Any) -> Iterator[None]:
    """Stop commands in a section of a plugin, where `stop_printed_commands` stops those of pytest.

    Args:
        config: of the process that prints.
        terminal: pytest's terminal reporter.
    """
    token = config.stash.get(_TOKEN, None)
    if token is None:
        yield
        return
    terminal.write_line(github_actions.STOP_COMMANDS.format(token=token))
    try:
        yield
    finally:
        terminal.ensure_newline()
        terminal.write_line(github_actions.RESUME_COMMANDS.format(token=token))


class _Sections:
    """Around all of them: pytest prints most before those of plugins, the short summary after."""

    def __init__(self, token: str) -> None:
        self._token = token

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, object, object]:
        terminalreporter.write_line(github_actions.STOP_COMMANDS.format(token=self._token))
        try:
            return (yield)
        finally:
            terminalreporter.ensure_newline()
            terminalreporter.write_line(github_actions.RESUME_COMMANDS.format(token=self._token))


class _PluginSections:
    """Around those of plugins, inside of pytest's."""

    def __init__(self, token: str) -> None:
        self._token = token

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, object, object]:
        terminalreporter.write_line(github_actions.RESUME_COMMANDS.format(token=self._token))
        try:
            return (yield)
        finally:
            terminalreporter.ensure_newline()
            terminalreporter.write_line(github_actions.STOP_COMMANDS.format(token=self._token))
