"""Every setting of a run, resolved once: marker > command line > ini > default.

One table declares the options, so that the command line, the ini file and the error messages
cannot disagree.  Seeds are the one exception to the order: `--mlregress-seeds` on the command line
outranks the marker, whose number it is there to replace for one run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, TypeAlias

import pytest

Threads: TypeAlias = int | Literal["keep"]
REPORT_SUFFIXES: Final = (".html", ".json", ".md")
MOST_SEEDS: Final = 10_000


class SettingError(ValueError):
    """A setting that cannot be used; its text names the setting, the value and the remedy."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one run, or of one test when its marker overrides some of them."""

    update: bool = False
    update_new_only: bool = False
    prune: bool = False
    baseline: str | None = None
    missing: Literal["fail", "warn"] = "fail"
    seeds: int | tuple[int, ...] | None = None
    default_seeds: int = 5
    baseline_seeds: int | None = None
    alpha: float = 0.05
    strict: bool = False
    stop: Literal["early", "never"] = "early"
    env_mismatch: Literal["fail", "warn", "ignore"] = "warn"
    allow_dirty: bool = False
    threads: Threads = 1
    tier: str | None = None
    guards: Literal["fail", "warn", "off"] = "warn"
    plan: bool = False
    report: tuple[str, ...] = ()
    confirm: bool = False
    dispersion: Literal["off", "warn", "fail"] = "off"
    rebase_anchor: str | None = None
    test: Literal["robust-t", "welch", "student", "paired", "rank"] = "robust-t"
    pairing: Literal["auto", "always", "never"] = "auto"
    expect: Literal["identical"] | None = None
    on_nonfinite: Literal["fail", "test"] = "fail"
    suppress: tuple[str, ...] = ()
    num_cpus: float | None = None
    num_gpus: float | None = None

    @property
    def updating(self) -> bool:
        """True where this run records baselines instead of checking against them."""
        return self.update or self.update_new_only

    @property
    def of_test(self) -> dict[str, str | None]:
        """The settings that a test declares and its verdict is reached with."""
        return {
            "test": self.test,
            "pairing": self.pairing,
            "expect": self.expect,
            "on_nonfinite": self.on_nonfinite,
        }

    @property
    def header(self) -> str:
        """The line in pytest's header: what would change a verdict, and nothing else."""
        if self.updating:
            mode = "update (new only)" if self.update_new_only else "update"
        else:
            mode = "plan" if self.plan else "check"
        parts = [
            mode,
            f"alpha {self.alpha:g}",
            f"stop {self.stop}",
            f"threads {self.threads}",
            f"guards {self.guards}",
            f"baselines {self.baseline or '__baselines__'}",
        ]
        if self.tier is not None:
            parts.append(f"tier {self.tier}")
        if self.strict:
            parts.append("strict")
        if self.confirm:
            parts.append("confirm")
        return "mlregress: " + ", ".join(parts)


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
        return "--mlregress-" + self.field.replace("_", "-")

    @property
    def ini(self) -> str:
        return "mlregress_" + self.field

    @property
    def dest(self) -> str:
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
    if not text.endswith(REPORT_SUFFIXES):
        raise SettingError(
            f"{source}: {text!r} does not end with {', '.join(REPORT_SUFFIXES)}; "
            "the suffix says which kind of report to write"
        )
    return text


def _text(source: str, text: str) -> str:
    if not text.strip():
        raise SettingError(f"{source}: the value is empty")
    return text


OPTIONS: Final[tuple[Option, ...]] = (
    Option("update", "record the baselines of the selected tests", None),
    Option("update_new_only", "record only the baselines that do not exist yet", None),
    Option("prune", "delete baselines whose test is gone, after a complete green run", None),
    Option(
        "baseline",
        "where baselines are read and written: a folder, git:REF (read only) or an fsspec URL "
        "(default: __baselines__ beside each test file)",
        _text,
        "SOURCE",
    ),
    Option("missing", "a test without baseline: fail (default) or warn", _choice("fail", "warn")),
    Option("seeds", "seeds of a check, a number or 3,7,11 (default: the marker's, or 5)",
           _seeds, "N"),
    Option("baseline_seeds", "seeds of an update (default: max(20, 4 x the check's))",
           _count(2), "N"),
    Option("alpha", "chance that an unchanged run of the whole suite shows any false red (0.05)",
           _alpha, "A"),
    Option("strict", "inconclusive and minor verdicts fail too", None),
    Option("stop", "stop a test's seeds once its verdict is certain: early (default) or never",
           _choice("early", "never")),
    Option("env_mismatch", "baseline from another environment: fail, warn (default) or ignore",
           _choice("fail", "warn", "ignore")),
    Option("allow_dirty", "update from a working tree with uncommitted changes", None),
    Option("threads", "CPU threads per seed: a number (default 1), or keep", _threads, "N"),
    Option("tier", "which of a test's tiers (default: its first)", _text, "NAME"),
    Option("guards", "passive bug guards while tests train: fail, warn (default) or off",
           _choice("fail", "warn", "off")),
    Option("plan", "run nothing: print what the planned seeds can detect", None),
    Option("report", "write a report; the suffix (.html, .json, .md) says which; repeatable",
           _report, "FILE", repeat=True),
    Option("confirm", "before a red is reported, test it on fresh seeds of both sides", None),
    Option("dispersion", "a wider spread of the seeds alone: off (default), warn or fail",
           _choice("off", "warn", "fail")),
    Option("rebase_anchor", "accept a slow decay: move the drift anchor, the reason is kept",
           _text, "REASON"),
)  # fmt: skip

_DEFAULT_FIELD: Final = {"seeds": "default_seeds"}
"""The ini value of a setting that outranks the marker on the command line only."""


def add_options(parser: pytest.Parser) -> None:
    """Declare every option on the command line and in the ini file."""
    group = parser.getgroup("mlregress", "statistical ML regression tests")
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


def resolve(config: pytest.Config) -> Settings:
    """The settings of this run.

    Raises:
        SettingError: a value on the command line or in the ini file cannot be used, or two
            options exclude each other.
    """
    values: dict[str, Any] = {}
    for option in OPTIONS:
        given = config.getoption(option.dest)
        stored = _stored(config, option)
        if given is not None:
            values[option.field] = _read(option, option.flag, given)
        elif stored is not None and stored != "" and stored != []:
            target = _DEFAULT_FIELD.get(option.field, option.field)
            values[target] = _read(option, f"ini {option.ini}", stored)
    settings = Settings(**values)
    _refuse_contradictions(settings)
    return settings


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


def _refuse_contradictions(settings: Settings) -> None:
    if settings.update and settings.update_new_only:
        raise SettingError(
            "--mlregress-update and --mlregress-update-new-only exclude each other: "
            "the first records every selected baseline, the second only the missing ones"
        )
    if settings.updating and settings.plan:
        raise SettingError("--mlregress-plan runs nothing and so cannot record baselines")
    if settings.updating and settings.baseline is not None and settings.baseline[:4] == "git:":
        raise SettingError(
            f"--mlregress-baseline={settings.baseline} is read only; "
            "record baselines in a folder or at an fsspec URL"
        )
    if settings.rebase_anchor is not None and not settings.update:
        raise SettingError("--mlregress-rebase-anchor needs --mlregress-update")


MARKER_CHOICES: Final[dict[str, tuple[object, ...]]] = {
    "test": ("robust-t", "welch", "student", "paired", "rank"),
    "pairing": ("auto", "always", "never"),
    "expect": ("identical",),
    "on_nonfinite": ("fail", "test"),
}
MARKER_ARGUMENTS: Final = (*MARKER_CHOICES, "suppress", "num_cpus", "num_gpus")


def override(settings: Settings, arguments: dict[str, Any]) -> Settings:
    """The settings with the arguments of a test's ``mlregress`` marker in place.

    ``None`` leaves a setting as it is.

    Raises:
        SettingError: an argument or its value is unknown.
    """
    accepted: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in MARKER_ARGUMENTS:
            raise SettingError(
                f"mlregress({name}=...): unknown argument; known are {', '.join(MARKER_ARGUMENTS)}"
            )
        if value is None:
            continue
        accepted[name] = _marker_value(name, value)
    return replace(settings, **accepted)


def _marker_value(name: str, value: Any) -> Any:
    if name in MARKER_CHOICES:
        if value not in MARKER_CHOICES[name]:
            allowed = ", ".join(repr(choice) for choice in MARKER_CHOICES[name])
            raise SettingError(f"mlregress({name}={value!r}): not one of {allowed}")
        return value
    if name == "suppress":
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise SettingError(
                f"mlregress(suppress={value!r}): a list of check names is due, "
                "such as ['batch-leak']"
            )
        if not all(isinstance(entry, str) for entry in value):
            raise SettingError(f"mlregress(suppress={value!r}): every entry must be a string")
        return tuple(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise SettingError(f"mlregress({name}={value!r}): a number >= 0 is due")
    return float(value)


assert {option.field for option in OPTIONS} <= {entry.name for entry in fields(Settings)}
