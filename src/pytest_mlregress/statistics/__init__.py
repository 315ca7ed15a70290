"""Statistics of a regression test: arrays in, frozen results of plain numbers out."""

from pytest_mlregress.statistics.bit_equality import identical, seeds_to_match
from pytest_mlregress.statistics.comparison import Comparison, compare
from pytest_mlregress.statistics.dispersion import DispersionTestResult, dispersion_test
from pytest_mlregress.statistics.early_stop import (
    LookDecision,
    SequentialCheck,
    decide_at_look,
    plan_check,
)
from pytest_mlregress.statistics.effects import EffectSizes, effect_sizes
from pytest_mlregress.statistics.failures import FailureTestResult, failure_test
from pytest_mlregress.statistics.multiple_comparisons import comparison_alpha, q_values
from pytest_mlregress.statistics.pairing import (
    EarlierRun,
    LinkedSamples,
    LinkEstimate,
    equivalent_seeds,
    estimate_theta,
    seed_linked,
)
from pytest_mlregress.statistics.planner import MetricPlan, plan_metric
from pytest_mlregress.statistics.rank import RankTestResult, rank_test
from pytest_mlregress.statistics.required_seeds import SeedsNeeded, UnaffordableError
from pytest_mlregress.statistics.sequential import (
    SequentialDesign,
    Spending,
    sequential_design,
)
from pytest_mlregress.statistics.spread import Spread, spread_of, spread_of_accuracy
from pytest_mlregress.statistics.t_tests import TTestResult, t_test

__all__ = [
    "Comparison",
    "DispersionTestResult",
    "EarlierRun",
    "EffectSizes",
    "FailureTestResult",
    "LinkEstimate",
    "LinkedSamples",
    "LookDecision",
    "MetricPlan",
    "RankTestResult",
    "SeedsNeeded",
    "SequentialCheck",
    "SequentialDesign",
    "Spending",
    "Spread",
    "TTestResult",
    "UnaffordableError",
    "compare",
    "comparison_alpha",
    "decide_at_look",
    "dispersion_test",
    "effect_sizes",
    "equivalent_seeds",
    "estimate_theta",
    "failure_test",
    "identical",
    "plan_check",
    "plan_metric",
    "q_values",
    "rank_test",
    "seed_linked",
    "seeds_to_match",
    "sequential_design",
    "spread_of",
    "spread_of_accuracy",
    "t_test",
]
