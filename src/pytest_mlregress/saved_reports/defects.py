"""Everything that keeps the reports of shards from being those of one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.shard_of_run import CollectedTest, ShardOfRun
from pytest_mlregress.saved_reports.reading import SavedReport

_OF_THE_JOB: Final = (
    *(
        "shard",
        "report",
        "cache",
        "no_cache",
        "history",
        "junit",
        "progress",
    ),
)
"""Settings that may differ between jobs, since no verdict depends on them."""

_MOST_NAMED: Final = 3

_ENDED: Final = (0, 1)
"""The statuses of a pytest that came to its end."""


def defects(reports: Sequence[SavedReport], version: str) -> list[str]:
    """What is wrong with the shards of a run, before their tests are looked at.

    Args:
        reports: the reports, at least one.
        version: that of the plugin that is to judge.

    Returns:
        A line each; none where they are the shards of one run.
    """
    without = [report.name for report in reports if report.shard is None]
    if without:
        return [
            f"{name}: is the report of a whole run, not of a shard; it has its verdicts"
            for name in without
        ]
    shards = [(report, report.shard) for report in reports if report.shard is not None]
    found = list(_of_numbers(shards))
    for report, shard in shards:
        found += _of_end(report, shard)
    found += _of_versions(reports, version)
    found += _of_code(reports)
    found += _of_settings(reports)
    found += _of_collections(shards)
    return found


def _of_numbers(shards: Sequence[tuple[SavedReport, ShardOfRun]]) -> Iterator[str]:
    counts = {shard.count: report for report, shard in reversed(shards)}
    if len(counts) > 1:
        told = ", ".join(
            f"{report.name} is {_text(report)}" for _, report in sorted(counts.items())
        )
        yield f"the shards are of several splits: {told}"
        return
    (count,) = counts
    names: dict[int, list[str]] = {}
    for report, shard in shards:
        names.setdefault(shard.number, []).append(report.name)
    for number, same in sorted(names.items()):
        if len(same) > 1:
            yield f"shard {number}/{count} is there {len(same)} times: {', '.join(same)}"
        if not 1 <= number <= count:
            yield f"{same[0]}: there is no shard {number} of {count}"
    missing = [number for number in range(1, count + 1) if number not in names]
    if missing:
        shown = ", ".join(f"{number}/{count}" for number in missing[:10])
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        verb = "is" if len(missing) == 1 else "are"
        yield (
            f"{'shard' if len(missing) == 1 else 'shards'} {shown}{more} {verb} missing: run it "
            f"with --mlregress-shard={missing[0]}/{count}, and give its report, too"
        )


def _text(report: SavedReport) -> str:
    return report.shard.text if report.shard is not None else ""


def _of_end(report: SavedReport, shard: ShardOfRun) -> Iterator[str]:
    if shard.exit_status not in _ENDED and (shard.exit_status != 5 or shard.collected):
        yield (
            f"{report.name}: shard {shard.text} did not come to its end: pytest ended with status "
            f"{shard.exit_status} (2 is interrupted or an error of the collection, 3 an internal "
            "error, 4 a bad option); run it again"
        )
    elif shard.collected is None:
        yield f"{report.name}: shard {shard.text} has not collected the tests; run it again"


def _of_versions(reports: Sequence[SavedReport], version: str) -> Iterator[str]:
    others = [report for report in reports if report.version != version]
    if others:
        told = ", ".join(f"{report.name} by {report.version}" for report in others)
        yield (
            f"other versions of pytest-mlregress: {told}, this is {version}; train and merge with "
            "one version"
        )


def _of_code(reports: Sequence[SavedReport]) -> Iterator[str]:
    first = reports[0]
    for report in reports[1:]:
        one, other = first.code, report.code
        if (one is None) != (other is None):
            outside = first if one is None else report
            yield f"{outside.name}: was trained outside git, the others at a commit"
        elif one is not None and other is not None and one.commit != other.commit:
            yield (
                f"other commits: {first.name} is of {_short(one.commit)}, {report.name} of "
                f"{_short(other.commit)}; run all shards at one commit"
            )
        elif one is not None and other is not None and one.diff_hash != other.diff_hash:
            yield (
                f"other uncommitted changes: {first.name} has {_diff(one.diff_hash)}, "
                f"{report.name} {_diff(other.diff_hash)}; run all shards on the same files"
            )


def _short(commit: str | None) -> str:
    return commit[:10] if commit else "no commit"


def _diff(diff_hash: str | None) -> str:
    return f"diff {diff_hash}" if diff_hash else "none"


def _of_settings(reports: Sequence[SavedReport]) -> Iterator[str]:
    first = _shared(reports[0].settings)
    for report in reports[1:]:
        other = _shared(report.settings)
        for name in sorted(first.keys() | other.keys()):
            if first.get(name) != other.get(name):
                yield (
                    f"other settings: {name} is {first.get(name)!r} in {reports[0].name} and "
                    f"{other.get(name)!r} in {report.name}; run all shards with the same options"
                )


def _shared(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in _OF_THE_JOB}


def _of_collections(shards: Sequence[tuple[SavedReport, ShardOfRun]]) -> Iterator[str]:
    """The tests that the shards have collected must be the same, and split alike."""
    known = [
        (report, _by_name(shard.collected))
        for report, shard in shards
        if shard.collected is not None
    ]
    for report, tests in known[1:]:
        first, expected = known[0]
        for one, mine, other, theirs in (
            (report, tests, first, expected),
            (first, expected, report, tests),
        ):
            gone = [name for name in theirs if name not in mine]
            if gone:
                yield (
                    f"{one.name} has not collected {_names(gone)}, which {other.name} has; "
                    "run all shards with the same arguments, -k and -m"
                )
        both = [name for name in expected if name in tests]
        seeds = [n for n in both if _seeds(tests[n]) != _seeds(expected[n])]
        split = [n for n in both if n not in seeds and tests[n] != expected[n]]
        if seeds:
            yield f"{report.name} has other seeds of {_names(seeds)} than {first.name}"
        elif split:
            yield (
                f"{report.name} splits the seeds of {_names(split)} otherwise than {first.name}: "
                "the durations in their baselines differ; run all shards with the same baselines"
            )


def _by_name(collected: Sequence[CollectedTest]) -> dict[tuple[str, str], CollectedTest]:
    return {(test.test, test.tier): test for test in collected}


def _seeds(test: CollectedTest) -> tuple[object, ...]:
    return (test.planned, sorted(test.shards))


def _names(tests: Sequence[tuple[str, str]]) -> str:
    counts = Counter(test for test, _ in tests)
    names = list(counts)
    left = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {count_of(left, 'more test')}" if left > 0 else shown
