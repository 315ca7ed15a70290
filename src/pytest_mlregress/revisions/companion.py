"""The process beside a process that runs seeds: it imports the base's code and trains its seeds.

It is started once, collects once and serves one seed at a time, through execnet, which pytest-xdist
runs its workers with. It ends when this process does, however that ends.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.revisions.base_side import BaseSide
from pytest_mlregress.revisions.process_environment import variables_of
from pytest_mlregress.running.printed_error import last_line

if TYPE_CHECKING:
    import execnet

_SERVE: Final = """
import sys
own = channel.receive()
sys.path[:0] = own
from pytest_mlregress.revisions.companion_session import serve
del sys.path[:len(own)]
serve(channel)
"""
_SHOWN_LINES: Final = 15
_END_TIMEOUT_S: Final = 10.0
_INTERRUPTED_TIMEOUT_S: Final = 0.5
"""How long a companion may take to end by itself, and one that is cut off in a training."""


class CompanionError(Exception):
    """The companion did not start or died; the text says why, with the end of its output."""


@dataclass(frozen=True, slots=True)
class BaseSeed:
    """What the companion says of one seed.

    Attributes:
        reports: those of its phases, as ``pytest_report_to_serializable`` gives them.
        unavailable: why the base cannot run it; None where it did.
        wrong_origin: the error about a module that came from elsewhere; None without.
        crashed: why the process that trained it died; None where it did not.
        timed_out: the seconds after which a time limit ended it; None where none did.
    """

    reports: tuple[Mapping[str, Any], ...] = ()
    unavailable: str | None = None
    wrong_origin: str | None = None
    crashed: str | None = None
    timed_out: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanionPlan:
    """How the companion's pytest is started.

    Attributes:
        args: the command line, for a start in ``directory``.
        collect: the tests and folders to collect, as absolute paths; those that are not there are
            left out.
        directory: where it is started.
        workerinput: what pytest-xdist gives a worker, and other plugins expect there.
        variables: environment variables; None removes one.
        import_roots: further folders that code of the base is imported from.
        basetemp: pytest's folder for temporary files; None for its default.
        path: where it imports from, before what is moved to the base; None for this process' path.
    """

    args: Sequence[str]
    collect: Sequence[str]
    directory: Path
    workerinput: Mapping[str, Any]
    variables: Mapping[str, str | None] = field(default_factory=dict)
    import_roots: Sequence[Path] = ()
    basetemp: str | None = None
    path: Sequence[str] | None = None


class Companion:
    """The companion of this process.

    Args:
        side: the base.
        plan: how its pytest is started.
    """

    def __init__(self, side: BaseSide, plan: CompanionPlan) -> None:
        self._side = side
        self._plan = plan
        self._group: execnet.Group | None = None
        self._channel: execnet.Channel | None = None
        self._folder: Path | None = None
        self._ready = False
        self._training = False
        self._refused: str | None = None

    def start(self) -> None:
        """Start it, without waiting until it has collected.

        Raises:
            CompanionError: the interpreter cannot be started.
        """
        if self._channel is not None:
            return
        import execnet

        self._folder = Path(tempfile.mkdtemp(prefix="mlregress-companion-"))
        group = self._group = execnet.Group(execmodel="main_thread_only")
        spec = execnet.XSpec("popen")
        if self._side.other_environment:
            spec.python = shlex.quote(self._side.python)
        try:
            gateway = self._gateway(group, spec)
            gateway._rinfo()  # as in pytest-xdist: later, its main thread will be busy
            self._channel = gateway.remote_exec(_SERVE)
            # Another environment has this plugin; from here it would get this one's packages, too.
            own = [] if self._side.other_environment else [str(Path(__file__).parents[2])]
            self._channel.send(own)
            self._channel.send(self._start_message())
        except (OSError, EOFError) as error:
            self.close()
            raise CompanionError(f"{self._side.python} cannot be started: {error}") from error
        except execnet.HostNotFound as error:
            self.close()
            raise CompanionError(f"{self._side.python} cannot be started: {error}") from error

    def _gateway(self, group: execnet.Group, spec: execnet.XSpec) -> execnet.Gateway:
        if not self._side.other_environment:
            return group.makegateway(spec)
        with variables_of(Path(self._side.python)):
            return group.makegateway(spec)

    def run(self, nodeid: str) -> BaseSeed:
        """Train one seed of the base.

        Args:
            nodeid: of the seed, which is the same on both sides.

        Returns:
            What it reported.

        Raises:
            CompanionError: it died; the next call starts another one.
        """
        if self._refused is not None:
            return BaseSeed(unavailable=self._refused)
        self.start()
        assert self._channel is not None
        try:
            if not self._ready:
                first = self._answer()
                if "failed" in first:
                    return self._refuse(str(first["failed"]))
                self._ready = True
            self._training = True
            self._channel.send({"run": nodeid})
            answer = self._answer()
            self._training = False
        except (OSError, EOFError) as error:
            text = self._end_of_output()
            self.close()
            raise CompanionError(f"the process that runs {self._side.label} died{text}") from error
        return BaseSeed(
            reports=tuple(answer["reports"]),
            unavailable=answer["unavailable"],
            wrong_origin=answer["wrong_origin"],
        )

    def _answer(self) -> Mapping[str, Any]:
        """The next message.

        Raises:
            CompanionError: an error outside pytest ended it.
            EOFError: it died.
        """
        import execnet

        assert self._channel is not None
        try:
            answer: Mapping[str, Any] = self._channel.receive()
        except execnet.RemoteError as error:
            text = str(error).strip().splitlines()[-1]
            self.close()
            raise CompanionError(
                f"the process that runs {self._side.label} failed: {text}"
            ) from error
        return answer

    def _refuse(self, status: str) -> BaseSeed:
        """Its pytest ended before it could serve, and would again: remember that."""
        line = last_line(self._output() or status)
        self.close()
        self._refused = f"pytest cannot collect its tests at {self._side.label}: {line}"
        return BaseSeed(unavailable=self._refused)

    def close(self) -> None:
        """End it; without it nothing happens."""
        group, self._group, self._channel, self._ready = self._group, None, None, False
        if group is not None:
            timeout_s = _INTERRUPTED_TIMEOUT_S if self._training else _END_TIMEOUT_S
            with suppress(OSError, EOFError):
                group.terminate(timeout=timeout_s)
        self._training = False
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _start_message(self) -> dict[str, Any]:
        assert self._folder is not None
        return {
            "side": self._side.to_builtins(),
            "args": list(self._plan.args),
            "collect": list(self._plan.collect),
            "basetemp": self._plan.basetemp,
            "directory": str(self._plan.directory),
            "workerinput": dict(self._plan.workerinput),
            "variables": dict(self._plan.variables),
            "import_roots": [str(root) for root in self._plan.import_roots],
            # Another interpreter has a path of its own.
            "path": None if self._side.other_environment else list(self._plan.path or sys.path),
            "log": str(self._folder / "output.txt"),
        }

    def _output(self) -> str:
        """All that it has printed."""
        if self._folder is None:
            return ""
        try:
            return (self._folder / "output.txt").read_text(errors="replace")
        except OSError:
            return ""

    def _end_of_output(self) -> str:
        lines = self._output().strip().splitlines()[-_SHOWN_LINES:]
        return "".join(f"{os.linesep}    {line}" for line in lines)
