"""A verdict is one more test than pytest has collected."""

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mlregress import _compat


@pytest.mark.parametrize("of_reporter", [{}, {"tests_count": 5}], ids=["pytest", "sugar"])
def test_a_verdict_is_counted_by_pytest_and_by_sugar(of_reporter: dict[str, int]) -> None:
    reporter = SimpleNamespace(**of_reporter)
    manager = SimpleNamespace(getplugin=lambda name: reporter)
    session: Any = SimpleNamespace(testscollected=5, config=SimpleNamespace(pluginmanager=manager))
    _compat.count_collected(session)
    assert session.testscollected == 6
    assert vars(reporter) == {name: count + 1 for name, count in of_reporter.items()}
