"""How pytest was started for the candidate, and how it is started for another state of the code."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.node_ids import in_file, split_file
from pytest_mlregress.revisions.base_side import BaseSide
from pytest_mlregress.revisions.checkouts import absolute
from pytest_mlregress.revisions.companion import CompanionPlan

_PLACES: Final = ("-c", "--config-file", "--rootdir", "--confcutdir")
"""Options that say where the project is, which is another place for the base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestStart:
    """How pytest was started for the candidate.

    Attributes:
        args: the command line, without what the ini file adds.
        collect: the tests and folders to collect.
        directory: where it was started.
        inipath: the configuration file; None without one.
        confcutdir: the topmost folder whose ``conftest.py`` counts.
        python_paths: the ini file's ``pythonpath``, absolute.
        workerinput: what pytest-xdist gives a worker, and other plugins expect there.
        variables: environment variables of processes that run seeds; None removes one.
        basetemp: the base's folder for temporary files; None for pytest's default.
        measures_coverage: whether pytest-cov is there, which serves the candidate alone.
    """

    args: tuple[str, ...]
    collect: tuple[str, ...]
    directory: Path
    inipath: Path | None
    confcutdir: Path
    python_paths: tuple[Path, ...]
    workerinput: Mapping[str, Any]
    variables: Mapping[str, str | None]
    basetemp: str | None = None
    measures_coverage: bool = False

    def plan(self, side: BaseSide) -> CompanionPlan:
        """The start of a companion: the candidate's configuration, at another state of the code.

        Args:
            side: that state.

        Returns:
            The plan.
        """
        args = [*self._places(side), *_moved(_without_places(self.args), side)]
        if self.measures_coverage:
            args.insert(0, "--no-cov")
        return CompanionPlan(
            args=args,
            collect=[_moved_argument(argument, self.directory, side) for argument in self.collect],
            directory=side.moved(self.directory),
            workerinput=self.workerinput,
            variables=self.variables,
            import_roots=[side.moved(root) for root in self.python_paths],
            basetemp=self.basetemp,
        )

    def _places(self, side: BaseSide) -> list[str]:
        places = [f"--rootdir={side.rootdir}", f"--confcutdir={side.moved(self.confcutdir)}"]
        if self.inipath is not None:
            places += ["-c", str(self.inipath)]
        if self.python_paths:  # would be read relative to the candidate's configuration file
            text = " ".join(shlex.quote(str(side.moved(root))) for root in self.python_paths)
            places += ["-o", f"pythonpath={text}"]
        return places

    def to_builtins(self) -> dict[str, Any]:
        """The start as plain builtins, which JSON can hold.

        Returns:
            The record.
        """
        record = asdict(self)
        for name in ("directory", "inipath", "confcutdir"):
            record[name] = None if record[name] is None else str(record[name])
        record["python_paths"] = [str(path) for path in self.python_paths]
        return record

    @classmethod
    def from_builtins(cls, record: Mapping[str, Any]) -> PytestStart:
        """The inverse of `to_builtins`.

        Args:
            record: what it returned.

        Returns:
            The start.
        """
        inipath = record["inipath"]
        return cls(
            args=tuple(record["args"]),
            collect=tuple(record["collect"]),
            directory=Path(record["directory"]),
            inipath=None if inipath is None else Path(inipath),
            confcutdir=Path(record["confcutdir"]),
            python_paths=tuple(Path(path) for path in record["python_paths"]),
            workerinput=record["workerinput"],
            variables=record["variables"],
            basetemp=record["basetemp"],
            measures_coverage=record["measures_coverage"],
        )


def _without_places(args: Sequence[str]) -> Iterator[str]:
    words = iter(args)
    for word in words:
        if word in _PLACES:
            next(words, None)
        elif not word.startswith(tuple(f"{place}=" for place in _PLACES)):
            yield word


def _moved(args: Iterator[str], side: BaseSide) -> Iterator[str]:
    """Absolute paths of the candidate, alone or after a ``=``, as they are in the base."""
    for word in args:
        name, equals, value = word.rpartition("=") if word.startswith("-") else ("", "", word)
        yield name + equals + (str(side.moved(value)) if Path(value).is_absolute() else value)


def _moved_argument(argument: str, started_in: Path, side: BaseSide) -> str:
    """A test or folder to collect, absolute and in the base."""
    file, names = split_file(argument)
    return in_file(str(side.moved(absolute(started_in / file))), names)
