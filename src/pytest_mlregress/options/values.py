"""What the options take: text to value, and why a text is refused.

A parser gets the source of a text, such as ``--mlregress-alpha`` or ``ini mlregress_alpha``, and
the text; it raises `SettingError` with both and with what could stand there.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any, Final

from pytest_mlregress.baselines.git_ref import GIT_SCHEME, is_git_ref
from pytest_mlregress.baselines.urls import slashes_problem
from pytest_mlregress.settings import (
    MOST_SEEDS,
    Against,
    SettingError,
    Shard,
    Threads,
    Workers,
)

REPORT_SUFFIXES: Final = (".html", ".json", ".md", ".codequality.json", ".metrics.txt")
"""What the end of a report's name can be; of several that fit the longest says its kind."""

TRACKERS: Final = ("mlflow", "wandb")


def parser_of(value: str | tuple[str, ...]) -> Callable[[str, str], Any]:
    """The parser of what an option takes.

    Args:
        value: the name of a parser of this module, or words of which the text is one.

    Returns:
        The parser.
    """
    return _PARSERS[value] if isinstance(value, str) else choice(*value)


def choice(*allowed: str) -> Callable[[str, str], str]:
    """A parser of one word of several."""

    def parse(source: str, text: str) -> str:
        if text not in allowed:
            raise SettingError(f"{source}: {text!r} is not one of {', '.join(allowed)}")
        return text

    return parse


def count(least: int) -> Callable[[str, str], int]:
    """A parser of a whole number, of seeds for instance, from ``least`` on."""

    def parse(source: str, text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise SettingError(f"{source}: {text!r} is not a whole number") from None
        if not least <= number <= MOST_SEEDS:
            raise SettingError(f"{source}: {number} is not between {least} and {MOST_SEEDS}")
        return number

    return parse


def seeds(source: str, text: str) -> int | tuple[int, ...]:
    """A number of seeds, or with commas exactly those: ``5``, ``20,21,22``."""
    if "," not in text:
        return count(1)(source, text)
    if source.startswith("ini"):
        raise SettingError(f"{source}: {text!r}: the ini file gives a number of seeds, not a list")
    try:
        seeds = tuple(int(entry) for entry in text.split(",") if entry.strip())
    except ValueError:
        seeds = ()
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise SettingError(f"{source}: {text!r} is not a list of different whole numbers >= 0")
    return seeds


def alpha(source: str, text: str) -> float:
    """A probability between 0 and 0.5, both excluded."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 < number < 0.5:
        raise SettingError(
            f"{source}: {text!r} is not a probability between 0 and 0.5 (both excluded); "
            "it is the chance that an unchanged suite shows any false red, 0.05 by default"
        )
    return number


def share(source: str, text: str) -> float:
    """A number between 0 and 1."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 <= number <= 1.0:
        raise SettingError(f"{source}: {text!r} is not a share between 0 and 1")
    return number


def positive_share(source: str, text: str) -> float:
    """A number above 0, at most 1."""
    fraction = share(source, text)
    if fraction == 0.0:
        raise SettingError(f"{source}: {text!r} is no data at all; give a share above 0")
    return fraction


def workers(source: str, text: str) -> Workers:
    """``auto``, or a number of processes."""
    if text == "auto":
        return "auto"
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 1024:
        raise SettingError(f"{source}: {text!r} is neither 'auto' nor a number of workers >= 1")
    return number


def threads(source: str, text: str) -> Threads:
    """``keep``, or a number of CPU threads."""
    if text == "keep":
        return "keep"
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 1024:
        raise SettingError(f"{source}: {text!r} is neither 'keep' nor a number of CPU threads >= 1")
    return number


def report(source: str, text: str) -> str:
    """A file whose suffix is that of a report."""
    name = PurePath(text).name
    if not any(name.endswith(end) and name != end for end in REPORT_SUFFIXES):
        raise SettingError(
            f"{source}: {text!r} does not end with {', '.join(REPORT_SUFFIXES)}; "
            "the suffix says which kind of report to write"
        )
    return text


def sbatch_option(source: str, text: str) -> str:
    """``name=value``, an option of ``sbatch`` that the engine does not set itself."""
    from pytest_mlregress.engines.slurm_parameters import ParameterError, read_parameters

    try:
        read_parameters([text])
    except ParameterError as error:
        raise SettingError(f"{source}: {error}") from None
    return text


def tracker(source: str, text: str) -> str:
    """``mlflow:URI``, ``mlflow`` or ``wandb:PROJECT``."""
    kind, colon, target = text.partition(":")
    if kind not in TRACKERS:
        close = get_close_matches(kind.lower(), TRACKERS, n=1)
        remedy = f"; did you mean {close[0]}:{target}?" if close else ""
        raise SettingError(
            f"{source}: {text!r} names no tracker; write mlflow:URI, mlflow for the one of "
            f"MLFLOW_TRACKING_URI, or wandb:PROJECT{remedy}"
        )
    if kind == "wandb" and not target.strip("/"):
        raise SettingError(f"{source}: {text!r} names no project; write wandb:PROJECT")
    if kind == "mlflow" and not target and (colon or not os.environ.get("MLFLOW_TRACKING_URI")):
        raise SettingError(
            f"{source}: {text!r} names no server; write mlflow:URI, or set MLFLOW_TRACKING_URI"
        )
    return text


def shard(source: str, text: str) -> Shard:
    """``K/N``, the number of a job and how many there are."""
    number, _, count = text.partition("/")
    if not (number.strip().isdecimal() and count.strip().isdecimal()):
        raise SettingError(
            f"{source}: {text!r} is not K/N, the number of this job and how many there are, such "
            "as 1/4"
        )
    shard = Shard(int(number), int(count))
    if not 1 <= shard.number <= shard.count <= MOST_SEEDS:
        raise SettingError(
            f"{source}: {text!r}: jobs are numbered from 1 to their count, at most {MOST_SEEDS}"
        )
    return shard


def not_empty(source: str, text: str) -> str:
    """Any text but an empty one."""
    if not text.strip():
        raise SettingError(f"{source}: the value is empty")
    return text


def place(source: str, text: str) -> str:
    """A folder, a file or an fsspec URL."""
    problem = slashes_problem(not_empty(source, text))
    if problem:
        shown = "the value" if "@" in text else repr(text)
        raise SettingError(f"{source}: {shown} {problem}")
    return text


def baseline(source: str, text: str) -> str:
    """A folder, ``git:REF`` or an fsspec URL."""
    if text == GIT_SCHEME:
        raise SettingError(
            f"{source}: {text!r} names no branch, tag or commit; give one, such as git:main"
        )
    return text if is_git_ref(text) else place(source, text)


def against(source: str, text: str) -> Against:
    """``REF``, ``tip:REF``, ``own-tests:REF``, ``env:PYTHON`` or ``REF,env:PYTHON``."""
    from pytest_mlregress.revisions.against import parse_against

    return parse_against(source, text)


_PARSERS: Final[dict[str, Callable[[str, str], Any]]] = {
    "against": against,
    "alpha": alpha,
    "baseline": baseline,
    "baseline_seeds": count(2),
    "not_empty": not_empty,
    "place": place,
    "positive_share": positive_share,
    "report": report,
    "sbatch_option": sbatch_option,
    "seeds": seeds,
    "shard": shard,
    "share": share,
    "threads": threads,
    "tracker": tracker,
    "workers": workers,
}
