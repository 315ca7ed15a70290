"""The table of a plan."""

from pytest_mlregress.reporting.plan_table import plan_table
from pytest_mlregress.verdicts.cost import SeedCost
from pytest_mlregress.verdicts.plan import PlannedTest, plan_suite


def test_seeds_that_take_next_to_nothing_cost_less_than_something() -> None:
    test = PlannedTest("t.py::test", "default", 5, cost=SeedCost(seconds=0.0))
    plan = plan_suite([test], alpha=0.05, comparisons=1)
    line = plan_table(plan, width=200).splitlines()[1]
    assert line.split() == ["t.py::test", "5", "-", "-", "-", *["<0.05", "s"] * 2]
