"""A seed that found too little GPU memory trains again, alone, and within its whole time limit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.running.device_share import SHARE
from pytest_mlregress.running.memory_retry import MemoryRetry


class Item:
    """An item, and what is done with it in order."""

    nodeid = "test_it.py::test_it[seed0]"
    location = ("test_it.py", 1, "test_it[seed0]")

    def __init__(self, *, errors: bool, plugins: tuple[str, ...], reruns: int = 0) -> None:
        self.done: list[str] = []
        self.errors = errors
        self.config = SimpleNamespace(
            pluginmanager=SimpleNamespace(hasplugin=plugins.__contains__),
            getoption=lambda name, default: reruns or default,
        )
        self.stash = {SHARE: self}
        self.ihook = self

    meets_others = True

    @property
    def ran_out_of_memory(self) -> bool:
        return self.errors

    def be_alone(self) -> None:
        self.done.append("alone")

    def get_closest_marker(self, name: str) -> None:
        return None

    def pytest_runtest_logstart(self, **given: Any) -> None:
        self.done.append("start")

    def pytest_runtest_logreport(self, report: str) -> None:
        self.done.append(report)

    def pytest_runtest_logfinish(self, **given: Any) -> None:
        self.done.append("finish")

    def pytest_timeout_set_timer(self, item: Any, settings: Any) -> None:
        self.done.append(f"limit {settings.timeout}")

    def pytest_timeout_cancel_timer(self, item: Any) -> None:
        self.done.append("no limit")


@pytest.fixture(autouse=True)
def runs(monkeypatch: pytest.MonkeyPatch) -> None:
    timeout = pytest.importorskip("pytest_timeout")
    settings = SimpleNamespace(timeout=4.0, func_only=False)
    monkeypatch.setattr(timeout, "_get_item_settings", lambda item: settings)
    attempts = iter(["only", "first", "second"])
    monkeypatch.setattr(_compat, "reports_of", lambda item, nextitem: [next(attempts)])


def done(item: Any) -> list[str]:
    MemoryRetry().pytest_runtest_protocol(item, None)
    return item.done  # type: ignore[no-any-return]


def test_only_the_reports_of_the_attempt_that_counts_are_told() -> None:
    assert done(Item(errors=False, plugins=())) == ["start", "only", "finish"]
    item = Item(errors=True, plugins=("timeout",))
    assert done(item) == ["start", "no limit", "alone", "limit 4.0", "second", "finish"]


def test_one_that_is_alone_or_run_again_by_another_plugin_is_left_to_pytest() -> None:
    item = Item(errors=True, plugins=("rerunfailures",), reruns=1)
    assert done(item) == []
    item = Item(errors=True, plugins=())
    item.meets_others = False
    assert done(item) == []
