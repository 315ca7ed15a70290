"""The report of a run, assembled when no more verdicts can come."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import PurePath
from types import MappingProxyType

from pytest_mlregress import __version__
from pytest_mlregress.baselines.artifact import Artifact, Environment
from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.baselines.urls import shareable, shareable_values
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.shard_of_run import ShardOfRun
from pytest_mlregress.reporting.sides import Sides
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.judged_test import JudgedTest
from pytest_mlregress.verdicts.verdict import Verdict


def run_report(
    verdicts: Sequence[Verdict],
    settings: Settings,
    *,
    notes: Iterable[str],
    comparisons: int,
    started: float,
    command: Iterable[str],
    environments: Iterable[Environment] = (),
    sides: Sides | None = None,
    code: WorkingTree | None = None,
    baselines: Mapping[tuple[str, str], Artifact] = MappingProxyType({}),
    places: Mapping[str, tuple[str, int]] = MappingProxyType({}),
    folder: str = ".",
    rootdir: PurePath | None = None,
    judged: Mapping[tuple[str, str], JudgedTest] = MappingProxyType({}),
    shard: ShardOfRun | None = None,
) -> RunReport:
    """The report of the run that ends now.

    Args:
        verdicts: the verdicts of all tests.
        settings: the active settings.
        notes: lines for the end of the summary.
        comparisons: number of metrics that share alpha.
        started: when the run began, in seconds since the epoch.
        command: the words of the command line that may be shown to everyone.
        environments: those that the tests trained in.
        sides: what an A/B run compared; None for any other run.
        code: the working tree; None outside git.
        baselines: by test and tier, what the verdicts compared with.
        places: by test, its file and line.
        folder: pytest's rootdir relative to the repository.
        rootdir: pytest's rootdir, which paths are shown relative to.
        judged: by test and tier, what the verdicts were reached with.
        shard: which part of the suite's seeds the run has trained; None for all.

    Returns:
        The report.
    """
    facts = environment_in_words(environments)
    return RunReport(
        verdicts=tuple(verdicts),
        settings=_shareable_settings(settings),
        notes=tuple(notes),
        comparisons=comparisons,
        alpha=settings.alpha,
        duration=time.time() - started,
        started=datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        command=shlex.join(command),
        version=__version__,
        environment=facts,
        q_values=q_values_of(verdicts),
        sides=sides,
        code=code,
        machine=machine_in_words(facts),
        baselines=dict(baselines),
        places=dict(places),
        folder=folder,
        rootdir=rootdir,
        judged=dict(judged),
        shard=shard,
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
