"""What pytest keeps of the reports of seeds that have ended, in runs of many seeds."""

import json

import pytest

SUITE = """
import pytest

@pytest.mark.parametrize("number", range(3))
@pytest.mark.seeds(5)
def test_it(mlregress, number):
    if number == 2:
        print("printed")
    mlregress.record("accuracy", 0.9 + 0.01 * mlregress.seed, higher_is_better=True)
"""

COUNT = """
import pytest
import pytest_mlregress.session.controller as controller

controller._FORGET_AFTER = 4

@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    stats = session.config.pluginmanager.getplugin("terminalreporter").stats
    kept = [r for r in stats.get("", ()) if "[seed" in r.nodeid or "-seed" in r.nodeid]
    reports = set(map(id, stats["seeds"]))
    print(f"\\n{len(kept)} kept, {len(stats['seeds'])} seeds, {len(reports)} of their reports")
"""


@pytest.mark.parametrize("workers", ["-n0", "--mlregress-workers=2"])
def test_reports_that_nobody_reads_are_forgotten(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(test_it=SUITE)
    pytester.makeconftest(COUNT)
    result = pytester.runpytest_subprocess(
        "--mlregress-missing=warn", "-rA", workers, "-p", "no:randomly", "-p", "no:sugar"
    )
    # Of 15 seeds the last three that were not forgotten yet, and five tear-downs that show a text.
    (line,) = [line for line in result.outlines if " kept, " in line]
    kept, seeds, reports = (int(part.split()[0]) for part in line.split(", "))
    assert seeds == 15
    assert kept <= 5 + 2 * 3
    assert reports <= 1 + 2 * 3
    assert result.ret == 0


def test_pytest_split_stores_the_duration_of_each_seed(pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_split")
    pytester.makepyfile(test_it=SUITE)
    pytester.makeconftest(COUNT)
    options = ("-p", "pytest_split.plugin", "--store-durations", "--durations-path=durations.json")
    named = pytester.runpytest_subprocess("--help").stdout.str()
    if "--store-durations" in named:  # loaded by its entry point
        options = options[2:]
    pytester.runpytest_subprocess("--mlregress-missing=warn", *options, "-n0")
    stored = json.loads((pytester.path / "durations.json").read_text())
    assert {name for name in stored if "seed" in name} == {
        f"test_it.py::test_it[{number}-seed{seed}]" for number in range(3) for seed in range(5)
    }


def test_durations_are_those_of_all_phases(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SUITE)
    pytester.makeconftest(COUNT)
    result = pytester.runpytest_subprocess(
        "--mlregress-missing=warn", "--durations=0", "-vv", "-n0", "-p", "no:randomly"
    )
    text = result.stdout.str()
    assert text.count("s setup ") >= 15
    assert text.count("s teardown ") >= 15
    assert "15 seeds, 15 of their reports" in text
