"""``mlregress show``."""

from __future__ import annotations

from pathlib import Path

import click

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.store import open_store
from pytest_mlregress.cli.artifacts import matching_artifacts, moved_by
from pytest_mlregress.cli.common import clear_errors, print_json, say, suite_options
from pytest_mlregress.plurals import count_of


@click.command()
@click.argument("test")
@suite_options
@clear_errors
def show(test: str, source: str | None, rootdir: Path, as_json: bool) -> None:
    """Show the baselines whose test or file contains TEST."""
    from pytest_mlregress.baselines.json_document import document_of

    store = open_store(source, rootdir=rootdir.resolve())
    found = matching_artifacts(store, test)
    if as_json:
        print_json([document_of(artifact) for _, artifact in found])
        return
    for key, artifact in found:
        _show(store.describe(key), artifact)


def _show(file: str, artifact: Artifact) -> None:
    from statistics import fmean, stdev

    provenance = artifact.provenance
    say(f"{artifact.test} ({artifact.tier})")
    say(f"  file       {file}{' (edited by hand)' if artifact.edited else ''}")
    say(f"  recorded   {provenance.time} at commit {provenance.commit or 'none'}")
    for name, metric in artifact.metrics.items():
        values = list(metric.values.values())
        spread = f", SD {stdev(values):.4g}" if len(values) > 1 else ""
        direction = "higher" if metric.higher_is_better else "lower"
        margin = "auto" if metric.margin is None else f"{metric.margin:.6g}"
        say(
            f"  {name:<10} mean {fmean(values):.6g}{spread}, {count_of(len(values), 'seed')}, "
            f"{direction} is better, margin {margin}, version {metric.version}"
        )
    for entry in artifact.ledger:
        moved = f" (anchor of {', '.join(entry.anchored)})" if entry.anchored else ""
        say(f"  accepted   {entry.time}{moved_by(entry.kind)}{moved}: {entry.reason}")
