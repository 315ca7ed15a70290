"""A run in Weights & Biases: one run, with a summary, curves and a row of a table for each test."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.reporting.tracked_run import TrackedEntry, TrackedRun

INSTALL: Final = "pip install 'pytest-mlregress[wandb]'"

_COLUMNS: Final = ("test", "verdict", "metric", "value")


def log_run(project: str, tracked: TrackedRun, html: Path, folder: Path) -> str:
    """Log a run; online, offline or not at all as ``WANDB_MODE`` says.

    Args:
        project: the project, with its entity or without: ``team/project``.
        tracked: the run.
        html: its report.
        folder: where W&B keeps its files unless ``WANDB_DIR`` says another place.

    Returns:
        Where it can be seen: its page, or the command that uploads it.

    Raises:
        ImportError: wandb is not installed.
        Exception: whatever wandb raises.
    """
    import wandb

    entity, _, name = project.rpartition("/")
    run = wandb.init(
        project=name,
        entity=entity or None,
        name=tracked.run.name,
        dir=os.environ.get("WANDB_DIR") or str(folder),
        job_type="mlregress",
        config={**tracked.run.tags, **tracked.run.params},
        # What its process prints, the command and the machine are none of a tracker's business.
        settings=wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            save_code=False,
            x_disable_meta=True,
            x_disable_stats=True,
            init_timeout=30,
        ),
    )
    try:
        _log(run, tracked)
        report = wandb.Artifact(f"report-{run.id}", type="report")
        report.add_file(str(html), name=html.name)
        run.log_artifact(report)
    finally:
        run.finish(exit_code=int(tracked.failed))
    if run.settings.mode == "online" and run.url:
        return str(run.url)
    return f"wandb sync {Path(run.dir).parent}"


def _log(run: Any, tracked: TrackedRun) -> None:
    import wandb

    run.summary.update(tracked.run.metrics)
    rows = []
    for test in tracked.tests:
        values = list(test.metrics.items()) or [("", math.nan)]
        rows += [[test.name, test.tags["verdict"], *row] for row in values]
        run.config.update({f"{test.name}/{name}": value for name, value in test.params.items()})
        run.summary.update(
            {f"{test.name}/{name}": value for name, value in {**test.tags, **test.metrics}.items()}
        )
        _log_steps(run, test)
    run.log({"tests": wandb.Table(columns=list(_COLUMNS), data=rows)})


def _log_steps(run: Any, test: TrackedEntry) -> None:
    """Each curve against its own steps: W&B's own only ever count up."""
    for name, points in test.steps.items():
        step = f"{test.name}/{name}/step"
        run.define_metric(step, hidden=True)
        run.define_metric(f"{test.name}/{name}", step_metric=step, step_sync=False)
        for number, value in points:
            run.log({step: number, f"{test.name}/{name}": value})
