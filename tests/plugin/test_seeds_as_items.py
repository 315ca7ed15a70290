"""Seeds are ordinary items: how a test asks for them, and what they are called."""

from __future__ import annotations

import pytest
from training_suite import Suite


def collected(result: pytest.RunResult) -> list[str]:
    """The node ids that ``--collect-only -q`` printed."""
    return [line for line in result.outlines if "::" in line]


def collect(suite: Suite, source: str, *arguments: str, name: str = "test_it.py") -> list[str]:
    suite.write(source, name)
    result = suite.run("--collect-only", "-q", *arguments)
    assert result.ret == 0, result.stdout.str()
    return collected(result)


def test_a_number_gives_the_seeds_from_0_on(suite: Suite) -> None:
    found = collect(suite, "import pytest\n@pytest.mark.seeds(3)\ndef test_it(seed): pass")
    assert found == ["test_it.py::test_it[seed0]", "test_it.py::test_it[seed1]",
                     "test_it.py::test_it[seed2]"]  # fmt: skip


@pytest.mark.parametrize("listed", ["[7, 3, 4294967295]", "(7, 3, 4294967295)"])
def test_a_list_gives_exactly_these_in_their_order(suite: Suite, listed: str) -> None:
    found = collect(suite, f"import pytest\n@pytest.mark.seeds({listed})\ndef test_it(seed): pass")
    assert found == ["test_it.py::test_it[seed7]", "test_it.py::test_it[seed3]",
                     "test_it.py::test_it[seed4294967295]"]  # fmt: skip


def test_a_range_is_a_list(suite: Suite) -> None:
    found = collect(suite, "import pytest\n@pytest.mark.seeds(range(4, 6))\ndef test_it(): pass")
    assert found == ["test_it.py::test_it[seed4]", "test_it.py::test_it[seed5]"]


@pytest.mark.parametrize(
    "test",
    [
        "@pytest.mark.seeds(5)\ndef test_it(): pass",
        "@pytest.mark.mlregress\ndef test_it(): pass",
        "@pytest.mark.tiers(fast={}, full={})\ndef test_it(): pass",
        "def test_it(mlregress): pass",
        "def test_it(seed): pass",
        "@pytest.fixture\ndef run(mlregress): pass\ndef test_it(run): pass",
    ],
    ids=["seeds", "mlregress", "tiers", "fixture-mlregress", "fixture-seed", "fixture-of-fixture"],
)
def test_each_of_these_makes_a_regression_test_of_5_seeds(suite: Suite, test: str) -> None:
    source = f"import pytest\n{test}\ndef test_plain(): pass"
    found = collect(suite, source, "-m", "mlregress")
    assert found == [f"test_it.py::test_it[seed{seed}]" for seed in range(5)]


def test_a_plain_test_stays_one_item(suite: Suite) -> None:
    found = collect(suite, "def test_plain(): pass", "-m", "not mlregress")
    assert found == ["test_it.py::test_plain"]


def test_the_number_of_seeds_comes_from_option_marker_or_ini(suite: Suite) -> None:
    source = """
        import pytest
        @pytest.mark.seeds([5, 9])
        def test_marked(seed): pass
        def test_unmarked(seed): pass
    """
    suite.configure(ini="mlregress_seeds = 3")
    assert collect(suite, source, "--mlregress-seeds=3") == [
        "test_it.py::test_marked[seed5]", "test_it.py::test_unmarked[seed0]",
        "test_it.py::test_marked[seed9]", "test_it.py::test_unmarked[seed1]",
        "test_it.py::test_marked[seed0]", "test_it.py::test_unmarked[seed2]",
    ]  # fmt: skip
    assert collect(suite, source) == [
        "test_it.py::test_marked[seed5]", "test_it.py::test_unmarked[seed0]",
        "test_it.py::test_marked[seed9]", "test_it.py::test_unmarked[seed1]",
        "test_it.py::test_unmarked[seed2]",
    ]  # fmt: skip


def test_an_update_plans_its_looks_at_20_seeds_or_4_times_the_checks(suite: Suite) -> None:
    """The seeds of all first looks come first; those of later looks may not have to run."""
    suite.configure(baseline_seeds=None)
    source = """
        import pytest
        @pytest.mark.seeds([50, 60])
        def test_two(seed): pass
        @pytest.mark.seeds(6)
        def test_six(seed): pass
    """
    found = collect(suite, source, "--mlregress-update")
    two = [f"test_it.py::test_two[seed{seed}]" for seed in (50, 60, *range(50), *range(51, 59))]
    six = [f"test_it.py::test_six[seed{seed}]" for seed in range(72)]
    first, second, third = (
        [*two[20 * k : 20 * (k + 1)], *six[24 * k : 24 * (k + 1)]] for k in range(3)
    )
    assert found == [*first, *second, *third]
    found = collect(suite, source, "--mlregress-update", "--mlregress-baseline-seeds=7")
    assert len(found) == 14


def test_all_first_seeds_come_first_and_other_tests_keep_their_place(suite: Suite) -> None:
    found = collect(
        suite,
        """
        import pytest
        @pytest.mark.seeds(2)
        def test_a(seed): pass
        def test_plain(): pass
        @pytest.mark.seeds(2)
        def test_b(seed): pass
        """,
    )
    assert found == [
        "test_it.py::test_a[seed0]", "test_it.py::test_plain", "test_it.py::test_b[seed0]",
        "test_it.py::test_a[seed1]", "test_it.py::test_b[seed1]",
    ]  # fmt: skip


MARKED_AROUND = {
    "class": "@pytest.mark.seeds(2)\nclass TestNet(Base): pass",
    "subclass": "@pytest.mark.seeds(2)\nclass Marked(Base): pass\nclass TestNet(Marked): pass",
    "module": "pytestmark = pytest.mark.seeds(2)\nclass TestNet(Base): pass",
    "nearest": "pytestmark = pytest.mark.seeds(7)\n@pytest.mark.seeds(2)\nclass TestNet(Base): "
    "pass",
}


@pytest.mark.parametrize("source", MARKED_AROUND.values(), ids=MARKED_AROUND)
def test_marks_of_classes_and_modules_count(suite: Suite, source: str) -> None:
    base = "import pytest\nclass Base:\n    def test_it(self): pass\n"
    assert collect(suite, base + source) == [
        "test_it.py::TestNet::test_it[seed0]",
        "test_it.py::TestNet::test_it[seed1]",
    ]


def test_a_method_is_judged_under_its_class(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import pytest
        @pytest.mark.seeds(2)
        class TestNet:
            def test_it(self, mlregress):
                mlregress.record("a", mlregress.seed, higher_is_better=True)
        """
    )
    suite.record()
    result = suite.run(workers, "-v")
    result.stdout.fnmatch_lines(["test_training.py::TestNet::test_it IDENTICAL *[[]100%]"])
    assert suite.verdicts == {"test_training.py::TestNet::test_it": "identical"}
    assert result.ret == 0


def test_the_same_test_in_two_classes_is_two_tests(suite: Suite) -> None:
    suite.write(
        """
        import pytest
        class Base:
            @pytest.mark.seeds(2)
            def test_it(self, mlregress):
                mlregress.record("a", self.base + mlregress.seed, higher_is_better=True)
        class TestOne(Base):
            base = 1
        class TestTwo(Base):
            base = 2
        """
    )
    suite.record()
    suite.run()
    assert suite.verdicts == {
        "test_training.py::TestOne::test_it": "identical",
        "test_training.py::TestTwo::test_it": "identical",
    }


def test_parameters_keep_their_ids_and_each_set_is_a_test(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import pytest
        @pytest.mark.seeds(3)
        @pytest.mark.parametrize("name", ["a-b", "[x]", "seed1", "é", "a/b::c", ""])
        @pytest.mark.parametrize("other", [1])
        def test_it(mlregress, other, name):
            mlregress.record("a", len(name) + other + mlregress.seed, higher_is_better=True)
        """
    )
    suite.record()
    suite.run(workers)
    ids = ["a-b", "[x]", "seed1", "\\xe9", "a/b::c", ""]
    assert suite.verdicts == {f"test_training.py::test_it[1-{name}]": "identical" for name in ids}


def test_a_test_whose_own_parameter_is_called_seed1_runs_each_seed_once(suite: Suite) -> None:
    found = collect(
        suite,
        """
        import pytest
        @pytest.mark.seeds(2)
        @pytest.mark.parametrize("name", ["seed0", "seed1"])
        def test_it(seed, name): pass
        """,
    )
    assert sorted(found) == [
        "test_it.py::test_it[seed0-seed0]", "test_it.py::test_it[seed0-seed1]",
        "test_it.py::test_it[seed1-seed0]", "test_it.py::test_it[seed1-seed1]",
    ]  # fmt: skip


def test_indirect_parameters_and_parametrized_fixtures_work(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import pytest
        @pytest.fixture(params=["sgd", "adam"], scope="module")
        def optimizer(request): return request.param
        @pytest.fixture
        def size(request): return request.param * 10
        @pytest.mark.seeds(2)
        @pytest.mark.parametrize("size", [1, 2], indirect=True)
        def test_it(optimizer, size, mlregress):
            mlregress.record("a", size + mlregress.seed, higher_is_better=True)
        """
    )
    suite.record()
    suite.run(workers)
    assert suite.verdicts == {
        f"test_training.py::test_it[{optimizer}-{size}]": "identical"
        for optimizer in ("sgd", "adam")
        for size in (1, 2)
    }


def test_a_marker_alone_is_enough_for_a_test_that_asserts(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import random
        import pytest
        @pytest.mark.seeds(3)
        def test_it():
            assert random.random() > 0
        """
    )
    result = suite.run(workers)
    result.stdout.fnmatch_lines(["=* 1 passed, 3 seeds in *"])
    assert suite.verdicts == {"test_training.py::test_it": "pass"}


def test_a_seeds_test_without_metrics_fails_with_its_seed_alone(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import pytest
        @pytest.mark.seeds([4, 5, 6])
        def test_it(seed):
            assert seed != 6
        """
    )
    # By two workers the last seed may fail before another one has begun.
    result = suite.run(workers, "--mlregress-stop=never")
    result.stdout.fnmatch_lines(["FAILED test_training.py::test_it[[]seed6] - assert 6 != 6"])
    assert " 1 failed, 2 seeds in " in result.outlines[-1]
    assert suite.verdicts == {"test_training.py::test_it": "diverged"}
    assert result.ret == 1


def test_coroutines_are_seeded_and_judged(suite: Suite, workers: str) -> None:
    suite.configure("asyncio")
    suite.write(
        """
        import asyncio
        import random
        import pytest
        @pytest.mark.seeds(3)
        @pytest.mark.asyncio
        async def test_it(mlregress):
            random.seed()
            await asyncio.sleep(0)
            mlregress.record("a", mlregress.seed, higher_is_better=True)
        @pytest.mark.seeds(3)
        @pytest.mark.asyncio
        async def test_drawn(mlregress):
            await asyncio.sleep(0)
            mlregress.record("a", random.random(), higher_is_better=True)
        """
    )
    suite.record()
    suite.run(workers)
    assert suite.verdicts == {
        "test_training.py::test_it": "identical",
        "test_training.py::test_drawn": "identical",
    }


def test_tiers_pick_their_parameters_and_keep_their_own_baseline(suite: Suite) -> None:
    suite.write(
        """
        import pytest
        @pytest.mark.seeds(2)
        @pytest.mark.tiers(fast={"steps": 3}, full={"steps": 30})
        def test_it(mlregress):
            value = mlregress.params["steps"] + mlregress.seed
            mlregress.record(mlregress.tier, value, higher_is_better=True)
        """
    )
    suite.record()
    suite.record("--mlregress-tier=full")
    for tier, value in (("fast", 3.0), ("full", 30.0)):
        test = suite.check(f"--mlregress-tier={tier}")["test_training.py::test_it"]
        assert (test["tier"], test["verdict"]) == (tier, "identical")
        assert test["metrics"][0]["name"] == tier
        assert test["metrics"][0]["candidate"]["values"]["0"] == value


def test_methods_of_unittest_are_refused_when_collected(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import unittest
        import pytest
        class TestOld(unittest.TestCase):
            @pytest.mark.seeds(3)
            def test_it(self): pass
        class TestFine(unittest.TestCase):
            def test_it(self): pass
        """
    )
    result = suite.run(workers)
    result.stdout.fnmatch_lines(
        [
            "test_training.py::TestOld::test_it: a method of unittest.TestCase cannot be run "
            "across seeds, since pytest does not parametrize it; make it a plain test function or "
            "a method of a class that does not inherit from unittest.TestCase"
        ]
    )
    assert result.ret == 2 if workers == "-n0" else result.ret != 0
