"""The only place that touches private parts of pytest and pytest-xdist.

Each function says which part, and in which versions it was seen to work.
"""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

    from pytest_mlregress.running.result import Xfail


def ini_keys(config: pytest.Config) -> tuple[str, ...]:
    """The keys of the ini file and of ``--override-ini``, known to pytest or not.

    ``Config.inicfg``, pytest 8.0 to 8.4, deprecated in 9.0; ``Config._inicfg``, 9.0 to 9.2.
    """
    stored = getattr(config, "_inicfg", None)
    overrides = config.getoption("override_ini", None) or ()
    return (
        *(stored if stored is not None else config.inicfg),
        *(entry.partition("=")[0].strip() for entry in overrides),
    )


def parameter_ids(item: pytest.Item) -> tuple[str, ...]:
    """The ids of the item's parameters, in order.

    ``CallSpec2._idlist``, pytest 8.0 to 9.2; the public ``callspec.id`` joins them with dashes,
    which ids may contain.
    """
    callspec = getattr(item, "callspec", None)
    return tuple(str(entry) for entry in callspec._idlist) if callspec is not None else ()


def parameter_values(item: pytest.Item) -> dict[str, Any]:
    """The parameters of an item by name; ``Function.callspec`` is not in the public API."""
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec is not None else {}


def marks_of_parameters(metafunc: pytest.Metafunc) -> set[str]:
    """Names of the marks given through ``pytest.param(..., marks=...)`` so far.

    ``Metafunc._calls``, pytest 8.0 to 9.2.
    """
    return {mark.name for call in metafunc._calls for mark in call.marks}


def resolves_to(metafunc: pytest.Metafunc, name: str, module: str) -> bool:
    """True where the fixture ``name``, as this test sees it, is defined in ``module``.

    ``Metafunc._arg2fixturedefs``, pytest 8.0 to 9.2.
    """
    definitions = metafunc._arg2fixturedefs.get(name)
    return definitions is not None and definitions[-1].func.__module__ == module


def place_of(metafunc: pytest.Metafunc, name: str) -> str | None:
    """``conftest.py:12`` of the fixture ``name``, as this test sees it, None where there is none.

    ``Metafunc._arg2fixturedefs``, pytest 8.0 to 9.2.
    """
    definitions = metafunc._arg2fixturedefs.get(name)
    if definitions is None:
        return None
    code = inspect.unwrap(definitions[-1].func).__code__
    file = os.path.relpath(code.co_filename, metafunc.config.rootpath)
    return f"{Path(file).as_posix()}:{code.co_firstlineno}"


def xfail_in_force(item: pytest.Item) -> Xfail | None:
    """The ``xfail`` that pytest's skipping plugin has found to hold, or None.

    ``_pytest.skipping.xfailed_key``, pytest 8.0 to 9.2.
    """
    from _pytest.skipping import xfailed_key

    found = item.stash.get(xfailed_key, None)
    if found is None or item.config.option.runxfail:
        return None
    from pytest_mlregress.running.result import Xfail

    return Xfail(reason=found.reason, strict=found.strict, raises=found.raises is not None)


def count_collected(session: pytest.Session) -> None:
    """Count a test that is reported beyond those that were collected.

    pytest-sugar keeps a number of its own on the terminal reporter, and its bar would pass 100 %.
    """
    session.testscollected += 1
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if isinstance(getattr(reporter, "tests_count", None), int):
        reporter.tests_count += 1


def count_failure(session: pytest.Session, report: pytest.TestReport) -> None:
    """Let xdist's ``-x`` and ``--maxfail`` see a failed report that no worker sent.

    ``DSession._handlefailures``, xdist 3.6 to 3.8. Without xdist, pytest's own session has
    counted the report already.
    """
    dsession = session.config.pluginmanager.getplugin("dsession")
    if dsession is not None:
        dsession._handlefailures(report)


def unsettle_stepwise_and_last_failed(
    config: pytest.Config, verdict: pytest.TestReport, seeds: list[pytest.TestReport]
) -> None:
    """Replace a failed verdict by its seeds in what ``--lf`` and ``--sw`` run again.

    The verdict's id belongs to no item. The hook methods of ``lfplugin`` and ``stepwiseplugin``
    are called with reports of their own, pytest 8.0 to 9.2.
    """
    last_failed = config.pluginmanager.getplugin("lfplugin")
    if last_failed is not None:
        last_failed.pytest_runtest_logreport(verdict)
        for report in seeds:
            last_failed.pytest_runtest_logreport(report)
    stepwise = config.pluginmanager.getplugin("stepwiseplugin")
    if stepwise is not None and seeds:
        stepwise.pytest_runtest_logreport(seeds[0])


def called_by_pytest_or(package: str) -> bool:
    """True where the hook that is running was called by pytest itself, or from the package.

    The caller is the next frame but those of pluggy, 1.3 to 1.7; its module tells whose it is.
    """
    frame = sys._getframe(3)  # beyond this function, its caller and the hook
    while frame.f_back is not None and _package_of(frame) == "pluggy":
        frame = frame.f_back
    return _package_of(frame) in ("_pytest", package)


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def deselect_as_asked(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let ``-k``, ``-m`` and ``--deselect`` have their turn now; a second one changes nothing.

    The hooks of ``_pytest.mark`` and ``_pytest.main``, pytest 8.0 to 9.2.
    """
    from _pytest import main, mark

    mark.pytest_collection_modifyitems(items, config)
    main.pytest_collection_modifyitems(items, config)


def take_back_deselection(config: pytest.Config, items: Collection[pytest.Item]) -> None:
    """Do not count items as deselected that run after all.

    ``TerminalReporter.stats``, pytest 8.0 to 9.2, which the line of the collection counts from.
    """
    terminal = config.pluginmanager.getplugin("terminalreporter")
    if terminal is not None and items and "deselected" in terminal.stats:
        left = [item for item in terminal.stats["deselected"] if item not in items]
        terminal.stats["deselected"] = left


def is_ignored(config: pytest.Config, warning: warnings.WarningMessage) -> bool:
    """True where a ``filterwarnings`` or ``-W`` of its very category says to ignore a warning.

    ``_pytest.config.apply_warning_filters`` and ``parse_warning_filter``, pytest 8.0 to 9.2.
    """
    from _pytest.config import apply_warning_filters, parse_warning_filter

    assert isinstance(warning.message, Warning)

    def own(filters: list[str], *, escape: bool) -> list[str]:
        categories = {text: parse_warning_filter(text, escape=escape)[2] for text in filters}
        return [text for text in filters if issubclass(categories[text], warning.category)]

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        apply_warning_filters(
            own(config.getini("filterwarnings"), escape=False),
            own(config.known_args_namespace.pythonwarnings or [], escape=True),
        )
        try:
            warnings.warn_explicit(warning.message, None, warning.filename, warning.lineno)
        except warning.category:
            return False
    return not shown


def reschedule(scheduler: Any, nodeid: str) -> bool:
    """Ask xdist to run a lost item again; False where its scheduler cannot.

    ``Scheduling.mark_test_pending``, xdist 3.6 to 3.8; the loadscope family refuses.
    """
    try:
        scheduler.mark_test_pending(nodeid)
    except (NotImplementedError, AttributeError):
        return False
    return True


def number_of_workers(config: pytest.Config, asked: int | str) -> int:
    """How many workers ``-n`` means: a number, ``auto`` or ``logical``; at least 1.

    ``xdist.plugin`` resolves the words by a hook of its own, xdist 3.6 to 3.8.
    """
    if isinstance(asked, str):
        asked = config.hook.pytest_xdist_auto_num_workers(config=config) or 1
    return max(1, int(asked))


def failure_representation(
    text: str, message: str, location: tuple[str, int | None, str], shown: Callable[[int], str]
) -> TerminalRepr:
    """A failure's text with the one line of it that stands in summaries and in JUnit's message.

    A plain string would be repeated whole in the short summary on CI. The classes are those of
    ``_pytest._code.code`` that reports can be serialized with, pytest 8.0 to 9.2.

    Args:
        text: everything, for files such as JUnit's XML and report logs.
        message: the line, which ``--tb=line`` prints after the location.
        location: pytest's location of the test.
        shown: what a terminal of that width shows.
    """
    from _pytest._code.code import ReprEntryNative, ReprFileLocation, ReprTraceback

    path, line, _ = location
    representation: Any = _failure_class()(
        reprtraceback=ReprTraceback(
            reprentries=[ReprEntryNative([f"{text}\n"])], extraline=None, style="native"
        ),
        reprcrash=ReprFileLocation(path=path, lineno=(line or 0) + 1, message=message),
    )
    representation.text, representation.shown = text, shown
    failure: TerminalRepr = representation
    return failure


@cache
def _failure_class() -> Any:
    """`ReprExceptionInfo`, whose ``str`` goes into files, with another text on a terminal."""
    from _pytest._code.code import ReprExceptionInfo

    class VerdictRepresentation(ReprExceptionInfo):
        text: str
        shown: Callable[[int], str]

        def __str__(self) -> str:
            return self.text

        def toterminal(self, tw: Any) -> None:
            for index, line in enumerate(self.shown(tw.fullwidth).splitlines()):
                tw.line(line, red=not index, bold=not index)

    return VerdictRepresentation


def leave_out_of_junit(config: pytest.Config, node_ids: Collection[str]) -> None:
    """Leave test cases that did not fail out of the JUnit XML, and out of its counts.

    To be called before the file is written. `LogXML` keeps its test cases in a list of finished
    elements, which no longer know their node id, and counts them as they come (pytest 8.0 to 9.2).
    """
    from _pytest.junitxml import bin_xml_escape, mangle_test_address, xml_key

    xml = config.stash.get(xml_key, None)
    if xml is None:
        return
    prefix = [xml.prefix] if xml.prefix else []
    addresses = [mangle_test_address(node_id) for node_id in node_ids]
    left_out = {(".".join(prefix + names[:-1]), bin_xml_escape(names[-1])) for names in addresses}
    kept = []
    for reporter in xml.node_reporters_ordered:
        case = reporter.to_xml()
        failed = case.find("failure") is not None or case.find("error") is not None
        if failed or (case.get("classname"), case.get("name")) not in left_out:
            kept.append(reporter)
            continue
        xml.stats["passed" if case.find("skipped") is None else "skipped"] -= 1
    xml.node_reporters_ordered[:] = kept


def writes_junit(config: pytest.Config) -> bool:
    """Whether this process writes a JUnit XML (pytest 8.0 to 9.2)."""
    from _pytest.junitxml import xml_key

    return config.stash.get(xml_key, None) is not None


def add_suite_properties(config: pytest.Config, properties: Iterable[tuple[str, str]]) -> None:
    """Properties of the test suite in the JUnit XML, before it is written.

    As pytest's fixture ``record_testsuite_property``, which no code outside of a test can ask for.
    `LogXML` escapes values alone: names come without control characters.
    """
    from _pytest.junitxml import xml_key

    for name, value in properties:
        config.stash[xml_key].add_global_property(name, value)


def run_unlogged(item: pytest.Item) -> None:
    """Run an item without telling of its reports, so that it can be run once more.

    ``_pytest.runner.runtestprotocol`` with ``log=False``, as pytest-rerunfailures uses it. Seen in
    pytest 8 and 9.
    """
    from _pytest.runner import runtestprotocol

    from pytest_mlregress.running.sibling import Sibling

    runtestprotocol(item, log=False, nextitem=Sibling.of(item))


def tear_down_to(item: pytest.Item, nextitem: pytest.Item | None) -> str | TerminalRepr | None:
    """Tear down every fixture that ``nextitem`` does not need; what failed, None for nothing.

    ``Session._setupstate.teardown_exact``, which pytest calls in every tear-down; seen in pytest 8
    and 9.
    """
    call = pytest.CallInfo.from_call(
        lambda: item.session._setupstate.teardown_exact(nextitem), when="teardown"
    )
    return None if call.excinfo is None else item.repr_failure(call.excinfo)


def is_plain_terminal(reporter: Any) -> bool:
    """Whether a terminal reporter is pytest's own, and writes to a terminal.

    Others, such as pytest-sugar's, draw themselves. Seen in pytest 8 and 9.
    """
    from _pytest.terminal import TerminalReporter

    file = reporter._tw._file
    try:
        return type(reporter) is TerminalReporter and file.isatty() and file.fileno() >= 0
    except (OSError, ValueError, AttributeError):
        return False


class WatchedFile:
    """The file of pytest's terminal writer, with a context around everything that is written to it.

    ``TerminalReporter._tw._file`` and ``width_of_current_line``, pytest 8.0 to 9.2.

    Attributes:
        column: how many cells of the last line are written.
    """

    def __init__(self, reporter: Any, around: Callable[[], AbstractContextManager[None]]) -> None:
        """``around`` makes the context in which each text is written and flushed."""
        self._writer = reporter._tw
        self._file = reporter._tw._file
        self._around = around
        self.column = int(self._writer.width_of_current_line)
        self._writer._file = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    @property
    def unwatched(self) -> Any:
        """The file itself."""
        return self._file

    def write(self, text: str) -> int:
        """Write and flush, so that the order on the terminal is that of the calls."""
        with self._around():
            count = self._file.write(text)
            self._file.flush()
            self.column = int(self._writer.width_of_current_line)  # it knows the text already
        return int(count or 0)

    def restore(self) -> None:
        """Give the terminal writer its file back."""
        if self._writer._file is self:
            self._writer._file = self._file


def call_before_debugger(call: Callable[[], None]) -> Callable[[], None]:
    """Have something called before pytest's debugger prints its first line; returns the undoing.

    It prints on a writer of its own before the hook ``pytest_enter_pdb``.
    ``pytestPDB._init_pdb``, pytest 8.0 to 9.2.
    """
    from _pytest.debugging import pytestPDB

    original: Any = pytestPDB._init_pdb.__func__  # type: ignore[attr-defined]

    def init(cls: Any, *args: Any, **kwargs: Any) -> Any:
        call()
        return original(cls, *args, **kwargs)

    def undo() -> None:
        pytestPDB._init_pdb = classmethod(original)  # type: ignore[assignment,method-assign]

    pytestPDB._init_pdb = classmethod(init)  # type: ignore[assignment,method-assign]
    return undo
