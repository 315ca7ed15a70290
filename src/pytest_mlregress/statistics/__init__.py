"""Statistics of a regression test: arrays in, frozen results of plain numbers out.

The names are imported when they are first used: a verdict needs few of the methods.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
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

_HOMES: Final = {
    "Comparison": "comparison",
    "DispersionTestResult": "dispersion",
    "EarlierRun": "pairing",
    "EffectSizes": "effects",
    "FailureTestResult": "failures",
    "LinkEstimate": "pairing",
    "LinkedSamples": "pairing",
    "LookDecision": "early_stop",
    "MetricPlan": "planner",
    "RankTestResult": "rank",
    "SeedsNeeded": "required_seeds",
    "SequentialCheck": "early_stop",
    "SequentialDesign": "sequential",
    "Spending": "sequential",
    "Spread": "spread",
    "TTestResult": "t_tests",
    "UnaffordableError": "required_seeds",
    "compare": "comparison",
    "comparison_alpha": "multiple_comparisons",
    "decide_at_look": "early_stop",
    "dispersion_test": "dispersion",
    "effect_sizes": "effects",
    "equivalent_seeds": "pairing",
    "estimate_theta": "pairing",
    "failure_test": "failures",
    "identical": "bit_equality",
    "plan_check": "early_stop",
    "plan_metric": "planner",
    "q_values": "multiple_comparisons",
    "rank_test": "rank",
    "seed_linked": "pairing",
    "seeds_to_match": "bit_equality",
    "sequential_design": "sequential",
    "spread_of": "spread",
    "spread_of_accuracy": "spread",
    "t_test": "t_tests",
}


if not TYPE_CHECKING:  # to a type checker an unknown name would have a value

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
        return getattr(module, name)
