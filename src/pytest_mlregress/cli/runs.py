"""The history that a subcommand is asked about: where it is, and which runs of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, TypeVar

import click

from pytest_mlregress.baselines.git_command import GitError, git
from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.cli.common import history_option, json_option
from pytest_mlregress.cli.rootdir import from_rootdir, rootdir_option
from pytest_mlregress.history.errors import HistoryError
from pytest_mlregress.history.place import OFF, RunHistory, open_history
from pytest_mlregress.history.records import RunRecord

__all__ = ["find_history", "find_runs", "history_options"]

_INI: Final = "mlregress_history"
_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., None])


def history_options(command: _F) -> _F:
    """Give a command the options that say which runs, and how to print what is said of them.

    Args:
        command: the command; takes ``test``, ``since``, ``place``, ``as_json`` and ``rootdir``.

    Returns:
        It.
    """
    for option in (
        click.argument("test", required=False),
        json_option,
        click.option(
            "--since", metavar="WHEN", help="Only runs since a date (2026-03-12) or a git ref."
        ),
        history_option,
        rootdir_option,
    ):
        command = option(command)
    return command


def find_history(place: str | None, rootdir: Path) -> RunHistory:
    """The history of a suite.

    Args:
        place: as the option names it; None for what the ini file says.
        rootdir: pytest's rootdir.

    Returns:
        The history.

    Raises:
        click.ClickException: there is none, or it cannot be used.
    """
    root = rootdir.resolve()
    setting = place if place is not None else _in_ini(root)
    try:
        history = open_history(setting, root)
    except HistoryError as error:
        raise click.ClickException(visible(str(error))) from None
    if history is None:
        source = "--history" if place == OFF else f"ini {_INI}"
        raise click.ClickException(f"{source} is off: no history is kept; name one: --history PATH")
    return history


def find_runs(
    history: RunHistory, *, test: str | None, since: str | None, rootdir: Path
) -> tuple[RunRecord, ...]:
    """The runs that were asked for.

    Args:
        history: the history.
        test: only tests whose node id contains this text, from the rootdir or from the current
            folder; None for all.
        since: only runs since then; None for all.
        rootdir: pytest's rootdir.

    Returns:
        At least one run, oldest first.

    Raises:
        click.ClickException: there is none, or the history cannot be read.
    """
    if test is not None:
        test = from_rootdir(test, rootdir.resolve())
    begin = None if since is None else _time_of(since, rootdir.resolve())
    runs = reading(lambda: history.read(test=test, since=begin))
    if runs:
        return runs
    if test is None and since is None:
        raise click.ClickException(
            visible(f"no runs in {history.place} yet; each check adds one: pytest -m mlregress")
        )
    what = f"a test that contains {test!r}" if test is not None else "any test"
    when = f" since {since}" if since is not None else ""
    raise click.ClickException(
        visible(f"no run of {what}{when} in {history.place}; see: mlregress history")
    )


def reading(read: Callable[[], _T]) -> _T:
    """The result of a read; a history that cannot be read is an error on one line.

    Args:
        read: reads.

    Returns:
        Its result.

    Raises:
        click.ClickException: it raised `HistoryError`.
    """
    try:
        return read()
    except HistoryError as error:
        raise click.ClickException(visible(str(error))) from None


def _in_ini(root: Path) -> str | None:
    from pytest_mlregress.doctor.configuration import find_configuration

    return find_configuration(root, root).values.get(_INI, "").strip() or None


def _time_of(since: str, root: Path) -> str:
    """A date or a git ref as the time of a run is written, in UTC."""
    try:
        day = date.fromisoformat(since)
    except ValueError:
        day = None
    if day is not None:
        return f"{day.isoformat()}T00:00:00Z"
    try:
        text = git(root, "log", "-1", "--format=%cI", "--end-of-options", since, "--").decode()
    except GitError:
        raise click.BadParameter(
            f"{since!r} is neither a date such as 2026-03-12 nor a git ref of {root}",
            param_hint="--since",
        ) from None
    moment = datetime.fromisoformat(text.strip()).astimezone(UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
