"""A test that waits for a look is judged no earlier, and to the same verdict."""

import random
from pathlib import Path

import pytest

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline, Provenance
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts import judge as judging
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup
from pytest_mlregress.verdicts.policy import Rules, rules_for
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind

OF_TEST: dict[str, str | bool | None] = {"test": "robust-t", "pairing": "auto", "expect": None}
SEEDS = tuple(range(20))
RULES = rules_for(Settings(), OF_TEST, comparisons=300)


def group(test: str = "t.py::test_it") -> SeedGroup:
    file = Path("/suite/t.py")
    return SeedGroup(
        GroupPlan(test, file, ("t.py", 1, "test_it"), SEEDS, SEEDS, "default", OF_TEST)
    )


def baseline(draws: random.Random) -> Artifact:
    values = {seed: draws.gauss(0.9, 0.01) for seed in SEEDS}
    metrics = {"accuracy": MetricBaseline(higher_is_better=True, values=values)}
    provenance = Provenance(plugin="test", time="2026-01-01T00:00:00Z")
    return first_artifact("t.py::test_it", "default", metrics, provenance)


def result(seed: int, value: float, **other: object) -> SeedResult:
    metric = RecordedMetric("accuracy", value, higher_is_better=True, **other)  # type: ignore[arg-type]
    return SeedResult(seed, "finished", (metric,))


def verdicts(
    results: list[SeedResult], recorded: Artifact, rules: Rules, *, remembers: bool
) -> list[Verdict | None]:
    """The answer after each seed, up to the verdict."""
    seeds, found = group(), []
    for one in results:
        seeds.results[one.seed] = one
        if not remembers:
            seeds.undecided = None
        found.append(judging.judge(seeds, recorded, rules))
        if found[-1] is not None:
            break
    return found


@pytest.mark.parametrize("number", range(12))
def test_what_was_found_before_changes_no_verdict(number: int) -> None:
    draws = random.Random(number)
    recorded = baseline(draws)
    loss = draws.choice([0.0, 0.0, 0.02])
    results = [result(seed, draws.gauss(0.9 - loss, 0.01)) for seed in SEEDS]
    if number % 2:
        draws.shuffle(results)
    rules = rules_for(
        Settings(stop=draws.choice(["early", "never"])),
        OF_TEST,
        comparisons=draws.choice([1, 3000]),
    )
    found = verdicts(results, recorded, rules, remembers=True)
    assert found[-1] is not None
    assert found == verdicts(results, recorded, rules, remembers=False)


def test_between_two_looks_nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = random.Random(0)
    recorded, seeds, asked = baseline(draws), group(), []
    compute = judging.judge_metrics

    def count(ready: list[SeedResult], *others: object) -> object:
        asked.append(len(ready))
        return compute(ready, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(judging, "judge_metrics", count)
    for seed in SEEDS:
        seeds.results[seed] = result(seed, [0.9, 0.87][seed % 2])
        if judging.judge(seeds, recorded, RULES) is not None:
            break
    assert asked == [1, 5, 10]


@pytest.mark.parametrize(
    ("odd", "kind"),
    [
        (SeedResult(2, "failed", message="boom"), VerdictKind.DIVERGED),
        (result(2, 0.9, version=2), VerdictKind.INCOMPARABLE),
        (SeedResult(2, "finished"), VerdictKind.INCOMPARABLE),
        (SeedResult(2, "lost", message="gone"), VerdictKind.INCOMPLETE),
    ],
    ids=["failed", "another version", "nothing recorded", "lost"],
)
def test_an_odd_seed_between_two_looks_is_seen_at_once(odd: SeedResult, kind: VerdictKind) -> None:
    recorded = baseline(random.Random(0))
    results = [result(0, 0.9), result(1, 0.91), odd]
    *before, last = verdicts(results, recorded, RULES, remembers=True)
    assert before == [None, None]
    assert last is not None
    assert last.kind is kind
