"""Every setting of a run as plain values, and what follows from several of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

Threads: TypeAlias = int | Literal["keep"]
Workers: TypeAlias = int | Literal["auto"]
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
    workers: Workers | None = None
    engine: Literal["local", "ray", "slurm"] = "local"
    ray_address: str | None = None
    """The user's own Ray cluster, as ``ray.init`` takes it; None for one of this run."""
    slurm_parameters: tuple[str, ...] = ()
    """Options of ``sbatch``, each ``name=value``."""
    slurm_cluster: Literal["slurm", "local"] = "slurm"
    slurm_folder: str | None = None
    """Shared by the machines; None for one in the rootdir."""
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
    vectorized: bool = False
    """Whether one run of the test trains all of its seeds, as its marker ``seeds`` says."""
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
        declared: dict[str, str | bool | None] = {
            "test": self.test,
            "pairing": self.pairing,
            "expect": self.expect,
            "deterministic": self.deterministic,
            "on_nonfinite": self.on_nonfinite,
        }
        if self.vectorized:  # all seeds end at once, so that there is one look
            declared["early"] = False
        return declared

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
