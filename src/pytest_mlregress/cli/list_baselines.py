"""``mlregress list``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.paths import BaselineKey
from pytest_mlregress.baselines.store import open_store
from pytest_mlregress.cli.artifacts import all_artifacts, moved_by, no_baselines
from pytest_mlregress.cli.common import clear_errors, print_json, say, suite_options
from pytest_mlregress.cli.ini_settings import baseline_source
from pytest_mlregress.plurals import count_of


@click.command("list")
@suite_options
@clear_errors
def list_baselines(source: str | None, rootdir: Path, as_json: bool) -> None:
    """List the baselines of a suite; exit status 1 where there are none."""
    root = rootdir.resolve()
    source = baseline_source(source, root)
    store = open_store(source, rootdir=root)
    found = list(all_artifacts(store))
    if as_json:
        print_json(
            [{"file": store.describe(key), **_brief(key, artifact)} for key, artifact in found]
        )
    if not found:
        raise no_baselines(source, rootdir)
    if as_json:
        return
    for key, artifact in found:
        brief = _brief(key, artifact)
        say(
            f"{brief['test']} ({artifact.tier}): {', '.join(artifact.metrics)}; "
            f"{count_of(brief['seeds'], 'seed')}, "
            f"commit {(brief['commit'] or 'none')[:10]}, {brief['time']}{moved_by(brief['kind'])}"
        )
        say(f"  {store.describe(key)}")


def _brief(key: BaselineKey, artifact: Artifact) -> dict[str, Any]:
    provenance = artifact.provenance
    return {
        "test": key.node_id(artifact.test),
        "tier": artifact.tier,
        "metrics": list(artifact.metrics),
        "seeds": len(provenance.seeds),
        "commit": provenance.commit,
        "time": provenance.time,
        "revision": artifact.revision,
        "kind": artifact.ledger[-1].kind if artifact.ledger else None,
        "edited": artifact.edited,
    }
