"""A run in experiment trackers, whoever has judged it; no verdict waits for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from pytest_mlregress.baselines.urls import without_credentials
from pytest_mlregress.masking import mask

if TYPE_CHECKING:
    from pytest_mlregress.reporting.report import RunReport
    from pytest_mlregress.reporting.tracked_run import TrackedRun

_LIBRARIES: Final = {"mlflow": "MLflow", "wandb": "W&B"}
_LONGEST: Final = 200
"""Characters of an error: those of network libraries repeat themselves."""
_LOOK: Final = {
    "mlflow": "check the URI, MLFLOW_TRACKING_USERNAME and _PASSWORD, and that the server runs",
    "wandb": "check WANDB_API_KEY and the network, or set WANDB_MODE=offline and upload later",
}


def log_report(
    trackers: Iterable[str],
    report: RunReport,
    rootdir: Path,
    *,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> None:
    """Log a run to each tracker, whoever has judged it.

    Args:
        trackers: as `--mlregress-tracker` names them.
        report: the run; one without verdicts is not logged.
        rootdir: pytest's rootdir.
        say: prints where the run is now.
        warn: says why a tracker cannot be reached.
    """
    if not report.verdicts:
        return
    from pytest_mlregress.reporting.tracked_run import tracked_run
    from pytest_mlregress.reporting.write_report import write_report

    with TemporaryDirectory(prefix="mlregress-") as folder:
        html = Path(folder, "mlregress.html")
        write_report(html, report)
        tracked = tracked_run(report)
        for tracker in trackers:
            kind, _, target = tracker.partition(":")
            try:
                say(f"{kind}: {_log(kind, target, tracked, html, rootdir)}")
            except Exception as error:  # each library has its own, from network errors to its bugs
                warn(_problem(kind, tracker, error))


def _log(kind: str, target: str, tracked: TrackedRun, html: Path, rootdir: Path) -> str:
    if kind == "mlflow":
        from pytest_mlregress.integrations import mlflow

        return mlflow.log_run(target, tracked, html, rootdir)
    from pytest_mlregress.history.ignored_folder import ignore_folder
    from pytest_mlregress.history.place import DEFAULT_PLACE
    from pytest_mlregress.integrations import wandb

    folder = (rootdir / DEFAULT_PLACE).parent
    ignore_folder(folder)
    return wandb.log_run(target, tracked, html, folder)


def _problem(kind: str, tracker: str, error: Exception) -> str:
    """The warning, in one line, with the remedy."""
    what = f"--mlregress-tracker={mask(without_credentials(tracker))}: this run is not in "
    what += _LIBRARIES[kind]
    if isinstance(error, ImportError):
        install = import_module(f"pytest_mlregress.integrations.{kind}").INSTALL
        return f"{what}: {kind} cannot be imported ({mask(str(error))}); install it: {install}"
    reason = " ".join(mask(f"{type(error).__name__}: {error}").split())[:_LONGEST]
    return f"{what}: {reason}; {_LOOK[kind]}. The verdicts stand"
