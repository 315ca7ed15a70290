"""Python's audit hook, as a log of what this process reads and what no hash of its code covers.

A hook cannot be removed again: it is installed once, when something first needs the log, and looks
up one name per event otherwise. What native code opens by itself raises no event.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from importlib.machinery import all_suffixes
from pathlib import Path
from threading import get_ident
from types import FrameType
from typing import Any, Final, TypeAlias

from pytest_mlregress.running.places import Places
from pytest_mlregress.running.reads import ABSENT, file_digest, is_derived, listing_digest

try:
    from resource import RUSAGE_CHILDREN, getrusage
except ImportError:  # Windows
    getrusage = None  # type: ignore[assignment]


@dataclass(slots=True)
class Noted:
    """One thing that was read.

    Attributes:
        digest: its hash when it was first read; None where there is none to compare.
        openers: the first-party files whose code asked for it, at any time.
        windows: the numbers of the seeds that asked for it.
    """

    digest: str | None
    openers: set[str] = field(default_factory=set)
    windows: set[int] = field(default_factory=set)


class ReadLog:
    """What the process has read since the log began, and which code and which seed asked for it.

    Data that one seed reads may be kept in memory for all later ones. So a file counts for every
    seed whose code contains a file that once asked for it, not only for the seed that did.

    Attributes:
        files: by path in the checkout.
        listings: folders, likewise.
        unseen: reasons why no hash covers what was done, in words.
    """

    def __init__(self, places: Places) -> None:
        self.files: dict[str, Noted] = {}
        self.listings: dict[str, Noted] = {}
        self.unseen: dict[str, Noted] = {}
        self._places = places
        self._written: set[str] = set()
        self._window: int | None = None
        self._windows = 0
        self._busy: set[int] = set()
        self._children = _finished_children()

    def begin(self) -> int:
        """A seed begins; the number by which its notes are known."""
        self._windows += 1
        self._window = self._windows
        self._children = _finished_children()
        return self._windows

    def end(self) -> None:
        """The seed is over."""
        if self._children is not None and self._children != _finished_children():
            self._note(self.unseen, "starts a process")  # by a way that raises no event
        self._window = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Around what the plugin itself reads and starts."""
        me, children = get_ident(), _finished_children()
        was_busy = me in self._busy
        self._busy.add(me)
        try:
            yield
        finally:
            if self._children == children:
                self._children = _finished_children()
            if not was_busy:
                self._busy.discard(me)

    def take(self, handle: Handler, args: tuple[Any, ...]) -> None:
        """Handle one event; what the handling itself opens is none."""
        me = get_ident()
        if me in self._busy:
            return
        self._busy.add(me)
        try:
            handle(self, args)
        except Exception:
            # An event must never fail the program that raised it: what cannot be understood
            # cannot be compared either.
            self._note(self.unseen, "reads something that cannot be recorded")
        finally:
            self._busy.discard(me)

    def open(self, args: tuple[Any, ...]) -> None:
        """``open``: path, mode and flags."""
        path, mode, flags = args
        if isinstance(path, int):  # a descriptor, whose opening was an event of its own
            return
        place = Path(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - keeps links as they are
        name = str(place)
        writes, reads = _access(mode, flags)
        if not writes and name in self._written:
            return
        inside = self._places.in_checkout(place)
        if inside is not None and is_derived(inside):
            return
        if inside is not None:
            self._open_inside(place, inside, writes=writes, reads=reads)
        elif (
            reads
            and not self._places.is_known(place)
            and not self._is_made(place)
            and not self._is_import(place)  # of code: its closure tells
            and place.is_file()
        ):
            self._note(self.unseen, f"opens {self._places.shown(place)} outside the repository")
        if writes and not place.is_dir():  # as `tempfile.TemporaryFile` opens its folder
            self._written.add(name)

    def _open_inside(self, place: Path, inside: str, *, writes: bool, reads: bool) -> None:
        if self._is_import(place):
            return
        exists = place.is_file()
        if writes and not reads:
            if not exists:
                self._note(self.files, inside, ABSENT)
        elif exists:
            self._note(self.files, inside, lambda: file_digest(place))
        elif not place.exists():
            self._note(self.files, inside, ABSENT)

    def list(self, args: tuple[Any, ...]) -> None:
        """``os.listdir`` and ``os.scandir``: the folder."""
        path = args[0]
        if isinstance(path, int):
            return
        place = Path(os.path.abspath(os.fsdecode(path or ".")))  # noqa: PTH100
        if self._is_import():
            return
        if (inside := self._places.in_checkout(place)) is not None:
            if not is_derived(inside) and not self._is_made(place):
                self._note(self.listings, inside, lambda: listing_digest(place))
        elif not self._places.is_listed_freely(place) and place.is_dir():
            self._note(self.unseen, f"lists {self._places.shown(place)} outside the repository")

    def make(self, args: tuple[Any, ...]) -> None:
        """``os.mkdir``, ``tempfile.mkdtemp``: a folder that this process made itself."""
        place = os.path.abspath(os.fsdecode(args[0]))  # noqa: PTH100
        if not os.path.exists(place):  # noqa: PTH110
            self._written.add(place)

    def move(self, args: tuple[Any, ...]) -> None:
        """``os.rename``: what was written under one name is read under another."""
        source, target = (os.path.abspath(os.fsdecode(arg)) for arg in args[:2])  # noqa: PTH100
        if source in self._written:
            inside = self._places.in_checkout(Path(target))
            if inside is not None and not os.path.exists(target):  # noqa: PTH110
                self._note(self.files, inside, ABSENT)
            self._written.add(target)

    def connect(self, args: tuple[Any, ...]) -> None:
        """``socket.connect`` and ``socket.sendto``: the socket and the address."""
        address = args[1] if len(args) > 1 else ""
        host = address[0] if isinstance(address, tuple) else address
        self._note(self.unseen, f"connects to {_text(host)}")

    def start(self, args: tuple[Any, ...]) -> None:
        """``subprocess.Popen``, ``os.system`` and their like: the program."""
        program = os.path.basename(_text(args[0]).split(" ")[0]) if args else ""  # noqa: PTH119
        if program in _OF_THE_MACHINE:
            self._children = None
            return
        self._note(self.unseen, f"starts a process{f' ({program})' if program else ''}")

    def database(self, args: tuple[Any, ...]) -> None:
        """``sqlite3.connect``: the database."""
        name = _text(args[0])
        if name not in (":memory:", ""):
            self._note(self.unseen, f"opens the database {self._places.shown(Path(name))}")

    def library(self, args: tuple[Any, ...]) -> None:
        """``ctypes.dlopen``: a library of the checkout is a file as any other."""
        name = _text(args[0]) if args and args[0] else ""
        place = Path(os.path.abspath(name))  # noqa: PTH100
        inside = self._places.in_checkout(place) if "/" in name or "\\" in name else None
        if inside is not None and place.is_file():
            self._note(self.files, inside, lambda: file_digest(place))

    def unpickle(self, args: tuple[Any, ...]) -> None:
        """``pickle.find_class``: its module is imported by name."""
        module = sys.modules.get(_text(args[0]))
        file = getattr(module, "__file__", None)
        inside = self._places.in_checkout(Path(file)) if file else None
        if inside is not None:
            self._note(self.files, inside, lambda: file_digest(Path(str(file))))

    def _note(
        self,
        kind: dict[str, Noted],
        name: str,
        digest: str | Callable[[], str] | None = None,
    ) -> None:
        openers = self._openers()
        if self._window is None and not openers:
            return  # pytest's own, between the tests
        noted = kind.get(name)
        if noted is None:
            noted = kind[name] = Noted(digest() if callable(digest) else digest)
        noted.openers |= openers
        if self._window is not None:
            noted.windows.add(self._window)

    def _is_made(self, place: Path) -> bool:
        """Whether this process made a folder or one above it."""
        return any(str(folder) in self._written for folder in (place, *place.parents))

    def _openers(self) -> set[str]:
        """The first-party files with code on the stack."""
        found = set()
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            inside = self._places.code_in_checkout(frame.f_code.co_filename)
            if inside is not None:
                found.add(inside)
            frame = frame.f_back
        return found

    def _is_import(self, file: Path | None = None) -> bool:
        """Whether Python's import system or pytest's asks: modules are found by their imports.

        Of a file, it opens modules alone: `pkgutil.get_data` and every ``loader.get_data`` read
        data through the same code.
        """
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename == __file__:
            frame = frame.f_back
        while frame is not None and frame.f_code.co_filename == _PATHLIB:
            frame = frame.f_back
        if frame is None or frame.f_code.co_filename not in _IMPORTERS:
            return False
        return (
            file is None
            or file.suffix in _OF_MODULES
            or frame.f_code.co_filename == metadata.__file__
        )


_PATHLIB: Final = Path.read_bytes.__code__.co_filename
_IMPORTERS: Final = frozenset(
    {
        "<frozen importlib._bootstrap_external>",
        "<frozen importlib._bootstrap>",
        "<frozen zipimport>",
        metadata.__file__,  # looks for installed packages in every folder of the path
        sys.modules["_pytest.assertion.rewrite"].__file__
        if "_pytest.assertion.rewrite" in sys.modules
        else None,
    }
)

_OF_MODULES: Final = frozenset(Path(f"_{suffix}").suffix for suffix in all_suffixes())

_OF_THE_MACHINE: Final = frozenset({"uname", "ldconfig", "lscpu", "lsb_release", "sysctl"})
"""Programs that libraries ask about the machine when they are imported."""

Handler: TypeAlias = Callable[[ReadLog, tuple[Any, ...]], None]

_HANDLERS: Final[dict[str, Handler]] = {
    "open": ReadLog.open,
    "os.listdir": ReadLog.list,
    "os.scandir": ReadLog.list,
    "os.mkdir": ReadLog.make,
    "os.rename": ReadLog.move,
    "os.link": ReadLog.move,
    "socket.connect": ReadLog.connect,
    "socket.sendto": ReadLog.connect,
    "subprocess.Popen": ReadLog.start,
    "os.system": ReadLog.start,
    "os.exec": ReadLog.start,
    "os.posix_spawn": ReadLog.start,
    "os.spawn": ReadLog.start,
    "os.fork": ReadLog.start,
    "os.forkpty": ReadLog.start,
    "os.startfile": ReadLog.start,
    "pty.spawn": ReadLog.start,
    "sqlite3.connect": ReadLog.database,
    "ctypes.dlopen": ReadLog.library,
    "pickle.find_class": ReadLog.unpickle,
}

_log: ReadLog | None = None
_installed = False


def start_log(places: Places) -> ReadLog:
    """The log of this process from now on, in place of an earlier one.

    Args:
        places: where the checkout is, and which other folders need no comparison.

    Returns:
        The log.
    """
    global _log, _installed
    _log = ReadLog(places)
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    return _log


def stop_log(log: ReadLog) -> None:
    """Take no more events into a log, unless another one has taken its place.

    Args:
        log: the log.
    """
    global _log
    if _log is log:
        _log = None


def _hook(event: str, args: tuple[Any, ...]) -> None:
    handle = _HANDLERS.get(event)
    if handle is not None and _log is not None:
        _log.take(handle, args)


def _access(mode: object, flags: int) -> tuple[bool, bool]:
    """Whether a file is opened for writing, and whether its old content counts."""
    if isinstance(mode, str):
        writes = not set(mode).isdisjoint("wax+")
        return writes, not set(mode).isdisjoint("r+") and "w" not in mode and "x" not in mode
    kind = flags & (os.O_WRONLY | os.O_RDWR)
    return bool(kind), not flags & os.O_TRUNC and kind != os.O_WRONLY


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return os.fsdecode(value)
    return str(value if not isinstance(value, list | tuple) else (value or [""])[0])


def _finished_children() -> int | None:
    """A number that grows with every process that was started here and has ended."""
    if getrusage is None:
        return None
    return getrusage(RUSAGE_CHILDREN).ru_minflt
