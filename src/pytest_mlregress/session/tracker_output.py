"""The run of this session in experiment trackers, as `--mlregress-tracker` asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_mlregress.session.mlregress_warning import warn_of_run

if TYPE_CHECKING:
    from pytest_mlregress.session.finished_run import FinishedRun


def log_to_trackers(run: FinishedRun, say: Callable[[str], None]) -> None:
    """Log the run to each tracker; one that cannot be reached is one warning.

    Args:
        run: the run.
        say: prints a line under the summary.
    """
    if run.settings.tracker and run.groups:
        from pytest_mlregress.integrations.trackers import log_report

        log_report(
            run.settings.tracker,
            run.report,
            run.config.rootpath,
            say=say,
            warn=lambda problem: warn_of_run(run.config, problem),
        )
