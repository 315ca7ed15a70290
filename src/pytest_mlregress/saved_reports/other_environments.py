"""Whether the shards of a run trained in one environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pytest_mlregress.baselines.environment import environment_differences, merged_environment
from pytest_mlregress.saved_reports.reading import SavedReport

_PACKAGES: Final = "packages"


def other_environments(reports: Sequence[SavedReport]) -> list[str]:
    """How the environments of the shards differ.

    Shards train seeds of different tests, which import different packages, so that only those are
    compared that both have imported.

    Args:
        reports: those of all shards.

    Returns:
        A line for each shard whose environment is not that of the first; none where all are alike.
    """
    known = [(report, environment) for report in reports if (environment := _environment(report))]
    found = []
    for report, environment in known[1:]:
        first, expected = known[0]
        differences = environment_differences(*_comparable(expected, environment))
        if differences:
            found.append(
                f"other environments: {first.name} -> {report.name}: {', '.join(differences)}"
            )
    return found


def _environment(report: SavedReport) -> dict[str, Any]:
    return merged_environment(_environments(report))


def _environments(report: SavedReport) -> Iterator[Mapping[str, Any]]:
    for test in report.tests:
        if test.judged is not None and test.judged.group.environment is not None:
            yield test.judged.group.environment


def _comparable(
    one: Mapping[str, Any], other: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    both = _names(one) & _names(other)
    return _only(one, both), _only(other, both)


def _names(environment: Mapping[str, Any]) -> set[str]:
    return set(environment.get(_PACKAGES) or ())


def _only(environment: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    packages = environment.get(_PACKAGES) or {}
    return {**environment, _PACKAGES: {name: packages[name] for name in sorted(names)}}
