"""Baselines that are missing, old, from another environment, or edited by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Final

from pytest_mlregress.baselines.environment import describe_environment, environment_differences
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Baseline, Project
from pytest_mlregress.doctor.registry import Question, check
from pytest_mlregress.node_ids import in_file, split_file
from pytest_mlregress.plurals import count_of

PRESENT: Final = Question(
    "baseline-present", "baselines", "Every regression test has a baseline that can be read."
)
AGE: Final = Question(
    "baseline-age", "baselines", "No baseline is older than `--older-than` days (180)."
)
ENVIRONMENT: Final = Question(
    "baseline-environment",
    "baselines",
    "Baselines were recorded with this python, processor and these versions of packages.",
)
EDITED: Final = Question(
    "baseline-edited", "baselines", "No baseline was edited by hand, or recorded from a dirty tree."
)

_OF_THE_PROCESS: Final = frozenset(
    {"threads", "determinism", "gpus", "driver", "cuda", "cudnn", "packages"}
)
"""Facts that a process has only after it trained; those of packages are looked up instead."""
_SHOWN: Final = 5


@check(PRESENT, AGE, ENVIRONMENT, EDITED)
def baseline_state(project: Project) -> Iterator[DoctorFinding]:
    """Look at each baseline, and for those that should be there."""
    baselines = project.baselines
    for reason in project.unreadable_baselines:
        yield PRESENT.problem(reason, "restore it: git checkout, or record it again")
    without = [test for test in project.tests if not project.baselines_of(test)]
    for test in without:
        name = project.node_id(test)
        yield PRESENT.problem(
            f"{name} has no baseline: nothing is compared",
            f"pytest '{name}' --mlregress-update, then commit __baselines__",
            project.place(test.module.file, test.node.lineno),
        )
    if not baselines:
        for question in (
            (AGE, ENVIRONMENT, EDITED) if without else (PRESENT, AGE, ENVIRONMENT, EDITED)
        ):
            yield question.skipped("no baselines here", "record them: pytest --mlregress-update")
        return
    if not without and not project.unreadable_baselines:
        tests = count_of(len(project.tests), "test")
        yield PRESENT.ok(f"{count_of(len(baselines), 'baseline')} of {tests}")
    yield from _age(baselines, project)
    yield from _environment(baselines)
    yield from _edited(baselines)


def _age(baselines: tuple[Baseline, ...], project: Project) -> Iterator[DoctorFinding]:
    days = {each.location: _days_of(each) for each in baselines}
    old = [each for each in baselines if (days[each.location] or 0) > project.older_than]
    for each in old:
        yield AGE.warning(
            f"{each.test}: recorded {days[each.location]} days ago "
            f"({each.artifact.provenance.time[:10]}), more than {project.older_than}",
            f"{_update(each)}, after a check that passes",
            each.location,
        )
    known = [age for age in days.values() if age is not None]
    if not old and known:
        yield AGE.ok(f"the oldest is {count_of(max(known), 'day')} old")
    elif not old:
        yield AGE.skipped("no baseline says when it was recorded")


def _days_of(baseline: Baseline) -> int | None:
    try:
        time = datetime.fromisoformat(baseline.artifact.provenance.time)
    except ValueError:
        return None
    time = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return max(0, (datetime.now(UTC) - time).days)


def _environment(baselines: tuple[Baseline, ...]) -> Iterator[DoctorFinding]:
    here = describe_environment()
    by_difference: dict[tuple[str, ...], list[Baseline]] = {}
    for each in baselines:
        then = each.artifact.provenance.environment
        packages = then.get("packages")
        names = packages if isinstance(packages, Mapping) else {}
        old = {
            "packages": dict(names),
            **{key: fact for key, fact in then.items() if key not in _OF_THE_PROCESS},
        }
        new = {
            "packages": {name: _installed(name) for name in names},
            **{key: fact for key, fact in here.items() if key in old and key != "packages"},
        }
        by_difference.setdefault(tuple(environment_differences(old, new)), []).append(each)
    for differences, which in by_difference.items():
        tests = which[0].test if len(which) == 1 else f"{len(which)} baselines"
        if not differences:
            yield ENVIRONMENT.ok(f"{tests}: recorded in an environment as this one")
            continue
        more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        yield ENVIRONMENT.warning(
            f"{tests}: {'; '.join(differences[:_SHOWN])}{more}",
            "install those versions; or see whether it matters: pytest "
            "--mlregress-against=env:PYTHON, then pytest --mlregress-update",
            which[0].location,
        )


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _edited(baselines: tuple[Baseline, ...]) -> Iterator[DoctorFinding]:
    found = 0
    for each in baselines:
        if each.artifact.edited:
            found += 1
            yield EDITED.problem(
                f"{each.test}: the file does not hold what was recorded: it was edited by hand, or "
                "two branches were merged in it",
                f"git checkout -- '{each.location}', or {_update(each)}",
                each.location,
            )
        elif each.artifact.provenance.dirty:
            found += 1
            yield EDITED.warning(
                f"{each.test}: recorded from a tree with uncommitted changes: no commit has the "
                "code that gave its values",
                f"commit the code, then {_update(each)}",
                each.location,
            )
    if not found:
        yield EDITED.ok(f"{count_of(len(baselines), 'baseline')} as recorded, from clean trees")


def _update(baseline: Baseline) -> str:
    file, names = split_file(baseline.test)
    tier = baseline.artifact.tier
    option = "" if tier == "default" else f" --mlregress-tier={tier}"
    return f"pytest '{in_file(file, names)}' --mlregress-update{option}"
