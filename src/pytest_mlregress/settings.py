"""Every setting of a run, and what a test's marker puts in place of it.

The order is marker > command line > ini > default; `options.resolve` reads the last three.

Seeds are the one exception to the order: `--mlregress-seeds` on the command line outranks the
marker, whose number it is there to replace for one run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeAlias

from pytest_mlregress.baselines.git_ref import is_git_ref

Threads: TypeAlias = int | Literal["keep"]
MOST_SEEDS: Final = 10_000
EVERY_TIER: Final = "all"
"""The value of `--mlregress-tier` that stands for each of a test's tiers."""


class SettingError(ValueError):
    """A setting that cannot be used; its text names the setting, the value and the remedy."""


@dataclass(frozen=True, slots=True)
class Against:
    """The other side of a comparison, as the option names it.

    Attributes:
        ref: the git ref; None for the code as it is, in another environment.
        tip: the base is the ref itself and not its merge base with HEAD.
        own_tests: each side runs its own tests, not both the candidate's.
        python: an interpreter, or a folder that holds one; None for this interpreter.
        text: the value of the option, for messages.
    """

    ref: str | None
    tip: bool
    own_tests: bool
    python: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Shard:
    """One job's share of a suite's seeds.

    Attributes:
        number: which one, from 1.
        count: how many there are.
    """

    number: int
    count: int

    @property
    def text(self) -> str:
        """As the option has it."""
        return f"{self.number}/{self.count}"


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
    curves: Literal["end", "off"] = "end"
    env_mismatch: Literal["fail", "warn", "ignore"] = "warn"
    allow_dirty: bool = False
    threads: Threads = 1
    threads_chosen: bool = False
    """Whether the user chose the threads for this run, on the command line."""
    tier: str | None = None
    preflight: bool = False
    data_fraction: float = 1.0
    """The share of the data that tests are to train with."""
    guards: Literal["fail", "warn", "off"] = "warn"
    plan: bool = False
    progress: Literal["auto", "live", "lines", "off"] = "auto"
    report: tuple[str, ...] = ()
    tracker: tuple[str, ...] = ()
    """Experiment trackers: ``mlflow:URI``, ``mlflow`` or ``wandb:PROJECT``."""
    junit: Literal["all", "verdicts"] = "all"
    confirm: bool = False
    dispersion: Literal["off", "warn", "fail"] = "off"
    rebase_anchor: str | None = None
    cache: str | None = None
    no_cache: bool = False
    history: str | None = None
    """Where past runs are kept: a file, a URL or ``off``; None for the default."""
    unchanged: Literal["run", "skip"] = "run"
    audit: float | None = None
    test: Literal["robust-t", "welch", "student", "paired", "rank"] = "robust-t"
    pairing: Literal["auto", "always", "never"] = "auto"
    expect: Literal["identical"] | None = None
    deterministic: bool = False
    on_nonfinite: Literal["fail", "test"] = "fail"
    suppress: tuple[str, ...] = ()
    num_cpus: float | None = None
    num_gpus: float | None = None
    memory: float | None = None
    """Bytes that one seed needs."""
    against: Against | None = None
    shard: Shard | None = None
    companion: bool = False
    """Whether this process trains the base's seeds for another one."""

    @property
    def threads_argument(self) -> str:
        """The argument of another pytest that gives its seeds as many threads.

        As one of the ini file, it leaves a test that declares its CPUs as it is.
        """
        if self.threads_chosen:
            return f"--mlregress-threads={self.threads}"
        return f"--override-ini=mlregress_threads={self.threads}"

    @property
    def declares_need(self) -> bool:
        """Whether a test says what one of its seeds needs of a machine."""
        return any(need is not None for need in (self.num_cpus, self.num_gpus, self.memory))

    @property
    def compares_sides(self) -> bool:
        """True in every process of an A/B run, which no recorded baseline has a part in."""
        return self.against is not None or self.companion

    @property
    def of_companion(self) -> Settings:
        """Those of the process that trains the base's seeds, which judges and reports nothing."""
        return replace(
            self,
            against=None,
            companion=True,
            plan=False,
            preflight=False,
            update=False,
            update_new_only=False,
            report=(),
            tracker=(),
            guards="off",
        )

    @property
    def of_preflight(self) -> Settings:
        """Those of a preflight: it watches nothing, keeps nothing and needs no earlier run."""
        return replace(
            self, guards="off", curves="off", unchanged="run", no_cache=True, cache=None, report=()
        )

    @property
    def updating(self) -> bool:
        """True where this run records baselines instead of checking against them."""
        return self.update or self.update_new_only

    @property
    def records_reads(self) -> bool:
        """True where the processes that train note what each seed reads."""
        return not self.plan and (self.unchanged == "skip" or self._uses_cache)

    @property
    def keeps_seeds(self) -> bool:
        """True where trained seeds are kept for later A/B runs, as an A/B run does itself."""
        return self._uses_cache and not self.companion

    @property
    def keeps_history(self) -> bool:
        """True where the run is to be appended to the history: one that reaches verdicts."""
        return self.history != "off" and not (
            self.companion or self.plan or self.preflight or self.shard is not None
        )

    @property
    def _uses_cache(self) -> bool:
        return not self.no_cache and (self.compares_sides or self.cache is not None)

    @property
    def baseline_shown(self) -> str | None:
        """Where baselines are, without the password of a URL."""
        if self.baseline is None or "://" not in self.baseline:
            return self.baseline
        from pytest_mlregress.baselines.urls import without_credentials

        return without_credentials(self.baseline)

    @property
    def of_test(self) -> dict[str, str | bool | None]:
        """The settings that a test declares and its verdict is reached with."""
        return {
            "test": self.test,
            "pairing": self.pairing,
            "expect": self.expect,
            "deterministic": self.deterministic,
            "on_nonfinite": self.on_nonfinite,
        }

    @property
    def header(self) -> str:
        """The line in pytest's header: what would change a verdict, and nothing else."""
        if self.preflight:  # which reaches no verdict
            tier = "" if self.tier is None else f", tier {self.tier}"
            return f"mlregress: preflight, threads {self.threads}{tier}"
        if self.against is not None:
            mode = f"A/B against {self.against.text}"
        elif self.updating:
            mode = "update (new only)" if self.update_new_only else "update"
        else:
            mode = "plan" if self.plan else "check"
        parts = [
            mode,
            f"alpha {self.alpha:g}",
            f"stop {self.stop}",
            f"threads {self.threads}",
            f"guards {self.guards}",
        ]
        if self.against is None:
            parts.append(f"baselines {self.baseline_shown or '__baselines__'}")
        if self.tier is not None:
            parts.append(f"tier {self.tier}")
        if self.strict:
            parts.append("strict")
        if self.confirm:
            parts.append("confirm")
        if self.deterministic:
            parts.append("deterministic")
        if self.shard is not None:
            parts.append(f"shard {self.shard.text}")
        return "mlregress: " + ", ".join(parts)


def refuse_contradictions(settings: Settings) -> None:
    """Refuse settings that exclude each other.

    Raises:
        SettingError: there are some.
    """
    if settings.update and settings.update_new_only:
        raise SettingError(
            "--mlregress-update and --mlregress-update-new-only exclude each other: "
            "the first records every selected baseline, the second only the missing ones"
        )
    if settings.updating and settings.plan:
        raise SettingError(
            "--mlregress-plan runs nothing and so cannot record baselines; remove it or "
            + ("--mlregress-update" if settings.update else "--mlregress-update-new-only")
        )
    if settings.updating and is_git_ref(settings.baseline):
        raise SettingError(
            f"--mlregress-baseline={settings.baseline} is read only; "
            "record baselines in a folder or at an fsspec URL"
        )
    if settings.preflight:
        _refuse_beside_preflight(settings)
    elif settings.tier == EVERY_TIER:
        raise SettingError(
            f"--mlregress-tier={EVERY_TIER} goes with --mlregress-preflight, which trains one step "
            "of every tier; name one tier, or leave the option out for each test's first"
        )
    if settings.against is not None:
        _refuse_beside_against(settings)
    if settings.shard is not None:
        _refuse_beside_shard(settings, settings.shard)
    if settings.rebase_anchor is not None and not settings.update:
        raise SettingError("--mlregress-rebase-anchor needs --mlregress-update")


def _refuse_beside_preflight(settings: Settings) -> None:
    """A preflight judges nothing, records nothing and trains the working tree alone."""
    beside = {
        "--mlregress-update": settings.update,
        "--mlregress-update-new-only": settings.update_new_only,
        "--mlregress-prune": settings.prune,
        "--mlregress-plan": settings.plan,
        "--mlregress-confirm": settings.confirm,
        "--mlregress-against": settings.against is not None,
    }
    for flag, given in beside.items():
        if given:
            raise SettingError(
                f"--mlregress-preflight trains one step of this tree and reaches no verdict; "
                f"run it without {flag}, then {flag} without it"
            )


def _refuse_beside_shard(settings: Settings, shard: Shard) -> None:
    """A shard has a part of the seeds and so reaches no verdict; only a run of all of them does."""
    given = f"--mlregress-shard={shard.text}"
    beside = {
        "--mlregress-update": settings.update,
        "--mlregress-update-new-only": settings.update_new_only,
        "--mlregress-prune": settings.prune,
        "--mlregress-plan": settings.plan,
        "--mlregress-preflight": settings.preflight,
        "--mlregress-confirm": settings.confirm,
    }
    for flag, is_given in beside.items():
        if is_given:
            raise SettingError(
                f"{given} trains a part of the seeds and reaches no verdict; run {flag} without it"
            )


def _refuse_beside_against(settings: Settings) -> None:
    """What speaks of recorded baselines has no meaning where both sides are trained."""
    against = f"--mlregress-against={settings.against.text if settings.against else ''}"
    if settings.updating:
        raise SettingError(
            f"{against} compares two trainings and records no baseline; run it first, then "
            "--mlregress-update without it"
        )
    if settings.prune:
        raise SettingError(
            f"{against} reads no baselines, so that --mlregress-prune could not tell which are "
            "unused; prune in a run without it"
        )
    if settings.confirm:
        raise SettingError(
            f"{against} trains fresh seeds of both sides already; remove --mlregress-confirm, "
            "and run more pairs with --mlregress-seeds=N"
        )
    if settings.rebase_anchor is not None:
        raise SettingError(f"{against} moves no anchor; remove --mlregress-rebase-anchor")


MARKER_CHOICES: Final[dict[str, tuple[object, ...]]] = {
    "test": ("robust-t", "welch", "student", "paired", "rank"),
    "pairing": ("auto", "always", "never"),
    "expect": ("identical",),
    "deterministic": (True, False),
    "on_nonfinite": ("fail", "test"),
}
MARKER_ARGUMENTS: Final = (*MARKER_CHOICES, "suppress", "num_cpus", "num_gpus", "memory")


def override(settings: Settings, arguments: dict[str, Any]) -> Settings:
    """The settings with the arguments of a test's ``mlregress`` marker in place.

    ``None`` leaves a setting as it is. A seed has as many threads as it declares CPUs, unless the
    command line chooses them for the run.

    Raises:
        SettingError: an argument or its value is unknown.
    """
    accepted: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in MARKER_ARGUMENTS:
            close = get_close_matches(name, MARKER_ARGUMENTS, n=1)
            nearest = f"did you mean {close[0]}? " if close else ""
            raise SettingError(
                f"mlregress({name}=...): unknown argument; {nearest}known are "
                f"{', '.join(MARKER_ARGUMENTS)}"
            )
        if value is None:
            continue
        accepted[name] = _marker_value(name, value)
    if "num_cpus" in accepted and not settings.threads_chosen:
        accepted["threads"] = max(1, int(accepted["num_cpus"]))
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
                f"mlregress(suppress={value!r}): expected a list of check names, "
                "such as ['batch-leak']"
            )
        if not all(isinstance(entry, str) for entry in value):
            raise SettingError(f"mlregress(suppress={value!r}): every entry must be a string")
        return tuple(value)
    if name == "memory" and isinstance(value, str):
        return _bytes(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise SettingError(f"mlregress({name}={value!r}): expected a number >= 0")
    if name == "num_gpus" and value > 1 and not float(value).is_integer():
        raise SettingError(
            f"mlregress(num_gpus={value!r}): more than one GPU is a whole number; "
            "a share of one is below 1"
        )
    return float(value)


_UNITS: Final = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
                 "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}  # fmt: skip


def _bytes(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    if found is None or found[2] not in _UNITS:
        raise SettingError(
            f"mlregress(memory={text!r}): expected a number of bytes, or one with kB, MB, GB, TB, "
            "KiB, MiB, GiB or TiB, such as '4GB'"
        )
    return float(found[1]) * _UNITS[found[2]]
