"""What the reports of a seed's item carry, as plain builtins."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlregress.resources.peak_memory import peak_memory
from pytest_mlregress.running.printed_error import last_line
from pytest_mlregress.running.result import Xfail
from pytest_mlregress.running.running_seed import RunningSeed
from pytest_mlregress.running.seed_items import SeedItem


def spent_by(running: RunningSeed) -> dict[str, Any]:
    """What a seed took: apart from its result, since it is another in every run."""
    peak = peak_memory()
    return {
        "duration": running.seconds,
        "peak_memory": peak.process,
        "peak_gpu_memory": peak.gpu,
    }


def plan_payload(record: SeedItem, location: tuple[str, int | None, str]) -> dict[str, Any]:
    """What every report of a test's seeds says of the test.

    Args:
        record: what the item of the seed knows.
        location: pytest's location of the item.

    Returns:
        Plain builtins, the fields of `GroupPlan` among them.
    """
    return {
        "test": record.test,
        "file": str(record.file),
        "location": list(location),
        "seed": record.seed,
        "planned": list(record.declaration.seeds),
        "selected": list(record.selected),
        "check_seeds": len(record.declaration.check_seeds),
        "looks": list(record.declaration.looks),
        "seeds_removed": record.seeds_removed,
        "tests": record.tests,
        "tier": record.declaration.tier,
        "settings": record.declaration.settings.of_test,
    }


def imports_of(item: pytest.Item) -> set[str]:
    """Top-level names of what the test module imports: its packages may change results."""
    module = getattr(item, "module", None)
    values = vars(module).values() if module is not None else ()
    names = {
        getattr(value, "__module__", None) or getattr(value, "__name__", "") for value in values
    }
    return {name.partition(".")[0] for name in names if isinstance(name, str) and name}


def _why_expected(reason: str, printed: str) -> str:
    """Why a seed failed as expected: the reason first, or the error where none is given."""
    if not printed:
        return reason
    return f"{reason.strip() or last_line(printed)}\n{printed}"


def neutralise_xfail(report: pytest.TestReport, running: RunningSeed, xfail: Xfail | None) -> None:
    """An expected failure belongs to the verdict: it neither fails nor passes a seed.

    Args:
        report: the report of one of its phases.
        running: the seed.
        xfail: the mark in force; None without one.
    """
    reason = getattr(report, "wasxfail", None)
    if reason is not None:
        if report.skipped:
            running.xfailed = _why_expected(str(reason), str(report.longrepr or ""))
            report.longrepr = None
        del report.wasxfail
        report.outcome = "passed"
    elif xfail is not None and _is_strict_pass(report):
        report.outcome = "passed"
        report.longrepr = None


def _is_strict_pass(report: pytest.TestReport) -> bool:
    text = report.longrepr
    return report.failed and isinstance(text, str) and text.startswith("[XPASS(strict)]")
