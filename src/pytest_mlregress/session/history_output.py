"""The run, appended to the history of runs: for later questions, never for a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_mlregress.history.errors import HistoryError
from pytest_mlregress.session.mlregress_warning import warn_of_run
from pytest_mlregress.verdicts.green_runs import GreenRuns

if TYPE_CHECKING:
    from pytest_mlregress.baselines.artifact import Artifact
    from pytest_mlregress.reporting.history.record import TestFacts
    from pytest_mlregress.session.finished_run import FinishedRun


def append_to_history(run: FinishedRun) -> None:
    """Append the run to the history; what goes wrong is one warning.

    Args:
        run: the run.
    """
    if not run.groups or not run.settings.keeps_history:
        return
    try:
        _append(run)
    except HistoryError as error:
        warn_of_run(run.config, f"this run is not in the history: {error}")
    except Exception as error:  # a run must not end red for its diary
        warn_of_run(
            run.config,
            f"this run is not in the history: {type(error).__name__}: {error}. "
            "Please report it; --mlregress-history=off keeps none.",
        )


def earlier_baselines(run: FinishedRun) -> Mapping[tuple[str, str], tuple[Artifact, ...]]:
    """The earlier revisions of the baselines with hyper-parameters, where a history holds them.

    Args:
        run: the run.

    Returns:
        The latest first, by test and tier; nothing where the history cannot be read, which
        appending to it will say.
    """
    from pytest_mlregress.history.kept_artifacts import earlier_revisions
    from pytest_mlregress.history.place import open_history

    found: dict[tuple[str, str], tuple[Artifact, ...]] = {}
    if not run.settings.keeps_history:
        return found
    with suppress(HistoryError, OSError):
        history = open_history(run.settings.history, run.config.rootpath)
        for key, artifact in run.report.baselines.items():
            if history is not None and artifact.params and artifact.parent:
                found[key] = earlier_revisions(artifact, history.baseline)
    return found


def _append(run: FinishedRun) -> None:
    from pytest_mlregress.baselines.environment import run_fingerprint
    from pytest_mlregress.history.ignored_folder import ignore_folder
    from pytest_mlregress.history.place import DEFAULT_PLACE, open_history
    from pytest_mlregress.reporting.history.record import code_is_of, run_record

    root = run.config.rootpath
    history = open_history(run.settings.history, root)
    if history is None or not run.report.verdicts:
        return
    if run.settings.history is None:
        ignore_folder((root / DEFAULT_PLACE).parent)
    environments = [
        group.environment for group in run.groups.values() if group.environment is not None
    ]
    record = run_record(
        run.report,
        environment=run_fingerprint(environments),
        same_code=code_is_of(run.report.code, lambda _: run.history),
        facts=_facts(run),
        root=root,
    )
    history.append((record,))


def _facts(run: FinishedRun) -> dict[str, TestFacts]:
    from pytest_mlregress.reporting.history.record import TestFacts

    recent = GreenRuns(getattr(run.config, "cache", None))
    commit = run.report.code.commit if run.report.code is not None else None
    found: dict[str, TestFacts] = {}
    for test, group in run.groups.items():
        plan = group.plan
        baseline = run.report.baselines.get((test, plan.tier))
        earlier = (
            recent.unchanged(test, plan.tier, baseline, commit or "")
            if baseline is not None and not run.settings.updating
            else {}
        )
        found[test] = TestFacts(
            settings=plan.settings,
            comparisons=plan.tests if run.report.sides is not None else run.report.comparisons,
            green_runs=earlier,
        )
    return found
