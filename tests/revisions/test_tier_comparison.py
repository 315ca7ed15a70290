"""What states of the code say about the tiers of a test."""

from __future__ import annotations

from pathlib import Path

from pytest_mlregress.reporting.tiers_text import missed, ranking, speed, tiers_lines
from pytest_mlregress.revisions.tiers.calibration import keep_calibration, kept_calibration
from pytest_mlregress.revisions.tiers.comparison import TierComparison, compare_tiers
from pytest_mlregress.revisions.tiers.state import TierSample, TierState

TEST = "tests/test_toy.py::test_toy"
NOISE = (-0.01, 0.0, 0.01)


def sample(mean: float, seconds: float, margin: float | str = 0.02) -> TierSample:
    values = {seed: mean + noise for seed, noise in enumerate(NOISE)}
    return TierSample({"accuracy": values}, (seconds,), rules={"accuracy": (True, margin)})


def states(
    fast: list[float], full: list[float], seconds: tuple[float, float] = (1.0, 10.0)
) -> list[TierState]:
    return [
        TierState(
            key=f"{number}" * 40,
            name=f"{number}" * 7,
            commit=f"{number}" * 40,
            source="calibration",
            fast=sample(low, seconds[0]),
            full=sample(high, seconds[1]),
        )
        for number, (low, high) in enumerate(zip(fast, full, strict=True))
    ]


def compared(
    fast: list[float], full: list[float], **options: tuple[float, float]
) -> TierComparison:
    return compare_tiers(TEST, ("fast", "full"), states(fast, full, **options), "accuracy")


RISING = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8]


def test_a_tier_that_ranks_alike_and_is_fast() -> None:
    found = compared(RISING, [value + 0.1 for value in RISING])
    assert found.good
    assert (
        ranking(found) == "Spearman 1.0 [0.8, 1.0] over 7 commits: fast ranks changes as full does"
    )
    assert speed(found) == "1 s against 10 s a seed: 10 times faster"
    assert missed(found) == "no commit lost more than the margin in full"


def test_a_tier_that_ranks_at_random() -> None:
    found = compared([0.7, 0.5, 0.8, 0.6, 0.75, 0.55, 0.65], RISING)
    assert not found.good
    assert ranking(found).endswith("over 7 commits: fast ranks at random")


def test_a_tier_that_ranks_the_other_way_round() -> None:
    found = compared(RISING[::-1], RISING)
    assert not found.good
    assert ranking(found) == (
        "Spearman -1.0 [-1.0, -0.8] over 7 commits: fast ranks changes the other way round than "
        "full"
    )


def test_too_few_commits_to_tell_agreement_from_chance() -> None:
    found = compared([0.5, 0.55, 0.65, 0.6, 0.7], RISING[:5])
    assert not found.good
    assert ranking(found).endswith(
        "over 5 commits: no better than at random, as far as these tell; 6 commits would do if the "
        "correlation is as it seems"
    )


def test_fewer_than_four_commits_have_no_interval() -> None:
    found = compared(RISING[:3], RISING[:3])
    assert ranking(found) == (
        "cannot tell: 3 commits with both tiers, at least 4 are needed; train 1 more: mlregress "
        f"tiers '{TEST}' --calibrate REF..."
    )
    assert not found.good


def test_a_slow_fast_tier_is_said_so() -> None:
    found = compared(RISING, RISING, seconds=(6.0, 10.0))
    assert not found.good
    assert speed(found) == (
        "6 s against 10 s a seed: fast takes 60 % of the time of full, more than half; make it "
        "smaller"
    )


def test_without_times_a_calibration_is_named() -> None:
    unknown = [
        TierState(
            key=state.key,
            name=state.name,
            commit=state.commit,
            source="baselines",
            fast=TierSample(state.fast.values),
            full=TierSample(state.full.values),
        )
        for state in states(RISING, RISING)
    ]
    found = compare_tiers(TEST, ("fast", "full"), unknown, "accuracy")
    assert found.good
    assert speed(found) == (
        "not recorded with these commits; a calibration measures it: mlregress tiers "
        f"'{TEST}' --calibrate HEAD"
    )


def test_missed_changes_are_named() -> None:
    full = [0.5, 0.55, 0.6, 0.5, 0.65, 0.6]
    fast = [0.5, 0.55, 0.6, 0.61, 0.65, 0.6]
    found = compared(fast, full)
    assert found.changes == 2
    assert missed(found) == (
        "1 of 2: 3333333 lost 0.1 in full (margin 0.02), in fast it changed by +0.01"
    )


def test_a_loss_below_the_margin_is_none() -> None:
    found = compared([0.5, 0.5], [0.5, 0.485])
    assert (found.changes, found.missed) == (0, ())


def test_scatter_is_told_from_differences() -> None:
    found = compared(RISING, [0.7, 0.7001, 0.7002, 0.7003, 0.7004, 0.7005, 0.7006])
    assert "100 % of the differences between commits in full are the scatter" in ranking(found)


def test_lines_fit_a_terminal() -> None:
    lines = list(tiers_lines(compared(RISING, RISING), width=80))
    assert lines[0] == f"{TEST}: accuracy, fast against full"
    assert lines[2].split() == ["0000000", "0.5", "0.5", "calibration"]
    assert max(map(len, lines)) <= 80


def test_calibrations_are_kept_and_added_to(tmp_path: Path) -> None:
    known = states(RISING, RISING)
    place = (tmp_path, TEST, ("fast", "full"), "machine")
    assert keep_calibration(*place, known[:2]) is None
    assert keep_calibration(*place, known[1:3]) is None
    assert list(kept_calibration(*place)) == known[:3]
    assert kept_calibration(tmp_path, TEST, ("fast", "full"), "another machine") == ()
    (file,) = (tmp_path / "tiers").iterdir()
    file.write_text("{}")
    assert kept_calibration(*place) == ()


def test_a_folder_that_cannot_be_written_costs_the_file_alone(tmp_path: Path) -> None:
    (tmp_path / "tiers").write_text("")
    problem = keep_calibration(tmp_path, TEST, ("fast", "full"), "m", states([0.5], [0.5]))
    assert problem is not None
    assert problem.startswith("the calibration is not kept: ")
