"""The seeds of one test, gathered from their reports."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mlregress.baselines.git_ref import is_git_ref
from pytest_mlregress.node_ids import dotted_name, in_file, split_file
from pytest_mlregress.running.result import SPENT, SeedResult, Xfail
from pytest_mlregress.running.seed_outcome import (
    AT_THE_BAD_END,
    NOT_RUN,
    WITHOUT_SUCCESS,
    SeedOutcome,
)

if TYPE_CHECKING:
    from pytest_mlregress.verdicts.undecided import Undecided


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """What the reports of a test's seeds say about the test: the same in each of them.

    Attributes:
        test: the node id without the seed.
        file: the test file.
        location: pytest's location of the test.
        planned: the seeds of the declaration.
        selected: those that this session runs.
        tier: the tier.
        settings: those of the test that judging needs (``test``, ``pairing``, ``expect``,
            ``deterministic``, ``on_nonfinite``).
        xfail: the ``xfail`` mark that applies; None without one.
        check_seeds: the largest number of seeds of a check; an update runs more.
        looks: numbers of seeds after which an update is judged; none for a check.
        seeds_removed: whether something else than the user removed some of the seeds.
        argument: the test as a command line names it: relative to where pytest was started.
        tier_option: the tier, if the command line named one that the test has.
        source: the value of `--mlregress-baseline`; None for the default.
        parallel: whether seeds run at the same time, in workers of pytest-xdist.
        takes_run: whether the test uses the fixture ``mlregress``.
        against: the value of `--mlregress-against`; None for a check against a baseline.
        tests: the number of regression tests in the run, deselected ones included.
    """

    test: str
    file: Path
    location: tuple[str, int | None, str]
    planned: tuple[int, ...]
    selected: tuple[int, ...]
    tier: str
    settings: Mapping[str, str | bool | None]
    xfail: Xfail | None = None
    check_seeds: int = 5
    looks: tuple[int, ...] = ()
    seeds_removed: bool = False
    argument: str = ""
    tier_option: str | None = None
    source: str | None = None
    parallel: bool = False
    takes_run: bool = False
    against: str | None = None
    tests: int = 1

    @property
    def trains_together(self) -> bool:
        """True where one run of the test trains all seeds: no other test declares `early`."""
        return "early" in self.settings

    @property
    def baseline_id(self) -> str:
        """``test_file.py::Class::name[params]``: an artifact does not depend on the rootdir."""
        return in_file(self.file.name, split_file(self.test)[1])

    @property
    def command(self) -> str:
        """The command that runs every seed of the test against the same baseline or base."""
        if self.against is None:
            return self._command(self.source)
        return f"{self.plain_command} --mlregress-against={_shell_word(self.against)}"

    @property
    def plain_command(self) -> str:
        """The command that checks the test against its baseline, whatever this run does."""
        return self._command(self.source)

    @property
    def update_command(self) -> str:
        """The command that records that baseline; a git ref, which keeps none, is left out."""
        return f"{self._command(None if self.read_only else self.source)} --mlregress-update"

    @property
    def explain_command(self) -> str:
        """The command that finds the first step in which a seed differs from the baseline's commit.

        Of an A/B run from the base's, which must be another commit and nothing else.
        """
        words = [f"mlregress explain {quoted(self.argument or self.test)}"]
        for name, value in (("against", self.against), ("tier", self.tier_option)):
            if value is not None:
                words.append(f"--{name}={_shell_word(value)}")
        if self.source is not None and self.against is None:
            words.append(f"-- --mlregress-baseline={_shell_word(self.source)}")
        return " ".join(words)

    def bisect_command(self, good: str) -> str:
        """The command that finds the commit between a good one and HEAD that lost.

        Args:
            good: the commit without the loss.

        Returns:
            The command.
        """
        test = quoted(self.argument or self.test)
        words = [f"mlregress bisect {_shell_word(good)} HEAD --test {test}"]
        if self.tier_option is not None:
            words.append(f"-- --mlregress-tier={_shell_word(self.tier_option)}")
        return " ".join(words)

    @property
    def read_only(self) -> bool:
        """True where the baselines are those of a git ref."""
        return is_git_ref(self.source)

    def _command(self, source: str | None) -> str:
        words = [f"pytest {quoted(self.argument or self.test)}"]
        for name, value in (("tier", self.tier_option), ("baseline", source)):
            if value is not None:
                words.append(f"--mlregress-{name}={_shell_word(value)}")
        return " ".join(words)

    @classmethod
    def from_builtins(cls, payload: Mapping[str, Any]) -> GroupPlan:
        """From the attribute that a seed's report carries.

        Args:
            payload: what the plugin in the seed's process put on the report.

        Returns:
            The plan.
        """
        path, line, domain = payload["location"]
        xfail = payload["xfail"]
        return cls(
            test=payload["test"],
            file=Path(payload["file"]),
            location=(path, line, dotted_name(payload["test"]) or domain),
            planned=tuple(payload["planned"]),
            selected=tuple(payload["selected"]),
            seeds_removed=payload["seeds_removed"],
            tier=payload["tier"],
            settings=payload["settings"],
            xfail=Xfail(**xfail) if xfail is not None else None,
            check_seeds=payload["check_seeds"],
            looks=tuple(payload["looks"]),
            takes_run=payload["takes_run"],
            tests=payload["tests"],
        )

    @property
    def partial(self) -> bool:
        """True where some of the seeds were deselected or removed."""
        return self.selected != self.planned


def _shell_word(value: str) -> str:
    return value if shlex.quote(value) == value else quoted(value)


def quoted(word: str) -> str:
    """The word in single quotes, as a shell reads it.

    Args:
        word: any text.

    Returns:
        The quoted word.
    """
    return "'" + word.replace("'", "'\"'\"'") + "'"


@dataclass(frozen=True, slots=True)
class SeedPhase:
    """What was reported of one phase of a seed, or of the death of its worker.

    Attributes:
        outcome: how the phase ended.
        duration: in seconds.
        message: why it failed or was skipped.
        payload: what the plugin in the seed's process put on the report; None without it.
        captured: the end of what the seed has printed and logged up to here.
        traceback: the end of pytest's account of the failure; empty without one.
    """

    outcome: SeedOutcome
    duration: float = 0.0
    message: str = ""
    payload: Mapping[str, Any] | None = None
    captured: str = ""
    traceback: str = ""


@dataclass(slots=True)
class SeedPhases:
    """The phases of one seed so far, reduced to what its result needs.

    Attributes:
        outcome: of the first phase that failed, else of the first that was skipped.
        duration: seconds so far.
        message: why the seed failed or was skipped.
        payload: what the plugin in the seed's process put on the latest report.
        captured: the end of what the seed has printed and logged.
        traceback: of the failure that counts.
    """

    outcome: SeedOutcome = "finished"
    duration: float = 0.0
    message: str = ""
    payload: Mapping[str, Any] | None = None
    captured: str = ""
    traceback: str = ""

    def add(self, phase: SeedPhase) -> None:
        """Add one phase; the first failure is the one that counts.

        Args:
            phase: the phase.
        """
        self.duration += phase.duration
        self.captured = phase.captured or self.captured  # a report has that of earlier phases, too
        if phase.payload is not None:
            self.payload = phase.payload
            if phase.payload["xfailed"] is not None and self.outcome == "finished":
                self.outcome, self.message = "xfailed", phase.payload["xfailed"]
        failed = phase.outcome in WITHOUT_SUCCESS and self.outcome not in AT_THE_BAD_END
        skipped = phase.outcome in NOT_RUN and self.outcome == "finished"
        if failed or skipped:
            self.outcome, self.message = phase.outcome, phase.message
            self.traceback = phase.traceback

    def result(self, seed: int) -> SeedResult:
        """The seed's result, with what it recorded before it failed.

        Args:
            seed: the seed.

        Returns:
            The result.
        """
        payload = self.payload or {}
        record = payload.get("result")
        base = SeedResult.from_builtins(record) if record else SeedResult(seed, "finished")
        spent, cached = payload.get("spent", {}), bool(payload.get("cached"))
        changes: dict[str, Any] = {name: spent[name] for name in SPENT if name in spent}
        if not cached:  # one from the cache took what it took when it was trained
            changes["duration"] = self.duration
        return replace(
            base,
            **changes,
            seed=seed,
            outcome=self.outcome,
            message=self.message,
            cached=cached,
            captured=self.captured,
            traceback=self.traceback,
        )


@dataclass(slots=True)
class SeedGroup:
    """One test's seeds: the plan, the finished results, and those still running.

    Attributes:
        plan: what the reports say about the test.
        running: the phases so far of each seed that has not finished.
        results: the result of each finished seed.
        environment: the environment in which they trained; None before the first.
        guard_findings: what the bug guards reported while the seeds trained, each once.
        base: the same seeds on the base, in an A/B run.
        unavailable: why the base cannot run the test; None where it can. Of a base's group.
        wrong_origin: the error about a module that a seed imported from elsewhere than its side's
            code; None without.
        reads: what each seed that trained has read, where that was recorded.
        reproduced: of each seed that was trained twice, how the values differed; empty for equal.
        standing: what is known of the code since the baseline, where that was asked.
        undecided: what was found when it was judged last, where it had no verdict.
    """

    plan: GroupPlan
    running: dict[int, SeedPhases] = field(default_factory=dict)
    results: dict[int, SeedResult] = field(default_factory=dict)
    environment: Mapping[str, Any] | None = None
    guard_findings: dict[str, None] = field(default_factory=dict)
    base: SeedGroup | None = None
    unavailable: str | None = None
    wrong_origin: str | None = None
    reads: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    reproduced: dict[int, str] = field(default_factory=dict)
    standing: Mapping[str, Any] | None = None
    undecided: Undecided | None = field(default=None, init=False, repr=False, compare=False)

    def finish(self, seed: int) -> None:
        """Turn the seed's reports into its result.

        Args:
            seed: the seed.
        """
        phases = self.running.pop(seed, None)
        if phases is None:
            return
        self.results[seed] = phases.result(seed)
        if phases.payload is None:
            return
        self.unavailable = self.unavailable or phases.payload.get("unavailable")
        self.wrong_origin = self.wrong_origin or phases.payload.get("wrong_origin")
        self.guard_findings.update(dict.fromkeys(phases.payload.get("guards", ())))
        if (reads := phases.payload.get("reads")) is not None:
            self.reads[seed] = reads
        if (difference := phases.payload.get("reproduced")) is not None:
            self.reproduced[seed] = difference
        if self.standing is None:
            self.standing = phases.payload.get("standing")
        if self.environment is None:
            self.environment = phases.payload.get("environment")
        if self.plan.xfail is None and phases.payload["xfail"] is not None:
            # The test added the mark itself, after its first report.
            self.plan = replace(self.plan, xfail=Xfail(**phases.payload["xfail"]))

    def finish_all(self) -> None:
        """Turn the reports of every other seed into its result: no more reports will come."""
        for seed in tuple(self.running):
            self.finish(seed)
        if self.base is not None:
            self.base.finish_all()

    @property
    def reported(self) -> tuple[SeedResult, ...]:
        """The results that are there, in planned order."""
        return tuple(self.results[seed] for seed in self.plan.planned if seed in self.results)

    @property
    def complete(self) -> bool:
        """True where every selected seed has a result."""
        return all(seed in self.results for seed in self.plan.selected)
