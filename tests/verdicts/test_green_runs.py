"""The green runs that this machine remembers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from judge_cases import TEST, normal
from pytest_mlregress.verdicts.green_runs import CACHE_KEY, RUNS_KEPT, GreenRuns
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

BASELINE = normal(20, seed=1)


class Cache:
    """pytest's cache, through JSON as there."""

    def __init__(self, content: Any = None) -> None:
        self.text = json.dumps({} if content is None else {CACHE_KEY: content})

    def get(self, key: str, default: Any) -> Any:
        return json.loads(self.text).get(key, default)

    def set(self, key: str, value: Any) -> None:
        self.text = json.dumps({key: value})


def verdict(values: dict[int, float], kind: VerdictKind = VerdictKind.PASS) -> Verdict:
    metric = MetricVerdict(
        name="accuracy",
        kind=kind,
        higher_is_better=True,
        declared="auto",
        alpha=0.05,
        baseline=BASELINE,
        candidate=values,
    )
    return Verdict(test=TEST, tier="default", kind=kind, colour=Colour.GREEN, metrics=(metric,))


def remembered(cache: Cache, baseline: dict[int, float] = BASELINE) -> list[dict[int, float]]:
    runs = GreenRuns(cache).of(TEST, "default", "accuracy", baseline)  # type: ignore[arg-type]
    return [dict(run.values) for run in runs]


def keep(cache: Cache, *verdicts: Verdict) -> None:
    runs = GreenRuns(cache)  # type: ignore[arg-type]
    for number, one in enumerate(verdicts):
        runs.remember(one, f"c{number}")
    runs.save()


def test_the_latest_green_runs_are_kept_by_seed() -> None:
    cache = Cache()
    for number in range(RUNS_KEPT + 3):
        keep(cache, verdict(normal(3, seed=100 + number)))
    found = remembered(cache)
    assert len(found) == RUNS_KEPT
    assert found[-1] == normal(3, seed=100 + RUNS_KEPT + 2)
    assert remembered(cache, normal(20, seed=2)) == []


def test_a_run_that_moved_no_bit_takes_no_place() -> None:
    longer = normal(5, seed=3)
    cache = Cache()
    keep(
        cache,
        verdict({seed: longer[seed] for seed in range(3)}),
        verdict(longer),
        verdict({seed: longer[seed] for seed in range(3)}),
        verdict({seed: BASELINE[seed] for seed in range(3)}),
    )
    assert remembered(cache) == [longer]


@pytest.mark.parametrize(
    "one",
    [
        replace(verdict(normal(3, seed=3)), colour=Colour.RED),
        replace(verdict(normal(3, seed=3)), kind=VerdictKind.RECORDED),
        verdict({0: 0.9, 1: math.nan}),
        verdict({}),
    ],
    ids=["red", "recorded", "not finite", "no values"],
)
def test_only_whole_green_runs_are_kept(one: Verdict) -> None:
    cache = Cache()
    keep(cache, one)
    assert remembered(cache) == []


@pytest.mark.parametrize(
    "entry",
    [
        ["c0", 0.9, 5],
        ["c0", "pass", []],
        ["c0", "pass", [[0]]],
        ["c0", "pass", [["0", 0.9]]],
        ["c0", "pass", [[0, math.nan]]],
        ["c0", "green", [[0, 0.9]]],
        None,
    ],
    ids=["an older release's", "empty", "short", "text", "not finite", "unknown verdict", "none"],
)
def test_entries_of_another_form_are_passed_over(entry: Any) -> None:
    cache = Cache()
    keep(cache, verdict(normal(3, seed=3)))
    content = cache.get(CACHE_KEY, None)
    (key,) = content
    content[key]["runs"].insert(0, entry)
    assert remembered(Cache(content)) == [normal(3, seed=3)]


def test_without_a_cache_nothing_is_remembered() -> None:
    runs = GreenRuns(None)
    runs.remember(verdict(normal(3, seed=3)), "c0")
    runs.save()
    assert GreenRuns(None).of(TEST, "default", "accuracy", BASELINE) == ()
