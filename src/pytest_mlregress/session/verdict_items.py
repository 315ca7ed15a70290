"""A test's verdict as an item, for tools that know only the results of items.

Test explorers such as VS Code's list the items of ``pytest --collect-only`` and drop each result
whose item they have not seen run; a report alone reaches them under an id that they do not know.
A real last item in every run would change what pytest counts, prints, splits and reruns, and would
hold a regression back until the last seed, where ``-x`` could no longer save the others. So the
item is there where it is looked for: in ``session.items`` once a ``--collect-only`` has been
printed, and, once every plugin is done with the seed that decides, in `pytest_runtest_protocol`,
during which its reports are sent. Nothing is set up, called or torn down for it, no worker of
xdist sees it, and in the controller, which has collected nothing, it hangs on the session.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.node_ids import dotted_name, name_parts, replace_seed, split_parameters
from pytest_mlregress.running.regression_tests import SEED
from pytest_mlregress.running.seed_keys import SEED_ITEM

if TYPE_CHECKING:
    from pytest_mlregress.verdicts.group import GroupPlan

_SERVED_OTHERWISE: Final = ("allure_listener",)
"""Plugins that get verdicts by an integration of their own, and would show them twice."""

_ERRORS: Final = (Exception, pytest.fail.Exception, pytest.skip.Exception)
"""What a plugin may raise: pytest's outcomes are no `Exception`."""


@dataclass(frozen=True, slots=True)
class CallSpec:
    """What tools read of the parameters of an item: those of the test, without the seed."""

    params: Mapping[str, object]
    id: str


class VerdictItem(pytest.Item):
    """The verdict of a test: its id is the test's own, and its place is beside the seeds.

    It is named as they are (``test_x[a-verdict]`` beside ``test_x[a-seed0]``) and looks as
    parametrized, since tools would else take its id for that of the function above the seeds.
    """

    def __init__(
        self,
        *,
        params: Mapping[str, object],
        path: Path,
        line: Callable[[], int | None],
        **attributes: Any,
    ) -> None:
        """``params`` are the test's own; ``line`` is asked for when somebody wants to know."""
        super().__init__(path=path, **attributes)
        self.originalname, parameters = split_parameters(self.name)
        self.callspec = CallSpec(params, id=parameters or "")
        self._line = line
        self._report: Callable[[], None] | None = None
        self._error: BaseException | None = None

    @classmethod
    def beside(cls, seed: pytest.Item) -> VerdictItem:
        """The item of the test that the item ``seed`` belongs to."""
        assert seed.parent is not None
        record = seed.stash[SEED_ITEM]
        params = _compat.parameter_values(seed)
        params.pop(SEED, None)
        item: VerdictItem = cls.from_parent(
            seed.parent,
            name=replace_seed(seed.name, record.seed, "verdict"),
            nodeid=record.test,
            params=params,
            path=seed.path,
            line=lambda: seed.location[1],  # which pytest finds in the source
        )
        return item

    @classmethod
    def of(cls, session: pytest.Session, plan: GroupPlan) -> VerdictItem:
        """The item of a test whose seeds are items of other processes."""
        function, parameters = split_parameters(name_parts(plan.test)[-1])
        parameters = "verdict" if parameters is None else f"{parameters}-verdict"
        item: VerdictItem = cls.from_parent(
            session,
            name=f"{function}[{parameters}]",
            nodeid=plan.test,
            params={},
            path=plan.file,
            line=lambda: plan.location[1],
        )
        return item

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The place of the test function."""
        return self.path, self._line(), dotted_name(self.nodeid)

    def run(
        self, report: Callable[[], None], nextitem: pytest.Item | None = None
    ) -> BaseException | None:
        """Run in the eyes of all plugins; ``report``, which sends the reports, is called once.

        ``nextitem`` is the item that the session runs next, None at its end.

        Answers the error of a plugin that cannot cope with an item that is no function. Errors of
        ``report`` and `pytest.exit` are raised.
        """
        plugins = self.config.pluginmanager
        apart = [plugin for name in _SERVED_OTHERWISE if (plugin := plugins.getplugin(name))]
        protocol = plugins.subset_hook_caller("pytest_runtest_protocol", remove_plugins=apart)
        self._report, failure = report, None
        try:
            protocol(item=self, nextitem=nextitem)
        except pytest.exit.Exception:
            raise
        except _ERRORS as error:
            if error is self._error:
                raise
            failure = error
        self.report()  # unless that has happened
        return failure

    def report(self) -> None:
        """Send the reports, if there are any to be sent."""
        report, self._report = self._report, None
        try:
            if report is not None:
                report()
        except _ERRORS as error:
            self._error = error
            raise

    def runtest(self) -> None:
        """Nothing: what this item has to say was found out by the seeds."""


def verdict_items(items: Iterable[pytest.Item]) -> list[VerdictItem]:
    """One item for each test that has seeds among ``items``."""
    seeds: dict[str, pytest.Item] = {}
    for item in items:
        record = item.stash.get(SEED_ITEM, None)
        if record is not None:
            seeds.setdefault(record.test, item)
    return [VerdictItem.beside(seed) for seed in seeds.values()]


class EndsOfItems:
    """Tells of each item that is over, once all plugins are done with it.

    A verdict has a protocol of its own, and one inside another item's would confuse the plugins
    that keep the current item in between, or would run under its time limit. Registered last, so
    that its wrapper is around those of all others.
    """

    def __init__(self, finish: Callable[[str, pytest.Item | None], None]) -> None:
        """``finish`` is called with a node id and the next item, None for none or an unknown."""
        self._finish = finish
        self._inside = False
        self._ended: list[str] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Tell of an item's end once its protocol is over."""
        if isinstance(item, VerdictItem):
            return (yield)
        self._inside = True
        try:
            result = yield
        finally:
            self._inside = False
        self.tell(nextitem)
        return result

    def note(self, nodeid: str) -> None:
        """The item has ended, here or in a worker, which is never inside a protocol of here."""
        self._ended.append(nodeid)
        if not self._inside:
            self.tell()

    def tell(self, nextitem: pytest.Item | None = None) -> None:
        """Tell of what has ended and was not told yet."""
        while self._ended:
            self._finish(self._ended.pop(0), nextitem)


class VerdictItems:
    """The verdict items of a session, by test; they live as long as it does.

    Tools remember items by their address in memory, which no other item may inherit.
    """

    def __init__(self, session: pytest.Session) -> None:
        self._session = session

    def of(self, plan: GroupPlan) -> VerdictItem:
        """The item of a test."""
        if plan.test not in self._by_test:
            self._by_test[plan.test] = VerdictItem.of(self._session, plan)
        return self._by_test[plan.test]

    @cached_property
    def _by_test(self) -> dict[str, VerdictItem]:
        return {item.nodeid: item for item in verdict_items(self._session.items)}
