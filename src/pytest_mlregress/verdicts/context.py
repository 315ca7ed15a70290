"""One test to be judged, and what every rule may ask about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.environment import environment_differences
from pytest_mlregress.plurals import plural
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.metric_samples import metric_names
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind


class Pending(Enum):
    """The answer of a rule that applies but needs more seeds."""

    PENDING = "pending"


PENDING: Final = Pending.PENDING


@dataclass(frozen=True, slots=True)
class JudgingContext:
    """One test to be judged: its seeds so far, its baseline and the rules.

    Attributes:
        group: the seeds of the test.
        baseline: its baseline; None without one.
        rules: how it is judged.
        ready: the results of the longest run of planned seeds, from the first on, that are all
            there and passed: what a look may use.
        differences: how the environment differs from the baseline's.
    """

    group: SeedGroup
    baseline: Artifact | None
    rules: Rules
    ready: tuple[SeedResult, ...]
    differences: tuple[str, ...]

    @property
    def results(self) -> tuple[SeedResult, ...]:
        """The results that are there, in planned order."""
        return self.group.reported

    @property
    def recorded(self) -> tuple[str, ...]:
        """The metrics that any of the seeds recorded."""
        return metric_names(self.results)

    def verdict(self, kind: VerdictKind, colour: Colour | None = None, **more: Any) -> Verdict:
        """A verdict on this test.

        Args:
            kind: the verdict.
            colour: its effect on the run; by default what the rules say.
            **more: further fields of `Verdict`.

        Returns:
            The verdict.
        """
        plan = self.group.plan
        provenance = self.baseline.provenance if self.baseline is not None else None
        return Verdict(
            test=plan.test,
            tier=plan.tier,
            kind=kind,
            colour=colour if colour is not None else self.rules.colour(kind),
            seeds=self.results,
            planned=plan.planned,
            selected=plan.selected,
            environment=self.differences,
            baseline_commit=provenance.named_commit if provenance is not None else None,
            decided_after=more.pop("decided_after", len(self.ready)),
            **more,
        )


def judging_context(group: SeedGroup, baseline: Artifact | None, rules: Rules) -> JudgingContext:
    """The context in which a test is judged.

    Args:
        group: the seeds of the test.
        baseline: its baseline; None without one.
        rules: how it is judged.

    Returns:
        The context.
    """
    ready: list[SeedResult] = []
    for seed in group.plan.planned:
        result = group.results.get(seed)
        if result is None or result.outcome != "finished":
            break
        ready.append(result)
    differences: tuple[str, ...] = ()
    if baseline is not None and group.environment is not None and rules.env_mismatch != "ignore":
        differences = tuple(
            environment_differences(baseline.provenance.environment, group.environment)
        )
    return JudgingContext(group, baseline, rules, tuple(ready), differences)


def run_command(group: SeedGroup) -> str:
    """The command that runs every seed of a test.

    Args:
        group: the seeds of the test.

    Returns:
        The next step in words, with the command.
    """
    return f"run all of its seeds: {group.plan.command}"


def seeds_in_words(seeds: list[int]) -> str:
    """``seed 3``, or ``seeds 3, 7``.

    Args:
        seeds: the seeds, at least one.

    Returns:
        The text.
    """
    return f"{plural('seed', len(seeds))} {', '.join(map(str, seeds))}"
