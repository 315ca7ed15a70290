"""``mlregress plan``."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from pytest_mlregress.cli.artifacts import all_artifacts, no_baselines
from pytest_mlregress.cli.common import clear_errors, print_json, suite_options

if TYPE_CHECKING:
    from pytest_mlregress.settings import Settings
    from pytest_mlregress.verdicts.plan import SuitePlan


@click.command()
@suite_options
@click.option(
    "--seeds",
    type=click.IntRange(1, 10_000),
    help="Seeds of a check (default: as the marker of each test, else the ini file, says).",
)
@click.option("--baseline-seeds", type=click.IntRange(2, 10_000), default=20, show_default=True)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 0.5, min_open=True),
    metavar="A",
    help="The chance of any false red in a run (default: as the ini file says, else 0.05).",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, min_open=True),
    help="Smallest loss, absolute (default: each metric's own).",
)
@click.option("--test-size", type=click.IntRange(1), help="Plan an accuracy before any run.")
@click.option("--accuracy", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.9)
@click.option(
    "-n",
    "--workers",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Seeds that train at once, for the cost.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the design of every check.")
@clear_errors
def plan(
    source: str | None,
    rootdir: Path,
    as_json: bool,
    seeds: int | None,
    baseline_seeds: int,
    alpha: float | None,
    margin: float | None,
    test_size: int | None,
    accuracy: float,
    workers: int,
    verbose: bool,
) -> None:
    """What a check can detect and what it costs: from baselines, or from --test-size before any."""
    from pytest_mlregress.cli.ini_settings import refuse_unusable_ini, settings_in_ini
    from pytest_mlregress.reporting.plan_table import plan_table
    from pytest_mlregress.verdicts.plan import plan_before_any_run, plan_suite

    refuse_unusable_ini(rootdir.resolve())
    settings = settings_in_ini(rootdir.resolve(), "alpha", "seeds")
    if test_size is None:
        _refuse_without_test_size("accuracy", "baseline_seeds")
        suite = _plan_of_baselines(source, rootdir, settings, alpha, seeds, margin, workers)
    else:
        alpha = settings.alpha if alpha is None else alpha
        seeds = seeds or settings.default_seeds
        test = plan_before_any_run(
            test_size, accuracy, seeds, n_baseline=baseline_seeds, alpha=alpha, margin=margin
        )
        suite = plan_suite([test], alpha=alpha, comparisons=1, workers=workers)
    if as_json:
        print_json(asdict(suite))
        return
    width = shutil.get_terminal_size().columns
    click.echo(plan_table(suite, width=width, verbose=verbose), nl=False)


def _plan_of_baselines(
    source: str | None,
    rootdir: Path,
    settings: Settings,
    alpha: float | None,
    seeds: int | None,
    margin: float | None,
    workers: int,
) -> SuitePlan:
    """The plan of the recorded baselines; what is None is as pytest has it, else as in settings."""
    from pytest_mlregress.cli.declared_seeds import DeclaredSeeds
    from pytest_mlregress.cli.ini_settings import baseline_source
    from pytest_mlregress.verdicts.plan import plan_suite, plan_test
    from pytest_mlregress.verdicts.policy import Rules
    from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines

    root = rootdir.resolve()
    source = baseline_source(source, root)
    baselines = SuiteBaselines(source, root)
    found = list(all_artifacts(baselines.store))
    if not found:
        raise no_baselines(source, rootdir)
    declared = DeclaredSeeds(root, seeds, settings.default_seeds)
    if alpha is None:
        alpha = settings.alpha if declared.alpha is None else declared.alpha
    comparisons = baselines.comparisons
    rules = Rules(alpha=alpha / comparisons, comparisons=comparisons)
    tests = [
        plan_test(
            key.node_id(artifact.test),
            artifact.tier,
            declared.of(key, artifact),
            artifact,
            rules,
            margin=margin,
        )
        for key, artifact in found
    ]
    return plan_suite(
        tests, alpha=alpha, comparisons=comparisons, workers=workers, notes=declared.notes
    )


def _refuse_without_test_size(*names: str) -> None:
    """Refuse options that say something about a plan before any run, and would be passed over."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(
                f"--{name.replace('_', '-')} goes with --test-size; recorded baselines know their "
                "own"
            )
