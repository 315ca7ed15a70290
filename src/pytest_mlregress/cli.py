"""The command ``mlregress``: baselines and plans without running pytest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from pytest_mlregress import __version__
from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.environment import environment_differences
from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.git_ref import GIT_SCHEME
from pytest_mlregress.baselines.paths import BaselineKey
from pytest_mlregress.baselines.store import Store, open_store
from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.plurals import count_of

_F = TypeVar("_F", bound=Callable[..., None])


def _suite_options(command: _F) -> _F:
    """The options that say which suite, and how to print it."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option(
            "--baseline",
            "source",
            metavar="SOURCE",
            help="A folder, git:REF or an fsspec URL (default: __baselines__ folders).",
        ),
        click.option(
            "--rootdir",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            default=Path(),
            help="pytest's rootdir (default: the current folder).",
        ),
    ):
        command = option(command)
    return command


def _clear_errors(command: _F) -> _F:
    """Errors of our own are one line, not a traceback."""

    @wraps(command)
    def guarded(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except (BaselineError, ValueError) as error:
            raise click.ClickException(visible(str(error))) from None

    return guarded  # type: ignore[return-value]


@click.group()
@click.version_option(__version__, prog_name="pytest-mlregress")
def main() -> None:
    """Baselines and plans of pytest-mlregress."""


@main.command("list")
@_suite_options
@_clear_errors
def list_baselines(source: str | None, rootdir: Path, as_json: bool) -> None:
    """List the baselines of a suite."""
    store = open_store(source, rootdir=rootdir.resolve())
    found = [(store.describe(key), artifact) for key, artifact in _artifacts(store)]
    if not found:
        _say_that_there_are_none(source, rootdir)
    if as_json:
        _print_json([{"file": file, **_brief(artifact)} for file, artifact in found])
        return
    for file, artifact in found:
        brief = _brief(artifact)
        _say(
            f"{artifact.test} ({artifact.tier}): {', '.join(artifact.metrics)}; "
            f"{count_of(brief['seeds'], 'seed')}, "
            f"commit {(brief['commit'] or 'none')[:10]}, {brief['time']}{_by(brief['kind'])}"
        )
        _say(f"  {file}")


@main.command()
@click.argument("test")
@_suite_options
@_clear_errors
def show(test: str, source: str | None, rootdir: Path, as_json: bool) -> None:
    """Show the baselines whose test or file contains TEST."""
    from pytest_mlregress.baselines.json_document import document_of

    store = open_store(source, rootdir=rootdir.resolve())
    found = _matching(store, test)
    if as_json:
        _print_json([document_of(artifact) for _, artifact in found])
        return
    for key, artifact in found:
        _show(store.describe(key), artifact)


@main.command()
@click.argument("test")
@click.argument("ref", default=f"{GIT_SCHEME}HEAD")
@_suite_options
@_clear_errors
def diff(test: str, ref: str, source: str | None, rootdir: Path, as_json: bool) -> None:
    """Compare the baselines of TEST with those at REF (default git:HEAD)."""
    from pytest_mlregress.statistics import compare

    root = rootdir.resolve()
    before = open_store(ref, rootdir=root)
    rows: list[dict[str, Any]] = []
    for key, artifact in _matching(open_store(source, rootdir=root), test):
        old = before.read(key)
        for name, metric in artifact.metrics.items():
            row: dict[str, Any] = {"test": artifact.test, "tier": artifact.tier, "metric": name}
            if old is not None and name in old.metrics:
                found = compare(
                    tuple(old.metrics[name].values.values()),
                    tuple(metric.values.values()),
                    higher_is_better=metric.higher_is_better,
                )
                row |= {
                    "before": found.mean_baseline,
                    "now": found.mean_candidate,
                    "difference": found.difference,
                    "interval": list(found.interval),
                    "p_harm": found.p_harm,
                    "environment": environment_differences(
                        old.provenance.environment, artifact.provenance.environment
                    ),
                }
            rows.append(row)
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        title = f"{row['test']} ({row['tier']}) {row['metric']}"
        if "before" not in row:
            _say(f"{title}: not at {ref}")
            continue
        low, high = row["interval"]
        _say(
            f"{title}: {row['before']:.6g} -> {row['now']:.6g} "
            f"({row['difference']:+.3g} [{low:+.3g}, {high:+.3g}]), p(harm) = {row['p_harm']:.3g}"
        )
        for line in row["environment"]:
            _say(f"  {line}")


@main.command()
@_suite_options
@click.option("--seeds", type=click.IntRange(1, 10_000), default=5, show_default=True)
@click.option("--baseline-seeds", type=click.IntRange(2, 10_000), default=20, show_default=True)
@click.option("--alpha", type=click.FloatRange(0, 0.5, min_open=True), default=0.05)
@click.option(
    "--margin",
    type=click.FloatRange(0, min_open=True),
    help="Smallest loss, absolute (default: each metric's own).",
)
@click.option("--test-size", type=click.IntRange(1), help="Plan an accuracy before any run.")
@click.option("--accuracy", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.9)
@_clear_errors
def plan(
    source: str | None,
    rootdir: Path,
    as_json: bool,
    seeds: int,
    baseline_seeds: int,
    alpha: float,
    margin: float | None,
    test_size: int | None,
    accuracy: float,
) -> None:
    """What the planned seeds can detect: from the baselines, or from --test-size before any run."""
    from pytest_mlregress.reporting.plan_table import plan_table
    from pytest_mlregress.verdicts.plan import plan_before_any_run, plan_suite, plan_test
    from pytest_mlregress.verdicts.policy import Rules
    from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines

    if test_size is not None:
        tests = [
            plan_before_any_run(
                test_size, accuracy, seeds, n_baseline=baseline_seeds, alpha=alpha, margin=margin
            )
        ]
        comparisons = 1
    else:
        _refuse_without_test_size("accuracy", "baseline_seeds")
        baselines = SuiteBaselines(source, rootdir.resolve())
        found = list(_artifacts(baselines.store))
        if not found:
            _say_that_there_are_none(source, rootdir)
        comparisons = baselines.comparisons
        rules = Rules(alpha=alpha / comparisons, comparisons=comparisons)
        tests = [
            plan_test(artifact.test, artifact.tier, seeds, artifact, rules, margin=margin)
            for _, artifact in found
        ]
    suite = plan_suite(tests, alpha=alpha, comparisons=comparisons)
    if as_json:
        _print_json(asdict(suite))
        return
    click.echo(plan_table(suite, width=shutil.get_terminal_size().columns), nl=False)


def _refuse_without_test_size(*names: str) -> None:
    """Refuse options that say something about a plan before any run, and would be passed over."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(
                f"--{name.replace('_', '-')} goes with --test-size; recorded baselines know their "
                "own"
            )


def _say_that_there_are_none(source: str | None, rootdir: Path) -> None:
    where = source or f"the __baselines__ folders below {rootdir.resolve()}"
    _say(f"no baselines in {where}; record them: pytest --mlregress-update", err=True)


def _artifacts(store: Store) -> Iterator[tuple[BaselineKey, Artifact]]:
    for key in store.list():
        artifact = store.read(key)
        if artifact is not None:
            yield key, artifact


def _matching(store: Store, test: str) -> list[tuple[BaselineKey, Artifact]]:
    found = [
        (key, artifact)
        for key, artifact in _artifacts(store)
        if test in artifact.test or test in store.describe(key)
    ]
    if not found:
        raise click.ClickException(
            f"no baseline of a test that contains {test!r}; see: mlregress list"
        )
    return found


def _brief(artifact: Artifact) -> dict[str, Any]:
    provenance = artifact.provenance
    return {
        "test": artifact.test,
        "tier": artifact.tier,
        "metrics": list(artifact.metrics),
        "seeds": len(provenance.seeds),
        "commit": provenance.commit,
        "time": provenance.time,
        "revision": artifact.revision,
        "kind": artifact.ledger[-1].kind if artifact.ledger else None,
        "edited": artifact.edited,
    }


def _show(file: str, artifact: Artifact) -> None:
    from statistics import fmean, stdev

    provenance = artifact.provenance
    _say(f"{artifact.test} ({artifact.tier})")
    _say(f"  file       {file}{' (edited by hand)' if artifact.edited else ''}")
    _say(f"  recorded   {provenance.time} at commit {provenance.commit or 'none'}")
    for name, metric in artifact.metrics.items():
        values = list(metric.values.values())
        spread = f", SD {stdev(values):.4g}" if len(values) > 1 else ""
        direction = "higher" if metric.higher_is_better else "lower"
        margin = "auto" if metric.margin is None else f"{metric.margin:.6g}"
        _say(
            f"  {name:<10} mean {fmean(values):.6g}{spread}, {count_of(len(values), 'seed')}, "
            f"{direction} is better, margin {margin}, version {metric.version}"
        )
    for entry in artifact.ledger:
        moved = f" (anchor of {', '.join(entry.anchored)})" if entry.anchored else ""
        _say(f"  accepted   {entry.time}{_by(entry.kind)}{moved}: {entry.reason}")


def _by(kind: str | None) -> str:
    """What moved a baseline, where that was no plain update."""
    return "" if kind in (None, "update") else f", {kind}"


def _say(line: str, *, err: bool = False) -> None:
    """Print a line, in which names and messages of a file may hold anything."""
    click.echo(visible(line).replace("\n", "\\n"), err=err)


def _print_json(value: Any) -> None:
    """Strict JSON: non-finite numbers are text, as in reports."""
    from pytest_mlregress.reporting.json_report import builtin

    click.echo(json.dumps(builtin(value), indent=2, sort_keys=True, allow_nan=False))
