"""Hyper-parameters that no baseline holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.reachable_code import calls_of, reachable_functions
from pytest_mlregress.doctor.registry import Question, check
from pytest_mlregress.doctor.regression_tests import RegressionTest

RECORDED: Final = Question(
    "hyperparameters",
    "data",
    "A test with learning rates, epochs or sizes hands them to `mlregress.log_params`, has them in "
    "its tiers, or in the parameters of its baseline.",
)

_NAMES: Final = frozenset(
    {
        *("lr", "learning_rate", "weight_decay", "momentum", "epochs", "n_epochs", "num_epochs"),
        *("batch_size", "hidden_size", "hidden_dim", "num_layers", "n_layers", "dropout"),
        *("steps", "num_steps", "max_steps", "n_estimators", "max_depth", "max_iter", "max_epochs"),
    }
)
_SHOWN: Final = 3


@check(RECORDED)
def hyperparameters_recorded(project: Project) -> Iterator[DoctorFinding]:
    """Compare what each test's code sets with what is recorded."""
    for test in project.require_tests():
        yield _of_test(test, project)


def _of_test(test: RegressionTest, project: Project) -> DoctorFinding:
    name = project.node_id(test)
    place = project.place(test.module.file, test.node.lineno)
    kept = sorted({key for each in project.baselines_of(test) for key in each.artifact.params})
    if kept:
        return RECORDED.ok(f"{name}: its baseline holds {', '.join(kept[:_SHOWN])}", place)
    functions = reachable_functions(project, [test])
    calls = list(calls_of(functions))
    if any(each.name.endswith(".log_params") for each in calls):
        return RECORDED.ok(f"{name}: calls log_params", place)
    if test.marker("tiers") is not None:
        return RECORDED.ok(f"{name}: its tiers hold them", place)
    found = list(
        dict.fromkeys(
            f"{keyword.arg}={ast.unparse(keyword.value)} "
            f"({project.place(each.function.module.file, each.line)})"
            for each in calls
            for keyword in each.call.keywords
            if keyword.arg in _NAMES and isinstance(keyword.value, ast.Constant)
        )
    )
    if not found:
        return RECORDED.ok(f"{name}: no hyper-parameter is set by a constant", place)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return RECORDED.warning(
        f"{name}: nothing records {', '.join(found[:_SHOWN])}{more}",
        'mlregress.log_params({"lr": lr, ...}), then pytest --mlregress-update',
        place,
    )
