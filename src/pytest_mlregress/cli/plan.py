"""``mlregress plan``."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

import click
from click.core import ParameterSource

from pytest_mlregress.cli.artifacts import all_artifacts, say_that_there_are_none
from pytest_mlregress.cli.common import clear_errors, print_json, suite_options


@click.command()
@suite_options
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
@clear_errors
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
        found = list(all_artifacts(baselines.store))
        if not found:
            say_that_there_are_none(source, rootdir)
        comparisons = baselines.comparisons
        rules = Rules(alpha=alpha / comparisons, comparisons=comparisons)
        tests = [
            plan_test(artifact.test, artifact.tier, seeds, artifact, rules, margin=margin)
            for _, artifact in found
        ]
    suite = plan_suite(tests, alpha=alpha, comparisons=comparisons)
    if as_json:
        print_json(asdict(suite))
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
