"""``mlregress diff``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pytest_mlregress.baselines.environment import environment_differences
from pytest_mlregress.baselines.git_ref import GIT_SCHEME
from pytest_mlregress.baselines.store import open_store
from pytest_mlregress.cli.artifacts import matching_artifacts
from pytest_mlregress.cli.common import clear_errors, print_json, say, suite_options


@click.command()
@click.argument("test")
@click.argument("ref", default=f"{GIT_SCHEME}HEAD")
@suite_options
@clear_errors
def diff(test: str, ref: str, source: str | None, rootdir: Path, as_json: bool) -> None:
    """Compare the baselines of TEST with those at REF (default git:HEAD)."""
    from pytest_mlregress.statistics import compare

    root = rootdir.resolve()
    before = open_store(ref, rootdir=root)
    rows: list[dict[str, Any]] = []
    for key, artifact in matching_artifacts(open_store(source, rootdir=root), test):
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
        print_json(rows)
        return
    for row in rows:
        title = f"{row['test']} ({row['tier']}) {row['metric']}"
        if "before" not in row:
            say(f"{title}: not at {ref}")
            continue
        low, high = row["interval"]
        say(
            f"{title}: {row['before']:.6g} -> {row['now']:.6g} "
            f"({row['difference']:+.3g} [{low:+.3g}, {high:+.3g}]), p(harm) = {row['p_harm']:.3g}"
        )
        for line in row["environment"]:
            say(f"  {line}")
