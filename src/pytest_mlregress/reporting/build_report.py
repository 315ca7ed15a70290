"""The report of a run, assembled when no more verdicts can come."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from pytest_mlregress import __version__
from pytest_mlregress.baselines.artifact import Artifact, Environment
from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.baselines.urls import shareable, shareable_values
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.shard_of_run import ShardOfRun
from pytest_mlregress.settings import Settings
from pytest_mlregress.timeline.spans import RunTimeline
from pytest_mlregress.verdicts.judged_test import JudgedTest
from pytest_mlregress.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlregress.reporting.sides import Sides


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResults:
    """What the tests of a run gave.

    Attributes:
        verdicts: those of all tests.
        comparisons: number of metrics that share alpha.
        environments: those that the tests trained in.
        baselines: by test and tier, what the verdicts compared with.
        judged: by test and tier, what the verdicts were reached with.
        places: by test, its file and line.
        sides: what an A/B run compared; None for any other run.
        timeline: what each worker did, and when; None where nothing ran.
    """

    verdicts: Sequence[Verdict]
    comparisons: int
    environments: Sequence[Environment]
    baselines: Mapping[tuple[str, str], Artifact]
    judged: Mapping[tuple[str, str], JudgedTest]
    places: Mapping[str, tuple[str, int]]
    sides: Sides | None
    timeline: RunTimeline | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrigin:
    """How a run was started, and in which code.

    Attributes:
        command: the words of the command line that may be shown to everyone.
        started: when, in seconds since the epoch.
        code: the working tree; None outside git.
        rootdir: pytest's rootdir, which paths are shown relative to.
        folder: pytest's rootdir relative to the repository.
        shard: which part of the suite's seeds the run has trained; None for all.
    """

    command: Sequence[str]
    started: float
    code: WorkingTree | None
    rootdir: PurePath
    folder: str
    shard: ShardOfRun | None


def run_report(
    settings: Settings, origin: RunOrigin, results: SuiteResults, notes: Iterable[str]
) -> RunReport:
    """The report of the run that ends now.

    Args:
        settings: the active settings.
        origin: how the run was started.
        results: what its tests gave.
        notes: lines for the end of the summary.

    Returns:
        The report.
    """
    facts = environment_in_words(results.environments)
    started = datetime.fromtimestamp(origin.started, UTC)
    return RunReport(
        verdicts=tuple(results.verdicts),
        settings=_shareable_settings(settings),
        notes=tuple(notes),
        comparisons=results.comparisons,
        alpha=settings.alpha,
        duration=time.time() - origin.started,
        started=started.isoformat(timespec="seconds"),
        command=shlex.join(origin.command),
        version=__version__,
        environment=facts,
        q_values=q_values_of(results.verdicts),
        sides=results.sides,
        code=origin.code,
        machine=machine_in_words(facts),
        baselines=dict(results.baselines),
        places=dict(results.places),
        folder=origin.folder,
        rootdir=origin.rootdir,
        judged=dict(results.judged),
        shard=origin.shard,
        timeline=results.timeline,
    )


def _shareable_settings(settings: Settings) -> dict[str, object]:
    values = shareable_values(asdict(settings))
    own = {
        "report": tuple(shareable(path) for path in settings.report),
        "against": settings.against.text if settings.against is not None else None,
        "shard": settings.shard.text if settings.shard is not None else None,
    }
    return values | own


def environment_in_words(environments: Iterable[Environment]) -> dict[str, str]:
    """The environment of the run in words; facts that are unknown or empty are left out.

    Args:
        environments: those that the tests trained in.

    Returns:
        The facts by name.
    """
    facts: dict[str, object] = {}
    packages: dict[str, str] = {}
    for environment in environments:
        known = {name: fact for name, fact in environment.items() if isinstance(fact, (str, int))}
        gpus = environment.get("gpus")
        facts |= known | ({"gpus": ", ".join(gpus)} if isinstance(gpus, list) and gpus else {})
        imported = environment.get("packages")
        packages |= {
            name: str(version)
            for name, version in (imported if isinstance(imported, Mapping) else {}).items()
        }
    if packages:
        facts["packages"] = ", ".join(f"{name} {packages[name]}" for name in sorted(packages))
    return {name: str(fact) for name, fact in facts.items()}


def machine_in_words(facts: Mapping[str, str]) -> str:
    """``Linux x86_64, AMD EPYC, CPython 3.11.7``: the facts that are known, in this order.

    Args:
        facts: from `environment_in_words`.

    Returns:
        The text.
    """
    return ", ".join(facts[name] for name in ("platform", "cpu", "gpus", "python") if name in facts)


def q_values_of(verdicts: Sequence[Verdict]) -> dict[tuple[str, str, str], float]:
    """Benjamini-Hochberg's q of every comparison of the run, as information.

    Args:
        verdicts: those of the run.

    Returns:
        The rates by test, tier and metric.
    """
    from pytest_mlregress.statistics.multiple_comparisons import q_values

    compared = [
        ((verdict.test, verdict.tier, metric.name), metric.comparison.p_harm)
        for verdict in verdicts
        for metric in verdict.metrics
        if metric.comparison is not None
    ]
    values = q_values([p for _, p in compared])
    return {name: q for (name, _), q in zip(compared, values, strict=True)}
