"""Bug guards around the test functions of regression tests.

Nothing is imported for them until torch is: a test that trains without torch is not slowed down.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pytest_mlregress.plurals import count_of
from pytest_mlregress.running.import_hooks import after_import_of
from pytest_mlregress.running.own_time import OwnTime
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.settings import Settings

if TYPE_CHECKING:
    from pytest_mlregress.bughunt import Finding
    from pytest_mlregress.bughunt.guards import Guard

_WARNED: Final = pytest.StashKey[set[tuple[str, str, str | None]]]()
GUARD_FINDINGS: Final = pytest.StashKey[list[str]]()
"""On an item: the findings of its guards, each ``slug (file.py:line)``, for its reports."""
_LOSSES: Final = pytest.StashKey[dict[tuple[str, int], list[float]]]()


@contextmanager
def guarded(item: pytest.Item, record: SeedItem, own_time: OwnTime) -> Iterator[None]:
    """Watch one seed's training; fail the seed or warn, as `settings.guards` says.

    A finding is reported once per test and process, whichever of its seeds shows it. A seed that
    fails already is not failed once more, but its findings are reported as warnings. Findings of
    severity information are in the reports only.

    Args:
        item: the item of the seed.
        record: of that seed.
        own_time: counts the import of the guards where the test is the first to import torch.

    Yields:
        Once, around the test function.
    """
    test, seed, settings = record.test, record.seed, record.declaration.settings
    if settings.guards == "off" or record.together:  # they read values, of which vmap has none
        yield
        return
    guards: list[Guard] = []
    try:
        with (
            ExitStack() as exits,
            when_torch_is_imported(lambda: guards.append(_start(exits, settings, own_time))),
        ):
            yield
    except Exception:
        for guard in guards:
            _compare_with_earlier_run(item.config, guard, (test, seed))
            item.stash[GUARD_FINDINGS] = list(map(_place, guard.findings))
            _warn_of(guard.findings, item, test)
        raise
    for guard in guards:
        _compare_with_earlier_run(item.config, guard, (test, seed))
        item.stash[GUARD_FINDINGS] = list(map(_place, guard.findings))
        fails = settings.guards == "fail" and bool(guard.findings.errors)
        _warn_of(guard.findings.warnings if fails else guard.findings, item, test)
        if fails:
            _fail(guard.findings.errors, test)


def _start(exits: ExitStack, settings: Settings, own_time: OwnTime) -> Guard:
    with own_time.measured():
        from pytest_mlregress.bughunt.guards import watch

        return exits.enter_context(watch(settings.suppress))


def _fail(errors: Sequence[Finding], test: str) -> None:
    count = count_of(len(errors), "bug")
    slugs = list(dict.fromkeys(finding.check for finding in errors))
    # pytest's and the plugin's summaries show only the first line.
    pytest.fail(
        "\n".join(
            [
                f"{', '.join(map(_place, errors))}: {count} found while {test} trained "
                f"(--mlregress-guards=fail)",
                *map(str, errors),
                f"if intended, suppress it: @pytest.mark.mlregress(suppress={slugs!r})",
            ]
        ),
        pytrace=False,
    )


def _place(finding: Finding) -> str:
    """``slug (file.py:line)``, or the slug only."""
    name = Path(finding.location).name if finding.location else ""
    return f"{finding.check} ({name})" if name else finding.check


def _warn_of(findings: Sequence[Finding], item: pytest.Item, test: str) -> None:
    warned = item.config.stash.setdefault(_WARNED, set())
    for finding in findings:
        if finding.severity == "info":
            continue
        key = test, finding.check, finding.location
        if key not in warned:
            warned.add(key)
            _warn(item, finding)


def _warn(item: pytest.Item, finding: Finding) -> None:
    """Without the evidence: its numbers differ between seeds, and pytest groups equal texts."""
    from pytest_mlregress.bughunt.errors import GuardWarning

    file, _, line = (finding.location or f"{item.path}:{(item.location[1] or 0) + 1}").rpartition(
        ":"
    )
    where = f" ({finding.module})" if finding.module else ""
    warnings.warn_explicit(
        f"{finding.check}{where}: {finding.message}; {finding.fix} "
        f"(if intended: suppress={[finding.check]!r}; --mlregress-guards=off disables the guards)",
        GuardWarning,
        file,
        int(line),
    )


def _compare_with_earlier_run(config: pytest.Config, guard: Guard, key: tuple[str, int]) -> None:
    """If one seed runs twice in a process (reruns, repeats), both must train alike."""
    from pytest_mlregress.bughunt.checks.evaluation.nondeterministic_guard import difference

    losses = guard.digest.losses
    earlier = config.stash.setdefault(_LOSSES, {}).setdefault(key, losses)
    finding = difference(earlier, losses)
    if finding is not None:
        guard.add(finding)


@contextmanager
def when_torch_is_imported(action: Callable[[], object]) -> Iterator[None]:
    """Act now if torch is imported already, otherwise right after the block imports it.

    Args:
        action: what to do.

    Yields:
        Once, around the block.
    """
    if hasattr(sys.modules.get("torch"), "nn"):
        action()
        yield
        return
    with after_import_of("torch", action=lambda _: action()):
        yield
