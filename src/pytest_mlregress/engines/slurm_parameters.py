"""What a job asks of Slurm: options of ``sbatch`` by name, from the user and from the marker."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.resources.need import Need

DEFAULT_MINUTES: Final = 60.0
_OWN: Final = frozenset(
    ("array", "error", "input", "nodes", "ntasks", "ntasks-per-node", "open-mode", "output",
     "parsable", "signal", "test-only", "wait", "wrap")
)  # fmt: skip
"""Options of sbatch that this engine or submitit gives: a job is one task on one node."""
_REPEATED: Final = "setup"
_SHORT: Final = {"A": "account", "c": "cpus-per-task", "C": "constraint", "G": "gpus", "J":
                 "job-name", "p": "partition", "q": "qos", "t": "time", "w": "nodelist",
                 "x": "exclude"}  # fmt: skip
_TIME: Final = re.compile(
    r"(?:(?P<days>\d+)-)?(?P<first>\d+)(?::(?P<second>\d+))?(?::(?P<third>\d+))?"
)


class ParameterError(ValueError):
    """A parameter that cannot be used; the text names it, and says why."""


@dataclass(frozen=True, slots=True)
class JobParameters:
    """What each job of one array asks for.

    Attributes:
        sbatch: options of sbatch by their long names, without dashes in front; ``""`` for one
            that takes no value.
        setup: commands of the shell before the job begins.
        minutes: the time limit.
        signal_s: so many seconds before it the job is told.
    """

    sbatch: Mapping[str, str]
    setup: tuple[str, ...] = ()
    minutes: float = DEFAULT_MINUTES
    signal_s: int = 90

    def for_need(self, need: Need) -> JobParameters:
        """Those of jobs that run seeds of a need; what a marker declares outranks the rest.

        Args:
            need: what one seed needs; a share of a GPU or of a processor takes a whole one.

        Returns:
            The parameters.
        """
        declared = {}
        if need.cpus is not None:
            declared["cpus-per-task"] = str(math.ceil(need.cpus))
        if need.gpus:
            declared["gpus-per-task"] = str(math.ceil(need.gpus))
        if need.memory is not None:
            declared["mem"] = f"{math.ceil(need.memory / 2**20)}M"
        others = {name: value for name, value in self.sbatch.items() if name not in declared}
        return JobParameters({**others, **declared}, self.setup, self.minutes, self.signal_s)


def read_parameters(given: Iterable[str]) -> JobParameters:
    """Parameters as the user gives them.

    Args:
        given: each ``name=value`` or ``name``, such as ``partition=gpu``; a later one of the same
            name holds, but for ``setup``, which adds a command.

    Returns:
        The parameters.

    Raises:
        ParameterError: one cannot be used.
    """
    sbatch: dict[str, str] = {}
    setup: list[str] = []
    minutes, signal_s = DEFAULT_MINUTES, 90
    for text in given:
        name, equals, value = (part.strip() for part in text.partition("="))
        name = name.lstrip("-").replace("_", "-")
        name = _SHORT.get(name, name)
        if not re.fullmatch(r"[a-z][a-z0-9-]+", name) or (equals and not value):
            raise ParameterError(f"{text!r} is not name=value, such as partition=gpu")
        if name in _OWN:
            raise ParameterError(f"{text!r}: the engine itself sets {name}; leave it out")
        if name == _REPEATED:
            setup.append(value)
        elif name == "time":
            minutes = _minutes(text, value)
        elif name == "signal-delay-s":
            signal_s = _seconds(text, value)
        else:
            sbatch[name] = value
    return JobParameters(sbatch, tuple(setup), minutes, signal_s)


def _seconds(text: str, value: str) -> int:
    if not value.isdigit():
        raise ParameterError(f"{text!r}: not a whole number of seconds")
    return int(value)


def _minutes(text: str, value: str) -> float:
    """A time as sbatch takes it: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S."""
    match = _TIME.fullmatch(value)
    if match is None:
        raise ParameterError(
            f"{text!r}: not a time as sbatch takes it, such as 90 (minutes), 1:30:00 or 1-12:00"
        )
    first, second, third = (int(match[name] or 0) for name in ("first", "second", "third"))
    if match["days"] is not None:
        total = int(match["days"]) * 1440 + first * 60 + second + third / 60
    elif match["third"] is not None:
        total = first * 60 + second + third / 60
    else:
        total = first + second / 60
    if total <= 0:
        raise ParameterError(f"{text!r}: a job needs a time limit above 0")
    return total
