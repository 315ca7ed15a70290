"""Every option of a run: its name on the command line and in the ini file, and what it takes.

One table declares them, so that the command line, the ini file and the error messages cannot
disagree. `resolve` reads what was given: command line > ini > default.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.baselines.git_ref import GIT_SCHEME
from pytest_mlregress.settings import (
    MOST_SEEDS,
    Against,
    SettingError,
    Settings,
    Shard,
    Threads,
    refuse_contradictions,
)

REPORT_SUFFIXES: Final = (".html", ".json", ".md", ".codequality.json", ".metrics.txt")
"""What the end of a report's name can be; of several that fit the longest says its kind."""
INI_PREFIX: Final = "mlregress_"
FLAG_PREFIX: Final = "--mlregress-"


@dataclass(frozen=True, slots=True)
class Option:
    """One setting as the command line and the ini file know it."""

    field: str
    help: str
    parse: Callable[[str, str], Any] | None
    """Text to value, raising `SettingError`; None for a flag."""
    metavar: str | None = None
    repeat: bool = False

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return FLAG_PREFIX + self.field.replace("_", "-")

    @property
    def ini(self) -> str:
        """Its name in a configuration file."""
        return INI_PREFIX + self.field

    @property
    def dest(self) -> str:
        """Where pytest keeps its value."""
        return "mlregress_" + self.field


def _choice(*allowed: str) -> Callable[[str, str], str]:
    def parse(source: str, text: str) -> str:
        if text not in allowed:
            raise SettingError(f"{source}: {text!r} is not one of {', '.join(allowed)}")
        return text

    return parse


def _count(least: int) -> Callable[[str, str], int]:
    def parse(source: str, text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise SettingError(f"{source}: {text!r} is not a whole number") from None
        if not least <= number <= MOST_SEEDS:
            raise SettingError(f"{source}: {number} is not between {least} and {MOST_SEEDS}")
        return number

    return parse


def _seeds(source: str, text: str) -> int | tuple[int, ...]:
    """A number of seeds, or with commas exactly those: ``5``, ``20,21,22``."""
    if "," not in text:
        return _count(1)(source, text)
    if source.startswith("ini"):
        raise SettingError(f"{source}: {text!r}: the ini file gives a number of seeds, not a list")
    try:
        seeds = tuple(int(entry) for entry in text.split(",") if entry.strip())
    except ValueError:
        seeds = ()
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise SettingError(f"{source}: {text!r} is not a list of different whole numbers >= 0")
    return seeds


def _alpha(source: str, text: str) -> float:
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


def _share(source: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 <= number <= 1.0:
        raise SettingError(f"{source}: {text!r} is not a share between 0 and 1")
    return number


def _positive_share(source: str, text: str) -> float:
    share = _share(source, text)
    if share == 0.0:
        raise SettingError(f"{source}: {text!r} is no data at all; give a share above 0")
    return share


def _threads(source: str, text: str) -> Threads:
    if text == "keep":
        return "keep"
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 1024:
        raise SettingError(f"{source}: {text!r} is neither 'keep' nor a number of CPU threads >= 1")
    return number


def _report(source: str, text: str) -> str:
    name = PurePath(text).name
    if not any(name.endswith(end) and name != end for end in REPORT_SUFFIXES):
        raise SettingError(
            f"{source}: {text!r} does not end with {', '.join(REPORT_SUFFIXES)}; "
            "the suffix says which kind of report to write"
        )
    return text


TRACKERS: Final = ("mlflow", "wandb")


def _tracker(source: str, text: str) -> str:
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


def _shard(source: str, text: str) -> Shard:
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


def _text(source: str, text: str) -> str:
    if not text.strip():
        raise SettingError(f"{source}: the value is empty")
    return text


def _baseline(source: str, text: str) -> str:
    if _text(source, text) == GIT_SCHEME:
        raise SettingError(
            f"{source}: {text!r} names no branch, tag or commit; give one, such as git:main"
        )
    return text


def _against(source: str, text: str) -> Against:
    from pytest_mlregress.revisions.against import parse_against

    return parse_against(source, text)


OPTIONS: Final[tuple[Option, ...]] = (
    Option("update", "record the baselines of the selected tests", None),
    Option("update_new_only", "record only the baselines that do not exist yet", None),
    Option("prune", "delete baselines whose test is gone, after a complete green run", None),
    Option(
        "baseline",
        "where baselines are read and written: a folder, git:REF (read only) or an fsspec URL "
        "(default: __baselines__ beside each test file)",
        _baseline,
        "SOURCE",
    ),
    Option("against",
           "compare with the code of a git ref, trained here too: REF (its merge base), tip:REF, "
           "own-tests:REF, env:PYTHON (another environment) or REF,env:PYTHON",
           _against, "REF"),
    Option("missing", "a test without baseline: fail (default) or warn", _choice("fail", "warn")),
    Option("seeds", "seeds of a check, a number or 3,7,11 (default: the marker's, or 5)",
           _seeds, "N"),
    Option("baseline_seeds", "seeds of an update, exactly (default: as many as needed, see docs)",
           _count(2), "N"),
    Option("alpha", "chance that an unchanged run of the whole suite shows any false red (0.05)",
           _alpha, "A"),
    Option("strict", "inconclusive, unaffordable and minor verdicts fail too", None),
    Option("stop", "stop a test's seeds once its verdict is certain: early (default) or never",
           _choice("early", "never")),
    Option("curves", "end a run whose learning curve has collapsed: end (default) or off",
           _choice("end", "off")),
    Option("deterministic", "trainings ignore the seed on purpose: one seed, bit for bit", None),
    Option("env_mismatch", "baseline from another environment: fail, warn (default) or ignore",
           _choice("fail", "warn", "ignore")),
    Option("allow_dirty", "update from a working tree with uncommitted changes", None),
    Option("threads", "CPU threads per seed: a number (default 1), or keep", _threads, "N"),
    Option("tier", "which of a test's tiers (default: its first); all in a preflight",
           _text, "NAME"),
    Option("guards", "passive bug guards while tests train: fail, warn (default) or off",
           _choice("fail", "warn", "off")),
    Option("preflight", "one step of every selected test, to see what would fail later", None),
    Option("plan", "run nothing: print what the planned seeds can detect", None),
    Option("progress", "what is said while seeds train: auto (default), live, lines or off",
           _choice("auto", "live", "lines", "off")),
    Option("report", "write a report; the suffix (.html, .json, .md, .codequality.json, "
           ".metrics.txt) says which; repeatable",
           _report, "FILE", repeat=True),
    Option("tracker", "log the run to an experiment tracker: mlflow:URI, mlflow (the URI is in "
           "MLFLOW_TRACKING_URI) or wandb:PROJECT; repeatable", _tracker, "TRACKER", repeat=True),
    Option("junit", "JUnit XML with all (default), or verdicts: without the seeds that passed",
           _choice("all", "verdicts")),
    Option("confirm", "before a red is reported, test it on fresh seeds of both sides", None),
    Option("dispersion", "a wider spread of the seeds alone: off (default), warn or fail",
           _choice("off", "warn", "fail")),
    Option("cache", "where trained seeds are kept: a folder or an fsspec URL (default: pytest's "
           "cache folder)", _text, "URL"),
    Option("history", "where past runs are kept: a file, an fsspec URL, or off (default: "
           ".mlregress/history.sqlite in the rootdir)", _text, "PATH"),
    Option("no_cache", "neither use nor keep trained seeds", None),
    Option("unchanged", "a test of which nothing that it reads has changed: run (default) or skip",
           _choice("run", "skip")),
    Option("audit", "share of the skipped tests that is trained all the same (0.05)",
           _share, "SHARE"),
    Option("shard", "train this job's share of the seeds, K of N jobs by recorded durations; "
           "mlregress merge then judges them all", _shard, "K/N"),
    Option("rebase_anchor", "accept a slow decay: move the drift anchor, the reason is kept",
           _text, "REASON"),
)  # fmt: skip


DATA_FRACTION: Final = Option(
    "data_fraction", "the share of the data that tests train with", _positive_share, "SHARE"
)
"""For `mlregress curve` alone, which starts pytest with it: no check compares shares."""


assert {option.field for option in OPTIONS} <= {entry.name for entry in fields(Settings)}

_DEFAULT_FIELD: Final = {"seeds": "default_seeds"}
"""The ini value of a setting that outranks the marker on the command line only."""


def refuse_misspelt(arguments: Iterable[str]) -> None:
    """Refuse an option that is none of ours but looks like it, with the nearest one.

    Raises:
        SettingError: there is one.
    """
    known = [option.flag.removeprefix(FLAG_PREFIX) for option in (*OPTIONS, DATA_FRACTION)]
    for argument in arguments:
        if argument == "--":
            return
        flag = argument.partition("=")[0]
        name = flag.removeprefix(FLAG_PREFIX)
        if name != flag and name not in known:
            close = get_close_matches(name, known, n=1)
            remedy = f"did you mean {FLAG_PREFIX}{close[0]}?" if close else "see pytest --help"
            raise SettingError(f"{flag}: no such option; {remedy}")


def add_options(parser: pytest.Parser) -> None:
    """Declare every option on the command line and in the ini file."""
    group = parser.getgroup("mlregress", "statistical ML regression tests")
    group.addoption(
        DATA_FRACTION.flag, dest=DATA_FRACTION.dest, default=None, help=argparse.SUPPRESS
    )
    for option in OPTIONS:
        if option.parse is None:
            group.addoption(
                option.flag, dest=option.dest, action="store_true", default=None, help=option.help
            )
            parser.addini(option.ini, option.help, type="bool", default=None)
        elif option.repeat:
            group.addoption(
                option.flag,
                dest=option.dest,
                action="append",
                default=None,
                metavar=option.metavar,
                help=option.help,
            )
            parser.addini(option.ini, option.help, type="linelist", default=None)
        else:
            group.addoption(
                option.flag,
                dest=option.dest,
                default=None,
                metavar=option.metavar or "CHOICE",
                help=option.help,
            )
            parser.addini(option.ini, option.help, type="string", default=None)


def may_record_reads(config: pytest.Config) -> bool:
    """Whether a run may need what its seeds read, before its settings are resolved.

    Args:
        config: pytest's, with the options that it knows so far.

    Returns:
        True where an option is given that needs it; another one may yet speak against it.
    """
    for field in ("unchanged", "cache", "against"):
        given = getattr(config.known_args_namespace, f"mlregress_{field}", None)
        try:
            value = given if given is not None else config.getini(INI_PREFIX + field)
        except (ValueError, KeyError, pytest.UsageError):
            value = None
        if value and value != "run":
            return True
    return False


def resolve(config: pytest.Config) -> Settings:
    """The settings of this run.

    Raises:
        SettingError: a value on the command line or in the ini file cannot be used, a key of the
            ini file is none of ours, or two options exclude each other.
    """
    _refuse_unknown_keys(_compat.ini_keys(config))
    values: dict[str, Any] = {}
    for option in OPTIONS:
        given = config.getoption(option.dest)
        stored = _stored(config, option)
        if given is not None:
            values[option.field] = _read(option, option.flag, given)
        elif stored is not None and stored != "" and stored != []:
            values |= setting_in_ini(option, stored)
    values["data_fraction"] = _data_fraction(config)
    values["threads_chosen"] = config.getoption("mlregress_threads") is not None
    settings = Settings(**values)
    refuse_contradictions(settings)
    if settings.shard is not None and not config.option.collectonly:
        _refuse_shard_without_report(settings, settings.shard)
    if settings.preflight and config.getoption("mlregress_report"):
        raise SettingError(
            "--mlregress-report: a preflight reaches no verdict to report; what it found is in "
            "pytest's own reports, such as --junitxml"
        )
    return settings.of_preflight if settings.preflight else settings


def setting_in_ini(option: Option, stored: Any) -> dict[str, Any]:
    """A setting as the ini file gives it, by the name of its field.

    Args:
        option: the option.
        stored: its value in the ini file, not empty.

    Raises:
        SettingError: the value cannot be used.
    """
    return {
        _DEFAULT_FIELD.get(option.field, option.field): _read(option, f"ini {option.ini}", stored)
    }


def _refuse_shard_without_report(settings: Settings, shard: Shard) -> None:
    """What `mlregress merge` reads is all that is left of a shard."""
    others = [path for path in settings.report if PurePath(path).suffixes[-1:] != [".json"]]
    others += [path for path in settings.report if path.endswith(".codequality.json")]
    if others:
        raise SettingError(
            f"--mlregress-report={others[0]}: a shard reaches no verdict to show; write "
            f"--mlregress-report=shard-{shard.number}.json, and of all of them: "
            f"mlregress merge shard-*.json --report {others[0]}"
        )
    if not settings.report:
        raise SettingError(
            f"--mlregress-shard={shard.text} needs --mlregress-report=shard-{shard.number}.json, "
            "which mlregress merge reads: without it the seeds would be trained for nothing"
        )


def _data_fraction(config: pytest.Config) -> float:
    """The share of the data to train with, which only a process that judges nothing takes."""
    given = config.getoption(DATA_FRACTION.dest)
    if given is None:
        return 1.0
    share: float = _read(DATA_FRACTION, DATA_FRACTION.flag, given)
    option = config.option
    if share < 1.0 and not (
        hasattr(config, "workerinput") or option.collectonly or option.mlregress_preflight
    ):
        raise SettingError(
            f"{DATA_FRACTION.flag}={given}: a check compares trainings on all of the data; "
            "for shares of them run: mlregress curve TEST --over data"
        )
    return share


def _refuse_unknown_keys(keys: Iterable[str]) -> None:
    """A misspelt key would be a mere warning of pytest's, and the default hold in its place."""
    known = [option.field for option in OPTIONS]
    for key in keys:
        field = key.removeprefix(INI_PREFIX)
        if field != key and field not in known:
            close = get_close_matches(field, known, n=1)
            remedy = f"did you mean {INI_PREFIX}{close[0]}?" if close else "see pytest --help"
            raise SettingError(f"ini {key}: no such setting; {remedy}")


_BOOLS: Final = frozenset(["y", "yes", "t", "true", "on", "1", "n", "no", "f", "false", "off", "0"])
"""What pytest reads as a truth value."""


def ini_error(key: str, text: str) -> str:
    """Why a run would refuse a key of the ini file, without a run.

    Args:
        key: a key of a configuration file of pytest.
        text: its value; a list has one entry a line.

    Returns:
        The text of the error; empty for a key of another plugin, and for a value that is read.
    """
    try:
        _refuse_unknown_keys([key])
        for option in OPTIONS:
            if option.ini != key or not text.strip():
                continue
            entries = text.split("\n") if option.repeat else [text.strip()]
            for entry in filter(None, map(str.strip, entries)):
                if option.parse is not None:
                    option.parse(f"ini {key}", entry)
                elif entry.lower() not in _BOOLS:
                    return f"ini {key}: {entry!r} is neither true nor false"
    except SettingError as error:
        return str(error)
    return ""


def _stored(config: pytest.Config, option: Option) -> Any:
    try:
        return config.getini(option.ini)
    except (ValueError, pytest.UsageError) as error:  # which does not say which flag it cannot read
        raise SettingError(f"ini {option.ini}: {error}; write true or false") from None


def _read(option: Option, source: str, value: Any) -> Any:
    if option.parse is None:
        return bool(value)
    if option.repeat:
        return tuple(option.parse(source, str(entry)) for entry in value)
    return option.parse(source, str(value))
