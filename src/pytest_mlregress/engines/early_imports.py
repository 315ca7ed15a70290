"""What each worker would import is imported once, in the process that workers are forked from.

But for its modules that process must stay as it was. A module is left out where its import starts
a thread, uses an accelerator, draws random numbers, raises or ends the process: each is imported in
a process that is forked for it, and one without it takes the place of a process that it has spoilt.
"""

from __future__ import annotations

import atexit
import importlib
import os
import select
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from pytest_mlregress.engines.fork_safety import fork, reason_against_fork
from pytest_mlregress.seeding import RandomState

_BEGINS: Final = "begins"
_ALL_DONE: Final = "done"
_MOST_OUTPUT: Final = 100_000


@dataclass(slots=True)
class ImportNotes:
    """What imports have said.

    Attributes:
        warnings: those that they raised, each with the name of the module that it is about.
        output: what they printed.
        exit_functions: what they registered with `atexit`, with its arguments.
    """

    warnings: list[tuple[warnings.WarningMessage, str | None]] = field(default_factory=list)
    output: str = ""
    exit_functions: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = field(
        default_factory=list
    )


notes: Final = ImportNotes()
"""Of this process: a worker has those of the process that it was forked from."""

Around = Callable[[str], AbstractContextManager[None]]
"""Makes what is entered around the import of the module with this name."""


def import_in_fork(names: Sequence[str], around: Around, owner: int) -> tuple[bool, list[str]]:
    """Import modules in a process that is forked from this one.

    Args:
        names: the modules, in order; what they import comes with them.
        around: entered around each import.
        owner: a socket whose other end is open as long as anybody wants the imports; where it is
            closed, the forked process is killed and this one ends.

    Returns:
        In the forked process, which has imported what can be: True, and what was left out. In this
        one: False once the forked one is over, or where every module was left out, and then those.
    """
    wanted = list(names)
    left_out: list[str] = []
    while wanted:
        said, say = os.pipe()
        process = fork()
        if process == 0:
            os.close(said)
            raised = _import_all(wanted, around, say)
            os.close(say)
            return True, [*left_out, *raised]
        os.close(say)
        begun = _last_begun(said, owner, process)
        with suppress(ChildProcessError):
            os.waitpid(process, 0)
        if begun is None:
            return False, left_out
        left_out.append(begun)
        wanted.remove(begun)
    return False, left_out


def _last_begun(said: int, owner: int, process: int) -> str | None:
    """Follow the imports of a process: the one that spoilt it; None where all were done."""
    poll = select.poll()
    poll.register(said, select.POLLIN)
    poll.register(owner, getattr(select, "POLLRDHUP", 0))  # the hang-up that all systems know comes
    begun, text = None, ""
    try:
        while data := _next_of(said, poll, process):
            *lines, text = (text + data).split("\n")
            for line in lines:
                kind, _, name = line.partition(" ")
                begun = name if kind == _BEGINS else None
            if begun is None and lines:
                return None
        return begun
    finally:
        os.close(said)


def _next_of(said: int, poll: select.poll, process: int) -> str:
    while said not in (ready := dict(poll.poll())):
        if ready:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
            os._exit(1)
    return os.read(said, 4096).decode()


def _import_all(names: Sequence[str], around: Around, say: int) -> list[str]:
    """Import modules; the process ends at one after which it must not be forked.

    Returns:
        Those that raised.
    """
    raised = []
    generators = RandomState.now()
    with _kept_apart(), _noted_exit_functions():
        for name in names:
            if name in sys.modules:
                continue
            os.write(say, f"{_BEGINS} {name}\n".encode())
            try:
                with around(name):
                    importlib.import_module(name)
            except BaseException:
                raised.append(name)
            if reason_against_fork() is not None or generators.differences(_now(generators)):
                os._exit(1)
    os.write(say, f"{_ALL_DONE}\n".encode())
    return raised


def _now(before: RandomState) -> RandomState:
    """The states of the generators that there were; those of new libraries have none before."""
    now = RandomState.now()
    return RandomState(
        python=now.python,
        numpy=now.numpy if before.numpy is not None else None,
        torch_cpu=now.torch_cpu if before.torch_cpu is not None else None,
        torch_cuda=before.torch_cuda,
    )


@contextmanager
def _kept_apart() -> Iterator[None]:
    """Keep what is printed and warned of for the seeds, and give nothing to read."""
    standard = [os.dup(descriptor) for descriptor in range(3)]
    with tempfile.TemporaryFile("w+", errors="replace") as output, open(os.devnull) as nothing:  # noqa: PTH123
        _flush_streams()
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                yield
        finally:
            _flush_streams()
            for descriptor, before in enumerate(standard):
                os.dup2(before, descriptor)
                os.close(before)
        output.seek(0)
        notes.output += output.read(_MOST_OUTPUT)
        notes.warnings += [(one, _module_of(one.filename)) for one in caught]


@contextmanager
def _noted_exit_functions() -> Iterator[None]:
    """Note what is registered with `atexit`, whose functions Python does not list.

    A module may have taken the function that notes for its own: it goes on to register.
    """
    module: Any = atexit
    register = module.register

    def noting(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        if module.register is noting:
            notes.exit_functions.append((function, arguments, keywords))
        return register(function, *arguments, **keywords)

    module.register = noting
    try:
        yield
    finally:
        module.register = register


def register_exit_functions() -> None:
    """In a worker: let its end do what modules that were imported before the fork ask for.

    The process that it was forked from calls no exit functions.
    """
    for function, arguments, keywords in notes.exit_functions:
        atexit.register(function, *arguments, **keywords)


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _module_of(file: str) -> str | None:
    """The module that a file is the source of, by whose name filters know it."""
    for name, module in tuple(sys.modules.items()):
        if getattr(module, "__file__", None) == file:
            return name
    return None


def repeat_notes() -> None:
    """Say what imports have said, once in each process, where a seed's own would have said it."""
    text, warned = notes.output, list(notes.warnings)
    notes.output = ""
    notes.warnings.clear()
    if text:
        print(text, end="")
    for one, module in warned:
        warnings.warn_explicit(
            message=one.message,
            category=one.category,
            filename=one.filename,
            lineno=one.lineno,
            module=module,
        )
